//! Rows of a database, as leases need them.

use std::future::Future;
use std::time::{Duration, SystemTime};

use bits_proto::Guid;

use crate::storage::{Failure, Record};

/// A session as its row holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "leases build it, and databases read it")]
pub struct Row {
    /// The session.
    pub id: Guid,
    /// Whose it is, as text.
    pub owner: String,
    /// The session itself, and what the storage remembers of its place.
    pub record: Record,
    /// How long the session may rest until it is due; `None`: for ever.
    pub remaining: Option<Duration>,
    /// Whether the session goes on. One that has ended is remembered for a while.
    pub is_open: bool,
    /// Whether it may be published already, although it goes on: the step was saved, and nobody has saved yet what came of it.
    pub is_publishing: bool,
    /// The destination, when a row is made whose session takes the place of older ones of its owner for the same destination. See
    /// [`Rows::replace`].
    pub replaces: Option<String>,
}

/// How many open sessions there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "leases build it, and databases read it")]
pub struct Limits {
    /// In all. It may be exceeded by those that begin at the same time.
    pub all: usize,
    /// Of one owner, exactly.
    pub of_owner: usize,
}

/// What came of the wish to work on a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a row is one of these")]
pub enum Claim {
    /// The row is held.
    Held(Claimed),
    /// Somebody else holds the row: claim it again with this number.
    Waiting(u64),
    /// Somebody newer has claimed the row.
    Superseded,
    /// There is no such row, or it is another owner's.
    Gone,
}

/// A row that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "databases build it")]
pub struct Claimed {
    /// The session.
    pub id: Guid,
    /// The number of the claim.
    pub number: u64,
    /// The record that was saved last.
    pub record: Record,
    /// How long ago it was saved, by the clock of the database.
    pub age: Duration,
    /// Whether the holder before did not give the row back.
    pub crashed: bool,
    /// What was promised to the session last; `None`: it was never asked for.
    pub promised: Option<Promise>,
}

/// The room that an unfinished upload will take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "databases build it")]
pub struct Promise {
    /// The folder whose quota it counts for: right below the root, or the root, which has no name.
    pub folder: String,
    /// How many bytes.
    pub bytes: u64,
}

/// The wish to have room promised. See [`Rows::promise`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "leases build it, and databases read it")]
pub struct Asking {
    /// The session.
    pub id: Guid,
    /// The number that holds its row.
    pub number: u64,
    /// What is wanted. Without a byte, it is asked whether a byte is left.
    pub promise: Promise,
    /// How many bytes the folder may have.
    pub quota: u64,
    /// How many bytes were counted in the folder.
    pub published: u64,
    /// When that count began, as [`Rows::now`] said.
    pub since: SystemTime,
}

/// What came of the wish to have room promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "room is one of these")]
pub enum Room {
    /// There is room, and it is promised.
    Promised,
    /// There is none, whatever becomes of what is in doubt.
    Full,
    /// There would be none if all that is in doubt were not in the count. A later count knows more.
    InDoubt,
    /// Somebody else holds the row.
    Lost,
}

/// A row that was only looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "databases build it")]
pub struct Lookup {
    /// The record that was saved last.
    pub record: Record,
    /// How long ago it was saved, by the clock of the database.
    pub age: Duration,
}

/// Tells the processes that a row was claimed, or given back to whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "databases build it")]
pub struct Signal {
    /// The session.
    pub id: Guid,
    /// The newest number of its row.
    pub newest: u64,
}

/// The rows of sessions in a database that several processes share.
///
/// All times are by the clock of the database. Each method is one step: it happens as a whole or not at all, and lasts before
/// it returns. A method that fails may have happened.
pub trait Rows: Send + Sync + 'static {
    /// Makes a row that number 1 holds for the time of `lease`. Returns whether the limits allow it.
    fn insert(
        &self,
        row: &Row,
        limits: Limits,
        lease: Duration,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// Claims a row, if it is free, or if the lease of its holder is over. Without a number it draws the next one, and signals
    /// the holder where there is one. Where an owner is named, rows of others are left alone.
    fn claim(
        &self,
        id: Guid,
        number: Option<u64>,
        owner: Option<&str>,
        lease: Duration,
    ) -> impl Future<Output = Result<Claim, Failure>> + Send;

    /// Claims the row that is due for longest, of those that are free or whose holder's lease is over.
    fn due(&self, lease: Duration) -> impl Future<Output = Result<Option<Claimed>, Failure>> + Send;

    /// Whether these rows know [`replace`](Self::replace) and [`replaced`](Self::replaced).
    fn replaces(&self) -> bool {
        false
    }

    /// Lets older rows of the same owner and the same destination, which is [`Row::replaces`] of both, be replaced: their holders are
    /// signalled, and from now on they can be claimed by [`replaced`](Self::replaced) alone, as long as they are open.
    fn replace(&self, id: Guid) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = id;
        std::future::ready(Ok(()))
    }

    /// Claims an open row that was [replaced](Self::replace), and is free.
    fn replaced(&self, lease: Duration) -> impl Future<Output = Result<Option<Claimed>, Failure>> + Send {
        let _ = lease;
        std::future::ready(Ok(None))
    }

    /// Whether these rows know [`now`](Self::now), [`promise`](Self::promise) and [`abandoned`](Self::abandoned), which quotas need.
    fn promises(&self) -> bool {
        false
    }

    /// The time, by the clock of the database.
    fn now(&self) -> impl Future<Output = Result<SystemTime, Failure>> + Send {
        std::future::ready(Err(no_promises()))
    }

    /// Promises room to a session, in place of what it was promised before, where the quota has it.
    ///
    /// These count, beside what was counted in the folder: what was promised for the same folder to other sessions that are open, and to those
    /// that have ended and were saved since the count began. In doubt are those that may have been in the count: they
    /// [may be published](Row::is_publishing), were [replaced](Self::replace), or have ended.
    ///
    /// Of wishes that come together for one folder, each sees what was promised to those before it. A promise lasts as long as its row.
    fn promise(&self, asking: &Asking) -> impl Future<Output = Result<Room, Failure>> + Send {
        let _ = asking;
        std::future::ready(Err(no_promises()))
    }

    /// Claims a row whose holder's lease is over while it [may be published](Row::is_publishing).
    fn abandoned(&self, lease: Duration) -> impl Future<Output = Result<Option<Claimed>, Failure>> + Send {
        let _ = lease;
        std::future::ready(Ok(None))
    }

    /// Deletes rows of sessions that ended, those that are due first, until there are no more than this. It is asked every few seconds.
    /// Rows that take no memory may all stay until they are due. Those to which something is promised must: see [`promise`](Self::promise).
    fn bound(&self, ended: usize) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = ended;
        std::future::ready(Ok(()))
    }

    /// Renews leases, or ends them with a `lease` of nothing. Returns those that were still held, with the newest number of each row.
    fn renew(
        &self,
        held: &[(Guid, u64)],
        lease: Duration,
    ) -> impl Future<Output = Result<Vec<(Guid, u64, u64)>, Failure>> + Send;

    /// Saves a row that is held by this number, and renews the lease, or gives the row back and signals whoever waits for it. Returns
    /// whether it was still held.
    fn save(
        &self,
        row: &Row,
        number: u64,
        lease: Option<Duration>,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// Deletes a row that is held by this number. Returns whether it was still held.
    fn forget(&self, id: Guid, number: u64) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// Looks at a row.
    fn look(&self, id: Guid) -> impl Future<Output = Result<Option<Lookup>, Failure>> + Send;

    /// Lets the time of an open session begin anew, unless somebody holds its row.
    fn touch(&self, id: Guid) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The number of open sessions. It may be a few seconds old.
    fn open(&self) -> impl Future<Output = Result<usize, Failure>> + Send;

    /// Returns those of these sessions that have no row.
    fn unknown(&self, ids: &[Guid]) -> impl Future<Output = Result<Vec<Guid>, Failure>> + Send;

    /// Waits for the next signal of any process. A database without signals waits for ever.
    fn signal(&self) -> impl Future<Output = Signal> + Send {
        std::future::pending()
    }
}

fn no_promises() -> Failure {
    Failure::internal("these rows promise no room, which a quota needs")
}
