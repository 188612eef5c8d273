//! One download, seen by the client.

use std::num::NonZeroU64;
use std::time::Instant;

use http::{HeaderMap, Uri};

use super::application_ranges::ApplicationRanges;
use super::config::{Config, HeadRequest};
use super::output::{Event, Output};
use super::state::{Hold, InFlight, State, Timer, Wanted};
use super::version::Version;
use crate::machine::outputs::Outputs;
use crate::machine::pace::Pace;
use crate::machine::retry::Backoff;
use crate::machine::timer::Timers;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::reference::is_http;

/// One download of a reply, seen by the client (§3.6).
///
/// See the [module](super) for how to drive it.
#[derive(Debug)]
#[must_use = "a download does nothing unless it is driven"]
pub struct Download {
    pub(super) config: Config,
    pub(super) url: Uri,
    pub(super) ranges: ApplicationRanges,
    pub(super) version: Version,
    /// How many bytes of what is wanted have been stored (`FRAGMENT_OFFSET`).
    pub(super) received: u64,
    /// Whether the server was found not to do several ranges at once (`SINGLE_RANGE_ONLY`).
    pub(super) single_ranges_only: bool,
    pub(super) head_due: bool,
    pub(super) restarts: u32,
    pub(super) hold: Hold,
    pub(super) in_flight: Option<InFlight>,
    pub(super) exchanges: u64,
    pub(super) credentials: HeaderMap,
    pub(super) backoff: Backoff,
    pub(super) pace: Pace,
    pub(super) timers: Timers<Timer>,
    pub(super) outputs: Outputs<Output>,
}

impl Download {
    /// A download of these ranges of the entity at `url`; its first request is the first output.
    ///
    /// # Errors
    /// [`InvalidValue::Destination`] unless `url` is an absolute `http` or `https` URL.
    pub fn new(
        now: Instant,
        url: Uri,
        ranges: ApplicationRanges,
        config: Config,
    ) -> Result<Self, InvalidValue> {
        let mut download = Self::at_rest(url, ranges, config)?;
        download.timers.start(Timer::GiveUp, now, download.config.patience.give_up_after);
        download.advance(now);
        Ok(download)
    }

    /// A download that has not begun.
    pub(super) fn at_rest(url: Uri, ranges: ApplicationRanges, config: Config) -> Result<Self, InvalidValue> {
        if !is_http(&url) {
            return Err(InvalidValue::Destination);
        }
        let mut download = Self {
            url,
            ranges,
            version: Version::default(),
            received: 0,
            single_ranges_only: false,
            head_due: false,
            restarts: 0,
            hold: Hold::None,
            in_flight: None,
            exchanges: 0,
            credentials: HeaderMap::new(),
            backoff: Backoff::new(config.seed),
            pace: Pace::new(config.rate),
            timers: Timers::new(),
            outputs: Outputs::new(),
            config,
        };
        download.forget_version();
        Ok(download)
    }

    /// Where the entity is.
    #[must_use]
    pub const fn url(&self) -> &Uri {
        &self.url
    }

    /// Which bytes of it are wanted.
    #[must_use]
    pub const fn ranges(&self) -> &ApplicationRanges {
        &self.ranges
    }

    /// How many bytes the whole entity has, once the server told.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.version.length
    }

    /// How many bytes are wanted, once that is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.ranges.fixed_size().or(self.version.length)
    }

    /// How many bytes of what is wanted have been stored.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// The pace, in bytes a second.
    #[must_use]
    pub const fn rate(&self) -> Option<NonZeroU64> {
        self.pace.rate()
    }

    /// Where the download stands.
    #[must_use]
    pub fn state(&self) -> State {
        match self.hold {
            Hold::Completed => State::Completed,
            Hold::Cancelled => State::Cancelled,
            Hold::Failed => State::Failed,
            Hold::Suspended => State::Suspended,
            Hold::Retry => State::WaitingToRetry,
            Hold::Pace => State::Pacing,
            Hold::Credentials => State::WaitingForCredentials,
            Hold::None | Hold::Suspending => match &self.in_flight {
                Some(InFlight { wanted: Wanted::Head, .. }) => State::Measuring,
                _ => State::Downloading,
            },
        }
    }

    /// What to do now; `None` until something is told to the download, or a timer goes off.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None`: no timer runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
    }

    /// The timer that goes off next, and when.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// As it was before the first answer (`STATE_INIT`, §3.6.5.2.1; C64).
    pub(super) fn forget_version(&mut self) {
        self.version = Version::default();
        self.received = 0;
        self.single_ranges_only = false;
        self.head_due = match self.config.head {
            HeadRequest::ForRanges => self.ranges != ApplicationRanges::whole(),
            HeadRequest::Always => true,
            HeadRequest::Never => false,
        };
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }
}
