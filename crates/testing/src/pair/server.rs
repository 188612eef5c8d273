//! The server's side of a pair: `Sessions`, a store, and the tasks whose clients have given them up.

use std::time::Instant;

use bits_proto::Guid;
use bits_proto::server::{Directory, Exchange, Output, Report, Sessions};
use http::{Request, Response};

use super::store::Store;

/// What a pair's network delivers requests to.
pub trait Serve {
    /// A request arrives, with so much of its body.
    fn serve(&mut self, now: Instant, head: &Request<()>, body: &[u8]) -> Response<()>;

    /// A request arrives, and the server is at work on it for longer than its client waits.
    fn stick(&mut self, now: Instant, head: &Request<()>, body: &[u8], stored: usize, dies: bool);

    /// The open sessions are lost.
    fn forget(&mut self, now: Instant);

    /// All sessions are lost, those that ended as well.
    fn restart(&mut self, now: Instant) {
        self.forget(now);
    }

    /// Everything that was published.
    fn published(&self) -> &[Vec<u8>];

    /// How many bytes of an open session are stored.
    fn stored(&self, _session: Guid) -> Option<u64> {
        None
    }
}

/// A server of this library.
#[derive(Debug)]
pub struct Server {
    pub sessions: Sessions,
    pub store: Store,
    stuck: Vec<Stuck>,
    randoms: u128,
}

/// A task of the server: its exchange, and what came of its request's body.
#[derive(Debug)]
struct Task {
    exchange: Exchange,
    body: Vec<u8>,
}

/// A task whose client has gone.
#[derive(Debug)]
struct Stuck {
    task: Task,
    stored: usize,
    dies: bool,
}

impl Server {
    pub fn new(directory: Directory) -> Self {
        Self { sessions: Sessions::new(directory), store: Store::default(), stuck: Vec::new(), randoms: 0 }
    }

    fn receive(&mut self, now: Instant, head: &Request<()>, body: &[u8]) -> Task {
        self.expire(now);
        self.randoms += 1;
        // Spread over all sixteen bytes, as good randomness is.
        let random = self.randoms.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes();
        let exchange = self.sessions.handle_request(now, head, &(), || random);
        Task { exchange: exchange.expect("a packet of this protocol"), body: body.to_vec() }
    }

    /// Does what no client asked for.
    fn expire(&mut self, now: Instant) {
        while let Some(exchange) = self.sessions.poll_expired(now) {
            let task = Task { exchange, body: Vec::new() };
            let Output::Done = self.work(now, task, 0) else { panic!("nobody waits for an answer") };
        }
    }

    /// Does what a task must do until it is over. A `Store` takes no more than `most` bytes of the body.
    fn work(&mut self, now: Instant, task: Task, most: usize) -> Output {
        let exchange = task.exchange;
        for _ in 0..100 {
            let Some(output) = self.sessions.poll_output(now, exchange) else {
                let session = exchange.session().and_then(|session| self.sessions.get(session));
                self.unstick(
                    now,
                    session.and_then(|session| session.at_work()).expect("a task waits for nobody"),
                );
                continue;
            };
            let Some(session) = exchange.session() else {
                match output {
                    Output::Admit => self.sessions.handle_report(now, exchange, Report::Admitted),
                    output => return output,
                }
                continue;
            };
            let report = match output {
                Output::Respond(_) => {
                    let known = self.sessions.get(session).map(|session| session.received());
                    assert_eq!(known, self.store.stored(session), "what is stored and what is told differ");
                    return output;
                }
                Output::Done => return output,
                Output::Open => {
                    self.store.open(session);
                    Report::Opened
                }
                Output::Store(store) => Report::Stored(self.store.write(session, store, &task.body, most)),
                Output::Publish { .. } => {
                    self.store.publish(session);
                    Report::Published
                }
                Output::Discard => {
                    self.store.discard(session);
                    Report::Discarded
                }
                Output::Save(record) => {
                    assert_eq!(record.id(), session);
                    Report::Saved
                }
                Output::Forget => Report::Forgotten,
                Output::Notify { .. } | Output::Admit => panic!("nobody is to be notified"),
            };
            self.sessions.handle_report(now, exchange, report);
        }
        panic!("a task never comes to its end");
    }

    /// A task whose client has gone reports for the last time.
    fn unstick(&mut self, now: Instant, exchange: Exchange) {
        let at = self.stuck.iter().position(|stuck| stuck.task.exchange == exchange);
        let stuck = self.stuck.remove(at.expect("a task that others wait for is at work"));
        if stuck.dies {
            self.sessions.handle_abandoned(now, exchange);
        } else {
            let _nobody_listens = self.work(now, stuck.task, stuck.stored);
        }
    }

    /// Whether nothing was published.
    pub fn published_is_empty(&self) -> bool {
        self.store.published.is_empty()
    }

    /// Every task whose client has gone comes to its end.
    pub fn unstick_all(&mut self, now: Instant) {
        while let Some(stuck) = self.stuck.first() {
            let exchange = stuck.task.exchange;
            self.unstick(now, exchange);
        }
    }
}

impl Serve for Server {
    fn serve(&mut self, now: Instant, head: &Request<()>, body: &[u8]) -> Response<()> {
        let task = self.receive(now, head, body);
        let Output::Respond(ack) = self.work(now, task, usize::MAX) else { panic!("a client waits") };
        ack.to_response()
    }

    fn stick(&mut self, now: Instant, head: &Request<()>, body: &[u8], stored: usize, dies: bool) {
        let task = self.receive(now, head, body);
        match self.sessions.poll_output(now, task.exchange) {
            Some(Output::Respond(_)) => {}
            _ => self.stuck.push(Stuck { task, stored, dies }),
        }
    }

    fn forget(&mut self, now: Instant) {
        let open: Vec<_> = self.sessions.iter().map(|session| session.id()).collect();
        for stuck in std::mem::take(&mut self.stuck) {
            self.sessions.handle_abandoned(now, stuck.task.exchange);
        }
        for session in open {
            self.sessions.evict(now, session);
        }
        self.expire(now);
        assert!(self.sessions.is_empty());
    }

    fn restart(&mut self, _now: Instant) {
        self.sessions = Sessions::new(self.sessions.directory().clone());
        self.store.clear();
        self.stuck.clear();
    }

    fn published(&self) -> &[Vec<u8>] {
        &self.store.published
    }

    fn stored(&self, session: Guid) -> Option<u64> {
        self.sessions.get(session)?;
        self.store.stored(session)
    }
}
