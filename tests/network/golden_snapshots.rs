//! Snapshots that were stored by earlier versions stay readable, and come back as what they were.
//!
//! Each file in `tests/data/snapshots` is one, named after its machine, the version of its form, and where the machine
//! stood. They are never changed. When the form changes, its version does, and files of the new version are written by
//!
//! ```text
//! REGENERATE_SNAPSHOTS=1 cargo test --features serde --test network golden_snapshots
//! ```
//!
//! by a person who then reads them and adds them to the tables here; never in CI.
#![cfg(feature = "serde")]

use std::time::Duration;

use bits_proto::client::{self, Entity, ReplyMode};
use bits_proto::packet::Ack;
use bits_proto::server::{self, Directory, Ending, Held, Output, Session, State, Store};
use serde_json::Value;
use testing::client::answers::{self, SESSION};
use testing::client::at_rest;
use testing::client::scenario::{DESTINATION, NAME, Scenario, config};
use testing::server::alone;
use testing::server::alone::{Alone, Step, User};
use testing::server::serve::{ALICE, Work, cancel, close, fragment};

const TWO_WEEKS: Duration = Duration::from_secs(1_209_600);
const HOUR: Duration = Duration::from_secs(3600);

/// Where the files are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/snapshots");

const SERVER: &[&str] = &[
    "opening",
    "receiving-nothing",
    "receiving",
    "storing-for-an-exchange-that-is-asked-to-stop",
    "notifying",
    "never-to-be-notified-again",
    "waiting-for-close",
    "waiting-for-close-with-a-reply",
    "publishing",
    "discarding-what-the-application-has",
    "refused",
    "closed",
    "cancelled",
    "lost",
    "expired",
];

const CLIENT: &[&str] = &[
    "creating",
    "moved-to-another-host",
    "sending-the-last-fragment",
    "closing",
    "pacing",
    "waiting-to-retry",
    "waiting-for-credentials",
    "waiting-for-the-reply",
    "out-of-step",
    "suspended",
    "failed",
    "starting-over",
    "cancelling",
    "withdrawn",
    "completed",
    "cancelled",
];

/// The snapshot that is taken today where the machine stands at `name`.
fn server_today(name: &str) -> Value {
    let all = alone::everywhere();
    let (_, alone) = all.iter().find(|(other, _)| slug(other) == name).expect(name);
    serde_json::to_value(alone.snapshot()).unwrap()
}

fn client_today(name: &str) -> Value {
    let all = at_rest::everywhere();
    let (_, scenario, _) = all.iter().find(|(other, ..)| slug(other) == name).expect(name);
    serde_json::to_value(scenario.upload.snapshot(scenario.now)).unwrap()
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

#[test]
fn the_form_of_today_is_the_form_of_the_files() {
    for (machine, files, today) in
        [("server-v2", SERVER, server_today as fn(&str) -> Value), ("client-v2", CLIENT, client_today)]
    {
        for name in files {
            let today = today(name);
            regenerate(machine, name, &today);
            let stored: Value = serde_json::from_str(&file(machine, name)).unwrap();
            assert_eq!(today, stored, "{machine}, {name}: a form that changed has a version of its own");
        }
    }
}

/// Writes a file anew, if a person wants it.
#[expect(
    clippy::disallowed_methods,
    reason = "what a person asked for in the environment is written to a file"
)]
fn regenerate(machine: &str, name: &str, snapshot: &Value) {
    if std::env::var_os("REGENERATE_SNAPSHOTS").is_none() {
        return;
    }
    assert!(std::env::var_os("CI").is_none(), "never in CI");
    let text = serde_json::to_string_pretty(snapshot).unwrap();
    std::fs::write(format!("{FOLDER}/{machine}-{name}.json"), text + "\n").unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the snapshots are in files")]
fn file(machine: &str, name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}/{machine}-{name}.json")).expect(name)
}

// The server's.

/// The versions of the server's files.
const VERSIONS: [u64; 2] = [1, 2];

/// The session of a file, which must stand there.
#[track_caller]
fn session(version: u64, name: &str, state: State, received: u64, total: Option<u64>) -> Alone {
    let mut alone = Alone::open(alone::plain());
    let form = format!("server-v{version}");
    let snapshot: server::Snapshot<User> = serde_json::from_str(&file(&form, name)).unwrap();
    assert_eq!(snapshot.id().to_string(), "{07070707-0707-4707-8707-070707070707}");
    alone.session = Session::restore(alone.now, snapshot, Duration::ZERO).unwrap();
    let session = &alone.session;
    assert_eq!((session.state(), session.received(), session.total()), (state, received, total), "{name}");
    assert_eq!((session.owner().as_str(), session.destination()), (ALICE, "/upload/file.bin"));
    let left = match (version, state) {
        (1, _) | (_, State::Notifying | State::WaitingForClose) => TWO_WEEKS,
        (_, State::Receiving) if received > 0 => TWO_WEEKS,
        (_, State::Ended(Ending::Closed | Ending::Cancelled) | State::Opening | State::Receiving) => HOUR,
        _ => Duration::ZERO,
    };
    assert_eq!(session.deadline(), Some(alone.now + left), "{version}, {name}");
    alone
}

/// What the exchange at work is asked to do.
fn at_work(alone: &mut Alone) -> Step {
    let exchange = alone.session.at_work().expect("an exchange is at work");
    alone.poll(exchange)
}

fn asked(alone: &mut Alone, head: fn(&str) -> http::Request<()>) -> Step {
    alone.handle(head(&alone.id()))
}

fn second(id: &str) -> http::Request<()> {
    fragment(id, 50..100, 100)
}

fn rest() -> Option<Output<User>> {
    Some(Output::Store(Store::new(0, 50..100, 100)))
}

#[test]
fn sessions_that_receive_go_on() {
    for version in VERSIONS {
        let mut opening = session(version, "opening", State::Opening, 0, None);
        assert_eq!(at_work(&mut opening).work(), Work::Open);
        let mut nothing = session(version, "receiving-nothing", State::Receiving, 0, None);
        let first = Some(Output::Store(Store::new(0, 0..50, 100)));
        assert_eq!(asked(&mut nothing, |id| fragment(id, 0..50, 100)).output, first);
        let mut receiving = session(version, "receiving", State::Receiving, 50, Some(100));
        assert_eq!(asked(&mut receiving, second).output, rest());
        let name = "storing-for-an-exchange-that-is-asked-to-stop";
        let mut storing = session(version, name, State::Receiving, 50, Some(100));
        let step = at_work(&mut storing);
        assert_eq!(step.output, rest());
        let step = storing.report(&step, server::Report::Stored(50));
        assert_eq!(alone::status(&step), 503, "a newer exchange goes on from here");
    }
}

#[test]
fn sessions_that_are_complete_go_on() {
    for version in VERSIONS {
        let mut notifying = session(version, "notifying", State::Notifying, 100, Some(100));
        assert_eq!(at_work(&mut notifying).work(), Work::Notify);
        let mut refused = session(version, "never-to-be-notified-again", State::Notifying, 100, Some(100));
        assert_eq!(alone::status(&asked(&mut refused, second)), 403);
        for name in ["waiting-for-close", "waiting-for-close-with-a-reply"] {
            let mut waiting = session(version, name, State::WaitingForClose, 100, Some(100));
            let Some(Output::Respond(Ack::Fragment(ack))) = asked(&mut waiting, second).output else {
                panic!("{name}")
            };
            let url = ack.reply_url.map(|url| url.as_bytes().to_vec());
            assert_eq!(url.as_deref(), name.ends_with("reply").then_some(&br"Replies\{1}"[..]));
            assert_eq!(asked(&mut waiting, close).work(), Work::Publish);
        }
        let mut publishing = session(version, "publishing", State::WaitingForClose, 100, Some(100));
        assert_eq!(at_work(&mut publishing).work(), Work::Publish);
        let name = "discarding-what-the-application-has";
        let mut discarding = session(version, name, State::WaitingForClose, 100, Some(100));
        assert_eq!(at_work(&mut discarding).work(), Work::Discard);
    }
}

#[test]
fn sessions_that_have_ended_answer_as_before() {
    for version in VERSIONS {
        let mut closed = session(version, "closed", State::Ended(Ending::Closed), 100, Some(100));
        assert_eq!(alone::status(&asked(&mut closed, close)), 200);
        let mut cancelled = session(version, "cancelled", State::Ended(Ending::Cancelled), 50, Some(100));
        assert_eq!(alone::status(&asked(&mut cancelled, cancel)), 200);
        for (name, ending, received, total) in [
            ("refused", Ending::Refused, 0, None),
            ("lost", Ending::Lost, 100, Some(100)),
            ("expired", Ending::Expired, 50, Some(100)),
        ] {
            let ended = session(version, name, State::Ended(ending), received, total);
            let (head, owner) = (second(&ended.id()), ALICE.to_owned());
            let arrival = ended.directory.read(&head, &owner).unwrap();
            let mut session = ended.session;
            let answer = session.handle_request(ended.now, &arrival, &ended.directory);
            let answer = answer.map(|exchange| session.poll_output(ended.now, exchange, &ended.directory));
            let status = match answer {
                Ok(Some(Output::Respond(ack))) => ack.status(),
                Err(ack) => ack.status(),
                other => panic!("{other:?}"),
            };
            assert_eq!(status, 500, "{name}");
        }
    }
}

/// What a program kept that was stored as a row of an earlier version.
fn record(name: &str) -> server::Record<User> {
    serde_json::from_str(&file("server-v1", name)).unwrap()
}

#[test]
fn rows_of_the_first_version_are_records() {
    let published = [("publishing", Held::Nothing), ("closed", Held::Nothing)];
    let open = [("publishing", Held::Bytes(100)), ("receiving", Held::Bytes(50))];
    let gone = [("discarding-what-the-application-has", Held::Bytes(100)), ("receiving", Held::Nothing)];
    let restored = |(name, held)| {
        let record = record(name);
        let now = Alone::open(alone::plain()).now;
        let session = Session::recover(now, record, Duration::ZERO, held, &Directory::default()).unwrap();
        (session.state(), session.at_work())
    };
    for case in published {
        assert_eq!(restored(case), (State::Ended(Ending::Closed), None), "{case:?}");
    }
    assert_eq!(restored(open[0]), (State::WaitingForClose, None));
    assert_eq!(restored(open[1]), (State::Receiving, None));
    assert_eq!(restored(gone[0]), (State::Ended(Ending::Closed), None));
    assert_eq!(restored(gone[1]), (State::Ended(Ending::Lost), None));
}

// The client's.

/// The forms in which uploads were stored.
const FORMS: [&str; 2] = ["client-v1", "client-v2"];

/// The upload of a file, which must stand there.
#[track_caller]
fn upload(form: &str, name: &str, size: u64, acknowledged: u64, in_session: bool) -> Scenario {
    let snapshot: client::Snapshot = serde_json::from_str(&file(form, name)).unwrap();
    assert_eq!(snapshot.destination(), DESTINATION, "{name}");
    let entity = Entity::new(size).unwrap().named(NAME).unwrap();
    assert_eq!(snapshot.entity(), &entity, "{name}");
    let scenario = at_rest::restore(snapshot, entity, config().reply(ReplyMode::Optional)).unwrap();
    assert_eq!(scenario.upload.acknowledged(), acknowledged, "{name}");
    let session = scenario.upload.session_id().map(|id| id.as_str().to_owned());
    assert_eq!(session.as_deref(), in_session.then_some(SESSION), "{name}");
    scenario.waited()
}

#[test]
fn uploads_that_were_going_on_go_on() {
    FORMS.into_iter().for_each(going_on_go_on);
}

fn going_on_go_on(form: &str) {
    upload(form, "creating", 200, 0, false).expect("Create-Session");
    // At 100 bytes a second, paced fragments are of a quarter of a second.
    for (name, first, end) in [
        ("sending-the-last-fragment", 100, 200),
        ("pacing", 25, 125),
        ("waiting-to-retry", 0, 100),
        ("waiting-for-credentials", 0, 100),
    ] {
        let mut scenario = upload(form, name, 200, first, true);
        scenario.exchange("Ping", answers::ok());
        scenario.expect_fragment(&format!("bytes {first}-{}/200", end - 1));
    }
    let mut moved = upload(form, "moved-to-another-host", 200, 0, true);
    assert_eq!(moved.expect("Ping").uri().host(), Some("upload-2.example.org"));
    let mut doubtful = upload(form, "out-of-step", 200, 0, true);
    doubtful.exchange("Ping", answers::ok());
    assert_eq!(doubtful.restart().reason, client::Reason::OffsetUnknown);
}

#[test]
fn uploads_that_were_all_but_over_go_on() {
    FORMS.into_iter().for_each(all_but_over_go_on);
}

fn all_but_over_go_on(form: &str) {
    let mut closing = upload(form, "closing", 100, 100, true);
    closing.exchange("Ping", answers::ok());
    closing.exchange("Close-Session", answers::session_not_found());
    assert_eq!(closing.events(), [client::Event::Completed { confirmed: false }]);
    let mut reply = upload(form, "waiting-for-the-reply", 100, 100, true);
    reply.exchange("Ping", answers::ok());
    let url = "http://origin:8080/replies/1".parse().unwrap();
    assert_eq!(reply.events(), [client::Event::ReplyReady { url, trusted: true }]);
    let mut over = upload(form, "starting-over", 200, 0, true);
    over.exchange("Cancel-Session", answers::ok());
    over.expect("Create-Session");
    let mut cancelling = upload(form, "cancelling", 200, 100, true);
    cancelling.exchange("Cancel-Session", answers::ok());
    assert_eq!(cancelling.events(), [client::Event::Cancelled { confirmed: true }]);
}

#[test]
fn uploads_that_were_at_rest_stay_so() {
    FORMS.into_iter().for_each(at_rest_stay_so);
}

fn at_rest_stay_so(form: &str) {
    let mut suspended = upload(form, "suspended", 200, 100, true);
    assert_eq!(suspended.upload.state(), client::State::Suspended);
    suspended.resume().unwrap();
    suspended.expect("Ping");
    let mut failed = upload(form, "failed", 200, 0, true);
    assert_eq!(failed.upload.state(), client::State::Failed);
    failed.resume().unwrap();
    failed.expect("Ping");
    let mut withdrawn = upload(form, "withdrawn", 200, 0, false);
    assert_eq!(withdrawn.upload.state(), client::State::Failed);
    assert_eq!(withdrawn.resume(), Err(bits_proto::ApiMisuse::SourceChanged));
    for (name, size, acknowledged, in_session, state) in [
        ("completed", 100, 100, true, client::State::Completed),
        ("cancelled", 200, 0, false, client::State::Cancelled),
    ] {
        let mut over = upload(form, name, size, acknowledged, in_session);
        assert_eq!(over.upload.state(), state);
        over.expect_nothing();
        assert_eq!((over.upload.poll_timeout(), over.events()), (None, vec![]));
    }
}
