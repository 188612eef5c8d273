//! A server in memory and in virtual time. It does what the sessions ask for, or stops at any output so that a test can
//! go on by hand.
//!
//! What holds in every test is checked here: every answer is an Ack as `protocol.md` section 2 wants it, the bytes go
//! where the bytes before them end, and two exchanges never work on one session at a time.

mod answers;
mod requests;
pub mod scenarios;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bits_proto::notify::NotificationType;
use bits_proto::packet::Ack;
use bits_proto::server::{
    Arrival, Directory, DirectoryBuilder, Exchange, Notified, Output, Report, Session, Sessions, Store,
};
use bits_proto::{Conformance, Guid};
use http::{Request, Response};

pub use answers::*;
pub use requests::*;

/// How a server that has an application notifies it.
pub fn notified() -> NotificationType {
    NotificationType::ByReference("/bitsasp/test.REPLY".parse().unwrap())
}

/// Whoever asks, unless a test says otherwise.
pub const ALICE: Owner = "alice";
/// Somebody else.
pub const BOB: Owner = "bob";

pub type Owner = &'static str;

/// Both levels of conformance.
pub const BOTH: [Conformance; 2] = [Conformance::Interop, Conformance::Strict];

/// One request on its way to its answer.
#[derive(Clone, Debug)]
pub struct Turn {
    /// None where the head could not be decoded.
    pub exchange: Option<Exchange>,
    pub output: Output,
    body: Vec<u8>,
}

impl Turn {
    /// The answer, if the exchange has come to it.
    #[track_caller]
    pub fn response(&self) -> Response<()> {
        let Output::Respond(ack) = &self.output else { panic!("no answer yet, but {:?}", self.output) };
        let response = ack.to_response();
        assert_is_ack(&response);
        response
    }

    #[track_caller]
    pub fn store(&self) -> Store {
        let Output::Store(store) = &self.output else { panic!("nothing to store, but {:?}", self.output) };
        store.clone()
    }

    pub fn exchange(&self) -> Exchange {
        self.exchange.expect("the request was decoded")
    }

    fn session(&self) -> Guid {
        self.exchange().session()
    }
}

/// A table of sessions, and what a program has around it.
#[derive(Debug)]
pub struct Server {
    pub sessions: Sessions<Owner>,
    pub now: Instant,
    /// The uploads that are neither published nor discarded.
    pub stored: BTreeMap<Guid, Vec<u8>>,
    /// What was published, by destination, and how often.
    pub published: BTreeMap<String, Vec<Vec<u8>>>,
    /// What the server application says to a notification, and how often it was notified.
    pub application: Notified,
    pub notifications: usize,
    working: BTreeMap<Guid, Exchange>,
    drawn: u32,
}

impl Server {
    pub fn new(directory: DirectoryBuilder) -> Self {
        Self {
            sessions: Sessions::new(directory.build().unwrap()),
            now: any_instant(),
            stored: BTreeMap::new(),
            published: BTreeMap::new(),
            application: Notified { copy_to_destination: true, reply_url: None },
            notifications: 0,
            working: BTreeMap::new(),
            drawn: 0,
        }
    }

    pub fn with(conformance: Conformance) -> Self {
        Self::new(Directory::builder().conformance(conformance))
    }

    /// A server whose application has to take every entity.
    pub fn notifying() -> Self {
        Self::new(Directory::builder().notification(notified()))
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub fn session(&self, id: &str) -> Option<&Session<Owner>> {
        self.sessions.get(guid(id))
    }

    /// How many bytes the session has; it must be there.
    #[track_caller]
    pub fn received(&self, id: &str) -> u64 {
        self.session(id).expect("the session is open").received()
    }

    // One exchange, step by step.

    /// A request arrives; its body is the part of the entity that its Content-Range names.
    pub fn begin(&mut self, head: Request<()>) -> Turn {
        self.begin_as(ALICE, head)
    }

    pub fn begin_as(&mut self, owner: Owner, head: Request<()>) -> Turn {
        self.drawn += 1;
        let mut random = [0x5A; 16];
        random[..4].copy_from_slice(&self.drawn.to_be_bytes());
        self.begin_drawing(random, owner, head)
    }

    /// A request arrives, and these are the random bytes that a new session's id is made of.
    pub fn begin_drawing(&mut self, random: [u8; 16], owner: Owner, head: Request<()>) -> Turn {
        let request = match self.sessions.directory().decode(&head) {
            Ok(request) => request.expect("a request of this protocol"),
            Err(error) => {
                return Turn {
                    exchange: None,
                    output: Output::Respond(Ack::Error(error.to_ack())),
                    body: Vec::new(),
                };
            }
        };
        let body = head.headers().get("content-range").map_or_else(Vec::new, body_of);
        let arrival = Arrival { request: &request, target: head.uri(), owner: &owner };
        let (exchange, output) = self.sessions.handle_request(self.now, &arrival, || random);
        self.check(exchange, &output);
        Turn { exchange: Some(exchange), output, body }
    }

    /// The task tells what it did. Whatever it was asked to store or publish is left to the test.
    pub fn report(&mut self, turn: &mut Turn, report: Report) {
        let exchange = turn.exchange();
        turn.output = self.sessions.handle_report(self.now, exchange, report);
        self.check(exchange, &turn.output);
    }

    pub fn poll(&mut self, turn: &mut Turn) {
        let exchange = turn.exchange();
        turn.output = self.sessions.poll(self.now, exchange);
        self.check(exchange, &turn.output);
    }

    /// Does what the exchange is asked to do, and reports it.
    #[track_caller]
    pub fn perform(&mut self, turn: &mut Turn) {
        let report = match &turn.output {
            Output::Open => {
                assert!(self.stored.insert(turn.session(), Vec::new()).is_none(), "an id was given twice");
                Report::Opened
            }
            Output::Store(store) => {
                Report::Stored(self.write(turn.session(), store, &turn.body, turn.body.len() as u64))
            }
            Output::Notify => {
                self.notifications += 1;
                Report::Notified(self.application.clone())
            }
            Output::Publish => {
                let destination = self.sessions.get(turn.session()).unwrap().destination().to_owned();
                let entity = self.stored.remove(&turn.session()).expect("there is an entity to publish");
                self.published.entry(destination).or_default().push(entity);
                Report::Published
            }
            Output::Discard => {
                self.stored.remove(&turn.session());
                Report::Discarded
            }
            Output::Abort(_) | Output::Wait => return self.poll(turn),
            Output::Respond(_) => return,
        };
        self.report(turn, report);
    }

    /// Stores the first `bytes` of what the exchange is asked to store, as a connection that dies leaves it behind; the
    /// report of it is left to the test.
    #[track_caller]
    pub fn store_part(&mut self, turn: &Turn, bytes: u64) {
        let store = turn.store();
        assert_eq!(self.write(turn.session(), &store, &turn.body, store.skip + bytes), bytes);
    }

    /// Does all that the exchange is asked to do, until it is answered.
    #[track_caller]
    pub fn finish(&mut self, mut turn: Turn) -> Response<()> {
        for _ in 0..8 {
            if let Output::Respond(_) = turn.output {
                return turn.response();
            }
            self.perform(&mut turn);
        }
        panic!("the exchange never ends: {:?}", turn.output)
    }

    // Whole exchanges.

    #[track_caller]
    pub fn send(&mut self, head: Request<()>) -> Response<()> {
        self.send_as(ALICE, head)
    }

    #[track_caller]
    pub fn send_as(&mut self, owner: Owner, head: Request<()>) -> Response<()> {
        let turn = self.begin_as(owner, head);
        self.finish(turn)
    }

    /// Creates a session; returns its id.
    #[track_caller]
    pub fn create(&mut self) -> String {
        self.create_as(ALICE)
    }

    #[track_caller]
    pub fn create_as(&mut self, owner: Owner) -> String {
        let response = self.send_as(owner, create());
        assert_eq!(response.status(), 200);
        header(&response, "bits-session-id").expect("a session has an id").to_owned()
    }

    /// Creates a session and sends it the whole entity of `total` bytes; returns its id.
    #[track_caller]
    pub fn upload(&mut self, total: u64) -> String {
        let id = self.create();
        let response = self.send(fragment(&id, 0..total, total));
        assert_accepted(&response, total);
        id
    }

    /// Deletes what there is of a session that the table gave up.
    pub fn forget(&mut self, id: Guid) {
        self.stored.remove(&id);
        self.working.remove(&id);
    }

    /// Stores so much of a body as is there, up to `end`, and returns how much that was.
    #[track_caller]
    fn write(&mut self, id: Guid, store: &Store, body: &[u8], end: u64) -> u64 {
        let stored = self.stored.get_mut(&id).expect("the upload is there");
        assert_eq!(stored.len() as u64, store.range.start, "the bytes leave a hole, or overwrite others");
        let new = &body[store.skip as usize..end as usize];
        stored.extend_from_slice(new);
        assert!(stored.len() as u64 <= store.range.end, "more than was asked for");
        assert!(store.range.end <= store.total, "more than the entity has");
        new.len() as u64
    }

    /// Two exchanges never work on one session at a time.
    #[track_caller]
    fn check(&mut self, exchange: Exchange, output: &Output) {
        let session = exchange.session();
        match output {
            Output::Open | Output::Store(_) | Output::Notify | Output::Publish | Output::Discard => {
                let other = self.working.insert(session, exchange).unwrap_or(exchange);
                assert_eq!(other, exchange, "two at work, the newer of them on {output:?}");
            }
            Output::Respond(_) | Output::Abort(_) | Output::Wait => {
                if self.working.get(&session) == Some(&exchange) {
                    self.working.remove(&session);
                }
            }
        }
    }
}

pub fn guid(id: &str) -> Guid {
    id.parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time, which any instant is")]
pub fn any_instant() -> Instant {
    Instant::now()
}
