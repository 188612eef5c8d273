//! The place of a session, recognised by what it tells and by what it would do next.

use bits_proto::packet::Ack;
use bits_proto::server::transitions::{Place, Stimulus};
use bits_proto::server::{Ending, Exchange, Output, Refusal, Report, State};

use super::replies::taken;
use super::scene::Scene;
use super::settings::MAX_ENTITY;
use crate::server::serve::{Work, work};

/// Where a session stands.
impl Scene {
    /// The place, by what the session tells, and by what it would do next.
    pub fn place(&self) -> Place {
        match (self.session.state(), self.session.at_work()) {
            (State::Ended(ending), None) => ended(ending),
            (_, Some(exchange)) => self.clone().working(exchange),
            (State::Opening, None) => Place::Unopened,
            (State::Receiving, None) => match self.session.total() {
                None if self.closes_with(400) => Place::Unread,
                None => Place::Fresh,
                Some(total) if total > MAX_ENTITY => Place::Oversized,
                Some(_) => Place::Receiving,
            },
            (State::Notifying, None) => {
                // Strict's decoder lets no Fragment of an empty entity pass: there a Close tells.
                let repeat =
                    self.request(Stimulus::Repeat).or_else(|| self.request(Stimulus::Close)).unwrap();
                let output = self.clone().arrive(&repeat).1;
                match (work(output.as_ref()) == Work::Notify, self.session.total() == Some(0)) {
                    (true, false) => Place::Unnotified,
                    (true, true) => Place::UnnotifiedEmpty,
                    (false, false) => Place::Denied,
                    (false, true) => Place::DeniedEmpty,
                }
            }
            (State::WaitingForClose, None) => {
                let mut scene = self.clone();
                let (exchange, output) = scene.arrive(&self.request(Stimulus::Close).unwrap());
                match work(output.as_ref()) {
                    Work::Publish if scene.forgives_what_is_missing(exchange) => Place::Doubtful,
                    Work::Publish => Place::Complete,
                    Work::Discard => Place::Kept,
                    other => panic!("a complete session closes with {other:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn closes_with(&self, status: u16) -> bool {
        let close = self.request(Stimulus::Close).unwrap();
        matches!(self.clone().arrive(&close).1, Some(Output::Respond(ack)) if ack.status() == status)
    }

    /// Whether an entity that is missing counts as published.
    fn forgives_what_is_missing(mut self, exchange: Exchange) -> bool {
        let output = self.report(exchange, Report::Failed(Refusal::EntityMissing));
        matches!(output, Some(Output::Respond(Ack::CloseSession(_))))
    }

    fn working(mut self, exchange: Exchange) -> Place {
        match self.poll(exchange) {
            Some(Output::Open) => Place::Opening,
            Some(Output::Store(store)) => {
                let gives_way = self.session.is_superseded(exchange);
                match (gives_way, store.range().end == store.total()) {
                    (false, false) => Place::Storing,
                    (false, true) => Place::StoringLast,
                    (true, false) => Place::GivingWay,
                    (true, true) => Place::GivingWayLast,
                }
            }
            Some(Output::Notify { size: 1.. }) => Place::Notifying,
            Some(Output::Notify { .. }) => match self.report(exchange, Report::Notified(taken(true))) {
                Some(Output::Publish { .. }) => Place::NotifyingOnClose,
                _ => Place::NotifyingEmpty,
            },
            Some(Output::Publish { .. }) if self.clone().forgives_what_is_missing(exchange) => {
                Place::Republishing
            }
            Some(Output::Publish { .. }) => Place::Publishing,
            Some(Output::Discard) => match self.report(exchange, Report::Discarded) {
                Some(Output::Respond(Ack::CloseSession(_))) => Place::Discarding,
                Some(Output::Respond(Ack::CancelSession(_))) => Place::Cancelling,
                Some(Output::Done) => Place::Expiring,
                _ => Place::DiscardingLost,
            },
            other => panic!("whoever is at work gets {other:?}"),
        }
    }
}

fn ended(ending: Ending) -> Place {
    match ending {
        Ending::Refused => Place::Refused,
        Ending::Closed => Place::Closed,
        Ending::Cancelled => Place::Cancelled,
        Ending::Lost => Place::Lost,
        Ending::Expired => Place::Expired,
        other => panic!("what is {other:?}?"),
    }
}
