//! What comes back, and what becomes of the download.

use std::time::Instant;

use http::Response;

use super::answer::{Verdict, judge};
use super::download::Download;
use super::failure::{Failure, Reason, Violation};
use super::multipart::MultipartError;
use super::output::{Event, ExchangeId, Output};
use super::receiver::Receiver;
use super::state::{Hold, InFlight, Timer};
use super::version::Validators;
use crate::packet::ResponseHead;

impl Download {
    /// The last byte of the request was handed to the network: its answer's time begins (§3.6.5.1).
    ///
    /// A transport that cannot tell says it at once: then one timer covers both.
    pub fn handle_sent(&mut self, now: Instant, id: ExchangeId) {
        if self.is_under_way(id) && self.timers.get(Timer::Request).is_some() {
            self.timers.stop(Timer::Request);
            self.timers.start(Timer::Response, now, self.config.patience.response_timeout);
        }
    }

    /// The head of the answer arrived. What to do with its body, if anything, is the next [`Output::Receive`].
    pub fn handle_response<B>(&mut self, now: Instant, id: ExchangeId, response: &Response<B>) {
        // What is not yet the answer.
        if response.status().is_informational() {
            return;
        }
        let Some(exchange) = self.take_exchange(id, |exchange| exchange.remaining.is_none()) else { return };
        let head = ResponseHead::from(response);
        let verdict = judge(head, &exchange.wanted, &self.version, self.config.conformance);
        if matches!(verdict, Verdict::Body(..) | Verdict::Measured(_)) {
            self.version.validators.learn(Validators::read(head.headers));
        } else if head.status.is_success() {
            // Its body may be long, and is not wanted.
            self.push(Output::Abort(id));
        }
        match verdict {
            Verdict::Measured(length) => self.measured(length),
            Verdict::NotMeasured => self.head_due = false,
            Verdict::Body(receiver, length) => self.receive(now, exchange, receiver, length),
            Verdict::Empty => self.learn_length(0),
            Verdict::Changed(failure) => self.restart(failure),
            Verdict::NotSeveral(failure) => self.fall_back(failure),
            Verdict::Unauthorized => self.unauthorized(head),
            Verdict::Transient(failure) => self.transient(now, failure),
            Verdict::Fatal(failure) => self.fail(failure),
        }
        self.settle(now);
    }

    /// So many more bytes of the body were stored, each where the [`Receiver`] said. Only what is told here counts: tell it
    /// when the bytes are safe.
    pub fn handle_received(&mut self, now: Instant, id: ExchangeId, bytes: u64) {
        let Some(InFlight { remaining: Some(remaining), .. }) =
            self.in_flight.as_mut().filter(|exchange| exchange.id == id)
        else {
            return;
        };
        let bytes = bytes.min(*remaining);
        if bytes == 0 {
            return;
        }
        *remaining = remaining.saturating_sub(bytes);
        let complete = *remaining == 0;
        self.received = self.received.saturating_add(bytes);
        self.backoff.reset();
        self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
        self.timers.start(Timer::Response, now, self.config.patience.response_timeout);
        if complete {
            self.take_exchange(id, |_| true);
            self.tell(Event::Progress { received: self.received });
            self.settle(now);
        }
    }

    /// The body has ended. If that is too early, the download waits and goes on with the first byte that is missing.
    ///
    /// It need not be told if all bytes were.
    pub fn handle_body_end(&mut self, now: Instant, id: ExchangeId) {
        self.broken_off(now, id, Reason::Truncated);
    }

    /// The [`Receiver`] found the parts not to be those that were asked for: from now on the ranges are asked for one by
    /// one (§3.6.5.2.4.2). If only one was asked for, the download fails (C61).
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

    /// The exchange broke off below HTTP, before the answer or in its body.
    pub fn handle_transport_error(&mut self, now: Instant, id: ExchangeId) {
        self.broken_off(now, id, Reason::Transport);
    }

    /// Time has passed: acts on every timer that has gone off.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Request => self.timed_out(now, Reason::RequestTimeout),
                Timer::Response => self.timed_out(now, Reason::ResponseTimeout),
                Timer::Retry if self.hold == Hold::Retry => self.hold = Hold::None,
                Timer::Pace if self.hold == Hold::Pace => self.hold = Hold::None,
                Timer::Retry | Timer::Pace => {}
                Timer::GiveUp => {
                    self.abort();
                    self.fail(Failure::new(Reason::GaveUp));
                }
            }
            self.settle(now);
        }
    }

    fn is_under_way(&self, id: ExchangeId) -> bool {
        self.in_flight.as_ref().is_some_and(|exchange| exchange.id == id)
    }

    fn take_exchange(&mut self, id: ExchangeId, fits: impl FnOnce(&InFlight) -> bool) -> Option<InFlight> {
        self.in_flight.as_ref().filter(|exchange| exchange.id == id && fits(exchange))?;
        self.timers.stop(Timer::Request);
        self.timers.stop(Timer::Response);
        self.in_flight.take()
    }

    /// Gives up the exchange under way. A request that nobody took is never sent.
    pub(super) fn abort(&mut self) {
        let Some(id) = self.in_flight.as_ref().map(|exchange| exchange.id) else { return };
        self.take_exchange(id, |_| true);
        if !self.outputs.withdraw(id) {
            self.push(Output::Abort(id));
        }
    }

    fn timed_out(&mut self, now: Instant, reason: Reason) {
        if self.in_flight.is_some() {
            self.abort();
            self.transient(now, Failure::new(reason));
        }
    }

    fn broken_off(&mut self, now: Instant, id: ExchangeId, reason: Reason) {
        if self.take_exchange(id, |_| true).is_some() {
            self.transient(now, Failure::new(reason));
            self.settle(now);
        }
    }

    /// After anything was told: a graceful suspension takes hold, or the next request goes.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.hold == Hold::Suspending && self.in_flight.is_none() {
            self.hold = Hold::Suspended;
            self.timers.stop_all();
            self.tell(Event::Suspended);
        }
        self.advance(now);
    }

    fn measured(&mut self, length: Option<u64>) {
        self.head_due = false;
        if let Some(length) = length {
            self.learn_length(length);
        }
    }

    fn learn_length(&mut self, length: u64) {
        if self.version.length.replace(length) != Some(length) {
            self.tell(Event::LengthKnown { length });
        }
    }

    fn receive(&mut self, now: Instant, exchange: InFlight, receiver: Receiver, length: Option<u64>) {
        if let Some(length) = length {
            self.learn_length(length);
        }
        let remaining = receiver.remaining();
        let id = exchange.id;
        if self.objection().is_some() {
            // The download fails when it looks for what is next.
            return self.push(Output::Abort(id));
        }
        if remaining == 0 {
            return;
        }
        self.in_flight = Some(InFlight { remaining: Some(remaining), ..exchange });
        self.timers.start(Timer::Response, now, self.config.patience.response_timeout);
        self.push(Output::Receive { id, receiver });
    }
}
