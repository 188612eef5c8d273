//! Everything that talks to `bits_proto::server`: from the head of a request to its Ack.
//!
//! One table of sessions, [`Sessions`], is behind a lock that is held to ask and never to do. A request asks what to do,
//! does it, reports, and is told what to do next, until that is to respond. The [`exchange`](Bits::exchange) is the loop;
//! all the rest of this file is in its service:
//!
//! - **A request may have to wait for an older one** of its upload, and have it stopped: [`wait_for_turn`](Bits::wait_for_turn).
//! - **What an Ack says must be true after a crash**: [`save`](Bits::save) before it, and `restore.rs` after.
//! - **Nobody's upload is kept for ever**: `expiry.rs`.

mod expiry;
mod log;
mod reason;
mod restore;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::Body;
use bits_proto::packet::{Ack, ErrorAck, Request};
use bits_proto::server::{Arrival, Directory, Exchange, Output, Refusal, Report, Session, Sessions, Store};
use bits_proto::{Conformance, ErrorContext, Guid, Hresult};
use http::StatusCode;
use http::request::Parts;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::body;
use crate::files::Files;
use crate::metrics::Metrics;
use crate::notifier::{self, Notifications};
use crate::random;
use crate::refusal::refusal;
use crate::storage::Storage;
use crate::users::Owner;

pub(crate) struct Bits {
    directory: Directory,
    table: Mutex<Table>,
    /// Something was reported: whoever waits for its turn asks again.
    reported: Notify,
    storage: Arc<Storage>,
    files: Files,
    notifications: Option<Notifications>,
    pub(crate) metrics: Metrics,
    pub(crate) stopping: CancellationToken,
}

struct Table {
    sessions: Sessions<Owner>,
    /// How to stop every exchange at work.
    stops: BTreeMap<Exchange, CancellationToken>,
}

/// One exchange at work.
struct Task<'s> {
    bits: &'s Bits,
    exchange: Exchange,
    superseded: CancellationToken,
}

impl Bits {
    pub(crate) fn new(
        directory: Directory,
        storage: Arc<Storage>,
        notifications: Option<Notifications>,
    ) -> Self {
        let table = Table { sessions: Sessions::new(directory.clone()), stops: BTreeMap::new() };
        Self {
            directory,
            table: Mutex::new(table),
            reported: Notify::new(),
            files: Files::new(Arc::clone(&storage)),
            storage,
            notifications,
            metrics: Metrics::default(),
            stopping: CancellationToken::new(),
        }
    }

    /// Answers a request, if it is one of this protocol. Must run to its end, even if nobody is left to hear the answer.
    pub(crate) async fn answer(&self, head: &Parts, body: &mut Body, owner: &Owner) -> Option<Ack<'static>> {
        let begin = Instant::now();
        let (packet, ack, reason) = match self.directory.decode(head) {
            Ok(Some(request)) => {
                let (ack, refusal) = self.exchange(&request, head, body, owner).await;
                let reason = reason::of(&request, &ack, refusal);
                (Some(request.packet_type()), ack, reason)
            }
            Ok(None) => return None,
            Err(error) => (None, Ack::Error(error.to_ack()), Some(error.to_string())),
        };
        self.metrics.packet(packet, ack.status());
        log::answered(packet, head, owner, &ack, reason.as_deref(), begin.elapsed());
        Some(ack)
    }

    /// One exchange, from the request to the Ack; and what went wrong with a file on the way, which the Ack only hints at.
    async fn exchange(
        &self,
        request: &Request<'_>,
        head: &Parts,
        body: &mut Body,
        owner: &Owner,
    ) -> (Ack<'static>, Option<Refusal>) {
        let mut refused = None;
        let arrival = Arrival { request, target: &head.uri, owner };
        let (task, mut output) = self.begin(&arrival);
        let id = task.exchange.session();
        let destination = head.uri.path();
        // Do what the session asks for, and report it, until it responds.
        loop {
            let report = match output {
                Output::Open => report(self.open(id, destination).await, Report::Opened),
                Output::Store(store) => self.store(&task, &store, body).await,
                Output::Notify => self.notify(id, head).await,
                Output::Publish => report(self.publish(id, destination).await, Report::Published),
                Output::Discard => {
                    report(self.files.with(move |storage| storage.discard(id)).await, Report::Discarded)
                }
                Output::Abort(_) | Output::Wait => {
                    output = self.wait_for_turn(task.exchange, output).await;
                    continue;
                }
                Output::Respond(ack) => return (self.respond(request, id, ack).await, refused),
            };
            if let Report::Failed { refusal, .. } = report {
                refused = Some(refusal);
            }
            output = task.report(report);
        }
    }

    /// Hands a request to its session. The lock under which its exchange begins is the one under which it can be told
    /// to stop.
    fn begin(&self, arrival: &Arrival<'_, Owner>) -> (Task<'_>, Output) {
        let superseded = CancellationToken::new();
        let mut table = self.table();
        let (exchange, output) = table.sessions.handle_request(Instant::now(), arrival, random::bytes);
        table.stops.insert(exchange, superseded.clone());
        (Task { bits: self, exchange, superseded }, output)
    }

    async fn open(&self, id: Guid, destination: &str) -> Result<(), Refusal> {
        let destination = destination.to_owned();
        self.files.with(move |storage| storage.open_upload(id, &destination)).await
    }

    async fn store(&self, task: &Task<'_>, store: &Store, body: &mut Body) -> Report {
        let id = task.exchange.session();
        let part = self.files.with(move |storage| storage.part(id).map_err(|error| refusal(&error))).await;
        let report = match part {
            Ok(part) => body::store(part, store, body, &task.superseded, &self.stopping).await,
            Err(refusal) => Report::Failed { stored: 0, refusal },
        };
        if let Report::Stored(stored) | Report::Failed { stored, .. } = report {
            self.metrics.received(stored);
        }
        report
    }

    async fn publish(&self, id: Guid, destination: &str) -> Result<(), Refusal> {
        let total = self.total(id)?;
        let destination = destination.to_owned();
        self.files.with(move |storage| storage.publish(id, &destination, total)).await
    }

    async fn notify(&self, id: Guid, head: &Parts) -> Report {
        match self.total(id) {
            Ok(total) => notifier::notify(&self.notifications, &self.storage, id, head, total).await,
            Err(refusal) => Report::Failed { stored: 0, refusal },
        }
    }

    fn total(&self, id: Guid) -> Result<u64, Refusal> {
        self.table().sessions.get(id).and_then(Session::total).ok_or(Refusal::EntityMissing)
    }

    /// Another exchange works on the session. The newest wins, but two must never write at once: so have the older one
    /// stop, where it can be stopped, and wait until it has reported.
    async fn wait_for_turn(&self, exchange: Exchange, mut output: Output) -> Output {
        loop {
            // Before anything is asked, lest a report be missed that comes between the answer and the wait.
            let reported = self.reported.notified();
            if let Output::Abort(older) = output {
                if let Some(stop) = self.table().stops.get(&older) {
                    stop.cancel();
                }
            }
            output = self.table().sessions.poll(Instant::now(), exchange);
            match output {
                Output::Wait => reported.await,
                Output::Abort(_) => {}
                _ => return output,
            }
        }
    }

    /// What the Ack says must hold after a crash: the session is saved before it is sent.
    async fn respond(&self, request: &Request<'_>, id: Guid, ack: Ack<'static>) -> Ack<'static> {
        let saved = if id == Guid::NIL { Ok(()) } else { self.save(id, &ack).await };
        let Err(error) = saved else { return ack };
        tracing::error!(%error, "a session could not be saved");
        if let Request::CreateSession(_) = request {
            // The client never learns of it.
            self.table().sessions.evict(id);
            self.delete(id).await;
        }
        let internal = ErrorAck::status_only(StatusCode::INTERNAL_SERVER_ERROR);
        let error = match refusal(&error) {
            Refusal::DiskFull => {
                ErrorAck::new(internal.status, Hresult::ERROR_DISK_FULL, ErrorContext::REMOTE_FILE)
            }
            _ => internal,
        };
        Ack::Error(ErrorAck { session_id: request.session_id(), ..error })
    }

    /// Saves the session as it is now, or its end. Under a lock, lest an older state overwrite a newer one.
    async fn save(&self, id: Guid, ack: &Ack<'_>) -> io::Result<()> {
        let _one_at_a_time = self.files.turn(id).await;
        match ack {
            Ack::CloseSession(_) => return self.files.with(move |storage| storage.close(id)).await,
            Ack::CancelSession(_) => return self.files.with(move |storage| storage.forget(id)).await,
            _ => {}
        }
        let Some(snapshot) = self.table().sessions.get(id).map(|session| session.snapshot(Instant::now()))
        else {
            return Ok(());
        };
        let json = serde_json::to_vec(&snapshot)?;
        self.files.with(move |storage| storage.save(id, &json)).await
    }

    pub(crate) fn conformance(&self) -> Conformance {
        self.directory.conformance()
    }

    pub(crate) fn sessions_open(&self) -> usize {
        self.table().sessions.len()
    }

    /// Who may fetch the reply to an upload: whoever owns it.
    pub(crate) fn owns(&self, owner: &Owner, id: Guid) -> bool {
        self.table().sessions.get(id).is_some_and(|session| session.owner() == owner)
    }

    /// The machines never panic, so the table is sound even after a thread that held it did.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task<'_> {
    fn report(&self, report: Report) -> Output {
        let output = self.bits.table().sessions.handle_report(Instant::now(), self.exchange, report);
        self.bits.reported.notify_waiters();
        output
    }
}

/// However the task ends, by a panic even, it never locks the upload out. After a response this changes nothing.
impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.bits.table().stops.remove(&self.exchange);
        let _nothing_to_do = self.report(Report::Abandoned);
    }
}

fn report(done: Result<(), Refusal>, success: Report) -> Report {
    match done {
        Ok(()) => success,
        Err(refusal) => Report::Failed { stored: 0, refusal },
    }
}
