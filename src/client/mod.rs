//! The upload client's machine (§3.1): sends one entity in fragments and sees to it that it arrives.
//!
//! ```text
//!                     Output::Transmit { id, request, .. }
//!   Upload ───────────────────────────────────────────────────▶ the HTTP library ──▶ server
//!     ▲ ▲                                                             │
//!     │ └─ handle_response(now, id, &response) ◀──────────────────────┤
//!     │    handle_transport_error(now, id, error) ◀───────────────────┘
//!     └─── handle_timeout(now) ◀── a clock, at poll_timeout()
//! ```
//!
//! - [`Config`] says how an upload behaves, [`Entity`] what is uploaded.
//! - [`Upload`] is one upload.
//!
//! # Driving an upload
//!
//! The examples echo these steps by their numbers.
//!
//! 1. **Begin.** [`Upload::new`], or [`Upload::restore`] for one that was stored.
//! 2. **Take every output** until [`Upload::poll_output`] returns `None`:
//!    - [`Output::Transmit`]: send the request. Its body is a [`Payload`](crate::packet::Payload): exactly these bytes of the
//!      source, streamed. Report [`handle_sent`](Upload::handle_sent) when the last one was handed over.
//!    - [`Output::Abort`]: close that exchange's connection and forget it.
//!    - [`Output::Event`]: tell your user, or your log. [`Event::Completed`], [`Event::Cancelled`] and [`Event::Failed`] are the ends.
//! 3. **Wait** for the first of these: the head of the response, an error of the transport, the time of
//!    [`Upload::poll_timeout`], or a command of the user.
//! 4. **Tell** the upload: [`handle_response`](Upload::handle_response),
//!    [`handle_transport_error`](Upload::handle_transport_error), [`handle_timeout`](Upload::handle_timeout), or a command. Drain the
//!    response's body, if it has one. Go to 2.
//!
//! One exchange is under way at a time. A report about another one is ignored, so a program need not check whether its report
//! comes too late.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use bits_proto::client::{Config, Entity, Event, Output, Upload, TransportError};
//!
//! # fn send(_: &http::Request<bits_proto::packet::Payload>) -> Result<http::Response<()>, std::io::Error> {
//! #     Ok(http::Response::builder().status(404).body(()).unwrap())
//! # }
//! # fn drive() -> Result<(), Box<dyn std::error::Error>> {
//! // 1. Begin.
//! let destination = "http://server/uploads/report.pdf".parse()?;
//! let entity = Entity::new(1024)?;
//! let mut upload = Upload::new(Instant::now(), destination, entity, Config::default())?;
//! loop {
//!     // 2. Take every output.
//!     while let Some(output) = upload.poll_output() {
//!         match output {
//!             Output::Transmit(transmit) => {
//!                 let answer = send(&transmit.request);
//!                 // 4. Tell what came of it. Here sending blocks, so there was no waiting.
//!                 let (now, id) = (Instant::now(), transmit.id);
//!                 match answer {
//!                     Ok(response) => upload.handle_response(now, id, &response),
//!                     Err(_) => upload.handle_transport_error(now, id, TransportError::Interrupted),
//!                 }
//!             }
//!             Output::Abort(_) => {} // nothing else is under way where sending blocks
//!             Output::Event(Event::Completed { .. } | Event::Cancelled { .. }) => return Ok(()),
//!             Output::Event(Event::Failed(failure)) => return Err(failure.into()),
//!             Output::Event(event) => println!("{event:?}"),
//!         }
//!     }
//!     // 3. Wait: nothing is under way, so for a timer.
//!     let until = upload.poll_timeout().ok_or("it waits for a command")?;
//!     std::thread::sleep(until.saturating_duration_since(Instant::now()));
//!     upload.handle_timeout(Instant::now());
//! }
//! # }
//! # let failure = drive().unwrap_err().to_string();
//! # assert!(failure.starts_with("BITS uploads are not available at this address, at Create-Session, status 404"), "{failure}");
//! ```
//!
//! An async program selects over the response, the timer and its commands in step 3. Give the HTTP library no timeouts of
//! its own, or longer ones: the upload has [its own](Timer), and [`Output::Abort`] says when a request is given up.
//! It must not follow redirects, nor send anything again by itself.
//! `crates/documented` is this in reqwest, and in ureq, which blocks.
//!
//! # What goes wrong, and what comes of it
//!
//! The first row that fits decides.
//!
//! | it gets | it does |
//! |---|---|
//! | an error of the server application (context 0x7) | by its status alone ([C22]) |
//! | session not found | starts over, a bounded number of times; after a Close that went unanswered: complete, unconfirmed ([C17]) |
//! | 401, 407 | [`Event::CredentialsWanted`], then the same packet again |
//! | 413 for a Fragment | halves the fragment, down to 5 KiB |
//! | 416 for a Fragment | goes on from the server's offset |
//! | `BG_E_TOO_LARGE`, `E_INVALIDARG`, `E_ACCESSDENIED`, but for Close-Session | [`Event::Failed`] |
//! | 408, 409, 421, 423, 425, 429, most 5xx, a 2xx that is no Ack | [`Event::Waiting`], then the same packet again |
//! | no answer: a broken connection, a timer | [`Event::Waiting`], then a Ping, then goes on |
//! | a reused connection that broke before a byte of the answer | the same packet at once, on a fresh connection, once ([C72]) |
//! | anything else | [`Event::Failed`], with the `Location` of a redirection; [`resume`](Upload::resume) tries again |
//!
//! The repeat of a Close that went unanswered may be refused: then the upload is complete, unconfirmed, once the server has
//! been asked whether it lost bytes ([Q34]). After three refused Pings the upload goes on without one ([Q33]). A fragment that fails
//! three times without an Ack, with contact in between, is halved ([Q35]). The tenth Ack in a row that breaks the protocol is
//! fatal ([C25]).
//!
//! A [table](#the-transitions-of-an-upload) says what an upload does in every place with every input.
//!
//! Delays grow, and vary at random. The upload fails if the server answers a bounded number of times without moving on.
//!
//! # What to persist, and when
//!
//! [`Upload::snapshot`] is plain data, in any state of the upload. Store one after each command, and one for each output that you
//! take in step 2, **before a request is sent**. It says which packet is about to go, so that after a crash a Close or Cancel
//! without an answer is not taken for one that never went. A crash then loses only the exchange under way: at most one fragment
//! is sent twice, and a session that was being created expires on the server.
//!
//! [`Upload::restore`] takes the time that the snapshot was at rest, and the destination: its query may have changed.
//!
//! Credentials are not part of a snapshot; nor is the source: give it a [validator](Entity::with_validator), so that an upload
//! whose source has changed fails with `BG_E_LOCAL_FILE_CHANGED` instead of mixing two files.
//!
//! # Suspending and cancelling
//!
//! [`suspend`](Upload::suspend), [`resume`](Upload::resume) and [`cancel`](Upload::cancel) may be called at any time, in any state. A
//! suspended upload keeps its session on the server, until its server's timeout; that of IIS is 14 days.
//!
//! # The states of an upload
//!
//! The names are those of [`State`]; while a packet is on its way, it is the packet's. *Starting over* cancels a session that is of
//! no use, before a new one is created. *Leaving* cancels the session for good, because the upload was cancelled or its source has
//! changed. It first waits for a Create-Session or a Close-Session that is on its way.
//!
//! An arrow from the border of a frame stands for one from each state in it, an arrow to a frame for one to each.
//!
//! ```text
#![doc = include_str!("states.txt")]
//! ```
//!
//! # The transitions of an upload
//!
//! This table says what an upload does in every place with every input (§3.1). The tests drive an upload through all of it. The
//! names are no part of the API.
//!
//! - Where it stands: `RESTING` is every place where nothing is on its way and the upload is not over; `OVER` is Completed and
//!   Cancelled.
//! - What comes: `COMMANDS` are those that can be misused; `REFUSALS` say that the request is invalid, to any packet but a
//!   Fragment.
//! - *Under* is empty where a row holds for every setting. *Then* is where the upload stands afterwards: – is where it stood.
#![doc = include_str!("transitions.md")]
//!
#![doc = include_str!("../manual/rows.md")]

// First, so that the page of `Upload` begins with `new`.
mod upload;

mod command;
mod config;
mod entity;
mod failure;
mod fragments;
mod guards;
mod host;
mod output;
mod progress;
mod receive;
mod recovery;
mod snapshot;
mod state;
#[cfg(feature = "serde")]
mod stored;
#[doc(hidden)]
pub mod transitions;
mod transmit;
mod verdict;

pub use crate::machine::{Credentials, Suspend};
pub use config::{Config, ConfigBuilder, ContentNamePackets, EmptyEntity, LostClose, Recovery, ReplyMode};
pub use entity::Entity;
pub use failure::{Failure, Reason, Violation};
pub use fragments::FragmentSize;
pub use host::HostPolicy;
pub use output::{Connection, Event, ExchangeId, Output, Transmit, TransportError};
pub use snapshot::Snapshot;
pub use state::{State, Timer};
pub use upload::Upload;
