//! The upload server, as a service for any HTTP stack that speaks `tower` and `http_body`.
//!
//! [`Uploads`] is a `tower::Service`: mount it in axum, or hand it to hyper. It is made of
//!
//! - a [`Directory`](bits_proto::server::Directory), the configuration of the protocol;
//! - a [`Storage`](crate::storage::Storage) for bytes, such as [`Folder`](crate::storage::Folder);
//! - [`Records`](crate::storage::Records) of its sessions, or [`Turns`] of your own;
//! - a function that names the owner of a request, or answers it.
//!
//! ```
//! use bits_http::server::Uploads;
//! use bits_http::storage::Memory;
//! use bits_proto::server::Directory;
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = Memory::new();
//! let uploads = Uploads::builder(memory.clone()).open(&Directory::default(), memory).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Who may upload
//!
//! A function names the owner of each request by its head, or answers it. Here the users have names and passwords:
//!
//! ```
//! use bits_http::server::{Body, Uploads};
//! use bits_http::storage::Memory;
//! use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
//! use http::{Response, StatusCode};
//!
//! let builder = Uploads::builder(Memory::new()).owner(|head| {
//!     // Base64 of `alice:secret`. Compare hashes in constant time where there are users.
//!     match head.headers.get(AUTHORIZATION) {
//!         Some(value) if value == "Basic YWxpY2U6c2VjcmV0" => Ok("alice".to_owned()),
//!         _ => {
//!             let mut challenge = Response::new(Body::empty());
//!             *challenge.status_mut() = StatusCode::UNAUTHORIZED;
//!             let scheme = "Basic realm=\"uploads\"".parse().expect("a legal value");
//!             challenge.headers_mut().insert(WWW_AUTHENTICATE, scheme);
//!             let ack = "Ack".parse().expect("a legal value");
//!             challenge.headers_mut().insert("BITS-Packet-Type", ack);
//!             Err(challenge)
//!         }
//!     }
//! });
//! ```
//!
//! # Promises
//!
//! - A body is streamed in constant memory. The bytes that were stored count, however it ends.
//! - The newest request of a session wins. A client that comes back need not wait for its broken connection.
//! - `100 Continue` is sent when bytes are to be stored, and never before: a refused client keeps its body.
//! - A client that is silent or too slow is cut off; it comes back and goes on.
//! - Each exchange runs in a task of its own. Dropping the response's future loses the answer, and nothing else.
//! - Whatever an answer says is stored durably before. A kill at any moment publishes an upload once, or not at all.

mod body;
mod contents;
mod event;
mod exchange;
mod notify;
mod receive;
mod serve;
mod service;
mod stop;
mod table;
mod turns;

pub use body::Body;
pub use event::{Answered, Event, Notified};
pub use notify::Application;
pub use service::{Builder, Uploads};
pub(crate) use table::random;
pub use table::{Leftover, Owner, Table, TableTurn};
pub use turns::{Turn, Turns, Upload, Work};
