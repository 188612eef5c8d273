//! Turns by a table of this process, with records beside it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bits_proto::Guid;
use bits_proto::server::{Directory, Held, Output, Record, Report, Restored, Sessions};
use futures_util::stream::{self, StreamExt};
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::turns::{Turn, Turns, Upload, Work};
use crate::storage::{self, Failure, Kept, Records, Storage};
use crate::tasks::{Task, Tasks};

/// How many sessions a start has the storage look at in one go, and how many times it does so at a time.
const LOOK: usize = 64;
const LOOKS_AT_A_TIME: usize = 8;

/// Tells owners apart: a user's name, say; `()` where everybody is one.
pub trait Owner: Clone + Ord + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<O: Clone + Ord + Serialize + DeserializeOwned + Send + Sync + 'static> Owner for O {}

/// A table of sessions in this process, with records beside it.
#[derive(Debug)]
pub struct Table<O: Owner, R> {
    tasks: Tasks<O>,
    records: std::sync::Arc<R>,
    directory: Directory,
}

/// Something that was found at the start, and left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leftover {
    /// A record that cannot be read, or of a session that cannot go on: its id, and the reason. It is deleted, with the bytes, when it
    /// is older than a session may be.
    Record(Guid, String),
    /// A session whose bytes cannot be looked at now, and the reason. It goes on as its record says.
    OutOfReach(Guid, String),
    /// Something in the storage's own folder that is not the storage's.
    Foreign(String),
}

impl<O: Owner, R: Records> Table<O, R> {
    /// Restores the sessions that were recorded, and returns what else was found. [`Records::keep`] overrides what `directory` says
    /// about `keep`.
    ///
    /// # Errors
    /// The records or the storage cannot be used at all.
    pub async fn restore<S: Storage>(
        directory: &Directory,
        storage: &S,
        records: R,
    ) -> Result<(Self, Vec<Leftover>), Failure> {
        let directory = directory.to_builder().keep(records.keep()).build();
        let directory = directory.map_err(|error| Failure::internal(error.to_string()))?;
        let mut sessions = Sessions::new(directory.clone());
        let (mut known, mut left) = (Vec::new(), Vec::new());
        let listed = records.list().await?;
        for (id, why) in listed.unreadable {
            known.push(id);
            left.push(Leftover::Record(id, why));
        }
        let looks = stream::iter(listed.kept).chunks(LOOK).map(|kept| look(storage, kept));
        let mut looked = looks.buffered(LOOKS_AT_A_TIME).flat_map(stream::iter);
        while let Some((id, age, looked)) = looked.next().await {
            known.push(id);
            let why = match take_up(&mut sessions, storage, age, looked).await? {
                Taken::Up => continue,
                Taken::OutOfReach(why) => {
                    left.push(Leftover::OutOfReach(id, why));
                    continue;
                }
                Taken::Not(why) => why,
            };
            // Nobody can go on with it, and nobody can repair it in more time than an upload may rest.
            let is_old = age > directory.session_timeout().saturating_add(Duration::from_secs(24 * 60 * 60));
            if is_old && storage.discard(id, 0).await.is_ok() {
                records.forget(id).await?;
            }
            left.push(Leftover::Record(id, why));
        }
        drop(looked);
        left.extend(storage.sweep(&known).await?.into_iter().map(Leftover::Foreign));
        let tasks = Tasks::new(sessions, Instant::now);
        Ok((Self { tasks, records: std::sync::Arc::new(records), directory }, left))
    }

    /// The tasks, with the table in them: to look at sessions or to [evict](Sessions::evict) one.
    pub const fn tasks(&self) -> &Tasks<O> {
        &self.tasks
    }
}

/// A record that was kept, and what the storage holds of its session; or why nobody can go on with it.
type Looked<O> = (Guid, Duration, Result<Sound<O>, String>);
type Sound<O> = (Record<O>, Result<Held, Failure>);

async fn look<O: Owner, S: Storage>(storage: &S, kept: Vec<Kept>) -> Vec<Looked<O>> {
    let read: Vec<_> = kept.iter().map(read).collect();
    let sound = kept.iter().zip(&read).filter(|(_, record)| record.is_ok());
    let uploads = sound.map(|(kept, _)| (kept.id, kept.record.place.clone())).collect();
    let mut held = storage.held_each(uploads).await.into_iter();
    let looked = read.into_iter().map(|record| {
        let record = record?;
        let held = held.next().unwrap_or_else(|| Err(Failure::internal("nothing was said of it")));
        Ok((record, held))
    });
    kept.iter().zip(looked).map(|(kept, looked)| (kept.id, kept.age, looked)).collect()
}

fn read<O: Owner>(kept: &Kept) -> Result<Record<O>, String> {
    let record: Record<O> =
        serde_json::from_slice(&kept.record.session).map_err(|error| error.to_string())?;
    match record.id() == kept.id {
        true => Ok(record),
        false => Err("it is a record of another session".to_owned()),
    }
}

/// What became of a record.
enum Taken {
    Up,
    OutOfReach(String),
    Not(String),
}

async fn take_up<O: Owner, S: Storage>(
    sessions: &mut Sessions<O>,
    storage: &S,
    age: Duration,
    looked: Result<Sound<O>, String>,
) -> Result<Taken, Failure> {
    let (record, held) = match looked {
        Ok(looked) => looked,
        Err(why) => return Ok(Taken::Not(why)),
    };
    let id = record.id();
    let (held, out_of_reach) = match held {
        Ok(held) => (held, None),
        // A disk that is not mounted, say. It heals, or the client is told when it comes.
        Err(failure) => (Held::Bytes(record.received()), Some(failure.to_string())),
    };
    let restored = match sessions.restore(Instant::now(), record, age, held) {
        Ok(restored) => restored,
        Err(error) => return Ok(Taken::Not(error.to_string())),
    };
    if let Some(why) = out_of_reach {
        return Ok(Taken::OutOfReach(why));
    }
    match restored {
        Restored::Open(length) if held == Held::Bytes(length) => {}
        Restored::Open(length) => storage.cut(id, length).await?,
        Restored::Ended => storage.discard(id, 0).await?,
    }
    Ok(Taken::Up)
}

impl<O: Owner, R: Records> Turns for Table<O, R> {
    type Owner = O;
    type Turn = TableTurn<O, R>;

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn begin<S: Storage>(
        &self,
        _storage: &S,
        head: &Parts,
        owner: &O,
    ) -> Result<Option<Self::Turn>, Failure> {
        let random = random()?;
        Ok(self.tasks.begin(head, owner, || random).map(|task| self.turn(task)))
    }

    async fn expired<S: Storage>(&self, _storage: &S) -> Result<Option<Self::Turn>, Failure> {
        Ok(self.tasks.expired().map(|task| self.turn(task)))
    }

    async fn session(&self, id: Guid) -> Option<Upload<O>> {
        self.tasks.with(|sessions| sessions.get(id).and_then(Upload::of_open))
    }

    async fn reply_served(&self, id: Guid) {
        self.tasks.with(|sessions| sessions.handle_reply_served(Instant::now(), id));
    }

    fn open(&self) -> usize {
        self.tasks.with(|sessions| sessions.len())
    }
}

impl<O: Owner, R> Table<O, R> {
    fn turn(&self, task: Task<O>) -> TableTurn<O, R> {
        TableTurn {
            tasks: self.tasks.clone(),
            task,
            records: std::sync::Arc::clone(&self.records),
            failure: Mutex::new(None),
            saved: Mutex::new(None),
        }
    }
}

/// One exchange of a [`Table`].
#[derive(Debug)]
pub struct TableTurn<O: Owner, R> {
    tasks: Tasks<O>,
    task: Task<O>,
    records: std::sync::Arc<R>,
    failure: Mutex<Option<Failure>>,
    saved: Mutex<Option<Upload<O>>>,
}

impl<O: Owner, R: Records> TableTurn<O, R> {
    async fn save<S: Storage>(&self, storage: &S, record: &Record<O>) -> Result<(), Failure> {
        let session = serde_json::to_vec(record).map_err(|error| Failure::internal(error.to_string()))?;
        let place = storage.place(record.id()).await;
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(Upload::of_record(record));
        self.records.save(record.id(), storage::Record { session, place }).await
    }

    fn done(&self, done: Result<(), Failure>, success: Report) {
        self.task.report(match done {
            Ok(()) => success,
            Err(failure) => {
                let refusal = failure.refusal();
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                Report::Failed(refusal)
            }
        });
    }
}

impl<O: Owner, R: Records> Turn for TableTurn<O, R> {
    type Owner = O;

    fn id(&self) -> Option<Guid> {
        self.task.exchange().session()
    }

    fn fence(&self) -> u64 {
        self.task.exchange().serial()
    }

    async fn next<S: Storage>(&self, storage: &S) -> Result<Work, Failure> {
        loop {
            return Ok(match self.task.next().await {
                Output::Save(record) => {
                    self.done(self.save(storage, &record).await, Report::Saved);
                    continue;
                }
                Output::Forget => {
                    let forgotten = match self.task.exchange().session() {
                        Some(id) => self.records.forget(id).await,
                        None => Ok(()),
                    };
                    self.done(forgotten, Report::Forgotten);
                    continue;
                }
                Output::Admit => Work::Admit,
                Output::Open => Work::Open,
                Output::Store(store) => Work::Store(store),
                Output::Notify { size } => Work::Notify { size },
                Output::Publish { size } => Work::Publish { size },
                Output::Discard => Work::Discard,
                Output::Respond(ack) => Work::Respond(ack),
                Output::Done => Work::Done,
            });
        }
    }

    async fn report(&self, report: Report) -> Result<(), Failure> {
        self.task.report(report);
        Ok(())
    }

    async fn save_place<S: Storage>(&self, storage: &S) -> Result<(), Failure> {
        let record = self.id().and_then(|id| {
            self.tasks.with(|sessions| sessions.get(id).map(|session| session.record(Instant::now())))
        });
        match record {
            Some(record) => self.save(storage, &record).await,
            None => Err(bits_proto::server::Refusal::EntityMissing.into()),
        }
    }

    async fn stopped(&self) {
        self.task.stopped().await;
    }

    fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn upload(&self) -> Option<Upload<O>> {
        let id = self.id()?;
        self.tasks.with(|sessions| sessions.get(id).and_then(Upload::of_open))
    }

    fn saved(&self) -> Option<Upload<O>> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Random bytes of the operating system: a client that guesses an id can write into the session.
pub(crate) fn random() -> Result<[u8; 16], Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::internal(format!("the operating system has no randomness: {error}")))?;
    Ok(bytes)
}
