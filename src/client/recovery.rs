//! The bad answers, and no answer: what each leads to.

use std::time::Instant;

use http::StatusCode;

use super::config::LostClose;
use super::failure::{Failure, Reason};
use super::output::{Connection, Event, ExchangeId, TransportError};
use super::state::{Close, Goal, Next, Ping, Place, Timer};
use super::upload::Upload;
use crate::packet::{PacketType, ResponseHead};

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
        self.ping_first();
        self.target = self.destination.clone();
        self.guards.ignores_hosts = self.guards.abandoned_host.replace(host.id.clone()) == Some(host.id);
        self.tell(Event::HostAbandoned);
    }

    pub(super) fn session_not_found(&mut self, packet: PacketType, failure: Failure) -> Next {
        let completes = self.config.lost_close == LostClose::Completes;
        let unanswered = self.session().is_some_and(|session| session.close.is_unanswered());
        match packet {
            PacketType::CancelSession => self.session_gone(true),
            PacketType::CloseSession if unanswered && completes => Next::Complete { confirmed: false },
            _ if self.is_leaving() => self.session_gone(true),
            _ => self.restart(failure),
        }
    }

    /// The session is gone, as it should: the upload is over, or starts over.
    pub(super) fn session_gone(&mut self, confirmed: bool) -> Next {
        match self.goal {
            // A Close of which nobody knows may have published the entity.
            Goal::Cancel | Goal::Withdraw => {
                let unanswered = self.session().is_some_and(|session| session.close.is_unanswered());
                Next::Leave { confirmed: confirmed && !unanswered }
            }
            Goal::Complete | Goal::StartOver => {
                self.forget_session();
                Next::Go
            }
        }
    }

    /// Starts over with Create-Session at the origin (C18).
    pub(super) fn restart(&mut self, cause: Failure) -> Next {
        match self.guards.restarted(&self.config) {
            Ok(()) => {
                self.forget_session();
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

    pub(super) fn unauthorized(&mut self, id: ExchangeId, head: ResponseHead<'_>, failure: Failure) -> Next {
        self.challenged = Some(id);
        if self.guards.may_ask() {
            Next::Challenge { status: head.status, challenges: head.challenges() }
        } else {
            self.stop(failure)
        }
    }

    /// Halves the fragment, not below 5 KiB (note `<16>`).
    pub(super) fn shrink(&mut self, bytes: u64, failure: Failure) -> Next {
        match (super::fragments::halved(bytes), self.session_mut()) {
            (Some(to), Some(session)) => {
                session.ceiling = Some(to);
                self.tell(Event::FragmentShrunk { to });
                Next::Go
            }
            _ => self.fatal(Failure { reason: Reason::FragmentTooLarge, ..failure }),
        }
    }

    pub(super) fn broken_off(
        &mut self,
        now: Instant,
        packet: PacketType,
        failure: Failure,
        error: TransportError,
    ) -> Next {
        self.start_host_fallback(now);
        self.connection = Connection::Any;
        if let Some(session) = self.session_mut().filter(|session| session.ping == Ping::NotDue) {
            session.ping = Ping::Due;
        }
        if packet == PacketType::Fragment {
            self.sizer.broke(self.fragment_size(), self.config.fragment_size);
        }
        match error {
            TransportError::Unsent | TransportError::Untrusted => self.transient(failure),
            TransportError::Interrupted | TransportError::Stale => self.unanswered(packet, failure),
        }
    }

    /// Nobody knows what the server made of the packet: it goes again, or the upload starts over.
    pub(super) fn unanswered(&mut self, packet: PacketType, failure: Failure) -> Next {
        self.doubt(packet);
        if packet == PacketType::Fragment && self.goal == Goal::StartOver {
            self.start_over(failure)
        } else {
            self.transient(failure)
        }
    }

    /// The first failure against a session's host starts its time; any answer stops it (C33).
    fn start_host_fallback(&mut self, now: Instant) {
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
            // Whether the server opened a session nobody knows: it goes at its timeout.
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
            Goal::Cancel | Goal::Withdraw if failure.packet == Some(PacketType::CloseSession) => Next::Go,
            Goal::Cancel | Goal::Withdraw => Next::Leave { confirmed: false },
        }
    }
}
