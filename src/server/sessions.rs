//! A table of sessions.

use std::time::Instant;

use super::answer;
use super::directory::{Directory, OwnerCheck};
use super::exchange::Exchange;
use super::input::{Arrival, Report};
use super::open_sessions::OpenSessions;
use super::output::Output;
use super::route::Route;
use super::session::Session;
use super::state::{Ending, State, Wanted};
use super::tombstones::Tombstones;
use crate::packet::{Ack, CancelSessionAck, CloseSessionAck, ErrorAck, Request};
use crate::vocabulary::Guid;
use crate::vocabulary::SessionId;

/// The sessions of one directory, in memory (`BITSSessionManager`, §3.2.1.3).
///
/// Finds the session of a request, bounds how many there are in all and for each owner, remembers those that ended, and
/// finds those that made no progress for too long. See the [module](super) for how to drive it.
///
/// A program that keeps its sessions in a database does not need it: [`Directory::route`] and [`Session`] are enough.
#[derive(Debug)]
pub struct Sessions<O = ()> {
    directory: Directory,
    open: OpenSessions<O>,
    ended: Tombstones<O>,
}

impl<O: Clone + Ord> Sessions<O> {
    /// A table without sessions.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self { directory, open: OpenSessions::new(), ended: Tombstones::new() }
    }

    /// The configuration.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How many sessions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An open session.
    #[must_use]
    pub fn get(&self, id: Guid) -> Option<&Session<O>> {
        self.open.get(id)
    }

    /// The open sessions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Session<O>> {
        self.open.iter()
    }

    /// A request arrived. Returns its exchange and what to do first.
    ///
    /// `random` supplies the sixteen bytes that a new session's id is made of, and is called for a Create-Session
    /// alone. Whoever guesses an id can write into the session: take them from the operating system's generator.
    pub fn handle_request(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_, O>,
        random: impl FnOnce() -> [u8; 16],
    ) -> (Exchange, Output) {
        match self.directory.route(arrival.request) {
            Route::Answer(ack) => (Exchange::OUTSIDE, Output::Respond(ack)),
            Route::Create => self.create(now, arrival, Guid::from_random(random())),
            Route::Session(id) => {
                let turn =
                    |session: &mut Session<O>, directory: &_| session.handle_request(now, arrival, directory);
                self.in_session(now, id, turn).unwrap_or_else(|| {
                    (Exchange::OUTSIDE, Output::Respond(self.answer_ended(now, id, arrival)))
                })
            }
        }
    }

    /// A task did what its exchange was asked to do, or failed. Returns what to do next.
    pub fn handle_report(&mut self, now: Instant, exchange: Exchange, report: Report) -> Output {
        let turn =
            |session: &mut Session<O>, directory: &_| session.handle_report(now, exchange, report, directory);
        let output = self.in_session(now, exchange.session(), turn);
        output.unwrap_or_else(|| Output::Respond(self.answer_late(now, exchange)))
    }

    /// What an exchange must do now: for one that was told to [wait](Output::Wait), and for one that forgot.
    pub fn poll(&mut self, now: Instant, exchange: Exchange) -> Output {
        let turn = |session: &mut Session<O>, directory: &_| session.poll(now, exchange, directory);
        let output = self.in_session(now, exchange.session(), turn);
        output.unwrap_or_else(|| Output::Respond(self.answer_late(now, exchange)))
    }

    /// When to call [`poll_expired`](Self::poll_expired) next. May be early, and late by a millisecond.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.open.poll_timeout(), self.ended.poll_timeout()].into_iter().flatten().min()
    }

    /// A session that made no progress for too long, in the order of deadlines (§3.2.6.1). It is out of the table:
    /// delete everything of the upload. Call it until it returns `None`.
    ///
    /// A session on which an exchange works lives on until that one has reported.
    pub fn poll_expired(&mut self, now: Instant) -> Option<Session<O>> {
        self.ended.remove_due(now);
        let id = match self.directory.enabled {
            true => self.open.first_expired(now, &self.directory)?,
            false => self.open.first()?,
        };
        self.evict(id)
    }

    /// Takes a session out of the table at once (§3.2.7): delete everything of the upload. What its exchanges still
    /// report is void.
    pub fn evict(&mut self, id: Guid) -> Option<Session<O>> {
        let mut session = self.open.remove(id)?;
        session.at_work = None;
        session.waiting = None;
        session.end(Ending::Expired);
        Some(session)
    }

    /// Takes up a session that was restored, whatever the limits say. One that has [ended](State::Ended) is remembered as
    /// are those that end in the table, so that the repeat of a Close or Cancel is a success across a restart.
    ///
    /// # Errors
    /// The session itself, if one of its id is in the table already, or ended there.
    pub fn insert(&mut self, now: Instant, session: Session<O>) -> Result<(), Session<O>> {
        if self.open.is_taken(session.id) || self.ended.contains(session.id) {
            return Err(session);
        }
        let (id, state) = (session.id, session.state);
        self.open.insert(session);
        if let State::Ended(ending) = state {
            self.bury(now, id, ending);
        }
        Ok(())
    }

    /// Changes the configuration for everything that comes after. Where it disables uploads, every packet is answered
    /// 501 from now on, and [`poll_expired`](Self::poll_expired) returns every session to be discarded (§3.2.4.2).
    pub fn set_directory(&mut self, directory: Directory) {
        self.directory = directory;
    }

    fn create(&mut self, now: Instant, arrival: &Arrival<'_, O>, id: Guid) -> (Exchange, Output) {
        let directory = &self.directory;
        let full = self.open.len() >= directory.max_sessions
            || self.open.owned(arrival.owner) >= directory.sessions_per_owner;
        // An id that is taken means that the caller's randomness is none: better no session than somebody else's.
        if full || self.open.is_taken(id) || self.ended.contains(id) {
            return (Exchange::OUTSIDE, Output::Respond(Ack::Error(answer::busy())));
        }
        let (session, exchange, output) = Session::open(now, id, arrival, &self.directory);
        self.open.insert(session);
        (exchange, output)
    }

    /// Works on an open session, and takes it out of the table if that was its end.
    fn in_session<T>(
        &mut self,
        now: Instant,
        id: Guid,
        work: impl FnOnce(&mut Session<O>, &Directory) -> T,
    ) -> Option<T> {
        let session = self.open.get_mut(id)?;
        let done = work(session, &self.directory);
        if let State::Ended(ending) = session.state {
            self.bury(now, id, ending);
        }
        Some(done)
    }

    /// Takes a session that has ended out of the table, and remembers it.
    fn bury(&mut self, now: Instant, id: Guid, ending: Ending) {
        let Some(session) = self.open.remove(id) else { return };
        if matches!(ending, Ending::Closed | Ending::Cancelled) && !self.directory.conformance.is_strict() {
            self.ended.insert(now, ending, session, &self.directory);
        }
    }

    /// The session ended while the exchange waited. A Close or Cancel that waited for its like is its repeat; where the
    /// end is not remembered, the client's next repeat learns of it.
    fn answer_late(&self, now: Instant, exchange: Exchange) -> Ack<'static> {
        let session_id = Some(SessionId::from(exchange.session()));
        let ended = self.ended.get(now, exchange.session());
        let wanted = ended.and_then(|ended| Some((ended.wanted_by(exchange)?, ended.ending)));
        match wanted {
            Some((Wanted::Close, Ending::Closed)) => Ack::CloseSession(CloseSessionAck { session_id }),
            Some((Wanted::Cancel, _)) => Ack::CancelSession(CancelSessionAck { session_id }),
            Some(_) => Ack::Error(ErrorAck { session_id, ..answer::session_not_found() }),
            None => Ack::Error(ErrorAck { session_id, ..answer::busy() }),
        }
    }

    /// A repeated Close or Cancel, whose Ack was lost, is a success; whatever else is for a session that is not there.
    fn answer_ended(&self, now: Instant, id: Guid, arrival: &Arrival<'_, O>) -> Ack<'static> {
        let session_id = Some(SessionId::from(id));
        let Some(ended) = self.ended.get(now, id) else {
            return self.directory.session_not_found(arrival.request);
        };
        if self.directory.owner_check == OwnerCheck::EveryPacket && ended.owner != *arrival.owner {
            return Ack::Error(ErrorAck {
                session_id: arrival.request.session_id(),
                ..answer::access_denied()
            });
        }
        match (arrival.request, ended.ending) {
            (Request::CloseSession(_), Ending::Closed) => Ack::CloseSession(CloseSessionAck { session_id }),
            (Request::CancelSession(_), _) => Ack::CancelSession(CancelSessionAck { session_id }),
            _ => self.directory.session_not_found(arrival.request),
        }
    }
}
