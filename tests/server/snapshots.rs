//! Sessions at rest: they come back as they were, in every state and at every step, and nothing else comes back.
#![cfg(feature = "serde")]

use std::time::Duration;

use bits_proto::RestoreError;
use bits_proto::server::{Arrival, Directory, Ending, Output, Report, Session, Sessions, State};
use serde_json::{Value, json};
use testing::server::alone::*;
use testing::server::serve::*;
use testing::stored::{forged, through_storage};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The session in another process, where all that was under way has died.
fn recovered(mut alone: Alone, stored: impl Into<Option<u64>>) -> Alone {
    alone.session = Session::restore(alone.now, through_storage(&alone.snapshot())).unwrap();
    alone.session.recover(stored.into());
    alone
}

// Coming back.

#[test]
fn a_session_comes_back_from_every_state_and_every_step() {
    for (name, alone) in everywhere() {
        let snapshot = through_storage(&alone.snapshot());
        assert_eq!(snapshot.id(), alone.session.id());
        assert_eq!(Session::restore(alone.now, snapshot), Ok(alone.session), "{name}");
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
        for stored in [None, Some(0), Some(30), Some(100)] {
            let recovered = recovered(alone.clone(), stored);
            let snapshot = through_storage(&recovered.snapshot());
            assert_eq!(
                Session::restore(recovered.now, snapshot),
                Ok(recovered.session),
                "{name}, {stored:?}"
            );
        }
    }
}

#[test]
fn a_session_that_was_given_up_at_work_comes_back() {
    for (name, alone) in everywhere() {
        let Some(exchange) = alone.session.at_work() else { continue };
        let mut sessions = Sessions::new(plain());
        sessions.insert(alone.now, alone.session.clone()).unwrap();
        let mut evicted = Alone { session: sessions.evict(alone.session.id()).unwrap(), ..alone };
        let snapshot = through_storage(&evicted.snapshot());
        assert_eq!(Session::restore(evicted.now, snapshot).as_ref(), Ok(&evicted.session), "{name}");
        // What it was at work on is void.
        evicted.report(&Step { exchange, output: Output::Wait }, Report::Stored(50));
        assert_eq!(evicted.session.state(), State::Ended(Ending::Expired), "{name}");
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
        alone.session = Session::restore(alone.now, through_storage(&alone.snapshot())).unwrap();
        assert_eq!(alone.session.at_work(), Some(exchange));
        let poll = alone.session.poll(alone.now, exchange, &alone.directory);
        assert!(!matches!(poll, Output::Respond(_)), "{name}: {poll:?}");
        let step = alone.report(&Step { exchange, output: poll }, output);
        assert_eq!(status(&step), 200, "{name}");
    }
}

#[test]
fn after_2_to_the_32_exchanges_a_session_still_comes_back() {
    let alone = named("storing");
    let snapshot = forged(&alone.snapshot(), "/at_work/serial", json!(u32::MAX));
    let mut worn = alone.clone();
    worn.session = Session::restore(alone.now, forged(&snapshot, "/serial", json!(u32::MAX))).unwrap();
    let newest = worn.handle(fragment(&worn.id(), 50..100, 100));
    assert!(matches!(newest.output, Output::Abort(_)));
    assert_eq!(Session::restore(worn.now, through_storage(&worn.snapshot())), Ok(worn.session));
}

// Time.

#[test]
fn the_time_that_a_session_has_left_outlasts_storage() {
    let alone = Alone::half(plain());
    let left = Duration::from_secs(14 * 24 * 60 * 60) - DAY;
    let snapshot = through_storage(&alone.session.snapshot(alone.now + DAY));
    // Another process, whose clock began at another time.
    for now in [alone.now, alone.now + DAY, alone.now + 1000 * DAY, alone.now - Duration::from_secs(1)] {
        let restored = Session::restore(now, snapshot.clone()).unwrap();
        assert_eq!(restored.deadline(), Some(now + left));
    }
}

#[test]
fn a_session_whose_time_is_over_is_due_at_once() {
    let alone = Alone::half(plain());
    let snapshot = alone.session.snapshot(alone.now + 1000 * DAY);
    let mut sessions = Sessions::new(plain());
    sessions.insert(alone.now, Session::restore(alone.now, snapshot).unwrap()).unwrap();
    assert_eq!(sessions.poll_timeout(), Some(alone.now));
    assert_eq!(sessions.poll_expired(alone.now).map(|session| session.id()), Some(alone.session.id()));
}

#[test]
fn a_session_for_ever_stays_one() {
    let forever = Directory::builder().session_timeout(Duration::MAX).build().unwrap();
    let alone = Alone::half(forever);
    assert_eq!(alone.session.deadline(), None);
    let restored = Session::restore(alone.now, through_storage(&alone.snapshot())).unwrap();
    assert_eq!(restored.deadline(), None);
    // More time than the clock has.
    let endless = forged(&Alone::half(plain()).snapshot(), "/remaining/secs", json!(u64::MAX));
    assert_eq!(Session::restore(alone.now, endless).unwrap().deadline(), None);
}

// Refusals.

#[test]
fn a_snapshot_of_an_unknown_version_is_refused() {
    for (name, alone) in everywhere() {
        for version in [0, 2, u32::MAX] {
            let foreign = forged(&alone.snapshot(), "/version", json!(version));
            let restored = Session::restore(alone.now, foreign);
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
    assert_eq!(Session::restore(alone.now, snapshot), Err(expected), "{name}, {place}");
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
    for ending in ["Closed", "Lost", "Refused"] {
        refuses("receiving", "/state", json!({ "Ended": ending }));
    }
    refuses("receiving", "/state", json!("Opening"));
    // Nothing would ever complete it.
    refuses("waiting for Close", "/state", json!("Receiving"));
    refuses("closed", "/next", json!(99));
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
    refuses("storing", "/at_work/superseded", json!(true), what);
    refuses("publishing while a Cancel waits", "/waiting/serial", json!(publishing + 1), what);
    refuses("publishing while a Cancel waits", "/waiting/serial", json!(publishing - 1), what);
    refuses("publishing while a Cancel waits", "/at_work/serial", json!(publishing), what);
    refuses("publishing while a Cancel waits", "/at_work/superseded", json!(true), what);
}

#[test]
fn a_snapshot_whose_step_does_not_fit_is_refused() {
    let refuses = |name, place, value| refuses(name, place, value, "the step at work");
    let whole = json!({ "first": 50, "last": 99, "total": 100 });
    let store = |skip: u64, length: u64, total: u64, range: &Value| json!({ "Store": { "skip": skip, "length": length, "total": total, "range": range } });
    // The bytes would end behind the range, before it, or behind the entity.
    for (skip, length, total) in
        [(0, 51, 100), (0, 49, 100), (0, u64::MAX, 100), (1, 50, 100), (u64::MAX, 50, 100), (0, 50, 101)]
    {
        refuses("storing", "/at_work/step", store(skip, length, total, &whole));
    }
    let longer = json!({ "first": 50, "last": 199, "total": 200 });
    refuses("storing", "/at_work/step", store(0, 150, 200, &longer));
    let before = json!({ "first": 0, "last": 49, "total": 100 });
    refuses("storing", "/at_work/step", store(50, 0, 100, &before));
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
    // Nobody would ever open it.
    refuses("opening", "/at_work", Value::Null);
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
    for (stored, next) in [
        (None, 0),
        (Some(0), 0),
        (Some(1), 1),
        (Some(49), 49),
        (Some(50), 50),
        (Some(51), 50),
        (Some(u64::MAX), 50),
    ] {
        for name in ["receiving", "storing", "storing for an exchange that is asked to stop"] {
            let mut alone = recovered(named(name), stored);
            assert_eq!((alone.session.state(), alone.session.received()), (State::Receiving, next));
            assert_eq!(alone.session.total(), Some(100));
            let step = alone.handle(fragment(&alone.id(), 0..100, 100));
            let Output::Store(store) = step.output else { panic!("{step:?}") };
            assert_eq!((store.skip, store.range), (next, next..100));
        }
    }
}

#[test]
fn a_complete_entity_that_lost_bytes_is_received_again() {
    for name in ["waiting for Close", "to be notified again", "never to be notified again", "notifying"] {
        for (stored, state) in [(99, State::Receiving), (100, named(name).session.state())] {
            let alone = recovered(named(name), stored);
            assert_eq!((alone.session.state(), alone.session.received()), (state, stored), "{name}");
            assert_eq!(alone.session.at_work(), None);
        }
    }
}

#[test]
fn the_application_hears_of_an_entity_that_came_again() {
    let mut alone = recovered(Alone::complete(Some(taken(true))), 40);
    let step = alone.fragment(40..100, Report::Stored(60));
    assert_eq!(step.output, Output::Notify);
    // But not after it has said that it never wants to.
    let mut alone = recovered(Alone::complete(Some(refused(403))), 40);
    let step = alone.fragment(40..100, Report::Stored(60));
    assert_eq!(status(&step), 403);
    // And an entity of which nothing was lost is not announced twice.
    let mut alone = recovered(Alone::complete(Some(taken(true))), 100);
    let step = alone.handle(close(&alone.id()));
    assert_eq!(step.output, Output::Publish);
}

#[test]
fn an_upload_that_was_not_allowed_yet_has_ended() {
    for name in ["opening", "opening with a Close that waits"] {
        let mut alone = recovered(named(name), 0);
        assert_eq!(alone.session.state(), State::Ended(Ending::Refused));
        let step = alone.handle(fragment(&alone.id(), 0..100, 100));
        assert_eq!(status(&step), 500, "session not found");
    }
}

#[test]
fn a_session_that_has_ended_stays_so_whatever_is_stored() {
    for name in ["refused", "closed", "cancelled", "lost", "expired"] {
        let ended = named(name);
        for stored in [0, 10, 100] {
            let recovered = recovered(ended.clone(), stored);
            assert_eq!(recovered.session.state(), ended.session.state());
            assert_eq!(recovered.session.received(), ended.session.received());
        }
    }
}

#[test]
fn a_discard_that_had_begun_is_over() {
    for (name, ending) in [
        ("discarding what the application has", Ending::Closed),
        ("discarding a part", Ending::Cancelled),
        ("discarding what cannot be notified", Ending::Cancelled),
        ("discarding what is lost", Ending::Lost),
    ] {
        let before = named(name).session;
        for stored in [None, Some(0), Some(1)] {
            assert_eq!(recovered(named(name), stored).session.state(), State::Ended(ending), "{name}");
        }
        // It had not begun, or could not be done: the client asks again.
        let kept = recovered(named(name), 100).session;
        assert_eq!((kept.state(), kept.at_work()), (before.state(), None), "{name}");
    }
}

#[test]
fn a_publish_that_may_have_been_done_is_asked_for_again() {
    let mut alone = recovered(named("publishing"), None);
    let step = alone.handle(close(&alone.id()));
    assert_eq!(step.output, Output::Publish);
    assert_eq!(status(&alone.report(&step, Report::Published)), 200);
    // An entity that was moved leaves no part of it behind: here bytes are missing.
    for stored in [0, 60, 99] {
        let mut alone = recovered(named("publishing"), stored);
        assert_eq!((alone.session.state(), alone.session.received()), (State::Receiving, stored));
        let step = alone.handle(close(&alone.id()));
        assert_eq!(status(&step), 400, "C12");
    }
}

#[test]
fn the_exchanges_of_before_are_void() {
    for (name, alone) in everywhere() {
        let Some(exchange) = alone.session.at_work() else { continue };
        let mut alone = recovered(alone, 100);
        let before = alone.session.clone();
        for report in [
            Report::Opened,
            Report::Stored(50),
            taken(true),
            Report::Published,
            Report::Discarded,
            Report::Abandoned,
        ] {
            let step = alone.report(&Step { exchange, output: Output::Wait }, report);
            assert_eq!(status(&step), 503, "{name}");
            assert_eq!(alone.session, before, "{name}");
        }
    }
}

// The table.

#[test]
fn the_table_takes_no_id_twice() {
    let (half, now) = (Alone::half(plain()).session, any_instant());
    let mut sessions = Sessions::new(plain());
    assert_eq!(sessions.insert(now, half.clone()), Ok(()));
    let other = Alone::open(plain()).session;
    assert_eq!(sessions.insert(now, other.clone()), Err(other));
    assert_eq!(sessions.get(half.id()), Some(&half));
    assert_eq!(sessions.len(), 1);
}

#[test]
fn the_table_revives_no_session_that_has_ended_there() {
    let mut server = Server::new(Directory::builder());
    let id = server.upload(100);
    let saved = server.session(&id).unwrap().clone();
    assert_eq!(server.send(close(&id)).status(), 200);
    assert_eq!(server.sessions.insert(server.now, saved.clone()), Err(saved));
}

#[test]
fn c17_a_session_that_ended_before_the_restart_answers_its_repeat() {
    for (name, first, second) in [("closed", 200, 200), ("cancelled", 500, 200), ("refused", 500, 500)] {
        let ended = recovered(named(name), 0);
        let mut sessions = Sessions::new(Directory::builder().sessions_per_owner(1).build().unwrap());
        sessions.insert(ended.now, ended.session.clone()).unwrap();
        assert!(sessions.is_empty(), "{name}: it is not open");
        for (head, expected) in [(close(&ended.id()), first), (cancel(&ended.id()), second)] {
            let request = sessions.directory().decode(&head).unwrap().unwrap();
            let arrival = Arrival { request: &request, target: head.uri(), owner: &ALICE.to_owned() };
            let (exchange, output) = sessions.handle_request(ended.now, &arrival, || [1; 16]);
            assert_eq!(status(&Step { exchange, output }), expected, "{name}");
        }
    }
}

#[test]
fn sessions_that_were_restored_count_for_their_owners() {
    let directory = || Directory::builder().sessions_per_owner(2);
    let mut before = Server::new(directory());
    let ids = [before.create(), before.create()];
    let mut server = Server::new(directory().max_sessions(3));
    for session in before.sessions.iter() {
        server.sessions.insert(server.now, session.clone()).unwrap();
    }
    assert_eq!(server.sessions.len(), 2);
    assert_bare(&server.send(create()), 503);
    server.send(cancel(&ids[0]));
    // Random bytes that the first server did not draw.
    let turn = server.begin_drawing([9; 16], ALICE, create());
    assert_eq!(turn.output, Output::Open);
}

#[test]
fn sessions_that_were_restored_expire_in_their_order() {
    let mut before = Server::new(Directory::builder().session_timeout(10 * DAY));
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(guid(&before.create()));
        before.pass(DAY);
    }
    let mut server = Server::new(Directory::builder());
    for session in before.sessions.iter() {
        let snapshot = session.snapshot(before.now);
        server.sessions.insert(server.now, Session::restore(server.now, snapshot).unwrap()).unwrap();
    }
    // Three days of the first one's ten have passed.
    assert_eq!(server.sessions.poll_timeout(), Some(server.now + 7 * DAY));
    let mut expired = Vec::new();
    while let Some(due) = server.sessions.poll_timeout() {
        expired.extend(server.sessions.poll_expired(due).map(|session| session.id()));
        assert!(due <= server.now + 9 * DAY);
    }
    assert_eq!(expired, ids);
}
