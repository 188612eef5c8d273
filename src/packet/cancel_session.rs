//! Cancel-Session and its Ack (§2.2.10, §2.2.11).

use http::header::HeaderMap;

use super::request::session_id;
use crate::header::{self, Headers};
use crate::packet::Malformed;
use crate::vocabulary::SessionId;

/// Says that the upload is given up: the server deletes what it has of it (§2.2.10). No capture shows one; ours is
///
/// ```text
/// BITS_POST /upload/2000mb-rfc2119.txt HTTP/1.1
/// BITS-Packet-Type: Cancel-Session
/// BITS-Session-Id: {A0FF5911-4144-45B3-BF27-27AFC8EC8A67}
/// Content-Length: 0
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct CancelSession {
    /// The session.
    pub session_id: SessionId,
}

/// Says that everything of the session is gone (§2.2.11). No capture shows one; ours is
///
/// ```text
/// HTTP/1.1 200 OK
/// Pragma: no-cache
/// Cache-Control: no-store
/// BITS-Packet-Type: Ack
/// BITS-Session-Id: {A0FF5911-4144-45B3-BF27-27AFC8EC8A67}
/// Content-Length: 0
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct CancelSessionAck {
    /// The session. IIS leaves it out ([C03](crate::manual::decisions#c03)); ours says it.
    pub session_id: Option<SessionId>,
}

impl CancelSession {
    pub(super) fn decode(headers: &Headers<'_>) -> Result<Self, Malformed> {
        Ok(Self { session_id: session_id(headers)? })
    }

    pub(super) fn encode(&self, headers: &mut HeaderMap) {
        header::put_text(headers, header::BITS_SESSION_ID, self.session_id.as_bytes());
    }
}
