//! A table of sessions.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::time::Instant;

use super::answer;
use super::deadlines::{Deadlines, Tick};
use super::directory::{Directory, OwnerCheck};
use super::exchange::Exchange;
use super::guid_hash::BuildGuidHasher;
use super::input::{Arrival, Report};
use super::output::Output;
use super::route::Route;
use super::session::Session;
use super::state::{Ending, State, Wanted};
use super::tombstones::Tombstones;
use crate::guid::Guid;
use crate::packet::{Ack, CancelSessionAck, CloseSessionAck, ErrorAck, Request};
use crate::session_id::SessionId;

/// The sessions of one directory, in memory (`BITSSessionManager`, §3.2.1.3).
///
/// Finds the session of a request, bounds how many there are in all and for each owner, remembers those that ended, and
/// finds those that made no progress for too long. See the [module](super) for how to drive it.
///
/// A program that keeps its sessions in a database does not need it: [`Directory::route`] and [`Session`] are enough.
#[derive(Debug)]
pub struct Sessions<O = ()> {
    directory: Directory,
    open: HashMap<u64, Box<Entry<O>>, BuildGuidHasher>,
    deadlines: Deadlines,
    owners: BTreeMap<O, usize>,
    ended: Tombstones<O>,
}

/// Boxed, so that growing the table moves little.
#[derive(Debug)]
struct Entry<O> {
    session: Session<O>,
    /// Where the session is queued: under its deadline, or under an earlier one that it has outlived.
    queued: Option<Tick>,
}

/// An id in half its size: as the key of a table it saves memory, and the session itself tells the whole. Two random ids
/// of a million have the same key once in forty million tables; the second is then refused, and its client comes back.
fn key(id: Guid) -> u64 {
    BuildGuidHasher.hash_one(id)
}

impl<O: Clone + Ord> Sessions<O> {
    /// A table without sessions.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self {
            directory,
            open: HashMap::default(),
            deadlines: Deadlines::default(),
            owners: BTreeMap::new(),
            ended: Tombstones::new(),
        }
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
        self.open.is_empty()
    }

    /// An open session.
    #[must_use]
    pub fn get(&self, id: Guid) -> Option<&Session<O>> {
        self.open.get(&key(id)).map(|entry| &entry.session).filter(|session| session.id == id)
    }

    /// The open sessions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Session<O>> {
        self.open.values().map(|entry| &entry.session)
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
        [self.deadlines.poll_timeout(), self.ended.poll_timeout()].into_iter().flatten().min()
    }

    /// A session that made no progress for too long, in the order of deadlines (§3.2.6.1). It is out of the table:
    /// delete everything of the upload. Call it until it returns `None`.
    ///
    /// A session on which an exchange works lives on until that one has reported.
    pub fn poll_expired(&mut self, now: Instant) -> Option<Session<O>> {
        self.ended.remove_due(now);
        if !self.directory.enabled {
            let first = self.deadlines.first_key().or_else(|| self.open.keys().next().copied())?;
            let id = self.open.get(&first)?.session.id;
            return self.evict(id);
        }
        while let Some((tick, key)) = self.deadlines.first_due(now) {
            let Some(entry) = self.open.get_mut(&key) else {
                self.deadlines.remove(tick, key);
                continue;
            };
            if entry.session.at_work.is_some() {
                entry.session.prolong(now, &self.directory);
            }
            match entry.session.deadline {
                // It has outlived the deadline that it was queued under.
                Some(deadline) if self.deadlines.tick(deadline) > tick => {
                    self.deadlines.remove(tick, key);
                    entry.queued = Some(self.deadlines.insert(deadline, key));
                }
                Some(_) => {
                    let id = entry.session.id;
                    return self.evict(id);
                }
                None => {
                    self.deadlines.remove(tick, key);
                    entry.queued = None;
                }
            }
        }
        None
    }

    /// Takes a session out of the table at once (§3.2.7): delete everything of the upload. What its exchanges still
    /// report is void.
    pub fn evict(&mut self, id: Guid) -> Option<Session<O>> {
        let mut session = self.remove(id)?;
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
        if self.open.contains_key(&key(session.id)) || self.ended.contains(session.id) {
            return Err(session);
        }
        let (id, state) = (session.id, session.state);
        self.add(session);
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
        let owned = self.owners.get(arrival.owner).copied().unwrap_or_default();
        let full =
            self.open.len() >= self.directory.max_sessions || owned >= self.directory.sessions_per_owner;
        // An id that is taken means that the caller's randomness is none: better no session than somebody else's.
        if full || self.open.contains_key(&key(id)) || self.ended.contains(id) {
            return (Exchange::OUTSIDE, Output::Respond(Ack::Error(answer::busy())));
        }
        let (session, exchange, output) = Session::open(now, id, arrival, &self.directory);
        self.add(session);
        (exchange, output)
    }

    fn add(&mut self, session: Session<O>) {
        let key = key(session.id);
        let queued = session.deadline.map(|deadline| self.deadlines.insert(deadline, key));
        let owned = self.owners.entry(session.owner.clone()).or_default();
        *owned = owned.saturating_add(1);
        self.open.insert(key, Box::new(Entry { session, queued }));
    }

    /// Works on an open session, and takes it out of the table if that was its end.
    fn in_session<T>(
        &mut self,
        now: Instant,
        id: Guid,
        work: impl FnOnce(&mut Session<O>, &Directory) -> T,
    ) -> Option<T> {
        let session =
            self.open.get_mut(&key(id)).map(|entry| &mut entry.session).filter(|session| session.id == id)?;
        let done = work(session, &self.directory);
        if let State::Ended(ending) = session.state {
            self.bury(now, id, ending);
        }
        Some(done)
    }

    /// Takes a session that has ended out of the table, and remembers it.
    fn bury(&mut self, now: Instant, id: Guid, ending: Ending) {
        let Some(session) = self.remove(id) else { return };
        if matches!(ending, Ending::Closed | Ending::Cancelled) && !self.directory.conformance.is_strict() {
            self.ended.insert(now, ending, session, &self.directory);
        }
    }

    fn remove(&mut self, id: Guid) -> Option<Session<O>> {
        let key = key(id);
        self.open.get(&key).filter(|entry| entry.session.id == id)?;
        let Entry { session, queued } = *self.open.remove(&key)?;
        if let Some(tick) = queued {
            self.deadlines.remove(tick, key);
        }
        if let Some(owned) = self.owners.get_mut(&session.owner) {
            *owned = owned.saturating_sub(1);
            if *owned == 0 {
                self.owners.remove(&session.owner);
            }
        }
        Some(session)
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
