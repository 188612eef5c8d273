//! The reports on an exchange, and what becomes of the download.

use std::time::Instant;

use http::Response;

use super::answer::{Validators, Verdict, judge};
use super::download::{Download, Known};
use super::failure::{Failure, Reason, Violation};
use super::multipart::MultipartError;
use super::output::{Connection, Event, ExchangeId, Output};
use super::receiver::Receiver;
use super::state::{Challenge, Doing, InFlight, Then, Timer};
use crate::client::TransportError;
use crate::packet::ResponseHead;
use crate::vocabulary::limits::MAX_CHALLENGES;

impl Download {
    /// Reports that the last byte of the request was handed to the network: the time for the answer begins (§3.6.5.1).
    ///
    /// If your transport does not tell, call this when you begin to send: then one timer covers sending and answer.
    pub fn handle_sent(&mut self, now: Instant, id: ExchangeId) {
        if self.is_under_way(id) && self.timers.get(Timer::Request).is_some() {
            self.timers.stop(Timer::Request);
            self.timers.start(Timer::Response, now, self.config.patience.response_timeout);
        }
    }

    /// Reports that the head of the answer arrived. If its body is wanted, [`Output::Receive`] comes next.
    ///
    /// Interim answers (100 to 199) change nothing: the answer is still to come.
    pub fn handle_response<B>(&mut self, now: Instant, id: ExchangeId, response: &Response<B>) {
        if response.status().is_informational() {
            return;
        }
        let Some(exchange) = self.take_exchange(id, |exchange| exchange.remaining.is_none()) else { return };
        let head = ResponseHead::from(response);
        let verdict = judge(head, &exchange.wanted, &self.known, &self.config);
        if matches!(verdict, Verdict::Body(..) | Verdict::Measured(_)) {
            self.known.validators.learn(Validators::read(head.headers));
        } else if head.status.is_success() {
            // Its body may be long, and is not wanted.
            self.push(Output::Abort(id));
        }
        if !matches!(verdict, Verdict::Unauthorized(_)) {
            self.challenges = 0;
        }
        match verdict {
            Verdict::Measured(size) => self.measured(size),
            Verdict::NotMeasured => self.known.head_due = false,
            Verdict::Body(receiver, size) => self.receive(now, exchange, receiver, size),
            Verdict::Empty => self.learn_size(0),
            Verdict::Changed(failure) => self.restart(failure),
            Verdict::NotSeveral(failure) => self.fall_back(failure),
            Verdict::Unauthorized(failure) => self.unauthorized(now, id, head, failure),
            Verdict::Transient(failure) => self.transient(now, failure),
            Verdict::Fatal(failure) => self.fail(failure),
        }
        self.settle(now);
    }

    /// Reports that this many more bytes of the body were stored, each where the [`Receiver`] said. Only what is reported
    /// counts: report it when the bytes are safe.
    pub fn handle_received(&mut self, now: Instant, id: ExchangeId, bytes: u64) {
        let Doing::Exchanging(InFlight { id: under_way, remaining: Some(remaining), .. }, _) =
            &mut self.doing
        else {
            return;
        };
        let bytes = bytes.min(*remaining);
        if *under_way != id || bytes == 0 {
            return;
        }
        *remaining = remaining.saturating_sub(bytes);
        let complete = *remaining == 0;
        self.known.received = self.known.received.saturating_add(bytes);
        self.backoff.reset();
        self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
        self.timers.start(Timer::Response, now, self.config.patience.response_timeout);
        if complete {
            self.take_exchange(id, |_| true);
            self.tell(Event::Progress { received: self.known.received });
            self.settle(now);
        }
    }

    /// Reports that the body has ended. If that is too early, the download waits and goes on with the first byte that is
    /// missing.
    ///
    /// This report is not needed once all bytes were reported.
    pub fn handle_body_end(&mut self, now: Instant, id: ExchangeId) {
        self.broken_off(now, id, Reason::Truncated);
    }

    /// Reports that the [`Receiver`] found other parts than were asked for. From now on the ranges are asked for one by one
    /// (§3.6.5.2.4.2). If only one was asked for, the download fails ([C61](crate::manual::decisions#c61)).
    pub fn handle_body_error(&mut self, now: Instant, id: ExchangeId, error: MultipartError) {
        let Some(exchange) = self.take_exchange(id, |exchange| exchange.remaining.is_some()) else { return };
        self.push(Output::Abort(id));
        let failure = Failure::new(Reason::Protocol(Violation::Multipart(error)));
        if exchange.wanted.is_several() {
            self.fall_back(failure);
        } else {
            self.fail(failure);
        }
        self.settle(now);
    }

    /// Reports that the exchange failed below HTTP, before the answer or in its body.
    ///
    /// After [`TransportError::Stale`] the request goes again at once on a fresh connection, once ([C72]); else the download
    /// waits and goes on with the first byte that is missing.
    ///
    /// [C72]: crate::manual::decisions#c72
    pub fn handle_transport_error(&mut self, now: Instant, id: ExchangeId, error: TransportError) {
        let Doing::Exchanging(exchange, then) = &self.doing else { return };
        let (then, was_fresh) = (*then, exchange.connection == Connection::Fresh);
        if error != TransportError::Stale || was_fresh || exchange.remaining.is_some() {
            let reason = match error {
                TransportError::Untrusted => Reason::Untrusted,
                _ => Reason::Transport,
            };
            return self.broken_off(now, id, reason);
        }
        let Some(exchange) = self.take_exchange(id, |_| true) else { return };
        self.connection = Connection::Fresh;
        self.transmit(now, exchange.wanted);
        if let Doing::Exchanging(_, next) = &mut self.doing {
            *next = then;
        }
    }

    /// Reports that time has passed: acts on every timer that has gone off.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Request => self.timed_out(now, Reason::RequestTimeout),
                Timer::Response => self.timed_out(now, Reason::ResponseTimeout),
                Timer::Retry | Timer::Pace => self.doing = Doing::Between(Then::GoOn),
                Timer::GiveUp => {
                    self.abort();
                    self.fail(Failure::new(Reason::GaveUp));
                }
            }
            self.settle(now);
        }
    }

    fn is_under_way(&self, id: ExchangeId) -> bool {
        matches!(&self.doing, Doing::Exchanging(exchange, _) if exchange.id == id)
    }

    /// Ends the exchange under way, if it is this one, and fits.
    fn take_exchange(&mut self, id: ExchangeId, fits: impl FnOnce(&InFlight) -> bool) -> Option<InFlight> {
        let Doing::Exchanging(exchange, then) = &self.doing else { return None };
        if exchange.id != id || !fits(exchange) {
            return None;
        }
        self.timers.stop(Timer::Request);
        self.timers.stop(Timer::Response);
        let between = Doing::Between(*then);
        match std::mem::replace(&mut self.doing, between) {
            Doing::Exchanging(exchange, _) => Some(exchange),
            _ => None,
        }
    }

    /// Gives up the exchange under way. A request that nobody took is never sent.
    pub(super) fn abort(&mut self) {
        let Doing::Exchanging(exchange, _) = &self.doing else { return };
        let id = exchange.id;
        self.take_exchange(id, |_| true);
        self.connection = Connection::Any;
        if !self.outputs.withdraw(id) {
            self.push(Output::Abort(id));
        }
    }

    fn timed_out(&mut self, now: Instant, reason: Reason) {
        if matches!(self.doing, Doing::Exchanging(..)) {
            self.abort();
            self.transient(now, Failure::new(reason));
        }
    }

    fn broken_off(&mut self, now: Instant, id: ExchangeId, reason: Reason) {
        if self.take_exchange(id, |_| true).is_some() {
            self.connection = Connection::Any;
            self.transient(now, Failure::new(reason));
            self.settle(now);
        }
    }

    fn measured(&mut self, size: Option<u64>) {
        self.known.head_due = false;
        if let Some(size) = size {
            self.learn_size(size);
        }
    }

    fn learn_size(&mut self, size: u64) {
        if self.known.size.replace(size) != Some(size) {
            self.tell(Event::SizeKnown { size });
        }
    }

    fn receive(&mut self, now: Instant, exchange: InFlight, receiver: Receiver, size: Option<u64>) {
        if let Some(size) = size {
            self.learn_size(size);
        }
        let remaining = receiver.remaining();
        let id = exchange.id;
        if self.objection().is_some() {
            // The download fails when it looks for what is next.
            return self.push(Output::Abort(id));
        }
        let Doing::Between(then) = self.doing else { return };
        if remaining == 0 {
            return;
        }
        self.doing = Doing::Exchanging(InFlight { remaining: Some(remaining), ..exchange }, then);
        self.timers.start(Timer::Response, now, self.config.patience.response_timeout);
        self.push(Output::Receive { id, receiver });
    }

    /// From now on, one range at a time. It is found out once: a single range has no parts that could be wrong.
    fn fall_back(&mut self, cause: Failure) {
        self.known.single_ranges_only = true;
        self.tell(Event::SingleRangesOnly { cause });
    }

    /// Starts over: the entity is another (§3.6.5.2.4.2, C63).
    fn restart(&mut self, cause: Failure) {
        self.restarts = self.restarts.saturating_add(1);
        if self.restarts > self.config.max_restarts {
            return self.fail(Failure { reason: Reason::RestartedTooOften, ..cause });
        }
        self.known = Known::nothing(&self.config, &self.ranges);
        self.tell(Event::Restarted { cause });
    }

    /// Asks the caller for credentials, unless it has answered so many challenges in a row that they must be wrong.
    fn unauthorized(&mut self, now: Instant, exchange: ExchangeId, head: ResponseHead<'_>, failure: Failure) {
        self.challenges = self.challenges.saturating_add(1);
        if self.challenges > MAX_CHALLENGES {
            return self.fail(failure);
        }
        if self.doing == Doing::Between(Then::Suspend) {
            return;
        }
        let give_up_at = self.timers.get(Timer::GiveUp);
        let give_up_in =
            give_up_at.map_or(self.config.patience.give_up_after, |at| at.saturating_duration_since(now));
        self.timers.stop(Timer::GiveUp);
        self.doing = Doing::Challenged(Challenge { exchange, failure, give_up_in });
        self.tell(Event::CredentialsWanted { status: head.status, challenges: head.challenges() });
    }

    /// Waits, and tries again.
    fn transient(&mut self, now: Instant, cause: Failure) {
        if self.doing == Doing::Between(Then::Suspend) {
            return;
        }
        let delay = self.backoff.next(&self.config.patience, cause.retry_after);
        self.doing = Doing::Retrying;
        self.timers.start(Timer::Retry, now, delay);
        self.tell(Event::Waiting { delay, cause });
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.stop(Doing::Failed, Event::Failed(failure));
    }

    /// Comes to rest: no timer runs.
    pub(super) fn stop(&mut self, doing: Doing, event: Event) {
        self.doing = doing;
        self.timers.stop_all();
        self.tell(event);
    }
}
