//! The configuration of a virtual directory, and its builder.

use std::time::Duration;

use super::notification_type::NotificationType;
use crate::packet::{Conformance, Host};
use crate::vocabulary::HostId;
use crate::vocabulary::limits::{
    HOST_ID_FALLBACK_TIMEOUT, MAX_ENTITY_SIZE, MAX_TOMBSTONES, SESSION_TIMEOUT, SESSIONS_PER_OWNER,
    TOMBSTONE_LIFETIME,
};

/// The configuration of one virtual directory (`BITSDirectoryConfig`, §3.2.1.1), which all its sessions share.
///
/// The defaults are those of IIS. [`Directory::builder`] builds one, and refuses settings that make no sense.
///
/// ```
/// use bits_proto::server::Directory;
///
/// let directory = Directory::builder()
///     .max_upload_size(1 << 30)
///     .host("upload-2.example.org".parse()?, None)
///     .build()?;
/// assert_eq!(directory.max_upload_size(), 1 << 30);
/// assert!(Directory::builder().max_upload_size(0).build().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    pub(super) conformance: Conformance,
    pub(super) enabled: bool,
    pub(super) method_override: bool,
    pub(super) max_upload_size: u64,
    pub(super) max_fragment_size: u64,
    pub(super) allow_overwrites: bool,
    pub(super) max_sessions: usize,
    pub(super) sessions_per_owner: usize,
    pub(super) owner_check: OwnerCheck,
    pub(super) host: Option<Host<'static>>,
    pub(super) session_timeout: Duration,
    pub(super) tombstone_lifetime: Duration,
    pub(super) max_tombstones: usize,
    pub(super) notification: NotificationType,
    pub(super) keep: Keep,
    pub(super) replace: bool,
}

/// The records that a program keeps of its sessions, so that they outlive its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    clippy::exhaustive_enums,
    reason = "nothing, every step, every change, or what storage does not know"
)]
pub enum Keep {
    /// Nothing: if the process dies, the clients start over. No output asks to save or to forget.
    Nothing,
    /// A [`Snapshot`](super::Snapshot) after every step, in a row that several processes work on. No output asks to save or to
    /// forget.
    Rows,
    /// A [`Record`](super::Record) of everything that a client was told. The default.
    #[default]
    Records,
    /// A record of everything but the offset, because the storage knows the length of what it holds, and keeps it after a
    /// crash: bytes are appended in order, nothing is allocated in advance, and what was written but not reported is cut back
    /// before the next write. Most Fragments need no save then.
    RecordsWithoutOffset,
}

impl Keep {
    /// Whether outputs ask to save records and to forget them.
    pub(super) const fn saves(self) -> bool {
        matches!(self, Self::Records | Self::RecordsWithoutOffset)
    }
}

/// On which packets a session's owner is checked ([Q59](crate::manual::tolerances#q59)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum OwnerCheck {
    /// On every packet ([C54](crate::manual::decisions#c54)). The default.
    #[default]
    EveryPacket,
    /// Nowhere once the session exists: some deployed clients authenticate for Create-Session alone. A client that
    /// learns a session id can then write into the session.
    CreateOnly,
}

impl Directory {
    /// A builder with the defaults of IIS.
    pub fn builder() -> DirectoryBuilder {
        DirectoryBuilder { directory: Self::default() }
    }

    /// A builder with the settings of this directory.
    pub fn to_builder(&self) -> DirectoryBuilder {
        DirectoryBuilder { directory: self.clone() }
    }

    /// The strictness with which requests are read.
    #[must_use]
    pub const fn conformance(&self) -> Conformance {
        self.conformance
    }

    /// The largest entity, in bytes.
    #[must_use]
    pub const fn max_upload_size(&self) -> u64 {
        self.max_upload_size
    }

    /// Whether uploads are enabled.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether an upload may replace a file at its destination. The machine sees no files: check this when it asks to
    /// [open](super::Output::Open) an upload and again when it asks to [publish](super::Output::Publish) it ([C46]), and
    /// refuse with [`DestinationExists`](super::Refusal::DestinationExists).
    ///
    /// [C46]: crate::manual::decisions#c46
    #[must_use]
    pub const fn allows_overwrites(&self) -> bool {
        self.allow_overwrites
    }

    /// Whether and how a server application is notified of complete entities.
    #[must_use]
    pub const fn notification(&self) -> &NotificationType {
        &self.notification
    }

    /// Whether a server application is notified of complete entities.
    #[must_use]
    pub const fn notifies(&self) -> bool {
        self.notification.url().is_some()
    }

    /// The time without progress after which a session is discarded.
    #[must_use]
    pub const fn session_timeout(&self) -> Duration {
        self.session_timeout
    }

    /// The largest fragment, in bytes.
    #[must_use]
    pub const fn max_fragment_size(&self) -> u64 {
        self.max_fragment_size
    }

    /// The number of sessions that there may be in all. A program that keeps its sessions in a database counts its rows.
    #[must_use]
    pub const fn max_sessions(&self) -> usize {
        self.max_sessions
    }

    /// The number of sessions that one owner may have.
    #[must_use]
    pub const fn sessions_per_owner(&self) -> usize {
        self.sessions_per_owner
    }

    /// The time for which ended sessions are remembered.
    #[must_use]
    pub const fn tombstone_lifetime(&self) -> Duration {
        self.tombstone_lifetime
    }

    /// The number of ended sessions that are remembered at most.
    #[must_use]
    pub const fn max_tombstones(&self) -> usize {
        self.max_tombstones
    }

    /// On which packets a session's owner is checked.
    #[must_use]
    pub const fn owner_check(&self) -> OwnerCheck {
        self.owner_check
    }

    /// The host that the later requests of every session go to, if there is one.
    #[must_use]
    pub const fn host(&self) -> Option<&Host<'static>> {
        self.host.as_ref()
    }

    /// What is kept of sessions.
    #[must_use]
    pub const fn keep(&self) -> Keep {
        self.keep
    }

    /// Whether a newer session takes the place of an older one of its owner for the same destination.
    #[must_use]
    pub const fn replaces_sessions(&self) -> bool {
        self.replace
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            conformance: Conformance::Interop,
            enabled: true,
            method_override: false,
            max_upload_size: MAX_ENTITY_SIZE,
            max_fragment_size: MAX_ENTITY_SIZE,
            allow_overwrites: false,
            max_sessions: usize::MAX,
            sessions_per_owner: SESSIONS_PER_OWNER,
            owner_check: OwnerCheck::EveryPacket,
            host: None,
            session_timeout: SESSION_TIMEOUT,
            tombstone_lifetime: TOMBSTONE_LIFETIME,
            max_tombstones: MAX_TOMBSTONES,
            notification: NotificationType::None,
            keep: Keep::Records,
            replace: false,
        }
    }
}

/// A setting that makes no sense: the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDirectory {
    /// A size, a number or a time is zero, and must not be.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// A size of 2^63 bytes or more.
    #[error("{0} must be below 2^63")]
    TooLarge(&'static str),
    /// A fallback timeout that is no whole number of seconds from 1 to 4,294,967,294.
    #[error("the fallback timeout is 1 to 4,294,967,294 whole seconds")]
    FallbackTimeout,
}

/// Builds a [`Directory`].
///
/// ```
/// use std::time::Duration;
///
/// use bits_proto::server::{Directory, InvalidDirectory, Keep};
///
/// let public = Directory::builder()
///     .max_upload_size(100 << 20)
///     .sessions_per_owner(10)
///     .session_timeout(Duration::from_secs(24 * 60 * 60))
///     .keep(Keep::RecordsWithoutOffset)
///     .build()?;
/// let closed = public.to_builder().enabled(false).build()?;
/// assert!(public.is_enabled() && !closed.is_enabled());
///
/// let wrong = Directory::builder().max_sessions(0).build();
/// assert!(matches!(wrong, Err(InvalidDirectory::Zero(_))));
/// # Ok::<(), InvalidDirectory>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is configured until `build` is called"]
pub struct DirectoryBuilder {
    directory: Directory,
}

impl DirectoryBuilder {
    /// Sets how strictly requests are read. The default is [`Conformance::Interop`].
    pub fn conformance(mut self, conformance: Conformance) -> Self {
        self.directory.conformance = conformance;
        self
    }

    /// Enables uploads (`UploadEnabled`). On by default. If it is off, every packet is answered 501.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.directory.enabled = enabled;
        self
    }

    /// Accepts `POST` with `X-HTTP-Method-Override: BITS_POST`, too ([Q41]). Off by default, because such a request bypasses filters
    /// that look at the method. Strict never accepts it.
    ///
    /// [Q41]: crate::manual::tolerances#q41
    pub fn method_override(mut self, allowed: bool) -> Self {
        self.directory.method_override = allowed;
        self
    }

    /// Sets the largest entity, in bytes (`MaximumUploadSize`). By default 2^63 − 1.
    pub fn max_upload_size(mut self, bytes: u64) -> Self {
        self.directory.max_upload_size = bytes;
        self
    }

    /// Sets the largest Fragment, in bytes. A larger one is answered 413, and clients send smaller ones. By default there is no bound.
    pub fn max_fragment_size(mut self, bytes: u64) -> Self {
        self.directory.max_fragment_size = bytes;
        self
    }

    /// Lets an upload replace a file at its destination (`AllowOverwrites`). Off by default.
    pub fn allow_overwrites(mut self, allowed: bool) -> Self {
        self.directory.allow_overwrites = allowed;
        self
    }

    /// Bounds the number of sessions in all. By default there is no bound.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.directory.max_sessions = sessions;
        self
    }

    /// Bounds the number of sessions of one owner. By default 50, as in IIS.
    ///
    /// Without authentication all clients are one owner: raise this limit then.
    pub fn sessions_per_owner(mut self, sessions: usize) -> Self {
        self.directory.sessions_per_owner = sessions;
        self
    }

    /// Sets on which packets a session's owner is checked. By default on every one.
    pub fn owner_check(mut self, check: OwnerCheck) -> Self {
        self.directory.owner_check = check;
        self
    }

    /// Names the host that the later requests of every session go to (`BITSHostId`), and the time for which it may be out of reach
    /// (`BITSHostIdFallbackTimeout`, in whole seconds). `None` is 86,400 seconds, as in IIS, because a client that is told no time never
    /// comes back to the origin. By default there is no host.
    pub fn host(mut self, id: HostId<'static>, fallback_timeout: Option<Duration>) -> Self {
        let fallback_timeout = fallback_timeout.or(Some(HOST_ID_FALLBACK_TIMEOUT));
        self.directory.host = Some(Host { id, fallback_timeout });
        self
    }

    /// Sets the time without progress after which a session is discarded (§3.2.2.1). By default 14 days.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.directory.session_timeout = timeout;
        self
    }

    /// Sets how long, and how many, ended sessions are remembered. The repeat of a Close or Cancel whose Ack was lost is answered as a
    /// success meanwhile ([Q55](crate::manual::tolerances#q55), [Q56](crate::manual::tolerances#q56)). By default an hour and 65,536.
    /// Strict directories remember none.
    pub fn tombstones(mut self, lifetime: Duration, most: usize) -> Self {
        self.directory.tombstone_lifetime = lifetime;
        self.directory.max_tombstones = most;
        self
    }

    /// Sets what the program keeps of its sessions. The default is [`Keep::Records`].
    pub fn keep(mut self, keep: Keep) -> Self {
        self.directory.keep = keep;
        self
    }

    /// Lets a new session take the place of an older one of the same owner for the same destination ([Q57]). The older one is discarded,
    /// and answers 403. Off by default.
    ///
    /// Use it only if owners are told apart: if everybody is one owner, a stranger's Create-Session ends an upload.
    ///
    /// [Q57]: crate::manual::tolerances#q57
    pub fn replace_sessions(mut self, replace: bool) -> Self {
        self.directory.replace = replace;
        self
    }

    /// Sets whether and how a server application is notified of complete entities. By default it is not.
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
