//! Properties of a server, with any clients and any tasks: requests legal and odd, tasks that store, fail,
//! lie, forget and die, all at once and in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bits_proto::notify::NotificationType;
use bits_proto::server::{
    Directory, DirectoryBuilder, Keep, Notified, Output, Refusal, Report, Session, State,
};
use bits_proto::{Conformance, Guid};
use http::Request;
use proptest::prelude::*;
use testing::server::serve::*;

const MAX_SESSIONS: usize = 4;
const SESSIONS_PER_OWNER: usize = 3;
const TIMEOUT: Duration = Duration::from_secs(100);

/// One thing that happens. Sessions and tasks are named by any number, which counts around.
#[derive(Clone, Debug)]
enum Action {
    Create {
        owner: Owner,
    },
    /// A Create-Session for which the random source repeats itself.
    Again {
        owner: Owner,
        session: usize,
    },
    Send {
        owner: Owner,
        session: usize,
        packet: Packet,
    },
    /// A task does what it was asked to do.
    Perform {
        task: usize,
    },
    /// A task stores a part of its body and then stops, or fails.
    Store {
        task: usize,
        bytes: u64,
        failure: Option<Refusal>,
    },
    /// A task tells something, true or not.
    Report {
        task: usize,
        report: Report,
    },
    /// A task dies.
    Die {
        task: usize,
    },
    Poll {
        task: usize,
    },
    Pass {
        seconds: u64,
    },
    Evict {
        session: usize,
    },
    /// The process dies, and another one takes up what was saved so many seconds ago.
    Restart {
        seconds: u64,
    },
}

#[derive(Clone, Debug)]
enum Packet {
    Ping,
    Fragment { start: u64, length: u64, total: u64 },
    Empty,
    Close,
    Cancel,
    Elsewhere,
    Malformed,
    Unreadable,
}

impl Packet {
    fn head(&self, id: &str) -> Request<()> {
        match *self {
            Self::Ping => packet("Ping"),
            Self::Fragment { start, length, total } => fragment(id, start..start + length, total),
            Self::Empty => empty_fragment(id),
            Self::Close => close(id),
            Self::Cancel => cancel(id),
            Self::Elsewhere => to("/elsewhere", close(id)),
            Self::Malformed => with(close(id), "Content-Length", "1"),
            Self::Unreadable => with(fragment(id, 0..5, 20), "Content-Range", "bytes 0-4"),
        }
    }
}

fn owner() -> impl Strategy<Value = Owner> {
    prop_oneof![5 => Just(ALICE), 1 => Just(BOB)]
}

fn a_packet() -> impl Strategy<Value = Packet> {
    // Few totals, so that most fragments of a session agree; one is larger than the server takes.
    let total = prop_oneof![8 => Just(20_u64), 1 => Just(10), 1 => Just(40)];
    let fragment = (0..20_u64, 1..20_u64, total).prop_map(|(start, length, total)| Packet::Fragment {
        start,
        length,
        total,
    });
    let whole = Just(Packet::Fragment { start: 0, length: 20, total: 20 });
    prop_oneof![
        6 => fragment,
        4 => whole,
        1 => Just(Packet::Empty),
        4 => Just(Packet::Close),
        2 => Just(Packet::Cancel),
        1 => Just(Packet::Ping),
        1 => Just(Packet::Elsewhere),
        1 => Just(Packet::Malformed),
        1 => Just(Packet::Unreadable),
    ]
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop::sample::select(vec![
        Refusal::AccessDenied,
        Refusal::EntityMissing,
        Refusal::BadBody,
        Refusal::DiskFull,
        Refusal::Internal,
        Refusal::Application { status: http::StatusCode::FORBIDDEN, code: None },
        Refusal::Application { status: http::StatusCode::OK, code: None },
        Refusal::ApplicationTimeout,
    ])
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        Just(Report::Opened),
        Just(Report::Stored(0)),
        Just(Report::Stored(u64::MAX)),
        Just(Report::Notified(Notified { copy_to_destination: true, reply_url: None })),
        Just(Report::Published),
        Just(Report::Discarded),
        Just(Report::Saved),
        Just(Report::Forgotten),
        refusal().prop_map(Report::Failed),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let any = any::<u8>().prop_map(usize::from);
    prop_oneof![
        2 => owner().prop_map(|owner| Action::Create { owner }),
        1 => (owner(), any.clone()).prop_map(|(owner, session)| Action::Again { owner, session }),
        8 => (owner(), any.clone(), a_packet())
            .prop_map(|(owner, session, packet)| Action::Send { owner, session, packet }),
        8 => any.clone().prop_map(|task| Action::Perform { task }),
        3 => (any.clone(), 0..20_u64, prop::option::of(refusal()))
            .prop_map(|(task, bytes, failure)| Action::Store { task, bytes, failure }),
        3 => (any.clone(), report()).prop_map(|(task, report)| Action::Report { task, report }),
        1 => any.clone().prop_map(|task| Action::Die { task }),
        2 => any.clone().prop_map(|task| Action::Poll { task }),
        1 => prop_oneof![Just(0), 0..120_u64].prop_map(|seconds| Action::Restart { seconds }),
        1 => (0..120_u64).prop_map(|seconds| Action::Pass { seconds }),
        1 => any.prop_map(|session| Action::Evict { session }),
    ]
}

/// A server, the tasks that serve it, and what a witness remembers.
struct World {
    server: Server,
    ids: Vec<Guid>,
    /// The tasks, and whether each answers a Close.
    tasks: Vec<(Turn, bool)>,
    received: BTreeMap<Guid, u64>,
    totals: BTreeMap<Guid, u64>,
    published: BTreeSet<Guid>,
    /// How many of the sessions that the last restart found may still be there, in all (`None`) and of each owner. It finds
    /// more than the limits allow where an end was not saved, and throws none away.
    restored: BTreeMap<Option<Owner>, usize>,
    directory: DirectoryBuilder,
}

impl World {
    fn new(conformance: Conformance, notification: bool, keep: Keep) -> Self {
        let notification = if notification { notified() } else { NotificationType::None };
        let directory = Directory::builder().conformance(conformance).notification(notification);
        let directory = directory.max_sessions(MAX_SESSIONS).sessions_per_owner(SESSIONS_PER_OWNER);
        let directory = directory.max_upload_size(30).max_fragment_size(25).session_timeout(TIMEOUT);
        let directory = directory.tombstones(TIMEOUT, 3).keep(keep);
        let mut server = Server::new(directory.clone());
        server.by_hand = true;
        Self {
            server,
            directory,
            ids: Vec::new(),
            tasks: Vec::new(),
            received: BTreeMap::new(),
            totals: BTreeMap::new(),
            published: BTreeSet::new(),
            restored: BTreeMap::new(),
        }
    }

    fn id(&self, session: usize) -> Option<Guid> {
        self.ids.get(session % self.ids.len().max(1)).copied()
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Create { owner } => {
                let turn = self.server.begin_as(owner, create());
                self.ids.extend((turn.work() == Work::Open).then(|| turn.exchange().session().unwrap()));
                self.tasks.push((turn, false));
            }
            Action::Again { owner, session } => {
                let Some(id) = self.id(session).filter(|id| self.server.sessions.get(*id).is_some()) else {
                    return;
                };
                let turn = self.server.begin_drawing(*id.as_bytes(), owner, create());
                assert_bare(&turn.response(), 503);
            }
            Action::Send { owner, session, packet } => {
                let Some(id) = self.id(session) else { return };
                let mut turn = self.server.begin_as(owner, packet.head(&id.to_string()));
                if turn.work() == Work::Admit {
                    self.server.perform(&mut turn);
                }
                self.tasks.push((turn, matches!(packet, Packet::Close)));
            }
            Action::Perform { task } => self.at(task, Self::perform),
            Action::Store { task, bytes, failure } => {
                self.at(task, |world, task| world.store(task, bytes, failure));
            }
            Action::Report { task, report } => self.at(task, |world, task| world.report(task, report)),
            Action::Die { task } => self.at(task, Self::die),
            Action::Poll { task } => self.at(task, |world, task| world.poll(task)),
            Action::Pass { seconds } => {
                self.server.pass(Duration::from_secs(seconds));
                while let Some(turn) = self.server.begin_expired() {
                    self.tasks.push((turn, false));
                }
            }
            Action::Evict { session } => {
                let Some(id) = self.id(session) else { return };
                self.server.sessions.evict(self.server.now, id);
            }
            Action::Restart { seconds } => self.restart(Duration::from_secs(seconds)),
        }
    }

    fn restart(&mut self, age: Duration) {
        self.tasks.clear();
        let told: Vec<_> =
            self.server.sessions.iter().map(|session| (session.id(), session.received())).collect();
        self.server.restart(self.directory.clone(), age);
        // Bytes that no record names belong to a Create whose client was never told of it.
        self.server.stored.retain(|id, _| self.server.records.contains_key(id));
        // What was reported stored but not saved does not count, unless the storage vouches for it.
        let restored = |id: &Guid| self.server.sessions.get(*id);
        for (id, received) in told {
            let most = |session: &Session<Owner>| received.max(session.total().unwrap_or_default());
            assert!(restored(&id).is_none_or(|session| session.received() <= most(session)));
        }
        self.received =
            self.server.sessions.iter().map(|session| (session.id(), session.received())).collect();
        self.totals.retain(|id, _| restored(id).is_some_and(|session| session.total().is_some()));
        self.restored = self.owned();
    }

    /// How many sessions there are, in all and of each owner.
    fn owned(&self) -> BTreeMap<Option<Owner>, usize> {
        let mut owned = BTreeMap::new();
        for session in self.server.sessions.iter() {
            for counted in [None, Some(*session.owner())] {
                *owned.entry(counted).or_default() += 1;
            }
        }
        owned
    }

    fn at(&mut self, task: usize, act: impl FnOnce(&mut Self, usize)) {
        let tasks = self.tasks.len();
        if tasks > 0 && self.tasks[task % tasks].0.exchange().session().is_some() {
            act(self, task % tasks);
        }
    }

    fn die(&mut self, task: usize) {
        let (turn, _) = &mut self.tasks[task];
        // A task that dies while it saves may have saved, or not: both are tried.
        if let Some(Output::Save(record)) = turn.output.clone() {
            if record.received() % 2 == 0 {
                self.server.keep(*record);
            }
        }
        self.server.abandon(turn);
    }

    fn perform(&mut self, task: usize) {
        let turn = &mut self.tasks[task].0;
        if turn.work() == Work::Publish {
            let id = turn.exchange().session().unwrap();
            assert!(self.published.insert(id), "published twice");
        }
        self.server.perform(turn);
    }

    fn store(&mut self, task: usize, bytes: u64, failure: Option<Refusal>) {
        let Some(Output::Store(store)) = &self.tasks[task].0.output else { return };
        let bytes = bytes.min(store.length());
        self.server.store_part(&self.tasks[task].0, bytes);
        let report = match failure {
            Some(refusal) => Report::StoredPart(bytes, refusal),
            None => Report::Stored(bytes),
        };
        self.server.report(&mut self.tasks[task].0, report);
    }

    /// Tells anything, but never that a step was done which was not: that lie no server survives.
    fn report(&mut self, task: usize, report: Report) {
        let turn = &mut self.tasks[task].0;
        let lie = matches!(
            (turn.work(), &report),
            (Work::Open, Report::Opened)
                | (Work::Store, Report::Stored(1..))
                | (Work::Publish, Report::Published | Report::Failed(Refusal::EntityMissing))
                | (Work::Discard, Report::Discarded)
                | (Work::Save, Report::Saved)
                | (Work::Forget, Report::Forgotten)
        );
        if !lie {
            self.server.report(turn, report);
        }
    }

    fn poll(&mut self, task: usize) {
        self.server.poll(&mut self.tasks[task].0);
    }

    /// Does all that is still to be done; every exchange comes to its answer.
    fn finish(&mut self) {
        for _ in 0..16 {
            for task in 0..self.tasks.len() {
                self.at(task, Self::perform);
                self.check();
            }
        }
        for (turn, _) in &self.tasks {
            assert!(turn.work() == Work::Done || turn.response().status().as_u16() >= 200);
        }
    }

    fn check(&mut self) {
        for session in self.server.sessions.iter() {
            let (id, received) = (session.id(), session.received());
            assert!(!matches!(session.state(), State::Ended(_)), "what has ended is not in the table");

            let stored = self.server.stored.get(&id).map_or(0, |bytes| bytes.len() as u64);
            assert_eq!(received, stored, "what counts is what was reported stored");
            let before = self.received.insert(id, received).unwrap_or_default();
            assert!(before <= received, "bytes that were stored stay");

            if let Some(total) = session.total() {
                assert!(received <= total);
                assert_eq!(*self.totals.entry(id).or_insert(total), total);
            } else {
                assert_eq!(received, 0);
            }
            let complete = matches!(session.state(), State::Notifying | State::WaitingForClose);
            assert_eq!(complete, session.total() == Some(received), "{session:?}");
        }
        for (owner, owned) in self.owned() {
            let limit = if owner.is_some() { SESSIONS_PER_OWNER } else { MAX_SESSIONS };
            let restored = self.restored.entry(owner).or_default();
            *restored = owned.min(*restored);
            assert!(owned <= limit.max(*restored), "{owned} sessions of {owner:?}");
        }
        self.check_tasks();
        for entities in self.server.published.values() {
            for published in entities {
                assert!([0, 10, 20].contains(&published.len()), "no part of an entity is ever published");
                assert_eq!(*published, entity(0..published.len() as u64));
            }
        }
    }

    fn check_tasks(&self) {
        for (turn, closes) in &self.tasks {
            let Some(id) = turn.exchange().session() else { continue };
            let session = self.server.sessions.get(id);
            match (&turn.output, session) {
                (Some(Output::Publish { size }), Some(session)) => {
                    assert_eq!((session.total(), session.received()), (Some(*size), *size));
                }
                (Some(Output::Respond(ack)), _) if *closes && ack.status().is_success() => {
                    let id = ack.session_id().and_then(|id| id.guid()).unwrap();
                    assert!(self.published.contains(&id), "a Close succeeded that published nothing");
                }
                _ => {}
            }
        }
        for session in self.server.sessions.iter() {
            let working = |(turn, _): &&(Turn, bool)| {
                Some(turn.exchange()) == session.at_work()
                    && !matches!(turn.work(), Work::Respond | Work::Done | Work::Wait)
            };
            let at_work = self.tasks.iter().filter(working).count();
            assert_eq!(at_work, usize::from(session.at_work().is_some()), "{session:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn whatever_happens_the_server_keeps_its_promises(
        actions in prop::collection::vec(action(), 1..120),
        strict: bool,
        notification: bool,
        keep in prop::sample::select(vec![
            Keep::Nothing,
            Keep::Rows,
            Keep::Records,
            Keep::RecordsWithoutOffset,
        ]),
    ) {
        let conformance = if strict { Conformance::Strict } else { Conformance::Interop };
        let mut world = World::new(conformance, notification, keep);
        for action in actions {
            world.act(action);
            world.check();
        }
        world.finish();
    }
}
