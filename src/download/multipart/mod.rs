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
//! How long a part is, its `Content-Range` says: nobody searches the entity's bytes for the boundary, so that it does no harm
//! if they contain it.

mod boundary;
mod error;
mod parser;

pub(super) use boundary::Boundary;
pub use error::MultipartError;
pub use parser::{Event, Parser};
