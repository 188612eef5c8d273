//! A client that is killed at every output, and restored from its last snapshot: the file arrives, and at most one fragment
//! is sent twice.
//!
//! It stores a snapshot for each output, before a request is sent, as `client`'s documentation says.
#![cfg(feature = "serde")]

use std::time::{Duration, Instant};

use bits_proto::client::{
    Config, ConfigBuilder, Entity, Event, Output, Recovery, ReplyMode, Snapshot, State, TransportError,
    Upload,
};
use bits_proto::packet::Payload;
use bits_proto::server::{self, Directory, Keep, Notified, Report, Sessions};
use bits_proto::{Conformance, ReplyUrl};
use http::{Request, Response};
use testing::client::sender::{DESTINATION, source};
use testing::clock;
use testing::server::application::notified_if;
use testing::server::disk::Disk;

/// More outputs than any upload here has.
const MANY: usize = 200;

const FRAGMENT: u64 = 40;

/// A server that keeps its sessions in memory, and is never killed.
struct Server {
    sessions: Sessions<()>,
    disk: Disk,
    drawn: u8,
    /// How many bytes arrived in fragments, and how many of them were stored.
    received: u64,
    stored: u64,
    /// Where the replies to the entities are, while there is one.
    reply: Option<&'static str>,
    /// Whether requests get lost before they arrive, or after they were answered.
    loses: Option<Loses>,
    requests: usize,
}

/// The request that is lost, counted from the first.
#[derive(Clone, Copy, Debug)]
enum Loses {
    Request(usize),
    Answer(usize),
}

impl Server {
    fn new(kind: Kind) -> Self {
        let directory =
            Directory::builder().conformance(kind.conformance).notification(notified_if(kind.reply));
        let sessions = Sessions::new(directory.keep(Keep::Nothing).build().unwrap());
        let reply = kind.reply.then_some("/replies/1");
        Self {
            sessions,
            disk: Disk::default(),
            drawn: 0,
            received: 0,
            stored: 0,
            reply,
            loses: kind.loses,
            requests: 0,
        }
    }

    fn serve(
        &mut self,
        now: Instant,
        head: &Request<()>,
        body: &[u8],
    ) -> Result<Response<()>, TransportError> {
        self.requests += 1;
        match self.loses {
            Some(Loses::Request(lost)) if lost == self.requests => Err(TransportError::Interrupted),
            Some(Loses::Answer(lost)) if lost == self.requests => {
                self.answer(now, head, body);
                Err(TransportError::Interrupted)
            }
            _ => Ok(self.answer(now, head, body)),
        }
    }

    fn answer(&mut self, now: Instant, head: &Request<()>, body: &[u8]) -> Response<()> {
        self.received += body.len() as u64;
        self.drawn += 1;
        let random = [self.drawn; 16];
        let exchange = self.sessions.handle_request(now, head, &(), || random).unwrap();
        loop {
            let output = self.sessions.poll_output(now, exchange).expect("nobody else is at work");
            let id = exchange.session().unwrap_or(bits_proto::Guid::NIL);
            let report = match output {
                server::Output::Admit => Report::Admitted,
                server::Output::Open => self.disk.make_room(id),
                server::Output::Store(mut store) => {
                    let offset = store.range().start;
                    self.disk.write(id, offset, store.clip(body));
                    self.stored += store.clipped();
                    Report::Stored(store.clipped())
                }
                server::Output::Notify { .. } => {
                    let url =
                        self.reply.map(|url| ReplyUrl::from_bytes(url.as_bytes()).unwrap().into_owned());
                    Report::Notified(Notified { copy_to_destination: true, reply_url: url })
                }
                server::Output::Publish { .. } => {
                    self.reply = None;
                    let destination = self.sessions.get(id).unwrap().destination().to_owned();
                    self.disk.publish(id, &destination)
                }
                server::Output::Discard => self.disk.discard(id),
                server::Output::Respond(ack) => return ack.to_response(),
                other => unreachable!("a server that keeps nothing is not asked for {other:?}"),
            };
            self.sessions.handle_report(now, exchange, report);
        }
    }
}

/// One kind of upload.
#[derive(Clone, Copy, Debug)]
struct Kind {
    conformance: Conformance,
    size: u64,
    reply: bool,
    recovery: Recovery,
    loses: Option<Loses>,
    /// Before which output the user gives the upload up.
    cancelled_before: Option<usize>,
}

impl Kind {
    fn config(self) -> ConfigBuilder {
        let reply = if self.reply { ReplyMode::Required } else { ReplyMode::Ignored };
        Config::builder().fragment_size(FRAGMENT).reply(reply).recovery(self.recovery)
    }

    fn entity(self) -> Entity {
        Entity::new(self.size).unwrap().named("file.bin").unwrap().with_validator("monday")
    }
}

/// Where in its life the client is killed: at which output, and on which side of doing what it says.
#[derive(Clone, Copy, Debug)]
enum Kill {
    Before(usize),
    After(usize),
}

/// A client, its server, and what the client has stored.
struct World {
    kind: Kind,
    now: Instant,
    server: Server,
    upload: Upload,
    stored: Option<String>,
    events: Vec<Event>,
    outputs: usize,
    kills: Vec<Kill>,
    cancelled: bool,
}

impl World {
    fn new(kind: Kind, kills: Vec<Kill>) -> Self {
        let (now, config) = (clock::start(), kind.config().build().unwrap());
        let upload = Upload::new(now, DESTINATION.parse().unwrap(), kind.entity(), config).unwrap();
        let server = Server::new(kind);
        Self {
            kind,
            now,
            server,
            upload,
            stored: None,
            events: Vec::new(),
            outputs: 0,
            kills,
            cancelled: false,
        }
    }

    /// Drives the upload until it is over.
    fn run(&mut self) {
        for _ in 0..MANY {
            if self.kind.cancelled_before.is_some_and(|output| output <= self.outputs) && !self.cancelled {
                // The wish is the user's, who repeats it until it was heard.
                self.cancelled = self.upload.cancel(self.now).is_ok();
            }
            match self.upload.poll_output() {
                Some(output) => self.perform(output),
                None => match self.upload.poll_timeout() {
                    Some(at) => {
                        self.now = self.now.max(at);
                        self.upload.handle_timeout(self.now);
                    }
                    None if self.upload.state() == State::WaitingForReply => {
                        let fetched = self.server.reply.is_some();
                        let told = if fetched {
                            self.upload.reply_fetched(self.now)
                        } else {
                            self.upload.reply_failed(self.now)
                        };
                        told.unwrap();
                    }
                    None => return,
                },
            }
        }
        panic!("the upload never ends: {:?}", self.events);
    }

    /// Stores a snapshot, and does what the output says; unless the client is killed.
    fn perform(&mut self, output: Output) {
        self.outputs += 1;
        self.stored = serde_json::to_string(&self.upload.snapshot(self.now)).ok();
        if self.is_killed(|kill, outputs| matches!(kill, Kill::Before(at) if at == outputs)) {
            return self.restart();
        }
        match output {
            Output::Transmit(transmit) => {
                let (head, payload) = transmit.request.into_parts();
                let body = match payload {
                    Payload::Empty => Vec::new(),
                    Payload::Range(range) => {
                        source(self.kind.size)[range.start as usize..range.end as usize].to_vec()
                    }
                };
                let answer = self.server.serve(self.now, &Request::from_parts(head, ()), &body);
                if self.is_killed(|kill, outputs| matches!(kill, Kill::After(at) if at == outputs)) {
                    return self.restart();
                }
                match answer {
                    Ok(response) => self.upload.handle_response(self.now, transmit.id, &response),
                    Err(error) => self.upload.handle_transport_error(self.now, transmit.id, error),
                }
            }
            Output::Event(event) => self.events.push(event),
            Output::Abort(_) => {}
        }
    }

    fn is_killed(&mut self, here: impl Fn(Kill, usize) -> bool) -> bool {
        let killed = self.kills.first().is_some_and(|&kill| here(kill, self.outputs));
        if killed {
            self.kills.remove(0);
            self.outputs = 0;
        }
        killed
    }

    /// Another process takes over, with a clock of its own.
    fn restart(&mut self) {
        let snapshot: Snapshot = serde_json::from_str(self.stored.as_ref().unwrap()).unwrap();
        let config = self.kind.config().build().unwrap();
        let destination = self.upload.destination().clone();
        self.upload =
            Upload::restore(self.now, destination, snapshot, Duration::ZERO, self.kind.entity(), config)
                .unwrap();
    }
}

/// A whole upload, killed there; whether it lived that long.
fn upload(kind: Kind, kills: &[Kill]) -> bool {
    let mut world = World::new(kind, kills.to_vec());
    world.run();
    check(&world, kills);
    world.kills.is_empty()
}

fn check(world: &World, kills: &[Kill]) {
    let (kind, disk) = (world.kind, &world.server.disk);
    let context = format!("{kind:?}, {kills:?}: {:?}", world.events);
    let published: Vec<_> =
        disk.published.iter().map(|(_, to, bytes)| (to.as_str(), bytes.clone())).collect();
    let whole = [("/upload/file.bin", source(kind.size))];
    match world.upload.state() {
        State::Completed => assert_eq!(published, whole, "{context}"),
        // A Close that was on its way may have been done before the Cancel came.
        State::Cancelled => {
            assert!(world.cancelled && (published.is_empty() || published == whole), "{context}")
        }
        state => panic!("{state:?}, {context}"),
    }
    if kind.loses.is_none() && kind.recovery == Recovery::Resend {
        let restarts = kills.len() as u64 - world.kills.len() as u64;
        let twice = world.server.received - world.server.stored;
        assert!(twice <= restarts * FRAGMENT, "{twice} bytes were sent twice, {context}");
        assert!(world.server.stored <= kind.size, "more than the file was stored, {context}");
    }
}

/// Every kind of upload without loss of requests.
fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for conformance in [Conformance::Interop, Conformance::Strict] {
        for size in [0, 1, 100] {
            // The server names a reply in the Ack for the last fragment, and an empty file has none.
            for reply in [false, true].into_iter().filter(|reply| !reply || size > 0) {
                for recovery in [Recovery::Resend, Recovery::Restart] {
                    for cancelled_before in [None, Some(2), Some(4)] {
                        let loses = None;
                        kinds.push(Kind { conformance, size, reply, recovery, loses, cancelled_before });
                    }
                }
            }
        }
    }
    kinds
}

/// How many outputs the upload has when nothing happens.
fn outputs(kind: Kind) -> usize {
    (1..MANY).find(|&at| !upload(kind, &[Kill::Before(at)])).expect("the upload comes to an end")
}

fn everywhere(outputs: usize) -> impl Iterator<Item = Kill> {
    (1..outputs).flat_map(|at| [Kill::Before(at), Kill::After(at)])
}

#[test]
fn the_client_may_be_killed_at_every_output_and_at_most_one_fragment_is_sent_twice() {
    for kind in kinds() {
        for kill in everywhere(outputs(kind)) {
            upload(kind, &[kill]);
        }
    }
}

#[test]
fn a_restarted_client_may_be_killed_again_and_again() {
    for kind in kinds().into_iter().filter(|kind| kind.size == 100) {
        let outputs = outputs(kind);
        for kill in everywhere(outputs) {
            for again in everywhere(outputs).step_by(3) {
                upload(kind, &[kill, again, Kill::After(2)]);
            }
        }
    }
}

#[test]
fn the_file_arrives_though_a_request_or_its_answer_is_lost_as_well() {
    for kind in kinds().into_iter().filter(|kind| kind.size == 100) {
        let outputs = outputs(kind);
        for request in 1..8 {
            for loses in [Loses::Request(request), Loses::Answer(request)] {
                for kill in everywhere(outputs) {
                    upload(Kind { loses: Some(loses), ..kind }, &[kill]);
                }
            }
        }
    }
}
