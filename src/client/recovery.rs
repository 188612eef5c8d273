//! What comes after a bad answer, or none.

use std::time::Instant;

use super::choices::{LostClose, Recovery};
use super::failure::{Failure, Reason};
use super::input::TransportError;
use super::output::{Event, ExchangeId};
use super::state::{Goal, Hold, InFlight, Reply, Timer};
use super::upload::Upload;
use crate::packet::{PacketType, ResponseHead};
use crate::vocabulary::limits::MAX_CHALLENGES;

impl Upload {
    /// The session is of no use as it is (Q06, Q28): wait, Ping, and if the server is there, start over.
    pub(super) fn doubt_session(&mut self, now: Instant, failure: Failure) {
        self.offset_lost = true;
        self.ping_due = true;
        self.transient(now, failure);
    }

    /// The session's host was out of reach for too long: back to the origin; and if that leads here again, for good.
    pub(super) fn abandon_host(&mut self) {
        let Some(host) = self.host.take() else { return };
        self.ignores_hosts = self.abandoned_host.replace(host.id.clone()) == Some(host.id);
        self.ping_due = self.session_id.is_some();
        self.tell(Event::HostAbandoned);
    }

    pub(super) fn session_not_found(&mut self, packet: PacketType, failure: Failure) {
        let completes = self.config.lost_close == LostClose::Completes;
        match packet {
            PacketType::CancelSession => self.session_gone(true),
            PacketType::CloseSession if self.close_unanswered && completes => self.completed(false),
            _ if self.is_leaving() => self.session_gone(true),
            _ => self.restart(failure),
        }
    }

    /// The session is gone, as it should: the upload is over, or starts over.
    pub(super) fn session_gone(&mut self, confirmed: bool) {
        match self.goal {
            // A Close of which nobody knows may have published the entity.
            Goal::Cancel | Goal::Withdraw => self.left(confirmed && !self.close_unanswered),
            Goal::Complete | Goal::StartOver => self.forget_session(),
        }
    }

    /// Starts over with Create-Session at the origin (C18).
    pub(super) fn restart(&mut self, cause: Failure) {
        match self.guards.restarted(&self.config) {
            Ok(()) => {
                self.forget_session();
                self.tell(Event::Restarted { cause });
            }
            Err(reason) => self.fatal(Failure { reason, ..cause }),
        }
    }

    pub(super) fn forget_session(&mut self) {
        self.session_id = None;
        self.host = None;
        self.offset = 0;
        self.sent = 0;
        self.reply = Reply::None;
        self.ping_due = false;
        self.offset_lost = false;
        self.close_refused = false;
        self.close_unanswered = false;
        self.timers.stop(Timer::HostFallback);
    }

    pub(super) fn unauthorized(&mut self, id: ExchangeId, head: ResponseHead<'_>, failure: Failure) {
        self.challenged = Some(id);
        self.challenges = self.challenges.saturating_add(1);
        if self.challenges > MAX_CHALLENGES {
            return self.stop(failure);
        }
        if self.hold == Hold::Suspending {
            return;
        }
        self.hold = Hold::Credentials;
        self.timers.stop(Timer::GiveUp);
        self.tell(Event::CredentialsWanted { status: head.status, challenges: head.challenges() });
    }

    /// Halves the fragment, not below 5 KiB (note `<16>`).
    pub(super) fn shrink(&mut self, bytes: u64, failure: Failure) {
        match self.sizer.too_large(bytes) {
            Some(to) => self.tell(Event::FragmentShrunk { to }),
            None => self.fatal(Failure { reason: Reason::FragmentTooLarge, ..failure }),
        }
    }

    pub(super) fn broken_off(
        &mut self,
        now: Instant,
        exchange: &InFlight,
        failure: Failure,
        error: TransportError,
    ) {
        self.start_host_fallback(now);
        self.connection = None;
        self.ping_due |= self.session_id.is_some();
        if exchange.packet == PacketType::Fragment {
            self.sizer.broke(self.config.fragment_size);
        }
        match error {
            TransportError::Unsent => self.transient(now, failure),
            TransportError::Interrupted => self.unanswered(now, exchange.packet, failure),
        }
    }

    /// Nobody knows what the server made of the packet: it goes again, or the upload starts over.
    pub(super) fn unanswered(&mut self, now: Instant, packet: PacketType, failure: Failure) {
        self.doubt(packet);
        if packet == PacketType::Fragment && self.goal == Goal::StartOver {
            self.start_over(failure);
        } else {
            self.transient(now, failure);
        }
    }

    /// Remembers that nobody knows what the server made of the packet: a Close may have published the entity, and a
    /// Fragment must not go twice to a server that appends whatever comes.
    pub(super) fn doubt(&mut self, packet: PacketType) {
        let must_not_repeat = self.config.recovery == Recovery::Restart && self.goal == Goal::Complete;
        match packet {
            PacketType::CloseSession => self.close_unanswered = true,
            PacketType::Fragment if must_not_repeat => self.goal = Goal::StartOver,
            _ => {}
        }
    }

    /// The first failure against a session's host starts its time; any answer stops it (C33).
    pub(super) fn start_host_fallback(&mut self, now: Instant) {
        let Some(host) = &self.host else { return };
        let timeout = [host.fallback_timeout, self.config.host_fallback_cap].into_iter().flatten().min();
        if let (Some(timeout), None) = (timeout, self.timers.get(Timer::HostFallback)) {
            self.timers.start(Timer::HostFallback, now, timeout);
        }
    }

    /// What the server stored cannot be trusted any more: the session is cancelled, and a new one takes its place.
    pub(super) fn start_over(&mut self, cause: Failure) {
        match self.guards.restarted(&self.config) {
            Ok(()) => self.tell(Event::Restarted { cause }),
            Err(reason) => self.fatal(Failure { reason, ..cause }),
        }
    }

    /// Waits, and tries again.
    pub(super) fn transient(&mut self, now: Instant, cause: Failure) {
        if self.is_leaving() && self.session_id.is_none() {
            // Whether the server opened a session nobody knows: it goes at its timeout.
            return self.left(false);
        }
        if self.hold == Hold::Suspending {
            return;
        }
        let delay = self.backoff.next(&self.config.patience).max(cause.retry_after.unwrap_or_default());
        self.hold = Hold::Retry;
        self.timers.start(Timer::Retry, now, delay);
        let until = self.timers.get(Timer::Retry).unwrap_or(now);
        self.tell(Event::Waiting { until, cause });
    }
}
