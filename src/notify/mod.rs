//! Server applications: the back-end client (§3.3) and the application itself (§3.4).
//!
//! A directory may have a server application, which is notified of every complete entity and may reply to it. The part of
//! the server that notifies it is the back-end client. Both are here: [`Notification`] runs one notification, and
//! [`Application`] reads and answers it.
//!
//! ```text
//!   server::Session           notify::Notification               notify::Application
//!      │ the last byte is stored  │                                  │
//!      ├─ Notify ────────────────▶│  POST, BITS-Original-Request-URL │
//!      │                          ├─────────────────────────────────▶│ read
//!      │                          │  by reference: two paths         │
//!      │                          │  by value: the entity as body    │
//!      │                          │                                  │ works on the entity
//!      │                          │  200, and a reply if it has one  │
//!      │                          │◀─────────────────────────────────┤ accept, reply_in_file,
//!      │                          │  in a file, as body, or by URL   │ reply_in_body, reply_at
//!      │◀─────── Report::Notified ┤                                  │
//!      │                          │  or an error, maybe with a code  │
//!      │                          │◀─────────────────────────────────┤ refuse
//!      │◀───────── Report::Failed ┤                                  │
//!      │ the Ack of the last Fragment: BITS-Reply-URL, or the error of the application
//! ```
//!
//! # Driving a notification
//!
//! 1. When a session asks to [`Notify`](crate::server::Output::Notify), make a [`Notification`].
//! 2. Do what [`poll_output`](Notification::poll_output) wants until it wants nothing more.
//! 3. Tell what happens: [`handle_sent`](Notification::handle_sent), [`handle_response`](Notification::handle_response),
//!    and where it asked for the body [`handle_body`](Notification::handle_body) and
//!    [`handle_body_end`](Notification::handle_body_end). All are legal at any time.
//! 4. When the time of [`poll_timeout`](Notification::poll_timeout) has come, call
//!    [`handle_timeout`](Notification::handle_timeout).
//! 5. After 3 and 4 go on with 2. [`Output::Done`] is the last; its [`Outcome`] converts into the session's
//!    [`Report`](crate::server::Report).
//!
//! A body that is known to be empty is not received: it is no reply (but see [C45]), and nothing is to be discarded. One
//! that is encoded, or announced to be too large, is not received either: the notification fails at once.
//!
//! # One notification
//!
//! Here the application counts the words of the entity that it is sent:
//!
//! ```
//! use std::time::Instant;
//!
//! use bits_proto::ReplyUrl;
//! use bits_proto::notify::{
//!     Application, Config, Delivery, Notification, NotificationUrl, Outcome, Output, Reply,
//! };
//! use bits_proto::packet::Payload;
//! use bits_proto::server::{Notified, Report};
//!
//! let entity = b"All human beings are born free and equal in dignity and rights.";
//!
//! // The application's side of one exchange.
//! let serve = |head: http::Request<()>, body: &[u8]| -> (http::Response<()>, Vec<u8>) {
//!     let notification = match Application::default().read(&head) {
//!         Ok(notification) => notification.expect("no notification: another handler's"),
//!         Err(error) => return (error.to_response().map(drop), Vec::new()),
//!     };
//!     assert_eq!(notification.delivery, Delivery::ByValue { size: 63 });
//!     let words = body.split(|byte| *byte == b' ').count();
//!     let reply = format!("{words} words").into_bytes();
//!     let answer = notification.reply_in_body(reply.len() as u64).expect("by value");
//!     (answer.and_copy_to_destination().to_response().map(drop), reply)
//! };
//!
//! // The server's side: the session has said `Output::Notify`.
//! let now = Instant::now();
//! let url: NotificationUrl = "/count-words".parse()?;
//! let destination = "http://server/docs/udhr.txt?user=7".parse()?;
//! let delivery = Delivery::ByValue { size: 63 };
//! let mut notification = Notification::new(now, &url, &destination, delivery, Config::default())?
//!     .with_stored_reply(ReplyUrl::from_bytes(&b"/replies/1"[..])?);
//! let (mut body, mut stored) = (Vec::new(), None);
//! let outcome = loop {
//!     match notification.poll_output().expect("an exchange in memory waits for nothing") {
//!         Output::Transmit(transmit) => {
//!             let (head, payload) = transmit.request.into_parts();
//!             assert_eq!(head.uri, "http://server/count-words?user=7");
//!             assert_eq!(payload, Payload::Range(0..63));
//!             notification.handle_sent(now);
//!             let response;
//!             (response, body) = serve(http::Request::from_parts(head, ()), entity);
//!             notification.handle_response(now, &response);
//!         }
//!         Output::FindResponseFile => unreachable!("by value there is none"),
//!         Output::StoreBody { .. } => {
//!             notification.handle_body(body.len() as u64);
//!             notification.handle_body_end();
//!             stored = Some(std::mem::take(&mut body));
//!         }
//!         Output::Discard | Output::Abort => {}
//!         Output::Done(outcome) => break outcome,
//!     }
//! };
//! assert!(matches!(outcome, Outcome::Taken { reply: Reply::Body(_), .. }));
//! assert_eq!(stored.as_deref(), Some(&b"12 words"[..]));
//!
//! // This is what the session wants to hear.
//! let reply_url = Some(ReplyUrl::from_bytes(&b"/replies/1"[..])?);
//! let notified = Notified { copy_to_destination: true, reply_url };
//! assert_eq!(Report::from(outcome), Report::Notified(notified));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing a server application
//!
//! A server application is a handler of `POST` in any web server (§3.4). [`Application::read`] tells a notification from any
//! other `POST`, and [`NotificationRequest`] makes the answers that MC-BUP allows.
//!
//! - **Take notifications from your own server alone.** A notification by reference names files, and the application reads and
//!   writes there. Bind the handler to an address that only the server reaches, or check a secret in the notification URL.
//! - **Finish the work before the answer.** The server takes the head of the answer for the end of the work. A server waits
//!   five minutes by default; after that the client hears 408, and comes back.
//! - **Expect to be notified again.** The answer may be lost, and then the client repeats its last Fragment. So make the work
//!   idempotent: the destination and the bytes are the same.
//! - **Say no with a status.** 403 is final. The client comes back after 306, 309 to 399, 408, 409, and 500 to 599 but 501 and
//!   505. An application that says 200 beside a failure code has not taken the entity: the client hears 500 with that code. A
//!   status from 100 to 199 is no answer: the client hears 500.
//! - **Ask for the entity to be published** with [`and_copy_to_destination`](NotificationResponse::and_copy_to_destination).
//!   Without it the server deletes the entity when the client closes its session.
//!
//! # Storing a notification
//!
//! [`Notification::snapshot`] is plain data in every state. A [restored](Notification::restore) notification is sent again,
//! because the result of the first one is unknown. A program that stores its sessions need not store
//! notifications: a restored session that was notifying asks for its notification again.
//!
//! # The states of a notification
//!
//! An arrow from the border of a frame stands for one from each state in it, an arrow to a frame for one to each.
//! `New`, `Sending` and `Awaiting` together are [`State::Exchanging`].
//!
//! ```text
#![doc = include_str!("states.txt")]
//! ```
//!
//! # The transitions of a notification
//!
//! This table says what a notification does in every place with every input (§3.3.5.2). The tests drive a notification
//! through all of it. The names are no part of the API.
//!
//! - Where it stands: `EXCHANGING` is New, Sending and Awaiting; `LOOKING` and `LOOKING_ALONE` look for the response file, the
//!   second when no more of the body comes; `RECEIVING` stores the body.
//! - What comes: `HEADS` are the heads of answers, `OF_FILE` and `OF_BODY` what is told of the response file and of the body.
#![doc = include_str!("transitions.md")]
//!
#![doc = include_str!("../manual/rows.md")]

mod application;
mod config;
mod data_file;
mod destination_url;
mod iis_reply;
mod notification;
mod output;
mod receive;
mod request;
mod response;
mod snapshot;
mod state;
#[doc(hidden)]
pub mod transitions;

pub use crate::server::notification_type::NotificationType;
pub use crate::server::notification_url::NotificationUrl;
pub use application::{Application, InvalidAnswer, InvalidNotification};
pub use config::{Config, ConfigBuilder};
pub use data_file::{DataFilePath, DataFiles};
pub use destination_url::DestinationUrl;
pub use iis_reply::{iis_reply_session, iis_reply_url};
pub use notification::Notification;
pub use output::{Failure, Outcome, Output, Reply, Transmit};
pub use request::{Delivery, NotificationRequest};
pub use response::NotificationResponse;
pub use snapshot::Snapshot;
pub use state::{State, Timer};
