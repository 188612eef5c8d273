//! A session at rest: snapshots, which hold everything, and records, which hold what outlives a process.

use std::time::{Duration, Instant};

use super::Session;
use super::activity::{Activities, Activity};
use super::state::{Answered, AtWork, Ending, Notification, Size, State, Step, Waiting};
use crate::machine::RestoreError;
use crate::vocabulary::Guid;

/// The version of the form in which sessions are stored. Older ones stay readable.
const VERSION: u32 = 2;

/// A [`Session`] at rest, in any state, with its exchanges: plain data. With the feature `serde` it can be written in any format
/// of serde.
///
/// For rows of a database that are worked on step by step, by several processes. A program that keeps a [`Record`] gets it
/// from [`Output::Save`](crate::server::Output::Save).
///
/// It holds durations and no instants, so that it can be restored in another process, at another time.
///
#[cfg_attr(feature = "serde", doc = "```")]
#[cfg_attr(not(feature = "serde"), doc = "```ignore")]
/// use std::time::{Duration, Instant};
/// use bits_proto::server::{Session, Snapshot};
///
/// # use bits_proto::server::Directory;
/// # use bits_proto::Guid;
/// # let head = http::Request::builder().method("BITS_POST").uri("/x").header("BITS-Packet-Type", "Create-Session");
/// # let head = head.header("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}").body(())?;
/// # let (now, directory) = (Instant::now(), Directory::default());
/// # let arrival = directory.read(&head, &()).ok_or("of this protocol")?;
/// # let (session, _) = Session::open(now, Guid::from_random([7; 16]), &arrival, &directory);
/// let row = serde_json::to_string(&session.snapshot(now))?;
/// // ... ten minutes later, elsewhere:
/// let snapshot: Snapshot = serde_json::from_str(&row)?;
/// let at_rest = Duration::from_secs(600);
/// let restored = Session::restore(now + at_rest, snapshot, at_rest)?;
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
    /// Whether a Fragment was seen of which the total could not be read.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) unreadable: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) doubtful: bool,
    pub(super) notification: Notification,
    pub(super) at_work: Option<AtWork>,
    pub(super) waiting: Option<Waiting>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) answered: Option<Answered>,
    pub(super) serial: u64,
    /// The time for which the session may still go without progress; `None` for ever.
    remaining: Option<Duration>,
    /// The same by the record that was saved last.
    #[cfg_attr(feature = "serde", serde(default))]
    saved_remaining: Option<Duration>,
    #[cfg_attr(feature = "serde", serde(default))]
    unsaved: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    grace: bool,
}

impl<O> Snapshot<O> {
    /// The name of the session.
    #[must_use]
    pub const fn id(&self) -> Guid {
        self.id
    }

    /// The owner of the session.
    #[must_use]
    pub const fn owner(&self) -> &O {
        &self.owner
    }

    /// The path and query of the destination, as the client wrote them.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The number of bytes that are stored.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.next
    }

    /// The size of the entity in bytes, where it is known.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    /// The time that was left of the session when the snapshot was taken; `None` if it never expires. Add it to the time of
    /// day for an indexed column that says when a row is due.
    #[must_use]
    pub const fn remaining(&self) -> Option<Duration> {
        self.remaining
    }

    const fn size(&self) -> Size {
        match self.total {
            Some(total) => Size::Known(total),
            None if self.unreadable => Size::Unreadable,
            None => Size::Unseen,
        }
    }
}

/// The record of a [`Session`], which outlives its process: the session at rest, and the intent to publish or to discard
/// it, but no exchange. A process that died answers nobody.
///
/// It comes with [`Output::Save`](crate::server::Output::Save), and goes to
/// [`Sessions::restore`](crate::server::Sessions::restore) or [`Session::recover`] with its age. With the feature `serde` it can
/// be written in any of its formats.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Record<O = ()>(pub(super) Snapshot<O>);

impl<O> Record<O> {
    /// The id of the session, under which the record is kept.
    #[must_use]
    pub const fn id(&self) -> Guid {
        self.0.id
    }

    /// The owner of the session.
    #[must_use]
    pub const fn owner(&self) -> &O {
        &self.0.owner
    }

    /// The path and query of the destination, as the client wrote them.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.0.destination
    }

    /// The state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.0.state
    }

    /// The number of bytes that were stored when the record was made.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.0.next
    }

    /// The size of the entity in bytes, where it is known.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.0.total
    }

    /// The time that was left of the session when the record was made; `None` if it never expires.
    #[must_use]
    pub const fn remaining(&self) -> Option<Duration> {
        self.0.remaining
    }

    /// Whether the record says that the entity is being published. If storage holds none of its bytes, it was published.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        matches!(&self.0.at_work, Some(AtWork { step: Step::Publish, .. }))
    }

    /// Whether the record says that the bytes of the upload are to be deleted.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.intended_ending().is_some() || matches!(self.0.state, State::Ended(_))
    }

    pub(super) fn intended_ending(&self) -> Option<Ending> {
        match &self.0.at_work {
            Some(AtWork { step: Step::Discard(ending), .. }) => Some(*ending),
            _ => None,
        }
    }

    pub(in crate::server) const fn had_its_grace(&self) -> bool {
        self.0.grace
    }
}

/// What is kept of a snapshot whose processes have all died.
impl<O> From<Snapshot<O>> for Record<O> {
    fn from(snapshot: Snapshot<O>) -> Self {
        let intent =
            snapshot.at_work.filter(|at_work| matches!(at_work.step, Step::Publish | Step::Discard(_)));
        let at_work = intent.map(|at_work| AtWork { saving: false, superseded: false, ..at_work });
        let saved_remaining = snapshot.remaining;
        Self(Snapshot { at_work, waiting: None, answered: None, saved_remaining, unsaved: false, ..snapshot })
    }
}

impl<O: Clone + Eq> Session<O> {
    /// Returns the session as plain data, in any state.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot<O> {
        let activity = self.activity.get();
        let remaining = |deadline: Instant| deadline.saturating_duration_since(now);
        Snapshot {
            version: VERSION,
            id: self.id,
            owner: self.owner.clone(),
            destination: self.destination.clone(),
            state: self.state,
            next: self.next,
            total: self.total(),
            unreadable: self.size == Size::Unreadable,
            doubtful: self.doubtful,
            notification: self.notification.clone(),
            at_work: activity.and_then(|activity| activity.at_work.clone()),
            waiting: activity.and_then(|activity| activity.waiting),
            answered: activity.and_then(|activity| activity.answered.clone()),
            serial: self.serial,
            remaining: self.deadline.map(remaining),
            saved_remaining: self.saved_deadline.map(remaining),
            unsaved: self.unsaved,
            grace: self.grace,
        }
    }

    /// Returns the record of the session.
    #[must_use]
    pub fn record(&self, now: Instant) -> Record<O> {
        self.snapshot(now).into()
    }

    /// Restores a session from a snapshot that was taken `age` ago, with the exchanges that were under way: other processes
    /// work on them. If such a process has died, call [`handle_abandoned`](Self::handle_abandoned) for
    /// [`at_work`](Self::at_work).
    ///
    /// # Errors
    /// [`RestoreError`] for a snapshot of a later version, or one that no session can have made.
    pub fn restore(now: Instant, snapshot: Snapshot<O>, age: Duration) -> Result<Self, RestoreError> {
        if snapshot.version == 0 || snapshot.version > VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        if let Some(what) = snapshot.contradiction() {
            return Err(RestoreError::Inconsistent(what));
        }
        let size = snapshot.size();
        let at = |remaining: Duration| now.checked_add(remaining.saturating_sub(age));
        let Snapshot { at_work, waiting, answered, .. } = snapshot;
        let activity = Activity { at_work, waiting, answered, signals: Vec::new() };
        Ok(Self {
            id: snapshot.id,
            owner: snapshot.owner,
            destination: snapshot.destination,
            state: snapshot.state,
            next: snapshot.next,
            size,
            notification: snapshot.notification,
            activity: Activities::new(activity),
            serial: snapshot.serial,
            deadline: snapshot.remaining.and_then(at),
            saved_deadline: snapshot.saved_remaining.and_then(at),
            unsaved: snapshot.unsaved,
            doubtful: snapshot.doubtful,
            grace: snapshot.grace,
        })
    }
}
