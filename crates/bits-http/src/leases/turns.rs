//! Turns by leased rows.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bits_proto::Guid;
use bits_proto::packet::{Ack, ErrorAck};
use bits_proto::server::{Arrival, Directory, Held, OwnerCheck, Record, Route, Session};
use http::StatusCode;
use http::request::Parts;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::quota::{self, Quotas};
use super::registry::Registry;
use super::rows::{Claim, Claimed, Limits, Lookup, Rows};
use super::turn::{LeaseTurn, Working};
use crate::server::{Owner, Turns, Upload, random};
use crate::storage::{Failure, Quota, Storage};

/// The first pause before a row that is held is asked for again, without a signal. It doubles, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How often the open sessions are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);

/// How often it is looked for bytes that belong to no session.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Turns by leased rows of a database, for several processes that share a storage. See [the module](super).
#[derive(Debug)]
pub struct Leases<R: Rows, O: Owner> {
    pub(super) shared: Arc<Shared<R>>,
    /// Renewal, signals, counting and bounding. They end when this is dropped.
    _tasks: JoinSet<()>,
    owner: PhantomData<fn() -> O>,
}

#[derive(Debug)]
pub(super) struct Shared<R> {
    pub(super) rows: R,
    pub(super) lease: Duration,
    pub(super) directory: Directory,
    registry: Arc<Registry>,
    open: AtomicUsize,
    next_sweep: Mutex<Instant>,
    pub(super) quotas: OnceLock<Arc<Quotas>>,
}

impl<R: Rows, O: Owner> Leases<R, O> {
    /// How long a row is held without being renewed, unless something else is said: after how long the uploads of a process that died
    /// go on elsewhere. A process that is slower than this loses its rows.
    pub const LEASE: Duration = Duration::from_secs(10);

    /// Shares the rows of a database. Must be called within a tokio runtime. All processes use the same `lease`; see
    /// [`LEASE`](Self::LEASE).
    ///
    /// The directory says with [`Keep`](bits_proto::server::Keep) whether the storage knows its length after a crash. Its bound on
    /// sessions that ended is kept within some seconds.
    ///
    /// # Errors
    /// The database cannot be used, or the directory asks for what rows cannot do: to keep no records; or to replace sessions, where the
    /// rows do not [know it](Rows::replaces).
    pub async fn open(directory: &Directory, rows: R, lease: Duration) -> Result<Self, Failure> {
        use bits_proto::server::Keep;
        if !matches!(directory.keep(), Keep::Records | Keep::RecordsWithoutOffset) {
            return Err(Failure::internal("leased rows need a directory that keeps records"));
        }
        if directory.replaces_sessions() && !rows.replaces() {
            return Err(Failure::internal("these rows cannot replace sessions"));
        }
        let open = AtomicUsize::new(rows.open().await?);
        let (registry, directory) = (Arc::default(), directory.clone());
        let next_sweep = Mutex::new(Instant::now());
        let quotas = OnceLock::new();
        let shared = Arc::new(Shared { rows, lease, directory, registry, open, next_sweep, quotas });
        let mut tasks = JoinSet::new();
        tasks.spawn(renew(Arc::clone(&shared)));
        tasks.spawn(listen(Arc::clone(&shared)));
        tasks.spawn(count(Arc::clone(&shared)));
        Ok(Self { shared, _tasks: tasks, owner: PhantomData })
    }

    /// Refuses uploads that would make the storage, or a part of it, hold more than this. All processes should have the same quota: each
    /// refuses by its own. By default there is none. See [the module](super#quotas).
    ///
    /// The storage must [count](Storage::count). Its count is believed for no longer than half the time for which the directory remembers
    /// sessions that ended, which is an hour by default: where counting takes longer than that, nobody gets room.
    ///
    /// # Errors
    /// The rows do not [know promises](Rows::promises), or the directory forgets sessions that ended within less than ten minutes: a count of
    /// files that takes longer misses their files.
    pub fn with_quota(self, quota: Quota) -> Result<Self, Failure> {
        if !self.shared.rows.promises() {
            return Err(Failure::internal("these rows promise no room, which a quota needs"));
        }
        let remembered = self.shared.directory.tombstone_lifetime();
        if remembered < quota::LEAST_MEMORY {
            return Err(Failure::internal(
                "a quota needs sessions that ended to be remembered for ten minutes",
            ));
        }
        // A second quota does not take the place of the first: nobody asks for one.
        let _first = self.shared.quotas.set(Arc::new(Quotas::new(quota, remembered)));
        Ok(self)
    }

    /// The rows.
    pub fn rows(&self) -> &R {
        &self.shared.rows
    }

    async fn create(&self, arrival: &Arrival<'_, O>) -> Result<LeaseTurn<R, O>, Failure> {
        let (shared, id) = (&self.shared, Guid::from_random(random()?));
        let (session, exchange) = Session::open(Instant::now(), id, arrival, &shared.directory);
        let mut row = super::turn::row(&session.record(Instant::now()), Vec::new())?;
        let directory = &shared.directory;
        row.replaces = directory.replaces_sessions().then(|| session.destination().to_owned());
        let limits = Limits { all: directory.max_sessions(), of_owner: directory.sessions_per_owner() };
        // Counting all of them for each upload would take longer than the upload.
        let is_full = shared.open.load(Ordering::Relaxed) >= limits.all;
        if is_full || !shared.rows.insert(&row, limits, shared.lease).await? {
            return Ok(self.outside(directory.too_many_sessions()));
        }
        let lease = shared.registry.hold(id, 1);
        Ok(LeaseTurn::new(Arc::clone(shared), Working::new(session, exchange, lease)))
    }

    async fn join<S: Storage>(
        &self,
        storage: &S,
        id: Guid,
        arrival: &Arrival<'_, O>,
    ) -> Result<LeaseTurn<R, O>, Failure> {
        let directory = &self.shared.directory;
        let checked =
            directory.owner_check() == OwnerCheck::EveryPacket || directory.conformance().is_strict();
        let owner = match checked {
            true => Some(super::turn::owner_text(arrival.owner())?),
            false => None,
        };
        let claimed = match self.claim(id, owner.as_deref()).await? {
            Claim::Held(claimed) => claimed,
            Claim::Gone => return self.refused(id, arrival).await,
            Claim::Superseded | Claim::Waiting(_) => return Ok(self.outside(busy(id))),
        };
        let mut working = self.take_up(storage, claimed).await?;
        match working.begin(arrival, directory) {
            Ok(()) => Ok(LeaseTurn::new(Arc::clone(&self.shared), working)),
            Err(ack) => {
                LeaseTurn::new(Arc::clone(&self.shared), working).give_back(storage).await?;
                Ok(self.outside(*ack))
            }
        }
    }

    /// Waits until the row is held, or somebody newer wants it.
    async fn claim(&self, id: Guid, owner: Option<&str>) -> Result<Claim, Failure> {
        let Shared { rows, lease, registry, .. } = &*self.shared;
        // Before it is asked, so that no signal is missed.
        let wait = registry.wait(id);
        let (mut number, mut pause) = (None, FIRST_PAUSE);
        loop {
            match rows.claim(id, number, owner, *lease).await? {
                Claim::Waiting(drawn) => number = Some(drawn),
                claim => return Ok(claim),
            }
            wait.signalled(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// The answer to a request whose row is not there, or is another owner's. It disturbs nobody.
    async fn refused(&self, id: Guid, arrival: &Arrival<'_, O>) -> Result<LeaseTurn<R, O>, Failure> {
        let directory = &self.shared.directory;
        let Some(Lookup { record, age }) = self.shared.rows.look(id).await? else {
            return Ok(self.outside(directory.session_not_found(arrival)));
        };
        let record = read(&record.session)?;
        let held = Held::Bytes(record.received());
        let mut session = recover(record, age, held, directory)?;
        Ok(self.outside(match session.handle_request(Instant::now(), arrival, directory) {
            Err(refused) => *refused,
            // It was made meanwhile.
            Ok(_) => busy(id),
        }))
    }

    /// Takes up the session of a row that was claimed. What a process that died held is fenced first, and then looked at.
    async fn take_up<S: Storage>(&self, storage: &S, claimed: Claimed) -> Result<Working<O>, Failure> {
        let Claimed { id, number, record, age, crashed, promised } = claimed;
        let lease = self.shared.registry.hold(id, number);
        let taken_up = async {
            let (record, place) = (read::<O>(&record.session)?, record.place);
            let held = match crashed {
                true => storage.held(id, &place, number).await?,
                false => {
                    storage.resume(id, &place, number).await?;
                    Held::Bytes(record.received())
                }
            };
            recover(record, age, held, &self.shared.directory)
        };
        match taken_up.await {
            Ok(session) => Ok(Working::taken_up(session, promised, lease)),
            Err(failure) => {
                // The storage is out of reach, say. The next claim need not wait for the end of the lease, and looks itself, as after
                // a crash.
                let _or_later = self.shared.rows.renew(&[(id, number)], Duration::ZERO).await;
                Err(failure)
            }
        }
    }

    fn outside(&self, ack: Ack<'static>) -> LeaseTurn<R, O> {
        LeaseTurn::outside(Arc::clone(&self.shared), Some(ack))
    }
}

impl<R: Rows, O: Owner> Turns for Leases<R, O> {
    type Owner = O;
    type Turn = LeaseTurn<R, O>;

    fn directory(&self) -> &Directory {
        &self.shared.directory
    }

    async fn begin<S: Storage>(
        &self,
        storage: &S,
        head: &Parts,
        owner: &O,
    ) -> Result<Option<LeaseTurn<R, O>>, Failure> {
        let Some(arrival) = self.shared.directory.read(head, owner) else { return Ok(None) };
        Ok(Some(match self.shared.directory.route(&arrival) {
            Route::Answer(ack) => self.outside(ack),
            Route::Ping => LeaseTurn::outside(Arc::clone(&self.shared), None),
            Route::Create => self.create(&arrival).await?,
            Route::Session(id) => self.join(storage, id, &arrival).await?,
        }))
    }

    async fn expired<S: Storage>(&self, storage: &S) -> Result<Option<LeaseTurn<R, O>>, Failure> {
        let sweeps = self.shared.sweeps();
        if sweeps {
            self.shared.sweep(storage).await?;
        }
        // Of processes that had another directory, too.
        if sweeps || self.shared.directory.replaces_sessions() {
            if let Some(claimed) = self.shared.rows.replaced(self.shared.lease).await? {
                let mut working = self.take_up(storage, claimed).await?;
                working.replace();
                return Ok(Some(LeaseTurn::new(Arc::clone(&self.shared), working)));
            }
        }
        quota::begin(&self.shared, storage);
        while let Some(claimed) = self.shared.due().await? {
            let mut working = self.take_up(storage, claimed).await?;
            let goes_on = !working.expire(&self.shared.directory);
            let turn = LeaseTurn::new(Arc::clone(&self.shared), working);
            if !goes_on {
                return Ok(Some(turn));
            }
            turn.give_back(storage).await?;
        }
        Ok(None)
    }

    async fn session(&self, id: Guid) -> Option<Upload<O>> {
        let Lookup { record, age } = self.shared.rows.look(id).await.ok().flatten()?;
        let record = read(&record.session).ok()?;
        let held = Held::Bytes(record.received());
        let session = recover(record, age, held, &self.shared.directory).ok()?;
        Upload::of_open(&session)
    }

    async fn reply_served(&self, id: Guid) {
        // The next part of the reply prolongs it as well.
        let _or_later = self.shared.rows.touch(id).await;
    }

    fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }
}

impl<R: Rows> Shared<R> {
    /// Claims a row that is due; or, where its promise would keep others from room that is there, one of which it is not known whether it
    /// was published.
    async fn due(&self) -> Result<Option<Claimed>, Failure> {
        match self.rows.due(self.lease).await? {
            None if self.quotas.get().is_some() => self.rows.abandoned(self.lease).await,
            claimed => Ok(claimed),
        }
    }

    /// Whether it is time to look for bytes of no session: at the start, and then now and then.
    fn sweeps(&self) -> bool {
        let mut next = self.next_sweep.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = *next <= Instant::now();
        if is_time {
            *next = Instant::now() + SWEEP_INTERVAL;
        }
        is_time
    }

    /// Deletes bytes of no session. What is stored is looked at first: its row was made before.
    async fn sweep<S: Storage>(&self, storage: &S) -> Result<(), Failure> {
        let stored = storage.stored().await?;
        for some in stored.chunks(1000) {
            for id in self.rows.unknown(some).await? {
                storage.discard(id, u64::MAX).await?;
            }
        }
        Ok(())
    }
}

/// Renews what was held for a while, all of it in one statement.
async fn renew<R: Rows>(shared: Arc<Shared<R>>) {
    let interval = shared.lease / 4;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (held, since) = (shared.registry.aging(interval), tokio::time::Instant::now());
        if held.is_empty() {
            continue;
        }
        // Where it fails, it is tried again before the leases are over.
        if let Ok(found) = shared.rows.renew(&held, shared.lease).await {
            shared.registry.renewed(&held, &found, since);
        }
    }
}

async fn listen<R: Rows>(shared: Arc<Shared<R>>) {
    loop {
        shared.registry.signal(shared.rows.signal().await);
    }
}

async fn count<R: Rows>(shared: Arc<Shared<R>>) {
    loop {
        tokio::time::sleep(COUNT_INTERVAL).await;
        if let Ok(open) = shared.rows.open().await {
            shared.open.store(open, Ordering::Relaxed);
        }
        let _at_the_next_time = shared.rows.bound(shared.directory.max_tombstones()).await;
    }
}

fn read<O: Owner>(record: &[u8]) -> Result<Record<O>, Failure> {
    serde_json::from_slice(record)
        .map_err(|error| Failure::internal(format!("a record in the database cannot be read: {error}")))
}

fn recover<O: Owner>(
    record: Record<O>,
    age: Duration,
    held: Held,
    directory: &Directory,
) -> Result<Session<O>, Failure> {
    Session::recover(Instant::now(), record, age, held, directory)
        .map_err(|error| Failure::internal(format!("a record in the database cannot be used: {error}")))
}

/// The answer to a request whose place a newer one took. It names no offset, because what counts may not be saved yet.
pub(super) fn busy(id: Guid) -> Ack<'static> {
    Ack::Error(ErrorAck {
        session_id: Some(id.into()),
        ..ErrorAck::status_only(StatusCode::SERVICE_UNAVAILABLE)
    })
}
