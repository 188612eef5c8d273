//! The table of sessions: how many there may be, how long they live, and whose they are.

use std::sync::Arc;
use std::time::Duration;

use bits_proto::Conformance;
use bits_proto::server::{Directory, Exchange, Refusal, Report, Sessions};
use testing::server::serve::*;

const TIMEOUT: Duration = Duration::from_secs(100);

fn short_lived() -> Server {
    Server::new(Directory::builder().session_timeout(TIMEOUT))
}

/// The sessions that are due, in the order in which the table gives them up.
#[track_caller]
fn expired(server: &mut Server) -> Vec<String> {
    server.expire()
}

#[test]
fn q57_every_create_opens_a_session_of_its_own() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        let (first, second) = (server.create(), server.create());
        assert_ne!(first, second);
        assert_accepted(&server.send(fragment(&first, 0..10, 20)), 10);
        assert_accepted(&server.send(fragment(&second, 0..20, 20)), 20);
        assert_eq!((server.received(&first), server.received(&second)), (10, 20));
        let mut open: Vec<_> = server.sessions.iter().map(|session| session.id().to_string()).collect();
        open.sort();
        assert_eq!(open, [first, second]);
    }
}

#[test]
fn a_session_knows_whose_it_is_and_where_it_goes() {
    let mut server = Server::with(Conformance::Interop);
    let response = server.send_as(BOB, to("http://host.example/a%20b/..%5Cc?token=1", create()));
    let session = server.session(header(&response, "bits-session-id").unwrap()).unwrap();
    assert_eq!(*session.owner(), BOB);
    assert_eq!(session.destination(), "/a%20b/..%5Cc?token=1");
    assert_eq!((session.received(), session.total()), (0, None));
}

#[test]
fn the_id_is_a_version_4_guid_in_braces_and_upper_case() {
    let mut server = Server::with(Conformance::Interop);
    let turn = server.begin_drawing([0xEF; 16], ALICE, create());
    let response = server.finish(turn);
    assert_eq!(header(&response, "bits-session-id"), Some("{EFEFEFEF-EFEF-4FEF-AFEF-EFEFEFEFEFEF}"));
}

#[test]
fn randomness_is_drawn_for_a_create_alone() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.create();
    for head in [packet("Ping"), fragment(&id, 0..10, 10), close(&id)] {
        let _ = server.sessions.handle_request(server.now, &head, &ALICE, || panic!("not for {head:?}"));
    }
}

#[test]
fn an_id_that_is_taken_is_never_given_again() {
    let mut server = Server::with(Conformance::Interop);
    let turn = server.begin_drawing([7; 16], ALICE, create());
    let response = server.finish(turn);
    let id = header(&response, "bits-session-id").unwrap();
    server.send(fragment(id, 0..10, 20));

    // The random source is stuck: no session is better than somebody else's.
    for owner in [BOB, ALICE] {
        let response = server.begin_drawing([7; 16], owner, create()).response();
        assert_bare(&response, 503);
        assert_eq!(header(&response, "bits-session-id"), None);
    }
    assert_eq!((server.sessions.len(), server.received(id)), (1, 10));

    // Nor while its end is remembered: a repeated Close would be answered for the wrong one.
    server.send(cancel(id));
    assert_bare(&server.begin_drawing([7; 16], BOB, create()).response(), 503);
}

#[test]
fn the_whole_server_has_so_many_sessions_and_no_more() {
    let mut server = Server::new(Directory::builder().max_sessions(3));
    let ids = [server.create(), server.create_as(BOB), server.create()];
    for owner in [ALICE, BOB] {
        let response = server.begin_as(owner, create()).response();
        assert_bare(&response, 503);
        assert_eq!(header(&response, "bits-session-id"), None);
    }
    // Whoever has a session goes on.
    assert_accepted(&server.send(fragment(&ids[0], 0..10, 10)), 10);
    assert_eq!(server.sessions.len(), 3);
}

#[test]
fn an_owner_has_so_many_sessions_and_no_more() {
    let mut server = Server::new(Directory::builder().sessions_per_owner(2));
    server.create();
    server.create();
    assert_bare(&server.begin(create()).response(), 503);
    server.create_as(BOB);
    server.create_as(BOB);
    assert_bare(&server.begin_as(BOB, create()).response(), 503);
}

#[test]
fn an_owner_has_50_sessions_if_nothing_is_said() {
    let mut server = Server::with(Conformance::Interop);
    for _ in 0..50 {
        server.create();
    }
    assert_bare(&server.begin(create()).response(), 503);
    server.create_as(BOB);
}

#[test]
fn a_session_that_is_being_opened_counts() {
    let mut server = Server::new(Directory::builder().sessions_per_owner(1));
    let mut opening = server.begin(create());
    assert_bare(&server.begin(create()).response(), 503);
    server.report(&mut opening, Report::Failed(Refusal::AccessDenied));
    server.create();
}

#[test]
fn every_way_in_which_a_session_ends_makes_room() {
    let ends: [fn(&mut Server, &str); 5] = [
        |server, id| drop(server.send(close(id))),
        |server, id| drop(server.send(cancel(id))),
        |server, id| server.evict(id),
        |server, _| {
            server.pass(TIMEOUT);
            assert_eq!(expired(server).len(), 1);
        },
        |server, id| {
            server.send(fragment(id, 0..10, 10));
            let mut turn = server.begin(close(id));
            server.report(&mut turn, Report::Failed(Refusal::EntityMissing));
            server.finish(turn);
        },
    ];
    for end in ends {
        for limited in [Directory::builder().max_sessions(1), Directory::builder().sessions_per_owner(1)] {
            let mut server = Server::new(limited.session_timeout(TIMEOUT));
            let id = server.create();
            assert_bare(&server.begin(create()).response(), 503);
            end(&mut server, &id);
            assert!(server.sessions.is_empty());
            server.create();
            assert_bare(&server.begin(create()).response(), 503);
        }
    }
}

#[test]
fn sessions_expire_in_the_order_of_their_deadlines() {
    let mut server = short_lived();
    let ids: Vec<_> = (0..10)
        .map(|_| {
            server.pass(Duration::from_secs(1));
            server.create()
        })
        .collect();
    server.pass(TIMEOUT - Duration::from_secs(6));
    assert_eq!(server.sessions.poll_timeout(), Some(server.session(&ids[0]).unwrap().deadline().unwrap()));
    assert_eq!(expired(&mut server), ids[..4], "those that are due, and no others");
    assert_eq!(server.sessions.len(), 6);
    assert_eq!(expired(&mut server), [""; 0]);
    server.pass(TIMEOUT);
    assert_eq!(expired(&mut server), ids[4..]);
    assert!(server.sessions.is_empty());
    assert_eq!(server.sessions.poll_timeout(), None);
}

#[test]
fn a_session_expires_when_its_time_is_over_and_not_before() {
    let mut server = short_lived();
    let id = server.create();
    server.pass(TIMEOUT - Duration::from_secs(1));
    assert_eq!(expired(&mut server), [""; 0]);
    server.pass(Duration::from_secs(1));
    assert_not_found(&server.send(fragment(&id, 0..10, 10)));
    assert_eq!(expired(&mut server), [&*id]);
    assert!(server.stored.is_empty() && server.records.is_empty());
    assert_not_found(&server.send(fragment(&id, 0..10, 10)));
}

#[test]
fn sessions_live_14_days_if_nothing_is_said() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.create();
    server.send(fragment(&id, 0..10, 20));
    let fortnight = Duration::from_secs(1_209_600);
    assert_eq!(server.session(&id).unwrap().deadline(), Some(server.now + fortnight));
}

#[test]
fn a_session_without_a_byte_lives_for_an_hour() {
    let hour = Duration::from_secs(3600);
    let mut server = Server::with(Conformance::Interop);
    let id = server.create();
    server.send(fragment(&id, 10..20, 30));
    assert_eq!(server.session(&id).unwrap().deadline(), Some(server.now + hour), "416 is no progress");
    server.pass(hour);
    assert_eq!(expired(&mut server), [id]);
    // Unless the timeout is less.
    let mut server = short_lived();
    let id = server.create();
    assert_eq!(server.session(&id).unwrap().deadline(), Some(server.now + TIMEOUT));
}

#[test]
fn c74_new_bytes_prolong_a_session_and_repeats_do_not() {
    let mut server = short_lived();
    let id = server.create();
    // Whether each is progress: a fragment; its repeat; one out of step; what a broken connection left; the last; its repeat.
    type Work<'w> = &'w dyn Fn(&mut Server);
    let working: [(bool, Work<'_>); 6] = [
        (true, &|server| assert_accepted(&server.send(fragment(&id, 0..10, 100)), 10)),
        (false, &|server| assert_accepted(&server.send(fragment(&id, 0..10, 100)), 10)),
        (false, &|server| assert_out_of_step(&server.send(fragment(&id, 50..60, 100)), 10)),
        (true, &|server| {
            let mut turn = server.begin(fragment(&id, 10..100, 100));
            server.store_part(&turn, 1);
            server.report(&mut turn, Report::StoredPart(1, Refusal::Internal));
        }),
        (true, &|server| assert_accepted(&server.send(fragment(&id, 11..100, 100)), 100)),
        (false, &|server| assert_accepted(&server.send(fragment(&id, 11..100, 100)), 100)),
    ];
    let mut deadline = server.now + TIMEOUT;
    for (number, (progress, work)) in working.into_iter().enumerate() {
        if progress {
            server.now = deadline - Duration::from_secs(1);
            deadline = server.now + TIMEOUT;
        } else {
            server.pass(Duration::from_secs(10));
        }
        work(&mut server);
        assert_eq!(server.session(&id).unwrap().deadline(), Some(deadline), "step {number}");
    }
    server.now = deadline;
    assert_not_found(&server.send(fragment(&id, 11..100, 100)));
    assert_eq!(expired(&mut server), [id]);
}

#[test]
fn c74_a_notification_that_succeeded_prolongs_a_session_and_one_that_failed_does_not() {
    let mut server = Server::new(Directory::builder().session_timeout(TIMEOUT).notification(notified()));
    let id = server.create();
    let mut turn = server.begin(fragment(&id, 0..100, 100));
    server.perform(&mut turn);
    let deadline = server.now + TIMEOUT;
    server.pass(TIMEOUT / 2);
    server.report(&mut turn, Report::Failed(Refusal::ApplicationTimeout));
    assert_eq!(server.session(&id).unwrap().deadline(), Some(deadline));
    assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);
    assert_eq!(server.session(&id).unwrap().deadline(), Some(server.now + TIMEOUT));
}

#[test]
fn c74_a_part_of_the_reply_served_prolongs_a_session() {
    for with_reply in [true, false] {
        let mut server = Server::new(Directory::builder().session_timeout(TIMEOUT).notification(notified()));
        server.application.reply_url =
            with_reply.then(|| bits_proto::ReplyUrl::from_bytes(&b"/r"[..]).unwrap());
        let id = server.upload(100);
        let deadline = server.now + TIMEOUT;
        server.pass(TIMEOUT / 2);
        server.sessions.handle_reply_served(server.now, guid(&id));
        let later = if with_reply { server.now + TIMEOUT } else { deadline };
        assert_eq!(server.session(&id).unwrap().deadline(), Some(later));
        // What the record does not know it is told, without a client.
        let unasked: &[&str] = if with_reply { &[&id] } else { &[] };
        assert_eq!(expired(&mut server), unasked);
        assert_eq!(server.records[&guid(&id)].remaining(), Some(TIMEOUT));
    }
}

#[test]
fn c53_neither_a_ping_nor_a_refused_request_prolongs_a_session() {
    let mut server = short_lived();
    let id = server.create();
    server.send(fragment(&id, 0..10, 100));
    server.pass(TIMEOUT - Duration::from_secs(1));
    let deadline = server.session(&id).unwrap().deadline();
    for head in [
        with(packet("Ping"), "BITS-Session-Id", &id),
        close(&id),
        fragment(&id, 10..20, 77),
        to("/elsewhere", fragment(&id, 10..20, 100)),
        with(fragment(&id, 10..20, 100), "Content-Range", "bytes"),
    ] {
        server.send(head);
    }
    server.send_as(BOB, fragment(&id, 10..20, 100));
    let mut turn = server.begin(fragment(&id, 10..20, 100));
    server.report(&mut turn, Report::Failed(Refusal::Internal));
    assert_eq!(server.session(&id).unwrap().deadline(), deadline);
    server.pass(Duration::from_secs(1));
    assert_eq!(expired(&mut server), [id]);
}

#[test]
fn a_session_on_which_an_exchange_works_lives_on() {
    let mut server = short_lived();
    let (idle, busy) = (server.create(), server.create());
    let turn = server.begin(fragment(&busy, 0..10, 10));
    for _ in 0..3 {
        server.pass(TIMEOUT * 2);
        assert!(!expired(&mut server).contains(&busy));
        assert!(server.session(&idle).is_none());
    }
    assert_accepted(&server.finish(turn), 10);
    server.pass(TIMEOUT);
    assert_eq!(expired(&mut server), [busy]);
}

#[test]
fn a_timeout_longer_than_time_itself_is_none() {
    let mut server = Server::new(Directory::builder().session_timeout(Duration::MAX));
    let id = server.create();
    assert_accepted(&server.send(fragment(&id, 0..5, 10)), 5);
    assert_eq!(server.session(&id).unwrap().deadline(), None);
    server.pass(Duration::from_secs(1 << 33));
    assert_eq!(expired(&mut server), [""; 0]);
    assert_eq!(server.sessions.poll_timeout(), None);
    assert_accepted(&server.send(fragment(&id, 5..10, 10)), 10);
}

#[test]
fn a_clock_that_went_back_shortens_nothing() {
    let mut server = short_lived();
    server.pass(TIMEOUT * 3);
    let id = server.create();
    let deadline = server.session(&id).unwrap().deadline();
    server.now -= TIMEOUT * 2;
    assert_accepted(&server.send(fragment(&id, 0..10, 20)), 10);
    assert_eq!(server.session(&id).unwrap().deadline(), deadline);
    assert_eq!(expired(&mut server), [""; 0]);
}

#[test]
fn an_evicted_session_is_gone_as_soon_as_nobody_works_on_it() {
    let mut server = Server::with(Conformance::Interop);
    let (id, other) = (server.create(), server.create());
    let mut turn = server.begin(fragment(&id, 0..10, 10));
    let mut waiting = server.begin(close(&id));
    assert!(server.sessions.evict(server.now, guid(&id)));
    assert_eq!(server.sessions.poll_timeout(), Some(server.now));
    server.poll(&mut waiting);
    assert_bare(&waiting.response(), 503);
    assert_not_found(&server.send(fragment(&id, 0..10, 10)));
    let mut evicting = server.begin_expired().unwrap();
    server.report(&mut turn, Report::Stored(10));
    assert_bare(&turn.response(), 503);
    server.run(&mut evicting);
    assert!(!server.sessions.evict(server.now, guid(&id)));
    assert_not_found(&server.send(fragment(&id, 0..10, 10)));
    assert_eq!(server.sessions.len(), 1);
    assert_eq!(server.received(&other), 0);
}

#[test]
fn exchanges_are_told_apart() {
    let mut server = Server::with(Conformance::Interop);
    let (one, two) = (server.create(), server.create());
    let mut exchanges: Vec<Exchange> = Vec::new();
    for head in [fragment(&one, 0..1, 2), fragment(&two, 0..1, 2), fragment(&one, 1..2, 2), cancel(&two)] {
        let turn = server.begin(head);
        assert_eq!(
            turn.exchange().session().unwrap(),
            guid(if exchanges.len() % 2 == 0 { &one } else { &two })
        );
        exchanges.push(turn.exchange());
        server.finish(turn);
    }
    exchanges.sort();
    exchanges.dedup();
    assert_eq!(exchanges.len(), 4);
}

#[test]
fn an_owner_without_sessions_is_forgotten() {
    let directory = Directory::builder().tombstones(Duration::from_secs(60), 0).build().unwrap();
    let mut sessions = Sessions::new(directory);
    let owner: Arc<str> = Arc::from("a name that a stranger chose");
    let (head, now) = (create(), any_instant());
    let exchange = sessions.handle_request(now, &head, &owner, || [1; 16]).unwrap();
    assert!(Arc::strong_count(&owner) > 1);
    sessions.handle_report(now, exchange, Report::Failed(Refusal::AccessDenied));
    assert_eq!(Arc::strong_count(&owner), 1);
}

#[test]
fn nothing_that_a_peer_sends_makes_the_table_grow_without_bound() {
    let directory = Directory::builder().max_sessions(8).sessions_per_owner(6);
    let mut server = Server::new(directory.tombstones(Duration::from_secs(60), 4));
    let mut closed = Vec::new();
    for round in 0..1000_u32 {
        let owner = if round % 3 == 0 { BOB } else { ALICE };
        let turn = server.begin_as(owner, create());
        server.finish(turn);
        let guess = format!("{{{round:08X}-0000-4000-8000-FFFFFFFFFFFF}}");
        for head in [fragment(&guess, 0..10, 10), close(&guess), cancel("x")] {
            assert_not_found(&server.send_as(owner, head));
        }
        assert!(server.sessions.len() <= 8);
        assert!(server.sessions.iter().filter(|session| *session.owner() == owner).count() <= 6);
        if round % 5 == 0 {
            let session = server.sessions.iter().next().unwrap();
            let (id, owner) = (session.id().to_string(), *session.owner());
            assert_eq!(server.send_as(owner, close(&id)).status(), 200);
            closed.push((id, owner));
        }
    }
    // Of those that ended, the last four are remembered.
    let remembered = closed.iter().map(|(id, owner)| server.send_as(owner, close(id)).status() == 200);
    let remembered: Vec<bool> = remembered.collect();
    assert_eq!(remembered.iter().position(|known| *known), Some(closed.len() - 4));
    assert_eq!(remembered.into_iter().filter(|known| *known).count(), 4);
}
