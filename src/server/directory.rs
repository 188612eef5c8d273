//! The configuration of one virtual directory.

use std::time::Duration;

use super::notification_type::NotificationType;
use crate::packet::Conformance;
use crate::packet::DecodeError;
use crate::packet::{Host, Request, RequestHead};
use crate::vocabulary::limits::{
    MAX_ENTITY_SIZE, MAX_TOMBSTONES, SESSION_TIMEOUT, SESSIONS_PER_OWNER, TOMBSTONE_LIFETIME,
};

/// The configuration of one virtual directory (`BITSDirectoryConfig`, §3.2.1.1), which all its sessions share.
///
/// The defaults are those of IIS. Built by [`Directory::builder`], which refuses nonsense.
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
}

/// On which packets a session's owner is checked (Q59).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum OwnerCheck {
    /// On every packet. The default.
    #[default]
    EveryPacket,
    /// Nowhere once the session exists: some deployed clients authenticate for Create-Session alone. Whoever learns a
    /// session id can then write into the session.
    CreateOnly,
}

impl Directory {
    /// Reads a request's head as this directory reads requests: with its conformance, and the method override where
    /// it is allowed. `Ok(None)`: the request is not of this protocol.
    ///
    /// # Errors
    /// A [`DecodeError`] for a bad request of this protocol; it knows how to answer.
    pub fn decode<'h>(&self, head: impl Into<RequestHead<'h>>) -> Result<Option<Request<'h>>, DecodeError> {
        match self.method_override && !self.conformance.is_strict() {
            true => Request::decode_tunnelled(head, self.conformance),
            false => Request::decode(head, self.conformance),
        }
    }

    /// How strictly requests are read.
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

    /// Whether an upload may replace what is at its destination already. Files are the caller's: look there when asked to
    /// [open](super::Output::Open) an upload and again when asked to [publish](super::Output::Publish) it (C46), and
    /// refuse with [`DestinationExists`](super::Refusal::DestinationExists).
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

    /// After how long without progress a session is discarded.
    #[must_use]
    pub const fn session_timeout(&self) -> Duration {
        self.session_timeout
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
        }
    }
}
