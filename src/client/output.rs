//! What an upload asks its caller to do, and what it tells.

use std::time::{Duration, Instant};

use http::{Request, Uri};

use super::failure::Failure;
use crate::machine::outputs::{self, Asks};
use crate::packet::Payload;
use crate::vocabulary::HostId;
use crate::vocabulary::SessionId;

/// One request and its answer. Ids are never used again: a report on an exchange that was given up changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExchangeId(pub(super) u64);

/// What the caller must do, in this order.
#[derive(Debug)]
#[must_use = "the upload goes on once this is done"]
#[expect(clippy::exhaustive_enums, reason = "a client must do every one of these")]
pub enum Output {
    /// Send this request, and report what comes of it.
    Transmit(Transmit),
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
    /// The request, its target the whole URL. Add `Host` and what else your HTTP library wants; send exactly the bytes
    /// of the [`Payload`].
    pub request: Request<Payload>,
    /// The exchange whose connection this request must use, for credentials that hold for one connection. If that one is
    /// gone, report a [`TransportError::Unsent`](super::TransportError).
    pub same_connection_as: Option<ExchangeId>,
    /// How long sending may take; the upload keeps this time itself, as one of its timers.
    pub request_timeout: Duration,
    /// How long the answer may take after that; the upload keeps this time itself, too.
    pub response_timeout: Duration,
}

/// What may interest the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server opened a session.
    SessionCreated {
        /// Its name.
        session_id: SessionId,
    },
    /// The server moved the session to another host (`BITS-Host-Id`).
    HostChanged {
        /// The host that requests go to from now on.
        host: HostId<'static>,
    },
    /// The server named another host, and the [policy](super::HostPolicy) does not allow it: requests go on to the origin.
    HostRefused {
        /// The host that was named.
        host: HostId<'static>,
    },
    /// That host was out of reach for too long: requests go to the origin again.
    HostAbandoned,
    /// The server has got further than ever.
    Progress {
        /// How many bytes it has acknowledged.
        acknowledged: u64,
    },
    /// The server wants another offset than the one after the last fragment.
    Resynchronised {
        /// The offset that would have been next.
        from: u64,
        /// The offset that is next.
        to: u64,
    },
    /// A fragment was too large for the server: from now on they are smaller.
    FragmentShrunk {
        /// The largest fragment from now on, in bytes.
        to: u64,
    },
    /// The upload starts over with a new session.
    Restarted {
        /// Why.
        cause: Failure,
    },
    /// Something went wrong that may pass: the upload waits and tries again.
    Waiting {
        /// When it tries again.
        until: Instant,
        /// What went wrong.
        cause: Failure,
    },
    /// The server, or a proxy, wants credentials: [`authenticate`](super::Upload::authenticate) goes on.
    CredentialsWanted {
        /// 401 or 407, and so whose they are.
        status: http::StatusCode,
        /// The values of `WWW-Authenticate`, or of `Proxy-Authenticate`.
        challenges: Vec<http::HeaderValue>,
    },
    /// The server has a reply: fetch it and tell [`handle_reply`](super::Upload::handle_reply). Only then is the session
    /// closed, which deletes it.
    ReplyReady {
        /// Where the reply is.
        url: Uri,
        /// Whether the [policy](super::HostPolicy) trusts its host; if not, send no credentials there.
        trusted: bool,
    },
    /// The upload is suspended; [`resume`](super::Upload::resume) goes on.
    Suspended,
    /// The server has published the entity.
    Completed {
        /// Whether it said so. It did not if the answer to Close-Session was lost and the session is gone now (C17), or
        /// if that answer was a success, but no Ack, and no page either (Q16).
        confirmed: bool,
    },
    /// The upload was given up.
    Cancelled {
        /// Whether the server has deleted what it had; if not, it does so at its session timeout.
        confirmed: bool,
    },
    /// The upload cannot go on by itself. [`resume`](super::Upload::resume) tries again, `cancel` gives up.
    Failed(Failure),
}

impl outputs::Output for Output {
    type Id = ExchangeId;

    fn asks(&self) -> Asks<ExchangeId> {
        match self {
            Self::Transmit(transmit) => Asks::Request(transmit.id),
            Self::Abort(_) => Asks::Abort,
            Self::Event(_) => Asks::Nothing,
        }
    }
}
