//! The settings of a notification.

use std::time::Duration;

use crate::machine::InvalidConfig;
use crate::machine::patience::refuse_zero;
use crate::packet::Conformance;
use crate::vocabulary::limits::{
    MAX_REPLY_SIZE, NOTIFICATION_HEAD_TIMEOUT, NOTIFICATION_RESPONSE_TIMEOUT, NOTIFICATION_SEND_TIMEOUT,
};

/// The configuration of notifications. The defaults are those of MC-BUP.
///
/// ```
/// use bits_proto::notify::Config;
/// use std::time::Duration;
///
/// let half_a_minute = Duration::from_secs(30); // as BITS 1.5 had it
/// let config = Config::builder()
///     .timeouts(half_a_minute, half_a_minute, half_a_minute)
///     .max_reply_size(1 << 20)
///     .build()?;
/// assert!(Config::builder().timeouts(Duration::ZERO, half_a_minute, half_a_minute).build().is_err());
/// # Ok::<(), bits_proto::InvalidConfig>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) conformance: Conformance,
    pub(super) send_timeout: Duration,
    pub(super) head_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) max_reply_size: u64,
    pub(super) expect_reply: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            conformance: Conformance::Interop,
            send_timeout: NOTIFICATION_SEND_TIMEOUT,
            head_timeout: NOTIFICATION_HEAD_TIMEOUT,
            response_timeout: NOTIFICATION_RESPONSE_TIMEOUT,
            max_reply_size: MAX_REPLY_SIZE,
            expect_reply: false,
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
/// use bits_proto::notify::Config;
///
/// let minute = Duration::from_secs(60);
/// let config = Config::builder().timeouts(minute, minute, 10 * minute).max_reply_size(1 << 20).build()?;
/// assert!(config.to_builder().timeouts(minute, minute, Duration::ZERO).build().is_err());
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

    /// Sets how long sending a notification may take (§3.3.2.1), and then how long the application may take until the head of
    /// its answer (§3.3.2.3) and for the whole of it (§3.3.2.2). By default 5 minutes each.
    ///
    /// An entity that is notified by value must be sent within the first.
    pub fn timeouts(mut self, send: Duration, head: Duration, response: Duration) -> Self {
        self.config.send_timeout = send;
        self.config.head_timeout = head;
        self.config.response_timeout = response;
        self
    }

    /// Bounds the reply that an application may send as the body of its answer, in bytes. By default 4 GiB.
    pub fn max_reply_size(mut self, bytes: u64) -> Self {
        self.config.max_reply_size = bytes;
        self
    }

    /// Says that every upload has a reply, so that an empty body is an empty reply ([C45]). By default an empty body is no
    /// reply.
    ///
    /// [C45]: crate::manual::decisions#c45
    pub fn expect_reply(mut self, expected: bool) -> Self {
        self.config.expect_reply = expected;
        self
    }

    /// The configuration.
    ///
    /// # Errors
    /// [`InvalidConfig`] says which setting makes no sense.
    pub fn build(self) -> Result<Config, InvalidConfig> {
        let config = self.config;
        refuse_zero([
            ("the send timeout", config.send_timeout),
            ("the timeout of the response's head", config.head_timeout),
            ("the response timeout", config.response_timeout),
        ])?;
        Ok(config)
    }
}
