//! The configuration of one upload.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bits_proto::client::{self, ConfigBuilder, Credentials, HostPolicy};
use http::{HeaderMap, Uri};

use super::challenge::{Authenticator, Challenge};
use super::control::Control;
use super::error::Error;
use super::event::{Event, Events};
use super::reply_file::ReplyFile;
use super::state::{State, StateFile};

/// The time for which a server has to delete an upload that failed, by default.
const CANCEL_TIME: Duration = Duration::from_secs(2);

/// The configuration of one upload. With the defaults it uploads once and reports nothing, and starts over after a kill.
///
/// ```
/// use bits_http::client::{Config, Event};
///
/// let config = Config::new().state("report.state").on_event(|event| {
///     if let Event::Sent { sent, total } = event {
///         println!("{sent} of {total} bytes");
///     }
/// });
/// ```
#[derive(Debug)]
#[must_use = "it does nothing by itself"]
pub struct Config {
    pub(super) protocol: ConfigBuilder,
    pub(super) headers: HeaderMap,
    pub(super) host_policy: Option<HostPolicy>,
    pub(super) state: Place,
    pub(super) reply: Option<PathBuf>,
    pub(super) reply_limit: u64,
    pub(super) reply_patience: Patience,
    pub(super) events: Events,
    pub(super) authenticator: Authenticator,
    pub(super) control: Control,
    pub(super) cancel_time: Duration,
}

/// The patience with the fetching of a reply, where the caller chose it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    pub(super) delays: Option<(Duration, Duration)>,
    pub(super) give_up_after: Option<Duration>,
}

/// Where the state is.
#[derive(Default)]
pub(super) enum Place {
    #[default]
    None,
    File(PathBuf),
    Elsewhere(Box<dyn State>),
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            protocol: client::Config::builder(),
            headers: HeaderMap::new(),
            host_policy: None,
            state: Place::None,
            reply: None,
            reply_limit: u64::MAX >> 1,
            reply_patience: Patience::default(),
            events: Events::default(),
            authenticator: Authenticator::default(),
            control: Control::default(),
            cancel_time: CANCEL_TIME,
        }
    }

    /// Sets the settings of the protocol: fragments, rate limit, delays, settings for unusual servers. Headers, the policy for hosts,
    /// replies and the seed are set by the methods here, which override those of `protocol`.
    pub fn protocol(self, protocol: ConfigBuilder) -> Self {
        Self { protocol, ..self }
    }

    /// Adds headers to every request to the destination, and to the hosts that the policy allows.
    pub fn headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// Sets which hosts the server may move the upload and its reply to.
    ///
    /// By default any host. With [headers](Self::headers) or [credentials](Self::credentials), the default is the host of the
    /// destination and the names below it, so that no secret goes elsewhere.
    pub fn host_policy(self, policy: HostPolicy) -> Self {
        Self { host_policy: Some(policy), ..self }
    }

    /// Keeps what the upload needs to go on in this file. After a suspension, a failure or a kill, an upload with the same
    /// source, destination and file goes on where the server stands. The file is removed when the upload is complete.
    ///
    /// Without a state, an upload that ends early is cancelled, because no later run could go on with it.
    pub fn state(self, file: impl Into<PathBuf>) -> Self {
        Self { state: Place::File(file.into()), ..self }
    }

    /// Keeps the state in a place of your own, such as a row of a database.
    pub fn state_in(self, place: impl State + 'static) -> Self {
        Self { state: Place::Elsewhere(Box::new(place)), ..self }
    }

    /// Requires a reply of the server's application, and stores it in this file once it is whole.
    pub fn reply(self, file: impl Into<PathBuf>) -> Self {
        Self { reply: Some(file.into()), ..self }
    }

    /// Where a reply is until it is whole: beside its file.
    #[must_use]
    pub fn reply_part(file: &Path) -> PathBuf {
        ReplyFile::part(file)
    }

    /// Bounds the bytes of a reply. A longer one is not fetched. By default 2^63 − 1.
    pub fn reply_limit(self, bytes: u64) -> Self {
        Self { reply_limit: bytes, ..self }
    }

    /// Sets the first and the longest delay between tries to fetch a reply. The longest also bounds what a server may ask for. By
    /// default 5 seconds and 10 minutes, and up to an hour if a server asks for it.
    pub fn reply_retry_delays(self, first: Duration, longest: Duration) -> Self {
        let reply_patience = Patience { delays: Some((first, longest)), ..self.reply_patience };
        Self { reply_patience, ..self }
    }

    /// Sets the time without progress after which the fetching of a reply fails. By default 14 days.
    pub fn reply_give_up_after(self, time: Duration) -> Self {
        let reply_patience = Patience { give_up_after: Some(time), ..self.reply_patience };
        Self { reply_patience, ..self }
    }

    /// Calls this function for each event, such as [progress](Event::Sent). It is called on the thread of the event: return soon.
    pub fn on_event(self, listener: impl FnMut(Event<'_>) + Send + 'static) -> Self {
        Self { events: Events::to(Box::new(listener)), ..self }
    }

    /// Calls this function for each challenge (401, 407) of the server or a proxy. It returns the credentials, or `None` to end the
    /// upload. Without it, every challenge ends the upload.
    pub fn credentials(
        self,
        answerer: impl FnMut(&Challenge<'_>) -> Option<Credentials> + Send + 'static,
    ) -> Self {
        Self { authenticator: Authenticator::new(Box::new(answerer)), ..self }
    }

    /// Takes commands from this control.
    pub fn control(self, control: Control) -> Self {
        Self { control, ..self }
    }

    /// Sets the time for the request that has the server delete an upload that failed without a state. By default 2 seconds.
    pub fn cancel_time(self, time: Duration) -> Self {
        Self { cancel_time: time, ..self }
    }

    pub(super) fn policy(&self, destination: &Uri) -> HostPolicy {
        if let Some(policy) = &self.host_policy {
            return policy.clone();
        }
        if self.headers.is_empty() && !self.authenticator.is_there() {
            return HostPolicy::Any;
        }
        let host = destination.host().unwrap_or_default();
        let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
        if is_address { HostPolicy::Never } else { HostPolicy::Domain(host.to_owned()) }
    }
}

impl Place {
    pub(super) fn open(self) -> Result<Option<Box<dyn State>>, Error> {
        Ok(match self {
            Self::None => None,
            Self::File(path) => Some(Box::new(StateFile::open(path)?)),
            Self::Elsewhere(place) => Some(place),
        })
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Elsewhere(_) => f.write_str("Elsewhere"),
        }
    }
}
