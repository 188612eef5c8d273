//! The outputs of a notification: work for its caller, and at last the outcome.

use std::fmt;
use std::time::Duration;

use http::{Request, StatusCode};

use super::state::Timer;
use crate::packet::{Malformed, Payload};
use crate::server::{Notified, Refusal, Report};
use crate::vocabulary::{Hresult, ReplyUrl};

/// The work of the caller, in this order.
#[derive(Debug)]
#[must_use = "the notification goes on once this is done"]
#[expect(clippy::exhaustive_enums, reason = "a back-end client must do every one of these")]
#[expect(clippy::large_enum_variant, reason = "the request is the first of a handful")]
pub enum Output {
    /// Send this request, and report what comes of it.
    Transmit(Transmit),
    /// The application was told where to put its reply: look whether it did, and tell
    /// [`handle_response_file`](super::Notification::handle_response_file). Leave the body of the answer where it is
    /// until then.
    FindResponseFile,
    /// Store the body of the answer, apart from the response file: it may be the reply. Report what comes of it with
    /// [`handle_body`](super::Notification::handle_body) and
    /// [`handle_body_end`](super::Notification::handle_body_end).
    StoreBody {
        /// The number of bytes that it may have at most. Reported to have more, the notification fails.
        limit: u64,
    },
    /// What else the application says is of no interest: read its answer to the end and forget it, or close the
    /// connection. There is no report.
    Discard,
    /// Give up the exchange: close its connection. There is no report.
    Abort,
    /// It is over. Hand the outcome to the session, as the [`Report`](crate::server::Report) that it converts into. A
    /// body that was stored is the reply if the outcome says so; if not, delete it.
    Done(Outcome),
}

/// A notification to send.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transmit {
    /// The request, its target the whole URL. Add `Host` and what else your HTTP library wants; send exactly the bytes
    /// of the [`Payload`]. Follow no redirection.
    pub request: Request<Payload>,
    /// The time that sending may take. The notification enforces this time itself, and the others too.
    pub send_timeout: Duration,
    /// The time that the head of the answer may take after that.
    pub head_timeout: Duration,
    /// The time that the whole answer may take after that.
    pub response_timeout: Duration,
}

/// The result of a notification. As a [`Report`] it is what a session that asked to
/// [notify](crate::server::Output::Notify) wants to hear.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "a notification has either outcome")]
pub enum Outcome {
    /// The application took the entity.
    Taken {
        /// Whether the entity is published at its destination when the session is closed ([C42]).
        ///
        /// [C42]: crate::manual::decisions#c42
        copy_to_destination: bool,
        /// Its reply.
        reply: Reply,
    },
    /// The application did not take the entity, or it is unknown whether it did. The client's repeat notifies it again, unless
    /// it answered 403.
    Failed(Failure),
}

/// The reply of an application.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Failure {
    /// The application said no; or its status said yes and its error code no; or its status is no answer (100 to 199).
    Refused {
        /// Its status.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::status"))]
        status: StatusCode,
        /// Its error code, if it gave one.
        code: Option<Hresult>,
    },
    /// The application's answer breaks the rules.
    Malformed(
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::display"))] Malformed,
    ),
    /// The application sent more as its reply than it may.
    ReplyTooLarge {
        /// The number of bytes that it may send.
        limit: u64,
    },
    /// No connection could be made, or it broke before the answer was whole.
    Transport,
    /// It took too long.
    Timeout(Timer),
    /// This server itself failed: it could not read the entity, or not store the reply.
    Server(Refusal),
}

impl Reply {
    /// The address at which the client finds the reply.
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
    /// What the session is told, and so what the client is told ([the errors](crate::manual::protocol#errors)).
    ///
    /// What the application said goes on as it is ([C22]). A status that is none of an error beside a failure code is 500 with
    /// that code; an answer that breaks the rules is 500, `E_INVALIDARG` ([C21]); an application that cannot be reached is 502,
    /// after which clients try again.
    ///
    /// [C22]: crate::manual::decisions#c22
    /// [C21]: crate::manual::decisions#c21
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
            Outcome::Failed(failure) => Self::Failed(failure.refusal()),
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
