//! The errors of reading a message: the peer is to blame.

use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::header;
use crate::packet::{Ack, ErrorAck, PacketType};
use crate::vocabulary::digits::trim;
use crate::vocabulary::{ErrorContext, Hresult, SessionId};

/// The fault of a peer's message.
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
    /// A header stands on a message that must not have it.
    #[error("the header {0} must not be there")]
    HeaderNotAllowed(&'static str),
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
/// It names the first fault. It also has the kind of the packet and its session, as far as the head tells them: a Fragment
/// that cannot be read is still a Fragment ([C70]).
///
/// For a bad request, it makes the answer:
///
/// ```
/// use bits_proto::packet::Request;
/// use bits_proto::Conformance;
///
/// let head = http::Request::builder().method("BITS_POST").header("BITS-Packet-Type", "Pong").body(())?;
/// let error = Request::decode(&head, Conformance::Interop).unwrap_err();
/// assert_eq!(error.packet_type(), None);
/// assert_eq!(error.to_response().status(), 400);
/// assert_eq!(error.to_response().headers()["bits-error"], "0x80070057");
/// # Ok::<(), http::Error>(())
/// ```
///
/// [C70]: crate::manual::decisions#c70
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{malformed}")]
pub struct DecodeError {
    malformed: Malformed,
    packet_type: Option<PacketType>,
    session_id: Option<SessionId>,
}

impl DecodeError {
    /// The error of a message with these headers.
    pub(crate) fn new(malformed: Malformed, headers: &HeaderMap) -> Self {
        let types = headers.get_all(header::BITS_PACKET_TYPE).iter().map(HeaderValue::as_bytes);
        let ids = headers.get_all(header::BITS_SESSION_ID).iter().map(HeaderValue::as_bytes);
        Self {
            malformed,
            packet_type: types.filter_map(PacketType::parse).reduce(fragment_or_first),
            session_id: ids.filter_map(|id| SessionId::from_bytes(trim(id)).ok()).next(),
        }
    }

    /// The fault; of several, the first that was found.
    #[must_use]
    pub const fn malformed(&self) -> Malformed {
        self.malformed
    }

    /// The kind of the packet, where the message names one.
    ///
    /// Where it names several, this is a Fragment if one of them is: a server that took the message for another kind would
    /// forget that the entity has bytes ([C70](crate::manual::decisions#c70)).
    #[must_use]
    pub const fn packet_type(&self) -> Option<PacketType> {
        self.packet_type
    }

    /// The session that the message named, where it named one legally; of several, the first.
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
    ///
    /// A server that knows the session adds the offset of the next byte to the answer to a Fragment ([C70]).
    ///
    /// [C70]: crate::manual::decisions#c70
    #[must_use]
    pub fn to_ack(&self) -> ErrorAck {
        ErrorAck {
            session_id: self.session_id,
            ..ErrorAck::new(self.status(), Hresult::E_INVALIDARG, ErrorContext::REMOTE_FILE)
        }
    }

    /// The response to answer a bad request with.
    #[must_use]
    pub fn to_response(&self) -> Response<()> {
        Ack::Error(self.to_ack()).to_response()
    }
}

/// A message that says that it is a Fragment, among other things, may be one.
fn fragment_or_first(first: PacketType, next: PacketType) -> PacketType {
    if next == PacketType::Fragment { next } else { first }
}
