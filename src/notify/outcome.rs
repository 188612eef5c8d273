//! What came of a notification.

use std::fmt;

use http::StatusCode;

use super::state::Timer;
use crate::packet::Malformed;
use crate::server::{Notified, Refusal, Report};
use crate::vocabulary::Hresult;
use crate::vocabulary::ReplyUrl;

/// What came of a notification. As a [`Report`] it is what a session that asked to
/// [notify](crate::server::Output::Notify) wants to hear.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a notification has either outcome")]
pub enum Outcome {
    /// The application took the entity.
    Taken {
        /// Whether the entity is published at its destination when the session is closed (C42).
        copy_to_destination: bool,
        /// Its reply.
        reply: Reply,
    },
    /// It did not, or nobody knows. The client's repeat notifies it again, unless it said 403.
    Failed(Failure),
}

/// What an application replied.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a reply is in one of these places")]
pub enum Reply {
    /// Nothing.
    None,
    /// It is at a URL of the application's own (`BITS-Static-Response-URL`).
    Static(ReplyUrl<'static>),
    /// It is in the response file; the client is told this URL for it.
    File(ReplyUrl<'static>),
    /// It is the body of the answer, which the caller was asked to [store](super::Output::StoreBody); the client is told
    /// this URL for it.
    Body(ReplyUrl<'static>),
}

/// Why a notification failed.
///
/// Its `Display` is for people: what happened, and what to look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The application said no; or its status said yes and its error code no.
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its error code, if it gave one.
        code: Option<Hresult>,
    },
    /// The application's answer breaks the rules.
    Malformed(Malformed),
    /// The application sent more as its reply than it may.
    ReplyTooLarge {
        /// How many bytes it may send.
        limit: u64,
    },
    /// No connection came about, or it broke before the answer was whole.
    Transport,
    /// It took too long.
    Timeout(Timer),
    /// This server itself failed: it could not read the entity, or not store the reply.
    Server(Refusal),
}

impl Reply {
    /// Where the client finds the reply.
    #[must_use]
    pub const fn url(&self) -> Option<&ReplyUrl<'static>> {
        match self {
            Self::None => None,
            Self::Static(url) | Self::File(url) | Self::Body(url) => Some(url),
        }
    }

    fn into_url(self) -> Option<ReplyUrl<'static>> {
        match self {
            Self::None => None,
            Self::Static(url) | Self::File(url) | Self::Body(url) => Some(url),
        }
    }
}

impl Failure {
    /// What the session is told, and so what the client is told (`protocol.md` section 4).
    ///
    /// What the application said goes on as it is (C22); an answer that breaks the rules is 500, `E_INVALIDARG` (C21); an
    /// application that cannot be reached is 502, after which clients try again.
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        match *self {
            Self::Refused { status, code } => Refusal::Application { status, code },
            Self::Malformed(_) | Self::ReplyTooLarge { .. } => Refusal::Application {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: Some(Hresult::E_INVALIDARG),
            },
            Self::Transport => Refusal::Application { status: StatusCode::BAD_GATEWAY, code: None },
            Self::Timeout(_) => Refusal::ApplicationTimeout,
            Self::Server(refusal) => refusal,
        }
    }
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Taken { copy_to_destination, reply } => {
                Self::Notified(Notified { copy_to_destination, reply_url: reply.into_url() })
            }
            Outcome::Failed(failure) => Self::Failed { stored: 0, refusal: failure.refusal() },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, code: None } => {
                write!(f, "the server application refused: status {status}")
            }
            Self::Refused { status, code: Some(code) } => {
                write!(f, "the server application refused: status {status}, error {code}")
            }
            Self::Malformed(malformed) => {
                write!(f, "the server application's answer cannot be understood: {malformed}")
            }
            Self::ReplyTooLarge { limit } => {
                write!(f, "the server application's reply is larger than {limit} bytes")
            }
            Self::Transport => f.write_str("the connection to the server application failed"),
            Self::Timeout(Timer::Send) => f.write_str("sending to the server application took too long"),
            Self::Timeout(Timer::Head | Timer::Response) => {
                f.write_str("the server application did not answer in time")
            }
            Self::Server(_) => f.write_str("this server could not read the entity or store the reply"),
        }
    }
}

impl std::error::Error for Failure {}
