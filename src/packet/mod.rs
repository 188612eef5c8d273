//! The messages, to and from the types of the `http` crate.
//!
//! A client's messages are [`Request`]s, a server's are [`Ack`]s: enums of one struct per message (§2.2). They hold
//! checked values only, so that encoding cannot fail. Decoding takes a head and never a body, allocates nothing, and
//! borrows from the head what has no small upper bound.
//!
//! ```text
//!   http::Request<B> ──▶ Request::decode ─▶ Ok(Some(request))  a packet
//!                                           Ok(None)           not of this protocol
//!                                           Err(error)         answer error.to_response()
//!
//!   http::Response<B> ─▶ Ack::decode ─────▶ Ok(Some(ack))      the Ack for that packet
//!                                           Ok(None)           no Ack: a proxy's page, say
//!                                           Err(error)         the server broke the protocol
//!
//!   Request::to_http(&destination) ──▶ http::Request<Payload>
//!   Ack::to_response() ──────────────▶ http::Response<()>
//! ```
//!
//! ```
//! use bits_proto::packet::{Ack, FragmentAck, Request};
//! use bits_proto::Conformance;
//!
//! let head = http::Request::builder()
//!     .method("BITS_POST")
//!     .header("BITS-Packet-Type", "Fragment")
//!     .header("BITS-Session-Id", "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}")
//!     .header("Content-Range", "bytes 0-4891/4892")
//!     .header("Content-Length", "4892")
//!     .body("a stream that nobody looks at")?;
//! let request = Request::decode(&head, Conformance::Strict);
//! let Ok(Some(Request::Fragment(fragment))) = request else { panic!("{request:?}") };
//! assert_eq!(fragment.range.map(|range| range.end()), Some(4892));
//!
//! let ack = Ack::Fragment(FragmentAck::accepted(fragment.session_id, 4892));
//! assert_eq!(ack.to_response().headers()["bits-received-content-range"], "4892");
//! # Ok::<(), http::Error>(())
//! ```

mod ack;
mod cancel_session;
mod close_session;
mod conformance;
mod create_session;
mod decode_error;
mod error_ack;
mod fragment;
mod head;
mod packet_type;
mod payload;
mod ping;
mod request;

#[cfg(feature = "serde")]
pub(crate) use error_ack::status_as_number;
pub(crate) use error_ack::{error_code, put_error_code};
pub(crate) use head::check_version;
pub(crate) use request::{check_no_body, content_length};

pub use ack::Ack;
pub use cancel_session::{CancelSession, CancelSessionAck};
pub use close_session::{CloseSession, CloseSessionAck};
pub use conformance::Conformance;
#[cfg(feature = "arbitrary")]
pub(crate) use create_session::arbitrary_host;
pub use create_session::{CreateSession, CreateSessionAck, Host};
pub use decode_error::{DecodeError, Malformed};
pub use error_ack::ErrorAck;
pub use fragment::{Fragment, FragmentAck, FragmentStatus};
pub use head::{RequestHead, ResponseHead};
pub use packet_type::PacketType;
pub use payload::Payload;
pub use ping::{Ping, PingAck};
pub use request::Request;
