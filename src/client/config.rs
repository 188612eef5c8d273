//! How an upload behaves.

use std::num::NonZeroU64;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::choices::{ContentNamePackets, LostClose, Recovery, ReplyMode};
use super::fragments::FragmentSize;
use super::host::HostPolicy;
use crate::machine::patience::Patience;
use crate::packet::Conformance;
use crate::packet::ResponseHead;
use crate::vocabulary::limits::{
    DEFAULT_FRAGMENT_SIZE, MAX_REGRESSIONS, MAX_RESTARTS, MAX_STALLS, REQUEST_TIMEOUT,
};

/// How an upload behaves. The defaults suit IIS.
///
/// ```
/// use bits_proto::client::{Config, Recovery};
/// use std::time::Duration;
///
/// let config = Config::builder()
///     .fragment_size(256 * 1024)
///     .retry_delays(Duration::from_secs(1), Duration::from_secs(60))
///     .recovery(Recovery::Restart)
///     .seed(0x5EED)
///     .build()?;
/// assert!(Config::builder().fragment_size(0).build().is_err());
/// # Ok::<(), bits_proto::InvalidConfig>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) conformance: Conformance,
    pub(super) fragment_size: FragmentSize,
    pub(super) rate: Option<NonZeroU64>,
    pub(super) content_name: ContentNamePackets,
    pub(super) ping_first: bool,
    pub(super) reply: ReplyMode,
    pub(super) recovery: Recovery,
    pub(super) lost_close: LostClose,
    pub(super) host_policy: HostPolicy,
    pub(super) host_fallback_cap: Option<Duration>,
    pub(super) method_override: bool,
    pub(super) uppercase_protocol: bool,
    pub(super) headers: HeaderMap,
    pub(super) session_not_found: Vec<(HeaderName, HeaderValue)>,
    pub(super) patience: Patience,
    pub(super) max_stalls: u32,
    pub(super) max_regressions: u32,
    pub(super) max_restarts: u32,
    pub(super) seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            conformance: Conformance::Interop,
            fragment_size: FragmentSize::Fixed(DEFAULT_FRAGMENT_SIZE),
            rate: None,
            content_name: ContentNamePackets::Fragments,
            ping_first: false,
            reply: ReplyMode::Ignored,
            recovery: Recovery::Resend,
            lost_close: LostClose::Completes,
            host_policy: HostPolicy::Any,
            host_fallback_cap: None,
            method_override: false,
            uppercase_protocol: false,
            headers: HeaderMap::new(),
            session_not_found: Vec::new(),
            patience: Patience::new(REQUEST_TIMEOUT),
            max_stalls: MAX_STALLS,
            max_regressions: MAX_REGRESSIONS,
            max_restarts: MAX_RESTARTS,
            seed: 0,
        }
    }
}

impl Config {
    /// Whether an error is a vendor's way to say that the session is not found.
    pub(super) fn says_session_not_found(&self, head: ResponseHead<'_>) -> bool {
        let mut pairs = self.session_not_found.iter();
        pairs.any(|(name, value)| head.headers.get_all(name).iter().any(|found| found == value))
    }
}
