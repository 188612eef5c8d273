//! An upload server on axum for several processes, whose sessions are rows of SQLite. They share a folder.
//!
//! A row is a lease and a record. A request draws the next number of its row: the newest claims the row once it is free, or once
//! its holder has not renewed the lease. The number is a fence: each statement asks whether the row is still held by it, and the
//! bytes of the upload are in a file of its name. So a process that slept finds neither its row nor its file.
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bits_proto::packet::{Ack, PingAck};
use bits_proto::server::{self, Directory, DirectoryBuilder, Exchange, Held, Keep, Output, Record};
use bits_proto::server::{Refusal, Report, Route, Session, Store};
use bits_proto::{Guid, SessionId};
use http_body_util::BodyExt;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::net::TcpListener;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

/// How long a row is held without being renewed. Every step takes less.
const LEASE: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_secs(60);

const TABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS sessions (
        id TEXT PRIMARY KEY, record TEXT NOT NULL, saved REAL NOT NULL, due REAL, open INTEGER NOT NULL,
        newest INTEGER NOT NULL, holder INTEGER NOT NULL, until REAL NOT NULL, crashed INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS due ON sessions (due);";

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug)]
pub struct Server {
    directory: Directory,
    database: Mutex<Connection>,
    root: PathBuf,
    state: PathBuf,
}

/// What came of the wish to work on a session.
enum Claim {
    Held(Box<Session>, i64),
    Superseded,
    Gone,
}

impl Server {
    /// # Errors
    /// The directory makes no sense, or files cannot be made.
    pub fn open(root: PathBuf, directory: DirectoryBuilder) -> Fallible<Arc<Self>> {
        let state = root.join(".unfinished");
        fs::create_dir_all(&state)?;
        let database = Connection::open(state.join("sessions.db"))?;
        database.busy_timeout(Duration::from_secs(10))?;
        database.execute_batch(TABLE)?;
        let directory = directory.keep(Keep::RecordsWithoutOffset).build()?;
        Ok(Arc::new(Self {
            directory,
            database: Mutex::new(database),
            root,
            state,
        }))
    }

    /// Serves until it fails. Needs a runtime with several threads.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let router = Router::new().fallback(answer).with_state(Arc::clone(&self));
        tokio::spawn(async move {
            loop {
                // What fails is tried again.
                let _tried = self.expire().await;
                sleep(Duration::from_secs(1)).await;
            }
        });
        axum::serve(listener, router).await
    }

    async fn respond(&self, head: &Parts, body: Body) -> Fallible<Option<Ack<'static>>> {
        let Some(arrival) = self.directory.read(head, &()) else {
            return Ok(None);
        };
        let (mut session, fence) = match self.directory.route(&arrival) {
            Route::Answer(ack) => return Ok(Some(ack)),
            Route::Ping => return Ok(Some(Ack::Ping(PingAck))),
            Route::Create if self.is_full()? => {
                return Ok(Some(self.directory.too_many_sessions()));
            }
            Route::Create => {
                let id = Guid::from_random(random());
                let (session, exchange) =
                    Session::open(Instant::now(), id, &arrival, &self.directory);
                self.insert(&session.record(Instant::now()))?;
                return self
                    .drive(session, 1, exchange, head.uri.path(), body)
                    .await;
            }
            Route::Session(id) => match self.claim(id).await? {
                Claim::Held(session, fence) => (*session, fence),
                Claim::Gone => return Ok(Some(self.directory.session_not_found(&arrival))),
                Claim::Superseded => return Ok(Some(self.directory.too_many_sessions())),
            },
        };
        match session.handle_request(Instant::now(), &arrival, &self.directory) {
            Ok(exchange) => {
                self.drive(session, fence, exchange, head.uri.path(), body)
                    .await
            }
            Err(refused) => {
                let is_held = self.save(&session.record(Instant::now()), fence, 0)?;
                Ok(Some(if is_held {
                    *refused
                } else {
                    self.directory.too_many_sessions()
                }))
            }
        }
    }

    /// Does what a session asks for, and reports it; gives the row back with the answer, which counts only if the row was held.
    async fn drive(
        &self,
        mut session: Session,
        fence: i64,
        exchange: Exchange,
        path: &str,
        mut body: Body,
    ) -> Fallible<Option<Ack<'static>>> {
        loop {
            let done = match session.poll_output(Instant::now(), exchange, &self.directory) {
                Some(Output::Store(store)) => {
                    self.store(&mut session, fence, store, &mut body).await
                }
                Some(Output::Respond(ack)) => {
                    let is_held = self.save(&session.record(Instant::now()), fence, 0)?;
                    return Ok(Some(if is_held {
                        ack
                    } else {
                        self.directory.too_many_sessions()
                    }));
                }
                Some(Output::Done) | None => {
                    self.save(&session.record(Instant::now()), fence, 0)?;
                    return Ok(None);
                }
                Some(output) => block_in_place(|| self.step(session.id(), fence, output, path)),
            };
            let report = done.unwrap_or_else(Report::Failed);
            session.handle_report(Instant::now(), exchange, report, &self.directory);
        }
    }

    fn step(&self, id: Guid, fence: i64, output: Output, path: &str) -> Result<Report, Refusal> {
        let part = self.part(id, fence);
        Ok(match output {
            Output::Open => {
                self.destination(path)?;
                fs::create_dir(self.folder(id))?;
                File::create_new(part)?;
                Report::Opened
            }
            Output::Save(record) => match self.save(&record, fence, fence) {
                Ok(true) => Report::Saved,
                _ => return Err(Refusal::Busy),
            },
            Output::Publish { .. } => {
                if !part.try_exists()? {
                    return Err(Refusal::EntityMissing);
                }
                fs::rename(part, self.destination(path)?)?;
                File::open(&self.root)?.sync_all()?;
                Report::Published
            }
            Output::Discard => none_is_fine(fs::remove_file(part)).map(|()| Report::Discarded)?,
            Output::Forget => {
                none_is_fine(fs::remove_dir_all(self.folder(id)))?;
                let forget = "DELETE FROM sessions WHERE id = ? AND holder = ?";
                let deleted = self
                    .database()
                    .execute(forget, params![id.to_string(), fence]);
                deleted.map_err(|_| Refusal::Internal)?;
                Report::Forgotten
            }
            _ => return Err(Refusal::Internal),
        })
    }

    /// Stores what is new of the body, and renews the lease meanwhile: that tells of a newer request, too.
    async fn store(
        &self,
        session: &mut Session,
        fence: i64,
        mut store: Store,
        body: &mut Body,
    ) -> Result<Report, Refusal> {
        let start = store.range().start;
        let file = File::options()
            .write(true)
            .open(self.part(session.id(), fence))?;
        file.set_len(start)?;
        let (mut renewed, mut heard) = (Instant::now(), Instant::now());
        while heard.elapsed() < SILENCE {
            if renewed.elapsed() > LEASE / 8 {
                match self.renew(session.id(), fence) {
                    Ok(Some(newest)) if newest == fence => renewed = Instant::now(),
                    Ok(Some(_newer)) => {
                        session.handle_superseded();
                        break;
                    }
                    _ => return Err(Refusal::Busy),
                }
            }
            let Ok(frame) = timeout(LEASE / 8, body.frame()).await else {
                continue;
            };
            let Some(Ok(frame)) = frame else { break };
            let data = frame.into_data().unwrap_or_default();
            let at = start + store.clipped();
            block_in_place(|| file.write_all_at(store.clip(&data), at))?;
            heard = Instant::now();
        }
        block_in_place(|| file.sync_data())?;
        Ok(Report::Stored(store.clipped()))
    }

    /// Waits until the row is this request's.
    async fn claim(&self, id: Guid) -> Fallible<Claim> {
        let (name, draw) = (
            id.to_string(),
            "UPDATE sessions SET newest = newest + 1 WHERE id = ? RETURNING newest",
        );
        let drawn = self
            .database()
            .query_row(draw, [&name], |row| row.get(0))
            .optional()?;
        let Some(fence): Option<i64> = drawn else {
            return Ok(Claim::Gone);
        };
        loop {
            let claim = "UPDATE sessions SET crashed = holder != 0, holder = newest, until = ?
                WHERE id = ? AND newest = ? AND (holder = 0 OR until < ?) RETURNING record, saved, crashed";
            let claimed = (self.database())
                .query_row(
                    claim,
                    params![now() + LEASE.as_secs_f64(), name, fence, now()],
                    |row| Ok((row.get::<_, String>(0)?, row.get::<_, f64>(1)?, row.get(2)?)),
                )
                .optional()?;
            if let Some((record, saved, crashed)) = claimed {
                let held = block_in_place(|| self.fence(id, fence, crashed))?;
                let age = Duration::try_from_secs_f64(now() - saved).unwrap_or_default();
                let record = serde_json::from_str(&record)?;
                let session = Session::recover(Instant::now(), record, age, held, &self.directory)?;
                return Ok(Claim::Held(Box::new(session), fence));
            }
            let look = "SELECT newest FROM sessions WHERE id = ?";
            let newest: Option<i64> = self
                .database()
                .query_row(look, [&name], |row| row.get(0))
                .optional()?;
            match newest {
                None => return Ok(Claim::Gone),
                Some(newest) if fence == newest => sleep(Duration::from_millis(10)).await,
                Some(_newer) => return Ok(Claim::Superseded),
            }
        }
    }

    /// Gives the bytes the name of the claim. A process that sleeps has the file still open: it keeps that one, and the claim has
    /// a copy.
    fn fence(&self, id: Guid, fence: i64, crashed: bool) -> io::Result<Held> {
        let part = self.part(id, fence);
        let Some(entries) = found(fs::read_dir(self.folder(id)))? else {
            return Ok(Held::Nothing);
        };
        for entry in entries {
            let path = entry?.path();
            let is_part = path.extension().is_none();
            if is_part && found(fs::rename(&path, &part))?.is_some() {
                if crashed {
                    let copy = part.with_extension("copy");
                    fs::copy(&part, &copy)?;
                    File::open(&copy)?.sync_all()?;
                    fs::rename(copy, &part)?;
                }
                return Ok(Held::Bytes(fs::metadata(part)?.len()));
            }
        }
        Ok(Held::Nothing)
    }

    async fn expire(&self) -> Fallible<()> {
        let due: Vec<String> = {
            let database = self.database();
            let mut due = database
                .prepare("SELECT id FROM sessions WHERE due < ?1 AND (holder = 0 OR until < ?1)")?;
            due.query_map([now()], |row| row.get(0))?
                .collect::<Result<_, _>>()?
        };
        for id in due {
            let id = id
                .parse::<SessionId>()?
                .guid()
                .ok_or("not an id of this server")?;
            let Claim::Held(mut session, fence) = self.claim(id).await? else {
                continue;
            };
            let is_due = session
                .deadline()
                .is_some_and(|deadline| deadline <= Instant::now());
            match session.expire(&self.directory).filter(|_| is_due) {
                Some(exchange) => drop(
                    self.drive(*session, fence, exchange, "", Body::empty())
                        .await?,
                ),
                None => drop(self.save(&session.record(Instant::now()), fence, 0)?),
            }
        }
        Ok(())
    }

    fn insert(&self, record: &Record) -> Fallible<()> {
        let insert = "INSERT INTO sessions VALUES (?, '', 0, NULL, 1, 1, 1, ?, 0)";
        self.database().execute(
            insert,
            params![record.id().to_string(), now() + LEASE.as_secs_f64()],
        )?;
        self.save(record, 1, 1).map(drop)
    }

    /// Saves a record, and hands the row to `holder`; whether the row was still held.
    fn save(&self, record: &Record, fence: i64, holder: i64) -> Fallible<bool> {
        let save =
            "UPDATE sessions SET record = ?, saved = ?, due = ?, open = ?, holder = ?, until = ?
            WHERE id = ? AND holder = ?";
        let (json, id) = (serde_json::to_string(record)?, record.id().to_string());
        let due = record
            .remaining()
            .map(|remaining| now() + remaining.as_secs_f64());
        let is_open = !matches!(record.state(), server::State::Ended(_));
        let until = now() + LEASE.as_secs_f64();
        let values = params![json, now(), due, is_open, holder, until, id, fence];
        Ok(self.database().execute(save, values)? == 1)
    }

    /// Renews the lease; the newest number of the row, if it is still held.
    fn renew(&self, id: Guid, fence: i64) -> rusqlite::Result<Option<i64>> {
        let renew = "UPDATE sessions SET until = ? WHERE id = ? AND holder = ? RETURNING newest";
        let values = params![now() + LEASE.as_secs_f64(), id.to_string(), fence];
        self.database()
            .query_row(renew, values, |row| row.get(0))
            .optional()
    }

    fn is_full(&self) -> Fallible<bool> {
        let count = "SELECT count(*) FROM sessions WHERE open";
        let open: usize = self.database().query_row(count, [], |row| row.get(0))?;
        Ok(open >= self.directory.sessions_per_owner())
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self, id: Guid) -> PathBuf {
        self.state.join(id.to_string())
    }

    fn part(&self, id: Guid, fence: i64) -> PathBuf {
        self.folder(id).join(fence.to_string())
    }

    /// The path is whatever a stranger sent: what is known to be good is taken, and nothing else.
    fn destination(&self, path: &str) -> Result<PathBuf, Refusal> {
        let name = path.strip_prefix("/uploads/").unwrap_or_default();
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let legal = (1..=100).contains(&name.len()) && name.bytes().all(good);
        let shown = legal && !name.starts_with('.');
        shown
            .then(|| self.root.join(name))
            .ok_or(Refusal::AccessDenied)
    }
}

/// In a task of its own: axum drops the handler of a connection that breaks.
async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let done = tokio::spawn(async move { server.respond(&head, body).await });
    match done.await {
        Ok(Ok(Some(ack))) => ack.to_response().map(|()| Body::empty()),
        Ok(Ok(None)) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What was done, if what it was done with was there.
fn found<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

fn none_is_fine(done: io::Result<()>) -> io::Result<()> {
    found(done).map(drop)
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_secs_f64()
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
