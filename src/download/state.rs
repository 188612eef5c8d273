//! The states of a download, and its timers.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::failure::Failure;
use super::output::{Connection, ExchangeId};

/// The state of a download (§3.6.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum State {
    /// A HEAD is on its way, or will be as soon as the last output is taken (`STATE_SIZE`).
    Measuring,
    /// A GET is on its way, or will be as soon as the last output is taken (`STATE_DOWNLOAD`).
    Downloading,
    /// The next request waits for the rate limit.
    Pacing,
    /// Something went wrong that may pass; a timer runs until the next try.
    WaitingToRetry,
    /// The server or a proxy wants credentials.
    WaitingForCredentials,
    /// Suspended by the caller (`STATE_SUSPEND`).
    Suspended,
    /// Failed; the caller may resume or cancel. MC-BUP has `STATE_SUSPEND` for it, too.
    Failed,
    /// Every byte is here (`STATE_COMPLETE`).
    Completed,
    /// Given up. MC-BUP has `STATE_COMPLETE` for it, too.
    Cancelled,
}

impl State {
    /// Whether the download is over: it ignores reports, and refuses commands.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// The state for a person: `downloading`, `waiting to retry`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measuring => "measuring",
            Self::Downloading => "downloading",
            Self::Pacing => "pacing",
            Self::WaitingToRetry => "waiting to retry",
            Self::WaitingForCredentials => "waiting for credentials",
            Self::Suspended => "suspended",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What a download is doing, with what belongs to that alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Doing {
    /// One exchange is under way.
    Exchanging(InFlight, Then),
    /// An exchange is over, and the next step is not taken. No call leaves a download here.
    Between(Then),
    /// The timer of the next try runs.
    Retrying,
    /// The timer of the pace runs.
    Pacing,
    /// The caller is asked for credentials.
    Challenged(Challenge),
    Suspended,
    Failed,
    Completed,
    Cancelled,
}

/// The challenge that is not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Challenge {
    /// The exchange that was answered with it.
    pub(super) exchange: ExchangeId,
    pub(super) failure: Failure,
    /// The time for which the download may go without progress once credentials are here.
    pub(super) give_up_in: Duration,
}

/// What follows the exchange under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Then {
    GoOn,
    /// The caller suspended the download gracefully.
    Suspend,
}

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// HEAD.
    Head,
    /// GET without `Range`.
    Whole,
    /// GET with these ranges; never none.
    Ranges(Vec<Range<u64>>),
}

impl Wanted {
    pub(super) fn is_several(&self) -> bool {
        matches!(self, Self::Ranges(ranges) if ranges.len() > 1)
    }
}

/// The exchange under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InFlight {
    pub(super) id: ExchangeId,
    pub(super) wanted: Wanted,
    /// The connection that its request was to use.
    pub(super) connection: Connection,
    /// The number of bytes of the entity that its body still brings; `None` before its head is here.
    pub(super) remaining: Option<u64>,
}

/// The timers of a download. [`Download::next_timer`](super::Download::next_timer) names the one that goes off next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Sending the request takes too long (§3.6.2.1).
    Request,
    /// The answer, or the next bytes of its body, take too long (§3.6.2.2).
    Response,
    /// It is time to try again.
    Retry,
    /// The pace lets the next request go.
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
            Self::Retry => "the retry timer",
            Self::Pace => "the pace timer",
            Self::GiveUp => "the timer of no progress",
        })
    }
}
