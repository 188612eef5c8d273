//! Why an upload does not go on.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::packet::Malformed;
use crate::packet::PacketType;
use crate::vocabulary::{ErrorContext, Hresult};

/// Why an upload failed, or why it waits before it tries again.
///
/// Its `Display` is for people: what happened, and what to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What happened.
    pub reason: Reason,
    /// The packet that it happened to.
    pub packet: Option<PacketType>,
    /// The status of the answer, if there was one.
    pub status: Option<StatusCode>,
    /// The error code of the answer, if it had one.
    pub code: Option<Hresult>,
    /// Where the server says that the error arose.
    pub context: Option<ErrorContext>,
    /// The least delay that the server asked for (`Retry-After`; a date counts from the answer's `Date`).
    pub retry_after: Option<Duration>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The server said no, with an Ack.
    Refused,
    /// The answer was no Ack: something between here and the server answered, or there is no BITS server.
    NotBits,
    /// The answer was no Ack, but 404, 405 or 501: BITS uploads are not available there, or do not get there (C19).
    NotAvailable,
    /// The answer was an Ack that breaks the rules.
    Protocol(Violation),
    /// Credentials are needed, and there were none.
    Unauthorized,
    /// Even a fragment of 5 KiB was too large.
    FragmentTooLarge,
    /// The server does not know the session, or no longer.
    SessionNotFound,
    /// The server is out of step and does not say where it stands.
    OffsetUnknown,
    /// The connection broke, or none came about.
    Transport,
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
    /// The caller could not fetch the reply.
    ReplyFailed,
    /// The source is not what it was when the upload began; the session was cancelled.
    SourceChanged,
}

/// How an Ack breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// It cannot be read.
    Malformed(Malformed),
    /// It names another session (Q03).
    OtherSession,
    /// It chooses a protocol that was not offered.
    OtherProtocol,
    /// It claims bytes past the end of the entity (Q08).
    OffsetPastEnd,
    /// It claims bytes that were never sent (Q09).
    OffsetNeverSent,
}

impl Failure {
    pub(super) const fn new(reason: Reason, packet: Option<PacketType>) -> Self {
        Self { reason, packet, status: None, code: None, context: None, retry_after: None }
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
        if let Some(code) = self.code {
            write!(f, ", error {code}")?;
            if let Some(explanation) = code.explanation() {
                write!(f, " ({explanation})")?;
            }
        }
        if self.context == Some(ErrorContext::REMOTE_APPLICATION) {
            f.write_str(", from the server application")?;
        }
        self.hint().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for Failure {}

impl Reason {
    /// What happened, for a person.
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
            Self::Unauthorized => "the server or a proxy wants credentials",
            Self::FragmentTooLarge => "even the smallest fragment is too large",
            Self::SessionNotFound => "the server does not know the session any more",
            Self::OffsetUnknown => "the server is out of step and does not say where it stands",
            Self::Transport => "the connection failed",
            Self::RequestTimeout => "sending took too long",
            Self::ResponseTimeout => "no answer came in time",
            Self::Stalled => "the server acknowledges without moving on",
            Self::Regressed => "the server keeps losing what it acknowledged",
            Self::RestartedTooOften => "the upload started over too often without getting further",
            Self::GaveUp => "there was no progress for too long",
            Self::ReplyMissing => "the server has no reply",
            Self::ReplyFailed => "the reply could not be fetched",
            Self::SourceChanged => "the file changed while it was uploaded",
        }
    }
}
