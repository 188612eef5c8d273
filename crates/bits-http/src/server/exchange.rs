//! One exchange, from its request to its Ack: the only loop over the work of a session.

use bits_proto::Guid;
use bits_proto::packet::{Ack, ErrorAck, Request};
use bits_proto::server::{Refusal, Report, Store};
use http::StatusCode;
use http::request::Parts;

use super::event::Event;
use super::receive::{self, Received};
use super::service::{Incoming, Server};
use super::turns::{Turn, Turns, Work};
use crate::storage::{Destination, Failure, Span, Storage, Writer};

/// What an exchange came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The answer; none, where no client waits for one.
    pub(super) ack: Option<Ack<'static>>,
    /// The last thing that went wrong on the way.
    pub(super) failure: Option<Failure>,
    /// Whether bytes were deleted.
    pub(super) discarded: bool,
    /// Whether the rest of the body is not worth reading.
    pub(super) broken_off: bool,
}

impl<S: Storage, T: Turns> Server<S, T> {
    /// Does what the session asks for, and reports it, until it responds.
    ///
    /// # Errors
    /// Turns are out of order, as a database may be.
    pub(super) async fn drive(
        &self,
        turn: &T::Turn,
        head: &Parts,
        body: &mut Incoming,
    ) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let id = turn.id().unwrap_or(Guid::NIL);
        let destination =
            Destination { path: head.uri.path(), overwrites: self.turns.directory().allows_overwrites() };
        loop {
            let work = turn.next(&*self.storage).await?;
            self.failed(&mut outcome, turn.failure());
            let (done, failure) = match work {
                Work::Admit => (Report::Admitted, None),
                Work::Open => report(self.open(turn, id, &destination).await, Report::Opened),
                Work::Store(store) => {
                    let received = self.store(turn, id, store, body).await;
                    outcome.broken_off = received.broken_off;
                    (received.report, received.failure)
                }
                Work::Notify { size } => self.notify(id, head, size).await,
                Work::Publish { size } => self.publish(turn, id, head, &destination, size).await,
                Work::Discard => {
                    let discarded = self.storage.discard(id, turn.fence()).await;
                    outcome.discarded = discarded.is_ok();
                    report(discarded, Report::Discarded)
                }
                Work::Respond(ack) => {
                    if let (Ack::CreateSession(_), Some(upload)) = (&ack, turn.upload()) {
                        (self.events)(&Event::Opened { head, upload: &upload });
                    }
                    outcome.ack = Some(ack);
                    return Ok(outcome);
                }
                Work::Done => return Ok(outcome),
            };
            self.failed(&mut outcome, failure);
            let stored = match done {
                Report::Stored(bytes) | Report::StoredPart(bytes, _) => bytes,
                _ => 0,
            };
            turn.report(done).await?;
            if stored > 0 {
                if let Some(upload) = turn.upload() {
                    (self.events)(&Event::Stored { head, upload: &upload, bytes: stored });
                }
            }
        }
    }

    /// Remembers why something went wrong. What is the server's own fault is told at once.
    fn failed(&self, outcome: &mut Outcome, failure: Option<Failure>) {
        let Some(failure) = failure else { return };
        if failure.refusal() == Refusal::Internal {
            (self.events)(&Event::Failed(failure.reason()));
        }
        outcome.failure = Some(failure);
    }

    async fn open(&self, turn: &T::Turn, id: Guid, destination: &Destination<'_>) -> Result<(), Failure> {
        turn.promise(&*self.storage, 0).await?;
        self.storage.open(id, destination).await
    }

    async fn store(&self, turn: &T::Turn, id: Guid, store: Store, body: &mut Incoming) -> Received {
        let (start, end) = (store.range().start, store.range().end);
        let span = Span { start, end, total: store.total(), fence: turn.fence() };
        let begun = async {
            // Told now, a client need not send the whole entity to learn it.
            turn.promise(&*self.storage, span.total).await?;
            let writer = self.storage.writer(id, span).await?;
            if writer.must_save() {
                turn.save_place(&*self.storage).await?;
            }
            Ok::<_, Failure>(writer)
        };
        match begun.await {
            Ok(writer) => {
                let (stopped, stopping) = (turn.stopped(), self.stop.stopping());
                receive::store(writer, store, body, self.patience, stopped, stopping).await
            }
            Err(failure) => {
                let report = Report::Failed(failure.refusal());
                Received { report, failure: Some(failure), broken_off: false }
            }
        }
    }

    async fn publish(
        &self,
        turn: &T::Turn,
        id: Guid,
        head: &Parts,
        destination: &Destination<'_>,
        size: u64,
    ) -> (Report, Option<Failure>) {
        let upload = turn.upload();
        // Of an upload that began without a quota, nothing is promised yet.
        let published = match turn.promise(&*self.storage, size).await {
            Ok(()) => self.storage.publish(id, destination, size, turn.fence()).await,
            Err(failure) => Err(failure),
        };
        if let (Ok(()), Some(upload)) = (&published, &upload) {
            (self.events)(&Event::Published { head, upload });
        }
        report(published, Report::Published)
    }

    /// Ends what nobody asked for.
    pub(super) async fn expire(&self) {
        let (head, ()) = http::Request::new(()).into_parts();
        loop {
            let _under_way = self.stop.begin();
            let turn = match self.turns.expired(&*self.storage).await {
                Ok(Some(turn)) => turn,
                Ok(None) => return,
                Err(failure) => return (self.events)(&Event::Failed(failure.reason())),
            };
            match self.drive(&turn, &head, &mut Incoming::default()).await {
                Ok(Outcome { discarded: true, .. }) => {
                    if let Some(upload) = turn.saved() {
                        (self.events)(&Event::Expired(&upload));
                    }
                }
                Ok(_) => {}
                Err(failure) => return (self.events)(&Event::Failed(failure.reason())),
            }
        }
    }
}

fn report(done: Result<(), Failure>, success: Report) -> (Report, Option<Failure>) {
    match done {
        Ok(()) => (success, None),
        Err(failure) => (Report::Failed(failure.refusal()), Some(failure)),
    }
}

/// The reason of an answer, if it is an error: what went wrong on the way, or what the answer itself says.
pub(super) fn reason(
    request: Option<&Request<'_>>,
    ack: &Ack<'_>,
    failure: Option<Failure>,
) -> Option<String> {
    let status = ack.status();
    if status.is_success() {
        return None;
    }
    let Ack::Error(ErrorAck { code, .. }) = ack else {
        return Some("bytes before these are missing: the client goes on where it is told".to_owned());
    };
    if let Some(failure) = failure {
        return Some(failure.to_string());
    }
    let text = match (request, status) {
        (Some(Request::CreateSession(_)), StatusCode::SERVICE_UNAVAILABLE) => {
            "too many unfinished uploads, in all or of one owner"
        }
        (Some(_), StatusCode::SERVICE_UNAVAILABLE) => "a newer request has taken its place",
        (Some(_), StatusCode::PAYLOAD_TOO_LARGE) => "the fragment is larger than the server accepts",
        (Some(_), StatusCode::NOT_IMPLEMENTED) => "uploads are not enabled",
        _ => {
            let explanation = code.and_then(|code| code.explanation()).or(status.canonical_reason());
            explanation.unwrap_or("the server refused it")
        }
    };
    Some(text.to_owned())
}
