//! An upload server on axum for several processes, whose sessions are rows of SQLite. They share a folder.
//!
//! A row is a lease and a record. Each claim draws its next number, which is a fence: every statement asks whether the row is
//! still held by that number, so a process that slept finds its row no more.
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use bits_http::leases::{Claim, Claimed, Leases, Limits, Lookup, Row, Rows};
use bits_http::server::Uploads;
use bits_http::storage::{Failure, Folder, Keep, Record};
use bits_proto::Guid;
use bits_proto::server::DirectoryBuilder;
use rusqlite::{Connection, OptionalExtension, Params, params};
use tokio::net::TcpListener;
use tokio::task::block_in_place;

const TABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, owner TEXT, record BLOB, saved REAL,
        due REAL, open INTEGER, newest INTEGER, holder INTEGER, until REAL, crashed INTEGER);
    CREATE INDEX IF NOT EXISTS due ON sessions (due);";

/// Serves uploads into a folder until it fails, beside other processes. Needs a runtime with several threads.
pub async fn serve(
    root: PathBuf,
    directory: DirectoryBuilder,
    listener: TcpListener,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = Folder::builder(&root).shared().create_dirs(true).open()?;
    let database = Connection::open(root.join(".bits/sessions.db"))?;
    database.busy_timeout(Duration::from_secs(10))?;
    database.execute_batch(TABLE)?;
    let directory = directory.keep(Keep::RecordsWithoutOffset).build()?;
    let rows = Sqlite(Mutex::new(database));
    let turns = Leases::<_, ()>::open(&directory, rows, Duration::from_secs(2)).await?;
    let uploads = Uploads::builder(folder).with_turns(turns);
    axum::serve(listener, Router::new().fallback_service(uploads)).await?;
    Ok(())
}

struct Sqlite(Mutex<Connection>);

impl Sqlite {
    /// Makes a change. Returns how many rows there were to change.
    fn change(&self, sql: &str, values: impl Params) -> Result<usize, Failure> {
        self.with(|database| database.execute(sql, values))
    }

    /// Returns a row, if there is one.
    fn find<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Failure> {
        self.with(|database| database.query_row(sql, values, read).optional())
    }

    fn with<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        let database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        block_in_place(|| f(&database)).map_err(|error| Failure::internal(error.to_string()))
    }
}

impl Rows for Sqlite {
    async fn insert(&self, row: &Row, limits: Limits, lease: Duration) -> Result<bool, Failure> {
        let insert = "INSERT INTO sessions SELECT ?1, ?2, ?3, ?4, ?5, ?6, 1, 1, ?7, 0
            WHERE (SELECT count(*) FROM sessions WHERE open) < ?8
            AND (SELECT count(*) FROM sessions WHERE open AND owner = ?2) < ?9";
        let (id, record, open) = (row.id.to_string(), &row.record.session, row.is_open);
        let at_most = |limit| i64::try_from(limit).unwrap_or(i64::MAX);
        let (all, each) = (at_most(limits.all), at_most(limits.of_owner));
        let until = now() + lease.as_secs_f64();
        let values = params![
            id,
            row.owner,
            record,
            now(),
            due(row),
            open,
            until,
            all,
            each
        ];
        Ok(self.change(insert, values)? == 1)
    }

    async fn claim(
        &self,
        id: Guid,
        number: Option<u64>,
        owner: Option<&str>,
        lease: Duration,
    ) -> Result<Claim, Failure> {
        let (key, until) = (id.to_string(), now() + lease.as_secs_f64());
        let draw =
            "UPDATE sessions SET newest = newest + 1 WHERE id = ?1 AND owner = ifnull(?2, owner)
            RETURNING newest";
        let number = match number {
            Some(number) => number,
            None => match self.find(draw, params![key, owner], |row| row.get(0))? {
                Some(drawn) => drawn,
                None => return Ok(Claim::Gone),
            },
        };
        let claim = "UPDATE sessions SET crashed = holder != 0, holder = newest, until = ?1
            WHERE id = ?2 AND newest = ?3 AND (holder = 0 OR until < ?4) RETURNING record, saved, crashed";
        let claimed = self.find(claim, params![until, key, number, now()], |row| {
            let (record, age, crashed) = (record(row)?, age(row)?, row.get(2)?);
            Ok(Claimed {
                id,
                number,
                record,
                age,
                crashed,
                promised: None,
            })
        })?;
        let look = "SELECT newest FROM sessions WHERE id = ?";
        Ok(
            match (
                claimed,
                self.find(look, [&key], |row| row.get::<_, u64>(0))?,
            ) {
                (Some(claimed), _) => Claim::Held(claimed),
                (None, Some(newest)) if newest == number => Claim::Waiting(number),
                (None, Some(_newer)) => Claim::Superseded,
                (None, None) => Claim::Gone,
            },
        )
    }

    async fn due(&self, lease: Duration) -> Result<Option<Claimed>, Failure> {
        let due =
            "SELECT id FROM sessions WHERE due < ?1 AND (holder = 0 OR until < ?1) ORDER BY due";
        let Some(id) = self.find(due, [now()], |row| row.get::<_, String>(0))? else {
            return Ok(None);
        };
        let id = id
            .parse()
            .map_err(|_| Failure::internal("a row without an id"))?;
        match self.claim(id, None, None, lease).await? {
            Claim::Held(claimed) => Ok(Some(claimed)),
            _ => Ok(None),
        }
    }

    async fn renew(
        &self,
        held: &[(Guid, u64)],
        lease: Duration,
    ) -> Result<Vec<(Guid, u64, u64)>, Failure> {
        let renew = "UPDATE sessions SET until = ? WHERE id = ? AND holder = ? RETURNING newest";
        let mut renewed = Vec::new();
        for &(id, number) in held {
            let values = params![now() + lease.as_secs_f64(), id.to_string(), number];
            let newest = self.find(renew, values, |row| row.get(0))?;
            renewed.extend(newest.map(|newest| (id, number, newest)));
        }
        Ok(renewed)
    }

    async fn save(&self, row: &Row, number: u64, lease: Option<Duration>) -> Result<bool, Failure> {
        let save =
            "UPDATE sessions SET record = ?, saved = ?, due = ?, open = ?, holder = ?, until = ?
            WHERE id = ? AND holder = ?";
        let until = now() + lease.unwrap_or_default().as_secs_f64();
        let (holder, id) = (lease.map_or(0, |_| number), row.id.to_string());
        let record = &row.record.session;
        let values = params![
            record,
            now(),
            due(row),
            row.is_open,
            holder,
            until,
            id,
            number
        ];
        Ok(self.change(save, values)? == 1)
    }

    async fn forget(&self, id: Guid, number: u64) -> Result<bool, Failure> {
        let forget = "DELETE FROM sessions WHERE id = ? AND holder = ?";
        Ok(self.change(forget, params![id.to_string(), number])? == 1)
    }

    async fn look(&self, id: Guid) -> Result<Option<Lookup>, Failure> {
        let look = "SELECT record, saved FROM sessions WHERE id = ?";
        self.find(look, [id.to_string()], |row| {
            Ok(Lookup {
                record: record(row)?,
                age: age(row)?,
            })
        })
    }

    async fn touch(&self, id: Guid) -> Result<(), Failure> {
        let touch = "UPDATE sessions SET due = ?1 + due - saved, saved = ?1
            WHERE id = ?2 AND open AND holder = 0";
        self.change(touch, params![now(), id.to_string()]).map(drop)
    }

    async fn open(&self) -> Result<usize, Failure> {
        let count = "SELECT count(*) FROM sessions WHERE open";
        Ok(self.find(count, [], |row| row.get(0))?.unwrap_or(0))
    }

    async fn unknown(&self, ids: &[Guid]) -> Result<Vec<Guid>, Failure> {
        let mut unknown = Vec::new();
        for &id in ids {
            unknown.extend(self.look(id).await?.is_none().then_some(id));
        }
        Ok(unknown)
    }
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_secs_f64()
}

fn due(row: &Row) -> Option<f64> {
    Some(now() + row.remaining?.as_secs_f64())
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let (session, place) = (row.get(0)?, Vec::new());
    Ok(Record { session, place })
}

fn age(row: &rusqlite::Row<'_>) -> rusqlite::Result<Duration> {
    let saved: f64 = row.get(1)?;
    Ok(Duration::try_from_secs_f64(now() - saved).unwrap_or_default())
}
