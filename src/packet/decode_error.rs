//! The peer is to blame.

use http::{Response, StatusCode};

use crate::packet::{Ack, ErrorAck};
use crate::vocabulary::SessionId;
use crate::vocabulary::{ErrorContext, Hresult};

/// What is wrong with a peer's message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Another version of HTTP than may be spoken (§2.2.1).
    #[error("the HTTP version is not 1.1")]
    HttpVersion,
    /// A header of this protocol is over 4,096 bytes (note `<2>`).
    #[error("the header {0} is longer than 4,096 bytes")]
    HeaderTooLong(&'static str),
    /// A header stands there twice with different values.
    #[error("the header {0} is repeated with another value")]
    HeaderRepeated(&'static str),
    /// A header that the packet needs is not there.
    #[error("the header {0} is missing")]
    HeaderMissing(&'static str),
    /// A header's value is not what this protocol allows.
    #[error("the value of the header {0} is invalid")]
    HeaderInvalid(&'static str),
    /// `BITS-Packet-Type` is none of the five (§2.2.1.2).
    #[error("the packet type is unknown")]
    PacketTypeUnknown,
    /// Neither a length nor, where that is tolerated, the absence of a body. Answered with 411.
    #[error("Content-Length is missing")]
    LengthRequired,
    /// A packet without a body announces one.
    #[error("the packet must not have a body")]
    BodyNotAllowed,
    /// `Content-Length` is not the length of `Content-Range`.
    #[error("Content-Length and Content-Range disagree")]
    LengthMismatch,
    /// The status is not one that this Ack may have.
    #[error("the status is not one for this packet")]
    UnexpectedStatus,
}

/// A request or an Ack that cannot be read: the peer's fault.
///
/// For a request it knows how to answer:
///
/// ```
/// use bits_proto::packet::Request;
/// use bits_proto::Conformance;
///
/// let head = http::Request::builder().method("BITS_POST").header("BITS-Packet-Type", "Pong").body(())?;
/// let error = Request::decode(&head, Conformance::Interop).unwrap_err();
/// assert_eq!(error.to_response().status(), 400);
/// assert_eq!(error.to_response().headers()["bits-error"], "0x80070057");
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{malformed}")]
pub struct DecodeError {
    malformed: Malformed,
    session_id: Option<SessionId>,
}

impl DecodeError {
    pub(crate) fn new(malformed: Malformed, session_id: Option<SessionId>) -> Self {
        Self { malformed, session_id }
    }

    /// What is wrong.
    #[must_use]
    pub const fn malformed(&self) -> Malformed {
        self.malformed
    }

    /// The session that the message named, where it named one legally.
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        self.session_id
    }

    /// The status to answer with: 411 where the length is missing, else 400 (§3.2.5.2.3).
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.malformed {
            Malformed::LengthRequired => StatusCode::LENGTH_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The Ack to answer a bad request with: the status, `E_INVALIDARG`, context 0x5.
    #[must_use]
    pub fn to_ack(&self) -> Ack<'static> {
        Ack::Error(ErrorAck {
            session_id: self.session_id,
            ..ErrorAck::new(self.status(), Hresult::E_INVALIDARG, ErrorContext::REMOTE_FILE)
        })
    }

    /// The response to answer a bad request with.
    #[must_use]
    pub fn to_response(&self) -> Response<()> {
        self.to_ack().to_response()
    }
}
