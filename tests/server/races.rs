//! Requests that race for one session. One exchange works at a time and the newest wins; the driver checks in all of
//! these that two never work at once.

use bits_proto::server::{Refusal, Report, Signal, Store};
use bits_proto::{Conformance, ReplyUrl};
use testing::server::serve::scenarios::*;
use testing::server::serve::*;

/// The older exchange is told to stop, and the newer one waits for it.
#[track_caller]
fn assert_stops(server: &mut Server, newer: &mut Turn, older: &Turn) {
    assert!(server.signals.contains(&Signal::Stop(older.exchange())));
    assert!(server.sessions.is_superseded(older.exchange()));
    assert_waits(server, newer);
}

/// The newer exchange waits for what cannot be broken off.
#[track_caller]
fn assert_waits(server: &mut Server, newer: &mut Turn) {
    for _ in 0..2 {
        assert_eq!(newer.work(), Work::Wait);
        assert!(!server.sessions.is_superseded(newer.exchange()));
        server.poll(newer);
    }
}

// A Fragment is at work.

#[test]
fn fragment_then_fragment_the_newer_goes_on_from_where_the_older_stopped() {
    for stored in [0, 1, 30] {
        let (mut server, id, mut older) = storing(Conformance::Interop);
        let mut newer = server.begin(fragment(&id, 0..60, 100));
        assert_stops(&mut server, &mut newer, &older);
        stop(&mut server, &mut older, stored);
        server.poll(&mut newer);
        assert_eq!(newer.store(), Store::new(stored, stored..60, 100));
        assert_accepted(&server.finish(newer), 60);
        assert_eq!(server.stored[&guid(&id)], entity(0..60));
    }
}

#[test]
fn fragment_then_its_repeat_when_the_older_stored_all_of_it() {
    for conformance in BOTH {
        let (mut server, id, mut older) = storing(conformance);
        let newer = server.begin(fragment(&id, 0..60, 100));
        stop(&mut server, &mut older, 60);
        let response = server.finish(newer);
        match conformance {
            Conformance::Interop => assert_accepted(&response, 60),
            Conformance::Strict => assert_out_of_step(&response, 60),
        }
        assert_eq!(server.stored[&guid(&id)], entity(0..60));
    }
}

#[test]
fn fragment_then_the_next_fragment() {
    let (mut server, id, mut older) = storing(Conformance::Interop);
    let newer = server.begin(fragment(&id, 60..100, 100));
    stop(&mut server, &mut older, 20);
    assert_out_of_step(&server.finish(newer), 20);
    assert_accepted(&server.send(fragment(&id, 20..100, 100)), 100);
    assert_eq!(server.stored[&guid(&id)], entity(0..100));
}

#[test]
fn fragment_then_close() {
    let (mut server, id, mut older) = storing(Conformance::Interop);
    let mut newer = server.begin(close(&id));
    assert_stops(&mut server, &mut newer, &older);
    stop(&mut server, &mut older, 59);
    assert_invalid(&server.finish(newer));

    let mut older = server.begin(fragment(&id, 59..100, 100));
    let newer = server.begin(close(&id));
    stop(&mut server, &mut older, 41);
    assert_eq!(server.finish(newer).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);
}

#[test]
fn fragment_then_cancel() {
    for stored in [0, 30, 60] {
        let (mut server, id, mut older) = storing(Conformance::Interop);
        let mut newer = server.begin(cancel(&id));
        assert_stops(&mut server, &mut newer, &older);
        stop(&mut server, &mut older, stored);
        server.poll(&mut newer);
        assert_eq!(newer.work(), Work::Discard);
        assert_eq!(server.finish(newer).status(), 200);
        assert!(server.sessions.is_empty() && server.stored.is_empty());
    }
}

#[test]
fn an_older_exchange_that_failed_makes_way_as_well() {
    let (mut server, id, mut older) = storing(Conformance::Interop);
    let newer = server.begin(fragment(&id, 0..60, 100));
    server.store_part(&older, 10);
    server.report(&mut older, Report::StoredPart(10, Refusal::DiskFull));
    assert_error(&older.response(), 500, "0x80070070", "0x5");
    // What it stored is not saved yet: only the newer one may tell.
    assert_offset(&older.response(), None);
    assert_accepted(&server.finish(newer), 60);
}

#[test]
fn the_newest_notifies_when_the_one_before_it_stored_the_last_byte() {
    let mut server = Server::notifying();
    let id = server.create();
    let mut older = server.begin(fragment(&id, 0..100, 100));
    let mut newer = server.begin(fragment(&id, 0..100, 100));
    stop(&mut server, &mut older, 100);
    server.poll(&mut newer);
    assert_eq!(newer.work(), Work::Notify);
    assert_accepted(&server.finish(newer), 100);
    assert_eq!(server.notifications, 1);
}

#[test]
fn requests_that_are_refused_disturb_nobody() {
    let (mut server, id, mut older) = storing(Conformance::Interop);
    let refused = [
        (BOB, fragment(&id, 0..60, 100)),
        (BOB, cancel(&id)),
        (ALICE, to("/elsewhere", cancel(&id))),
        (ALICE, with(cancel(&id), "Content-Length", "1")),
        (BOB, with(fragment(&id, 0..60, 100), "Content-Range", "bytes 0-59/*")),
        (ALICE, to("/elsewhere", with(fragment(&id, 0..60, 100), "Content-Range", "bytes 0-59/*"))),
    ];
    for (owner, head) in refused {
        assert!(server.begin_as(owner, head).response().status().is_client_error());
    }
    assert_eq!(server.send(packet("Ping")).status(), 200);
    server.perform(&mut older);
    assert_accepted(&older.response(), 60);
}

// A Close is at work.

#[test]
fn close_then_fragment() {
    let (mut server, id, mut older) = publishing(Conformance::Interop);
    let mut newer = server.begin(fragment(&id, 0..100, 100));
    assert_waits(&mut server, &mut newer);
    server.report(&mut older, Report::Failed(Refusal::DiskFull));
    assert_accepted(&server.finish(newer), 100);

    let mut older = server.begin(close(&id));
    let newer = server.begin(fragment(&id, 0..100, 100));
    server.perform(&mut older);
    assert_eq!(older.response().status(), 200);
    assert_not_found(&server.finish(newer));
}

#[test]
fn c17_close_then_close_publishes_once_and_both_succeed() {
    let (mut server, id, mut older) = publishing(Conformance::Interop);
    let mut newer = server.begin(close(&id));
    assert_waits(&mut server, &mut newer);
    server.perform(&mut older);
    assert_eq!(older.response().status(), 200);
    assert_eq!(server.finish(newer).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);
}

#[test]
fn close_then_close_when_the_first_publish_fails() {
    let (mut server, id, mut older) = publishing(Conformance::Interop);
    let mut newer = server.begin(close(&id));
    server.report(&mut older, Report::Failed(Refusal::DiskFull));
    assert_error(&older.response(), 500, "0x80070070", "0x5");
    server.poll(&mut newer);
    assert_eq!(newer.work(), Work::Publish);
    assert_eq!(server.finish(newer).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);
}

#[test]
fn q56_a_cancel_during_the_publish_comes_too_late_and_succeeds() {
    let (mut server, id, mut older) = publishing(Conformance::Interop);
    let mut newer = server.begin(cancel(&id));
    assert_waits(&mut server, &mut newer);
    server.perform(&mut older);
    assert_eq!(server.finish(newer).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)], "and undoes nothing");
}

#[test]
fn a_cancel_during_a_publish_that_fails_discards() {
    let (mut server, id, mut older) = publishing(Conformance::Interop);
    let mut newer = server.begin(cancel(&id));
    server.report(&mut older, Report::Failed(Refusal::DestinationExists));
    server.poll(&mut newer);
    assert_eq!(newer.work(), Work::Discard);
    assert_eq!(server.finish(newer).status(), 200);
    assert!(server.published.is_empty() && server.stored.is_empty());
}

#[test]
fn whoever_waits_for_an_entity_that_vanished_comes_back_and_learns_it() {
    let (mut server, id, mut older) = publishing(Conformance::Interop);
    let mut newer = server.begin(close(&id));
    server.report(&mut older, Report::Failed(Refusal::EntityMissing));
    assert_eq!(older.work(), Work::Discard);
    server.poll(&mut newer);
    assert_eq!(newer.work(), Work::Wait, "still the older one's turn");
    server.perform(&mut older);
    assert_bare(&older.response(), 404);
    assert!(!server.finish(newer).status().is_success());
    assert_not_found(&server.send(close(&id)));
}

#[test]
fn strict_answers_whoever_waited_for_the_end_with_an_error() {
    let (mut server, id, mut older) = publishing(Conformance::Strict);
    let newer = server.begin(close(&id));
    server.perform(&mut older);
    assert_eq!(older.response().status(), 200);
    assert!(server.finish(newer).status().is_server_error());
    assert_not_found(&server.send(close(&id)));
}

// A Cancel is at work.

#[test]
fn cancel_then_anything() {
    for (head, cancelled) in
        [(cancel as fn(&str) -> _, true), (close, false), (|id| fragment(id, 0..100, 100), false)]
    {
        let mut server = Server::with(Conformance::Interop);
        let id = server.upload(100);
        let mut older = server.begin(cancel(&id));
        let mut newer = server.begin(head(&id));
        assert_waits(&mut server, &mut newer);
        server.perform(&mut older);
        assert_eq!(older.response().status(), 200);
        let response = server.finish(newer);
        if cancelled {
            assert_bare(&response, 200);
        } else {
            assert_not_found(&response);
        }
        assert!(server.published.is_empty());
    }
}

#[test]
fn cancel_that_fails_then_close() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.upload(100);
    let mut older = server.begin(cancel(&id));
    let newer = server.begin(close(&id));
    server.abandon(&mut older);
    assert_eq!(server.finish(newer).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);
}

// The application is being notified.

#[test]
fn notify_then_its_repeat_notifies_once() {
    let (mut server, id, mut older) = notifying();
    server.application.reply_url = Some(ReplyUrl::from_bytes(&b"/r"[..]).unwrap());
    let mut newer = server.begin(fragment(&id, 0..100, 100));
    assert_waits(&mut server, &mut newer);
    server.perform(&mut older);
    for response in [older.response(), server.finish(newer)] {
        assert_accepted(&response, 100);
        assert_eq!(header(&response, "bits-reply-url"), Some("/r"));
    }
    assert_eq!(server.notifications, 1);
}

#[test]
fn notify_that_fails_then_its_repeat_notifies_again() {
    let (mut server, id, mut older) = notifying();
    let mut newer = server.begin(fragment(&id, 0..100, 100));
    server.report(&mut older, Report::Failed(Refusal::ApplicationTimeout));
    assert_error(&older.response(), 408, "0x800705B4", "0x7");
    server.poll(&mut newer);
    assert_eq!(newer.work(), Work::Notify);
    assert_accepted(&server.finish(newer), 100);
}

#[test]
fn notify_then_close() {
    let (mut server, id, mut older) = notifying();
    let mut newer = server.begin(close(&id));
    assert_waits(&mut server, &mut newer);
    server.perform(&mut older);
    assert_eq!(server.finish(newer).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);

    let (mut server, id, mut older) = notifying();
    let newer = server.begin(close(&id));
    server.report(&mut older, Report::Failed(Refusal::ApplicationTimeout));
    assert_invalid(&server.finish(newer));
    assert!(server.published.is_empty());
}

#[test]
fn notify_then_cancel() {
    let (mut server, id, mut older) = notifying();
    let mut newer = server.begin(cancel(&id));
    assert_waits(&mut server, &mut newer);
    server.perform(&mut older);
    assert_accepted(&older.response(), 100);
    server.poll(&mut newer);
    assert_eq!(newer.work(), Work::Discard);
    assert_eq!(server.finish(newer).status(), 200);
    assert!(server.published.is_empty() && server.stored.is_empty());
}

// The session is being opened; who guessed its id waits.

#[test]
fn open_then_anything() {
    for opened in [true, false] {
        let mut server = Server::with(Conformance::Interop);
        let mut older = server.begin(create());
        let id = older.exchange().session().unwrap().to_string();
        let mut newer = server.begin(cancel(&id));
        assert_waits(&mut server, &mut newer);
        if opened {
            server.perform(&mut older);
            assert_eq!(older.response().status(), 200);
            assert_eq!(server.finish(newer).status(), 200);
        } else {
            server.report(&mut older, Report::Failed(Refusal::AccessDenied));
            assert!(server.finish(newer).status().is_server_error());
        }
        assert!(server.sessions.is_empty());
    }
}

// More than two.

#[test]
fn of_three_at_once_the_newest_wins() {
    let (mut server, id, mut first) = storing(Conformance::Interop);
    let mut second = server.begin(fragment(&id, 0..60, 100));
    let mut third = server.begin(fragment(&id, 0..80, 100));
    assert_stops(&mut server, &mut third, &first);
    server.poll(&mut second);
    assert_bare(&second.response(), 503);
    stop(&mut server, &mut first, 25);
    server.poll(&mut third);
    assert_eq!(*third.store().range(), 25..80);
    // The second one is over: it gets nothing, and takes nothing away.
    server.poll(&mut second);
    assert_bare(&second.response(), 503);
    assert_accepted(&server.finish(third), 80);
    assert_eq!(server.stored[&guid(&id)], entity(0..80));
}

#[test]
fn a_request_that_finds_the_session_free_goes_before_one_that_waits() {
    let (mut server, id, mut first) = storing(Conformance::Interop);
    let mut second = server.begin(cancel(&id));
    stop(&mut server, &mut first, 25);
    let third = server.begin(fragment(&id, 25..100, 100));
    assert_eq!(*third.store().range(), 25..100);
    server.poll(&mut second);
    assert_bare(&second.response(), 503);
    assert_accepted(&server.finish(third), 100);
}

#[test]
fn a_queue_of_any_length_ends_with_the_last() {
    let (mut server, id, mut first) = storing(Conformance::Interop);
    let mut waiting: Vec<_> = (0..50).map(|_| server.begin(fragment(&id, 0..60, 100))).collect();
    let last = server.begin(fragment(&id, 0..60, 100));
    stop(&mut server, &mut first, 25);
    for turn in &mut waiting {
        server.poll(turn);
        assert_bare(&turn.response(), 503);
    }
    assert_accepted(&server.finish(last), 60);
}
