//! The table: it finds the session of a request, and keeps its own order in step with what the session does.

use std::collections::VecDeque;
use std::time::Instant;

use super::outside::Outside;
use super::shelf::{Shelf, Standing};
use crate::packet::{Ack, RequestHead};
use crate::server::session::{Activities, Ending, Session, State};
use crate::server::{Directory, Exchange, Output, Report, Route, Signal, answer};
use crate::vocabulary::Guid;

/// The sessions of one directory, in memory (`BITSSessionManager`, §3.2.1.3).
///
/// Finds the session of a request, bounds how many there are in all and for each owner, remembers those that ended, and
/// finds those that made no progress for too long. See the [module](crate::server) for how to drive it.
///
/// `O` tells owners apart: it is the caller's authenticated user, for example, or `()` where everybody is one owner.
///
/// ```
/// use std::time::Instant;
///
/// use bits_proto::packet::{CreateSession, Request};
/// use bits_proto::server::{Directory, Output, Report, Sessions};
/// use bits_proto::ProtocolId;
///
/// let mut sessions: Sessions<String> = Sessions::new(Directory::default());
/// let create = CreateSession { protocols: ProtocolId::BITS_1_5.into(), content_name: None };
/// let head = Request::CreateSession(create).to_http(&"http://server/docs/udhr.txt".parse()?);
///
/// let (now, alice) = (Instant::now(), "alice".to_owned());
/// let random = || *b"sixteen randoms!"; // from the operating system, in a program
/// let exchange = sessions.handle_request(now, &head, &alice, random).expect("of this protocol");
/// let ack = loop {
///     let report = match sessions.poll_output(now, exchange).expect("nobody else is at work") {
///         Output::Open => Report::Opened,   // make an empty file named by exchange.session()
///         Output::Save(_) => Report::Saved, // write the record beside it
///         Output::Respond(ack) => break ack,
///         other => unreachable!("Create-Session needs no {other:?}"),
///     };
///     sessions.handle_report(now, exchange, report);
/// };
/// assert_eq!(ack.status(), 200);
/// let session = sessions.iter().next().expect("it is open");
/// assert_eq!((session.owner(), session.destination()), (&alice, "/docs/udhr.txt"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sessions<O = ()> {
    pub(super) directory: Directory,
    pub(super) shelf: Shelf<O>,
    /// Exchanges that reach no session, or whose session is gone.
    outside: Outside,
    /// Exchanges that no client asked for, until somebody takes them; since when they are due.
    pub(super) unasked: VecDeque<(Instant, Exchange)>,
    signals: VecDeque<Signal>,
    /// The box of the session that was at work last.
    spare: Activities,
}

impl<O: Clone + Ord> Sessions<O> {
    /// A table without sessions.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self {
            directory,
            shelf: Shelf::default(),
            outside: Outside::default(),
            unasked: VecDeque::new(),
            signals: VecDeque::new(),
            spare: Activities::default(),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The number of sessions that are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shelf.open()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An open session.
    #[must_use]
    pub fn get(&self, id: Guid) -> Option<&Session<O>> {
        self.shelf.get(id).filter(|session| !session.has_ended())
    }

    /// The open sessions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Session<O>> {
        self.shelf.iter().filter(|session| !session.has_ended())
    }

    /// Whether the task of this exchange should stop: a newer one wants to take over, or it is over.
    ///
    /// A task may ask this now and then, in addition to [signals](Self::poll_signal) or instead of them.
    #[must_use]
    pub fn is_superseded(&self, exchange: Exchange) -> bool {
        let session = exchange.session().and_then(|id| self.shelf.get(id));
        session.is_none_or(|session| session.is_superseded(exchange)) && !self.outside.contains(exchange)
    }

    /// Takes a request. Returns its exchange: ask for its [output](Self::poll_output) next. `None` means that the request is
    /// not of this protocol.
    ///
    /// `owner` is the user who asks. `random` supplies the sixteen bytes that a new session's id is made of; it is called for
    /// Create-Session only. Take the bytes from the operating system's generator: a client that guesses an id can write into
    /// the session.
    pub fn handle_request<'h>(
        &mut self,
        now: Instant,
        head: impl Into<RequestHead<'h>>,
        owner: &'h O,
        random: impl FnOnce() -> [u8; 16],
    ) -> Option<Exchange> {
        let arrival = self.directory.read(head, owner)?;
        Some(match self.directory.route(&arrival) {
            Route::Answer(ack) => self.outside.answer(ack),
            Route::Ping => self.outside.admit(),
            Route::Create => {
                let id = Guid::from_random(random());
                if self.is_full(owner) || self.shelf.is_taken(id) {
                    // A duplicate id means that `random` is not random. The request is refused, so that no client is given
                    // another client's session.
                    return Some(self.outside.answer(self.directory.too_many_sessions()));
                }
                let (session, exchange) = Session::open(now, id, &arrival, &self.directory);
                self.shelf.insert(session);
                exchange
            }
            Route::Session(id) => {
                let handled = self.in_session(now, id, |session, directory| {
                    session.handle_request(now, &arrival, directory)
                });
                match handled {
                    Some(Ok(exchange)) => exchange,
                    Some(Err(ack)) => self.outside.answer(*ack),
                    None => self.outside.answer(self.directory.session_not_found(&arrival)),
                }
            }
        })
    }

    /// Returns the current output of an exchange. `None` means that another one works on the session, never that the exchange
    /// is over; a [signal](Self::poll_signal) says when to ask again.
    ///
    /// The same output is returned until it is reported. An exchange that was given up, or is over, is answered 503.
    pub fn poll_output(&mut self, now: Instant, exchange: Exchange) -> Option<Output<O>> {
        if !self.outside.is_empty() {
            if let Some(output) = self.outside.poll(exchange) {
                return Some(output);
            }
        }
        // Written once to where it goes: it is large.
        let mut output = None;
        let polled = exchange.session().and_then(|id| {
            self.in_session(now, id, |session, directory| {
                output = session.poll_output(now, exchange, directory)
            })
        });
        if polled.is_none() {
            output = Some(Output::Respond(Ack::Error(answer::busy())));
        }
        if let Some(Output::Respond(Ack::CreateSession(_))) = &output {
            self.replace(now, exchange.id());
        }
        output
    }

    /// Reports that the task of an exchange did what it was asked to do, or failed.
    ///
    /// A report of an exchange that is not at work changes nothing, and neither does one that does not belong to the output.
    pub fn handle_report(&mut self, now: Instant, exchange: Exchange, report: Report) {
        if !self.outside.is_empty() && self.outside.report(exchange, &report, self.directory.conformance) {
            return;
        }
        let Some(id) = exchange.session() else { return };
        let forgotten = report == Report::Forgotten;
        self.in_session(now, id, |session, directory| {
            session.handle_report(now, exchange, report, directory);
        });
        // Its record is gone, so it goes as well.
        if forgotten && self.shelf.get(id).is_some_and(|session| session.has_ended() && session.is_idle()) {
            self.remove(id);
        }
    }

    /// Reports that the task of an exchange has died, and that everything that it started has ended: it will not report again.
    /// Without this report, a task that was killed would lock its upload. It may be called at the end of every task.
    pub fn handle_abandoned(&mut self, now: Instant, exchange: Exchange) {
        self.outside.abandon(exchange);
        if let Some(id) = exchange.session() {
            self.in_session(now, id, |session, _| session.handle_abandoned(now, exchange));
        }
    }

    /// Reports that a part of the reply to this session's upload was served. This is progress, which prolongs the session
    /// ([C74]).
    ///
    /// [C74]: crate::manual::decisions#c74
    pub fn handle_reply_served(&mut self, now: Instant, id: Guid) {
        let exchange = self.in_session(now, id, |session, directory| {
            session.handle_reply_served(now, directory);
            if directory.keep.saves() && session.is_stale(directory) { session.save_unasked() } else { None }
        });
        self.unasked.extend(exchange.flatten().map(|exchange| (now, exchange)));
    }

    /// Returns the next signal for the tasks. Call it after every other method, until it returns `None`.
    ///
    /// A lost signal costs only time.
    pub fn poll_signal(&mut self) -> Option<Signal> {
        self.signals.pop_front()
    }

    /// Returns when to call [`poll_expired`](Self::poll_expired) next. It may be early, or late by a millisecond.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let unasked = self.unasked.front().map(|(since, _)| *since);
        [unasked, self.shelf.poll_timeout()].into_iter().flatten().min()
    }

    /// Returns an exchange without a client: of a session that made no progress for too long (§3.2.6.1), that was
    /// [evicted](Self::evict) or replaced, or that ended and need not be remembered any longer. Drive it as any other, until
    /// [`Output::Done`]. Call it until it returns `None`.
    pub fn poll_expired(&mut self, now: Instant) -> Option<Exchange> {
        while let Some((_, exchange)) = self.unasked.pop_front() {
            if !self.is_over(exchange) {
                return Some(exchange);
            }
        }
        while let Some(id) = self.shelf.first_due(now) {
            let session = self.shelf.get(id)?;
            if session.has_ended()
                && session.is_idle()
                && !self.directory.keep.saves()
                && !is_unasked(session)
            {
                self.remove(id);
                continue;
            }
            let exchange = self.in_session(now, id, |session, directory| session.expire(directory)).flatten();
            if exchange.is_some() {
                return exchange;
            }
        }
        None
    }

    /// Gives up a session (§3.2.7): an exchange that stores is told to stop, no other may begin, and
    /// [`poll_expired`](Self::poll_expired) returns the exchange that discards it. What is being published is published.
    /// Returns whether the session was open.
    pub fn evict(&mut self, now: Instant, id: Guid) -> bool {
        self.give_up(now, id, Ending::Expired)
    }

    /// Changes the configuration for everything that comes after. If it disables uploads, every packet is answered 501 from
    /// now on, and every session is [evicted](Self::evict) (§3.2.4.2).
    pub fn set_directory(&mut self, now: Instant, directory: Directory) {
        self.directory = directory;
        if !self.directory.enabled {
            let open: Vec<Guid> = self.iter().map(Session::id).collect();
            for id in open {
                self.evict(now, id);
            }
        }
    }

    fn is_full(&self, owner: &O) -> bool {
        self.shelf.open() >= self.directory.max_sessions
            || self.shelf.owned(owner) >= self.directory.sessions_per_owner
    }

    fn give_up(&mut self, now: Instant, id: Guid, ending: Ending) -> bool {
        if self.get(id).is_none() {
            return false;
        }
        let exchange = self.in_session(now, id, |session, _| session.give_up(ending));
        self.unasked.extend(exchange.map(|exchange| (now, exchange)));
        exchange.is_some()
    }

    /// A session was acknowledged: an older one of its owner for the same destination gives way, where the directory says so.
    fn replace(&mut self, now: Instant, id: Guid) {
        if self.directory.replace {
            if let Some(older) = self.shelf.claim_destination(id) {
                self.give_up(now, older, Ending::Replaced);
            }
        }
    }

    /// Whether nobody need drive this exchange any more.
    fn is_over(&self, exchange: Exchange) -> bool {
        let session = exchange.session().and_then(|id| self.shelf.get(id));
        session.is_none_or(|session| !session.is_under_way(exchange))
    }

    /// Works on a session, and then keeps the table in step with it.
    pub(super) fn in_session<T>(
        &mut self,
        now: Instant,
        id: Guid,
        work: impl FnOnce(&mut Session<O>, &Directory) -> T,
    ) -> Option<T> {
        let (done, standing) = self.shelf.update(id, |session| {
            session.with_spare(&mut self.spare, |session| {
                let done = work(session, &self.directory);
                while let Some(signal) = session.next_signal() {
                    self.signals.push_back(signal);
                }
                done
            })
        })?;
        if standing == Standing::Open {
            return Some(done);
        }
        self.bury(now, id);
        if standing == Standing::Ending {
            if let Some(oldest) = self.shelf.excess(self.directory.max_tombstones) {
                self.let_go(now, oldest);
            }
        }
        Some(done)
    }

    /// A session that ended and of which nothing is kept leaves the table; the answer of its last exchange stays until it is
    /// fetched.
    pub(super) fn bury(&mut self, now: Instant, id: Guid) {
        let Some(session) = self.shelf.get(id) else { return };
        let State::Ended(ending) = session.state() else { return };
        let is_remembered = session.deadline().is_none_or(|deadline| deadline > now);
        let has_record = self.directory.keep.saves() && ending != Ending::Refused;
        if session.is_idle() && !is_remembered && !has_record {
            self.remove(id);
        }
    }

    /// The bound on remembered sessions pushes one out: it is due now.
    fn let_go(&mut self, now: Instant, id: Guid) {
        let exchange = self.in_session(now, id, |session, directory| session.expire(directory)).flatten();
        self.unasked.extend(exchange.map(|exchange| (now, exchange)));
    }

    fn remove(&mut self, id: Guid) {
        if let Some(mut session) = self.shelf.remove(id) {
            self.outside.keep(session.take_answered());
        }
    }
}

/// Whether the bytes of a session that ended may still be there.
fn is_unasked<O>(session: &Session<O>) -> bool {
    matches!(session.state(), State::Ended(Ending::Expired | Ending::Replaced))
}
