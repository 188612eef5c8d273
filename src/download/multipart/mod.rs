//! Several ranges in one body: `multipart/byteranges` (RFC 9110 §14.6).
//!
//! ```text
//!   --boundary                                  ┐
//!   Content-Type: application/octet-stream      │ text: kept until it is read, 8 KiB at most
//!   Content-Range: bytes 0-99/1000              │
//!                                               ┘ ─▶ Event::Part
//!   100 bytes of the entity                       ─▶ Event::Data, slices of what was fed
//!   --boundary
//!   Content-Range: bytes 900-999/1000             ─▶ Event::Part
//!
//!   100 bytes of the entity                       ─▶ Event::Data
//!   --boundary--                                  ─▶ Event::End
//! ```
//!
//! The `Content-Range` of a part says how long it is. The entity's bytes are never searched for the boundary, so it does no harm if
//! they contain it.

mod boundary;
mod error;
mod parser;

pub(super) use boundary::Boundary;
pub use error::MultipartError;
pub use parser::{Event, Parser};
