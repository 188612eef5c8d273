//! One upload, seen by the server.
//!
//! Each packet has a file, from the request to the report of its last step; `turn` decides whose turn it is.

mod acks;
mod activity;
mod close;
mod consistency;
mod create;
mod end;
mod fragment;
mod notify;
mod placement;
mod recover;
mod save;
mod snapshot;
mod state;
mod turn;

use std::time::{Duration, Instant};

pub use snapshot::{Record, Snapshot};
pub use state::{Ending, State};

pub(super) use self::activity::Activities;
use self::state::{Notification, Size};
use super::{Directory, Exchange};
use crate::vocabulary::Guid;

/// The time for which a session without a byte lives at most: lost Acks of Create-Session must not fill an owner's share for as long
/// as an upload may rest.
const EMPTY_SESSION_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// One upload, seen by the server (`BITSSessionWrapper`, §3.2.1.4): a plain value of a few hundred bytes.
///
/// [`Sessions`](super::Sessions) keeps many of them. A program that keeps its sessions elsewhere calls the same methods with
/// its [`Directory`]: see [sessions in a database](super#sessions-in-a-database). Here a map is the database, and every call is a
/// transaction of its own: the row is read, one method is called, and the row is written.
///
/// ```
/// use std::collections::HashMap;
/// use std::time::Instant;
///
/// use bits_proto::packet::{CreateSession, Ping, Request};
/// use bits_proto::server::{Directory, Keep, Output, Report, Route, Session, Snapshot};
/// use bits_proto::{Guid, ProtocolId, RestoreError};
///
/// /// A row: the session, and when it was written.
/// type Rows = HashMap<Guid, (Snapshot, Instant)>;
///
/// fn in_row<T>(
///     rows: &mut Rows,
///     id: Guid,
///     now: Instant,
///     call: impl FnOnce(&mut Session) -> T,
/// ) -> Result<Option<T>, RestoreError> {
///     let Some((snapshot, written)) = rows.remove(&id) else { return Ok(None) };
///     let mut session = Session::restore(now, snapshot, now.saturating_duration_since(written))?;
///     let result = call(&mut session);
///     rows.insert(id, (session.snapshot(now), now));
///     Ok(Some(result))
/// }
///
/// let directory = Directory::builder().keep(Keep::Rows).build()?;
/// let mut rows = Rows::new();
/// let create = CreateSession { protocols: ProtocolId::BITS_1_5.into(), content_name: None };
/// let head = Request::CreateSession(create).to_http(&"http://server/docs/udhr.txt".parse()?);
///
/// // A request arrives.
/// let now = Instant::now();
/// let arrival = directory.read(&head, &()).expect("of this protocol");
/// let exchange = match directory.route(&arrival) {
///     Route::Create => {
///         let id = Guid::from_random(*b"sixteen randoms!");
///         let (session, exchange) = Session::open(now, id, &arrival, &directory);
///         rows.insert(id, (session.snapshot(now), now));
///         exchange
///     }
///     // Another packet: `in_row(&mut rows, id, now, |session| session.handle_request(…))`.
///     other => panic!("this one is a Create-Session: {other:?}"),
/// };
///
/// // Its work is done, step by step; any process may do the next one.
/// let id = exchange.session().expect("it has a session");
/// let ack = loop {
///     let poll = |session: &mut Session| session.poll_output(now, exchange, &directory);
///     let report = match in_row(&mut rows, id, now, poll)?.flatten().expect("nobody else is at work") {
///         Output::Open => Report::Opened, // make an empty file for the bytes
///         Output::Respond(ack) => break ack,
///         other => panic!("Create-Session needs no {other:?}"),
///     };
///     let tell = |session: &mut Session| session.handle_report(now, exchange, report, &directory);
///     in_row(&mut rows, id, now, tell)?;
/// };
/// assert_eq!(ack.session_id().and_then(|id| id.guid()), Some(id));
/// assert_eq!(rows[&id].0.destination(), "/docs/udhr.txt");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a session that is dropped is an upload that is lost"]
pub struct Session<O = ()> {
    id: Guid,
    owner: O,
    /// Path and query, as the client wrote them.
    destination: Box<str>,
    state: State,
    next: u64,
    size: Size,
    notification: Notification,
    activity: Activities,
    serial: u64,
    deadline: Option<Instant>,
    /// The deadline that the record has.
    saved_deadline: Option<Instant>,
    /// Whether the record is behind in something that storage does not know.
    unsaved: bool,
    /// Whether a Publish began whose result is unknown.
    doubtful: bool,
    /// Whether the deadline is the one chance of a session whose time passed while it was at rest (C76).
    grace: bool,
}

impl<O> Session<O> {
    /// The id of the session.
    #[must_use]
    pub const fn id(&self) -> Guid {
        self.id
    }

    /// The owner of the session.
    #[must_use]
    pub const fn owner(&self) -> &O {
        &self.owner
    }

    /// The place where the client wants the entity: the path and query of its requests, as it wrote them. It is
    /// percent-encoded, and may have dots or backslashes in it: **make sure that it cannot lead out of your folder.**
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The number of bytes that are stored, from the start of the entity: the offset that the client is told to send next.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.next
    }

    /// The size of the entity in bytes, once a Fragment has told it.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.size.known()
    }

    /// The time at which the session is discarded unless it makes progress, or forgotten if it has ended; `None` for never.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The exchange that works on the session, if one does.
    #[must_use]
    pub fn at_work(&self) -> Option<Exchange> {
        let at_work = self.activity.get()?.at_work.as_ref()?;
        Some(Exchange::new(self.id, at_work.serial))
    }

    /// Whether the task of this exchange should stop: it was asked to, or its exchange is over.
    #[must_use]
    pub fn is_superseded(&self, exchange: Exchange) -> bool {
        let Some(activity) = self.activity.get() else { return true };
        match &activity.at_work {
            Some(at_work) if at_work.serial == exchange.serial() => at_work.superseded,
            _ => activity.waiting.is_none_or(|waiting| waiting.serial != exchange.serial()),
        }
    }

    /// Whether the session is over.
    pub(super) const fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Whether no exchange works on the session, and none waits for its turn.
    pub(super) fn is_idle(&self) -> bool {
        self.activity.get().is_none_or(|activity| activity.is_idle())
    }

    /// Something went forward: the session lives on for another timeout (C53, C74).
    fn prolong(&mut self, now: Instant, directory: &Directory) {
        let later = now.checked_add(directory.session_timeout);
        self.deadline = later.map(|later| self.deadline.map_or(later, |known| known.max(later)));
        self.grace = false;
    }

    /// Whether the session's time has passed, and nobody is at work who may still prolong it.
    fn is_due(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now) && self.at_work().is_none()
    }
}
