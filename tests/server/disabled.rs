//! A directory whose configuration changes while sessions are open (§3.2.4.2).

use bits_proto::server::{Directory, Ending, Report, State};
use testing::server::serve::*;

fn disabled() -> Directory {
    Directory::builder().enabled(false).build().unwrap()
}

#[test]
fn after_uploads_are_disabled_every_packet_is_answered_501() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.create();
    server.sessions.set_directory(disabled());
    for head in [create(), packet("Ping"), fragment(&id, 0..10, 10), close(&id), cancel(&id)] {
        assert_error(&server.send(head), 501, "0x80070005", "0x5");
    }
}

#[test]
fn after_uploads_are_disabled_every_session_is_discarded_at_once_and_none_twice() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let ids: Vec<_> = (0..30).map(|_| server.create()).collect();
    // One has a task at work, which will report to nobody.
    let mut storing = server.begin(fragment(&ids[0], 0..10, 10));
    server.sessions.set_directory(disabled());
    assert!(!server.sessions.directory().is_enabled());
    let mut discarded = Vec::new();
    while let Some(session) = server.sessions.poll_expired(server.now) {
        assert_eq!(session.state(), State::Ended(Ending::Expired));
        discarded.push(session.id().to_string());
        assert!(discarded.len() <= ids.len(), "a session is discarded twice");
    }
    discarded.sort();
    assert_eq!(discarded, ids);
    assert!(server.sessions.is_empty());
    server.report(&mut storing, Report::Stored(10));
    assert_bare(&storing.response(), 503);
    assert!(server.sessions.is_empty(), "a late report revives no session");
}

#[test]
fn uploads_that_are_enabled_again_begin_anew() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.create();
    server.sessions.set_directory(disabled());
    while server.sessions.poll_expired(server.now).is_some() {}
    server.sessions.set_directory(Directory::default());
    assert_not_found(&server.send(fragment(&id, 0..10, 10)));
    let id = server.create();
    assert_accepted(&server.send(fragment(&id, 0..10, 10)), 10);
}

#[test]
fn destinations_are_not_overwritten_unless_the_directory_says_so() {
    assert!(!Directory::default().allows_overwrites());
    assert!(Directory::builder().allow_overwrites(true).build().unwrap().allows_overwrites());
}
