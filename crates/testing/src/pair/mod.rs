//! The client's machine and a server's, joined in memory by a network that does its worst, in virtual time.
//!
//! ```text
//!   client::Upload ── Transmit ──▶ Turn: a fate for the exchange, ──▶ Serve: Sessions
//!                                  and a wish of the caller           and a Store
//!                  ◀── response, transport error, or silence until a timer goes off ──
//! ```
//!
//! Turns are used up one an exchange; once there are none left, the network is perfect.

pub mod appending;
pub mod fate;
pub mod server;
pub mod store;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bits_proto::client::{
    ConfigBuilder, Entity, Event, ExchangeId, Output, State, Transmit, TransportError, Upload,
};
use bits_proto::packet::Payload;
use bits_proto::server::Directory;
use http::{HeaderMap, Request, Response};

use crate::clock;
use fate::{Command, Fate, Turn};
use server::{Serve, Server};

/// How long an exchange takes that nothing happens to.
const LATENCY: Duration = Duration::from_millis(20);
/// More outputs and timers than any upload of these tests needs.
const MAX_STEPS: usize = 20_000;
/// How often a caller has credentials, and how often it resumes what has failed.
const PATIENCE: u32 = 5;

/// One upload and its server.
#[derive(Debug)]
pub struct Pair<S = Server> {
    pub upload: Upload,
    pub server: S,
    pub events: Vec<Event>,
    /// Each exchange: the packet, and the status that came back, if one did.
    pub log: Vec<(String, Option<u16>)>,
    pub now: Instant,
    source: Vec<u8>,
    turns: VecDeque<Turn>,
    echo: Option<(Request<()>, Vec<u8>)>,
    pause: Duration,
    challenges: u32,
    resumes: u32,
}

/// What comes back from an exchange.
enum Outcome {
    Answered(Response<()>),
    Broken(TransportError),
    Silence,
}

/// `size` bytes of which no two neighbourhoods are alike, so that a byte in a wrong place is noticed.
pub fn source(size: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// A directory for as many sessions as a bad network leaves behind.
pub fn directory() -> bits_proto::server::DirectoryBuilder {
    Directory::builder().sessions_per_owner(usize::MAX)
}

impl Pair {
    /// An upload of `size` bytes to a server of this library.
    pub fn new(size: usize, config: ConfigBuilder, turns: impl IntoIterator<Item = Turn>) -> Self {
        Self::with_server(size, config, turns, Server::new(directory().build().unwrap()))
    }
}

impl<S: Serve> Pair<S> {
    /// An upload of `size` bytes to this server.
    pub fn with_server(
        size: usize,
        config: ConfigBuilder,
        turns: impl IntoIterator<Item = Turn>,
        server: S,
    ) -> Self {
        let now = clock::start();
        let entity = Entity::new(size as u64).unwrap();
        let destination = "http://origin/upload/file.bin".parse().unwrap();
        Self {
            upload: Upload::new(now, destination, entity, config.build().unwrap()).unwrap(),
            server,
            events: Vec::new(),
            log: Vec::new(),
            now,
            source: source(size),
            turns: turns.into_iter().collect(),
            echo: None,
            pause: Duration::ZERO,
            challenges: 0,
            resumes: PATIENCE,
        }
    }

    /// The caller does not resume what has failed.
    pub fn without_resuming(mut self) -> Self {
        self.resumes = 0;
        self
    }

    /// Runs until the upload is over, or has failed for good.
    pub fn run(&mut self) -> State {
        for _ in 0..MAX_STEPS {
            match self.upload.poll_output() {
                Some(Output::Transmit(transmit)) => self.exchange(transmit),
                Some(Output::Event(event)) => self.hear(event),
                // The connection is gone already, or its answer will be late.
                Some(Output::Abort(_)) => {}
                None if !self.idle() => return self.upload.state(),
                None => {}
            }
            self.check();
        }
        panic!("the upload never ends: {:?}", self.upload);
    }

    /// What was published is the entity, and no more than one of it.
    #[track_caller]
    pub fn published_once(&self) {
        assert_eq!(self.server.published().len(), 1, "published so often; {:?}", self.log);
        self.published_at_most_once();
    }

    /// What was published, if anything, is the entity.
    #[track_caller]
    pub fn published_at_most_once(&self) {
        let published = self.server.published();
        assert!(published.len() <= 1, "published {} times; {:?}", published.len(), self.log);
        assert!(published.iter().all(|bytes| *bytes == self.source), "other bytes; {:?}", self.log);
    }

    /// The packets in the order sent.
    pub fn packets(&self) -> Vec<&str> {
        self.log.iter().map(|(packet, _)| packet.as_str()).collect()
    }

    fn exchange(&mut self, transmit: Transmit) {
        let (parts, payload) = transmit.request.into_parts();
        let head = Request::from_parts(parts, ());
        let body = match payload {
            Payload::Empty => Vec::new(),
            Payload::Range(range) => self.source[range.start as usize..range.end as usize].to_vec(),
        };
        self.now += LATENCY;
        if let Some((head, body)) = self.echo.take() {
            let _nobody_listens = self.server.serve(self.now, &head, &body);
        }
        let turn = self.turns.pop_front().unwrap_or_default();
        let outcome = self.meet(turn.fate, &head, &body);
        let status = match &outcome {
            Outcome::Answered(response) => Some(response.status().as_u16()),
            Outcome::Broken(_) | Outcome::Silence => None,
        };
        let packet = head.headers()["bits-packet-type"].to_str().unwrap().to_owned();
        self.log.push((packet, status));
        if let Some(command) = turn.command {
            self.command(command);
        }
        // A report on an exchange that the command gave up must change nothing.
        self.report(transmit.id, outcome);
    }

    /// What the network makes of the request.
    fn meet(&mut self, fate: Fate, head: &Request<()>, body: &[u8]) -> Outcome {
        let now = self.now;
        let interrupted = Outcome::Broken(TransportError::Interrupted);
        match fate {
            Fate::Delivered => Outcome::Answered(self.server.serve(now, head, body)),
            Fate::Unsent => Outcome::Broken(TransportError::Unsent),
            Fate::Cut(at) if at < body.len() => {
                let _nobody_listens = self.server.serve(now, head, &body[..at]);
                interrupted
            }
            // The head of a packet without a body is cut, and nothing has arrived.
            Fate::Cut(_) if body.is_empty() => interrupted,
            Fate::Cut(_) | Fate::AnswerLost => {
                let _lost = self.server.serve(now, head, body);
                interrupted
            }
            Fate::Silence => {
                let _lost = self.server.serve(now, head, body);
                Outcome::Silence
            }
            Fate::Twice { repeat } => {
                let first = self.server.serve(now, head, body);
                let second = self.server.serve(now, head, body);
                Outcome::Answered(if repeat { second } else { first })
            }
            Fate::Echoed => {
                self.echo = Some((head.clone(), body.to_vec()));
                Outcome::Answered(self.server.serve(now, head, body))
            }
            Fate::Stuck { stored, dies } => {
                self.server.stick(now, head, body, stored, dies);
                Outcome::Silence
            }
            Fate::Proxied(page) => Outcome::Answered(page.response()),
            Fate::Masked(page) => {
                let _lost = self.server.serve(now, head, body);
                Outcome::Answered(page.response())
            }
            Fate::Forgotten => {
                self.server.forget(now);
                Outcome::Answered(self.server.serve(now, head, body))
            }
            Fate::Restarted => {
                self.server.restart(now);
                Outcome::Answered(self.server.serve(now, head, body))
            }
        }
    }

    fn report(&mut self, id: ExchangeId, outcome: Outcome) {
        match outcome {
            Outcome::Broken(error) => self.upload.handle_transport_error(self.now, id, error),
            Outcome::Silence => self.upload.handle_sent(self.now, id),
            Outcome::Answered(response) => {
                self.upload.handle_sent(self.now, id);
                self.now += LATENCY;
                self.upload.handle_response(self.now, id, &response);
            }
        }
    }

    fn command(&mut self, command: Command) {
        // Legal at any time; what is over answers with a misuse, and nothing changes.
        let _over = match command {
            Command::Cancel => self.upload.cancel(self.now),
            Command::Suspend(how, pause) => {
                self.pause = pause;
                self.upload.suspend(self.now, how)
            }
        };
    }

    fn hear(&mut self, event: Event) {
        if let Event::CredentialsWanted { .. } = event {
            self.challenges += 1;
            let credentials = (self.challenges <= PATIENCE).then(HeaderMap::new);
            let _suspended_meanwhile = self.upload.authenticate(self.now, credentials.map(Into::into));
        }
        self.events.push(event);
    }

    /// Nothing is to be done now: time passes, or the caller goes on. Whether anything is left to come.
    fn idle(&mut self) -> bool {
        match self.upload.state() {
            State::Completed | State::Cancelled => return false,
            State::Failed if self.resumes == 0 => return false,
            State::Failed => {
                self.resumes -= 1;
                self.upload.resume(self.now).unwrap();
            }
            State::Suspended => {
                self.now += self.pause;
                self.upload.resume(self.now).unwrap();
            }
            _ => {
                let at = self.upload.poll_timeout().expect("neither an output nor a timer");
                self.now = self.now.max(at);
                self.upload.handle_timeout(self.now);
            }
        }
        true
    }

    /// What must hold at any moment.
    fn check(&self) {
        self.published_at_most_once();
        let session = self.upload.session_id().and_then(|session| session.guid());
        if let Some(stored) = session.and_then(|session| self.server.stored(session)) {
            assert!(self.upload.acknowledged() <= stored, "a byte is acknowledged that is not stored");
        }
    }
}
