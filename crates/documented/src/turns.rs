//! The table of sessions among tasks: each asks what to do next, and waits for its turn where another is at work.

use std::collections::BTreeMap;
use std::iter;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bits_proto::server::{Arrival, Directory, Exchange, Output, Report, Session, Sessions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(crate) struct Turns {
    table: Mutex<Table>,
    /// Something was reported: whoever waits for its turn asks again.
    reported: Notify,
}

/// Locked to ask what to do, and never while it is done.
#[derive(Debug)]
struct Table {
    sessions: Sessions,
    /// How to stop every exchange at work.
    stops: BTreeMap<Exchange, CancellationToken>,
}

/// One exchange at work.
#[derive(Debug)]
pub(crate) struct Task<'t> {
    turns: &'t Turns,
    pub(crate) exchange: Exchange,
    /// Cancelled when a newer exchange wants to take over.
    pub(crate) stop: CancellationToken,
}

impl Turns {
    pub(crate) fn new(directory: Directory) -> Self {
        let table = Table { sessions: Sessions::new(directory), stops: BTreeMap::new() };
        Self { table: Mutex::new(table), reported: Notify::new() }
    }

    /// Hands a request to its session. The lock under which its exchange begins is the one under which it can be told to
    /// stop.
    pub(crate) fn begin(&self, arrival: &Arrival<'_>) -> (Task<'_>, Output) {
        let stop = CancellationToken::new();
        let mut table = self.table();
        let (exchange, output) = table.sessions.handle_request(Instant::now(), arrival, randomness);
        table.stops.insert(exchange, stop.clone());
        (Task { turns: self, exchange, stop }, output)
    }

    /// The sessions that made no progress for too long.
    pub(crate) fn expired(&self) -> Vec<Session> {
        let now = Instant::now();
        let mut table = self.table();
        iter::from_fn(|| table.sessions.poll_expired(now)).collect()
    }

    /// The machines never panic, so the table is sound even after a thread that held it did.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task<'_> {
    /// Tells what was done; returns what to do next.
    pub(crate) fn report(&self, report: Report) -> Output {
        let output = self.turns.table().sessions.handle_report(Instant::now(), self.exchange, report);
        self.turns.reported.notify_waiters();
        output
    }

    /// Another exchange works on the session. The newest wins, but two must never write at once: so the older one is
    /// told to stop, where it can be stopped, and this one waits until that has reported.
    pub(crate) async fn wait_for_turn(&self, mut output: Output) -> Output {
        loop {
            // Before anything is asked, lest a report be missed that comes between the answer and the wait.
            let reported = self.turns.reported.notified();
            if let Output::Abort(older) = output {
                if let Some(stop) = self.turns.table().stops.get(&older) {
                    stop.cancel();
                }
            }
            output = self.turns.table().sessions.poll(Instant::now(), self.exchange);
            match output {
                Output::Wait => reported.await,
                Output::Abort(_) => {}
                _ => return output,
            }
        }
    }
}

/// However the task ends, by a panic even, it never locks the upload out. After a response this changes nothing.
impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.turns.table().stops.remove(&self.exchange);
        let _nothing_to_do = self.report(Report::Abandoned);
    }
}

/// Whoever guesses a session's id can write into the session.
fn randomness() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
