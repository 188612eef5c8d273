//! A directory whose configuration changes while sessions are open (§3.2.4.2).

use bits_proto::server::{Directory, Report};
use testing::server::serve::*;

fn disabled() -> Directory {
    Directory::builder().enabled(false).build().unwrap()
}

#[test]
fn after_uploads_are_disabled_every_packet_is_answered_501() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.create();
    server.sessions.set_directory(server.now, disabled());
    for head in [create(), packet("Ping"), fragment(&id, 0..10, 10), close(&id), cancel(&id)] {
        assert_error(&server.send(head), 501, "0x80070005", "0x5");
    }
}

#[test]
fn after_uploads_are_disabled_every_session_is_discarded_at_once_and_none_twice() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let ids: Vec<_> = (0..30).map(|_| server.create()).collect();
    // One has a task at work, which is told to stop.
    let mut storing = server.begin(fragment(&ids[0], 0..10, 10));
    server.sessions.set_directory(server.now, disabled());
    assert!(!server.sessions.directory().is_enabled());
    assert_eq!(server.sessions.poll_timeout(), Some(server.now));
    assert!(server.sessions.is_superseded(storing.exchange()));
    let mut discarded = Vec::new();
    let mut waits = None;
    while let Some(mut turn) = server.begin_expired() {
        if turn.work() == Work::Wait {
            assert!(waits.replace(turn).is_none());
            continue;
        }
        server.run(&mut turn);
        discarded.push(turn.exchange().session().unwrap().to_string());
    }
    let mut waiting = waits.unwrap();
    assert_eq!(discarded.len(), 29, "a session is discarded twice, or not at all");
    assert_eq!(server.stored.len(), 1);
    server.report(&mut storing, Report::Stored(4));
    assert_bare(&storing.response(), 503);
    server.run(&mut waiting);
    discarded.push(waiting.exchange().session().unwrap().to_string());
    discarded.sort();
    assert_eq!(discarded, ids);
    assert!(server.sessions.is_empty() && server.stored.is_empty() && server.records.is_empty());
    assert_eq!(server.expire(), [""; 0]);
}

#[test]
fn uploads_that_are_enabled_again_begin_anew() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.create();
    server.sessions.set_directory(server.now, disabled());
    assert_eq!(server.expire(), [&*id]);
    server.sessions.set_directory(server.now, Directory::default());
    assert_not_found(&server.send(fragment(&id, 0..10, 10)));
    let id = server.create();
    assert_accepted(&server.send(fragment(&id, 0..10, 10)), 10);
}

#[test]
fn c46_destinations_are_not_overwritten_unless_the_directory_says_so() {
    assert!(!Directory::default().allows_overwrites());
    assert!(Directory::builder().allow_overwrites(true).build().unwrap().allows_overwrites());
}
