//! The configuration of an upload: its settings, their choices, and the builder.

use std::num::NonZeroU64;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::fragments::FragmentSize;
use super::host::HostPolicy;
use crate::machine::InvalidConfig;
use crate::machine::patience::Patience;
use crate::packet::Conformance;
use crate::packet::ResponseHead;
use crate::vocabulary::limits::{MAX_REGRESSIONS, MAX_RESTARTS, MAX_STALLS, REQUEST_TIMEOUT};

/// The configuration of an upload. The defaults suit IIS.
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
    pub(super) ignores_dead_hosts: bool,
    pub(super) method_override: bool,
    pub(super) uppercase_protocol: bool,
    pub(super) headers: HeaderMap,
    pub(super) session_not_found: Vec<(HeaderName, HeaderValue)>,
    pub(super) patience: Patience,
    pub(super) max_stalls: u32,
    pub(super) max_regressions: u32,
    pub(super) max_restarts: u32,
    pub(super) empty_entity: EmptyEntity,
    pub(super) fresh_connections: bool,
    pub(super) seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            conformance: Conformance::Interop,
            fragment_size: FragmentSize::ADAPTIVE,
            rate: None,
            content_name: ContentNamePackets::Fragments,
            ping_first: false,
            reply: ReplyMode::Ignored,
            recovery: Recovery::Resend,
            lost_close: LostClose::Completes,
            host_policy: HostPolicy::Any,
            host_fallback_cap: None,
            ignores_dead_hosts: true,
            method_override: false,
            uppercase_protocol: false,
            headers: HeaderMap::new(),
            session_not_found: Vec::new(),
            patience: Patience::new(REQUEST_TIMEOUT),
            max_stalls: MAX_STALLS,
            max_regressions: MAX_REGRESSIONS,
            max_restarts: MAX_RESTARTS,
            empty_entity: EmptyEntity::Uploaded,
            fresh_connections: false,
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

/// On which packets `Content-Name` is sent ([C08g](crate::manual::decisions#c08g)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ContentNamePackets {
    /// On every Fragment, as today's Windows (note `<11>`). The default.
    #[default]
    Fragments,
    /// On Create-Session, Fragment and Close-Session, as the Windows of the captures (note `<5>`).
    All,
    /// On no packet: the server does not learn the name.
    None,
}

/// Whether a reply to the upload is expected ([C40](crate::manual::decisions#c40)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ReplyMode {
    /// A reply is not fetched, even if the server has one. The default.
    #[default]
    Ignored,
    /// A reply is fetched if the server has one.
    Optional,
    /// A reply is fetched, and its absence is a failure (§3.1.5.2.4).
    Required,
}

/// What to do when a Fragment was sent and no answer came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Recovery {
    /// Send it again. Right for servers that never overwrite what they stored, as IIS and this library. The default.
    #[default]
    Resend,
    /// Cancel the session and start over. For servers that append every Fragment: there, a repeat corrupts the file.
    Restart,
}

/// The meaning of "session not found" as the answer to a repeated Close-Session whose first answer was lost ([C17]).
///
/// [C17]: crate::manual::decisions#c17
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum LostClose {
    /// That the server has published the entity: the upload is complete, unconfirmed. The default.
    #[default]
    Completes,
    /// That it is not known: the upload starts over, as MC-BUP has it (§3.1.5.2.1). The entity may be published twice.
    StartsOver,
}

/// Whether an entity without a byte is uploaded ([C13](crate::manual::decisions#c13)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum EmptyEntity {
    /// It is uploaded: Create-Session, then Close-Session. The default.
    #[default]
    Uploaded,
    /// It is refused with [`InvalidConfig::EmptyEntity`], for servers that fail at it.
    Refused,
}

impl Config {
    /// A configuration with the defaults, which suit IIS.
    pub fn builder() -> ConfigBuilder {
        Self::default().to_builder()
    }

    /// A builder that begins with these settings.
    pub fn to_builder(&self) -> ConfigBuilder {
        ConfigBuilder { config: self.clone() }
    }

    /// A configuration for OneDrive, which takes the method in a header ([Q41]) and has a header of its own to say that a
    /// session is not found ([Q27](crate::manual::tolerances#q27)).
    ///
    /// [Q41]: crate::manual::tolerances#q41
    pub fn one_drive() -> ConfigBuilder {
        Self::builder().method_override(true).session_not_found(
            HeaderName::from_static("x-clienterrorcode"),
            HeaderValue::from_static("UploadSessionNotFound"),
        )
    }
}

/// Builds a [`Config`].
///
/// ```
/// use std::num::NonZeroU64;
/// use std::time::Duration;
///
/// use bits_proto::client::{Config, HostPolicy, ReplyMode};
/// use bits_proto::InvalidConfig;
///
/// let office = Config::builder()
///     .rate(NonZeroU64::new(1_000_000)) // a megabyte a second
///     .give_up_after(Duration::from_secs(24 * 60 * 60))
///     .host_policy(HostPolicy::Never)
///     .build()?;
/// let with_reply = office.to_builder().reply(ReplyMode::Required).build()?;
/// assert_ne!(office, with_reply);
///
/// let wrong = Config::builder().give_up_after(Duration::ZERO).build();
/// assert!(matches!(wrong, Err(InvalidConfig::ZeroTime(_))));
/// # Ok::<(), InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is configured until `build` is called"]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// Sets how strictly Acks are read. The default is [`Conformance::Interop`].
    pub fn conformance(mut self, conformance: Conformance) -> Self {
        self.config.conformance = conformance;
        self
    }

    /// Sets the size of every Fragment but the last, in bytes. By default the size [adapts](FragmentSize::ADAPTIVE) to the line.
    pub fn fragment_size(self, bytes: u64) -> Self {
        self.fragments(FragmentSize::Fixed(bytes))
    }

    /// Sets how large Fragments are. The default is [`FragmentSize::ADAPTIVE`].
    pub fn fragments(mut self, size: FragmentSize) -> Self {
        self.config.fragment_size = size;
        self
    }

    /// Limits the rate, in bytes a second. By default there is no limit. [`Upload::set_rate`](super::Upload::set_rate) changes it
    /// later. With a limit, a Fragment has at most the bytes of a quarter of a second.
    pub fn rate(mut self, bytes_a_second: Option<NonZeroU64>) -> Self {
        self.config.rate = bytes_a_second;
        self
    }

    /// Sets on which packets the entity's name is sent. By default it is sent on every Fragment.
    pub fn content_name(mut self, packets: ContentNamePackets) -> Self {
        self.config.content_name = packets;
        self
    }

    /// Sends a Ping before everything else, which sets up the connection and its authentication cheaply. Off by default.
    pub fn ping_first(mut self, ping: bool) -> Self {
        self.config.ping_first = ping;
        self
    }

    /// Sets whether a reply is expected. By default it is ignored.
    pub fn reply(mut self, mode: ReplyMode) -> Self {
        self.config.reply = mode;
        self
    }

    /// Sets what to do if a Fragment was sent and no answer came. By default it is sent again.
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.config.recovery = recovery;
        self
    }

    /// Sets what it means if the session is gone when a Close-Session is repeated. By default it means that the upload is complete.
    pub fn lost_close(mut self, meaning: LostClose) -> Self {
        self.config.lost_close = meaning;
        self
    }

    /// Sets which hosts the session may be moved to. By default any, as in Windows.
    pub fn host_policy(mut self, policy: HostPolicy) -> Self {
        self.config.host_policy = policy;
        self
    }

    /// Bounds the time for which a session's host may be out of reach. By default the server's time holds, and if it named none, there
    /// is no bound ([C34](crate::manual::decisions#c34)).
    pub fn host_fallback_cap(mut self, cap: Duration) -> Self {
        self.config.host_fallback_cap = Some(cap);
        self
    }

    /// Follows no other host any more, for the rest of the upload, after one host was left twice in a row. On by default
    /// ([C35](crate::manual::decisions#c35)). Turn it off for farms whose hosts come back.
    pub fn ignore_dead_hosts(mut self, ignore: bool) -> Self {
        self.config.ignores_dead_hosts = ignore;
        self
    }

    /// Sends packets as `POST` with `X-HTTP-Method-Override: BITS_POST`. Off by default. For servers behind a filter that lets no other
    /// method pass; the server must take it ([Q41](crate::manual::tolerances#q41)).
    pub fn method_override(mut self, tunnel: bool) -> Self {
        self.config.method_override = tunnel;
        self
    }

    /// Sends the protocol's GUID in upper case, as one real server demands. Off by default.
    pub fn uppercase_protocol(mut self, uppercase: bool) -> Self {
        self.config.uppercase_protocol = uppercase;
        self
    }

    /// Adds these headers to every request. They do not replace headers of the protocol.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.config.headers = headers;
        self
    }

    /// Adds a header that means "session not found" if it stands with this value on an error ([Q27]). May be called more than once.
    ///
    /// [Q27]: crate::manual::tolerances#q27
    pub fn session_not_found(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.config.session_not_found.push((name, value));
        self
    }

    /// Sets how long sending one request may take (§3.1.2.1), and how long its answer may take (§3.1.2.2). By default 2 and 5 minutes.
    pub fn timeouts(mut self, request: Duration, response: Duration) -> Self {
        self.config.patience.set_timeouts(request, response);
        self
    }

    /// Sets the first and the longest delay before another try. By default 5 seconds and 10 minutes. Delays double in between, and vary by
    /// a quarter so that a fleet does not come back at once. A server's `Retry-After` counts as a least delay, up to an hour, or up to
    /// `longest` if it is set here ([C75](crate::manual::decisions#c75)).
    pub fn retry_delays(mut self, first: Duration, longest: Duration) -> Self {
        self.config.patience.set_retry_delays(first, longest);
        self
    }

    /// Sets the time without progress after which the upload fails. By default 14 days, as in Windows.
    pub fn give_up_after(mut self, time: Duration) -> Self {
        self.config.patience.give_up_after = time;
        self
    }

    /// Sets how many acknowledgements in a row may leave the offset where it was. By default 10.
    pub fn max_stalls(mut self, stalls: u32) -> Self {
        self.config.max_stalls = stalls;
        self
    }

    /// Sets how often the server may go back behind what it acknowledged, without new progress in between. By default 10.
    pub fn max_regressions(mut self, regressions: u32) -> Self {
        self.config.max_regressions = regressions;
        self
    }

    /// Sets how often the upload may start over, without new progress in between. By default 3.
    pub fn max_restarts(mut self, restarts: u32) -> Self {
        self.config.max_restarts = restarts;
        self
    }

    /// Sets whether an entity without a byte is uploaded. By default it is ([C13](crate::manual::decisions#c13)).
    pub fn empty_entity(mut self, what: EmptyEntity) -> Self {
        self.config.empty_entity = what;
        self
    }

    /// Uses a new connection for every request, unless its credentials are bound to one. Off by default. For servers that close a
    /// connection after each answer without saying so, if a repeated request would do harm.
    pub fn fresh_connections(mut self, fresh: bool) -> Self {
        self.config.fresh_connections = fresh;
        self
    }

    /// Seeds the random part of the delays. Give each upload a seed of its own. By default 0.
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
        if !config.fragment_size.is_legal() {
            return Err(InvalidConfig::FragmentSize);
        }
        config.patience.check()?;
        Ok(config)
    }
}
