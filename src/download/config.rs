//! The settings of a download.

use std::num::NonZeroU64;
use std::time::Duration;

use http::HeaderMap;

use crate::machine::InvalidConfig;
use crate::machine::patience::Patience;
use crate::packet::Conformance;
use crate::vocabulary::limits::{
    DOWNLOAD_REQUEST_TIMEOUT, MAX_DOWNLOAD_RESTARTS, MAX_ENTITY_SIZE, MAX_REPLY_SIZE,
};

/// The longest delay that a server may ask for: one hour (C75).
const LONGEST_WISH: Duration = Duration::from_secs(60 * 60);

/// How a download behaves.
///
/// ```
/// use bits_proto::download::{Config, HeadRequest};
///
/// let config = Config::builder()
///     .head(HeadRequest::Always)
///     .fragment_size(1024 * 1024)
///     .max_size(100 * 1024 * 1024)
///     .seed(0x5EED)
///     .build()?;
/// assert!(Config::builder().fragment_size(0).build().is_err());
/// # Ok::<(), bits_proto::InvalidConfig>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) conformance: Conformance,
    pub(super) head: HeadRequest,
    pub(super) fragment_size: Option<u64>,
    pub(super) rate: Option<NonZeroU64>,
    pub(super) max_size: u64,
    pub(super) patience: Patience,
    /// The longest delay that a server may ask for.
    pub(super) longest_wish: Duration,
    pub(super) max_restarts: u32,
    pub(super) pages: bool,
    pub(super) headers: HeaderMap,
    pub(super) seed: u64,
}

/// Whether a HEAD asks for the entity's length before anything is fetched (§3.6.5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum HeadRequest {
    /// If anything else than the whole entity is wanted, as Windows does (note `<30>`). The default.
    #[default]
    ForRanges,
    /// Always.
    Always,
    /// Never: the first GET tells the length.
    Never,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            conformance: Conformance::Interop,
            head: HeadRequest::ForRanges,
            fragment_size: None,
            rate: None,
            max_size: MAX_REPLY_SIZE,
            patience: Patience::new(DOWNLOAD_REQUEST_TIMEOUT),
            longest_wish: LONGEST_WISH,
            max_restarts: MAX_DOWNLOAD_RESTARTS,
            pages: false,
            headers: HeaderMap::new(),
            seed: 0,
        }
    }
}

impl Config {
    /// A configuration with the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { config: Self::default() }
    }

    /// This configuration, to be changed in a setting or two.
    pub fn to_builder(&self) -> ConfigBuilder {
        ConfigBuilder { config: self.clone() }
    }
}

/// Builds a [`Config`].
///
/// ```
/// use std::time::Duration;
///
/// use bits_proto::download::Config;
///
/// let config = Config::builder().max_size(64 << 20).give_up_after(Duration::from_secs(3600)).build()?;
/// assert!(config.to_builder().fragment_size(0).build().is_err());
/// # Ok::<(), bits_proto::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is configured until `build` is called"]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// How strictly answers are read; [`Conformance::Interop`] by default.
    pub fn conformance(mut self, conformance: Conformance) -> Self {
        self.config.conformance = conformance;
        self
    }

    /// Whether a HEAD goes first; by default if anything else than the whole entity is wanted.
    pub fn head(mut self, head: HeadRequest) -> Self {
        self.config.head = head;
        self
    }

    /// How many bytes one GET asks for at most (`FRAGMENT_LENGTH`); by default, all that are missing.
    ///
    /// A server that does not know ranges can only be asked for the whole.
    pub fn fragment_size(mut self, bytes: u64) -> Self {
        self.config.fragment_size = Some(bytes);
        self
    }

    /// The pace to begin with, in bytes a second; none by default. One GET then asks for what comes in a quarter of a second
    /// at most, so that the pace is even. [`Download::set_rate`](super::Download::set_rate) changes it.
    ///
    /// A server that does not know ranges can only be asked for the whole, and so keeps no pace.
    pub fn rate(mut self, bytes_a_second: Option<NonZeroU64>) -> Self {
        self.config.rate = bytes_a_second;
        self
    }

    /// How many bytes a server may make this side store, at most; 4 GiB by default. A larger entity
    /// [fails](super::Reason::TooLarge) the download before a byte of it is stored.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.config.max_size = bytes;
        self
    }

    /// How long sending one request may take (§3.6.2.1), and how long the head of its answer and every further piece of the
    /// body (§3.6.2.2); 5 minutes each by default ([C50](crate::manual::decisions#c50)).
    pub fn timeouts(mut self, request: Duration, response: Duration) -> Self {
        self.config.patience.request_timeout = request;
        self.config.patience.response_timeout = response;
        self
    }

    /// The first and the longest delay before something is tried again; 5 seconds and 10 minutes by default. Delays
    /// double in between, and vary by a quarter so that a fleet does not come back at once.
    ///
    /// A server may ask for a longer delay (`Retry-After`), of up to an hour; of up to `longest` where it is set here ([C75]).
    ///
    /// [C75]: crate::manual::decisions#c75
    pub fn retry_delays(mut self, first: Duration, longest: Duration) -> Self {
        self.config.patience.first_retry_delay = first;
        self.config.patience.longest_retry_delay = longest;
        self.config.longest_wish = longest.min(LONGEST_WISH);
        self
    }

    /// After how long without progress the download fails; 14 days by default.
    pub fn give_up_after(mut self, time: Duration) -> Self {
        self.config.patience.give_up_after = time;
        self
    }

    /// How often the download may start over because the entity changed; 3 by default ([C63]).
    ///
    /// [C63]: crate::manual::decisions#c63
    pub fn max_restarts(mut self, restarts: u32) -> Self {
        self.config.max_restarts = restarts;
        self
    }

    /// Whether an HTML page that names neither its `Last-Modified` nor its `ETag` may be the reply; not by default.
    ///
    /// Servers of replies must send `Last-Modified` (§3.5.5.1). A page without it comes from a captive portal or a login
    /// as a rule, so that the download [waits](super::Reason::Page) until the true reply comes.
    pub fn pages(mut self, pages: bool) -> Self {
        self.config.pages = pages;
        self
    }

    /// Headers of the caller's own, which go with every request. They replace neither those of the protocol nor the
    /// [credentials](super::Download::authenticate).
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.config.headers = headers;
        self
    }

    /// The seed of the delays' variation; give every download another one. 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// The configuration.
    ///
    /// # Errors
    /// [`InvalidConfig`] says which setting makes no sense.
    pub fn build(self) -> Result<Config, InvalidConfig> {
        let config = self.config;
        if config.fragment_size.is_some_and(|size| size == 0 || size > MAX_ENTITY_SIZE) {
            return Err(InvalidConfig::FragmentSize);
        }
        config.patience.check()?;
        Ok(config)
    }
}
