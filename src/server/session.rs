//! One upload, seen by the server.

use std::time::Instant;

use super::answer;
use super::directory::{Directory, OwnerCheck};
use super::exchange::Exchange;
use super::input::Arrival;
use super::output::Output;
use super::state::{AtWork, Ending, Notification, State, Step, Waiting};
use crate::packet::Conformance;
use crate::packet::{Ack, CreateSessionAck, ErrorAck, FragmentAck, Request};
use crate::vocabulary::Guid;
use crate::vocabulary::SessionId;

/// One upload, seen by the server (`BITSSessionWrapper`, §3.2.1.4): a plain value of a few hundred bytes.
///
/// See the [module](super) for how to drive it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session<O = ()> {
    pub(super) id: Guid,
    pub(super) owner: O,
    /// Path and query, as the client wrote them.
    pub(super) destination: Box<str>,
    pub(super) state: State,
    pub(super) next: u64,
    pub(super) total: Option<u64>,
    pub(super) notification: Notification,
    pub(super) at_work: Option<Box<AtWork>>,
    pub(super) waiting: Option<Box<Waiting>>,
    pub(super) serial: u32,
    pub(super) deadline: Option<Instant>,
}

impl<O: Clone + Eq> Session<O> {
    /// A session for a Create-Session that [was routed here](super::Route::Create), with its first exchange.
    ///
    /// `id` names it for ever and must be hard to guess: [`Guid::from_random`] of sixteen bytes from the operating
    /// system's generator.
    pub fn open(
        now: Instant,
        id: Guid,
        arrival: &Arrival<'_, O>,
        directory: &Directory,
    ) -> (Self, Exchange, Output) {
        let first = 1;
        let session = Self {
            id,
            owner: arrival.owner.clone(),
            destination: destination(arrival).into(),
            state: State::Opening,
            next: 0,
            total: None,
            notification: Notification::Due,
            at_work: Some(Box::new(AtWork { serial: first, step: Step::Open, superseded: false })),
            waiting: None,
            serial: first,
            deadline: now.checked_add(directory.session_timeout),
        };
        (session, Exchange::new(id, first), Output::Open)
    }

    /// The name of the session.
    #[must_use]
    pub const fn id(&self) -> Guid {
        self.id
    }

    /// Whose session it is.
    #[must_use]
    pub const fn owner(&self) -> &O {
        &self.owner
    }

    /// Where the client wants the entity: the path and query of its requests, as it wrote them. Percent-encoded,
    /// perhaps with dots or backslashes in it: **make sure that it cannot lead outside of where you publish.**
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How many bytes are stored, from the start of the entity: the offset that the client is told to send next.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.next
    }

    /// The size of the entity, once a Fragment has told it.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    /// The exchange that works on the session, if one does.
    #[must_use]
    pub fn at_work(&self) -> Option<Exchange> {
        self.at_work.as_ref().map(|at_work| Exchange::new(self.id, at_work.serial))
    }

    /// When the session is to be discarded unless it makes progress; `None` for never.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Why the arrival may not use the session at all, if it may not: its owner, then its destination.
    pub(super) fn refusal(&self, arrival: &Arrival<'_, O>, directory: &Directory) -> Option<ErrorAck> {
        let checked = directory.owner_check == OwnerCheck::EveryPacket || directory.conformance.is_strict();
        if checked && *arrival.owner != self.owner {
            return Some(answer::access_denied());
        }
        if same_destination(destination(arrival), &self.destination, directory.conformance) {
            None
        } else {
            let received = matches!(arrival.request, Request::Fragment(_)).then_some(self.next);
            Some(ErrorAck { received, ..answer::invalid() })
        }
    }

    /// Something went well: the session lives on for another timeout (C53).
    pub(super) fn prolong(&mut self, now: Instant, directory: &Directory) {
        let deadline = now.checked_add(directory.session_timeout);
        self.deadline = deadline.map(|later| self.deadline.map_or(later, |known| known.max(later)));
    }

    /// Whoever is still at work on it is given up.
    pub(super) fn end(&mut self, ending: Ending) {
        self.at_work = None;
        self.state = State::Ended(ending);
    }

    pub(super) fn session_id(&self) -> SessionId {
        self.id.into()
    }

    pub(super) fn create_ack(&self, directory: &Directory) -> Output {
        Output::Respond(Ack::CreateSession(CreateSessionAck {
            host: directory.host.clone(),
            ..CreateSessionAck::new(self.session_id())
        }))
    }

    /// 200 with the offset; and, once the entity is complete, with the reply's URL, however often it is asked for.
    pub(super) fn fragment_ack(&self) -> Output {
        let reply_url = match self.state {
            State::WaitingForClose => self.notification.reply_url().cloned(),
            _ => None,
        };
        Output::Respond(Ack::Fragment(FragmentAck {
            reply_url,
            ..FragmentAck::accepted(self.session_id(), self.next)
        }))
    }

    pub(super) fn error(&self, error: ErrorAck) -> Output {
        Output::Respond(Ack::Error(ErrorAck { session_id: Some(self.session_id()), ..error }))
    }

    /// An error that answers a Fragment: it tells the offset as well.
    pub(super) fn fragment_error(&self, error: ErrorAck) -> Output {
        self.error(ErrorAck { received: Some(self.next), ..error })
    }
}

fn destination<'r, O>(arrival: &Arrival<'r, O>) -> &'r str {
    arrival.target.path_and_query().map_or("/", |target| target.as_str())
}

/// The same path; and in strict the same query, in which access tokens change (Q58).
fn same_destination(one: &str, other: &str, conformance: Conformance) -> bool {
    let path = |target: &'_ str| target.find('?').unwrap_or(target.len());
    match conformance {
        Conformance::Interop => one.get(..path(one)) == other.get(..path(other)),
        Conformance::Strict => one == other,
    }
}
