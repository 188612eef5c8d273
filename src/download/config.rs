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

/// The configuration of a download.
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

    /// A builder that begins with these settings.
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
    /// Sets how strictly answers are read. The default is [`Conformance::Interop`].
    pub fn conformance(mut self, conformance: Conformance) -> Self {
        self.config.conformance = conformance;
        self
    }

    /// Sets whether a HEAD goes first. By default it does if anything else than the whole entity is wanted.
    pub fn head(mut self, head: HeadRequest) -> Self {
        self.config.head = head;
        self
    }

    /// Bounds the bytes that one GET asks for (`FRAGMENT_LENGTH`). By default it asks for all that are missing.
    ///
    /// A server that does not know ranges can only be asked for the whole.
    pub fn fragment_size(mut self, bytes: u64) -> Self {
        self.config.fragment_size = Some(bytes);
        self
    }

    /// Limits the rate, in bytes a second. By default there is no limit. [`Download::set_rate`](super::Download::set_rate) changes it
    /// later. With a limit, one GET asks for the bytes of a quarter of a second at most, so that the rate is even.
    ///
    /// A server that does not know ranges can only be asked for the whole, so that the limit does not apply.
    pub fn rate(mut self, bytes_a_second: Option<NonZeroU64>) -> Self {
        self.config.rate = bytes_a_second;
        self
    }

    /// Bounds the number of bytes that the download stores. By default 4 GiB. If the server has more of what is wanted, the
    /// download [fails](super::Reason::TooLarge) before a byte is stored.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.config.max_size = bytes;
        self
    }

    /// Sets how long sending one request may take (§3.6.2.1), and how long the head of its answer and every further piece of the
    /// body (§3.6.2.2). By default 5 minutes each ([C50](crate::manual::decisions#c50)).
    pub fn timeouts(mut self, request: Duration, response: Duration) -> Self {
        self.config.patience.set_timeouts(request, response);
        self
    }

    /// Sets the first and the longest delay before another try. By default 5 seconds and 10 minutes. Delays
    /// double in between, and vary by a quarter so that a fleet does not come back at once.
    ///
    /// A server may ask for a longer delay (`Retry-After`), of up to an hour, or of up to `longest` if it is set here ([C75]).
    ///
    /// [C75]: crate::manual::decisions#c75
    pub fn retry_delays(mut self, first: Duration, longest: Duration) -> Self {
        self.config.patience.set_retry_delays(first, longest);
        self
    }

    /// Sets the time without progress after which the download fails. By default 14 days.
    pub fn give_up_after(mut self, time: Duration) -> Self {
        self.config.patience.give_up_after = time;
        self
    }

    /// Bounds how often the download may start over because the entity changed. By default 3 times ([C63]).
    ///
    /// [C63]: crate::manual::decisions#c63
    pub fn max_restarts(mut self, restarts: u32) -> Self {
        self.config.max_restarts = restarts;
        self
    }

    /// Lets an HTML page without `Last-Modified` and without `ETag` be the reply. Off by default.
    ///
    /// Servers of replies must send `Last-Modified` (§3.5.5.1). A page without it usually comes from a captive portal or a
    /// login, so the download [waits](super::Reason::Page) until the true reply comes.
    pub fn pages(mut self, pages: bool) -> Self {
        self.config.pages = pages;
        self
    }

    /// Adds these headers to every request. They replace neither headers of the protocol nor the
    /// [credentials](super::Download::authenticate).
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.config.headers = headers;
        self
    }

    /// Seeds the random part of the delays. Give each download a seed of its own. By default 0.
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
