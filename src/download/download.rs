//! One download, seen by the client.

use std::num::NonZeroU64;
use std::time::Instant;

use http::Uri;

use super::answer::Validators;
use super::application_ranges::ApplicationRanges;
use super::config::{Config, HeadRequest};
use super::output::{Connection, Event, Output};
use super::state::{Doing, InFlight, State, Then, Timer, Wanted};
use crate::machine::Credentials;
use crate::machine::outputs::Outputs;
use crate::machine::pace::Pace;
use crate::machine::retry::Backoff;
use crate::machine::timer::Timers;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::reference::is_http;

/// One download of a reply, seen by the client (§3.6).
///
/// See the [module](super) for how to drive it.
///
/// ```
/// use std::time::Instant;
/// use bits_proto::download::{ApplicationRanges, Config, Download, Event, Output};
///
/// let now = Instant::now();
/// let url = "http://server/replies/1".parse()?;
/// let mut download = Download::new(now, url, ApplicationRanges::whole(), Config::default())?;
///
/// // The download asks for the entity.
/// let Some(Output::Transmit(transmit)) = download.poll_output() else { panic!("a request is first") };
/// assert_eq!(transmit.request.method(), "GET");
///
/// // The head of the answer is here: the download says where the bytes of the body belong.
/// let response = http::Response::builder().header("Content-Length", "5").body(())?;
/// download.handle_response(now, transmit.id, &response);
/// assert!(matches!(download.poll_output(), Some(Output::Event(Event::SizeKnown { size: 5 }))));
/// let Some(Output::Receive { id, receiver }) = download.poll_output() else { panic!("a body follows") };
/// assert_eq!(receiver.range(), Some(0..5));
///
/// // Five bytes are stored: the download is complete.
/// download.handle_received(now, id, 5);
/// assert!(matches!(download.poll_output(), Some(Output::Event(Event::Progress { received: 5 }))));
/// assert!(matches!(download.poll_output(), Some(Output::Event(Event::Completed { received: 5 }))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a download does nothing unless it is driven"]
pub struct Download {
    pub(super) config: Config,
    pub(super) url: Uri,
    pub(super) ranges: ApplicationRanges,
    pub(super) known: Known,
    pub(super) doing: Doing,
    /// The number of times that the entity has changed.
    pub(super) restarts: u32,
    /// The number of challenges that came in a row.
    pub(super) challenges: u32,
    pub(super) exchanges: u64,
    pub(super) credentials: Credentials,
    /// The connection that the next request must use.
    pub(super) connection: Connection,
    pub(super) backoff: Backoff,
    pub(super) pace: Pace,
    pub(super) timers: Timers<Timer>,
    pub(super) outputs: Outputs<Output>,
}

/// What is known of the entity and of its server, and how much was stored. Another version replaces it as a whole
/// (`STATE_INIT`, §3.6.5.2.1; C64).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// The size of the entity (`DATA_LENGTH`).
    pub(super) size: Option<u64>,
    /// The names of its version (`DATA_TIMESTAMP`).
    pub(super) validators: Validators,
    /// The number of wanted bytes that have been stored (`FRAGMENT_OFFSET`).
    pub(super) received: u64,
    /// Whether the server was found not to do several ranges at once (`SINGLE_RANGE_ONLY`).
    pub(super) single_ranges_only: bool,
    /// Whether a HEAD goes before the next GET.
    pub(super) head_due: bool,
}

impl Known {
    /// Nothing is known.
    pub(super) fn nothing(config: &Config, ranges: &ApplicationRanges) -> Self {
        let head_due = match config.head {
            HeadRequest::ForRanges => *ranges != ApplicationRanges::whole(),
            HeadRequest::Always => true,
            HeadRequest::Never => false,
        };
        let validators = Validators::default();
        Self { size: None, validators, received: 0, single_ranges_only: false, head_due }
    }
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
        download.settle(now);
        Ok(download)
    }

    /// A download that has not begun.
    pub(super) fn at_rest(url: Uri, ranges: ApplicationRanges, config: Config) -> Result<Self, InvalidValue> {
        if !is_http(&url) {
            return Err(InvalidValue::Destination);
        }
        Ok(Self {
            url,
            known: Known::nothing(&config, &ranges),
            ranges,
            doing: Doing::Between(Then::GoOn),
            restarts: 0,
            challenges: 0,
            exchanges: 0,
            credentials: Credentials::default(),
            connection: Connection::Any,
            backoff: Backoff::new(config.seed),
            pace: Pace::new(config.rate),
            timers: Timers::new(),
            outputs: Outputs::new(),
            config,
        })
    }

    /// The place of the entity.
    #[must_use]
    pub const fn url(&self) -> &Uri {
        &self.url
    }

    /// Which bytes of it are wanted.
    #[must_use]
    pub const fn ranges(&self) -> &ApplicationRanges {
        &self.ranges
    }

    /// The size of the whole entity, in bytes, once the server told it.
    #[must_use]
    pub const fn entity_size(&self) -> Option<u64> {
        self.known.size
    }

    /// The size of what is wanted, in bytes, once that is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.ranges.fixed_size().or(self.known.size)
    }

    /// The number of wanted bytes that have been stored.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.known.received
    }

    /// The rate limit, in bytes a second.
    #[must_use]
    pub const fn rate(&self) -> Option<NonZeroU64> {
        self.pace.rate()
    }

    /// The state of the download.
    #[must_use]
    pub const fn state(&self) -> State {
        match &self.doing {
            Doing::Exchanging(InFlight { wanted: Wanted::Head, .. }, _) => State::Measuring,
            Doing::Exchanging(..) | Doing::Between(_) => State::Downloading,
            Doing::Retrying => State::WaitingToRetry,
            Doing::Pacing => State::Pacing,
            Doing::Challenged(..) => State::WaitingForCredentials,
            Doing::Suspended => State::Suspended,
            Doing::Failed => State::Failed,
            Doing::Completed => State::Completed,
            Doing::Cancelled => State::Cancelled,
        }
    }

    /// Returns the next output. `None` means that there is none until the next report, command or timer.
    #[must_use = "the download goes on once this is done"]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout); `None` if no timer runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
    }

    /// The timer that goes off next, and when.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }
}
