//! A download at rest.

use std::time::{Duration, Instant};

use http::{HeaderValue, Uri};

use super::application_ranges::ApplicationRanges;
use super::config::Config;
use super::download::Download;
use super::entity_tag::EntityTag;
use super::state::{Hold, Timer};
use super::version::{Validators, Version};
use crate::machine::RestoreError;
use crate::vocabulary::Raw;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

/// The version of the form in which downloads are stored. Older ones stay readable.
const VERSION: u32 = 1;

/// A [`Download`] at rest: plain data, with the feature `serde` for any of its formats.
///
/// It holds durations and no instants, and neither credentials nor the configuration, so it can be stored anywhere and
/// restored in another process. Take one after what was told to [`handle_received`](Download::handle_received) is safe, as
/// often as you like: whatever was stored after the last one is fetched again.
///
/// While it is stored no time passes for the download. What was fetched belongs to the version of the entity that the
/// snapshot names: the restored download goes on with `If-Range`, and starts over if that version is gone.
///
#[cfg_attr(feature = "serde", doc = "```")]
#[cfg_attr(not(feature = "serde"), doc = "```ignore")]
/// use std::time::Instant;
/// use bits_proto::download::{ApplicationRanges, Config, Download, Snapshot, State};
///
/// # let (now, config) = (Instant::now(), Config::default());
/// # let url = "http://server/replies/1".parse()?;
/// # let download = Download::new(now, url, ApplicationRanges::whole(), config.clone())?;
/// let row = serde_json::to_string(&download.snapshot(now))?;
/// // ... later, elsewhere:
/// let snapshot: Snapshot = serde_json::from_str(&row)?;
/// let restored = Download::restore(now, snapshot, config)?;
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
    /// How long the download may still go without progress, where that time runs.
    give_up_in: Option<Duration>,
}

/// Whether a restored download goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Rest {
    GoesOn,
    Suspended,
    Failed,
    Completed,
    Cancelled,
}

impl Snapshot {
    /// Where the entity is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which bytes of it are wanted.
    #[must_use]
    pub const fn ranges(&self) -> &ApplicationRanges {
        &self.ranges
    }

    /// How many bytes of what is wanted have been stored.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }
}

impl Download {
    /// The download as plain data, in whatever state it is.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let validators = &self.version.validators;
        let rest = self.rest();
        let give_up_at = self.timers.get(Timer::GiveUp).filter(|_| rest == Rest::GoesOn);
        Snapshot {
            version: VERSION,
            url: self.url.to_string(),
            ranges: self.ranges.clone(),
            length: self.version.length,
            etag: validators.etag.as_ref().and_then(|tag| stored(tag.as_header())),
            last_modified: validators.last_modified.as_ref().and_then(stored),
            received: self.received,
            single_ranges_only: self.single_ranges_only,
            head_due: self.head_due,
            restarts: self.restarts,
            rest,
            exchanges: self.exchanges,
            give_up_in: give_up_at.map(|at| at.saturating_duration_since(now)),
        }
    }

    fn rest(&self) -> Rest {
        match self.hold {
            Hold::Suspending | Hold::Suspended => Rest::Suspended,
            Hold::Failed => Rest::Failed,
            Hold::Completed => Rest::Completed,
            Hold::Cancelled => Rest::Cancelled,
            Hold::None | Hold::Retry | Hold::Pace | Hold::Credentials => Rest::GoesOn,
        }
    }

    /// The download of a snapshot. Unless it was suspended or over, it goes on with the first byte that is missing.
    ///
    /// # Errors
    /// [`RestoreError`] for a snapshot of a later version, or one that no download can have made.
    pub fn restore(now: Instant, snapshot: Snapshot, config: Config) -> Result<Self, RestoreError> {
        let url = snapshot.check()?;
        let version = snapshot.version_of_entity()?;
        let mut download =
            Self::at_rest(url, snapshot.ranges, config).map_err(|_| RestoreError::Inconsistent("the URL"))?;
        download.version = version;
        download.received = snapshot.received;
        download.single_ranges_only = snapshot.single_ranges_only;
        download.head_due = snapshot.head_due;
        download.restarts = snapshot.restarts;
        download.exchanges = snapshot.exchanges;
        download.hold = match snapshot.rest {
            Rest::GoesOn => Hold::None,
            Rest::Suspended => Hold::Suspended,
            Rest::Failed => Hold::Failed,
            Rest::Completed => Hold::Completed,
            Rest::Cancelled => Hold::Cancelled,
        };
        if download.hold == Hold::None {
            let most = download.config.patience.give_up_after;
            download.timers.start(
                Timer::GiveUp,
                now,
                snapshot.give_up_in.map_or(most, |left| left.min(most)),
            );
        }
        download.advance(now);
        Ok(download)
    }
}

impl Snapshot {
    fn check(&self) -> Result<Uri, RestoreError> {
        if self.version == 0 || self.version > VERSION {
            return Err(RestoreError::Version(self.version));
        }
        let size = self.ranges.fixed_size().or(self.length);
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

    fn version_of_entity(&self) -> Result<Version, RestoreError> {
        let etag = self.etag.as_ref().map(|tag| EntityTag::from_bytes(tag.as_bytes())).transpose();
        let validators = Validators {
            etag: etag.map_err(|_| RestoreError::Inconsistent("the entity tag"))?,
            last_modified: self.last_modified.as_ref().map(HeaderValue::from),
        };
        Ok(Version { length: self.length, validators })
    }
}

/// What was read is at most as long as a header's value may be, and so it can be stored.
fn stored(value: &HeaderValue) -> Option<Raw<'static>> {
    Raw::new(value.as_bytes().to_vec()).ok()
}
