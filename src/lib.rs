//! The BITS Upload Protocol without I/O.
//!
//! Every Windows has a client for this protocol, the Background Intelligent Transfer Service, and IIS a server. This
//! crate speaks it in pure state machines that consume and emit typed packets, to and from the types of the [`http`]
//! crate. It opens no socket, reads no file, reads no clock and draws no random number: transport, storage and runtime
//! are the caller's.
//!
//! # Where to begin
//!
//! - To receive uploads: [`server`].
//! - To upload: [`client`].
//! - To have a server application work on what was uploaded, or to be one: [`notify`].
//! - To serve or to fetch the reply to an upload: [`download`].
//! - To read or write single messages, in a proxy or a recorder: [`packet`].
//! - To look up how the protocol works, and why this library does what it does: [`manual`].
//!
//! # Who talks to whom
//!
//! MC-BUP has six roles. An arrow leads from the machine that asks to the one that answers:
//!
//! ```text
//!   the client's machine             the server's machine           the application's machine
//!  ┌─────────────────────┐         ┌────────────────────────┐         ┌────────────────────┐
//!  │ upload client       │BITS_POST│ upload server          │         │                    │
//!  │ client::Upload      ├────────▶│ server::Session        │         │                    │
//!  │   │                 │         │   │ every byte is here │         │                    │
//!  │   │                 │         │   ▼                    │         │                    │
//!  │   │                 │         │ back-end client        │  POST   │ server application │
//!  │   │ the last Ack    │         │ notify::Notification   ├────────▶│ notify::Application│
//!  │   │ has a reply URL │         │   │ the reply is stored│         │                    │
//!  │   ▼                 │         │   ▼                    │         │                    │
//!  │ download client     │HEAD, GET│ download server        │         │                    │
//!  │ download::Download  ├────────▶│ download::respond      │         │                    │
//!  └─────────────────────┘         └────────────────────────┘         └────────────────────┘
//! ```
//!
//! Most servers have no application: then the first pair of roles is all there is. The server and its application are often one
//! machine, and one program.
//!
//! # One upload
//!
//! ```text
//!   client::Upload                                   server::Session
//!        │  Create-Session                                 │
//!        ├────────────────────────────────────────────────▶│ Open: the caller makes room
//!        │◀────────────────────────── 200, BITS-Session-Id ┤
//!        │  Fragment  bytes 0-4095/6000                    │
//!        ├────────────────────────────────────────────────▶│ Store: the caller stores them
//!        │◀───────── 200, BITS-Received-Content-Range 4096 ┤
//!        │  Fragment  bytes 4096-5999/6000                 │
//!        ├────────────────────────────────────────────────▶│ Store
//!        │◀───────── 200, BITS-Received-Content-Range 6000 ┤
//!        │  Close-Session                                  │
//!        ├────────────────────────────────────────────────▶│ Publish: the caller moves the
//!        │◀─────────────────────────────────────────── 200 ┤ entity to its destination
//! ```
//!
//! Here are both machines at work. A program has a network where this one has a function call:
//!
//! ```
//! use std::time::Instant;
//!
//! use bits_proto::client::{self, Config, Entity, Event, Upload};
//! use bits_proto::packet::Payload;
//! use bits_proto::server::{self, Directory, Keep, Report, Sessions};
//!
//! let source = b"All human beings are born free and equal in dignity and rights.".to_vec();
//! let mut stored = Vec::new();
//! let mut published = None;
//!
//! // The server's side of one exchange: do what the session asks for, and report it, until it
//! // responds. This one keeps nothing that outlives its process.
//! let mut sessions = Sessions::new(Directory::builder().keep(Keep::Nothing).build()?);
//! let mut serve = |now, head: http::Request<()>, body: &[u8]| -> http::Response<()> {
//!     let exchange = sessions.handle_request(now, &head, &(), || *b"sixteen randoms!");
//!     let exchange = exchange.expect("not of this protocol: another handler's");
//!     loop {
//!         let output = sessions.poll_output(now, exchange).expect("nobody else is at work");
//!         let report = match output {
//!             server::Output::Open => Report::Opened,
//!             server::Output::Store(mut store) => {
//!                 stored.extend_from_slice(store.clip(body));
//!                 Report::Stored(store.clipped())
//!             }
//!             server::Output::Publish { .. } => {
//!                 published = Some(std::mem::take(&mut stored));
//!                 Report::Published
//!             }
//!             server::Output::Respond(ack) => return ack.to_response(),
//!             other => unreachable!("this upload needs no {other:?}"),
//!         };
//!         sessions.handle_report(now, exchange, report);
//!     }
//! };
//!
//! // The client's side: send what the upload asks for, report what came back, until it is over.
//! let now = Instant::now();
//! let config = Config::builder().fragment_size(20).build()?;
//! let destination = "http://server/docs/udhr.txt".parse()?;
//! let mut upload = Upload::new(now, destination, Entity::new(63)?, config)?;
//! while let Some(output) = upload.poll_output() {
//!     match output {
//!         client::Output::Transmit(transmit) => {
//!             let (head, payload) = transmit.request.into_parts();
//!             let body = match payload {
//!                 Payload::Empty => &[][..],
//!                 Payload::Range(range) => &source[range.start as usize..range.end as usize],
//!             };
//!             let response = serve(now, http::Request::from_parts(head, ()), body);
//!             upload.handle_response(now, transmit.id, &response);
//!         }
//!         client::Output::Event(Event::Completed { confirmed }) => assert!(confirmed),
//!         client::Output::Event(_) | client::Output::Abort(_) => {}
//!     }
//! }
//! drop(serve);
//! assert_eq!(published, Some(source));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names
//!
//! MC-BUP's model has names of its own. Here `HTTPUploader` is [`client::Upload`], `UploadEntityInfo`
//! [`client::Entity`], `BITSSessionWrapper` [`server::Session`], `BITSSessionManager` [`server::Sessions`],
//! `BITSDirectoryConfig` [`server::Directory`], and the back-end client [`notify::Notification`].
//! Section numbers (§) are those of MC-BUP v16.0. Rows named C are this project's [decisions](manual::decisions) where its
//! sources contradict one another, and rows named Q the [tolerances](manual::tolerances) for what real peers do.
//!
//! # Promises
//!
//! - **No I/O.** Time comes in as [`Instant`](std::time::Instant), randomness as an argument.
//! - **No copy.** The machines never see a byte of an entity: bodies are streamed, 13 MiB cost what 5 KiB cost.
//! - **No trap.** Whatever a peer sends, the answer is a value: no panic, no unbounded memory, no endless loop.
//! - **No loss.** A byte that was acknowledged was reported stored. A publish happens once, of the whole entity, or not
//!   at all.
//! - **No lock-in.** The crate depends on `http`, `bytes` and `thiserror`.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | what it derives | for which types |
//! |---|---|---|
//! | `serde` | `Serialize` and `Deserialize` | the vocabulary (the values exported here), packets and notifications, every `Snapshot` and [`server::Record`], states, ids of exchanges, and the enums that settings choose from |
//! | `serde` | `Serialize` alone | events, failures and their reasons, [`notify::Outcome`], [`server::Refusal`] |
//! | `arbitrary` | `Arbitrary`, for fuzzers downstream | the vocabulary, packets and notifications, [`client::Snapshot`], [`server::Snapshot`] and [`server::Record`] |
//!
//! Configurations are not serialised, because a builder checks them. Outputs and machines are not serialised either: a snapshot
//! is a machine at rest.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]
// A peer's bytes never end the program: outside of tests, whatever can panic is refused.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::exhaustive_enums,
        clippy::exhaustive_structs,
    )
)]

pub mod client;
pub mod download;
pub mod header;
mod machine;
pub mod manual;
pub mod notify;
pub mod packet;
pub mod server;
mod vocabulary;

pub use machine::{ApiMisuse, InvalidConfig, RestoreError};
pub use packet::{Conformance, DecodeError, Malformed};
pub use vocabulary::{
    ContentName, ContentRange, ErrorContext, Guid, HostId, Hresult, InvalidValue, ProtocolId, ReplyUrl,
    SessionId, SupportedProtocols, limits,
};

/// The examples of the README, which are tests like all others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
