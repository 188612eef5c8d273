//! Everything that talks to bits-proto: from the head of a request to its Ack.
//!
//! One table of sessions, [`Sessions`], is behind a lock that is held to ask and never to do. A request asks what to do,
//! does it, reports, and is told what to do next, until that is to respond. The [`exchange`](Bits::exchange) is the loop;
//! all the rest of this file is in its service:
//!
//! - **A request may have to wait for an older one** of its upload, and have it stopped: [`wait_for_turn`](Bits::wait_for_turn).
//! - **What an Ack says must be true after a crash**: [`save`](Bits::save) before it, [`restore`](Bits::restore) after.
//! - **Nobody's upload is kept for ever**: [`expire`](Bits::expire).

use std::collections::BTreeMap;
use std::io;
use std::iter;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use bits_proto::packet::{Ack, CloseSession, ErrorAck, PacketType, Request};
use bits_proto::server::{
    Arrival, Directory, Exchange, Notified, Output, Refusal, Report, Session, Sessions, Snapshot, Store,
};
use bits_proto::{Conformance, ErrorContext, Guid, Hresult, limits};
use http::StatusCode;
use http::request::Parts;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::body;
use crate::metrics::Metrics;
use crate::notifier::{self, Notifications};
use crate::storage::{Saved, Storage, refusal};
use crate::users::Owner;

/// Sessions are saved one after another if they share a lock; more locks than a disk does at a time are of no use.
const SAVE_LOCKS: usize = 64;

pub(crate) struct Bits {
    directory: Directory,
    table: Mutex<Table>,
    /// Something was reported: whoever waits for its turn asks again.
    reported: Notify,
    save_locks: [tokio::sync::Mutex<()>; SAVE_LOCKS],
    storage: Arc<Storage>,
    notifications: Option<Notifications>,
    random: SystemRandom,
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
            save_locks: std::array::from_fn(|_| tokio::sync::Mutex::new(())),
            storage,
            notifications,
            random: SystemRandom::new(),
            metrics: Metrics::default(),
            stopping: CancellationToken::new(),
        }
    }

    /// Answers a request, if it is one of this protocol. Must run to its end, even if nobody is left to hear the answer.
    pub(crate) async fn answer(&self, head: &Parts, body: &mut Body, owner: &Owner) -> Option<Ack<'static>> {
        let begin = Instant::now();
        let (packet, ack) = match self.directory.decode(head) {
            Ok(Some(request)) => {
                (Some(request.packet_type()), self.exchange(&request, head, body, owner).await)
            }
            Ok(None) => return None,
            Err(error) => (None, error.to_ack()),
        };
        self.metrics.packet(packet, ack.status());
        log(packet, head, owner, &ack, begin.elapsed());
        Some(ack)
    }

    /// One exchange, from the request to the Ack.
    async fn exchange(
        &self,
        request: &Request<'_>,
        head: &Parts,
        body: &mut Body,
        owner: &Owner,
    ) -> Ack<'static> {
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
                    report(self.files(move |storage| storage.discard(id)).await, Report::Discarded)
                }
                Output::Abort(_) | Output::Wait => {
                    output = self.wait_for_turn(task.exchange, output).await;
                    continue;
                }
                Output::Respond(ack) => return self.respond(request, id, ack).await,
            };
            output = task.report(report);
        }
    }

    /// Hands a request to its session. The lock under which its exchange begins is the one under which it can be told
    /// to stop.
    fn begin(&self, arrival: &Arrival<'_, Owner>) -> (Task<'_>, Output) {
        let superseded = CancellationToken::new();
        let mut table = self.table();
        let (exchange, output) = table.sessions.handle_request(Instant::now(), arrival, || self.randomness());
        table.stops.insert(exchange, superseded.clone());
        (Task { bits: self, exchange, superseded }, output)
    }

    async fn open(&self, id: Guid, destination: &str) -> Result<(), Refusal> {
        let destination = destination.to_owned();
        self.files(move |storage| storage.open_upload(id, &destination)).await
    }

    async fn store(&self, task: &Task<'_>, store: &Store, body: &mut Body) -> Report {
        let id = task.exchange.session();
        let part = self.files(move |storage| storage.part(id).map_err(|error| refusal(&error))).await;
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
        let total = self.table().sessions.get(id).and_then(Session::total).ok_or(Refusal::EntityMissing)?;
        let destination = destination.to_owned();
        self.files(move |storage| storage.publish(id, &destination, total)).await
    }

    async fn notify(&self, id: Guid, head: &Parts) -> Report {
        let Some(total) = self.table().sessions.get(id).and_then(Session::total) else {
            return Report::Failed { stored: 0, refusal: Refusal::EntityMissing };
        };
        notifier::notify(&self.notifications, &self.storage, id, head, total).await
    }

    /// Another exchange works on the session. The newest wins, but two must never write at once: so have the older one
    /// stop, where it can be stopped, and wait until it has reported.
    async fn wait_for_turn(&self, exchange: Exchange, mut output: Output) -> Output {
        loop {
            // Before anything is asked, lest a report be missed that comes between the answer and the wait.
            let mut reported = pin!(self.reported.notified());
            reported.as_mut().enable();
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
        let _one_at_a_time = self.save_lock(id).await;
        match ack {
            Ack::CloseSession(_) => return self.files(move |storage| storage.close(id)).await,
            Ack::CancelSession(_) => return self.files(move |storage| storage.forget(id)).await,
            _ => {}
        }
        let Some(snapshot) = self.table().sessions.get(id).map(|session| session.snapshot(Instant::now()))
        else {
            return Ok(());
        };
        let json = serde_json::to_vec(&snapshot)?;
        self.files(move |storage| storage.save(id, &json)).await
    }

    /// Takes up the sessions of an earlier process, before the first request. What they say was stored, and what is:
    /// the lesser counts.
    pub(crate) fn restore(&self) -> io::Result<()> {
        for saved in self.storage.saved()? {
            let session = match self.restored(&saved) {
                Ok(session) => session,
                Err(error) => {
                    tracing::error!(session = %saved.id, %error, "a saved session is ignored");
                    continue;
                }
            };
            let closed = saved.stored.is_none().then(|| session.clone());
            if self.table().sessions.insert(Instant::now(), session).is_err() {
                tracing::error!(session = %saved.id, "two sessions have the same name: one is ignored");
            } else if let Some(session) = closed {
                self.close_again(&session);
            }
        }
        let sessions = self.sessions_open();
        if sessions > 0 {
            tracing::info!(sessions, "sessions restored");
        }
        Ok(())
    }

    fn restored(&self, saved: &Saved) -> Result<Session<Owner>, Box<dyn std::error::Error>> {
        let snapshot: Snapshot<Owner> = serde_json::from_slice(&saved.json)?;
        if snapshot.id() != saved.id {
            return Err("it has another name than its file".into());
        }
        // Its timeout went on while no server ran.
        let now = Instant::now();
        let mut session = Session::restore(now.checked_sub(saved.age).unwrap_or(now), snapshot)?;
        // Where the bytes are gone they were published: the client's repeat finds them at the destination.
        session.recover(Some(saved.stored.unwrap_or(limits::MAX_ENTITY_SIZE)));
        if saved.stored.is_some() {
            self.storage.truncate(saved, session.received())?;
        }
        Ok(session)
    }

    /// Leads a session whose upload is published already to its end, so that it is remembered like any that has ended.
    fn close_again(&self, session: &Session<Owner>) {
        let Ok(target) = session.destination().parse() else { return };
        let request =
            Request::CloseSession(CloseSession { session_id: session.id().into(), content_name: None });
        let arrival = Arrival { request: &request, target: &target, owner: session.owner() };
        let (task, mut output) = self.begin(&arrival);
        loop {
            output = task.report(match output {
                Output::Notify => Report::Notified(Notified { copy_to_destination: true, reply_url: None }),
                Output::Publish => Report::Published,
                Output::Discard => Report::Discarded,
                _ => return,
            });
        }
    }

    /// Deletes what made no progress for too long.
    pub(crate) async fn expire(&self) {
        let now = Instant::now();
        let expired: Vec<_> = {
            let mut table = self.table();
            iter::from_fn(|| table.sessions.poll_expired(now)).collect()
        };
        for session in expired {
            tracing::info!(
                path = session.destination(),
                owner = session.owner(),
                received = session.received(),
                "expired"
            );
            self.metrics.expired();
            self.delete(session.id()).await;
        }
    }

    /// Forgets the uploads that were closed long ago: no client repeats its Close any more.
    pub(crate) async fn forget_closed(&self) {
        let closed = self.files(|storage| storage.closed_before(limits::TOMBSTONE_LIFETIME)).await;
        for id in closed.unwrap_or_default() {
            self.delete(id).await;
        }
    }

    async fn delete(&self, id: Guid) {
        let _one_at_a_time = self.save_lock(id).await;
        if let Err(error) = self.files(move |storage| storage.forget(id)).await {
            tracing::error!(%error, "an upload could not be deleted");
        }
    }

    pub(crate) fn conformance(&self) -> Conformance {
        self.directory.conformance()
    }

    pub(crate) fn sessions_open(&self) -> usize {
        self.table().sessions.len()
    }

    /// Does something with files, on a thread that may block.
    async fn files<T: Send + 'static>(&self, work: impl FnOnce(&Storage) -> T + Send + 'static) -> T {
        let storage = Arc::clone(&self.storage);
        match spawn_blocking(move || work(&storage)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The program ends.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn save_lock(&self, id: Guid) -> tokio::sync::MutexGuard<'_, ()> {
        let [.., last] = id.as_bytes();
        self.save_locks[usize::from(*last) % SAVE_LOCKS].lock().await
    }

    /// Whoever guesses a session's id can write into the session.
    pub(crate) fn randomness(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes).expect("the operating system has randomness");
        bytes
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

/// One line for each packet. A session's id is a secret, so that its first digits alone tell which one it is.
fn log(packet: Option<PacketType>, head: &Parts, owner: &Owner, ack: &Ack<'_>, took: Duration) {
    let id =
        ack.session_id().map(|id| id.as_str().trim_start_matches('{').chars().take(8).collect::<String>());
    let received = match ack {
        Ack::Fragment(ack) => ack.received,
        Ack::Error(error) => error.received,
        _ => None,
    };
    tracing::info!(
        packet = packet.map_or("invalid", PacketType::as_str),
        status = ack.status().as_u16(),
        path = head.uri.path(),
        owner,
        session = id,
        received,
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}
