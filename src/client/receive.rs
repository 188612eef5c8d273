//! What comes back, and what becomes of the upload.

use std::ops::Range;
use std::time::Instant;

use http::header::{PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

use super::config::{Recovery, ReplyMode};
use super::failure::{Failure, Reason, Violation};
use super::input::TransportError;
use super::output::{Event, ExchangeId, Output};
use super::state::{Goal, Hold, InFlight, Reply, Timer};
use super::upload::Upload;
use super::verdict::{Verdict, judge};
use crate::limits::MIN_FRAGMENT_SIZE;
use crate::packet::{Ack, CreateSessionAck, FragmentAck, PacketType, ResponseHead};

impl Upload {
    /// The last byte of the request was handed to the network: its answer's time begins (§3.1.5.2.1).
    ///
    /// A transport that cannot tell says it at once: then one timer covers both.
    pub fn handle_sent(&mut self, now: Instant, id: ExchangeId) {
        if self.is_under_way(id) && self.timers.get(Timer::Request).is_some() {
            self.timers.stop(Timer::Request);
            self.timers.start(Timer::Response, now, self.config.response_timeout);
        }
    }

    /// The head of the answer arrived. The body, whatever it is, is the caller's to drain.
    pub fn handle_response<B>(&mut self, now: Instant, id: ExchangeId, response: &Response<B>) {
        // What is not yet the answer.
        if response.status().is_informational() {
            return;
        }
        let Some(exchange) = self.take_exchange(id) else { return };
        self.timers.stop(Timer::HostFallback);
        let head = ResponseHead::from(response);
        match judge(head, exchange.packet, self.session_id, &self.config) {
            Verdict::Accepted(ack) => self.accepted(now, exchange, ack),
            Verdict::SessionNotFound(failure) => self.session_not_found(exchange.packet, failure),
            Verdict::Unauthorized(failure) => self.unauthorized(head, failure),
            Verdict::FragmentTooLarge(failure) => self.shrink(&exchange.range, failure),
            Verdict::Transient(failure) => {
                // A gateway may answer for a server that went on: what became of a Close nobody knows.
                self.close_unanswered |=
                    exchange.packet == PacketType::CloseSession && failure.code.is_none();
                self.transient(now, failure);
            }
            Verdict::Fatal(failure) => self.fatal(failure),
        }
        self.settle(now);
    }

    /// The exchange broke off below HTTP.
    pub fn handle_transport_error(&mut self, now: Instant, id: ExchangeId, error: TransportError) {
        if let Some(exchange) = self.take_exchange(id) {
            self.broken_off(now, &exchange, Failure::new(Reason::Transport, Some(exchange.packet)), error);
            self.settle(now);
        }
    }

    /// Time has passed: acts on every timer that has gone off.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Request => self.timed_out(now, Reason::RequestTimeout),
                Timer::Response => self.timed_out(now, Reason::ResponseTimeout),
                Timer::Retry if self.hold == Hold::Retry => self.hold = Hold::None,
                Timer::Retry => {}
                Timer::HostFallback => {
                    self.host = None;
                    self.ping_due = self.session_id.is_some();
                    self.tell(Event::HostAbandoned);
                }
                Timer::GiveUp => {
                    self.abort();
                    self.fatal(Failure::new(Reason::GaveUp, None));
                }
            }
            self.settle(now);
        }
    }

    pub(super) fn is_under_way(&self, id: ExchangeId) -> bool {
        self.in_flight.as_ref().is_some_and(|exchange| exchange.id == id)
    }

    fn take_exchange(&mut self, id: ExchangeId) -> Option<InFlight> {
        if !self.is_under_way(id) {
            return None;
        }
        self.timers.stop(Timer::Request);
        self.timers.stop(Timer::Response);
        self.in_flight.take()
    }

    /// Gives up the exchange under way, and returns it and how far it came. A request that nobody took is never sent.
    pub(super) fn abort(&mut self) -> Option<(InFlight, TransportError)> {
        let exchange = self.take_exchange(self.in_flight.as_ref()?.id)?;
        let queued =
            |output: &Output| matches!(output, Output::Transmit(transmit) if transmit.id == exchange.id);
        if let Some(at) = self.outputs.iter().position(queued) {
            self.outputs.remove(at);
            return Some((exchange, TransportError::Unsent));
        }
        self.push(Output::Abort(exchange.id));
        self.close_unanswered |= exchange.packet == PacketType::CloseSession;
        Some((exchange, TransportError::Interrupted))
    }

    fn timed_out(&mut self, now: Instant, reason: Reason) {
        if let Some((exchange, error)) = self.abort() {
            self.broken_off(now, &exchange, Failure::new(reason, Some(exchange.packet)), error);
        }
    }

    /// After anything was told: a graceful suspension takes hold, or the next packet goes.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.hold == Hold::Suspending && self.in_flight.is_none() {
            self.suspended();
        }
        self.advance(now);
    }

    fn accepted(&mut self, now: Instant, exchange: InFlight, ack: Ack<'static>) {
        match ack {
            Ack::CreateSession(ack) => self.created(ack),
            Ack::Ping(_) => self.reached(),
            Ack::Fragment(ack) => self.acknowledged_fragment(now, exchange.range, ack),
            Ack::CloseSession(_) => self.completed(true),
            Ack::CancelSession(_) => self.session_gone(),
            // The judge has made a verdict of it.
            Ack::Error(_) => {}
        }
    }

    fn created(&mut self, ack: CreateSessionAck<'static>) {
        self.session_id = Some(ack.session_id);
        self.tell(Event::SessionCreated { session_id: ack.session_id });
        let Some(host) = ack.host else { return };
        if self.config.host_policy.allows(&self.destination, &host.id) {
            self.tell(Event::HostChanged { host: host.id.clone() });
            self.host = Some(host);
            self.ping_due = true;
        } else {
            self.tell(Event::HostRefused { host: host.id });
        }
    }

    fn reached(&mut self) {
        self.ping_due = false;
        if self.offset_lost {
            self.restart(Failure::new(Reason::OffsetUnknown, Some(PacketType::Fragment)));
        }
    }

    /// A Fragment was answered 200 or 416: go on from the offset that the server wants (C32).
    fn acknowledged_fragment(&mut self, now: Instant, range: Range<u64>, ack: FragmentAck<'static>) {
        let failure = |reason| Failure {
            status: Some(ack.http_status()),
            ..Failure::new(reason, Some(PacketType::Fragment))
        };
        let to = match (ack.received, ack.status) {
            (Some(to), _) => to,
            // Taken whole (Q05).
            (None, crate::packet::FragmentStatus::Accepted) => range.end,
            (None, crate::packet::FragmentStatus::OutOfStep) => {
                self.offset_lost = true;
                self.ping_due = true;
                return self.transient(now, failure(Reason::OffsetUnknown));
            }
        };
        if to > self.entity.size() {
            return self.transient(now, failure(Reason::Protocol(Violation::OffsetPastEnd)));
        }
        if to > self.sent {
            // Going on from there would leave a hole that nobody notices (Q09).
            return self.restart(failure(Reason::Protocol(Violation::OffsetNeverSent)));
        }
        let best = self.guards.best;
        let guarded = self.guards.acknowledged(range.start, to, &self.config);
        self.offset = to;
        if to != range.end {
            self.tell(Event::Resynchronised { from: range.end, to });
        }
        if to > range.start {
            self.backoff.reset();
        }
        if to > best {
            self.timers.start(Timer::GiveUp, now, self.config.give_up_after);
            self.tell(Event::Progress { acknowledged: to });
        }
        if self.config.reply != ReplyMode::Ignored && self.reply == Reply::None {
            let url = ack.reply_url.as_ref().and_then(|url| url.resolve(&self.destination).ok());
            self.reply = url.map_or(Reply::None, Reply::At);
        }
        if let Err(reason) = guarded {
            self.fatal(failure(reason));
        }
    }

    fn session_not_found(&mut self, packet: PacketType, failure: Failure) {
        match packet {
            PacketType::CancelSession => self.session_gone(),
            PacketType::CloseSession if self.close_unanswered => self.completed(false),
            _ if self.goal == Goal::Cancel => self.session_gone(),
            _ => self.restart(failure),
        }
    }

    /// The session is gone, as it should: the upload is over, or starts over.
    fn session_gone(&mut self) {
        let confirmed = !self.close_unanswered;
        match self.goal {
            Goal::Cancel => self.cancelled(confirmed),
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

    fn forget_session(&mut self) {
        self.session_id = None;
        self.host = None;
        self.offset = 0;
        self.sent = 0;
        self.reply = Reply::None;
        self.ping_due = false;
        self.offset_lost = false;
        self.close_unanswered = false;
        self.timers.stop(Timer::HostFallback);
    }

    fn unauthorized(&mut self, head: ResponseHead<'_>, failure: Failure) {
        let name = match head.status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => PROXY_AUTHENTICATE,
            _ => WWW_AUTHENTICATE,
        };
        if self.hold == Hold::Suspending {
            return;
        }
        self.hold = Hold::Credentials;
        self.timers.stop(Timer::GiveUp);
        let challenges = head.headers.get_all(name).iter().take(16).cloned().collect();
        self.tell(Event::CredentialsWanted { status: failure.status.unwrap_or(head.status), challenges });
    }

    /// Halves the fragment, not below 5 KiB (note `<16>`).
    fn shrink(&mut self, range: &Range<u64>, failure: Failure) {
        let length = range.end.saturating_sub(range.start);
        if length <= MIN_FRAGMENT_SIZE {
            return self.fatal(Failure { reason: Reason::FragmentTooLarge, ..failure });
        }
        self.ceiling = (length / 2).max(MIN_FRAGMENT_SIZE);
        self.tell(Event::FragmentShrunk { to: self.ceiling });
    }

    fn broken_off(&mut self, now: Instant, exchange: &InFlight, failure: Failure, error: TransportError) {
        if let Some(timeout) = self.host.as_ref().and_then(|host| host.fallback_timeout) {
            if self.timers.get(Timer::HostFallback).is_none() {
                self.timers.start(Timer::HostFallback, now, timeout);
            }
        }
        self.ping_due |= self.session_id.is_some();
        if error == TransportError::Interrupted {
            self.close_unanswered |= exchange.packet == PacketType::CloseSession;
            if exchange.packet == PacketType::Fragment && self.config.recovery == Recovery::Restart {
                return self.start_over(failure);
            }
        }
        self.transient(now, failure);
    }

    /// What the server stored cannot be trusted any more: the session is cancelled, and a new one takes its place.
    fn start_over(&mut self, cause: Failure) {
        if self.goal == Goal::Cancel {
            return;
        }
        match self.guards.restarted(&self.config) {
            Ok(()) => {
                self.goal = Goal::StartOver;
                self.tell(Event::Restarted { cause });
            }
            Err(reason) => self.fatal(Failure { reason, ..cause }),
        }
    }

    /// Waits, and tries again.
    fn transient(&mut self, now: Instant, cause: Failure) {
        if self.hold == Hold::Suspending {
            return;
        }
        if self.goal == Goal::Cancel && self.session_id.is_none() {
            // Whether the server opened a session nobody knows: it goes at its timeout.
            return self.cancelled(false);
        }
        let (first, longest) = (self.config.first_retry_delay, self.config.longest_retry_delay);
        let delay = self.backoff.next(first, longest).max(cause.retry_after.unwrap_or_default());
        self.hold = Hold::Retry;
        self.timers.start(Timer::Retry, now, delay);
        let until = self.timers.get(Timer::Retry).unwrap_or(now);
        self.tell(Event::Waiting { until, cause });
    }

    /// It cannot go on by itself. A session that was to go is left to its timeout.
    fn fatal(&mut self, failure: Failure) {
        match self.goal {
            Goal::Complete => self.fail(failure),
            Goal::StartOver => self.forget_session(),
            Goal::Cancel => self.cancelled(false),
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.hold = Hold::Failed;
        self.timers.stop_all();
        self.tell(Event::Failed(failure));
    }

    fn completed(&mut self, confirmed: bool) {
        self.hold = Hold::Completed;
        self.timers.stop_all();
        self.tell(Event::Completed { confirmed });
    }

    pub(super) fn cancelled(&mut self, confirmed: bool) {
        self.hold = Hold::Cancelled;
        self.timers.stop_all();
        self.tell(Event::Cancelled { confirmed });
    }

    pub(super) fn suspended(&mut self) {
        self.hold = Hold::Suspended;
        self.timers.stop_all();
        self.tell(Event::Suspended);
    }
}
