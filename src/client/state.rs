//! Where an upload stands.

use std::ops::Range;
use std::time::Instant;

use http::Uri;

use super::output::ExchangeId;
use crate::packet::PacketType;

/// Where an upload stands (`HTTPUploader.state`, §3.1.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum State {
    /// A packet of this type is on its way, or will be as soon as the last output is taken.
    Exchanging(PacketType),
    /// The next fragment waits for the pace.
    Pacing,
    /// Something went wrong that may pass; a timer runs until the next try.
    WaitingToRetry,
    /// The server or a proxy wants credentials.
    WaitingForCredentials,
    /// The caller fetches the reply (`STATE_GET_REPLY`).
    WaitingForReply,
    /// Suspended by the caller.
    Suspended,
    /// Failed; the caller may resume or cancel (`STATE_ERROR`).
    Failed,
    /// The entity is published.
    Completed,
    /// Given up.
    Cancelled,
}

impl State {
    /// Whether the upload is over: nothing that is told to it changes anything any more.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// What the upload is after.
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
}

/// Why nothing is sent at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hold {
    /// Nothing holds the upload.
    None,
    Retry,
    Pace,
    Credentials,
    Reply,
    /// Suspended once the exchange under way has been answered.
    Suspending,
    Suspended,
    Failed,
    Completed,
    Cancelled,
}

/// What is known of the reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    /// The server has named none.
    None,
    At(Uri),
    /// The caller has it, or does without.
    Settled,
}

/// The exchange under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InFlight {
    pub(super) id: ExchangeId,
    pub(super) packet: PacketType,
    /// The bytes that a Fragment brings; empty for every other packet.
    pub(super) range: Range<u64>,
    pub(super) since: Instant,
}

impl InFlight {
    /// How many bytes it brings.
    pub(super) const fn bytes(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }
}

/// The timers of an upload. When one goes off, [`Upload::poll_timeout`](super::Upload::poll_timeout) has told so.
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
