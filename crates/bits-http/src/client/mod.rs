//! The upload client: [`upload`] sends a source, and returns once the server has it.
//!
//! ```text
//!   Source ──bytes──▶ upload(source, destination, transport, config) ──▶ Transport ──▶ server
//!                        │            ▲            │
//!                        ▼            │            ▼
//!                      Event       Control       State, which survives the program
//! ```
//!
//! - [`Source`] is what is uploaded: a [file](FileSource), bytes in memory, or anything that can be read from any offset.
//! - [`Transport`] is the HTTP library: `Reqwest` with the feature `reqwest`, `Ureq` with the feature `ureq`, or your own.
//! - [`Config`] says where the [state](Config::state) is kept, and what [answers challenges](Config::credentials) and
//!   [listens to events](Config::on_event), and whether a [reply](Config::reply) is required.
//! - [`Control`] suspends, cancels, and changes the rate limit.
//!
//! The core's machine, [`bits_proto::client::Upload`], decides what is sent and when. This module sends it, in one loop for all
//! transports. [`upload_blocking`] is the same loop without a runtime.

mod beginning;
mod blocking;
mod body;
mod buffers;
mod challenge;
mod config;
mod control;
mod cookies;
mod error;
mod event;
mod exchange;
mod files;
mod hearing;
mod job;
mod lock;
#[cfg(feature = "reqwest")]
mod probe;
mod reply;
mod reply_file;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest")]
mod reqwest_failure;
mod source;
mod state;
mod transport;
mod upload;
#[cfg(feature = "ureq")]
mod ureq;

pub use blocking::upload_blocking;
pub use body::Body;
pub use challenge::Challenge;
pub use config::Config;
pub use control::Control;
pub use error::{Error, ReplyError, StateError};
pub use event::Event;
#[cfg(feature = "reqwest")]
pub use reqwest::{Reqwest, ReqwestAnswer};
pub use source::{FileSource, Source};
pub use state::{State, StateFile};
pub use transport::{Answer, Attempt, Connection, Lasting, Transport, TransportFailure};
pub use upload::{Completed, check, upload};
#[cfg(feature = "ureq")]
pub use ureq::{Ureq, UreqAnswer};
