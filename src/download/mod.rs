//! Replies: serving and fetching them (§3.5, §3.6).
//!
//! A server application may answer an upload with an entity of its own, the reply. The upload's last Ack names its URL
//! ([`client::Event::ReplyReady`](crate::client::Event::ReplyReady)), and there the client fetches it with HEAD and GET, like
//! any other file. [`respond`] is the server's side, a function; [`Download`] the client's, a machine.
//!
//! ```text
//!  respond                                                                  Download
//!     │                                            HEAD (if wanted, §3.6.5.2.2) │
//!     │◀────────────────────────────────────────────────────────────── Transmit ┤
//!     ├ 200, Content-Length 1000, ETag "v1" ─────────────────── handle_response ▶│
//!     │                                                     Range bytes=0-599   │
//!     │◀────────────────────────────────────────────────────────────── Transmit ┤
//!     ├ 206, Content-Range bytes 0-599/1000, ETag "v1" ──────── handle_response ▶│ Receive
//!     ├ 600 bytes ──────────────────────── stored by the caller, handle_received ▶│
//!     │                                   Range bytes=600-999, If-Range "v1"    │
//!     │◀────────────────────────────────────────────────────────────── Transmit ┤
//!     ├ 206, Content-Range bytes 600-999/1000, ETag "v1" ────── handle_response ▶│ Receive
//!     ├ 400 bytes ──────────────────────── stored by the caller, handle_received ▶│ Completed
//! ```
//!
//! # Driving a download
//!
//! 1. Take outputs with [`poll_output`](Download::poll_output) until there is none.
//! 2. [`Output::Transmit`]: send the request. Tell [`handle_sent`](Download::handle_sent) when it has gone, and
//!    [`handle_response`](Download::handle_response) when the head of the answer is there.
//! 3. [`Output::Receive`]: read the body of that answer. Its [`Receiver`] says where in the entity each byte belongs; store
//!    them, and tell [`handle_received`](Download::handle_received). Tell [`handle_body_end`](Download::handle_body_end) when the
//!    body has ended.
//! 4. [`Output::Abort`]: close the connection of that exchange.
//! 5. Sleep until [`poll_timeout`](Download::poll_timeout), then tell [`handle_timeout`](Download::handle_timeout). If anything
//!    else happens before, tell that first.
//!
//! # Storing a download
//!
//! [`Download::snapshot`] is plain data in every state. Take one after the bytes that were reported with
//! [`handle_received`](Download::handle_received) are safe. [`Download::restore`] takes the time at rest, so that a restart
//! neither breaks a server's `Retry-After` nor keeps a dead download for ever. Bytes that were stored after the last snapshot
//! are fetched again. A download that failed can be resumed; it goes on with the first byte that is missing.
//!
//! # What goes wrong, and what comes of it
//!
//! | answer | what the download does |
//! |---|---|
//! | 200 with HTML that names no version | [`Reason::Page`]: waits, since a login or a portal answered |
//! | another `Last-Modified` or `ETag` | [`Event::Restarted`], three times at most |
//! | several ranges answered badly | [`Event::SingleRangesOnly`], then one by one |
//! | 401, 407 | [`Event::CredentialsWanted`], eight times in a row at most |
//! | 408, 409, 421, 423, 425, 429, 5xx but 501 and 505 | [`Event::Waiting`], then the same request again |
//! | a connection that broke, a timer | [`Event::Waiting`], then goes on after what was stored |
//! | a reused connection that was closed | the same request again at once, on a fresh one |
//! | a larger entity than [`max_size`](ConfigBuilder::max_size) | [`Event::Failed`], before a byte is stored |
//! | a redirection | [`Event::Failed`] with the address: the caller decides whether to trust it |
//! | anything else | [`Event::Failed`]; [`resume`](Download::resume) tries again |
//!
//! # Serving replies
//!
//! A reply server is [`respond`] and a file. [`iis_reply_session`](crate::notify::iis_reply_session) finds the session in the
//! URL of the request, and the name of the file follows from the session.
//!
//! - **Check who asks.** The reply belongs to the owner of the session. Without a check, whoever knows the URL can read it.
//! - **Name every version.** [`Entity::new`] takes the time of the last change, which MC-BUP demands in every answer. Add a tag
//!   if the reply can change twice in one second.
//! - **Serve it until the session ends.** A client fetches the reply before it sends Close-Session.
//!
//! # Both sides
//!
//! Here both sides are at work. A program has a network where this one has a function call:
//!
//! ```
//! use std::time::{Instant, SystemTime};
//!
//! use bits_proto::Conformance;
//! use bits_proto::download::{
//!     self, ApplicationRanges, Config, Download, Entity, Event, Output, Segment,
//! };
//!
//! // The server's side: the library names the bytes, the program has them.
//! let reply = b"All human beings are born free and equal in dignity and rights.";
//! let entity = Entity::new(63, SystemTime::UNIX_EPOCH)?.with_etag(r#""v1""#.parse()?);
//! let serve = |request: &http::Request<()>| {
//!     let random = || *b"sixteen randoms!";
//!     let response = download::respond(request, &entity, Conformance::Interop, random);
//!     response.map(|body| {
//!         let bytes = |segment| match segment {
//!             Segment::Entity(range) => reply[range.start as usize..range.end as usize].to_vec(),
//!             Segment::Text(text) => text.to_vec(),
//!         };
//!         body.into_iter().flat_map(bytes).collect::<Vec<u8>>()
//!     })
//! };
//!
//! // The client's side: two parts of the reply, in requests for at most 20 bytes.
//! let now = Instant::now();
//! let ranges = ApplicationRanges::new([4..16, 26..51])?;
//! let config = Config::builder().fragment_size(20).build()?;
//! let mut download = Download::new(now, "http://server/replies/1".parse()?, ranges, config)?;
//! let mut stored = vec![b'.'; 63];
//! let mut body = Vec::new();
//! while let Some(output) = download.poll_output() {
//!     match output {
//!         Output::Transmit(transmit) => {
//!             let response = serve(&transmit.request);
//!             download.handle_response(now, transmit.id, &response);
//!             body = response.into_body();
//!         }
//!         Output::Receive { id, mut receiver } => {
//!             for chunk in body.chunks(7) {
//!                 let mut rest = chunk;
//!                 while let Some(piece) = receiver.place(&mut rest)? {
//!                     let (at, length) = (piece.offset as usize, piece.bytes.len());
//!                     stored[at..at + length].copy_from_slice(piece.bytes);
//!                     download.handle_received(now, id, length as u64);
//!                 }
//!             }
//!             download.handle_body_end(now, id);
//!         }
//!         Output::Event(Event::Completed { received }) => assert_eq!(received, 37),
//!         Output::Event(_) | Output::Abort(_) => {}
//!     }
//! }
//! assert_eq!(&stored[..51], b"....human beings..........free and equal in dignity");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The states of a download
//!
//! An arrow from the border of a frame stands for one from each state in it, an arrow to a frame for one to each.
//! The names are those of [`State`].
//!
//! ```text
#![doc = include_str!("states.txt")]
//! ```
//!
//! # The transitions of a download
//!
//! This table says what a download does in every place with every input (§3.6.5.2). The tests drive a download through
//! all of it. The names are no part of the API.
//!
//! - Where it stands: `UNDER_WAY` is Measuring, Asking, AskingSeveral, Receiving and ReceivingSeveral; `SUSPENDING` is the same
//!   with a suspension that waits for the answer; `UNANSWERED` and `ANSWERED` tell whether the head of the answer is here;
//!   `RESTING` is Waiting, Pacing, NeedsCredentials, Suspended and Failed; `OVER` is Completed and Cancelled.
//! - What comes: `VIOLATIONS` are WholeInstead, OtherRange, LengthChanged and Invalid; `COMMANDS` are those that can be misused.
//! - *As is due*: the end, if every byte is here; a failure, if the size does not suit; a HEAD, if it was not answered; or a GET
//!   for what is missing, at once or when the pace lets it go.
#![doc = include_str!("transitions.md")]
//!
//! # Not here
//!
//! Redirections are not followed, and another host than the upload's is a matter of trust: the caller decides before it
//! makes a [`Download`]. Peers' caches (MS-BPCR, §3.6.5.2.4.1) are not asked.

// First, so that the page of `Download` begins with `new`.
#[expect(clippy::module_inception, reason = "the file of the type of this name")]
mod download;

mod answer;
mod application_ranges;
mod byte_ranges;
mod command;
mod config;
mod entity;
mod entity_tag;
mod failure;
mod http_date;
pub mod multipart;
mod output;
mod precondition;
mod receive;
mod receiver;
mod respond;
mod snapshot;
mod state;
#[doc(hidden)]
pub mod transitions;
mod transmit;

pub use crate::client::TransportError;
pub use crate::machine::{Credentials, Suspend};
pub use application_ranges::ApplicationRanges;
pub use byte_ranges::{ByteRanges, RangeSpec};
pub use config::{Config, ConfigBuilder, HeadRequest};
pub use download::Download;
pub use entity::Entity;
pub use entity_tag::EntityTag;
pub use failure::{Failure, Reason, Violation};
pub use http_date::HttpDate;
pub use output::{Connection, Event, ExchangeId, Output, Transmit};
pub use receiver::{Piece, Receiver};
pub use respond::{Body, Segment, respond};
pub use snapshot::Snapshot;
pub use state::{State, Timer};
