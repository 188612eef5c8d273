//! A table of sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use super::answer;
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
    open: HashMap<Guid, Entry<O>, BuildGuidHasher>,
    deadlines: BTreeSet<(Instant, Guid)>,
    owners: BTreeMap<O, usize>,
    ended: Tombstones<O>,
}

/// Boxed, so that growing the table moves little.
#[derive(Debug)]
struct Entry<O> {
    session: Box<Session<O>>,
    /// The deadline under which the session is queued: its own, or an earlier one that it has outlived.
    queued: Option<Instant>,
}

impl<O: Clone + Ord> Sessions<O> {
    /// A table without sessions.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self {
            directory,
            open: HashMap::default(),
            deadlines: BTreeSet::new(),
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
        self.open.get(&id).map(|entry| &*entry.session)
    }

    /// The open sessions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Session<O>> {
        self.open.values().map(|entry| &*entry.session)
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
            Route::Session(id) => match self.open.get_mut(&id) {
                Some(entry) => {
                    let turn = entry.session.handle_request(now, arrival, &self.directory);
                    self.settle(now, id);
                    turn
                }
                None => (Exchange::OUTSIDE, Output::Respond(self.answer_ended(now, id, arrival))),
            },
        }
    }

    /// A task did what its exchange was asked to do, or failed. Returns what to do next.
    pub fn handle_report(&mut self, now: Instant, exchange: Exchange, report: Report) -> Output {
        self.in_session(now, exchange, |session, directory| {
            session.handle_report(now, exchange, report, directory)
        })
    }

    /// What an exchange must do now: for one that was told to [wait](Output::Wait), and for one that forgot.
    pub fn poll(&mut self, now: Instant, exchange: Exchange) -> Output {
        self.in_session(now, exchange, |session, directory| session.poll(now, exchange, directory))
    }

    /// When to call [`poll_expired`](Self::poll_expired) next. May be early, never late.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let session = self.deadlines.first().map(|(deadline, _)| *deadline);
        [session, self.ended.poll_timeout()].into_iter().flatten().min()
    }

    /// A session that made no progress for too long, in the order of deadlines (§3.2.6.1). It is out of the table:
    /// delete everything of the upload. Call it until it returns `None`.
    ///
    /// A session on which an exchange works lives on until that one has reported.
    pub fn poll_expired(&mut self, now: Instant) -> Option<Session<O>> {
        self.ended.remove_due(now);
        while let Some(&(queued, id)) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now) {
            let Some(entry) = self.open.get_mut(&id) else {
                self.deadlines.remove(&(queued, id));
                continue;
            };
            if entry.session.at_work.is_some() {
                entry.session.prolong(now, &self.directory);
            }
            if entry.session.deadline.is_some_and(|deadline| deadline <= now) {
                return self.evict(id);
            }
            self.deadlines.remove(&(queued, id));
            entry.queued = entry.session.deadline;
            self.deadlines.extend(entry.queued.map(|deadline| (deadline, id)));
        }
        None
    }

    /// Takes a session out of the table at once (§3.2.7): delete everything of the upload. What its exchanges still
    /// report is void.
    pub fn evict(&mut self, id: Guid) -> Option<Session<O>> {
        let mut session = self.remove(id)?;
        session.end(Ending::Expired);
        Some(session)
    }

    fn create(&mut self, now: Instant, arrival: &Arrival<'_, O>, id: Guid) -> (Exchange, Output) {
        let owned = self.owners.get(arrival.owner).copied().unwrap_or_default();
        let full =
            self.open.len() >= self.directory.max_sessions || owned >= self.directory.sessions_per_owner;
        // An id that is taken means that the caller's randomness is none: better no session than somebody else's.
        if full || self.open.contains_key(&id) || self.ended.contains(id) {
            return (Exchange::OUTSIDE, Output::Respond(Ack::Error(answer::busy())));
        }
        let (session, exchange, output) = Session::open(now, id, arrival, &self.directory);
        let queued = session.deadline;
        self.deadlines.extend(queued.map(|deadline| (deadline, id)));
        self.owners.insert(arrival.owner.clone(), owned.saturating_add(1));
        self.open.insert(id, Entry { session: Box::new(session), queued });
        (exchange, output)
    }

    fn in_session(
        &mut self,
        now: Instant,
        exchange: Exchange,
        work: impl FnOnce(&mut Session<O>, &Directory) -> Output,
    ) -> Output {
        let Some(entry) = self.open.get_mut(&exchange.session()) else {
            return Output::Respond(self.answer_late(now, exchange));
        };
        let output = work(&mut entry.session, &self.directory);
        self.settle(now, exchange.session());
        output
    }

    /// Takes a session that has ended out of the table.
    fn settle(&mut self, now: Instant, id: Guid) {
        let Some(State::Ended(ending)) = self.get(id).map(Session::state) else { return };
        let Some(session) = self.remove(id) else { return };
        if matches!(ending, Ending::Closed | Ending::Cancelled) && !self.directory.conformance.is_strict() {
            self.ended.insert(now, ending, session, &self.directory);
        }
    }

    fn remove(&mut self, id: Guid) -> Option<Session<O>> {
        let Entry { session, queued } = self.open.remove(&id)?;
        if let Some(queued) = queued {
            self.deadlines.remove(&(queued, id));
        }
        if let Some(owned) = self.owners.get_mut(&session.owner) {
            *owned = owned.saturating_sub(1);
            if *owned == 0 {
                self.owners.remove(&session.owner);
            }
        }
        Some(*session)
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
