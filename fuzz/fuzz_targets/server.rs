//! The server's table, driven by arbitrary clients, by tasks that report what they like or die, and through restarts.
#![no_main]

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bits_proto::notify::NotificationType;
use bits_proto::packet::{Ack, CancelSession, CloseSession, CreateSession, Fragment, Ping, Request};
use bits_proto::server::{
    Directory, Exchange, Keep, Notified, Output, OwnerCheck, Refusal, Report, Sessions, Signal, State,
};
use bits_proto::{Conformance, ContentRange, Guid, ProtocolId};
use bits_proto_fuzz::disk::Disk;
use libfuzzer_sys::fuzz_target;

const MAX_SESSIONS: usize = 6;
const MAX_EXCHANGES: usize = 64;

#[derive(Arbitrary, Debug)]
struct Input {
    strict: bool,
    notification: bool,
    create_only: bool,
    /// What the server keeps: nothing, records, or records without the offset.
    keep: u8,
    /// Whether signals are lost.
    deaf: bool,
    actions: Vec<Action>,
}

#[derive(Arbitrary, Debug)]
enum Action {
    Request {
        packet: Packet,
        session: u8,
        owner: bool,
        other_destination: bool,
        /// Whether its head says that the body comes in chunks, so that it cannot be read.
        unreadable: bool,
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
    /// A task dies, before or after it did what it was asked to do.
    Die {
        exchange: u8,
        done: bool,
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
    /// The process is killed, and starts again with records of this age.
    Restart {
        age: u16,
        tells: bool,
    },
    /// The storage loses bytes of a session, or all of them, and the process is killed.
    Lose {
        session: u8,
        left: Option<u8>,
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
    Admitted,
    Opened,
    Stored(u64),
    StoredPart(u64),
    Notified { copy: bool },
    Saved,
    Published,
    Discarded,
    Forgotten,
    Failed { final_refusal: bool },
}

impl Told {
    fn report(&self) -> Report {
        match *self {
            Self::Admitted => Report::Admitted,
            Self::Opened => Report::Opened,
            Self::Stored(bytes) => Report::Stored(bytes),
            Self::StoredPart(bytes) => Report::StoredPart(bytes, Refusal::DiskFull),
            Self::Notified { copy } => {
                Report::Notified(Notified { copy_to_destination: copy, reply_url: None })
            }
            Self::Saved => Report::Saved,
            Self::Published => Report::Published,
            Self::Discarded => Report::Discarded,
            Self::Forgotten => Report::Forgotten,
            Self::Failed { final_refusal: true } => {
                Report::Failed(Refusal::Application { status: http::StatusCode::FORBIDDEN, code: None })
            }
            Self::Failed { .. } => Report::Failed(Refusal::DiskFull),
        }
    }
}

/// An exchange under way.
struct Task {
    exchange: Exchange,
    /// The type of the packet; none, where no client asked.
    packet: Option<&'static str>,
    /// The work that it was asked to do, and has not reported.
    work: Option<Output<bool>>,
}

/// What the world knows: which exchanges are under way, and what was reported and told.
struct World {
    directory: Directory,
    sessions: Sessions<bool>,
    disk: Disk<bool>,
    now: Instant,
    start: Instant,
    deaf: bool,
    created: Vec<Guid>,
    tasks: Vec<Task>,
    /// What was reported stored.
    received: HashMap<Guid, u64>,
    /// The offset that a client was told last.
    told: HashMap<Guid, u64>,
    /// Whose entity the application keeps for itself.
    taken: HashSet<Guid>,
    /// Whose entity was perhaps published.
    doubtful: HashSet<Guid>,
    evicted: HashSet<Guid>,
    most: usize,
}

fuzz_target!(|input: Input| {
    let keep = [Keep::Nothing, Keep::Records, Keep::RecordsWithoutOffset][usize::from(input.keep % 3)];
    let mut directory = Directory::builder()
        .conformance(if input.strict { Conformance::Strict } else { Conformance::Interop })
        .owner_check(if input.create_only { OwnerCheck::CreateOnly } else { OwnerCheck::EveryPacket })
        .max_sessions(MAX_SESSIONS)
        .sessions_per_owner(4)
        .max_upload_size(200)
        .max_fragment_size(100)
        .tombstones(Duration::from_secs(100), 3)
        .session_timeout(Duration::from_secs(1000))
        .keep(keep);
    if input.notification {
        directory = directory.notification(NotificationType::ByReference("/app".parse().expect("a URL")));
    }
    let directory = directory.build().expect("it makes sense");
    let start = Instant::now() + Duration::from_secs(1_000_000);
    let mut world = World {
        sessions: Sessions::new(directory.clone()),
        directory,
        disk: Disk::default(),
        now: start,
        start,
        deaf: input.deaf,
        created: Vec::new(),
        tasks: Vec::new(),
        received: HashMap::new(),
        told: HashMap::new(),
        taken: HashSet::new(),
        doubtful: HashSet::new(),
        evicted: HashSet::new(),
        most: MAX_SESSIONS,
    };
    for action in &input.actions {
        world.act(action);
        world.listen();
        world.check();
    }
    world.finish();
});

impl World {
    fn act(&mut self, action: &Action) {
        match *action {
            Action::Request { ref packet, session, owner, other_destination, unreadable } => {
                self.request(packet, session, owner, other_destination, unreadable);
            }
            Action::Obey { exchange, part } => {
                if let Some(at) = self.pick(exchange) {
                    self.obey(at, part);
                }
            }
            Action::Disobey { exchange, ref report } => {
                if let Some(at) = self.pick(exchange) {
                    self.disobey(at, report.report());
                }
            }
            Action::Die { exchange, done } => {
                if let Some(at) = self.pick(exchange) {
                    let Task { exchange, work, .. } = self.tasks.swap_remove(at);
                    if let (true, Some(work), Some(id)) = (done, work, exchange.session()) {
                        self.disk.work(id, &work, &[0; 200]);
                    }
                    self.sessions.handle_abandoned(self.now, exchange);
                }
            }
            Action::Poll { exchange } => {
                if let Some(at) = self.pick(exchange) {
                    self.poll(at);
                }
            }
            Action::Pass { seconds, backwards } => {
                let time = Duration::from_secs(u64::from(seconds));
                self.now = match backwards {
                    true => self.now.checked_sub(time).unwrap_or(self.start),
                    false => self.now + time,
                };
                self.expire();
            }
            Action::Evict { session } => {
                if let Some(&id) = self.created.get(usize::from(session)) {
                    self.sessions.evict(self.now, id);
                    self.evicted.insert(id);
                    self.expire();
                }
            }
            Action::Restart { age, tells } => self.restart(age, tells),
            Action::Lose { session, left } => {
                let Some(&id) = self.created.get(usize::from(session)) else { return };
                // A storage that loses what is being published makes everybody believe that it was.
                if self.doubtful.contains(&id) {
                    return;
                }
                match left {
                    Some(left) => {
                        self.disk.parts.entry(id).and_modify(|part| part.truncate(usize::from(left)));
                        let told = self.told.entry(id).or_default();
                        *told = (*told).min(u64::from(left));
                    }
                    None => drop(self.disk.parts.remove(&id)),
                }
                self.restart(0, false);
            }
        }
    }

    fn request(
        &mut self,
        packet: &Packet,
        session: u8,
        owner: bool,
        other_destination: bool,
        unreadable: bool,
    ) {
        if self.tasks.len() >= MAX_EXCHANGES {
            return;
        }
        let known = self.created.get(usize::from(session)).copied();
        let session_id = known.unwrap_or(Guid::from_bytes([session; 16])).into();
        let (request, name) = match *packet {
            Packet::Create => {
                let protocols = ProtocolId::BITS_1_5.into();
                (Request::CreateSession(CreateSession { protocols, content_name: None }), "Create")
            }
            Packet::Ping => (Request::Ping(Ping), "Ping"),
            Packet::Fragment { first, length, total } => {
                let end = u64::from(first) + u64::from(length) + 1;
                let range = ContentRange::new(u64::from(first)..end, u64::from(total).max(end));
                let range = Some(range.expect("not empty, and within the total"));
                (Request::Fragment(Fragment { session_id, range, content_name: None }), "Fragment")
            }
            Packet::Empty => {
                (Request::Fragment(Fragment { session_id, range: None, content_name: None }), "Fragment")
            }
            Packet::Close => {
                (Request::CloseSession(CloseSession { session_id, content_name: None }), "Close")
            }
            Packet::Cancel => (Request::CancelSession(CancelSession { session_id }), "Cancel"),
        };
        let target = if other_destination { "http://server/b" } else { "http://server/a" };
        let mut head = request.to_http(&target.parse().expect("a URL"));
        if unreadable {
            head.headers_mut().remove("content-length");
            head.headers_mut().insert("transfer-encoding", http::HeaderValue::from_static("chunked"));
        }
        let id = Guid::from_random((self.created.len() as u128 + 1).to_be_bytes());
        let random = || (self.created.len() as u128 + 1).to_be_bytes();
        let exchange = self.sessions.handle_request(self.now, &head, &owner, random).expect("a packet");
        if exchange.session() == Some(id) && name == "Create" {
            self.created.push(id);
            self.received.insert(id, 0);
        }
        self.tasks.push(Task { exchange, packet: Some(name), work: None });
        self.poll(self.tasks.len() - 1);
    }

    fn pick(&self, exchange: u8) -> Option<usize> {
        usize::from(exchange).checked_rem(self.tasks.len())
    }

    /// A task asks for its output. Whether there was something for it.
    fn poll(&mut self, at: usize) -> bool {
        let Task { exchange, ref work, .. } = self.tasks[at];
        let output = self.sessions.poll_output(self.now, exchange);
        if let Some(known) = work {
            // But for the time that is left, which a record has.
            let is_same = matches!((known, &output), (Output::Save(_), Some(Output::Save(_))));
            assert!(is_same || output.as_ref() == Some(known), "the same work until it is reported");
        }
        match output {
            None => false,
            Some(Output::Respond(ack)) => {
                let task = self.tasks.swap_remove(at);
                self.answered(&task, &ack);
                true
            }
            Some(Output::Done) => {
                let task = self.tasks.swap_remove(at);
                assert!(task.packet.is_none(), "a client gets no answer");
                true
            }
            Some(work) => {
                if let (Output::Publish { .. }, Some(id)) = (&work, exchange.session()) {
                    self.doubtful.insert(id);
                }
                if let Output::Save(record) = &work {
                    assert!(self.directory.keep() != Keep::Nothing, "nothing is kept");
                    if record.is_publishing() {
                        self.doubtful.insert(record.id());
                    }
                }
                self.tasks[at].work = Some(work);
                true
            }
        }
    }

    /// A task does its work, of a body that may end early, and reports it.
    fn obey(&mut self, at: usize, part: Option<u8>) {
        let Task { exchange, ref work, .. } = self.tasks[at];
        let Some(work) = work.clone() else {
            self.poll(at);
            return;
        };
        let body = [0; 200];
        let report = match exchange.session() {
            Some(id) => {
                self.disk.work(id, &work, &body[..part.map_or(200, |part| usize::from(part).min(200))])
            }
            None => Report::Admitted,
        };
        self.report(at, &work, report);
    }

    /// A task reports what it likes. Where that fits its work, it is true, but for the number of bytes, of which too many may
    /// be claimed.
    fn disobey(&mut self, at: usize, report: Report) {
        let Task { exchange, ref work, .. } = self.tasks[at];
        let Some(work) = work.clone() else {
            self.sessions.handle_report(self.now, exchange, report);
            self.poll(at);
            return;
        };
        let id = exchange.session();
        let report = match (&work, report, id) {
            (
                Output::Store(store),
                report @ (Report::Stored(bytes) | Report::StoredPart(bytes, _)),
                Some(id),
            ) => {
                let read = usize::try_from(store.skip().saturating_add(bytes)).unwrap_or(200).min(200);
                match self.disk.work(id, &work, &[0; 200][..read]) {
                    Report::Stored(_) => report,
                    failed => failed,
                }
            }
            (Output::Notify { .. }, Report::Notified(notified), Some(id)) => {
                if !notified.copy_to_destination {
                    self.taken.insert(id);
                }
                Report::Notified(notified)
            }
            (Output::Open, Report::Opened, Some(id))
            | (Output::Save(_), Report::Saved, Some(id))
            | (Output::Publish { .. }, Report::Published, Some(id))
            | (Output::Discard, Report::Discarded, Some(id))
            | (Output::Forget, Report::Forgotten, Some(id)) => self.disk.work(id, &work, &[]),
            (_, report, _) => report,
        };
        self.report(at, &work, report);
    }

    fn report(&mut self, at: usize, work: &Output<bool>, report: Report) {
        let task = &mut self.tasks[at];
        let exchange = task.exchange;
        let fits = match (work, &report) {
            (Output::Store(store), Report::Stored(bytes) | Report::StoredPart(bytes, _)) => {
                let id = exchange.session().expect("it stores");
                *self.received.get_mut(&id).expect("it was created") += (*bytes).min(store.length());
                true
            }
            (Output::Admit, Report::Admitted)
            | (Output::Open, Report::Opened)
            | (Output::Notify { .. }, Report::Notified(_))
            | (Output::Save(_), Report::Saved)
            | (Output::Publish { .. }, Report::Published)
            | (Output::Discard, Report::Discarded)
            | (Output::Forget, Report::Forgotten)
            | (_, Report::Failed(_)) => true,
            _ => false,
        };
        if fits {
            task.work = None;
        }
        self.sessions.handle_report(self.now, exchange, report);
        self.poll(at);
    }

    fn answered(&mut self, task: &Task, ack: &Ack<'_>) {
        let response = ack.to_response();
        assert!(task.work.is_none(), "an answer before the work is reported");
        assert_eq!(response.headers()["content-length"], "0");
        assert_eq!(response.headers()["bits-packet-type"], "Ack");
        if response.status().is_success() {
            assert!(!response.headers().contains_key("bits-error"));
        }
        let Some(id) = task.exchange.session() else { return };
        let saves = self.directory.keep() != Keep::Nothing;
        let offset = response.headers().get("bits-received-content-range");
        let offset = offset.map(|offset| offset.to_str().expect("text").parse().expect("a number"));
        if let Some(offset) = offset {
            self.told.insert(id, offset);
            if self.directory.keep() == Keep::Records {
                assert!(self.disk.records[&id].received() >= offset, "told before it was saved");
            }
        }
        if !response.status().is_success() {
            return;
        }
        if saves && task.packet != Some("Cancel") {
            assert!(self.disk.records.contains_key(&id), "told before it was saved");
        }
        if task.packet == Some("Close") {
            let kept = self.taken.contains(&id);
            assert!(kept || self.disk.count(id) == 1, "closed, and not published");
        }
    }

    /// Drives what no client asked for, as far as it goes at once.
    fn expire(&mut self) {
        let deadlines: HashMap<Guid, Option<Instant>> =
            self.sessions.iter().map(|session| (session.id(), session.deadline())).collect();
        while let Some(exchange) = self.sessions.poll_expired(self.now) {
            let id = exchange.session().expect("it is of a session");
            self.tasks.push(Task { exchange, packet: None, work: None });
            let at = self.tasks.len() - 1;
            self.poll(at);
            let ends = match self.tasks.get(at).and_then(|task| task.work.as_ref()) {
                Some(Output::Discard) => true,
                Some(Output::Save(record)) => record.is_ending(),
                _ => false,
            };
            let deadline = deadlines.get(&id).copied().flatten();
            let is_early = deadline.is_some_and(|deadline| deadline > self.now);
            assert!(!(ends && is_early) || self.evicted.contains(&id), "expired early");
        }
    }

    fn restart(&mut self, age: u16, tells: bool) {
        let age = Duration::from_secs(u64::from(age));
        self.tasks.clear();
        let held: HashMap<Guid, usize> = self.disk.parts.iter().map(|(id, part)| (*id, part.len())).collect();
        self.sessions = self.disk.restart(self.now, self.directory.clone(), age, tells);
        for (id, record) in &self.disk.records {
            let Some(session) = self.sessions.get(*id) else {
                // No client ever learned of one that was not opened.
                let is_over = record.is_ending() || record.state() == State::Opening;
                assert!(is_over || !held.contains_key(id) || self.disk.count(*id) > 0, "given up");
                continue;
            };
            let told = self.told.get(id).copied().unwrap_or_default();
            assert!(session.received() >= told, "what a client was told is forgotten");
            self.received.insert(*id, session.received());
        }
        // Sessions that ended and were not saved so are open again.
        self.most = MAX_SESSIONS.max(self.sessions.len());
    }

    /// Hears the signals, or not.
    fn listen(&mut self) {
        while let Some(signal) = self.sessions.poll_signal() {
            let at = self.tasks.iter().position(|task| task.exchange == signal.exchange());
            match (signal, at) {
                (Signal::Stop(exchange), Some(_)) => {
                    assert!(self.sessions.is_superseded(exchange), "told to stop for nothing");
                }
                (Signal::Ready(_), Some(at)) if !self.deaf => drop(self.poll(at)),
                _ => {}
            }
        }
    }

    fn check(&self) {
        assert!(self.sessions.len() <= self.most, "the table has a bound");
        for session in self.sessions.iter() {
            let id = session.id();
            assert_eq!(
                session.received(),
                self.received[&id],
                "what was reported stored counts, and no more"
            );
            assert!(session.received() <= session.total().unwrap_or(0));
            assert!(!matches!(session.state(), State::Ended(_)), "who has ended is not in the table");
        }
        let mut at_work = HashSet::new();
        for task in &self.tasks {
            if let (Some(_), Some(id)) = (&task.work, task.exchange.session()) {
                assert!(at_work.insert(id), "two exchanges work on one session");
                let session = self.sessions.get(id);
                assert!(session.is_none_or(|session| session.at_work() == Some(task.exchange)));
            }
        }
    }

    /// Everybody does as asked from now on: so every exchange ends.
    fn finish(&mut self) {
        for _ in 0..1000 {
            if self.tasks.is_empty() {
                return;
            }
            for at in (0..self.tasks.len()).rev() {
                if at < self.tasks.len() {
                    self.obey(at, None);
                }
            }
            self.check();
        }
        panic!("an exchange never ends");
    }
}
