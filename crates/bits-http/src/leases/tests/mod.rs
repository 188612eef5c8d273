//! Rows in memory, and a storage whose counts are as slow as a test wants.

mod quotas;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bits_proto::Guid;
use bits_proto::server::{Directory, Keep, Refusal};
use tokio::sync::Semaphore;

use super::quota::{self, Upload};
use super::rows::*;
use super::turns::Leases;
use crate::storage::{Counting, Destination, Failure, Held, Memory, MemoryWriter, Quota, Span, Storage};

/// A row that number 1 holds, as far as quotas look at it.
#[derive(Clone, Debug)]
struct Session {
    is_open: bool,
    is_publishing: bool,
    promised: Option<Promise>,
    saved: SystemTime,
}

/// Rows in memory. Their clock moves on each time that it is read.
#[derive(Clone, Debug, Default)]
struct InMemory {
    sessions: Arc<Mutex<HashMap<Guid, Session>>>,
    clock: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
}

impl InMemory {
    fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.clock.fetch_add(1, Ordering::SeqCst))
    }

    fn begin(&self, id: u8) {
        let session = Session { is_open: true, is_publishing: false, promised: None, saved: self.time() };
        self.sessions.lock().unwrap().insert(guid(id), session);
    }

    fn save_as(&self, id: u8, is_open: bool, is_publishing: bool) {
        let saved = self.time();
        let mut sessions = self.sessions.lock().unwrap();
        let session = sessions.get_mut(&guid(id)).unwrap();
        *session = Session { is_open, is_publishing, saved, ..session.clone() };
    }
}

impl Rows for InMemory {
    async fn insert(&self, _row: &Row, _limits: Limits, _lease: Duration) -> Result<bool, Failure> {
        Ok(false)
    }

    async fn claim(
        &self,
        _id: Guid,
        _number: Option<u64>,
        _owner: Option<&str>,
        _lease: Duration,
    ) -> Result<Claim, Failure> {
        Ok(Claim::Gone)
    }

    async fn due(&self, _lease: Duration) -> Result<Option<Claimed>, Failure> {
        Ok(None)
    }

    fn promises(&self) -> bool {
        true
    }

    async fn now(&self) -> Result<SystemTime, Failure> {
        Ok(self.time())
    }

    async fn promise(&self, asking: &Asking) -> Result<Room, Failure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut sessions = self.sessions.lock().unwrap();
        let (mut certain, mut possible) = (0, 0);
        for (id, session) in &*sessions {
            let Some(promise) = session.promised.as_ref().filter(|it| it.folder == asking.promise.folder)
            else {
                continue;
            };
            if *id != asking.id && session.is_open && !session.is_publishing {
                certain += promise.bytes;
            }
            if *id != asking.id && (session.is_open || session.saved >= asking.since) {
                possible += promise.bytes;
            }
        }
        let fits = |others: u64| asking.published + others + asking.promise.bytes.max(1) <= asking.quota;
        if !fits(certain) {
            return Ok(Room::Full);
        }
        if !fits(possible) {
            return Ok(Room::InDoubt);
        }
        let Some(session) = sessions.get_mut(&asking.id) else { return Ok(Room::Lost) };
        session.promised = Some(asking.promise.clone());
        Ok(Room::Promised)
    }

    async fn renew(&self, _held: &[(Guid, u64)], _lease: Duration) -> Result<Vec<(Guid, u64, u64)>, Failure> {
        Ok(Vec::new())
    }

    async fn save(&self, _row: &Row, _number: u64, _lease: Option<Duration>) -> Result<bool, Failure> {
        Ok(false)
    }

    async fn forget(&self, _id: Guid, _number: u64) -> Result<bool, Failure> {
        Ok(false)
    }

    async fn look(&self, _id: Guid) -> Result<Option<Lookup>, Failure> {
        Ok(None)
    }

    async fn touch(&self, _id: Guid) -> Result<(), Failure> {
        Ok(())
    }

    async fn open(&self) -> Result<usize, Failure> {
        Ok(0)
    }

    async fn unknown(&self, _ids: &[Guid]) -> Result<Vec<Guid>, Failure> {
        Ok(Vec::new())
    }
}

/// A memory that looks at its files once, and tells of them when it may.
#[derive(Clone, Debug)]
struct Slow {
    memory: Memory,
    /// One permit for each count that may end.
    may_end: Arc<Semaphore>,
    counts: Arc<AtomicU64>,
    fails: Arc<AtomicBool>,
}

impl Storage for Slow {
    type Writer = MemoryWriter;

    async fn open(&self, id: Guid, destination: &Destination<'_>) -> Result<(), Failure> {
        self.memory.open(id, destination).await
    }

    async fn writer(&self, id: Guid, span: Span) -> Result<MemoryWriter, Failure> {
        self.memory.writer(id, span).await
    }

    async fn publish(&self, id: Guid, to: &Destination<'_>, size: u64, fence: u64) -> Result<(), Failure> {
        self.memory.publish(id, to, size, fence).await
    }

    async fn discard(&self, id: Guid, fence: u64) -> Result<(), Failure> {
        self.memory.discard(id, fence).await
    }

    async fn held(&self, id: Guid, place: &[u8], fence: u64) -> Result<Held, Failure> {
        self.memory.held(id, place, fence).await
    }

    async fn cut(&self, id: Guid, length: u64) -> Result<(), Failure> {
        self.memory.cut(id, length).await
    }

    async fn sweep(&self, known: &[Guid]) -> Result<Vec<String>, Failure> {
        self.memory.sweep(known).await
    }

    fn top_folder(&self, path: &str) -> Option<String> {
        self.memory.top_folder(path)
    }

    fn count(&self, folder: &str) -> Counting {
        let (slow, folder) = (self.clone(), folder.to_owned());
        Box::pin(async move {
            slow.counts.fetch_add(1, Ordering::SeqCst);
            let found = slow.memory.count(&folder).await;
            slow.may_end.acquire().await.unwrap().forget();
            match slow.fails.load(Ordering::SeqCst) {
                true => Err(Failure::internal("no list")),
                false => found,
            }
        })
    }
}

/// A node, with its rows and its storage.
struct Node {
    leases: Leases<InMemory, ()>,
    rows: InMemory,
    storage: Slow,
}

impl Node {
    async fn start(quota: Quota) -> Self {
        let rows = InMemory::default();
        let storage = Slow {
            memory: Memory::new(),
            may_end: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS / 2)),
            counts: Arc::default(),
            fails: Arc::default(),
        };
        Self::beside(quota, rows, storage).await
    }

    async fn beside(quota: Quota, rows: InMemory, storage: Slow) -> Self {
        let directory = Directory::builder().keep(Keep::Records).build().unwrap();
        let leases = Leases::open(&directory, rows.clone(), Duration::from_secs(10)).await.unwrap();
        Self { leases: leases.with_quota(quota).unwrap(), rows, storage }
    }

    /// Asks for room. The upload keeps nothing in mind of what it was promised before.
    async fn ask(&self, id: u8, path: &str, bytes: u64) -> Result<Option<Promise>, Refusal> {
        self.ask_again(id, path, bytes, None).await
    }

    async fn ask_again(
        &self,
        id: u8,
        path: &str,
        bytes: u64,
        known: Option<Promise>,
    ) -> Result<Option<Promise>, Refusal> {
        let upload = Upload { id: guid(id), number: 1, path, bytes, known };
        let promised = quota::promise(&self.leases.shared, &self.storage, upload).await;
        promised.map_err(|failure| failure.refusal())
    }

    /// Begins an upload of this size.
    async fn begin(&self, id: u8, bytes: u64) -> Result<(), Refusal> {
        self.rows.begin(id);
        let asked = self.ask(id, &format!("/{id}"), bytes).await.map(drop);
        if asked.is_err() {
            self.rows.save_as(id, false, false);
        }
        asked
    }

    /// Puts a file where uploads are published.
    async fn put(&self, id: u8, path: &str, bytes: u64) {
        use crate::storage::Writer;
        let to = Destination { path, overwrites: true };
        self.storage.open(guid(id), &to).await.unwrap();
        let span = Span { start: 0, end: bytes, total: bytes, fence: 1 };
        let mut writer = self.storage.writer(guid(id), span).await.unwrap();
        writer.write(vec![0; usize::try_from(bytes).unwrap()].into()).await.unwrap();
        writer.finish().await.1.unwrap();
        self.storage.publish(guid(id), &to, bytes, 1).await.unwrap();
    }

    async fn publish(&self, id: u8, bytes: u64) {
        self.rows.save_as(id, true, true);
        self.put(id, &format!("/{id}"), bytes).await;
        self.rows.save_as(id, false, false);
    }

    /// No count ends from now on.
    fn hold_counts(&self) {
        self.storage.may_end.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn let_counts_end(&self) {
        self.storage.may_end.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn counts(&self) -> u64 {
        self.storage.counts.load(Ordering::SeqCst)
    }
}

fn guid(id: u8) -> Guid {
    Guid::from_random([id; 16])
}
