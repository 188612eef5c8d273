//! Records: when one is saved, what follows if it cannot be, and what a restart makes of it.

use std::time::Duration;

use bits_proto::packet::Ack;
use bits_proto::server::{Directory, Ending, Held, Keep, Output, Refusal, Report, Sessions, State};
use testing::server::serve::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A server whose tests save by hand.
fn keeping(keep: Keep) -> Server {
    let mut server = Server::new(Directory::builder().keep(keep));
    server.by_hand = true;
    server
}

/// The kinds of work of an exchange, which is done to its end.
#[track_caller]
fn steps(server: &mut Server, head: http::Request<()>) -> Vec<Work> {
    let mut turn = server.begin(head);
    let mut steps = vec![turn.work()];
    while !matches!(turn.work(), Work::Respond | Work::Done) {
        server.perform(&mut turn);
        steps.push(turn.work());
    }
    steps
}

#[test]
fn the_bytes_come_before_the_record_and_the_record_before_the_ack() {
    let mut server = keeping(Keep::Records);
    assert_eq!(steps(&mut server, create()), [Work::Open, Work::Save, Work::Respond]);
    let id = server.sessions.iter().next().unwrap().id().to_string();
    for range in [0..10, 10..20] {
        assert_eq!(steps(&mut server, fragment(&id, range, 100)), [Work::Store, Work::Save, Work::Respond]);
    }
    // A repeat tells nothing new.
    assert_eq!(steps(&mut server, fragment(&id, 0..10, 100)), [Work::Respond]);
    server.send(fragment(&id, 20..100, 100));
    assert_eq!(
        steps(&mut server, close(&id)),
        [Work::Save, Work::Publish, Work::Respond],
        "nothing after the end"
    );
    assert!(server.records[&guid(&id)].is_publishing());
}

#[test]
fn a_program_that_keeps_nothing_sees_no_saves() {
    for keep in [Keep::Nothing, Keep::Rows] {
        let mut server = keeping(keep);
        assert_eq!(steps(&mut server, create()), [Work::Open, Work::Respond]);
        let id = server.sessions.iter().next().unwrap().id().to_string();
        assert_eq!(steps(&mut server, fragment(&id, 0..100, 100)), [Work::Store, Work::Respond]);
        assert_eq!(steps(&mut server, close(&id)), [Work::Publish, Work::Respond]);
        server.pass(2 * HOUR);
        assert!(server.begin_expired().is_none(), "a tombstone goes without a word");
    }
}

#[test]
fn where_storage_knows_its_length_the_first_fragment_is_saved_and_the_others_are_not() {
    let mut server = keeping(Keep::RecordsWithoutOffset);
    server.send(create());
    let id = server.sessions.iter().next().unwrap().id().to_string();
    assert_eq!(steps(&mut server, fragment(&id, 0..10, 100)), [Work::Store, Work::Save, Work::Respond]);
    for range in [10..20, 20..60, 60..100] {
        assert_eq!(steps(&mut server, fragment(&id, range, 100)), [Work::Store, Work::Respond]);
    }
    assert_eq!(steps(&mut server, close(&id)), [Work::Save, Work::Publish, Work::Respond]);
}

#[test]
fn a_first_fragment_that_is_refused_is_saved_as_well() {
    let refused: [fn(&str) -> http::Request<()>; 3] = [
        |id| fragment(id, 0..60, 100),
        |id| with(fragment(id, 0..10, 100), "Content-Range", "bytes 0-9"),
        |id| fragment(id, 10..20, 100),
    ];
    for head in refused {
        let directory = Directory::builder().keep(Keep::RecordsWithoutOffset).max_fragment_size(50);
        let mut server = Server::new(directory.clone());
        server.by_hand = true;
        server.send(create());
        let id = server.sessions.iter().next().unwrap().id().to_string();
        assert_eq!(steps(&mut server, head(&id)), [Work::Save, Work::Respond]);
        server.restart(directory, SECOND);
        assert_invalid(&server.send(close(&id)));
        assert!(server.published.is_empty(), "an empty file for a client that had bytes");
    }
}

#[test]
fn a_record_that_has_gone_stale_is_saved_again() {
    let timeout = 80 * SECOND;
    let directory = Directory::builder().keep(Keep::RecordsWithoutOffset).session_timeout(timeout);
    let mut server = Server::new(directory.clone());
    let id = server.create();
    server.send(fragment(&id, 0..1, 100));
    server.by_hand = true;
    let mut saves = 0;
    for byte in 1..41 {
        server.pass(2 * SECOND);
        saves += steps(&mut server, fragment(&id, byte..byte + 1, 100)).contains(&Work::Save) as usize;
    }
    assert!((5..=8).contains(&saves), "{saves} saves for one timeout of trickling");
    // So a restart never ends it early by more than an eighth.
    server.restart(directory, SECOND);
    let left = server.session(&id).unwrap().deadline().unwrap() - server.now;
    assert!(left >= timeout * 7 / 8 - 3 * SECOND, "{left:?}");
    assert_eq!(server.received(&id), 41, "the storage knew where it was");
}

// A save that fails.

#[test]
fn a_create_that_cannot_be_saved_is_taken_back_and_names_no_session() {
    let mut server = keeping(Keep::Records);
    let mut turn = server.begin(create());
    server.perform(&mut turn);
    server.report(&mut turn, Report::Failed(Refusal::DiskFull));
    assert_eq!(turn.work(), Work::Discard);
    server.perform(&mut turn);
    assert_eq!(turn.work(), Work::Forget, "it may have been saved all the same");
    server.perform(&mut turn);
    let response = turn.response();
    assert_error(&response, 500, "0x80070070", "0x5");
    assert_eq!(header(&response, "bits-session-id"), None);
    assert!(server.sessions.is_empty() && server.stored.is_empty());
}

#[test]
fn a_fragment_that_cannot_be_saved_is_answered_without_an_offset_and_its_repeat_saves() {
    let mut server = keeping(Keep::Records);
    server.send(create());
    let id = server.sessions.iter().next().unwrap().id().to_string();
    let mut turn = server.begin(fragment(&id, 0..60, 100));
    server.perform(&mut turn);
    server.report(&mut turn, Report::Failed(Refusal::DiskFull));
    assert_error(&turn.response(), 500, "0x80070070", "0x5");
    assert_offset(&turn.response(), None);
    assert_offset(&server.send(to("/elsewhere", fragment(&id, 0..60, 100))), None);
    assert_eq!(steps(&mut server, fragment(&id, 0..60, 100)), [Work::Save, Work::Respond]);
    assert_eq!(server.records[&guid(&id)].received(), 60);
}

#[test]
fn a_close_whose_intent_cannot_be_saved_publishes_nothing() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.upload(100);
    server.by_hand = true;
    let mut turn = server.begin(close(&id));
    assert_eq!(turn.work(), Work::Save);
    server.report(&mut turn, Report::Failed(Refusal::Internal));
    assert_bare(&turn.response(), 500);
    assert!(server.published.is_empty());
    assert_eq!(steps(&mut server, close(&id)), [Work::Save, Work::Publish, Work::Respond]);
}

#[test]
fn a_publish_or_a_discard_that_failed_takes_its_intent_back() {
    for (head, work) in [(close as fn(&str) -> _, Work::Publish), (cancel, Work::Discard)] {
        let mut server = Server::with(bits_proto::Conformance::Interop);
        let id = server.upload(100);
        server.by_hand = true;
        let mut turn = server.begin(head(&id));
        server.perform(&mut turn);
        assert_eq!(turn.work(), work);
        server.report(&mut turn, Report::Failed(Refusal::DiskFull));
        assert_eq!(turn.work(), Work::Save);
        server.perform(&mut turn);
        assert_error(&turn.response(), 500, "0x80070070", "0x5");
        let record = &server.records[&guid(&id)];
        assert!(!record.is_publishing() && !record.is_ending());
        // After a crash the upload is what it was.
        server.restart(Directory::builder(), SECOND);
        assert_eq!(server.session(&id).unwrap().state(), State::WaitingForClose);
    }
}

#[test]
fn a_superseded_exchange_saves_nothing_and_the_newer_one_does() {
    let mut server = keeping(Keep::Records);
    server.send(create());
    let id = server.sessions.iter().next().unwrap().id().to_string();
    let mut older = server.begin(fragment(&id, 0..60, 100));
    let mut newer = server.begin(fragment(&id, 0..60, 100));
    server.store_part(&older, 30);
    server.report(&mut older, Report::Stored(30));
    assert_bare(&older.response(), 503);
    assert_offset(&older.response(), None);
    assert_eq!(server.records[&guid(&id)].received(), 0);
    server.poll(&mut newer);
    server.perform(&mut newer);
    assert_eq!(newer.work(), Work::Save);
    server.perform(&mut newer);
    assert_accepted(&newer.response(), 60);
    assert_eq!(server.records[&guid(&id)].received(), 60);
}

#[test]
fn a_save_is_waited_for_and_never_stopped() {
    let mut server = keeping(Keep::Records);
    server.send(create());
    let id = server.sessions.iter().next().unwrap().id().to_string();
    let mut older = server.begin(fragment(&id, 0..60, 100));
    server.perform(&mut older);
    assert_eq!(older.work(), Work::Save);
    server.signals.clear();
    // Two tasks of one session and a slow save: the newer one waits, and no second save is under way.
    let mut newer = server.begin(fragment(&id, 60..100, 100));
    assert_eq!(newer.work(), Work::Wait);
    assert!(server.signals.is_empty() && !server.sessions.is_superseded(older.exchange()));
    server.perform(&mut older);
    assert_accepted(&older.response(), 60);
    server.poll(&mut newer);
    server.run(&mut newer);
    assert_accepted(&newer.response(), 100);
    assert_eq!(server.records[&guid(&id)].received(), 100);
}

// Time.

#[test]
fn a_session_expires_although_the_server_restarts_more_often_than_its_timeout() {
    let directory = || Directory::builder().session_timeout(6 * SECOND);
    let mut server = Server::new(directory());
    let id = server.create();
    server.send(fragment(&id, 0..10, 100));
    server.restart(directory(), 3 * SECOND);
    assert!(server.session(&id).is_some() && server.expire().is_empty());
    server.restart(directory(), 3 * SECOND);
    // Due for time at rest alone, it gets a grace, once.
    assert_eq!(server.expire(), [&*id], "the grace is saved");
    for _ in 0..2 {
        server.restart(directory(), 3 * SECOND);
        server.expire();
    }
    assert!(server.sessions.is_empty() && server.stored.is_empty() && server.records.is_empty());
}

#[test]
fn c76_a_clock_that_is_wrong_at_boot_deletes_nothing_at_once() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.upload(100);
    let closed = server.upload(10);
    server.send(close(&closed));
    server.restart(Directory::builder(), 20 * DAY);
    let deadline = server.session(&id).expect("the session is there").deadline();
    assert_eq!(deadline, Some(server.now + HOUR), "the lesser of an hour and a tenth of the timeout");
    // In its grace it is served as any other, and so is the tombstone; progress ends the grace.
    assert_eq!(server.send(close(&closed)).status(), 200);
    server.pass(HOUR - SECOND);
    assert_eq!(server.send(close(&id)).status(), 200);
    assert_eq!(server.published[TARGET].len(), 2);
}

#[test]
fn c76_the_grace_comes_once_and_not_at_every_restart() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.create();
    server.send(fragment(&id, 0..10, 100));
    server.restart(Directory::builder(), 20 * DAY);
    server.expire();
    for _ in 0..3 {
        server.restart(Directory::builder(), HOUR / 2);
        server.expire();
    }
    assert!(server.sessions.is_empty(), "a restart every half hour keeps nothing for ever");
    assert!(server.stored.is_empty() && server.records.is_empty());
}

#[test]
fn c76_progress_ends_the_grace() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.create();
    server.send(fragment(&id, 0..10, 100));
    server.restart(Directory::builder(), 20 * DAY);
    assert_accepted(&server.send(fragment(&id, 10..20, 100)), 20);
    assert_eq!(server.session(&id).unwrap().deadline(), Some(server.now + 14 * DAY));
    // And it may have another one, in another life.
    server.restart(Directory::builder(), 20 * DAY);
    assert!(server.session(&id).is_some());
}

#[test]
fn a_request_after_the_deadline_is_not_served_although_nobody_asked_for_expired_sessions() {
    for head in [close as fn(&str) -> _, cancel, |id| fragment(id, 10..100, 100)] {
        let mut server = Server::with(bits_proto::Conformance::Interop);
        let id = server.create();
        server.send(fragment(&id, 0..10, 100));
        server.pass(14 * DAY);
        assert_not_found(&server.send(head(&id)));
    }
}

// What nobody asked for.

#[test]
fn expiry_saves_its_intent_and_what_fails_is_tried_again_after_a_minute() {
    let mut server = keeping(Keep::Records);
    server.send(create());
    let id = server.sessions.iter().next().unwrap().id().to_string();
    server.send(fragment(&id, 0..10, 100));
    server.pass(14 * DAY);
    for fails_at in [Work::Save, Work::Discard, Work::Forget] {
        let mut turn = server.begin_expired().unwrap();
        while turn.work() != fails_at {
            server.perform(&mut turn);
        }
        server.report(&mut turn, Report::Failed(Refusal::Internal));
        assert_eq!(turn.work(), Work::Done);
        assert_not_found(&server.send(close(&id)));
        assert!(server.begin_expired().is_none());
        server.pass(60 * SECOND);
    }
    let mut turn = server.begin_expired().unwrap();
    server.run(&mut turn);
    assert!(server.stored.is_empty() && server.records.is_empty());
    assert!(server.begin_expired().is_none());
}

#[test]
fn q57_a_newer_session_takes_the_place_of_an_older_one_where_the_directory_says_so() {
    let directory = || Directory::builder().replace_sessions(true);
    let mut server = Server::new(directory());
    let (older, others) = (server.create(), server.create_as(BOB));
    server.send(fragment(&older, 0..10, 100));
    let elsewhere = server.send(to("/elsewhere", create()));
    let newer = server.create();
    assert_eq!(server.expire(), [&*older]);
    assert_eq!(server.stored.len(), 3);
    // Told session-not-found, both clients would restart each other for ever.
    for head in [fragment(&older, 10..20, 100), close(&older), cancel(&older)] {
        assert_error(&server.send(head), 403, "0x80070005", "0x5");
    }
    server.restart(directory(), SECOND);
    assert_error(&server.send(fragment(&older, 10..20, 100)), 403, "0x80070005", "0x5");
    assert_accepted(&server.send(fragment(&newer, 0..10, 100)), 10);
    assert_accepted(&server.send_as(BOB, fragment(&others, 0..10, 100)), 10);
    let elsewhere = header(&elsewhere, "bits-session-id").unwrap().to_owned();
    assert_accepted(&server.send(to("/elsewhere", fragment(&elsewhere, 0..10, 100))), 10);
    server.pass(2 * HOUR);
    server.expire();
    assert!(!server.records.contains_key(&guid(&older)), "it is forgotten in time");
}

#[test]
fn q57_a_create_that_is_refused_replaces_nothing() {
    let mut server = Server::new(Directory::builder().replace_sessions(true));
    let older = server.create();
    let mut turn = server.begin(create());
    server.report(&mut turn, Report::Failed(Refusal::AccessDenied));
    assert_eq!(turn.response().status(), 403);
    assert!(server.expire().is_empty());
    assert_accepted(&server.send(fragment(&older, 0..10, 100)), 10);
}

#[test]
fn a_session_that_waits_for_an_application_that_is_gone_is_published() {
    let mut server = Server::notifying();
    let id = server.create();
    let mut turn = server.begin(fragment(&id, 0..100, 100));
    server.perform(&mut turn);
    server.report(&mut turn, Report::Failed(Refusal::ApplicationTimeout));
    server.restart(Directory::builder(), SECOND);
    assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);
    assert_eq!(server.send(close(&id)).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);
}

// A head that cannot be read (C70).

#[test]
fn c70_q64_close_after_refused_fragments_of_every_kind_publishes_nothing() {
    type Spoil = fn(http::Request<()>) -> http::Request<()>;
    let unreadable: &[(u16, Spoil)] = &[
        (411, |head| with(without(head, "Content-Length"), "Transfer-Encoding", "chunked")),
        (411, |head| without(head, "Content-Length")),
        (400, |head| with(head, "Content-Length", "+5")),
        (400, |head| with(head, "Content-Length", "18446744073709551616")),
        (400, |head| with(head, "Content-Length", "6")),
        (400, |head| with(head, "Content-Range", "bytes 0-4/*")),
        (400, |head| with(head, "Content-Range", "bytes 4-0/5")),
        (400, |head| with(head, "Content-Range", "0-4/5")),
        (400, |head| with(head, "Content-Encoding", "gzip")),
        (400, |head| with(head, "Content-Range", &format!("bytes 0-4/5{}", " ".repeat(5000)))),
    ];
    for (status, spoil) in unreadable {
        for conformance in BOTH {
            let mut server = Server::with(conformance);
            let id = server.create();
            let response = server.send(spoil(fragment(&id, 0..5, 5)));
            assert_eq!(response.status(), *status);
            assert_offset(&response, Some(0));
            assert_invalid(&server.send(close(&id)));
            assert!(server.published.is_empty());
            // The client may go on as it should have begun.
            assert_accepted(&server.send(fragment(&id, 0..5, 5)), 5);
            assert_eq!(server.send(close(&id)).status(), 200);
            assert_eq!(server.published[TARGET], [entity(0..5)]);
        }
    }
}

#[test]
fn c70_an_unreadable_fragment_tells_another_owner_nothing() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.create();
    server.send(fragment(&id, 0..5, 10));
    let bad = || with(fragment(&id, 5..10, 10), "Content-Range", "bytes 5-9/*");
    assert_offset(&server.send_as(BOB, bad()), None);
    assert_offset(&server.send(to("/elsewhere", bad())), None);
    assert_offset(&server.send(bad()), Some(5));
}

// What the table bounds.

#[test]
fn answers_that_nobody_fetches_are_bounded_and_cost_a_503() {
    let mut sessions: Sessions<Owner> = Sessions::new(Directory::default());
    let now = any_instant();
    let head = close("{00000000-0000-4000-8000-000000000000}");
    let first = sessions.handle_request(now, &head, &ALICE, || [0; 16]).unwrap();
    for _ in 0..10_000 {
        let _never_fetched = sessions.handle_request(now, &head, &ALICE, || [0; 16]).unwrap();
    }
    let last = sessions.handle_request(now, &head, &ALICE, || [0; 16]).unwrap();
    let mut status = |exchange| match sessions.poll_output(now, exchange) {
        Some(Output::Respond(ack)) => ack.status().as_u16(),
        other => panic!("{other:?}"),
    };
    assert_eq!((status(first), status(last)), (503, 500));
}

#[test]
fn c54_a_ping_asks_whether_the_client_may_upload_here() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    server.by_hand = true;
    let mut turn = server.begin(packet("Ping"));
    assert_eq!(turn.work(), Work::Admit);
    server.report(&mut turn, Report::Failed(Refusal::AccessDenied));
    assert_error(&turn.response(), 403, "0x80070005", "0x5");
    let mut turn = server.begin(packet("Ping"));
    server.perform(&mut turn);
    assert!(matches!(turn.output, Some(Output::Respond(Ack::Ping(_)))));
}

#[test]
fn a_record_says_what_it_is() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.create();
    server.send(fragment(&id, 0..40, 100));
    let record = &server.records[&guid(&id)];
    assert_eq!((record.id(), *record.owner(), record.destination()), (guid(&id), ALICE, TARGET));
    assert_eq!((record.received(), record.total()), (40, Some(100)));
    assert_eq!((record.state(), record.remaining()), (State::Receiving, Some(14 * DAY)));
    let lost = |held| {
        let mut sessions: Sessions<Owner> = Sessions::new(Directory::default());
        sessions.restore(server.now, record.clone(), SECOND, held)
    };
    assert_eq!(lost(Held::Bytes(30)), Ok(bits_proto::server::Restored::Open(30)));
    assert_eq!(lost(Held::Nothing), Ok(bits_proto::server::Restored::Ended));
    assert_eq!(State::Ended(Ending::Lost).to_string(), "lost");
}
