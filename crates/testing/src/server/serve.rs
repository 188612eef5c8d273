//! A server in memory and in virtual time. It does what the sessions ask for, or stops at any output so that a test can
//! go on by hand.
//!
//! What holds in every test is checked here: every answer is an Ack as `manual::protocol` wants it, the bytes go
//! where the bytes before them end, and two exchanges never work on one session at a time.

mod answers;
mod requests;
pub mod scenarios;
mod turn;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bits_proto::notify::NotificationType;
use bits_proto::server::{
    Directory, DirectoryBuilder, Exchange, Held, Notified, Output, Record, Report, Restored, Session,
    Sessions, Signal, Store,
};
use bits_proto::{Conformance, Guid};
use http::{Request, Response};

pub use answers::*;
pub use requests::*;
pub use turn::{Turn, Work, work};

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

/// A table of sessions, and what a program has around it.
#[derive(Debug)]
pub struct Server {
    pub sessions: Sessions<Owner>,
    pub now: Instant,
    /// The uploads that are neither published nor discarded.
    pub stored: BTreeMap<Guid, Vec<u8>>,
    /// The records that were saved and not forgotten.
    pub records: BTreeMap<Guid, Record<Owner>>,
    saved_at: BTreeMap<Guid, Instant>,
    /// Whether tests save, forget and admit by hand. Else these outputs are done as soon as they come.
    pub by_hand: bool,
    /// What was published, by destination, and how often.
    pub published: BTreeMap<String, Vec<Vec<u8>>>,
    /// What the server application says to a notification, and how often it was notified.
    pub application: Notified,
    pub notifications: usize,
    /// Every signal that came, the oldest first.
    pub signals: Vec<Signal>,
    working: BTreeMap<Guid, Exchange>,
    drawn: u32,
}

impl Server {
    pub fn new(directory: DirectoryBuilder) -> Self {
        Self {
            sessions: Sessions::new(directory.build().unwrap()),
            now: any_instant(),
            stored: BTreeMap::new(),
            records: BTreeMap::new(),
            saved_at: BTreeMap::new(),
            by_hand: false,
            published: BTreeMap::new(),
            application: Notified { copy_to_destination: true, reply_url: None },
            notifications: 0,
            signals: Vec::new(),
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
    #[track_caller]
    pub fn begin(&mut self, head: Request<()>) -> Turn {
        self.begin_as(ALICE, head)
    }

    #[track_caller]
    pub fn begin_as(&mut self, owner: Owner, head: Request<()>) -> Turn {
        self.drawn += 1;
        let mut random = [0x5A; 16];
        random[..4].copy_from_slice(&self.drawn.to_be_bytes());
        self.begin_drawing(random, owner, head)
    }

    /// A request arrives, and these are the random bytes that a new session's id is made of.
    #[track_caller]
    pub fn begin_drawing(&mut self, random: [u8; 16], owner: Owner, head: Request<()>) -> Turn {
        let body = head.headers().get("content-range").map_or_else(Vec::new, body_of);
        let exchange = self.sessions.handle_request(self.now, &head, &owner, || random);
        let exchange = exchange.expect("a request of this protocol");
        self.turn(exchange, body)
    }

    /// The next exchange that no client asked for.
    #[track_caller]
    pub fn begin_expired(&mut self) -> Option<Turn> {
        let exchange = self.sessions.poll_expired(self.now)?;
        Some(self.turn(exchange, Vec::new()))
    }

    #[track_caller]
    fn turn(&mut self, exchange: Exchange, body: Vec<u8>) -> Turn {
        let mut turn = Turn { exchange, output: None, body };
        self.hear();
        self.poll(&mut turn);
        turn
    }

    /// The task tells what it did. Whatever it was asked to store or publish is left to the test.
    #[track_caller]
    pub fn report(&mut self, turn: &mut Turn, report: Report) {
        self.sessions.handle_report(self.now, turn.exchange, report);
        self.hear();
        self.release(turn);
        self.poll(turn);
    }

    /// The task dies; somebody asks for its output all the same.
    #[track_caller]
    pub fn abandon(&mut self, turn: &mut Turn) {
        self.sessions.handle_abandoned(self.now, turn.exchange);
        self.hear();
        self.release(turn);
        self.poll(turn);
    }

    #[track_caller]
    pub fn poll(&mut self, turn: &mut Turn) {
        turn.output = self.sessions.poll_output(self.now, turn.exchange);
        self.hear();
        self.check(turn);
        if !self.by_hand && matches!(turn.work(), Work::Save | Work::Forget | Work::Admit) {
            self.perform(turn);
        }
    }

    /// Does what the exchange is asked to do, and reports it. Where it waits, it asks again.
    #[track_caller]
    pub fn perform(&mut self, turn: &mut Turn) {
        let Some(output) = &turn.output else { return self.poll(turn) };
        let report = match output {
            Output::Admit => Report::Admitted,
            Output::Open => {
                assert!(self.stored.insert(turn.session(), Vec::new()).is_none(), "an id was given twice");
                Report::Opened
            }
            Output::Store(store) => {
                let body = turn.body.clone();
                Report::Stored(self.write(turn.session(), store.clone(), &body))
            }
            Output::Notify { .. } => {
                self.notifications += 1;
                Report::Notified(self.application.clone())
            }
            Output::Save(record) => {
                assert_eq!(record.id(), turn.session());
                let record = (**record).clone();
                self.keep(record);
                Report::Saved
            }
            Output::Forget => {
                self.records.remove(&turn.session());
                Report::Forgotten
            }
            Output::Publish { size } => {
                let destination = self.sessions.get(turn.session()).unwrap().destination().to_owned();
                let entity = self.stored.remove(&turn.session()).expect("there is an entity to publish");
                assert_eq!(entity.len() as u64, *size);
                self.published.entry(destination).or_default().push(entity);
                Report::Published
            }
            Output::Discard => {
                self.stored.remove(&turn.session());
                Report::Discarded
            }
            Output::Respond(_) | Output::Done => return,
        };
        self.report(turn, report);
    }

    /// Stores the first `bytes` of what the exchange is asked to store, as a connection that dies leaves it behind; the
    /// report of it is left to the test.
    #[track_caller]
    pub fn store_part(&mut self, turn: &Turn, bytes: u64) {
        let store = turn.store();
        let body = &turn.body[..(store.skip() + bytes) as usize];
        assert_eq!(self.write(turn.session(), store, body), bytes);
    }

    /// Does all that the exchange is asked to do, until it is answered.
    #[track_caller]
    pub fn finish(&mut self, mut turn: Turn) -> Response<()> {
        self.run(&mut turn);
        turn.response()
    }

    /// Does all that the exchange is asked to do, until it is over.
    #[track_caller]
    pub fn run(&mut self, turn: &mut Turn) {
        for _ in 0..16 {
            if matches!(turn.work(), Work::Respond | Work::Done) {
                return;
            }
            self.perform(turn);
        }
        panic!("the exchange never ends: {:?}", turn.output)
    }

    /// Does everything that no client asked for and that is due; returns the ids of its sessions in order.
    #[track_caller]
    pub fn expire(&mut self) -> Vec<String> {
        let mut ids = Vec::new();
        while let Some(mut turn) = self.begin_expired() {
            ids.push(turn.session().to_string());
            self.run(&mut turn);
            assert!(ids.len() < 10_000, "it never ends");
        }
        ids
    }

    /// The server gives a session up on which nobody works.
    #[track_caller]
    pub fn evict(&mut self, id: &str) {
        assert!(self.sessions.evict(self.now, guid(id)));
        self.hear();
        assert_eq!(self.expire(), [id]);
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

    /// The process dies, and another one takes up what was saved after so much time. Nothing of the storage is lost.
    #[track_caller]
    pub fn restart(&mut self, directory: DirectoryBuilder, time: Duration) {
        self.now += time;
        self.sessions = Sessions::new(directory.build().unwrap());
        self.working.clear();
        for (id, record) in &self.records {
            let held = match self.stored.get(id) {
                Some(bytes) => Held::Bytes(bytes.len() as u64),
                None => Held::Nothing,
            };
            let age = self.saved_at.get(id).map_or(time, |saved| self.now.saturating_duration_since(*saved));
            match self.sessions.restore(self.now, record.clone(), age, held).unwrap() {
                Restored::Open(length) => self.stored.get_mut(id).unwrap().truncate(length as usize),
                Restored::Ended => drop(self.stored.remove(id)),
            }
        }
    }

    /// Keeps a record that was made now.
    pub fn keep(&mut self, record: Record<Owner>) {
        self.saved_at.insert(record.id(), self.now);
        self.records.insert(record.id(), record);
    }

    /// Stores what there is of a body, and returns how much that was.
    #[track_caller]
    fn write(&mut self, id: Guid, mut store: Store, body: &[u8]) -> u64 {
        let stored = self.stored.get_mut(&id).expect("the upload is there");
        assert_eq!(stored.len() as u64, store.range().start, "the bytes leave a hole, or overwrite others");
        for piece in body.chunks(7) {
            stored.extend_from_slice(store.clip(piece));
        }
        assert!(stored.len() as u64 <= store.range().end, "more than was asked for");
        assert!(store.range().end <= store.total(), "more than the entity has");
        store.clipped()
    }

    fn hear(&mut self) {
        self.signals.extend(std::iter::from_fn(|| self.sessions.poll_signal()));
    }

    fn release(&mut self, turn: &Turn) {
        if let Some(id) = turn.exchange.session() {
            if self.working.get(&id) == Some(&turn.exchange) {
                self.working.remove(&id);
            }
        }
    }

    /// Two exchanges never work on one session at a time.
    #[track_caller]
    fn check(&mut self, turn: &Turn) {
        match turn.work() {
            Work::Admit | Work::Respond | Work::Done | Work::Wait => self.release(turn),
            work => {
                let other = self.working.insert(turn.session(), turn.exchange).unwrap_or(turn.exchange);
                assert_eq!(other, turn.exchange, "two at work, the newer of them on {work:?}");
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
