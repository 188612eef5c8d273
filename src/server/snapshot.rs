//! A session at rest.

use std::time::{Duration, Instant};

use super::session::Session;
use super::state::{AtWork, Notification, State, Waiting};
use crate::machine::RestoreError;
use crate::vocabulary::Guid;

/// The version of the form in which sessions are stored. Older ones stay readable.
const VERSION: u32 = 1;

/// A [`Session`] at rest: plain data, with the feature `serde` for any of its formats.
///
/// It holds durations and no instants, so it can be restored in another process, at another time. While it is stored no
/// time passes for the session: its timeout goes on when it is restored.
///
#[cfg_attr(feature = "serde", doc = "```")]
#[cfg_attr(not(feature = "serde"), doc = "```ignore")]
/// use std::time::Instant;
/// use bits_proto::server::{Session, Snapshot};
///
/// # use bits_proto::server::{Arrival, Directory};
/// # use bits_proto::{packet, Guid, ProtocolId};
/// # let create = packet::CreateSession { protocols: ProtocolId::BITS_1_5.into(), content_name: None };
/// # let (request, target) = (packet::Request::CreateSession(create), "/x".parse()?);
/// # let arrival = Arrival { request: &request, target: &target, owner: &() };
/// # let (now, directory) = (Instant::now(), Directory::default());
/// # let (session, ..) = Session::open(now, Guid::from_random([7; 16]), &arrival, &directory);
/// let row = serde_json::to_string(&session.snapshot(now))?;
/// // ... later, elsewhere:
/// let snapshot: Snapshot = serde_json::from_str(&row)?;
/// let restored = Session::restore(now, snapshot)?;
/// assert_eq!(restored, session);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Snapshot<O = ()> {
    #[cfg_attr(feature = "arbitrary", arbitrary(value = VERSION))]
    version: u32,
    id: Guid,
    owner: O,
    pub(super) destination: Box<str>,
    pub(super) state: State,
    pub(super) next: u64,
    pub(super) total: Option<u64>,
    pub(super) notification: Notification,
    pub(super) at_work: Option<AtWork>,
    pub(super) waiting: Option<Waiting>,
    pub(super) serial: u32,
    /// How long the session may still go without progress; `None` for ever.
    remaining: Option<Duration>,
}

impl<O> Snapshot<O> {
    /// The name of the session.
    #[must_use]
    pub const fn id(&self) -> Guid {
        self.id
    }
}

impl<O: Clone + Eq> Session<O> {
    /// The session as plain data, in whatever state it is.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot<O> {
        Snapshot {
            version: VERSION,
            id: self.id,
            owner: self.owner.clone(),
            destination: self.destination.clone(),
            state: self.state,
            next: self.next,
            total: self.total,
            notification: self.notification.clone(),
            at_work: self.at_work.as_deref().cloned(),
            waiting: self.waiting.as_deref().copied(),
            serial: self.serial,
            remaining: self.deadline.map(|deadline| deadline.saturating_duration_since(now)),
        }
    }

    /// The session of a snapshot, with the exchanges that were under way.
    ///
    /// Where those have died with their process, call [`recover`](Self::recover) next.
    ///
    /// # Errors
    /// [`RestoreError`] for a snapshot of a later version, or one that no session can have made.
    pub fn restore(now: Instant, snapshot: Snapshot<O>) -> Result<Self, RestoreError> {
        if snapshot.version == 0 || snapshot.version > VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        if let Some(what) = snapshot.contradiction() {
            return Err(RestoreError::Inconsistent(what));
        }
        Ok(Self {
            id: snapshot.id,
            owner: snapshot.owner,
            destination: snapshot.destination,
            state: snapshot.state,
            next: snapshot.next,
            total: snapshot.total,
            notification: snapshot.notification,
            at_work: snapshot.at_work.map(Box::new),
            waiting: snapshot.waiting.map(Box::new),
            serial: snapshot.serial,
            deadline: snapshot.remaining.and_then(|remaining| now.checked_add(remaining)),
        })
    }
}
