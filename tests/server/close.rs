//! The ends of an upload: Close-Session and Cancel-Session, their failures, and the memory of ended sessions.

use std::time::Duration;

use bits_proto::Conformance;
use bits_proto::notify::NotificationType;
use bits_proto::server::{Directory, OwnerCheck, Refusal, Report, State};
use testing::server::serve;
use testing::server::serve::*;

fn failed(refusal: Refusal) -> Report {
    Report::Failed(refusal)
}

/// 200 for a Close or a Cancel of this session.
#[track_caller]
fn assert_done(response: &http::Response<()>, id: &str) {
    assert_bare(response, 200);
    assert_eq!(header(response, "bits-session-id"), Some(id), "C03");
    assert_offset(response, None);
}

#[test]
fn c30_a_close_publishes_the_whole_entity_once_and_ends_the_session() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        let id = server.upload(1000);
        assert!(server.published.is_empty(), "not before the Close");
        assert_done(&server.send(close(&id)), &id);
        assert_eq!(server.published[TARGET], [entity(0..1000)]);
        assert!(server.sessions.is_empty() && server.stored.is_empty());
    }
}

#[test]
fn the_close_is_answered_only_after_the_publish() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.upload(10);
    let mut turn = server.begin(close(&id));
    assert_eq!(turn.work(), Work::Publish);
    server.poll(&mut turn);
    assert_eq!(turn.work(), Work::Publish, "asked again, it is still the same step");
    assert_eq!(server.sessions.len(), 1);
    server.report(&mut turn, Report::Published);
    assert_done(&turn.response(), &id);
}

#[test]
fn c12_c24_q54_an_early_close_is_refused_and_the_session_kept() {
    for conformance in BOTH {
        for stored in [1, 50, 99] {
            let mut server = Server::with(conformance);
            let id = server.create();
            server.send(fragment(&id, 0..stored, 100));
            let response = server.begin(close(&id)).response();
            assert_invalid(&response);
            assert_eq!(header(&response, "bits-session-id"), Some(id.as_str()));
            assert_accepted(&server.send(fragment(&id, stored..100, 100)), 100);
            assert_done(&server.send(close(&id)), &id);
            assert_eq!(server.published[TARGET], [entity(0..100)]);
        }
    }
}

#[test]
fn c12_no_entity_is_empty_once_a_fragment_was_seen() {
    let refused: [fn(&str) -> http::Request<()>; 2] =
        [|id| fragment(id, 5..10, 10), |id| fragment(id, 0..200, 200)];
    for fragment in refused {
        let mut server = Server::new(Directory::builder().max_upload_size(100));
        let id = server.create();
        assert!(!server.send(fragment(&id)).status().is_success());
        assert_invalid(&server.begin(close(&id)).response());
        // Nor after one whose connection broke before its first byte.
        let id = server.create();
        let mut turn = server.begin(serve::fragment(&id, 0..10, 10));
        server.abandon(&mut turn);
        assert_invalid(&server.begin(close(&id)).response());
    }
}

#[test]
fn q63_the_name_in_a_close_is_ignored() {
    let mut server = Server::with(Conformance::Strict);
    let id = server.upload(10);
    assert_done(&server.send(with(close(&id), "Content-Name", "another.txt")), &id);
    assert_eq!(server.published[TARGET], [entity(0..10)]);
}

#[test]
fn c20_an_entity_that_vanished_is_answered_404_and_the_session_is_gone() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        let id = server.upload(10);
        let mut turn = server.begin(close(&id));
        server.report(&mut turn, failed(Refusal::EntityMissing));
        assert_eq!(turn.work(), Work::Discard, "what else there is of it");
        server.report(&mut turn, Report::Discarded);
        assert_bare(&turn.response(), 404);
        assert_eq!(header(&turn.response(), "bits-session-id"), Some(id.as_str()));
        assert!(server.sessions.is_empty());
        // It was not published, so its repeat is no success; the client starts over.
        assert_not_found(&server.send(close(&id)));
        assert_not_found(&server.send(cancel(&id)));
    }
}

#[test]
fn a_publish_that_failed_can_still_succeed() {
    for (refusal, status, code) in [
        (Refusal::DestinationExists, 403, "0x80070005"),
        (Refusal::AccessDenied, 403, "0x80070005"),
        (Refusal::IsDirectory, 400, "0x80070057"),
        (Refusal::DiskFull, 500, "0x80070070"),
    ] {
        let mut server = Server::with(Conformance::Interop);
        let id = server.upload(100);
        for _ in 0..2 {
            let mut turn = server.begin(close(&id));
            server.report(&mut turn, failed(refusal));
            assert_error(&turn.response(), status, code, "0x5");
            assert_eq!(server.session(&id).unwrap().state(), State::WaitingForClose);
        }
        assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);
        assert_done(&server.send(close(&id)), &id);
        assert_eq!(server.published[TARGET], [entity(0..100)]);
    }
}

#[test]
fn an_empty_entity_that_could_not_be_published_can_still_be() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.create();
    let mut turn = server.begin(close(&id));
    server.report(&mut turn, failed(Refusal::DiskFull));
    assert_invalid(&server.send(fragment(&id, 0..10, 10)));
    assert_done(&server.send(close(&id)), &id);
    assert_eq!(server.published[TARGET], [b""]);
}

#[test]
fn c31_a_cancel_discards_the_upload_whatever_its_state() {
    let states: [fn(&mut Server) -> String; 5] = [
        Server::create,
        |server| {
            let id = server.create();
            server.send(fragment(&id, 0..50, 100));
            id
        },
        |server| server.upload(100),
        |server| {
            let id = server.create();
            let mut turn = server.begin(fragment(&id, 0..10, 10));
            server.perform(&mut turn);
            if turn.work() == Work::Notify {
                server.report(&mut turn, failed(Refusal::ApplicationTimeout));
            }
            id
        },
        |server| {
            let id = server.upload(100);
            let mut turn = server.begin(close(&id));
            server.report(&mut turn, failed(Refusal::DiskFull));
            id
        },
    ];
    for reach in states {
        for notification in [NotificationType::None, notified()] {
            for conformance in BOTH {
                let directory =
                    Directory::builder().conformance(conformance).notification(notification.clone());
                let mut server = Server::new(directory);
                let id = reach(&mut server);
                let turn = server.begin(cancel(&id));
                assert_eq!(turn.work(), Work::Discard);
                assert_done(&server.finish(turn), &id);
                assert!(server.sessions.is_empty() && server.stored.is_empty());
                assert!(server.published.is_empty());
                assert_not_found(&server.send(fragment(&id, 0..10, 10)));
            }
        }
    }
}

#[test]
fn a_cancel_that_failed_keeps_the_session() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.upload(10);
    let mut turn = server.begin(cancel(&id));
    server.report(&mut turn, failed(Refusal::Internal));
    assert_bare(&turn.response(), 500);
    assert_done(&server.send(cancel(&id)), &id);
    assert!(server.stored.is_empty());
}

#[test]
fn c17_q55_q56_a_repeated_close_or_cancel_is_a_success_for_an_hour() {
    let mut server = Server::with(Conformance::Interop);
    let closed = server.upload(10);
    server.send(close(&closed));
    let cancelled = server.upload(10);
    server.send(cancel(&cancelled));
    for _ in 0..2 {
        assert_done(&server.begin(close(&closed)).response(), &closed);
        assert_done(&server.begin(cancel(&cancelled)).response(), &cancelled);
        server.pass(Duration::from_secs(3599 / 2));
    }
    assert_eq!(server.published[TARGET], [entity(0..10)], "published once");
    server.pass(Duration::from_secs(2));
    assert_not_found(&server.send(close(&closed)));
    assert_not_found(&server.send(cancel(&cancelled)));
}

#[test]
fn q56_a_cancel_after_a_close_is_a_success_that_undoes_nothing() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.upload(10);
    server.send(close(&id));
    assert_done(&server.begin(cancel(&id)).response(), &id);
    assert_eq!(server.published[TARGET], [entity(0..10)]);
    assert_done(&server.begin(close(&id)).response(), &id);
}

#[test]
fn c17_a_close_after_a_cancel_is_never_a_success() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        let id = server.upload(10);
        server.send(cancel(&id));
        assert_not_found(&server.send(close(&id)));
        server.send(cancel(&id));
        assert_not_found(&server.send(close(&id)));
    }
}

#[test]
fn c17_an_ended_session_takes_no_fragment() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.upload(10);
    server.send(close(&id));
    assert_not_found(&server.send(fragment(&id, 0..10, 10)));
}

#[test]
fn c17_q55_q56_strict_remembers_no_ended_session() {
    let mut server = Server::with(Conformance::Strict);
    let closed = server.upload(10);
    server.send(close(&closed));
    let cancelled = server.upload(10);
    server.send(cancel(&cancelled));
    for head in [close(&closed), cancel(&closed), cancel(&cancelled), close(&cancelled)] {
        assert_not_found(&server.send(head));
    }
}

#[test]
fn c17_ended_sessions_are_remembered_in_bounded_number_newest_first() {
    let mut server = Server::new(Directory::builder().tombstones(Duration::from_secs(60), 2));
    let ids: Vec<_> = (0..3).map(|_| server.upload(10)).collect();
    for id in &ids {
        server.send(close(id));
    }
    assert_not_found(&server.send(close(&ids[0])));
    assert_done(&server.send(close(&ids[1])), &ids[1]);
    assert_done(&server.send(close(&ids[2])), &ids[2]);

    let mut server = Server::new(Directory::builder().tombstones(Duration::from_secs(60), 0));
    let id = server.upload(10);
    server.send(close(&id));
    assert_not_found(&server.send(close(&id)));
}

#[test]
fn c17_ended_sessions_are_forgotten_in_time() {
    let lifetime = Duration::from_secs(60);
    let mut server = Server::new(Directory::builder().tombstones(lifetime, 10));
    let id = server.upload(10);
    assert_eq!(server.send(close(&id)).status(), 200);
    assert_eq!(server.sessions.poll_timeout(), Some(server.now + lifetime));
    server.pass(lifetime);
    assert_not_found(&server.send(close(&id)));
    // Its record is the tombstone, and goes with it.
    assert_eq!(server.records.len(), 1);
    assert_eq!(server.expire(), [id]);
    assert!(server.records.is_empty());
    assert_eq!(server.sessions.poll_timeout(), None);
}

#[test]
fn another_owner_learns_nothing_of_an_ended_session() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.upload(10);
    server.send(close(&id));
    for head in [close(&id), cancel(&id), fragment(&id, 0..10, 10)] {
        assert_error(&server.send_as(BOB, head), 403, "0x80070005", "0x5");
    }
    let mut server = Server::new(Directory::builder().owner_check(OwnerCheck::CreateOnly));
    let id = server.upload(10);
    server.send(close(&id));
    assert_done(&server.send_as(BOB, close(&id)), &id);
}

#[test]
fn an_expired_session_was_not_closed() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.upload(10);
    server.evict(&id);
    assert!(server.stored.is_empty());
    assert_not_found(&server.send(close(&id)));
    assert_not_found(&server.send(cancel(&id)));
}

#[test]
fn nobody_works_on_a_session_that_was_given_up() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.create();
    let mut turn = server.begin(fragment(&id, 0..100, 100));
    let mut waiting = server.begin(close(&id));
    assert!(server.sessions.evict(server.now, guid(&id)));
    // Whoever waited is told so, whoever comes is as well, and the one at work makes way.
    server.poll(&mut waiting);
    assert_bare(&waiting.response(), 503);
    assert_not_found(&server.send(cancel(&id)));
    let mut evicting = server.begin_expired().unwrap();
    assert_eq!(evicting.work(), Work::Wait);
    server.store_part(&turn, 100);
    server.report(&mut turn, Report::Stored(100));
    assert_bare(&turn.response(), 503);
    assert_not_found(&server.send(close(&id)));
    server.run(&mut evicting);
    assert_eq!(evicting.work(), Work::Done);
    assert!(server.sessions.is_empty() && server.stored.is_empty() && server.records.is_empty());
    assert!(server.published.is_empty());
}
