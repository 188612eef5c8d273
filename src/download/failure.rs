//! The failures of a download.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::multipart::MultipartError;
use crate::packet::Malformed;

/// Why a download failed, or why it waits or starts over.
///
/// Its `Display` is for people: what happened, and what to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Failure {
    /// What happened.
    pub reason: Reason,
    /// The status of the answer, if there was one.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::optional_status"))]
    pub status: Option<StatusCode>,
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
    /// The server said no.
    Refused,
    /// The server redirects the download; [`Failure::location`] says where. A caller that trusts that address begins a new
    /// download there.
    Redirected,
    /// The answer breaks the rules.
    Protocol(Violation),
    /// The answer is a web page in place of the reply, usually from a captive portal or a login. A page is recognised by its
    /// head: HTML, without the `Last-Modified` or `ETag` that replies have (§3.5.5.1).
    Page,
    /// Credentials are needed, and there were none, or they were refused again and again.
    Unauthorized,
    /// `Last-Modified` or `ETag` is another than before (§3.6.5.2.4.2).
    EntityChanged,
    /// The size is another than before, though the validators are not (§3.6.5.2.4.2).
    SizeChanged,
    /// The entity is larger than [`max_size`](super::ConfigBuilder::max_size).
    TooLarge,
    /// A range that is wanted reaches past the end of the entity.
    RangePastEnd,
    /// The connection broke, or could not be made.
    Transport,
    /// The server's certificate is not trusted.
    Untrusted,
    /// The body ended before its announced length.
    Truncated,
    /// Sending the request took too long (§3.6.2.1).
    RequestTimeout,
    /// The answer took too long (§3.6.2.2).
    ResponseTimeout,
    /// The entity changed again and again.
    RestartedTooOften,
    /// There was no progress for too long.
    GaveUp,
}

/// How an answer breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Violation {
    /// A header cannot be read, is missing, or is repeated with another value.
    Malformed(
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::display"))] Malformed,
    ),
    /// 200, though only a part was asked for (§3.6.5.2.4.2).
    RangeIgnored,
    /// 206, with other bytes than were asked for (§3.6.5.2.4.2).
    RangeUnexpected,
    /// Several ranges were asked for, and the answer is no `multipart/byteranges`, or a bad one (§3.6.5.2.4.2).
    Multipart(
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::display"))]
        MultipartError,
    ),
    /// The bytes are encoded, so that they are not the entity's ([C65](crate::manual::decisions#c65)).
    ContentEncoded,
}

impl Failure {
    pub(super) const fn new(reason: Reason) -> Self {
        Self { reason, status: None, retry_after: None, location: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        self.location.as_ref().map_or(Ok(()), |location| write!(f, ", which points to {location}"))
    }
}

impl std::error::Error for Failure {}

/// What happened, for a person.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explanation())
    }
}

impl Reason {
    /// What happened, for a person.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Refused => "the server refused",
            Self::Redirected => "the server wants the download to go elsewhere",
            Self::Protocol(Violation::Malformed(_)) => "the server's answer cannot be understood",
            Self::Protocol(Violation::RangeIgnored) => {
                "the server sends the whole where a part was asked for: it does not know ranges"
            }
            Self::Protocol(Violation::RangeUnexpected) => "the server sends another part than was asked for",
            Self::Protocol(Violation::Multipart(_)) => "the server does not send the several parts asked for",
            Self::Protocol(Violation::ContentEncoded) => {
                "the server or a proxy encodes the bytes: look for compression"
            }
            Self::Page => {
                "a web page came in the place of the file: a login page or a portal may have answered"
            }
            Self::Unauthorized => "the server or a proxy wants credentials",
            Self::EntityChanged => "the file changed while it was fetched",
            Self::SizeChanged => "the size of the file changed while it was fetched",
            Self::TooLarge => "the file is larger than allowed",
            Self::RangePastEnd => "a part that is wanted reaches past the end of the file",
            Self::Transport => "the connection failed",
            Self::Untrusted => "the server's certificate is not trusted",
            Self::Truncated => "the answer broke off",
            Self::RequestTimeout => "sending took too long",
            Self::ResponseTimeout => "no answer came in time",
            Self::RestartedTooOften => "the file changed too often while it was fetched",
            Self::GaveUp => "there was no progress for too long",
        }
    }
}
