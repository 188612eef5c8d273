//! The bad answers, and no answer: what each leads to.

use std::time::Instant;

use http::StatusCode;

use super::config::{LostClose, Recovery};
use super::failure::{Failure, Reason};
use super::fragments::halved;
use super::output::{Connection, Event, TransportError};
use super::state::{Close, Goal, InFlight, Next, Ping, Place, Session, Timer};
use super::upload::Upload;
use crate::packet::{PacketType, ResponseHead};
use crate::vocabulary::SessionId;

impl Upload {
    /// The session is of no use as it is (Q06, Q28): wait, Ping, and if the server is there, start over.
    pub(super) fn doubt_session(&mut self, failure: Failure) -> Next {
        if let Some(session) = self.session_mut() {
            session.ping = Ping::InDoubt;
        }
        self.transient(failure)
    }

    /// Back to the origin; and if that leads to the same host again, for good (C35).
    pub(super) fn abandon_host(&mut self) {
        self.timers.stop(Timer::HostFallback);
        let Some(session) = self.session_mut() else { return };
        let Some(host) = session.host.take() else { return };
        self.target = self.destination.clone();
        self.guards.ignores_hosts = self.guards.abandoned_host.replace(host.id.clone()) == Some(host.id);
        self.tell(Event::HostAbandoned);
    }

    pub(super) fn session_not_found(&mut self, packet: PacketType, failure: Failure) -> Next {
        let completes = self.config.lost_close == LostClose::Completes;
        let unanswered = self.session().is_some_and(|session| session.close.is_unanswered());
        match packet {
            PacketType::CancelSession => self.session_gone(true),
            // The last Fragment is repeated to look into a Close whose answer was lost.
            PacketType::CloseSession | PacketType::Fragment if unanswered && completes => {
                Next::Complete { confirmed: false }
            }
            _ if self.is_leaving() => self.session_gone(true),
            _ => self.restart(failure),
        }
    }

    /// The session is gone, as it should: the upload is over, or starts over.
    pub(super) fn session_gone(&mut self, confirmed: bool) -> Next {
        match self.goal {
            // A Close whose result is unknown may have published the entity.
            Goal::Cancel | Goal::Withdraw | Goal::Abandon => {
                let unanswered = self.session().is_some_and(|session| session.close.is_unanswered());
                Next::Leave { confirmed: confirmed && !unanswered }
            }
            Goal::Complete | Goal::StartOver => {
                self.forget_session();
                Next::Go
            }
        }
    }

    /// Starts over with Create-Session at the origin (C18). A session that the server still has is cancelled before.
    pub(super) fn restart(&mut self, cause: Failure) -> Next {
        match self.guards.restarted(&self.config) {
            Ok(()) => {
                if cause.reason == Reason::SessionNotFound {
                    self.forget_session();
                } else {
                    self.goal = Goal::StartOver;
                }
                self.tell(Event::Restarted { cause });
                Next::Go
            }
            Err(reason) => self.fatal(Failure { reason, ..cause }),
        }
    }

    pub(super) fn forget_session(&mut self) {
        self.place = Place::Nowhere { ping: false };
        self.target = self.destination.clone();
        if self.goal == Goal::StartOver {
            self.goal = Goal::Complete;
        }
        self.timers.stop(Timer::HostFallback);
    }

    pub(super) fn unauthorized(
        &mut self,
        exchange: &InFlight,
        head: ResponseHead<'_>,
        failure: Failure,
    ) -> Next {
        self.challenged = Some(exchange.id);
        if self.guards.may_ask() {
            Next::Challenge { packet: exchange.packet, status: head.status, challenges: head.challenges() }
        } else {
            self.stop(failure)
        }
    }

    /// Halves the fragment, not below 5 KiB (note `<16>`, Q29).
    pub(super) fn shrink(&mut self, bytes: u64, failure: Failure) -> Next {
        if self.halve(bytes) {
            Next::Go
        } else {
            self.fatal(Failure { reason: Reason::FragmentTooLarge, ..failure })
        }
    }

    /// Halves the fragments of this session; whether they were above the floor.
    pub(super) fn halve(&mut self, bytes: u64) -> bool {
        let (Some(to), Some(session)) = (halved(bytes), self.session_mut()) else { return false };
        session.ceiling = Some(to);
        self.tell(Event::FragmentShrunk { to });
        true
    }

    /// The answer was no Ack: it is unknown what the server did with the packet.
    pub(super) fn no_ack(&mut self, now: Instant, exchange: &InFlight, failure: Failure) -> Next {
        let packet = exchange.packet;
        let status = failure.status.unwrap_or_default();
        self.start_host_fallback(now);
        if status.is_success() && packet != PacketType::CloseSession && !self.guards.bears_no_ack() {
            self.doubt(packet);
            return self.fatal(failure);
        }
        if packet == PacketType::Fragment {
            self.fragment_failed(exchange.bytes());
            if status.is_server_error() {
                // Whether it was the fragment's size is found out by asking for less (Q35).
                self.ping_next();
            }
        }
        self.unanswered(packet, failure)
    }

    /// A size limit need not answer 413: three failures of one fragment, with contact in between, halve it (Q35).
    fn fragment_failed(&mut self, bytes: u64) {
        let Some(session) = self.session_mut() else { return };
        if session.trouble.failed() {
            self.halve(bytes);
        }
    }

    /// An Ack breaks the protocol: the packet goes again, a bounded number of times (C25). It may have opened a session.
    pub(super) fn violation(
        &mut self,
        packet: PacketType,
        created: Option<SessionId>,
        failure: Failure,
    ) -> Next {
        if packet == PacketType::CloseSession {
            self.doubt(packet);
        }
        if let (Some(id), Goal::Complete) = (created, self.goal) {
            self.place = Place::Session(Session::new(id));
            self.goal = Goal::StartOver;
        }
        if self.guards.bears_violation() {
            return self.unanswered(packet, failure);
        }
        match self.session() {
            _ if self.is_leaving() => self.stop(failure),
            Some(session) if session.close.is_unanswered() => Next::Complete { confirmed: false },
            Some(_) => {
                self.goal = Goal::Abandon;
                Next::Go
            }
            None => self.fatal(failure),
        }
    }

    /// Whether an answer says no more than that the server knows no Ping (Q33).
    pub(super) fn is_refused_ping(&self, failure: &Failure) -> bool {
        let refused = failure.status.is_some_and(|status| !status.is_success());
        failure.packet == Some(PacketType::Ping) && refused && !self.config.conformance.is_strict()
    }

    /// After three refusals the upload goes on without a Ping, and starts over if its offset is lost.
    pub(super) fn refused_ping(&mut self, now: Instant, failure: Failure) -> Next {
        self.start_host_fallback(now);
        if self.guards.bears_refused_ping() { self.transient(failure) } else { self.reached() }
    }

    /// An Ack refuses. If an earlier Close went unanswered, the entity may be published: then a refusal is no failure (C17,
    /// Q34; in strict it is), but the server is asked once whether it lost bytes.
    pub(super) fn refused(&mut self, packet: PacketType, failure: Failure) -> Next {
        let close = self.session().map_or(Close::NeverSent, |session| session.close);
        let in_doubt =
            close.is_unanswered() && matches!(packet, PacketType::CloseSession | PacketType::Fragment);
        let says_no_more = failure.status.is_some_and(|status| status.is_client_error());
        if !in_doubt || !says_no_more || self.config.conformance.is_strict() {
            return self.fatal(failure);
        }
        let asks = failure.status == Some(StatusCode::BAD_REQUEST)
            && close == Close::Unanswered
            && self.config.recovery == Recovery::Resend
            && self.goal == Goal::Complete
            && self.acknowledged() > 0;
        let starts_over = self.config.lost_close == LostClose::StartsOver && !self.is_leaving();
        let size = self.fragment_size();
        match self.session_mut() {
            Some(session) if asks => {
                session.close = Close::UnansweredAndRefused;
                session.offset = session.offset.saturating_sub(size);
                Next::Go
            }
            _ if starts_over => self.restart(failure),
            _ => Next::Complete { confirmed: false },
        }
    }

    /// Whether the packet goes again at once, because its connection had served another request before (C72). It does so once,
    /// and never with a Fragment to a server that appends every Fragment.
    pub(super) fn repeats_at_once(&mut self, exchange: &InFlight) -> bool {
        let appends = self.config.recovery == Recovery::Restart && exchange.packet == PacketType::Fragment;
        if exchange.connection == Connection::Fresh || appends {
            return false;
        }
        self.doubt(exchange.packet);
        self.connection = Connection::Fresh;
        true
    }

    fn ping_next(&mut self) {
        if let Some(session) = self.session_mut().filter(|session| session.ping == Ping::NotDue) {
            session.ping = Ping::Due;
        }
    }

    /// No answer came: after a delay a Ping goes, and then the packet again (Q30).
    pub(super) fn broken_off(
        &mut self,
        now: Instant,
        exchange: &InFlight,
        failure: Failure,
        error: TransportError,
    ) -> Next {
        let packet = exchange.packet;
        self.start_host_fallback(now);
        // Other idle connections may be as dead as this one: neither the Ping nor the packet after it reuses one (C72).
        self.connection = Connection::Fresh;
        self.ping_next();
        if packet == PacketType::Fragment {
            self.sizer.broke(exchange.bytes(), self.config.fragment_size);
            if matches!(error, TransportError::Interrupted | TransportError::Stale) {
                self.fragment_failed(exchange.bytes());
            }
        }
        match error {
            TransportError::Unsent | TransportError::Untrusted => self.transient(failure),
            TransportError::Interrupted | TransportError::Stale => self.unanswered(packet, failure),
        }
    }

    /// It is unknown what the server did with the packet: it goes again, or the upload starts over.
    pub(super) fn unanswered(&mut self, packet: PacketType, failure: Failure) -> Next {
        self.doubt(packet);
        if packet == PacketType::Fragment && self.goal == Goal::StartOver {
            self.start_over(failure)
        } else {
            self.transient(failure)
        }
    }

    /// The first failure against a session's host starts its time: no answer, or one that is no Ack. Progress stops it (C33).
    pub(super) fn start_host_fallback(&mut self, now: Instant) {
        let Some(host) = self.session().and_then(|session| session.host.as_ref()) else { return };
        let timeout = [host.fallback_timeout, self.config.host_fallback_cap].into_iter().flatten().min();
        if let (Some(timeout), None) = (timeout, self.timers.get(Timer::HostFallback)) {
            self.timers.start(Timer::HostFallback, now, timeout);
        }
    }

    /// What the server stored cannot be trusted any more: the session is cancelled, and a new one takes its place.
    pub(super) fn start_over(&mut self, cause: Failure) -> Next {
        match self.guards.restarted(&self.config) {
            Ok(()) => {
                self.tell(Event::Restarted { cause });
                Next::Go
            }
            Err(reason) => self.fatal(Failure { reason, ..cause }),
        }
    }

    pub(super) fn transient(&mut self, cause: Failure) -> Next {
        if self.is_leaving() && self.session().is_none() {
            // The server may have opened a session: it expires there.
            return Next::Leave { confirmed: false };
        }
        Next::Wait(cause)
    }

    /// The server refused. A session that was to go before the next is left to its timeout.
    pub(super) fn fatal(&mut self, failure: Failure) -> Next {
        match failure.packet {
            Some(PacketType::CloseSession) if failure.status == Some(StatusCode::BAD_REQUEST) => {
                self.mark_close(Close::refused);
                self.stop(failure)
            }
            Some(PacketType::CancelSession) if self.goal == Goal::StartOver => {
                self.forget_session();
                Next::Go
            }
            _ => self.stop(failure),
        }
    }

    /// It cannot go on by itself. A session that was to go is left to its timeout.
    pub(super) fn stop(&mut self, failure: Failure) -> Next {
        match self.goal {
            Goal::Complete | Goal::StartOver => Next::Fail(failure),
            // The server did not close the session, so it has one to cancel.
            Goal::Cancel | Goal::Withdraw | Goal::Abandon
                if failure.packet == Some(PacketType::CloseSession) =>
            {
                Next::Go
            }
            Goal::Cancel | Goal::Withdraw | Goal::Abandon => Next::Leave { confirmed: false },
        }
    }
}
