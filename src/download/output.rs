//! The outputs of a download: work for its caller, and events.

use std::fmt;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode};

use super::failure::Failure;
use super::receiver::Receiver;
use crate::machine::outputs::{self, Asks};

/// One request and its answer. Ids are never used again: a report on an exchange that was given up changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExchangeId(pub(super) u64);

/// The work of the caller, in this order.
#[derive(Debug)]
#[must_use = "the download goes on once this is done"]
#[expect(clippy::exhaustive_enums, reason = "a client must do every one of these")]
pub enum Output {
    /// Send this request, and report what comes of it.
    Transmit(Transmit),
    /// Read the body of this answer: store its bytes where the [`Receiver`] says, and report them. If this does not come for
    /// an answer, drain its body: the bytes are of no use.
    Receive {
        /// The exchange whose answer it is.
        id: ExchangeId,
        /// The place of the bytes.
        receiver: Receiver,
    },
    /// Give up this exchange: close its connection, and report nothing more of it.
    Abort(ExchangeId),
    /// Show this to your user, or log it.
    Event(Event),
}

/// A request to send.
#[derive(Debug)]
#[must_use = "the download waits for the answer of this request"]
#[non_exhaustive]
pub struct Transmit {
    /// Names the exchange in reports.
    pub id: ExchangeId,
    /// The request, its target the whole URL; it has no body. Add `Host` and what else your HTTP library wants.
    pub request: Request<()>,
    /// The connection that the request must use.
    pub connection: Connection,
    /// The time for sending the request. The download enforces it itself, by one of its timers.
    pub request_timeout: Duration,
    /// The time for the head of the answer after that, and for every further piece of its body. The download enforces it itself,
    /// too.
    pub response_timeout: Duration,
}

/// The connection that a request must use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[expect(clippy::exhaustive_enums, reason = "a client must keep to every one of these")]
pub enum Connection {
    /// Any connection, a reused one as well.
    #[default]
    Any,
    /// A connection that no request has used, because a reused one broke just before.
    Fresh,
    /// The connection of this exchange, for credentials that hold for one connection. If that connection is gone, report
    /// [`TransportError::Unsent`](super::TransportError::Unsent).
    SameAs(ExchangeId),
}

/// An event for the user or the log of the caller. Its `Display` is for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Event {
    /// The server told how large the entity is.
    SizeKnown {
        /// Its size in bytes.
        size: u64,
    },
    /// The bytes that one request asked for are all here.
    Progress {
        /// The number of wanted bytes that have been stored.
        received: u64,
    },
    /// The server does not do several ranges at once: from now on they are asked for one by one (`SINGLE_RANGE_ONLY`).
    SingleRangesOnly {
        /// What was wrong with its answer.
        cause: Failure,
    },
    /// The entity changed: what was stored is void, and the download starts over.
    Restarted {
        /// Why.
        cause: Failure,
    },
    /// Something went wrong that may pass: the download waits and tries again.
    Waiting {
        /// After how long it tries again.
        delay: Duration,
        /// The failure.
        cause: Failure,
    },
    /// The server, or a proxy, wants credentials: [`authenticate`](super::Download::authenticate) goes on.
    CredentialsWanted {
        /// 401 from the server, 407 from a proxy.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::status"))]
        status: StatusCode,
        /// The values of `WWW-Authenticate`, or of `Proxy-Authenticate`. One may hold several challenges ([Q36]).
        ///
        /// [Q36]: crate::manual::tolerances#q36
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::values"))]
        challenges: Vec<HeaderValue>,
    },
    /// The download is suspended; [`resume`](super::Download::resume) goes on.
    Suspended,
    /// Every byte that is wanted has been stored.
    Completed {
        /// How many.
        received: u64,
    },
    /// The download was given up.
    Cancelled,
    /// The download cannot go on by itself. [`resume`](super::Download::resume) tries again, `cancel` gives up.
    Failed(Failure),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SizeKnown { size } => write!(f, "the file has {size} bytes"),
            Self::Progress { received } => write!(f, "{received} bytes are here"),
            Self::SingleRangesOnly { cause } => {
                write!(f, "parts are fetched one by one from now on: {cause}")
            }
            Self::Restarted { cause } => write!(f, "the download starts over: {cause}"),
            Self::Waiting { delay, cause } => write!(f, "{cause}; the next try is in {delay:?}"),
            Self::CredentialsWanted { status, .. } => write!(f, "credentials are wanted, status {status}"),
            Self::Suspended => f.write_str("the download is suspended"),
            Self::Completed { received } => write!(f, "the download is complete with {received} bytes"),
            Self::Cancelled => f.write_str("the download was given up"),
            Self::Failed(failure) => write!(f, "the download failed: {failure}"),
        }
    }
}

impl outputs::Output for Output {
    type Id = ExchangeId;

    fn asks(&self) -> Asks<ExchangeId> {
        match self {
            Self::Transmit(transmit) => Asks::Request(transmit.id),
            Self::Receive { id, .. } => Asks::More(*id),
            Self::Abort(_) => Asks::Abort,
            Self::Event(_) => Asks::Nothing,
        }
    }
}
