//! The server's side of a pair: `Sessions`, a store, and the tasks whose clients have given them up.

use std::time::Instant;

use bits_proto::Guid;
use bits_proto::server::{Arrival, Directory, Exchange, Output, Report, Sessions};
use http::{Request, Response};

use super::store::Store;

/// What a pair's network delivers requests to.
pub trait Serve {
    /// A request arrives, with so much of its body.
    fn serve(&mut self, now: Instant, head: &Request<()>, body: &[u8]) -> Response<()>;

    /// A request arrives, and the server is at work on it for longer than its client waits.
    fn stick(&mut self, now: Instant, head: &Request<()>, body: &[u8], stored: usize, dies: bool);

    /// The open sessions are lost.
    fn forget(&mut self);

    /// All sessions are lost, those that ended as well.
    fn restart(&mut self) {
        self.forget();
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

/// A task of the server: its exchange, what it must do next, and what came of its request's body.
#[derive(Debug)]
struct Task {
    exchange: Exchange,
    output: Output,
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

    fn receive(&mut self, now: Instant, head: &Request<()>, body: &[u8]) -> Result<Task, Response<()>> {
        while let Some(session) = self.sessions.poll_expired(now) {
            self.store.discard(session.id());
        }
        let request = match self.sessions.directory().decode(head) {
            Ok(request) => request.expect("a packet of this protocol"),
            Err(error) => return Err(error.to_response()),
        };
        self.randoms += 1;
        // Spread over all sixteen bytes, as good randomness is.
        let random = self.randoms.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes();
        let arrival = Arrival { request: &request, target: head.uri(), owner: &() };
        let (exchange, output) = self.sessions.handle_request(now, &arrival, || random);
        Ok(Task { exchange, output, body: body.to_vec() })
    }

    /// Does what a task must do until it answers. A `Store` takes no more than `most` bytes of the body.
    fn work(&mut self, now: Instant, mut task: Task, most: usize) -> Response<()> {
        let session = task.exchange.session();
        for _ in 0..100 {
            let report = match task.output {
                Output::Respond(ack) => {
                    let known = self.sessions.get(session).map(|session| session.received());
                    assert_eq!(known, self.store.stored(session), "what is stored and what is told differ");
                    return ack.to_response();
                }
                Output::Abort(older) => {
                    self.unstick(now, older);
                    task.output = self.sessions.poll(now, task.exchange);
                    continue;
                }
                Output::Wait => {
                    let older = self.sessions.get(session).and_then(|session| session.at_work());
                    self.unstick(now, older.expect("a task waits for nobody"));
                    task.output = self.sessions.poll(now, task.exchange);
                    continue;
                }
                Output::Open => {
                    self.store.open(session);
                    Report::Opened
                }
                Output::Store(store) => Report::Stored(self.store.write(session, &store, &task.body, most)),
                Output::Publish => {
                    self.store.publish(session);
                    Report::Published
                }
                Output::Discard => {
                    self.store.discard(session);
                    Report::Discarded
                }
                Output::Notify => panic!("nobody is to be notified"),
            };
            task.output = self.sessions.handle_report(now, task.exchange, report);
        }
        panic!("a task never comes to its answer");
    }

    /// A task whose client has gone reports for the last time.
    fn unstick(&mut self, now: Instant, exchange: Exchange) {
        let at = self.stuck.iter().position(|stuck| stuck.task.exchange == exchange);
        let mut stuck = self.stuck.remove(at.expect("a task that is asked to stop is at work"));
        if matches!(stuck.task.output, Output::Abort(_) | Output::Wait | Output::Open) {
            // Much may have happened since.
            stuck.task.output = self.sessions.poll(now, exchange);
        }
        if stuck.dies {
            let _nobody_listens = self.sessions.handle_report(now, exchange, Report::Abandoned);
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
        match self.receive(now, head, body) {
            Ok(task) => self.work(now, task, usize::MAX),
            Err(response) => response,
        }
    }

    fn stick(&mut self, now: Instant, head: &Request<()>, body: &[u8], stored: usize, dies: bool) {
        match self.receive(now, head, body) {
            Ok(Task { output: Output::Respond(_), .. }) | Err(_) => {}
            Ok(task) => self.stuck.push(Stuck { task, stored, dies }),
        }
    }

    fn forget(&mut self) {
        let open: Vec<_> = self.sessions.iter().map(|session| session.id()).collect();
        for session in open {
            self.sessions.evict(session);
        }
        self.store.clear();
    }

    fn restart(&mut self) {
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
