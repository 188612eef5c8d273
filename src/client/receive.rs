//! What comes back, and what becomes of the upload.

use std::time::Instant;

use http::Response;

use super::failure::{Failure, Reason};
use super::input::TransportError;
use super::output::{ExchangeId, Output};
use super::state::{Hold, InFlight, Timer};
use super::upload::Upload;
use super::verdict::{Verdict, judge};
use crate::packet::{PacketType, ResponseHead};

impl Upload {
    /// The last byte of the request was handed to the network: its answer's time begins (§3.1.5.2.1).
    ///
    /// A transport that cannot tell says it at once: then one timer covers both.
    pub fn handle_sent(&mut self, now: Instant, id: ExchangeId) {
        self.handle_sent_part(id, u64::MAX);
        if self.is_under_way(id) && self.timers.get(Timer::Request).is_some() {
            self.timers.stop(Timer::Request);
            self.timers.start(Timer::Response, now, self.config.patience.response_timeout);
        }
    }

    /// So many bytes of the request's body were handed to the network: for [`sent`](Self::sent), nothing else.
    pub fn handle_sent_part(&mut self, id: ExchangeId, bytes: u64) {
        if let Some(exchange) = self.in_flight.as_ref().filter(|exchange| exchange.id == id) {
            self.handed_over = bytes.min(exchange.bytes());
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
        let verdict = judge(head, exchange.packet, self.session_id, &self.config);
        if !matches!(verdict, Verdict::Unauthorized(_)) {
            self.challenges = 0;
        }
        match verdict {
            Verdict::Accepted(ack) => self.accepted(now, exchange, ack),
            Verdict::Unconfirmed => self.unconfirmed(exchange.packet),
            Verdict::Doubtful(failure) => self.doubt_session(now, failure),
            Verdict::SessionNotFound(failure) => self.session_not_found(exchange.packet, failure),
            Verdict::Unauthorized(failure) => self.unauthorized(id, head, failure),
            Verdict::FragmentTooLarge(failure) => self.shrink(exchange.bytes(), failure),
            Verdict::Transient(failure) => {
                // Without a code the server, too, may mean that it is still at work on a Close.
                self.close_unanswered |=
                    exchange.packet == PacketType::CloseSession && failure.code.is_none();
                match failure.reason {
                    Reason::Refused => self.transient(now, failure),
                    _ => self.unanswered(now, exchange.packet, failure),
                }
            }
            Verdict::Fatal(failure) => {
                if matches!(failure.reason, Reason::NotBits | Reason::NotAvailable) {
                    self.doubt(exchange.packet);
                }
                self.fatal(failure);
            }
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
                Timer::Pace if self.hold == Hold::Pace => self.hold = Hold::None,
                Timer::Retry | Timer::Pace => {}
                Timer::HostFallback => self.abandon_host(),
                Timer::GiveUp => {
                    self.abort();
                    self.stop(Failure::new(Reason::GaveUp, None));
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
        self.handed_over = 0;
        self.in_flight.take()
    }

    /// Gives up the exchange under way, and returns it and how far it came. A request that nobody took is never sent.
    pub(super) fn abort(&mut self) -> Option<(InFlight, TransportError)> {
        let exchange = self.take_exchange(self.in_flight.as_ref()?.id)?;
        if self.outputs.withdraw(exchange.id) {
            return Some((exchange, TransportError::Unsent));
        }
        self.push(Output::Abort(exchange.id));
        self.doubt(exchange.packet);
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
}
