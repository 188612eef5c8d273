//! Errors, classed by who is to blame.
//!
//! What goes wrong in the protocol is not here: a session that is unknown, a full disk, an upload that was refused
//! are data in outputs and events.

use http::{Response, StatusCode};

use crate::hresult::{ErrorContext, Hresult};
use crate::packet::{Ack, ErrorAck};
use crate::session_id::SessionId;

/// A value that this protocol does not allow: the blame is on whoever supplied it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidValue {
    /// Not 32 hexadecimal digits in groups of 8-4-4-4-12.
    #[error("not a GUID")]
    Guid,
    /// Not 1 to 100 visible ASCII characters.
    #[error("a session id is 1 to 100 visible characters")]
    SessionId,
    /// Not a GUID, so not a protocol.
    #[error("not the GUID of a protocol")]
    ProtocolId,
    /// Not `bytes FIRST-LAST/TOTAL` with FIRST ≤ LAST < TOTAL < 2^63.
    #[error("not a range of bytes FIRST-LAST/TOTAL with FIRST <= LAST < TOTAL < 2^63")]
    ContentRange,
    /// Not a bare file name of 1 to 260 characters.
    #[error(r#"not a bare file name of 1 to 260 characters without \ / : * ? " < > |"#)]
    ContentName,
    /// Not a host name, an address, or either with a port.
    #[error("not a host name or address")]
    HostId,
    /// Empty, or no absolute `http` URL comes out.
    #[error("not the URL of a reply")]
    ReplyUrl,
    /// Control characters, or more than 4,096 bytes.
    #[error("not a header value of at most 4,096 bytes")]
    HeaderValue,
    /// Not an absolute `http` or `https` URL.
    #[error("not an absolute http or https URL")]
    Destination,
    /// Empty, or no `http` or `https` URL comes out.
    #[error("not a reference to an http or https URL")]
    NotificationUrl,
    /// Empty, with blanks around it, with control characters, or more than 4,096 bytes.
    #[error("not the path of a data file, of 1 to 4,096 bytes")]
    DataFilePath,
    /// 2^63 bytes or more.
    #[error("an entity is smaller than 2^63 bytes")]
    EntitySize,
    /// Not `bytes=` and a list of 1 to 100 ranges, none of them backwards.
    #[error("not a list of 1 to 100 byte ranges")]
    ByteRanges,
    /// None, an empty or a backwards range, or 2^63 bytes or more.
    #[error("an application's ranges are not empty, and have less than 2^63 bytes in all")]
    ApplicationRanges,
    /// Not a quoted text of visible characters, perhaps after `W/`.
    #[error(r#"not an entity tag such as "xyzzy" or W/"xyzzy""#)]
    EntityTag,
}

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

/// A command that makes no sense where the machine is: the caller's fault. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// The upload or the download has ended.
    #[error("it has ended")]
    Ended,
    /// The upload or the download is not suspended.
    #[error("it is not suspended")]
    NotSuspended,
    /// The source changed: a new upload must begin.
    #[error("the source changed")]
    SourceChanged,
    /// No reply is being waited for.
    #[error("no reply is being waited for")]
    NoReplyWanted,
}

/// A stored snapshot cannot be restored: the store's fault, or that of another version of this library.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The snapshot's form is of a version that this version of the library does not know.
    #[error("the snapshot is of version {0}, which is not known here")]
    Version(u32),
    /// No machine can have made the snapshot: it is corrupt, or something else's.
    #[error("the snapshot contradicts itself: {0}")]
    Inconsistent(&'static str),
}
