//! The state of an upload: what its caller sees of it, and the three enums behind that.
//!
//! [`Place`] says where the upload is, [`Goal`] what it is after, [`Doing`] what it is doing. Each holds the data that makes
//! sense in it alone, so that no flag outlives what it is about, and no snapshot can forget one.

use std::fmt;
use std::ops::Range;
use std::time::Instant;

use http::{HeaderValue, StatusCode};

use super::failure::Failure;
use super::output::{Connection, ExchangeId};
use crate::packet::{Host, PacketType};
use crate::vocabulary::SessionId;

/// The state of an upload (`HTTPUploader.state`, §3.1.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum State {
    /// A packet of this type is on its way, or will be as soon as the last output is taken.
    Exchanging(PacketType),
    /// The next fragment waits for the rate limit.
    Pacing,
    /// Something went wrong that may pass; a timer runs until the next try.
    WaitingToRetry,
    /// The server or a proxy wants credentials.
    WaitingForCredentials,
    /// The caller fetches the reply (`STATE_GET_REPLY`).
    WaitingForReply,
    /// Suspended by the caller ([C36](crate::manual::decisions#c36)).
    Suspended,
    /// Failed; the caller may resume or cancel (`STATE_ERROR`).
    Failed,
    /// The entity is published.
    Completed,
    /// Given up.
    Cancelled,
}

impl State {
    /// Whether the upload is over: it ignores reports, and refuses commands.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchanging(packet) => write!(f, "{packet} is on its way"),
            Self::Pacing => f.write_str("waiting for the pace"),
            Self::WaitingToRetry => f.write_str("waiting to try again"),
            Self::WaitingForCredentials => f.write_str("waiting for credentials"),
            Self::WaitingForReply => f.write_str("waiting for the reply to be fetched"),
            Self::Suspended => f.write_str("suspended"),
            Self::Failed => f.write_str("failed"),
            Self::Completed => f.write_str("completed"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// The timers of an upload. [`Upload::next_timer`](super::Upload::next_timer) names the one that goes off next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Sending the request takes too long (§3.1.2.1).
    Request,
    /// The answer takes too long (§3.1.2.2).
    Response,
    /// The session's host is out of reach for too long (§3.1.2.3).
    HostFallback,
    /// It is time to try again.
    Retry,
    /// The pace lets the next fragment go.
    Pace,
    /// There is no progress for too long.
    GiveUp,
}

/// The timer for a person: `the response timer`.
impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "the request timer",
            Self::Response => "the response timer",
            Self::HostFallback => "the timer of the host out of reach",
            Self::Retry => "the retry timer",
            Self::Pace => "the pace timer",
            Self::GiveUp => "the timer of no progress",
        })
    }
}

/// The place of an upload: whether the server has a session for it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(
    clippy::large_enum_variant,
    reason = "an upload has one, and is in a session nearly all of its life"
)]
pub(super) enum Place {
    /// There is no session.
    Nowhere {
        /// Whether a Ping goes before Create-Session.
        ping: bool,
    },
    /// The server has opened this session.
    Session(Session),
}

/// One session, as the client knows it. Starting over drops it as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) struct Session {
    pub(super) id: SessionId,
    /// The host that the server moved the session to.
    #[cfg_attr(feature = "arbitrary", arbitrary(with = crate::packet::arbitrary_host))]
    pub(super) host: Option<Host<'static>>,
    /// The next byte to send.
    pub(super) offset: u64,
    /// How far the fragments of this session have reached. A record may be older than that, so a restored upload does not
    /// know it (Q09).
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) sent: Option<u64>,
    pub(super) reply: Reply,
    pub(super) ping: Ping,
    pub(super) close: Close,
    /// The largest fragment that the server is known to take.
    pub(super) ceiling: Option<u64>,
    pub(super) trouble: Trouble,
}

impl Session {
    pub(super) const fn new(id: SessionId) -> Self {
        Self {
            id,
            host: None,
            offset: 0,
            sent: Some(0),
            reply: Reply::None,
            ping: Ping::NotDue,
            close: Close::NeverSent,
            ceiling: None,
            trouble: Trouble { failures: 0, in_contact: false },
        }
    }
}

/// The failures of the fragment at the session's offset that no Ack explained (Q35).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) struct Trouble {
    pub(super) failures: u32,
    /// Whether something answered since the last one: an Ack, or a status below 500.
    pub(super) in_contact: bool,
}

impl Trouble {
    /// The fragment failed; whether it did so three times, with contact in between.
    pub(super) const fn failed(&mut self) -> bool {
        if self.failures == 0 || self.in_contact {
            self.failures = self.failures.saturating_add(1);
        }
        self.in_contact = false;
        let thrice = self.failures >= 3;
        if thrice {
            self.failures = 0;
        }
        thrice
    }
}

/// Whether a Ping goes before the next packet of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum Ping {
    NotDue,
    Due,
    /// The server is out of step and does not say where it stands: after the Ping the upload starts over (Q06).
    InDoubt,
}

/// What is known of a session's Close-Session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum Close {
    /// None was sent, or each was answered and did nothing.
    NeverSent,
    /// The server refused it as invalid, so it may want bytes that it has lost.
    Refused,
    /// One went unanswered: the entity may be published (C17).
    Unanswered,
    /// One went unanswered, and the server refused the repeat as invalid.
    UnansweredAndRefused,
}

impl Close {
    pub(super) const fn is_unanswered(self) -> bool {
        matches!(self, Self::Unanswered | Self::UnansweredAndRefused)
    }

    pub(super) const fn is_refused(self) -> bool {
        matches!(self, Self::Refused | Self::UnansweredAndRefused)
    }

    pub(super) const fn unanswered(self) -> Self {
        if self.is_refused() { Self::UnansweredAndRefused } else { Self::Unanswered }
    }

    pub(super) const fn refused(self) -> Self {
        if self.is_unanswered() { Self::UnansweredAndRefused } else { Self::Refused }
    }

    /// The refusal is being looked into.
    pub(super) const fn mended(self) -> Self {
        if self.is_unanswered() { Self::Unanswered } else { Self::NeverSent }
    }
}

/// What is known of the reply.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum Reply {
    /// The server has named none.
    None,
    /// It is at this absolute URL.
    Url(String),
    /// The server has one, and no URL comes out of what it said.
    Unusable,
    /// The caller has it, or does without.
    Settled,
}

/// The aim of an upload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum Goal {
    /// The entity at its destination.
    Complete,
    /// The session gone, and then a new one: what the server stored of this one cannot be trusted.
    StartOver,
    /// The session gone.
    Cancel,
    /// The session gone, since the source is not what it was; then the upload has failed.
    Withdraw,
    /// The session gone, since its server breaks the protocol again and again; then the upload has failed (C25).
    Abandon,
}

/// The activity of an upload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Doing {
    Exchanging(InFlight),
    /// Its time is a timer.
    Retrying,
    /// Its time is a timer.
    Pacing,
    /// Credentials are wanted for this packet.
    Challenged {
        packet: PacketType,
        status: StatusCode,
    },
    FetchingReply,
    Suspended,
    Failed {
        /// Whether nothing mends it: the source has changed.
        for_good: bool,
    },
    Completed {
        confirmed: bool,
    },
    Cancelled {
        confirmed: bool,
    },
}

impl Doing {
    pub(super) const fn state(&self) -> State {
        match self {
            Self::Exchanging(exchange) => State::Exchanging(exchange.packet),
            Self::Retrying => State::WaitingToRetry,
            Self::Pacing => State::Pacing,
            Self::Challenged { .. } => State::WaitingForCredentials,
            Self::FetchingReply => State::WaitingForReply,
            Self::Suspended => State::Suspended,
            Self::Failed { .. } => State::Failed,
            Self::Completed { .. } => State::Completed,
            Self::Cancelled { .. } => State::Cancelled,
        }
    }
}

/// The exchange under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InFlight {
    pub(super) id: ExchangeId,
    pub(super) packet: PacketType,
    /// The bytes that a Fragment brings; empty for every other packet.
    pub(super) range: Range<u64>,
    pub(super) since: Instant,
    /// The number of bytes of the body that were handed to the network.
    pub(super) handed_over: u64,
    /// The connection that it was to use.
    pub(super) connection: Connection,
    /// Whether the upload is suspended once it is answered.
    pub(super) then_suspend: bool,
}

impl InFlight {
    /// The number of bytes that it brings.
    pub(super) const fn bytes(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }
}

/// What comes of an answer, or of none.
#[derive(Debug)]
pub(super) enum Next {
    /// The packet that is due goes.
    Go,
    /// It goes after a delay.
    Wait(Failure),
    /// The caller is asked for credentials.
    Challenge { packet: PacketType, status: StatusCode, challenges: Vec<HeaderValue> },
    /// The upload has failed.
    Fail(Failure),
    /// The entity is published.
    Complete { confirmed: bool },
    /// The session that was to go is gone, or left to its server's timeout.
    Leave { confirmed: bool },
}
