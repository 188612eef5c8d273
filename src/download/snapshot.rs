//! The snapshot of a download.

use std::time::{Duration, Instant};

use http::{HeaderValue, Uri};

use super::answer::Validators;
use super::application_ranges::ApplicationRanges;
use super::config::Config;
use super::download::{Download, Known};
use super::entity_tag::EntityTag;
use super::state::{Doing, State, Then, Timer};
use crate::machine::RestoreError;
use crate::vocabulary::Raw;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

/// The version of the form in which downloads are stored. Older ones stay readable.
const VERSION: u32 = 2;

/// A [`Download`] at rest: plain data, with the feature `serde` for any of its formats.
///
/// It holds durations and no instants, and neither credentials nor the configuration, so it can be stored anywhere and
/// restored in another process. Take one after what was told to [`handle_received`](Download::handle_received) is safe, as
/// often as you like: whatever was stored after the last one is fetched again.
///
/// The exchange under way is not part of it: a restored download asks for what is missing again. What was fetched belongs to
/// the version of the entity that the snapshot names: the restored download goes on with `If-Range`, and starts over if that
/// version is gone.
///
#[cfg_attr(feature = "serde", doc = "```")]
#[cfg_attr(not(feature = "serde"), doc = "```ignore")]
/// use std::time::{Duration, Instant};
/// use bits_proto::download::{ApplicationRanges, Config, Download, Snapshot, State};
///
/// # let (now, config) = (Instant::now(), Config::default());
/// # let url = "http://server/replies/1".parse()?;
/// # let download = Download::new(now, url, ApplicationRanges::whole(), config.clone())?;
/// let row = serde_json::to_string(&download.snapshot(now))?;
/// // ... later, elsewhere:
/// let snapshot: Snapshot = serde_json::from_str(&row)?;
/// let age = Duration::from_secs(3600); // how long it was stored
/// let restored = Download::restore(now, snapshot, age, config)?;
/// assert_eq!(restored.state(), State::Downloading);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    version: u32,
    url: String,
    ranges: ApplicationRanges,
    length: Option<u64>,
    etag: Option<Raw<'static>>,
    last_modified: Option<Raw<'static>>,
    received: u64,
    single_ranges_only: bool,
    head_due: bool,
    restarts: u32,
    rest: Rest,
    exchanges: u64,
    /// The time for which the download may still go without progress, where that time runs.
    give_up_in: Option<Duration>,
    /// The time for which it still waits before it tries again, or for the pace. Version 1 did not know it.
    #[cfg_attr(feature = "serde", serde(default))]
    wait: Option<Duration>,
    /// The number of tries that failed in a row.
    #[cfg_attr(feature = "serde", serde(default))]
    attempts: u32,
    /// The number of challenges that were answered in a row.
    #[cfg_attr(feature = "serde", serde(default))]
    challenges: u32,
}

/// The state of a stored download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Rest {
    /// It asks for what is next.
    GoesOn,
    Suspended,
    Failed,
    Completed,
    Cancelled,
    /// It waits for the next try.
    Retrying,
    /// It waits for the pace.
    Pacing,
}

impl Snapshot {
    /// The place of the entity.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which bytes of it are wanted.
    #[must_use]
    pub const fn ranges(&self) -> &ApplicationRanges {
        &self.ranges
    }

    /// The size of the whole entity, in bytes, where it is known.
    #[must_use]
    pub const fn entity_size(&self) -> Option<u64> {
        self.length
    }

    /// The size of what is wanted, in bytes, where it is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.ranges.fixed_size().or(self.length)
    }

    /// The number of wanted bytes that have been stored.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// The state of the download. One that was exchanging is [`Downloading`](State::Downloading).
    #[must_use]
    pub const fn state(&self) -> State {
        match self.rest {
            Rest::GoesOn if self.head_due => State::Measuring,
            Rest::GoesOn => State::Downloading,
            Rest::Suspended => State::Suspended,
            Rest::Failed => State::Failed,
            Rest::Completed => State::Completed,
            Rest::Cancelled => State::Cancelled,
            Rest::Retrying => State::WaitingToRetry,
            Rest::Pacing => State::Pacing,
        }
    }
}

impl Download {
    /// Returns the download as plain data, in any state.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let left = |at: Instant| at.saturating_duration_since(now);
        let timer = |timer| self.timers.get(timer).map(left);
        let (rest, wait, challenges) = match &self.doing {
            Doing::Exchanging(_, Then::GoOn) | Doing::Between(Then::GoOn) => {
                (Rest::GoesOn, None, self.challenges)
            }
            // The challenge comes again.
            Doing::Challenged(_) => (Rest::GoesOn, None, self.challenges.saturating_sub(1)),
            Doing::Retrying => (Rest::Retrying, timer(Timer::Retry), self.challenges),
            Doing::Pacing => (Rest::Pacing, timer(Timer::Pace), self.challenges),
            Doing::Exchanging(_, Then::Suspend) | Doing::Between(Then::Suspend) | Doing::Suspended => {
                (Rest::Suspended, None, self.challenges)
            }
            Doing::Failed => (Rest::Failed, None, self.challenges),
            Doing::Completed => (Rest::Completed, None, self.challenges),
            Doing::Cancelled => (Rest::Cancelled, None, self.challenges),
        };
        let give_up_in = match &self.doing {
            Doing::Challenged(challenge) => Some(challenge.give_up_in),
            _ if rest == Rest::Suspended => None,
            _ => timer(Timer::GiveUp),
        };
        let Known { size, validators, received, single_ranges_only, head_due } = &self.known;
        Snapshot {
            version: VERSION,
            url: self.url.to_string(),
            ranges: self.ranges.clone(),
            length: *size,
            etag: validators.etag.as_ref().and_then(|tag| stored(tag.as_header())),
            last_modified: validators.last_modified.as_ref().and_then(stored),
            received: *received,
            single_ranges_only: *single_ranges_only,
            head_due: *head_due,
            restarts: self.restarts,
            rest,
            exchanges: self.exchanges,
            give_up_in,
            wait,
            attempts: self.backoff.attempts(),
            challenges,
        }
    }

    /// Restores a download from a snapshot that was stored for the time `age`. Unless it was suspended or over, it goes on with
    /// the first byte that is missing.
    ///
    /// `age` is subtracted from the time without progress, from the delay before the next try, and from the wait for the rate
    /// limit. Pass zero if it is not known, so that a wrong clock does not let a download fail.
    ///
    /// # Errors
    /// [`RestoreError`] for a snapshot of a later version, or one that no download can have made.
    pub fn restore(
        now: Instant,
        snapshot: Snapshot,
        age: Duration,
        config: Config,
    ) -> Result<Self, RestoreError> {
        let url = snapshot.check()?;
        let validators = snapshot.validators()?;
        let mut download =
            Self::at_rest(url, snapshot.ranges, config).map_err(|_| RestoreError::Inconsistent("the URL"))?;
        download.known = Known {
            size: snapshot.length,
            validators,
            received: snapshot.received,
            single_ranges_only: snapshot.single_ranges_only,
            head_due: snapshot.head_due,
        };
        download.restarts = snapshot.restarts;
        download.exchanges = snapshot.exchanges;
        download.challenges = snapshot.challenges;
        download.backoff.resume(snapshot.attempts);
        let wait = snapshot.wait.unwrap_or_default().saturating_sub(age);
        download.doing = match snapshot.rest {
            Rest::GoesOn => Doing::Between(Then::GoOn),
            Rest::Suspended => Doing::Suspended,
            Rest::Failed => Doing::Failed,
            Rest::Completed => Doing::Completed,
            Rest::Cancelled => Doing::Cancelled,
            Rest::Retrying => {
                download.timers.start(Timer::Retry, now, wait);
                Doing::Retrying
            }
            Rest::Pacing => {
                download.timers.start(Timer::Pace, now, wait);
                Doing::Pacing
            }
        };
        if matches!(download.doing, Doing::Between(_) | Doing::Retrying | Doing::Pacing) {
            let most = download.config.patience.give_up_after;
            let left = snapshot.give_up_in.map_or(most, |left| left.min(most));
            download.timers.start(Timer::GiveUp, now, left.saturating_sub(age));
        }
        // What is due already comes before the next request.
        download.handle_timeout(now);
        download.settle(now);
        Ok(download)
    }
}

impl Snapshot {
    fn check(&self) -> Result<Uri, RestoreError> {
        if self.version == 0 || self.version > VERSION {
            return Err(RestoreError::Version(self.version));
        }
        let size = self.size();
        let consistent = [
            ("the length of the entity", self.length.is_none_or(|length| length <= MAX_ENTITY_SIZE)),
            ("how much was received", self.received <= size.unwrap_or(0)),
            ("its completion", self.rest != Rest::Completed || size == Some(self.received)),
        ];
        match consistent.into_iter().find(|(_, holds)| !holds) {
            Some((what, _)) => Err(RestoreError::Inconsistent(what)),
            None => self.url.parse().map_err(|_| RestoreError::Inconsistent("the URL")),
        }
    }

    fn validators(&self) -> Result<Validators, RestoreError> {
        let etag = self.etag.as_ref().map(|tag| EntityTag::from_bytes(tag.as_bytes())).transpose();
        Ok(Validators {
            etag: etag.map_err(|_| RestoreError::Inconsistent("the entity tag"))?,
            last_modified: self.last_modified.as_ref().map(HeaderValue::from),
        })
    }
}

/// What was read is at most as long as a header's value may be, and so it can be stored.
fn stored(value: &HeaderValue) -> Option<Raw<'static>> {
    Raw::new(value.as_bytes().to_vec()).ok()
}
