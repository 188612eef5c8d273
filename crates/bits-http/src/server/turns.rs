//! Turns: which exchange may work on a session, and the records of sessions.

use std::future::Future;
use std::time::{Duration, Instant};

use bits_proto::Guid;
use bits_proto::packet::Ack;
use bits_proto::server::{Directory, Record, Report, Session, State, Store};
use http::request::Parts;

use crate::storage::{Failure, Storage};

/// Decides which exchange may work on a session, and records the sessions: a [`Table`](super::Table) of this process, or
/// [`Leases`](crate::leases::Leases) of rows that several processes share.
///
/// Methods get the storage where they need it. The storage's place of an upload is saved in the same step as the session. A process
/// that takes a session over from another one fences the storage first, and then looks what it holds.
pub trait Turns: Send + Sync + 'static {
    /// Tells owners apart.
    type Owner: Clone + Eq + Send + Sync + 'static;
    /// One exchange.
    type Turn: Turn<Owner = Self::Owner>;

    /// The configuration.
    fn directory(&self) -> &Directory;

    /// Begins the exchange of a request. `None`: the request is not of this protocol.
    fn begin<S: Storage>(
        &self,
        storage: &S,
        head: &Parts,
        owner: &Self::Owner,
    ) -> impl Future<Output = Result<Option<Self::Turn>, Failure>> + Send;

    /// Returns an exchange that no client waits for: the end of a session whose time is over.
    fn expired<S: Storage>(
        &self,
        storage: &S,
    ) -> impl Future<Output = Result<Option<Self::Turn>, Failure>> + Send;

    /// Looks at a session, unless it has ended.
    fn session(&self, id: Guid) -> impl Future<Output = Option<Upload<Self::Owner>>> + Send;

    /// A part of the reply to an upload was served, which is progress.
    fn reply_served(&self, id: Guid) -> impl Future<Output = ()> + Send;

    /// The number of sessions that are open, as far as this process knows.
    fn open(&self) -> usize;
}

/// One exchange. If it is dropped before its end, it is abandoned.
pub trait Turn: Send + Sync + 'static {
    /// Tells owners apart.
    type Owner;

    /// The session that the exchange works on; `None` for one that reaches no session, such as that of a Ping.
    fn id(&self) -> Option<Guid>;

    /// The number of the claim, for the storage. See [fences](crate::storage#fences).
    fn fence(&self) -> u64;

    /// Returns the next work, when the turn has come. Saving and forgetting are done in it, and waited for without a time limit.
    fn next<S: Storage>(&self, storage: &S) -> impl Future<Output = Result<Work, Failure>> + Send;

    /// Tells what came of the work.
    fn report(&self, report: Report) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Has room promised to the upload for so many bytes, where the turns keep a quota. Without a byte, it is asked whether there is any room.
    /// Most turns need nothing: one process alone leaves it to its storage.
    fn promise<S: Storage>(
        &self,
        storage: &S,
        bytes: u64,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = (storage, bytes);
        std::future::ready(Ok(()))
    }

    /// Saves the session and its place while its bytes are being stored: see
    /// [`Writer::must_save`](crate::storage::Writer::must_save).
    fn save_place<S: Storage>(&self, storage: &S) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Is ready when a newer exchange wants to take over.
    fn stopped(&self) -> impl Future<Output = ()> + Send;

    /// Returns why the last record could not be saved or forgotten, once.
    fn failure(&self) -> Option<Failure>;

    /// The upload as it is now, unless it has ended.
    fn upload(&self) -> Option<Upload<Self::Owner>>;

    /// The upload, as this exchange saved it last. So it is known of one that has ended.
    fn saved(&self) -> Option<Upload<Self::Owner>>;
}

/// The work of an exchange: [`Output`](bits_proto::server::Output), without what turns do themselves.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver must do every one of these")]
pub enum Work {
    /// Decide whether the client of a Ping may upload here.
    Admit,
    /// Make room for an upload.
    Open,
    /// Store a part of the body.
    Store(Store),
    /// Tell the server application.
    Notify {
        /// The size of the entity, in bytes.
        size: u64,
    },
    /// Move the entity to its destination.
    Publish {
        /// The size of the entity, in bytes.
        size: u64,
    },
    /// Delete the bytes.
    Discard,
    /// Send this Ack: the exchange is over.
    Respond(Ack<'static>),
    /// The exchange is over, and no client waits.
    Done,
}

/// An upload that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upload<O> {
    /// Its session. A secret: a client that knows it can write into the session.
    pub id: Guid,
    /// Its owner.
    pub owner: O,
    /// The path and query of its destination, as the client wrote them. A query may be a secret.
    pub destination: String,
    /// The number of bytes that are stored.
    pub received: u64,
    /// The size of the entity, once it is known.
    pub total: Option<u64>,
    /// The time after which it is discarded unless it makes progress.
    pub remaining: Option<Duration>,
}

impl<O: Clone + Eq> Upload<O> {
    /// The upload of a session, unless it has ended.
    #[must_use]
    pub fn of_open(session: &Session<O>) -> Option<Self> {
        let now = Instant::now();
        let is_open = !matches!(session.state(), State::Ended(_));
        is_open.then(|| Self {
            id: session.id(),
            owner: session.owner().clone(),
            destination: session.destination().to_owned(),
            received: session.received(),
            total: session.total(),
            remaining: session.deadline().map(|deadline| deadline.saturating_duration_since(now)),
        })
    }

    /// The upload of a record.
    #[must_use]
    pub fn of_record(record: &Record<O>) -> Self {
        Self {
            id: record.id(),
            owner: record.owner().clone(),
            destination: record.destination().to_owned(),
            received: record.received(),
            total: record.total(),
            remaining: record.remaining(),
        }
    }
}

impl<O> Upload<O> {
    /// The path of the destination, percent-encoded, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.destination.split('?').next().unwrap_or_default()
    }
}
