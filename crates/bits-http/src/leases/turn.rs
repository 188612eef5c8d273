//! One exchange over a leased row.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bits_proto::Guid;
use bits_proto::packet::{Ack, PingAck};
use bits_proto::server::{
    Arrival, Directory, Ending, Exchange, Output, Record, Refusal, Report, Session, State,
};

use super::quota;
use super::registry::Lease;
use super::rows::{Promise, Row, Rows};
use super::turns::{Shared, busy};
use crate::server::{Owner, Turn, Upload, Work};
use crate::storage::{self, Failure, Storage};

/// One exchange of [`Leases`](super::Leases).
pub struct LeaseTurn<R: Rows, O: Owner> {
    shared: Arc<Shared<R>>,
    kind: Kind<O>,
}

enum Kind<O> {
    /// It reaches no session. Without an Ack it is a Ping, until the client is admitted.
    Outside(Mutex<Option<Ack<'static>>>),
    Session(Box<Working<O>>),
}

/// A session whose row is held.
pub(super) struct Working<O> {
    id: Guid,
    exchange: Option<Exchange>,
    lease: Lease,
    inner: Mutex<Inner<O>>,
}

struct Inner<O> {
    session: Session<O>,
    row: Holding,
    failure: Option<Failure>,
    saved: Option<Upload<O>>,
    promised: Option<Promise>,
}

/// What became of the row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holding {
    Held,
    GivenBack,
    /// Somebody else has it.
    Lost,
}

impl<O: Owner> Working<O> {
    pub(super) fn new(session: Session<O>, exchange: Exchange, lease: Lease) -> Self {
        Self { exchange: Some(exchange), ..Self::taken_up(session, None, lease) }
    }

    pub(super) fn taken_up(session: Session<O>, promised: Option<Promise>, lease: Lease) -> Self {
        let id = session.id();
        let inner = Inner { session, row: Holding::Held, failure: None, saved: None, promised };
        Self { id, exchange: None, lease, inner: Mutex::new(inner) }
    }

    /// Begins the exchange of a request.
    ///
    /// # Errors
    /// The answer, if the client may not use the session.
    pub(super) fn begin(
        &mut self,
        arrival: &Arrival<'_, O>,
        directory: &Directory,
    ) -> Result<(), Box<Ack<'static>>> {
        let exchange = self.inner().session.handle_request(Instant::now(), arrival, directory)?;
        self.exchange = Some(exchange);
        Ok(())
    }

    /// Begins the end of a session whose place a newer one takes.
    pub(super) fn replace(&mut self) {
        let exchange = self.inner().session.replace();
        self.exchange = Some(exchange);
    }

    /// Begins the end of a session whose time is over. Returns whether it is.
    pub(super) fn expire(&mut self, directory: &Directory) -> bool {
        let mut inner = self.inner();
        let is_due = inner.session.deadline().is_some_and(|deadline| deadline <= Instant::now());
        let exchange = if is_due { inner.session.expire(directory) } else { None };
        drop(inner);
        self.exchange = exchange;
        exchange.is_some()
    }

    fn inner(&self) -> MutexGuard<'_, Inner<O>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn output(&self, directory: &Directory) -> Option<Output<O>> {
        self.inner().session.poll_output(Instant::now(), self.exchange?, directory)
    }

    fn report(&self, report: Report, directory: &Directory) {
        if let Some(exchange) = self.exchange {
            self.inner().session.handle_report(Instant::now(), exchange, report, directory);
        }
    }
}

impl<R: Rows, O: Owner> LeaseTurn<R, O> {
    pub(super) fn new(shared: Arc<Shared<R>>, working: Working<O>) -> Self {
        Self { shared, kind: Kind::Session(Box::new(working)) }
    }

    pub(super) fn outside(shared: Arc<Shared<R>>, ack: Option<Ack<'static>>) -> Self {
        Self { shared, kind: Kind::Outside(Mutex::new(ack)) }
    }

    /// Gives the row back as it is.
    pub(super) async fn give_back<S: Storage>(&self, storage: &S) -> Result<(), Failure> {
        match &self.kind {
            Kind::Session(working) => self.end(working, storage).await.map(drop),
            Kind::Outside(_) => Ok(()),
        }
    }

    /// Saves the record for the step that follows, or with the answer that follows. In that case the row is given back with it.
    async fn save<S: Storage>(&self, working: &Working<O>, storage: &S, record: &Record<O>) -> Report {
        let is_last = !record.is_publishing() && !record.is_ending();
        match self.write(working, storage, record, is_last).await {
            Ok(true) => Report::Saved,
            Ok(false) => Report::Failed(Refusal::Busy),
            Err(failure) => {
                let refusal = failure.refusal();
                working.inner().failure = Some(failure);
                Report::Failed(refusal)
            }
        }
    }

    async fn write<S: Storage>(
        &self,
        working: &Working<O>,
        storage: &S,
        record: &Record<O>,
        is_last: bool,
    ) -> Result<bool, Failure> {
        let row = row(record, storage.place(working.id).await)?;
        working.inner().saved = Some(Upload::of_record(record));
        let lease = (!is_last).then_some(self.shared.lease);
        let held = self.shared.rows.save(&row, working.lease.number(), lease).await?;
        let mut inner = working.inner();
        match held {
            true if is_last => inner.row = Holding::GivenBack,
            true => {}
            false => inner.row = Holding::Lost,
        }
        Ok(held)
    }

    async fn forget(&self, working: &Working<O>) -> Report {
        match self.shared.rows.forget(working.id, working.lease.number()).await {
            // Where somebody else holds the row, it is theirs.
            Ok(held) => {
                working.inner().row = if held { Holding::GivenBack } else { Holding::Lost };
                Report::Forgotten
            }
            Err(failure) => {
                let refusal = failure.refusal();
                working.inner().failure = Some(failure);
                Report::Failed(refusal)
            }
        }
    }

    /// The exchange is over: the row is given back. Returns whether it was held until then.
    async fn end<S: Storage>(&self, working: &Working<O>, storage: &S) -> Result<bool, Failure> {
        let (holding, record) = {
            let inner = working.inner();
            (inner.row, inner.session.record(Instant::now()))
        };
        let held = match holding {
            Holding::Lost => Ok(false),
            Holding::GivenBack => Ok(true),
            // No client ever learned of it.
            Holding::Held if record.state() == State::Ended(Ending::Refused) => {
                self.shared.rows.forget(working.id, working.lease.number()).await
            }
            Holding::Held => self.write(working, storage, &record, true).await,
        };
        storage.rest(working.id, working.lease.number()).await;
        held
    }

    /// The answer, once the row is given back. It counts only if the row was held until then.
    async fn answer<S: Storage>(&self, working: &Working<O>, storage: &S, ack: Ack<'static>) -> Ack<'static> {
        match self.end(working, storage).await {
            Ok(true) => ack,
            // The answer to a save that found the row lost is an error already.
            Ok(false) if matches!(ack, Ack::Error(_)) => ack,
            Ok(false) => busy(working.id),
            // What the answer says was saved before: the lease ends by itself.
            Err(failure) => {
                working.inner().failure = Some(failure);
                ack
            }
        }
    }
}

impl<R: Rows, O: Owner> Turn for LeaseTurn<R, O> {
    type Owner = O;

    fn id(&self) -> Option<Guid> {
        match &self.kind {
            Kind::Session(working) => Some(working.id),
            Kind::Outside(_) => None,
        }
    }

    fn fence(&self) -> u64 {
        match &self.kind {
            Kind::Session(working) => working.lease.number(),
            Kind::Outside(_) => 0,
        }
    }

    async fn next<S: Storage>(&self, storage: &S) -> Result<Work, Failure> {
        let working = match &self.kind {
            Kind::Session(working) => working,
            Kind::Outside(ack) => {
                let ack = ack.lock().unwrap_or_else(PoisonError::into_inner).take();
                return Ok(ack.map_or(Work::Admit, Work::Respond));
            }
        };
        let directory = &self.shared.directory;
        loop {
            return Ok(match working.output(directory) {
                Some(Output::Save(record)) => {
                    working.report(self.save(working, storage, &record).await, directory);
                    continue;
                }
                Some(Output::Forget) => {
                    working.report(self.forget(working).await, directory);
                    continue;
                }
                Some(Output::Admit) => Work::Admit,
                Some(Output::Open) => Work::Open,
                Some(Output::Store(store)) => Work::Store(store),
                Some(Output::Notify { size }) => Work::Notify { size },
                Some(Output::Publish { size }) => Work::Publish { size },
                Some(Output::Discard) => Work::Discard,
                Some(Output::Respond(ack)) => {
                    if matches!(ack, Ack::CreateSession(_)) && directory.replaces_sessions() {
                        // Before the client begins, so that it is the newest that goes on.
                        self.shared.rows.replace(working.id).await?;
                    }
                    Work::Respond(self.answer(working, storage, ack).await)
                }
                Some(Output::Done) | None => {
                    if let Err(failure) = self.end(working, storage).await {
                        working.inner().failure = Some(failure);
                    }
                    Work::Done
                }
            });
        }
    }

    async fn report(&self, report: Report) -> Result<(), Failure> {
        match &self.kind {
            Kind::Session(working) => working.report(report, &self.shared.directory),
            Kind::Outside(ack) => {
                let answer = match report {
                    Report::Admitted => Ack::Ping(PingAck),
                    _ => self.shared.directory.too_many_sessions(),
                };
                *ack.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            }
        }
        Ok(())
    }

    async fn promise<S: Storage>(&self, storage: &S, bytes: u64) -> Result<(), Failure> {
        let Kind::Session(working) = &self.kind else { return Ok(()) };
        let (destination, known) = {
            let inner = working.inner();
            (inner.session.destination().to_owned(), inner.promised.clone())
        };
        let path = destination.split('?').next().unwrap_or_default();
        let upload = quota::Upload { id: working.id, number: working.lease.number(), path, bytes, known };
        let promised = tokio::select! {
            biased;
            () = working.lease.stopped() => Err(Failure::new(Refusal::Busy, "a newer request has taken its place")),
            promised = quota::promise(&self.shared, storage, upload) => promised,
        };
        working.inner().promised = promised?;
        Ok(())
    }

    async fn save_place<S: Storage>(&self, storage: &S) -> Result<(), Failure> {
        let Kind::Session(working) = &self.kind else { return Ok(()) };
        let record = working.inner().session.record(Instant::now());
        match self.write(working, storage, &record, false).await? {
            true => Ok(()),
            false => Err(Failure::new(Refusal::Busy, "another process has taken over")),
        }
    }

    async fn stopped(&self) {
        match &self.kind {
            Kind::Session(working) => {
                working.lease.stopped().await;
                working.inner().session.handle_superseded();
            }
            Kind::Outside(_) => pending().await,
        }
    }

    fn failure(&self) -> Option<Failure> {
        match &self.kind {
            Kind::Session(working) => working.inner().failure.take(),
            Kind::Outside(_) => None,
        }
    }

    fn upload(&self) -> Option<Upload<O>> {
        match &self.kind {
            Kind::Session(working) => Upload::of_open(&working.inner().session),
            Kind::Outside(_) => None,
        }
    }

    fn saved(&self) -> Option<Upload<O>> {
        match &self.kind {
            Kind::Session(working) => working.inner().saved.clone(),
            Kind::Outside(_) => None,
        }
    }
}

/// The row of a record.
pub(super) fn row<O: Owner>(record: &Record<O>, place: Vec<u8>) -> Result<Row, Failure> {
    let session = serde_json::to_vec(record).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(Row {
        id: record.id(),
        owner: owner_text(record.owner())?,
        record: storage::Record { session, place },
        remaining: record.remaining(),
        is_open: !matches!(record.state(), State::Ended(_)),
        is_publishing: record.is_publishing(),
        replaces: None,
    })
}

pub(super) fn owner_text<O: Owner>(owner: &O) -> Result<String, Failure> {
    serde_json::to_string(owner).map_err(|error| Failure::internal(error.to_string()))
}

impl<R: Rows, O: Owner> fmt::Debug for LeaseTurn<R, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchange = match &self.kind {
            Kind::Session(working) => working.exchange,
            Kind::Outside(_) => None,
        };
        f.debug_struct("LeaseTurn").field("exchange", &exchange).finish_non_exhaustive()
    }
}
