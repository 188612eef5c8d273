//! The outputs of a download: work for its caller, and events.

use std::time::{Duration, Instant};

use http::Request;

use super::failure::Failure;
use super::receiver::Receiver;
use crate::machine::outputs::{self, Asks};

/// One request and its answer. Ids are never used again: a report on an exchange that was given up changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExchangeId(pub(super) u64);

/// What the caller must do, in this order.
#[derive(Debug)]
#[must_use = "the download goes on once this is done"]
#[expect(clippy::exhaustive_enums, reason = "a client must do every one of these")]
#[expect(clippy::large_enum_variant, reason = "one request is under way at a time")]
pub enum Output {
    /// Send this request, and report what comes of it.
    Transmit(Transmit),
    /// Read the body of this answer: store its bytes where the [`Receiver`] says, and report them. The body of an answer for
    /// which this does not come is of no use, and the caller's to drain.
    Receive {
        /// The exchange whose answer it is.
        id: ExchangeId,
        /// Where the bytes belong.
        receiver: Receiver,
    },
    /// Give up this exchange: close its connection, and report nothing more of it.
    Abort(ExchangeId),
    /// Nothing to do; but perhaps something to tell.
    Event(Event),
}

/// A request to send.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transmit {
    /// Names the exchange in reports.
    pub id: ExchangeId,
    /// The request, its target the whole URL; it has no body. Add `Host` and what else your HTTP library wants.
    pub request: Request<()>,
    /// The exchange whose connection this request must use, for credentials that hold for one connection. If that one is
    /// gone, report a transport error.
    pub same_connection_as: Option<ExchangeId>,
    /// How long sending may take; the download keeps this time itself, as one of its timers.
    pub request_timeout: Duration,
    /// How long the answer's head may take after that, and every further piece of its body; the download keeps this time
    /// itself, too.
    pub response_timeout: Duration,
}

/// What may interest the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server told how large the entity is.
    SizeKnown {
        /// How many bytes it has.
        size: u64,
    },
    /// The bytes that one request asked for are all here.
    Progress {
        /// How many bytes of what is wanted have been stored.
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
        /// When it tries again.
        until: Instant,
        /// What went wrong.
        cause: Failure,
    },
    /// The server, or a proxy, wants credentials: [`authenticate`](super::Download::authenticate) goes on.
    CredentialsWanted {
        /// 401 or 407, and so whose they are.
        status: http::StatusCode,
        /// The values of `WWW-Authenticate`, or of `Proxy-Authenticate`.
        challenges: Vec<http::HeaderValue>,
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
