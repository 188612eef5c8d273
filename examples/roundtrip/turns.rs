//! Turn taking: the signals of the table of sessions, delivered to the threads that answer requests.
//!
//! One thread answers one request. Two requests for one session are two threads, of which one works on it at a time. So a
//! thread asks for its next step, and waits while there is none; a newer request stops an older one that is storing. The
//! lock is held to ask and to report, never to do the work: storing takes long, asking less than a microsecond.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bits_proto::Guid;
use bits_proto::server::{Directory, Exchange, Output, Report, Sessions, Signal};
use http::Request;

use crate::files::random_number;

/// After how long a thread asks again by itself, in case a signal was lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// The table of sessions, and the threads that work on them.
pub(crate) struct Turns {
    table: Mutex<Table>,
}

struct Table {
    sessions: Sessions,
    workers: BTreeMap<Exchange, Worker>,
}

/// The thread of an exchange.
struct Worker {
    thread: Thread,
    /// The connection that brings the body; none, where no client asked for the work.
    connection: Option<Arc<TcpStream>>,
}

impl Turns {
    pub(crate) fn new(directory: Directory) -> Self {
        Self { table: Mutex::new(Table { sessions: Sessions::new(directory), workers: BTreeMap::new() }) }
    }

    /// A request has arrived on this connection. `None`: it is not of this protocol.
    pub(crate) fn begin(&self, head: &Request<()>, connection: &Arc<TcpStream>) -> Option<Task<'_>> {
        // Here everybody is one owner; a real server names its authenticated user.
        self.task(Some(connection), |sessions, now| {
            sessions.handle_request(now, head, &(), session_randomness)
        })
    }

    /// Work that no client asked for: what is left of a session that made no progress for too long is to go.
    pub(crate) fn expired(&self) -> Option<Task<'_>> {
        self.task(None, Sessions::poll_expired)
    }

    fn task(
        &self,
        connection: Option<&Arc<TcpStream>>,
        find: impl FnOnce(&mut Sessions, Instant) -> Option<Exchange>,
    ) -> Option<Task<'_>> {
        self.with(|table, now| {
            let exchange = find(&mut table.sessions, now)?;
            let worker = Worker { thread: thread::current(), connection: connection.cloned() };
            table.workers.insert(exchange, worker);
            Some(Task { turns: self, exchange })
        })
    }

    /// Works on the table, and delivers the signals that come of it.
    fn with<T>(&self, work: impl FnOnce(&mut Table, Instant) -> T) -> T {
        // The machines never panic, so the table is sound even after a thread that held it did.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut table, Instant::now());
        while let Some(signal) = table.sessions.poll_signal() {
            table.deliver(signal);
        }
        done
    }
}

impl Table {
    fn deliver(&self, signal: Signal) {
        let Some(worker) = self.workers.get(&signal.exchange()) else { return };
        match (signal, &worker.connection) {
            (Signal::Ready(_), _) => worker.thread.unpark(),
            // The half that brings the body is shut down, so that reading it ends. The client is still answered.
            (Signal::Stop(_), Some(connection)) => {
                let _closed_already = connection.shutdown(Shutdown::Read);
            }
            (Signal::Stop(_), None) => {}
        }
    }
}

/// One exchange, and the thread that works on it.
pub(crate) struct Task<'t> {
    turns: &'t Turns,
    exchange: Exchange,
}

impl Task<'_> {
    /// The session that the request is for; a Ping is for none.
    pub(crate) fn session(&self) -> Option<Guid> {
        self.exchange.session()
    }

    /// The next thing to do. Waits while another thread works on the session.
    pub(crate) fn next(&self) -> Output {
        loop {
            match self.turns.with(|table, now| table.sessions.poll_output(now, self.exchange)) {
                Some(output) => return output,
                None => thread::park_timeout(PATIENCE),
            }
        }
    }

    /// It was done, or it failed.
    pub(crate) fn report(&self, report: Report) {
        self.turns.with(|table, now| table.sessions.handle_report(now, self.exchange, report));
    }
}

/// However the task ends, by a panic even, it never locks the upload out. After a response this changes nothing.
impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.turns.with(|table, now| {
            table.workers.remove(&self.exchange);
            table.sessions.handle_abandoned(now, self.exchange);
        });
    }
}

/// Whoever guesses a session's id can write into the session: a real server takes these bytes from the operating
/// system's generator, by a crate such as `getrandom`.
fn session_randomness() -> [u8; 16] {
    (u128::from(random_number()) << 64 | u128::from(random_number())).to_be_bytes()
}
