//! How a directory is configured.

use std::time::Duration;

use super::directory::{Directory, OwnerCheck};
use super::notification_type::NotificationType;
use crate::packet::Conformance;
use crate::packet::Host;
use crate::vocabulary::HostId;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

/// What a configuration may not say: the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDirectory {
    /// A size, a number or a time that must not be zero is.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// A size of 2^63 bytes or more.
    #[error("{0} must be below 2^63")]
    TooLarge(&'static str),
    /// A fallback timeout that is no whole number of seconds from 1 to 4,294,967,294.
    #[error("the fallback timeout is 1 to 4,294,967,294 whole seconds")]
    FallbackTimeout,
}

impl Directory {
    /// A directory with the defaults of IIS.
    pub fn builder() -> DirectoryBuilder {
        DirectoryBuilder { directory: Self::default() }
    }
}

/// Builds a [`Directory`].
#[derive(Clone, Debug)]
#[must_use = "nothing is configured until `build` is called"]
pub struct DirectoryBuilder {
    directory: Directory,
}

impl DirectoryBuilder {
    /// How strictly requests are read; [`Conformance::Interop`] by default.
    pub fn conformance(mut self, conformance: Conformance) -> Self {
        self.directory.conformance = conformance;
        self
    }

    /// Whether uploads are enabled (`UploadEnabled`); they are by default. Where not, every packet is answered 501.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.directory.enabled = enabled;
        self
    }

    /// Whether `POST` with `X-HTTP-Method-Override: BITS_POST` is taken (Q41); not by default, as it slips past filters
    /// that look at the method, and never in strict.
    pub fn method_override(mut self, allowed: bool) -> Self {
        self.directory.method_override = allowed;
        self
    }

    /// The largest entity, in bytes (`MaximumUploadSize`); 2^63 − 1 by default.
    pub fn max_upload_size(mut self, bytes: u64) -> Self {
        self.directory.max_upload_size = bytes;
        self
    }

    /// The largest fragment, in bytes; larger ones are answered 413, and clients send smaller ones. No bound by default.
    pub fn max_fragment_size(mut self, bytes: u64) -> Self {
        self.directory.max_fragment_size = bytes;
        self
    }

    /// Whether an upload may replace what is at its destination already (`AllowOverwrites`); not by default.
    pub fn allow_overwrites(mut self, allowed: bool) -> Self {
        self.directory.allow_overwrites = allowed;
        self
    }

    /// How many sessions there may be in all; no bound by default.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.directory.max_sessions = sessions;
        self
    }

    /// How many sessions one owner may have; 50 by default, as in IIS.
    ///
    /// Where nobody authenticates, everybody is one owner: raise it there.
    pub fn sessions_per_owner(mut self, sessions: usize) -> Self {
        self.directory.sessions_per_owner = sessions;
        self
    }

    /// On which packets a session's owner is checked; on every one by default.
    pub fn owner_check(mut self, check: OwnerCheck) -> Self {
        self.directory.owner_check = check;
        self
    }

    /// The host that the later requests of every session go to (`BITSHostId`), and for how long it may be out of reach
    /// (`BITSHostIdFallbackTimeout`: whole seconds; IIS says 86,400; `None`: for ever). No host by default.
    pub fn host(mut self, id: HostId<'static>, fallback_timeout: Option<Duration>) -> Self {
        self.directory.host = Some(Host { id, fallback_timeout });
        self
    }

    /// After how long without progress a session is discarded (§3.2.2.1); 14 days by default.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.directory.session_timeout = timeout;
        self
    }

    /// How long, and how many, ended sessions are remembered, so that the repeat of a Close or Cancel whose Ack was lost
    /// is answered as a success; one hour and 65,536 by default. Strict directories remember none.
    pub fn tombstones(mut self, lifetime: Duration, most: usize) -> Self {
        self.directory.tombstone_lifetime = lifetime;
        self.directory.max_tombstones = most;
        self
    }

    /// Whether and how a server application is notified of complete entities; not by default.
    pub fn notification(mut self, notification: NotificationType) -> Self {
        self.directory.notification = notification;
        self
    }

    /// The directory.
    ///
    /// # Errors
    /// [`InvalidDirectory`] says which setting makes no sense.
    pub fn build(self) -> Result<Directory, InvalidDirectory> {
        let directory = self.directory;
        for (name, zero) in [
            ("the largest upload", directory.max_upload_size == 0),
            ("the largest fragment", directory.max_fragment_size == 0),
            ("the number of sessions", directory.max_sessions == 0),
            ("the number of sessions of one owner", directory.sessions_per_owner == 0),
            ("the session timeout", directory.session_timeout.is_zero()),
        ] {
            if zero {
                return Err(InvalidDirectory::Zero(name));
            }
        }
        for (name, size) in [
            ("the largest upload", directory.max_upload_size),
            ("the largest fragment", directory.max_fragment_size),
        ] {
            if size > MAX_ENTITY_SIZE {
                return Err(InvalidDirectory::TooLarge(name));
            }
        }
        let legal = |timeout: Duration| {
            timeout.subsec_nanos() == 0 && (1..u64::from(u32::MAX)).contains(&timeout.as_secs())
        };
        match directory.host.as_ref().and_then(|host| host.fallback_timeout) {
            Some(timeout) if !legal(timeout) => Err(InvalidDirectory::FallbackTimeout),
            _ => Ok(directory),
        }
    }
}
