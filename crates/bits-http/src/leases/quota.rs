//! Quotas over leased rows: each process counts what is published, and the rows know what is promised.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bits_proto::Guid;
use bits_proto::server::Refusal;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::rows::{Asking, Promise, Room, Rows};
use super::turns::Shared;
use crate::storage::quota::{PATIENCE, believed_for, full, uncounted};
use crate::storage::{Counting, Failure, Quota, Storage};

/// How long sessions that ended must be remembered at least.
pub(super) const LEAST_MEMORY: Duration = Duration::from_secs(10 * 60);

/// The first pause before files are counted again because of an upload that was in doubt. It doubles, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An upload that asks for room.
pub(super) struct Upload<'u> {
    pub(super) id: Guid,
    pub(super) number: u64,
    pub(super) path: &'u str,
    /// The size that it will have.
    pub(super) bytes: u64,
    /// What is promised to it already.
    pub(super) known: Option<Promise>,
}

/// The counts of this process.
#[derive(Debug)]
pub(super) struct Quotas {
    quota: Quota,
    /// The age at which no count is believed any more: what ended since it began might be forgotten.
    oldest: Duration,
    folders: Mutex<HashMap<String, Folder>>,
    counted: Notify,
}

/// What is known of a folder that has a quota.
#[derive(Debug, Default)]
struct Folder {
    last: Option<Count>,
    /// When the count began that failed last, and why.
    failed: Option<(Instant, Failure)>,
    is_counted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    begun: Instant,
    done: Instant,
    /// The beginning, by the clock of the database.
    since: SystemTime,
    published: u64,
}

impl Quotas {
    pub(super) fn new(quota: Quota, remembered: Duration) -> Self {
        // One whose process died is remembered since its publishing began: the other half is for that.
        Self { quota, oldest: remembered / 2, folders: Mutex::default(), counted: Notify::new() }
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<String, Folder>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_believed(&self, count: &Count) -> bool {
        let took = count.done.saturating_duration_since(count.begun);
        count.begun.elapsed() < self.oldest && count.done.elapsed() < believed_for(took)
    }
}

/// Begins to count, where it is known already what, unless that was counted before.
pub(super) fn begin<R: Rows, S: Storage>(shared: &Arc<Shared<R>>, storage: &S) {
    let Some(quotas) = shared.quotas.get() else { return };
    if quotas.quota.is_of_all() && quotas.folders().is_empty() {
        begin_count(shared, quotas, "", storage.count(""));
    }
}

/// Has room promised to an upload. Returns what is promised to it from now on.
///
/// A refusal is certain: it is by a count that began when the upload came.
pub(super) async fn promise<R: Rows, S: Storage>(
    shared: &Arc<Shared<R>>,
    storage: &S,
    upload: Upload<'_>,
) -> Result<Option<Promise>, Failure> {
    let Upload { id, number, path, bytes, known } = upload;
    let Some(quotas) = shared.quotas.get() else { return Ok(known) };
    let Some((folder, quota)) = quotas.quota.of(storage.top_folder(path).as_deref()) else {
        return Ok(known);
    };
    let promise = Promise { folder, bytes };
    if known.as_ref().is_some_and(|known| known.folder == promise.folder && known.bytes >= bytes) {
        return Ok(known);
    }
    let asked = Instant::now();
    let (mut newer, mut pause) = (None, FIRST_PAUSE);
    loop {
        let count = counted(shared, quotas, storage, &promise.folder, newer, asked + PATIENCE).await?;
        let Count { since, published, .. } = count;
        let asking = Asking { id, number, promise: promise.clone(), quota, published, since };
        match shared.rows.promise(&asking).await? {
            Room::Promised => return Ok(Some(promise)),
            Room::Lost => return Err(Failure::new(Refusal::Busy, "another process has taken over")),
            Room::Full if count.begun >= asked => {
                return Err(full(quota));
            }
            Room::InDoubt if count.begun >= asked => {
                sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
                newer = Some(Instant::now());
            }
            Room::Full | Room::InDoubt => newer = Some(asked),
        }
    }
}

/// A count of a folder: one that is believed, or one that began at this time or later.
async fn counted<R: Rows, S: Storage>(
    shared: &Arc<Shared<R>>,
    quotas: &Arc<Quotas>,
    storage: &S,
    folder: &str,
    newer: Option<Instant>,
    deadline: Instant,
) -> Result<Count, Failure> {
    let asked = Instant::now();
    loop {
        let mut end = pin!(quotas.counted.notified());
        // Before it is looked at, so that no end is missed.
        end.as_mut().enable();
        match quotas.folders().get(folder) {
            Some(Folder { last: Some(last), .. })
                if newer.map_or_else(|| quotas.is_believed(last), |newer| last.begun >= newer) =>
            {
                return Ok(*last);
            }
            Some(Folder { failed: Some((begun, failure)), .. }) if *begun >= asked => {
                return Err(failure.clone());
            }
            _ => {}
        }
        begin_count(shared, quotas, folder, storage.count(folder));
        if timeout_at(deadline, end).await.is_err() {
            return Err(uncounted());
        }
    }
}

/// Counts the files of a folder in the background, unless that is being done.
fn begin_count<R: Rows>(shared: &Arc<Shared<R>>, quotas: &Arc<Quotas>, folder: &str, counting: Counting) {
    let mut folders = quotas.folders();
    let known = folders.entry(folder.to_owned()).or_default();
    if known.is_counted {
        return;
    }
    known.is_counted = true;
    let (shared, quotas, folder) = (Arc::clone(shared), Arc::clone(quotas), folder.to_owned());
    let begun = Instant::now();
    // A task of its own, so that whatever becomes of the count, its end is told.
    let count = tokio::spawn(async move {
        // Before the first file is looked at: what ended since then may be missing in the count.
        let since = shared.rows.now().await?;
        let published = counting.await?;
        Ok(Count { begun, done: Instant::now(), since, published })
    });
    tokio::spawn(async move {
        let count = count.await.unwrap_or_else(|error| Err(Failure::internal(error.to_string())));
        let mut folders = quotas.folders();
        let known = folders.entry(folder).or_default();
        known.is_counted = false;
        match count {
            Ok(count) => known.last = Some(count),
            Err(failure) => known.failed = Some((begun, failure)),
        }
        quotas.counted.notify_waiters();
    });
}
