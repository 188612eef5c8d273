//! Exchanges that reach no session, and answers of sessions that are gone, until they are fetched.

use std::collections::{HashMap, VecDeque};

use super::guid_hash::BuildGuidHasher;
use crate::packet::{Ack, Conformance, PingAck};
use crate::server::{Exchange, Output, Report, answer};
use crate::vocabulary::Guid;

/// The number of answers that wait to be fetched. One that is pushed out is answered 503: its task never asked for it.
const MOST: usize = 4096;

/// Exchanges that reach no session, and answers of sessions that are gone.
#[derive(Debug, Default)]
pub(super) struct Outside {
    waiting: HashMap<Exchange, Waiting, BuildGuidHasher>,
    /// The order in which they came; some may have been fetched.
    order: VecDeque<Exchange>,
    serial: u64,
}

#[derive(Debug)]
enum Waiting {
    /// The caller must decide about a Ping.
    Admit,
    /// An Ack; none, where no client waits.
    Answer(Option<Box<Ack<'static>>>),
}

impl Outside {
    /// A new exchange that is answered at once.
    pub(super) fn answer(&mut self, ack: Ack<'static>) -> Exchange {
        self.begin(Waiting::Answer(Some(Box::new(ack))))
    }

    /// A new exchange for a Ping.
    pub(super) fn admit(&mut self) -> Exchange {
        self.begin(Waiting::Admit)
    }

    /// Keeps the answer of a session that goes.
    pub(super) fn keep(&mut self, answered: Option<(Exchange, Option<Box<Ack<'static>>>)>) {
        if let Some((exchange, answer)) = answered {
            self.insert(exchange, Waiting::Answer(answer));
        }
    }

    pub(super) fn contains(&self, exchange: Exchange) -> bool {
        self.waiting.contains_key(&exchange)
    }

    /// Whether there are none, as nearly always.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn poll<O>(&mut self, exchange: Exchange) -> Option<Output<O>> {
        if let Waiting::Admit = self.waiting.get(&exchange)? {
            return Some(Output::Admit);
        }
        match self.waiting.remove(&exchange)? {
            Waiting::Answer(Some(ack)) => Some(Output::Respond(*ack)),
            _ => Some(Output::Done),
        }
    }

    /// Whether the report was about one of these exchanges.
    pub(super) fn report(&mut self, exchange: Exchange, report: &Report, conformance: Conformance) -> bool {
        let Some(waiting) = self.waiting.get_mut(&exchange) else { return false };
        if let Waiting::Admit = waiting {
            match report {
                Report::Admitted => *waiting = Waiting::Answer(Some(Box::new(Ack::Ping(PingAck)))),
                Report::Failed(refusal) => {
                    let error = Ack::Error(answer::refused(*refusal, conformance));
                    *waiting = Waiting::Answer(Some(Box::new(error)));
                }
                _ => {}
            }
        }
        true
    }

    pub(super) fn abandon(&mut self, exchange: Exchange) {
        if !self.waiting.is_empty() {
            self.waiting.remove(&exchange);
        }
    }

    fn begin(&mut self, waiting: Waiting) -> Exchange {
        self.serial = self.serial.saturating_add(1);
        let exchange = Exchange::new(Guid::NIL, self.serial);
        self.insert(exchange, waiting);
        exchange
    }

    fn insert(&mut self, exchange: Exchange, waiting: Waiting) {
        if self.waiting.is_empty() {
            self.order.clear();
        }
        while self.order.len() >= MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.waiting.remove(&oldest);
            }
        }
        self.order.push_back(exchange);
        self.waiting.insert(exchange, waiting);
    }
}
