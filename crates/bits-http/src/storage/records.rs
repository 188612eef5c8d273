//! Records of sessions, beside a table of this process.

use std::future::Future;
use std::time::Duration;

use bits_proto::Guid;

use super::{Failure, Keep};

/// The record of one session: opaque bytes to its keeper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "both sides build it")]
pub struct Record {
    /// The session.
    pub session: Vec<u8>,
    /// The storage's place of its bytes: see [`Storage::place`](super::Storage::place).
    pub place: Vec<u8>,
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an implementation builds it")]
pub struct Kept {
    /// The session.
    pub id: Guid,
    /// The record.
    pub record: Record,
    /// How long ago it was saved, by the clock of the place where it is.
    pub age: Duration,
}

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an implementation builds it")]
pub struct Listed {
    /// The records.
    pub kept: Vec<Kept>,
    /// Records that cannot be read: the session, and the reason.
    pub unreadable: Vec<(Guid, String)>,
}

/// A place for records of sessions: a folder, memory, a table of a database that one process uses.
///
/// Calls for one session never overlap: sessions take turns.
pub trait Records: Send + Sync + 'static {
    /// Returns what is recorded. Return [`Keep::RecordsWithoutOffset`] only if the storage knows after a crash how many bytes it holds.
    fn keep(&self) -> Keep;

    /// Stores this record durably, in place of an earlier one of the same session. If it fails, the earlier one stays as it was.
    fn save(&self, id: Guid, record: Record) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Deletes a record. Succeeds if there is none.
    fn forget(&self, id: Guid) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Everything that is kept.
    fn list(&self) -> impl Future<Output = Result<Listed, Failure>> + Send;
}
