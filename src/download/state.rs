//! Where a download stands.

use std::ops::Range;

use super::output::ExchangeId;

/// Where a download stands (§3.6.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum State {
    /// A HEAD is on its way, or will be as soon as the last output is taken (`STATE_SIZE`).
    Measuring,
    /// A GET is on its way, or will be as soon as the last output is taken (`STATE_DOWNLOAD`).
    Downloading,
    /// The next request waits for the pace.
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
    /// Whether the download is over: nothing that is told to it changes anything any more.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// Why nothing is sent at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hold {
    /// Nothing holds the download.
    None,
    Retry,
    Pace,
    Credentials,
    /// Suspended once the exchange under way has been answered.
    Suspending,
    Suspended,
    Failed,
    Completed,
    Cancelled,
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
    /// How many bytes of the entity its body still brings; `None` before its head is here.
    pub(super) remaining: Option<u64>,
}

/// The timers of a download. When one goes off, [`Download::poll_timeout`](super::Download::poll_timeout) has told so.
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
