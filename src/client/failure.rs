//! The failures of an upload: what happened, and what a person should look at.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::packet::Malformed;
use crate::packet::PacketType;
use crate::vocabulary::{ErrorContext, Hresult};

/// The reason why an upload failed, or why it waits before it tries again.
///
/// Its `Display` is for people: what happened, and what to look at. The manual has the cause and the remedy of each
/// [code and status](crate::manual::guide::errors).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Failure {
    /// What happened.
    pub reason: Reason,
    /// The packet that it happened to.
    pub packet: Option<PacketType>,
    /// The status of the answer, if there was one.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::optional_status"))]
    pub status: Option<StatusCode>,
    /// The error code of the answer, if it had one.
    pub code: Option<Hresult>,
    /// The origin of the error, as the server says it.
    pub context: Option<ErrorContext>,
    /// The least delay that the server asked for (`Retry-After`; a date counts from the answer's `Date`).
    pub retry_after: Option<Duration>,
    /// The address that a redirection points to, which is never followed ([Q37](crate::manual::tolerances#q37)).
    pub location: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Reason {
    /// The server said no, with an Ack.
    Refused,
    /// The answer was no Ack: something between here and the server answered, or there is no BITS server.
    NotBits,
    /// The answer was no Ack, but 404, 405 or 501: BITS uploads are not available there, or do not get there ([C19]).
    ///
    /// [C19]: crate::manual::decisions#c19
    NotAvailable,
    /// The answer was an Ack that breaks the rules.
    Protocol(Violation),
    /// Credentials are needed, and there were none.
    Unauthorized,
    /// Even a fragment of 5 KiB was too large.
    FragmentTooLarge,
    /// The server does not know the session: it never did, or has forgotten it.
    SessionNotFound,
    /// The server wants another offset and does not say which.
    OffsetUnknown,
    /// The connection broke, or could not be made.
    Transport,
    /// The server's certificate is not trusted.
    Untrusted,
    /// Sending the request took too long.
    RequestTimeout,
    /// The answer took too long.
    ResponseTimeout,
    /// The server acknowledged again and again without moving on.
    Stalled,
    /// The server went back again and again behind what it had acknowledged.
    Regressed,
    /// The upload started over again and again without getting further.
    RestartedTooOften,
    /// There was no progress for too long.
    GaveUp,
    /// The upload is complete, but the server named no reply.
    ReplyMissing,
    /// The server has a reply, and its address cannot be read.
    ReplyUnusable,
    /// The caller could not fetch the reply.
    ReplyFailed,
    /// The source is not what it was when the upload began; the session was cancelled.
    SourceChanged,
}

/// The rule that an Ack breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Violation {
    /// It cannot be read.
    Malformed(
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::display"))] Malformed,
    ),
    /// It names another session ([Q03](crate::manual::tolerances#q03)).
    OtherSession,
    /// It chooses a protocol that was not offered.
    OtherProtocol,
    /// It claims bytes past the end of the entity ([Q08](crate::manual::tolerances#q08)).
    OffsetPastEnd,
    /// It claims bytes that were never sent ([Q09](crate::manual::tolerances#q09)).
    OffsetNeverSent,
    /// The server broke the rules again and again; its session was cancelled ([C25](crate::manual::decisions#c25)).
    Repeated,
}

/// ERROR_INVALID_NAME of Windows, as an HRESULT.
const ERROR_INVALID_NAME: Hresult = Hresult::new(0x8007_007B);

impl Failure {
    pub(super) const fn new(reason: Reason, packet: Option<PacketType>) -> Self {
        Self { reason, packet, status: None, code: None, context: None, retry_after: None, location: None }
    }
}

impl Failure {
    /// Returns what to look at, if this failure has a usual cause. Most failures of this protocol are caused by something
    /// between the client and the server.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        let from_bits = self.reason == Reason::Refused;
        match (self.reason, self.status.map(|status| status.as_u16())?) {
            (Reason::FragmentTooLarge, _) => {
                Some("something in front of the server limits the size of request bodies")
            }
            (Reason::NotAvailable, 404) => Some(
                "the path may be wrong, BITS not enabled there, or IIS's request filtering refuse the name or the size",
            ),
            (Reason::NotAvailable, 405 | 501) => Some(
                "the server or a firewall does not let the method BITS_POST pass: enable BITS there, or try the method override",
            ),
            (Reason::NotBits, 411) => Some("something in between dropped Content-Length"),
            (Reason::NotBits, 413) => Some("IIS's request filtering, or a proxy, limits the size of uploads"),
            (Reason::NotBits, 200..=299) => {
                Some("a login page or a portal may have answered in the server's place")
            }
            (Reason::NotBits, 300..=399) if self.location.is_none() => {
                Some("uploads are not redirected, and it names no other address")
            }
            (Reason::NotBits, 300..=399) => {
                Some("uploads are not redirected: use the address that it points to")
            }
            (Reason::NotBits, 502..=504) => Some("a gateway could not reach the server"),
            (Reason::Refused, 400) if self.packet == Some(PacketType::Fragment) => {
                Some("something in between may have dropped or changed Content-Range")
            }
            // It has its own reasons.
            (Reason::Refused, _) if self.context == Some(ErrorContext::REMOTE_APPLICATION) => None,
            (Reason::Refused, _) if self.code == Some(ERROR_INVALID_NAME) => {
                Some("the server does not take this name")
            }
            (Reason::Refused, 400)
                if self.packet == Some(PacketType::CreateSession)
                    && self.code == Some(Hresult::E_INVALIDARG) =>
            {
                Some("the address may be a folder's, or have a name that the server does not take")
            }
            (Reason::Refused, 403) if self.error().and_then(Hresult::explanation).is_none() => {
                Some("the account may not write there, or the file exists and may not be overwritten")
            }
            (Reason::Refused, 409) => Some("somebody else may hold the name"),
            (Reason::Refused, 404) => Some("the folder does not exist, or the file vanished from the server"),
            (Reason::Refused, 501) => Some("BITS uploads are not enabled for this directory"),
            (_, 401) if !from_bits => Some("the server wants other credentials"),
            (_, 407) if !from_bits => Some("the proxy wants credentials of its own"),
            _ => None,
        }
    }

    /// The error code, unless it is that of a success, which some servers send with their failures.
    fn error(&self) -> Option<Hresult> {
        self.code.filter(|code| code.is_failure())
    }

    /// Whether a status came from this protocol's server and not from something in between.
    #[must_use]
    pub fn is_from_bits_server(&self) -> bool {
        self.reason == Reason::Refused || self.reason == Reason::SessionNotFound
    }

    /// Whether [`Upload::resume`](super::Upload::resume) may succeed later although nobody changes anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.reason {
            Reason::Refused | Reason::NotBits | Reason::NotAvailable => {
                self.status.is_some_and(|status: StatusCode| {
                    super::verdict::may_pass(status.as_u16(), crate::packet::Conformance::Interop)
                })
            }
            Reason::FragmentTooLarge | Reason::Stalled | Reason::Regressed | Reason::SourceChanged => false,
            _ => true,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.explanation())?;
        if let Some(packet) = self.packet {
            write!(f, ", at {packet}")?;
        }
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if let Some(code) = self.error() {
            write!(f, ", error {code}")?;
            if let Some(explanation) = code.explanation() {
                write!(f, " ({explanation})")?;
            }
        }
        if self.context == Some(ErrorContext::REMOTE_APPLICATION) {
            f.write_str(", from the server application")?;
        }
        if let Some(location) = &self.location {
            // A query may hold an access token, which does not belong in a log.
            let address = location.split('?').next().unwrap_or_default();
            write!(f, ", which points to {address}")?;
        }
        self.hint().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explanation())
    }
}

impl Reason {
    /// The event in words, for a person.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Refused => "the server refused",
            Self::NotBits => "the answer is not from a BITS server",
            Self::NotAvailable => "BITS uploads are not available at this address",
            Self::Protocol(Violation::Malformed(_)) => "the server's answer cannot be understood",
            Self::Protocol(Violation::OtherSession) => "the server answered for another session",
            Self::Protocol(Violation::OtherProtocol) => "the server chose a protocol that was not offered",
            Self::Protocol(Violation::OffsetPastEnd) => "the server claims bytes past the end of the file",
            Self::Protocol(Violation::OffsetNeverSent) => "the server claims bytes that were never sent",
            Self::Protocol(Violation::Repeated) => "the server breaks the protocol again and again",
            Self::Unauthorized => "the server or a proxy wants credentials",
            Self::FragmentTooLarge => "even the smallest fragment is too large",
            Self::SessionNotFound => "the server does not know the session any more",
            Self::OffsetUnknown => "the server is out of step and does not say where it stands",
            Self::Transport => "the connection failed",
            Self::Untrusted => "the server's certificate is not trusted",
            Self::RequestTimeout => "sending took too long",
            Self::ResponseTimeout => "no answer came in time",
            Self::Stalled => "the server acknowledges without moving on",
            Self::Regressed => "the server keeps losing what it acknowledged",
            Self::RestartedTooOften => "the upload started over too often without getting further",
            Self::GaveUp => "there was no progress for too long",
            Self::ReplyMissing => "the server has no reply",
            Self::ReplyUnusable => "the server has a reply, and its address cannot be read",
            Self::ReplyFailed => "the reply could not be fetched",
            Self::SourceChanged => "the file changed while it was uploaded",
        }
    }
}
