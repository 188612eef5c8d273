//! The outputs and events of an upload, and the errors of a transport.

use std::fmt;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, Uri};

use super::failure::Failure;
use crate::machine::outputs::{self, Asks};
use crate::packet::Payload;
use crate::vocabulary::{HostId, SessionId};

/// One request and its answer. Ids are never used again: a report on an exchange that was given up changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExchangeId(pub(super) u64);

/// Work for the caller, to be done in this order.
#[derive(Debug)]
#[must_use = "the upload goes on once this is done"]
#[expect(clippy::exhaustive_enums, reason = "a client must do every one of these")]
pub enum Output {
    /// Send this request, and report what comes of it.
    Transmit(Transmit),
    /// Give up this exchange: close its connection, and report nothing more of it.
    Abort(ExchangeId),
    /// Show this to your user, or log it.
    Event(Event),
}

/// A request to send.
#[derive(Debug)]
#[must_use = "the upload waits for the answer of this request"]
#[non_exhaustive]
pub struct Transmit {
    /// The name of the exchange in reports.
    pub id: ExchangeId,
    /// The request. Its target is the whole URL. Add `Host` and what your HTTP library wants besides, and send exactly the bytes
    /// of the [`Payload`] as its body.
    pub request: Request<Payload>,
    /// The connection that the request must use.
    pub connection: Connection,
    /// The time for sending the request. The upload enforces it itself, by one of its timers.
    pub request_timeout: Duration,
    /// The time for the answer after that. The upload enforces it itself, too.
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
    /// [`TransportError::Unsent`].
    SameAs(ExchangeId),
}

/// The way in which an exchange failed below HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum TransportError {
    /// No byte of the request left: the name did not resolve, the connection was refused.
    Unsent,
    /// The request, or a part of it, may have arrived, and no answer came. Report this one in doubt.
    Interrupted,
    /// The connection had served another request before, and broke before a byte of the answer was read. Usually the peer had
    /// closed it already ([C72](crate::manual::decisions#c72)).
    Stale,
    /// The server's certificate is not trusted. No byte of the request left.
    Untrusted,
}

/// An event for the user or the log of the caller. [`CredentialsWanted`](Self::CredentialsWanted) and
/// [`ReplyReady`](Self::ReplyReady) wait for a command; the others want nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Event {
    /// The server opened a session.
    SessionCreated {
        /// Its id.
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
    /// Requests go to the origin again: the other host was out of reach for too long, or the caller called
    /// [`use_origin`](super::Upload::use_origin).
    HostAbandoned,
    /// The server has got further than ever.
    Progress {
        /// The number of bytes that it has acknowledged.
        acknowledged: u64,
    },
    /// The server wants another offset than the one after the last fragment.
    Resynchronised {
        /// The offset that would have been next.
        from: u64,
        /// The offset that is next.
        to: u64,
    },
    /// A fragment was too large for the server, or for something in front of it: from now on they are smaller.
    FragmentShrunk {
        /// The largest fragment from now on, in bytes.
        to: u64,
    },
    /// A header of an Ack cannot be read, and was passed over.
    HeaderIgnored {
        /// The name of the header.
        name: &'static str,
    },
    /// The upload starts over with a new session.
    Restarted {
        /// The reason.
        cause: Failure,
    },
    /// Something went wrong that may pass: the upload waits and tries again.
    Waiting {
        /// The delay until the next try.
        delay: Duration,
        /// The failure.
        cause: Failure,
    },
    /// The server, or a proxy, wants credentials: [`authenticate`](super::Upload::authenticate) goes on.
    CredentialsWanted {
        /// 401 from the server, 407 from a proxy.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::status"))]
        status: StatusCode,
        /// The values of `WWW-Authenticate`, or of `Proxy-Authenticate`.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::values"))]
        challenges: Vec<HeaderValue>,
    },
    /// The server has a reply: fetch it and call [`reply_fetched`](super::Upload::reply_fetched). Only then is the session
    /// closed, which deletes the reply.
    ReplyReady {
        /// The address of the reply.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::display"))]
        url: Uri,
        /// Whether the [policy](super::HostPolicy) trusts its host; if not, send no credentials there.
        trusted: bool,
    },
    /// The upload is suspended; [`resume`](super::Upload::resume) goes on.
    Suspended,
    /// The server has published the entity.
    Completed {
        /// Whether the server said so. It did not if the answer to Close-Session was lost and the session is gone now
        /// ([C17]), or if that answer was an empty success that is no Ack ([Q16](crate::manual::tolerances#q16)).
        ///
        /// [C17]: crate::manual::decisions#c17
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

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The id is a secret.
            Self::SessionCreated { .. } => f.write_str("the server opened a session"),
            Self::HostChanged { host } => write!(f, "the server moved the session to {host}"),
            Self::HostRefused { host } => {
                write!(f, "the server named another host, {host}, which is not allowed")
            }
            Self::HostAbandoned => f.write_str("requests go to the origin again"),
            Self::Progress { acknowledged } => write!(f, "{acknowledged} bytes are acknowledged"),
            Self::Resynchronised { from, to } => write!(f, "the server wants byte {to}, not {from}"),
            Self::FragmentShrunk { to } => write!(f, "fragments have at most {to} bytes from now on"),
            Self::HeaderIgnored { name } => write!(f, "the header {name} cannot be read and is ignored"),
            Self::Restarted { cause } => write!(f, "{cause}; starting over"),
            Self::Waiting { delay, cause } => {
                write!(f, "{cause}; trying again in {:.1} s", delay.as_secs_f64())
            }
            Self::CredentialsWanted { status, .. } => write!(f, "credentials are wanted, status {status}"),
            Self::ReplyReady { url, .. } => write!(f, "the reply is at {url}"),
            Self::Suspended => f.write_str("suspended"),
            Self::Completed { confirmed: true } => f.write_str("the server has published the file"),
            Self::Completed { confirmed: false } => {
                f.write_str("completed, but the server did not confirm it")
            }
            Self::Cancelled { confirmed: true } => f.write_str("cancelled"),
            Self::Cancelled { confirmed: false } => {
                f.write_str("cancelled; the server may keep what it has until its session timeout")
            }
            Self::Failed(failure) => failure.fmt(f),
        }
    }
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
