//! Sessions at rest: they come back as they were, in every state and at every step, and nothing else comes back.
#![cfg(feature = "serde")]

use std::time::{Duration, Instant};

use bits_proto::RestoreError;
use bits_proto::server::{
    Directory, DirectoryBuilder, Ending, Held, Keep, Output, Report, Restored, Session, Sessions, Snapshot,
    State,
};
use serde_json::{Value, json};
use testing::server::alone::*;
use testing::server::serve::*;
use testing::stored::{forged, through_storage};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The session in another process, where all that was under way has died.
fn recovered(mut alone: Alone, held: Held) -> Alone {
    let record = through_storage(&alone.session.record(alone.now));
    let session = Session::recover(alone.now, record, Duration::ZERO, held, &alone.directory);
    alone.session = session.unwrap();
    alone
}

fn restore(now: Instant, snapshot: Snapshot<User>) -> Result<Session<User>, RestoreError> {
    Session::restore(now, snapshot, Duration::ZERO)
}

// Coming back.

#[test]
fn a_session_comes_back_from_every_state_and_every_step() {
    for (name, alone) in everywhere() {
        let snapshot = through_storage(&alone.snapshot());
        assert_eq!(snapshot.id(), alone.session.id());
        assert_eq!(restore(alone.now, snapshot), Ok(alone.session), "{name}");
    }
}

#[test]
fn every_state_is_among_those_that_come_back() {
    let states: Vec<State> = everywhere().iter().map(|(_, alone)| alone.session.state()).collect();
    let endings = [Ending::Refused, Ending::Closed, Ending::Cancelled, Ending::Lost, Ending::Expired];
    let open = [State::Opening, State::Receiving, State::Notifying, State::WaitingForClose];
    for state in open.into_iter().chain(endings.map(State::Ended)) {
        assert!(states.contains(&state), "{state:?}");
    }
}

#[test]
fn a_session_that_was_recovered_comes_back() {
    for (name, alone) in everywhere() {
        for stored in [Held::Nothing, Held::Published, Held::Bytes(0), Held::Bytes(30), Held::Bytes(100)] {
            let recovered = recovered(alone.clone(), stored);
            let snapshot = through_storage(&recovered.snapshot());
            assert_eq!(restore(recovered.now, snapshot), Ok(recovered.session), "{name}, {stored:?}");
        }
    }
}

#[test]
fn a_session_that_was_given_up_at_work_comes_back() {
    for (name, mut alone) in everywhere() {
        let Some(exchange) = alone.session.at_work() else { continue };
        alone.session.evict();
        while alone.session.poll_signal().is_some() {}
        let snapshot = through_storage(&alone.snapshot());
        assert_eq!(restore(alone.now, snapshot).as_ref(), Ok(&alone.session), "{name}");
        assert_eq!(alone.session.at_work(), Some(exchange), "{name}");
    }
}

#[test]
fn an_exchange_goes_on_in_another_process() {
    for (name, output) in [
        ("storing", Report::Stored(50)),
        ("publishing", Report::Published),
        ("discarding a part", Report::Discarded),
        ("notifying", taken(true)),
    ] {
        let mut alone = named(name);
        let exchange = alone.session.at_work().unwrap();
        alone.session = restore(alone.now, through_storage(&alone.snapshot())).unwrap();
        assert_eq!(alone.session.at_work(), Some(exchange));
        let step = alone.poll(exchange);
        assert_ne!(step.work(), Work::Respond, "{name}");
        let step = alone.report(&step, output);
        assert_eq!(status(&step), 200, "{name}");
    }
}

#[test]
fn after_2_to_the_32_exchanges_no_exchange_comes_back() {
    let mut alone = named("receiving");
    let first = alone.handle(fragment(&alone.id(), 50..100, 100)).exchange;
    let worn = forged(&alone.snapshot(), "/serial", json!(u64::from(u32::MAX) + first.serial()));
    alone.session = restore(alone.now, worn).unwrap();
    let newest = alone.handle(fragment(&alone.id(), 50..100, 100));
    assert_ne!(newest.exchange, first);
    assert_eq!(newest.work(), Work::Wait, "the first one is at work, and is not this one");
    assert_eq!(restore(alone.now, through_storage(&alone.snapshot())), Ok(alone.session));
}

// Time.

#[test]
fn the_time_that_a_session_has_left_outlasts_storage() {
    let alone = Alone::half(plain());
    let left = Duration::from_secs(14 * 24 * 60 * 60) - DAY;
    let snapshot = through_storage(&alone.session.snapshot(alone.now + DAY));
    // Another process, whose clock began at another time.
    for now in [alone.now, alone.now + DAY, alone.now + 1000 * DAY, alone.now - Duration::from_secs(1)] {
        let restored = restore(now, snapshot.clone()).unwrap();
        assert_eq!(restored.deadline(), Some(now + left));
    }
}

#[test]
fn the_time_at_rest_counts() {
    let alone = Alone::half(plain());
    let snapshot = through_storage(&alone.session.snapshot(alone.now + DAY));
    let restored = Session::restore(alone.now, snapshot.clone(), 3 * DAY).unwrap();
    assert_eq!(restored.deadline(), Some(alone.now + 10 * DAY));
    for age in [13 * DAY, 14 * DAY, 1000 * DAY, Duration::MAX] {
        let mut due = alone.clone();
        due.session = Session::restore(alone.now, snapshot.clone(), age).unwrap();
        assert_eq!(due.session.deadline(), Some(alone.now), "{age:?}");
        let exchange = due.session.expire(&due.directory).expect("nobody works on it");
        assert_eq!(due.poll(exchange).work(), Work::Discard);
    }
}

#[test]
fn a_session_for_ever_stays_one() {
    let forever = rows().session_timeout(Duration::MAX).build().unwrap();
    let alone = Alone::half(forever);
    assert_eq!(alone.session.deadline(), None);
    let restored = restore(alone.now, through_storage(&alone.snapshot())).unwrap();
    assert_eq!(restored.deadline(), None);
    // More time than the clock has.
    let endless = forged(&Alone::half(plain()).snapshot(), "/remaining/secs", json!(u64::MAX));
    assert_eq!(restore(alone.now, endless).unwrap().deadline(), None);
}

// Refusals.

#[test]
fn a_snapshot_of_an_unknown_version_is_refused() {
    for (name, alone) in everywhere() {
        for version in [0, 3, u32::MAX] {
            let foreign = forged(&alone.snapshot(), "/version", json!(version));
            let restored = restore(alone.now, foreign);
            assert_eq!(restored, Err(RestoreError::Version(version)), "{name}");
        }
    }
}

/// Restoring the session with this value at this place must fail because of `what`.
#[track_caller]
fn refuses(name: &str, place: &str, value: Value, what: &str) {
    let alone = named(name);
    let snapshot = forged(&alone.snapshot(), place, value);
    let expected = RestoreError::Inconsistent(Box::leak(what.to_owned().into_boxed_str()));
    assert_eq!(restore(alone.now, snapshot), Err(expected), "{name}, {place}");
}

#[test]
fn a_snapshot_with_impossible_sizes_is_refused() {
    let (size, bytes) = ("the size of the entity", "the number of bytes received");
    refuses("receiving", "/total", json!(1u64 << 63), size);
    refuses("receiving", "/total", json!(u64::MAX), size);
    refuses("receiving", "/next", json!(101), bytes);
    refuses("receiving", "/next", json!(u64::MAX), bytes);
    refuses("receiving", "/total", json!(49), bytes);
    refuses("receiving", "/total", Value::Null, bytes);
    refuses("receiving nothing", "/next", json!(1), bytes);
}

#[test]
fn a_snapshot_whose_state_does_not_fit_its_bytes_is_refused() {
    let refuses = |name, place, value| refuses(name, place, value, "the state");
    for complete in ["Notifying", "WaitingForClose"] {
        refuses("receiving", "/state", json!(complete));
        refuses("receiving nothing", "/state", json!(complete));
    }
    refuses("receiving", "/state", json!({ "Ended": "Refused" }));
    refuses("receiving", "/unreadable", json!(true));
    refuses("opening", "/unreadable", json!(true));
    refuses("receiving", "/doubtful", json!(true));
    refuses("receiving", "/state", json!("Opening"));
    // Nothing would ever complete it.
    refuses("waiting for Close", "/state", json!("Receiving"));
    refuses("waiting for Close with a reply", "/next", json!(99));
}

#[test]
fn a_snapshot_whose_notification_does_not_fit_is_refused() {
    let what = "the notification";
    refuses("never to be notified again", "/notification/Refused/status", json!(200), what);
    refuses("never to be notified again", "/notification/Refused/status", json!(503), what);
    let taken = json!({ "Taken": { "copy_to_destination": true, "reply_url": null } });
    refuses("receiving", "/notification", taken.clone(), what);
    refuses("to be notified again", "/notification", taken, what);
    let never = serde_json::to_value(named("never to be notified again").snapshot()).unwrap();
    refuses("opening", "/notification", never["notification"].clone(), what);
    let url = "/notification/Taken/reply_url";
    refuses("waiting for Close with a reply", url, json!("r".repeat(2201)), what);
}

#[test]
fn a_snapshot_with_impossible_exchanges_is_refused() {
    let what = "the exchanges";
    let counted = |name: &str| serde_json::to_value(named(name).snapshot()).unwrap()["serial"].clone();
    let (storing, publishing) =
        (counted("storing").as_u64().unwrap(), counted("publishing while a Cancel waits").as_u64().unwrap());
    refuses("storing", "/at_work/serial", json!(storing + 1), what);
    refuses("publishing", "/at_work/superseded", json!(true), what);
    refuses("publishing while a Cancel waits", "/waiting/serial", json!(publishing + 1), what);
    refuses("publishing while a Cancel waits", "/waiting/serial", json!(publishing - 1), what);
    refuses("publishing while a Cancel waits", "/waiting/serial", json!(0), what);
    refuses("publishing while a Cancel waits", "/at_work/serial", json!(publishing), what);
    refuses("publishing while a Cancel waits", "/at_work/superseded", json!(true), what);
}

#[test]
fn a_snapshot_whose_step_does_not_fit_is_refused() {
    let refuses = |name, place, value| refuses(name, place, value, "the step at work");
    let store = |first: u64, last: u64, total: u64| json!({ "Store": { "range": { "first": first, "last": last, "total": total } } });
    // The range ends where the stored bytes do, begins behind them, or is of another entity.
    for (first, last, total) in [(0, 49, 100), (51, 99, 100), (50, 199, 200), (50, 98, 99)] {
        refuses("storing", "/at_work/step", store(first, last, total));
    }
    for step in [json!("Open"), json!("Publish"), json!({ "Notify": "Close" })] {
        refuses("storing", "/at_work/step", step);
    }
    for ending in ["Closed", "Lost", "Refused", "Expired"] {
        refuses("storing", "/at_work/step", json!({ "Discard": ending }));
    }
    // Nothing is published that the application did not want published, nor the other way round.
    refuses("discarding what the application has", "/at_work/step", json!("Publish"));
    refuses("publishing", "/at_work/step", json!({ "Discard": "Closed" }));
    refuses("notifying", "/at_work/step", json!({ "Notify": "Close" }));
    refuses("notifying", "/at_work/step", json!({ "Notify": "Cancel" }));
    refuses("notifying", "/at_work/step", json!({ "Notify": { "Fragment": null } }));
    // Only what is undone by it is saved for.
    refuses("storing", "/at_work/saving", json!(true));
    refuses(
        "receiving what cannot be read",
        "/at_work",
        json!({ "serial": 1, "step": "Done", "superseded": false }),
    );
}

#[test]
fn a_destination_that_no_request_can_have_is_refused() {
    for destination in ["/a\0b", "/a b", "/a\nb", "/\u{7f}"] {
        refuses("receiving", "/destination", json!(destination), "the destination");
    }
}

// After a crash.

#[test]
fn bytes_that_storage_does_not_hold_are_asked_for_again() {
    for (stored, next) in [(0, 0), (1, 1), (49, 49), (50, 50), (51, 50), (u64::MAX, 50)] {
        for name in ["receiving", "storing", "storing for an exchange that is asked to stop"] {
            let mut alone = recovered(named(name), Held::Bytes(stored));
            assert_eq!((alone.session.state(), alone.session.received()), (State::Receiving, next));
            assert_eq!(alone.session.total(), Some(100));
            let step = alone.handle(fragment(&alone.id(), 0..100, 100));
            let Some(Output::Store(store)) = step.output else { panic!("{step:?}") };
            assert_eq!((store.skip(), store.range().clone()), (next, next..100));
        }
    }
}

#[test]
fn bytes_past_the_record_count_where_the_storage_vouches_for_them() {
    for (stored, next, state) in [
        (30, 30, State::Receiving),
        (50, 50, State::Receiving),
        (51, 51, State::Receiving),
        (100, 100, State::WaitingForClose),
        (u64::MAX, 100, State::WaitingForClose),
    ] {
        let mut alone = named("receiving");
        alone.directory = rows().keep(Keep::RecordsWithoutOffset).build().unwrap();
        let alone = recovered(alone, Held::Bytes(stored));
        assert_eq!((alone.session.received(), alone.session.state()), (next, state));
    }
    // Not before the record knows the total: nobody could say whether there are too many.
    for name in ["receiving nothing", "receiving what cannot be read"] {
        let mut alone = named(name);
        alone.directory = rows().keep(Keep::RecordsWithoutOffset).build().unwrap();
        assert_eq!(recovered(alone, Held::Bytes(10)).session.received(), 0, "{name}");
    }
}

#[test]
fn a_session_of_which_nothing_is_held_is_lost() {
    for name in ["receiving nothing", "receiving", "storing", "waiting for Close", "notifying"] {
        let alone = recovered(named(name), Held::Nothing);
        assert_eq!(alone.session.state(), State::Ended(Ending::Lost), "{name}");
        assert_eq!(alone.session.deadline(), Some(alone.now), "its record may go");
    }
}

#[test]
fn what_storage_says_was_published_is_closed() {
    for name in ["waiting for Close", "publishing", "receiving"] {
        let mut alone = recovered(named(name), Held::Published);
        assert_eq!(alone.session.state(), State::Ended(Ending::Closed), "{name}");
        let step = alone.handle(close(&alone.id()));
        assert_eq!(status(&step), 200, "{name}");
    }
}

#[test]
fn a_complete_entity_that_lost_bytes_is_received_again() {
    for name in ["waiting for Close", "to be notified again", "never to be notified again", "notifying"] {
        for (stored, state) in [(99, State::Receiving), (100, named(name).session.state())] {
            let alone = recovered(named(name), Held::Bytes(stored));
            assert_eq!((alone.session.state(), alone.session.received()), (state, stored), "{name}");
            assert_eq!(alone.session.at_work(), None);
        }
    }
}

#[test]
fn the_application_hears_of_an_entity_that_came_again() {
    let mut alone = recovered(Alone::complete(Some(taken(true))), Held::Bytes(40));
    let step = alone.fragment(40..100, Report::Stored(60));
    assert_eq!(step.work(), Work::Notify);
    // But not after it has said that it never wants to.
    let mut alone = recovered(Alone::complete(Some(refused(403))), Held::Bytes(40));
    let step = alone.fragment(40..100, Report::Stored(60));
    assert_eq!(status(&step), 403);
    // And an entity of which nothing was lost is not announced twice.
    let mut alone = recovered(Alone::complete(Some(taken(true))), Held::Bytes(100));
    let step = alone.handle(close(&alone.id()));
    assert_eq!(step.work(), Work::Publish);
}

#[test]
fn an_upload_that_was_not_allowed_yet_has_ended() {
    for name in ["opening", "opening with a Close that waits"] {
        let alone = recovered(named(name), Held::Bytes(0));
        assert_eq!(alone.session.state(), State::Ended(Ending::Expired));
        assert_eq!(alone.session.deadline(), Some(alone.now));
    }
}

#[test]
fn a_session_that_has_ended_stays_so_whatever_is_stored() {
    for name in ["refused", "closed", "cancelled", "lost", "expired"] {
        let ended = named(name);
        for held in [Held::Nothing, Held::Published, Held::Bytes(10), Held::Bytes(100)] {
            let recovered = recovered(ended.clone(), held);
            assert_eq!(recovered.session.state(), ended.session.state());
            assert_eq!(recovered.session.received(), ended.session.received());
        }
    }
}

#[test]
fn a_discard_that_had_begun_is_over_whatever_is_held() {
    for (name, ending) in [
        ("discarding what the application has", Ending::Closed),
        ("discarding a part", Ending::Cancelled),
        ("discarding what cannot be notified", Ending::Cancelled),
        ("discarding what is lost", Ending::Lost),
        ("discarding what was evicted", Ending::Expired),
    ] {
        for held in [Held::Nothing, Held::Bytes(0), Held::Bytes(1), Held::Bytes(100)] {
            assert_eq!(recovered(named(name), held).session.state(), State::Ended(ending), "{name}");
        }
    }
}

#[test]
fn a_publish_that_had_begun_was_done_if_nothing_is_held_and_was_not_if_the_bytes_are() {
    for name in ["publishing", "publishing again after a task died"] {
        let mut alone = recovered(named(name), Held::Nothing);
        assert_eq!(alone.session.state(), State::Ended(Ending::Closed));
        assert_eq!(status(&alone.handle(close(&alone.id()))), 200);

        let mut alone = recovered(named(name), Held::Bytes(100));
        let step = alone.handle(close(&alone.id()));
        assert_eq!(step.work(), Work::Publish);
        // The bytes were there, so a task had not published them: that they are gone now is a loss.
        assert_eq!(alone.report(&step, missing()).work(), Work::Discard);

        for stored in [0, 60, 99] {
            let mut alone = recovered(named(name), Held::Bytes(stored));
            assert_eq!((alone.session.state(), alone.session.received()), (State::Receiving, stored));
            assert_eq!(status(&alone.handle(close(&alone.id()))), 400, "C12");
        }
    }
}

#[test]
fn a_task_that_died_while_it_published_leaves_a_doubt_that_is_kept() {
    let mut alone = Alone::complete(None);
    let step = alone.handle(close(&alone.id()));
    alone.session.handle_abandoned(alone.now, step.exchange);
    // At rest without an intent: the doubt alone says that nothing held means published.
    let record = alone.session.record(alone.now);
    assert!(!record.is_publishing());
    assert_eq!(recovered(alone.clone(), Held::Nothing).session.state(), State::Ended(Ending::Closed));
    // In the same process the next task finds out.
    let step = alone.handle(close(&alone.id()));
    assert_eq!(step.work(), Work::Publish);
    assert_eq!(status(&alone.report(&step, missing())), 200);
}

#[test]
fn bytes_that_a_cancel_may_have_deleted_are_never_called_published() {
    let ends: [fn(&mut Alone, &Step); 2] = [
        |alone, step| alone.session.handle_abandoned(alone.now, step.exchange),
        |alone, step| drop(alone.report(step, Report::Failed(bits_proto::server::Refusal::Internal))),
    ];
    for end in ends {
        let mut alone = Alone::complete(None);
        let publish = alone.handle(close(&alone.id()));
        alone.session.handle_abandoned(alone.now, publish.exchange);
        let discard = alone.handle(cancel(&alone.id()));
        assert_eq!(discard.work(), Work::Discard);
        end(&mut alone, &discard);
        assert_eq!(recovered(alone.clone(), Held::Nothing).session.state(), State::Ended(Ending::Lost));
        let publish = alone.handle(close(&alone.id()));
        assert_eq!(publish.work(), Work::Publish);
        let lost = alone.report(&publish, missing());
        assert_eq!(status(&alone.report(&lost, Report::Discarded)), 404);
    }
}

#[test]
fn the_exchanges_of_before_are_void() {
    for (name, alone) in everywhere() {
        let Some(exchange) = alone.session.at_work() else { continue };
        let mut alone = recovered(alone, Held::Bytes(100));
        let before = alone.session.clone();
        for report in [
            Report::Opened,
            Report::Stored(50),
            taken(true),
            Report::Saved,
            Report::Published,
            Report::Discarded,
            Report::Forgotten,
        ] {
            let step = alone.report(&Step { exchange, output: None }, report);
            assert_eq!(status(&step), 503, "{name}");
            assert_eq!(alone.session, before, "{name}");
        }
    }
}

// The table.

fn table(directory: DirectoryBuilder) -> Sessions<User> {
    Sessions::new(directory.build().unwrap())
}

/// Takes up a session that was saved just now, and all of whose bytes are held.
fn take_up(sessions: &mut Sessions<User>, alone: &Alone) -> Result<Restored, RestoreError> {
    let held = Held::Bytes(alone.session.received());
    sessions.restore(alone.now, alone.session.record(alone.now), Duration::ZERO, held)
}

#[test]
fn the_table_takes_no_id_twice() {
    let half = Alone::half(plain());
    let mut sessions = table(Directory::builder());
    assert_eq!(take_up(&mut sessions, &half), Ok(Restored::Open(50)));
    for again in [Alone::open(plain()), named("closed")] {
        assert_eq!(take_up(&mut sessions, &again), Err(RestoreError::Inconsistent("its id is taken")));
    }
    assert_eq!(sessions.get(half.session.id()).map(Session::received), Some(50));
    assert_eq!(sessions.len(), 1);
}

#[test]
fn the_table_revives_no_session_that_has_ended_there() {
    let mut sessions = table(Directory::builder());
    assert_eq!(take_up(&mut sessions, &named("closed")), Ok(Restored::Ended));
    assert_eq!(
        take_up(&mut sessions, &named("waiting for Close")),
        Err(RestoreError::Inconsistent("its id is taken"))
    );
}

#[test]
fn a_record_of_a_later_version_is_refused_and_leaves_the_table_as_it_was() {
    let alone = Alone::half(plain());
    let later = forged(&alone.session.record(alone.now), "/version", json!(3));
    let mut sessions = table(Directory::builder());
    let refused = sessions.restore(alone.now, later, Duration::ZERO, Held::Bytes(50));
    assert_eq!(refused, Err(RestoreError::Version(3)));
    assert!(sessions.is_empty());
    assert_eq!(sessions.poll_timeout(), None);
}

#[test]
fn c17_a_session_that_ended_before_the_restart_answers_its_repeat() {
    for (name, first, second) in [("closed", 200, 200), ("cancelled", 500, 200), ("refused", 500, 500)] {
        let ended = named(name);
        let mut sessions = table(Directory::builder().sessions_per_owner(1));
        assert_eq!(take_up(&mut sessions, &ended), Ok(Restored::Ended));
        assert!(sessions.is_empty(), "{name}: it is not open");
        for (head, expected) in [(close(&ended.id()), first), (cancel(&ended.id()), second)] {
            let owner = ALICE.to_owned();
            let exchange = sessions.handle_request(ended.now, &head, &owner, || [1; 16]).unwrap();
            let output = sessions.poll_output(ended.now, exchange);
            assert_eq!(status(&Step { exchange, output }), expected, "{name}");
        }
    }
}

#[test]
fn sessions_that_were_restored_count_for_their_owners() {
    let directory = || Directory::builder().sessions_per_owner(2);
    let mut server = Server::new(directory());
    let ids = [server.create(), server.create()];
    server.restart(directory().max_sessions(3), Duration::ZERO);
    assert_eq!(server.sessions.len(), 2);
    assert_bare(&server.send(create()), 503);
    server.send(cancel(&ids[0]));
    let turn = server.begin(create());
    assert_eq!(turn.work(), Work::Open);
}

#[test]
fn sessions_that_were_restored_expire_in_their_order() {
    let mut server = Server::new(Directory::builder().session_timeout(10 * DAY));
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = server.create();
        server.send(fragment(&id, 0..10, 100));
        ids.push(id);
        server.pass(DAY);
    }
    // Each record says what was left when it was made: three days before, two, and one.
    let ages = [3 * DAY, 2 * DAY, DAY];
    let mut sessions = Sessions::new(Directory::default());
    for (id, age) in ids.iter().zip(ages) {
        let record = server.records[&guid(id)].clone();
        assert_eq!(sessions.restore(server.now, record, age, Held::Bytes(10)), Ok(Restored::Open(10)));
    }
    server.sessions = sessions;
    assert_eq!(server.sessions.poll_timeout(), Some(server.now + 7 * DAY));
    let mut expired = Vec::new();
    for day in 7..10 {
        server.pass(if day == 7 { 7 * DAY } else { DAY });
        expired.extend(server.expire());
        assert_eq!(expired.len(), day - 6);
    }
    assert_eq!(expired, ids);
}
