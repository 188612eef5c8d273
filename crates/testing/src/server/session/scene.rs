//! A session that is told one thing after another.

use std::time::Instant;

use bits_proto::SessionId;
use bits_proto::server::transitions::Place;
use bits_proto::server::{Directory, Exchange, Output, Report, Session, Signal};

use super::requests::Head;
use super::settings::Settings;

pub type Owner = &'static str;
pub const ALICE: Owner = "alice";
pub const BOB: Owner = "bob";

/// A session in some place.
#[derive(Clone, Debug)]
pub struct Scene {
    pub session: Session<Owner>,
    pub settings: Settings,
    /// Where the session stood before the Cancel that is at work.
    pub before: Option<Place>,
    pub(super) directory: Directory,
    pub(super) now: Instant,
    /// The exchange that created the session.
    pub(super) first: Exchange,
}

/// What a session is told.
impl Scene {
    pub fn arrive(&mut self, request: &Head) -> (Exchange, Option<Output<Owner>>) {
        let arrival = self.directory.read(request, &ALICE).unwrap();
        match self.session.handle_request(self.now, &arrival, &self.directory) {
            Ok(exchange) => (exchange, self.poll(exchange)),
            Err(ack) => (self.first, Some(Output::Respond(*ack))),
        }
    }

    /// A request that may not use the session.
    pub fn arrive_from(&mut self, owner: Owner, target: &str, request: &Head) -> Option<Output<Owner>> {
        let mut request = request.clone();
        *request.uri_mut() = target.parse().unwrap();
        let arrival = self.directory.read(&request, &owner).unwrap();
        match self.session.handle_request(self.now, &arrival, &self.directory) {
            Ok(exchange) => panic!("it may use the session: {exchange:?}"),
            Err(ack) => Some(Output::Respond(*ack)),
        }
    }

    pub fn report(&mut self, exchange: Exchange, report: Report) -> Option<Output<Owner>> {
        self.session.handle_report(self.now, exchange, report, &self.directory);
        self.poll(exchange)
    }

    pub fn abandon(&mut self, exchange: Exchange) -> Option<Output<Owner>> {
        self.session.handle_abandoned(self.now, exchange);
        self.poll(exchange)
    }

    pub fn evict(&mut self) -> Option<Output<Owner>> {
        let exchange = self.session.evict();
        self.poll(exchange)
    }

    pub fn expire(&mut self) -> Option<Option<Output<Owner>>> {
        let exchange = self.session.expire(&self.directory)?;
        Some(self.poll(exchange))
    }

    /// Asks for the output. Signals are fetched by whoever wants them, before.
    pub fn poll(&mut self, exchange: Exchange) -> Option<Output<Owner>> {
        self.session.poll_output(self.now, exchange, &self.directory)
    }

    pub fn signals(&mut self) -> Vec<Signal> {
        std::iter::from_fn(|| self.session.poll_signal()).collect()
    }

    pub(super) fn id(&self) -> SessionId {
        self.session.id().into()
    }
}
