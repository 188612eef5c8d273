//! Rows in PostgreSQL.

mod schema;
mod signals;
mod statements;

use std::fmt;
use std::time::{Duration, SystemTime};

use bits_proto::Guid;
use bits_proto::server::Refusal;
use deadpool_postgres::{Client, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Error, IsolationLevel, Socket};

use self::statements::{
    ABANDONED, BOUND, DRAW, DUE, FORGET, INSERT, INSERT_UNCOUNTED, LOCK, LOCK_FOLDER, LOOK, NOW, OPEN,
    PROMISE, RENEW, REPLACE, REPLACED, SAVE, TAKE, TOUCH, UNKNOWN,
};
use super::rows::{Asking, Claim, Claimed, Limits, Lookup, Promise, Room, Row, Rows, Signal};
use crate::storage::{Failure, Record};

/// How long a statement may take, and the wait for a connection.
const PATIENCE: Duration = Duration::from_secs(15);

/// How far the column `due` may be behind, in parts of the time that is left. A row that comes up too early is looked at and left alone; and
/// most saves change no index.
const BEHIND: u32 = 16;

/// A way to make TLS connections to PostgreSQL, or none ([`NoTls`](tokio_postgres::NoTls)).
pub trait Connect:
    MakeTlsConnect<Socket, Stream: Send + Sync, TlsConnect: Send + Sync + TlsConnect<Socket, Future: Send>>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Connect for T where
    T: MakeTlsConnect<
            Socket,
            Stream: Send + Sync,
            TlsConnect: Send + Sync + TlsConnect<Socket, Future: Send>,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// Rows in PostgreSQL, 13 or later: tables `bits_sessions` and `bits_schema`, which are made and brought up to date when it is opened.
///
/// Nodes of two releases may work side by side while they are replaced one by one. Each node has as many connections as it is allowed,
/// made when they are needed, and one for signals. Whoever reads the tables knows the ids of sessions, and can write into them.
///
/// Use no pooler in front of it that mixes transactions of several clients on one connection: prepared statements and signals
/// belong to a connection.
pub struct Postgres {
    pool: Pool,
    signals: Mutex<mpsc::Receiver<Signal>>,
    _listening: JoinSet<()>,
}

impl Postgres {
    /// Connects, and brings the schema up to date. Must be called within a tokio runtime. At most `connections` are used at a time, beside
    /// the one for signals.
    ///
    /// # Errors
    /// The database cannot be reached, or its schema cannot be changed.
    pub async fn open<T: Connect>(mut config: Config, tls: T, connections: usize) -> Result<Self, Failure> {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), tls.clone(), manager_config);
        let pool = Pool::builder(manager)
            .max_size(connections.max(1))
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Failure::internal(error.to_string()))?;
        let mut client = pool.get().await.map_err(|error| unreachable_database(&error))?;
        schema::migrate(&mut client).await?;
        let (sender, receiver) = mpsc::channel(signals::MOST);
        let mut listening = JoinSet::new();
        listening.spawn(signals::listen(config, tls, sender));
        Ok(Self { pool, signals: Mutex::new(receiver), _listening: listening })
    }

    async fn client(&self) -> Result<Client, Failure> {
        self.pool.get().await.map_err(|error| unreachable_database(&error))
    }

    /// Runs one statement, prepared once for each connection. A connection that was cut is no reason to fail: a statement that happened
    /// already finds what it did.
    async fn run(
        &self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let client = self.client().await?;
            let query = async {
                let statement = client.prepare_cached(statement).await?;
                client.query(&statement, values).await
            };
            match timeout(PATIENCE, query).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) if tries < 3 && is_broken(&client, &error) => drop(Object::take(client)),
                Ok(Err(error)) => return Err(failure(&error)),
                Err(_) => {
                    // Nobody knows what else it would do.
                    drop(Object::take(client));
                    return Err(Failure::internal("the database does not answer"));
                }
            }
        }
    }

    /// Claims the first row that a statement finds.
    async fn first(&self, statement: &str, lease: Duration) -> Result<Option<Claimed>, Failure> {
        let rows = self.run(statement, &[&lease.as_secs_f64()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        claimed(guid(get(row, 8)?)?, row).map(Some)
    }

    /// Runs one statement under a lock, so that each sees what those before it changed. They go out together, in this order.
    async fn run_locked(
        &self,
        (lock, key): (&str, &str),
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, Failure> {
        let mut client = self.client().await?;
        let run = async {
            let (lock, statement) =
                (client.prepare_cached(lock).await?, client.prepare_cached(statement).await?);
            // Else the statement would see what there was before the lock.
            let change = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
            let change = change.start().await?;
            let locks = [&key as &(dyn ToSql + Sync)];
            let (_, rows) =
                tokio::try_join!(change.execute(&lock, &locks), change.query(&statement, values))?;
            change.commit().await?;
            Ok(rows)
        };
        match timeout(PATIENCE, run).await {
            Ok(done) => done.map_err(|error| failure(&error)),
            Err(_) => Err(Failure::internal("the database does not answer")),
        }
    }
}

/// The connection is gone, or the server is about to go.
fn is_broken(client: &Client, error: &Error) -> bool {
    client.is_closed() || error.is_closed() || error.code().is_some_and(|code| code.code().starts_with("57P"))
}

fn unreachable_database(error: &dyn std::error::Error) -> Failure {
    // What is around the last cause says little: "db error", say.
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let cause = causes.last().map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::internal(format!("the database cannot be reached: {error}{cause}"))
}

/// A database that is full is a full disk; everything else is the server's own.
fn failure(error: &Error) -> Failure {
    let detail = error.as_db_error().map(|error| format!(": {}", error.message())).unwrap_or_default();
    let refusal = match error.code().map(|code| code.code()) {
        Some("53100") => Refusal::DiskFull,
        _ => Refusal::Internal,
    };
    Failure::new(refusal, format!("the database failed: {error}{detail}"))
}

impl Rows for Postgres {
    async fn insert(&self, row: &Row, limits: Limits, lease: Duration) -> Result<bool, Failure> {
        let most =
            (limits.of_owner != usize::MAX).then(|| i64::try_from(limits.of_owner).unwrap_or(i64::MAX));
        let (id, owner) = (row.id.to_string(), &row.owner);
        let (lease, remaining) = (lease.as_secs_f64(), row.remaining.map(|time| time.as_secs_f64()));
        let Record { session, place } = &row.record;
        let values: [&(dyn ToSql + Sync); 8] =
            [&id, owner, &lease, &remaining, session, place, &most, &row.replaces];
        let inserted = match most {
            Some(_) => self.run_locked((LOCK, owner), INSERT, &values).await?,
            None => self.run(INSERT_UNCOUNTED, &values).await?,
        };
        Ok(inserted.len() == 1)
    }

    async fn claim(
        &self,
        id: Guid,
        number: Option<u64>,
        owner: Option<&str>,
        lease: Duration,
    ) -> Result<Claim, Failure> {
        let (text, lease) = (id.to_string(), lease.as_secs_f64());
        let rows = match number {
            None => self.run(DRAW, &[&text, &owner, &lease]).await?,
            Some(number) => self.run(TAKE, &[&text, &signed(number), &lease]).await?,
        };
        let Some(row) = rows.first() else { return Ok(Claim::Gone) };
        let newest = unsigned(get(row, 0)?);
        Ok(match get(row, 1)? {
            true => Claim::Held(claimed(id, row)?),
            false if number.is_some_and(|number| number != newest) => Claim::Superseded,
            false => Claim::Waiting(newest),
        })
    }

    async fn due(&self, lease: Duration) -> Result<Option<Claimed>, Failure> {
        self.first(DUE, lease).await
    }

    fn replaces(&self) -> bool {
        true
    }

    async fn replace(&self, id: Guid) -> Result<(), Failure> {
        self.run(REPLACE, &[&id.to_string()]).await.map(drop)
    }

    async fn replaced(&self, lease: Duration) -> Result<Option<Claimed>, Failure> {
        self.first(REPLACED, lease).await
    }

    fn promises(&self) -> bool {
        true
    }

    async fn now(&self) -> Result<SystemTime, Failure> {
        let rows = self.run(NOW, &[]).await?;
        let row = rows.first().ok_or_else(|| Failure::internal("the database knows no time"))?;
        get(row, 0)
    }

    async fn promise(&self, asking: &Asking) -> Result<Room, Failure> {
        let Asking { id, number, promise: Promise { folder, bytes }, quota, published, since } = asking;
        let (id, number) = (id.to_string(), signed(*number));
        let [bytes, quota, published] = [bytes, quota, published].map(|number| signed(*number));
        let values: [&(dyn ToSql + Sync); 7] = [&id, &number, folder, &bytes, &quota, &published, since];
        let rows = self.run_locked((LOCK_FOLDER, folder), PROMISE, &values).await?;
        Ok(match rows.first().map(|row| get::<i32>(row, 0)).transpose()? {
            Some(0) => Room::Promised,
            Some(1) => Room::Full,
            Some(2) => Room::InDoubt,
            _ => Room::Lost,
        })
    }

    async fn abandoned(&self, lease: Duration) -> Result<Option<Claimed>, Failure> {
        self.first(ABANDONED, lease).await
    }

    async fn bound(&self, ended: usize) -> Result<(), Failure> {
        let Ok(ended) = i64::try_from(ended) else { return Ok(()) };
        self.run(BOUND, &[&ended]).await.map(drop)
    }

    async fn renew(&self, held: &[(Guid, u64)], lease: Duration) -> Result<Vec<(Guid, u64, u64)>, Failure> {
        let ids: Vec<String> = held.iter().map(|(id, _)| id.to_string()).collect();
        let numbers: Vec<i64> = held.iter().map(|(_, number)| signed(*number)).collect();
        let rows = self.run(RENEW, &[&ids, &numbers, &lease.as_secs_f64()]).await?;
        let found = rows.iter();
        found.map(|row| Ok((guid(get(row, 0)?)?, unsigned(get(row, 1)?), unsigned(get(row, 2)?)))).collect()
    }

    async fn save(&self, row: &Row, number: u64, lease: Option<Duration>) -> Result<bool, Failure> {
        let (id, lease) = (row.id.to_string(), lease.map(|lease| lease.as_secs_f64()));
        let due = row.remaining.map(|time| time.as_secs_f64());
        let earliest = row.remaining.map(|time| (time - time / BEHIND).as_secs_f64());
        let Record { session, place } = &row.record;
        let values: [&(dyn ToSql + Sync); 9] =
            [&id, &signed(number), session, place, &row.is_open, &due, &earliest, &lease, &row.is_publishing];
        Ok(!self.run(SAVE, &values).await?.is_empty())
    }

    async fn forget(&self, id: Guid, number: u64) -> Result<bool, Failure> {
        Ok(!self.run(FORGET, &[&id.to_string(), &signed(number)]).await?.is_empty())
    }

    async fn look(&self, id: Guid) -> Result<Option<Lookup>, Failure> {
        let rows = self.run(LOOK, &[&id.to_string()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let record = Record { session: get(row, 0)?, place: get(row, 1)? };
        Ok(Some(Lookup { record, age: seconds(get(row, 2)?) }))
    }

    async fn touch(&self, id: Guid) -> Result<(), Failure> {
        self.run(TOUCH, &[&id.to_string()]).await.map(drop)
    }

    async fn open(&self) -> Result<usize, Failure> {
        let rows = self.run(OPEN, &[]).await?;
        let open: i64 = rows.first().map_or(Ok(0), |row| get(row, 0))?;
        Ok(usize::try_from(open).unwrap_or_default())
    }

    async fn unknown(&self, ids: &[Guid]) -> Result<Vec<Guid>, Failure> {
        let ids: Vec<String> = ids.iter().map(Guid::to_string).collect();
        let rows = self.run(UNKNOWN, &[&ids]).await?;
        rows.iter().map(|row| guid(get(row, 0)?)).collect()
    }

    async fn signal(&self) -> Signal {
        match self.signals.lock().await.recv().await {
            Some(signal) => signal,
            // The task that listens has ended with the process.
            None => std::future::pending().await,
        }
    }
}

fn claimed(id: Guid, row: &tokio_postgres::Row) -> Result<Claimed, Failure> {
    let record = Record { session: get(row, 4)?, place: get(row, 5)? };
    let (number, crashed, age) = (unsigned(get(row, 0)?), get(row, 2)?, seconds(get(row, 3)?));
    let (folder, bytes): (Option<String>, _) = (get(row, 6)?, unsigned(get(row, 7)?));
    let promised = folder.map(|folder| Promise { folder, bytes });
    Ok(Claimed { id, number, record, age, crashed, promised })
}

fn get<'r, T: tokio_postgres::types::FromSql<'r>>(
    row: &'r tokio_postgres::Row,
    column: usize,
) -> Result<T, Failure> {
    row.try_get(column).map_err(|error| failure(&error))
}

fn guid(text: &str) -> Result<Guid, Failure> {
    Guid::parse(text.as_bytes()).map_err(|error| Failure::internal(error.to_string()))
}

/// A clock that was set back makes no record younger than it is.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}
