//! The reports on an exchange, the time that passes, and what the upload does next.

use std::time::Instant;

use http::Response;

use super::failure::{Failure, Reason, Violation};
use super::output::{Connection, Event, ExchangeId, Output, TransportError};
use super::state::{Close, Doing, Goal, InFlight, Next, Timer};
use super::upload::Upload;
use super::verdict::{Verdict, judge};
use crate::packet::{PacketType, ResponseHead};
use crate::vocabulary::Hresult;

impl Upload {
    /// Reports that the last byte of the request was handed to the network: the time for the answer begins (§3.1.5.2.1).
    ///
    /// If your transport does not tell, call this when you begin to send: then one timer covers sending and answer.
    pub fn handle_sent(&mut self, now: Instant, id: ExchangeId) {
        self.handle_sent_part(now, id, u64::MAX);
        if self.is_under_way(id) && self.timers.get(Timer::Request).is_some() {
            self.timers.stop(Timer::Request);
            self.timers.start(Timer::Response, now, self.config.patience.response_timeout);
        }
    }

    /// Reports how many bytes of the request's body were handed to the network so far. [`sent`](Self::sent) counts them.
    /// Bytes that go out for the first time are progress, so the upload does not give up meanwhile.
    pub fn handle_sent_part(&mut self, now: Instant, id: ExchangeId, bytes: u64) {
        let Doing::Exchanging(exchange) = &mut self.doing else { return };
        if exchange.id != id {
            return;
        }
        exchange.handed_over = bytes.min(exchange.bytes());
        let reached = exchange.range.start.saturating_add(exchange.handed_over);
        if reached > self.guards.farthest {
            self.guards.farthest = reached;
            self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
        }
    }

    /// Reports that the head of the answer arrived. The caller must drain the body, if there is one.
    pub fn handle_response<B>(&mut self, now: Instant, id: ExchangeId, response: &Response<B>) {
        // What is not yet the answer (Q32).
        if response.status().is_informational() {
            return;
        }
        let Some(exchange) = self.end_exchange(id) else { return };
        let head = ResponseHead::from(response);
        let verdict = judge(head, exchange.packet, self.session_id().as_ref(), &self.config);
        if !matches!(verdict, Verdict::Unauthorized(_)) {
            self.guards.tried_credentials = 0;
        }
        if self.connection == Connection::Fresh && exchange.packet != PacketType::Ping {
            self.connection = Connection::Any;
        }
        let next = self.judged(now, &exchange, head, verdict);
        if let Some(session) = self.session_mut().filter(|_| head.status.as_u16() < 500) {
            session.trouble.in_contact = true;
        }
        self.settle(now, next);
    }

    fn judged(
        &mut self,
        now: Instant,
        exchange: &InFlight,
        head: ResponseHead<'_>,
        verdict: Verdict<'_>,
    ) -> Next {
        let packet = exchange.packet;
        let is_ack = match &verdict {
            Verdict::Transient(failure) | Verdict::Fatal(failure) => failure.reason == Reason::Refused,
            _ => true,
        };
        if is_ack {
            self.guards.no_acks = 0;
            if let Some(session) = self.session_mut() {
                session.trouble.in_contact = true;
            }
        }
        match verdict {
            Verdict::Accepted(ack) => self.accepted(now, exchange, head, ack),
            Verdict::Unconfirmed => self.unconfirmed(packet),
            Verdict::Doubtful(failure) => self.doubt_session(failure),
            Verdict::SessionNotFound(failure) => self.session_not_found(packet, failure),
            Verdict::Unauthorized(failure) => self.unauthorized(exchange, head, failure),
            Verdict::FragmentTooLarge(failure) => self.shrink(exchange.bytes(), failure),
            Verdict::Transient(failure) | Verdict::Fatal(failure) if self.is_refused_ping(&failure) => {
                self.refused_ping(now, failure)
            }
            Verdict::Transient(failure) if !is_ack => self.no_ack(now, exchange, failure),
            Verdict::Fatal(failure) if !is_ack => {
                self.start_host_fallback(now);
                self.doubt(packet);
                self.fatal(failure)
            }
            Verdict::Transient(failure) => {
                // Without a code the server, too, may mean that it is still at work on a Close.
                if failure.code.is_none() && packet == PacketType::CloseSession {
                    self.doubt(packet);
                }
                self.transient(failure)
            }
            Verdict::Fatal(failure) => self.refused(packet, failure),
            Verdict::Violation(failure, created) => self.violation(packet, created, failure),
        }
    }

    /// Reports that the exchange failed below HTTP.
    pub fn handle_transport_error(&mut self, now: Instant, id: ExchangeId, error: TransportError) {
        if let Some(exchange) = self.end_exchange(id) {
            let reason = match error {
                TransportError::Untrusted => Reason::Untrusted,
                _ => Reason::Transport,
            };
            let failure = Failure::new(reason, Some(exchange.packet));
            let next = match error {
                TransportError::Stale if self.repeats_at_once(&exchange) => Next::Go,
                _ => self.broken_off(now, &exchange, failure, error),
            };
            self.settle(now, next);
        }
    }

    /// Reports that time has passed: acts on every timer that has gone off.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Request => self.timed_out(now, Reason::RequestTimeout),
                Timer::Response => self.timed_out(now, Reason::ResponseTimeout),
                Timer::Retry if self.doing == Doing::Retrying => self.settle(now, Next::Go),
                Timer::Pace if self.doing == Doing::Pacing => self.settle(now, Next::Go),
                Timer::Retry | Timer::Pace => {}
                Timer::HostFallback => self.abandon_host(),
                Timer::GiveUp => {
                    self.abort();
                    let next = self.stop(Failure::new(Reason::GaveUp, None));
                    self.settle(now, next);
                }
            }
        }
    }

    fn is_under_way(&self, id: ExchangeId) -> bool {
        self.in_flight().is_some_and(|exchange| exchange.id == id)
    }

    /// The exchange is over. It stays what the upload is doing, until it is settled what comes next.
    fn end_exchange(&mut self, id: ExchangeId) -> Option<InFlight> {
        let exchange = self.in_flight().filter(|exchange| exchange.id == id)?.clone();
        self.timers.stop(Timer::Request);
        self.timers.stop(Timer::Response);
        Some(exchange)
    }

    /// Gives up the exchange under way, and returns it and how far it came. A request that nobody took is never sent.
    pub(super) fn abort(&mut self) -> Option<(InFlight, TransportError)> {
        let exchange = self.end_exchange(self.in_flight()?.id)?;
        if self.outputs.withdraw(exchange.id) {
            return Some((exchange, TransportError::Unsent));
        }
        self.push(Output::Abort(exchange.id));
        self.doubt(exchange.packet);
        Some((exchange, TransportError::Interrupted))
    }

    fn timed_out(&mut self, now: Instant, reason: Reason) {
        if let Some((exchange, error)) = self.abort() {
            let failure = Failure::new(reason, Some(exchange.packet));
            let next = self.broken_off(now, &exchange, failure, error);
            self.settle(now, next);
        }
    }

    /// Does what comes next. A suspension that waited for the exchange takes its place, unless the upload has come to an end.
    pub(super) fn settle(&mut self, now: Instant, next: Next) {
        let then_suspend = self.in_flight().is_some_and(|exchange| exchange.then_suspend);
        match next {
            Next::Fail(failure) => self.fail(failure, false),
            Next::Complete { confirmed } => {
                self.end(Doing::Completed { confirmed }, Event::Completed { confirmed })
            }
            Next::Leave { confirmed } => {
                self.forget_session();
                if self.goal == Goal::Abandon {
                    self.goal = Goal::Complete;
                    self.fail(Failure::new(Reason::Protocol(Violation::Repeated), None), false);
                } else if self.goal == Goal::Withdraw {
                    let code = Some(Hresult::BG_E_LOCAL_FILE_CHANGED);
                    let failure = Failure { code, ..Failure::new(Reason::SourceChanged, None) };
                    self.fail(failure, true);
                } else {
                    self.end(Doing::Cancelled { confirmed }, Event::Cancelled { confirmed });
                }
            }
            Next::Go | Next::Wait(_) | Next::Challenge { .. } if then_suspend => self.suspended(),
            Next::Go => self.go(now),
            Next::Wait(cause) => {
                let delay = self.backoff.next(&self.config.patience, cause.retry_after);
                self.doing = Doing::Retrying;
                self.timers.start(Timer::Retry, now, delay);
                self.tell(Event::Waiting { delay, cause });
            }
            Next::Challenge { packet, status, challenges } => {
                self.doing = Doing::Challenged { packet, status };
                self.timers.stop(Timer::GiveUp);
                self.tell(Event::CredentialsWanted { status, challenges });
            }
        }
    }

    pub(super) fn suspended(&mut self) {
        self.doing = Doing::Suspended;
        self.rest();
        self.tell(Event::Suspended);
    }

    fn fail(&mut self, failure: Failure, for_good: bool) {
        self.doing = Doing::Failed { for_good };
        self.rest();
        self.tell(Event::Failed(failure));
    }

    fn end(&mut self, doing: Doing, event: Event) {
        self.doing = doing;
        self.timers.stop_all();
        self.tell(event);
    }

    /// Nothing happens until the caller wants it; only the time of a host that is out of reach goes on (C33).
    fn rest(&mut self) {
        for timer in [Timer::Request, Timer::Response, Timer::Retry, Timer::Pace, Timer::GiveUp] {
            self.timers.stop(timer);
        }
    }

    /// Notes that the result of this packet is unknown: a Close may have published the entity, and a Fragment must not go
    /// twice to a server that appends every Fragment.
    pub(super) fn doubt(&mut self, packet: PacketType) {
        let must_not_repeat = self.config.recovery == super::Recovery::Restart && self.goal == Goal::Complete;
        match packet {
            PacketType::CloseSession => self.mark_close(Close::unanswered),
            PacketType::Fragment if must_not_repeat => self.goal = Goal::StartOver,
            _ => {}
        }
    }

    pub(super) fn mark_close(&mut self, mark: fn(Close) -> Close) {
        if let Some(session) = self.session_mut() {
            session.close = mark(session.close);
        }
    }
}
