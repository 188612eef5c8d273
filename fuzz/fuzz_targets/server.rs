//! The server's table, driven by arbitrary clients and by tasks that report whatever they like.
#![no_main]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bits_proto::notify::NotificationType;
use bits_proto::packet::{CancelSession, CloseSession, CreateSession, Fragment, Ping, Request};
use bits_proto::server::{
    Arrival, Directory, Exchange, Notified, Output, OwnerCheck, Refusal, Report, Sessions, State,
};
use bits_proto::{Conformance, ContentRange, Guid, ProtocolId};
use libfuzzer_sys::fuzz_target;

const MAX_SESSIONS: usize = 6;
const MAX_EXCHANGES: usize = 64;

#[derive(Arbitrary, Debug)]
struct Input {
    strict: bool,
    notification: bool,
    create_only: bool,
    actions: Vec<Action>,
}

#[derive(Arbitrary, Debug)]
enum Action {
    Request {
        packet: Packet,
        session: u8,
        owner: bool,
        other_destination: bool,
    },
    /// A task does what it was asked to.
    Obey {
        exchange: u8,
        part: Option<u8>,
    },
    /// A task reports what it likes.
    Disobey {
        exchange: u8,
        report: Told,
    },
    Poll {
        exchange: u8,
    },
    Pass {
        seconds: u16,
        backwards: bool,
    },
    Evict {
        session: u8,
    },
}

#[derive(Arbitrary, Debug)]
enum Packet {
    Create,
    Ping,
    Fragment { first: u8, length: u8, total: u8 },
    Empty,
    Close,
    Cancel,
}

#[derive(Arbitrary, Debug)]
enum Told {
    Opened,
    Stored(u64),
    Notified { copy: bool },
    Published,
    Discarded,
    Failed { stored: u64, final_refusal: bool },
    Missing,
    Abandoned,
}

impl Told {
    fn report(&self) -> Report {
        match *self {
            Self::Opened => Report::Opened,
            Self::Stored(bytes) => Report::Stored(bytes),
            Self::Notified { copy } => {
                Report::Notified(Notified { copy_to_destination: copy, reply_url: None })
            }
            Self::Published => Report::Published,
            Self::Discarded => Report::Discarded,
            Self::Failed { stored, final_refusal: true } => {
                let refusal = Refusal::Application { status: http::StatusCode::FORBIDDEN, code: None };
                Report::Failed { stored, refusal }
            }
            Self::Failed { stored, .. } => Report::Failed { stored, refusal: Refusal::DiskFull },
            Self::Missing => Report::Failed { stored: 0, refusal: Refusal::EntityMissing },
            Self::Abandoned => Report::Abandoned,
        }
    }
}

/// What the world knows: which exchanges are under way, and what was reported stored.
struct World {
    sessions: Sessions<bool>,
    now: Instant,
    start: Instant,
    created: Vec<Guid>,
    under_way: Vec<(Exchange, Output)>,
    received: HashMap<Guid, u64>,
    random: u8,
    went_back: bool,
}

fuzz_target!(|input: Input| {
    let directory = Directory::builder()
        .conformance(if input.strict { Conformance::Strict } else { Conformance::Interop })
        .owner_check(if input.create_only { OwnerCheck::CreateOnly } else { OwnerCheck::EveryPacket })
        .max_sessions(MAX_SESSIONS)
        .sessions_per_owner(4)
        .max_upload_size(200)
        .max_fragment_size(100)
        .tombstones(Duration::from_secs(100), 3)
        .session_timeout(Duration::from_secs(1000));
    let directory = if input.notification { notifying(directory) } else { directory };
    let start = Instant::now() + Duration::from_secs(1_000_000);
    let mut world = World {
        sessions: Sessions::new(directory.build().expect("it makes sense")),
        now: start,
        start,
        created: Vec::new(),
        under_way: Vec::new(),
        received: HashMap::new(),
        random: 0,
        went_back: false,
    };
    for action in &input.actions {
        world.act(action);
        world.check();
    }
});

fn notifying(directory: bits_proto::server::DirectoryBuilder) -> bits_proto::server::DirectoryBuilder {
    directory.notification(NotificationType::ByReference("/app".parse().expect("a URL")))
}

impl World {
    fn act(&mut self, action: &Action) {
        match action {
            Action::Request { packet, session, owner, other_destination } => {
                self.request(packet, *session, *owner, *other_destination);
            }
            Action::Obey { exchange, part } => {
                let Some((at, report)) =
                    self.pick(*exchange).and_then(|at| Some((at, self.obedient(at, *part)?)))
                else {
                    return;
                };
                self.report(at, report);
            }
            Action::Disobey { exchange, report } => {
                if let Some(at) = self.pick(*exchange) {
                    self.report(at, report.report());
                }
            }
            Action::Poll { exchange } => {
                if let Some(at) = self.pick(*exchange) {
                    let (exchange, _) = self.under_way.remove(at);
                    let output = self.sessions.poll(self.now, exchange);
                    self.keep(exchange, output);
                }
            }
            Action::Pass { seconds, backwards } => {
                let time = Duration::from_secs(u64::from(*seconds));
                self.now = if *backwards {
                    self.now.checked_sub(time).unwrap_or(self.start)
                } else {
                    self.now + time
                };
                self.went_back |= *backwards;
                let mut last = None;
                while let Some(expired) = self.sessions.poll_expired(self.now) {
                    assert!(expired.deadline() <= Some(self.now), "nothing expires early");
                    assert!(expired.at_work().is_none(), "nobody loses a session at work");
                    // A table cannot tell deadlines apart that lie before its first one.
                    assert!(last <= expired.deadline() || self.went_back, "in the order of deadlines");
                    last = expired.deadline();
                }
            }
            Action::Evict { session } => {
                if let Some(id) = self.created.get(usize::from(*session)) {
                    self.sessions.evict(*id);
                }
            }
        }
    }

    fn request(&mut self, packet: &Packet, session: u8, owner: bool, other_destination: bool) {
        if self.under_way.len() >= MAX_EXCHANGES {
            return;
        }
        let known = self.created.get(usize::from(session)).copied();
        let session_id = known.unwrap_or(Guid::from_bytes([session; 16])).into();
        let request = match *packet {
            Packet::Create => Request::CreateSession(CreateSession {
                protocols: ProtocolId::BITS_1_5.into(),
                content_name: None,
            }),
            Packet::Ping => Request::Ping(Ping),
            Packet::Fragment { first, length, total } => {
                let end = u64::from(first) + u64::from(length) + 1;
                let range = ContentRange::new(u64::from(first)..end, u64::from(total).max(end));
                let range = range.expect("not empty, and within the total");
                Request::Fragment(Fragment { session_id, range: Some(range), content_name: None })
            }
            Packet::Empty => Request::Fragment(Fragment { session_id, range: None, content_name: None }),
            Packet::Close => Request::CloseSession(CloseSession { session_id, content_name: None }),
            Packet::Cancel => Request::CancelSession(CancelSession { session_id }),
        };
        let target = if other_destination { "/b" } else { "/a" }.parse().expect("a path");
        let arrival = Arrival { request: &request, target: &target, owner: &owner };
        self.random = self.random.wrapping_add(1);
        let random = [self.random; 16];
        let (exchange, output) = self.sessions.handle_request(self.now, &arrival, || random);
        if matches!(output, Output::Open) {
            self.created.push(exchange.session());
            self.received.insert(exchange.session(), 0);
        }
        self.keep(exchange, output);
    }

    fn pick(&self, exchange: u8) -> Option<usize> {
        usize::from(exchange).checked_rem(self.under_way.len())
    }

    /// The report that fits what the exchange was asked to do.
    fn obedient(&self, at: usize, part: Option<u8>) -> Option<Report> {
        Some(match &self.under_way[at].1 {
            Output::Open => Report::Opened,
            Output::Store(store) => {
                let length = store.range.end - store.range.start;
                Report::Stored(part.map_or(length, |part| length.min(u64::from(part))))
            }
            Output::Notify => Report::Notified(Notified { copy_to_destination: true, reply_url: None }),
            Output::Publish => Report::Published,
            Output::Discard => Report::Discarded,
            Output::Abort(_) | Output::Wait | Output::Respond(_) => return None,
        })
    }

    fn report(&mut self, at: usize, report: Report) {
        let (exchange, asked) = self.under_way.remove(at);
        let session = self.sessions.get(exchange.session());
        let works = session.and_then(|session| session.at_work()) == Some(exchange);
        match (&asked, &report) {
            (Output::Store(store), Report::Stored(bytes) | Report::Failed { stored: bytes, .. }) if works => {
                let stored = (*bytes).min(store.range.end - store.range.start);
                *self.received.get_mut(&exchange.session()).expect("it was created") += stored;
            }
            (Output::Publish, Report::Published) if works => {
                let session = session.expect("somebody works on it");
                assert_eq!(session.total(), Some(session.received()), "half a file was published");
            }
            _ => {}
        }
        let output = self.sessions.handle_report(self.now, exchange, report);
        self.keep(exchange, output);
    }

    fn keep(&mut self, exchange: Exchange, output: Output) {
        match output {
            Output::Respond(ack) => {
                let response = ack.to_response();
                assert_eq!(response.headers()["content-length"], "0");
                assert_eq!(response.headers()["bits-packet-type"], "Ack");
                if response.status().is_success() {
                    assert!(!response.headers().contains_key("bits-error"));
                }
            }
            output => self.under_way.push((exchange, output)),
        }
    }

    fn check(&self) {
        assert!(self.sessions.len() <= MAX_SESSIONS, "the table has a bound");
        for session in self.sessions.iter() {
            assert_eq!(
                session.received(),
                self.received[&session.id()],
                "what was reported stored counts, and no more"
            );
            assert!(session.received() <= session.total().unwrap_or(0));
            assert!(!matches!(session.state(), State::Ended(_)), "who has ended is not in the table");
        }
        for (exchange, output) in &self.under_way {
            let works = matches!(
                output,
                Output::Open | Output::Store(_) | Output::Notify | Output::Publish | Output::Discard
            );
            if works {
                let rivals = self.under_way.iter().filter(|(other, output)| {
                    other.session() == exchange.session()
                        && !matches!(output, Output::Wait | Output::Abort(_))
                        && self.sessions.get(other.session()).and_then(|session| session.at_work())
                            == Some(*other)
                });
                assert!(rivals.count() <= 1, "two exchanges work on one session");
            }
        }
    }
}
