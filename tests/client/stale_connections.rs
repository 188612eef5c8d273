//! A connection that had served before and is closed now costs no delay (C72).

use bits_proto::client::{Connection, Event, Reason, Recovery, State, Suspend, TransportError};
use testing::client::answers;
use testing::client::scenario::{FRAGMENT, Scenario, config};

#[test]
fn c72_a_server_that_closes_after_each_answer_without_saying_so_costs_no_delay() {
    let mut scenario = Scenario::new(500, config());
    let begin = scenario.now;
    scenario.exchange("Create-Session", answers::created());
    for _ in 0..5 {
        let range = scenario.expect("Fragment").headers()["content-range"].clone();
        assert_eq!(scenario.connection().0, Connection::Any);
        scenario.break_off(TransportError::Stale);
        assert_eq!(scenario.expect("Fragment").headers()["content-range"], range);
        assert_eq!(scenario.connection().0, Connection::Fresh);
        scenario.acknowledge();
    }
    scenario.expect("Close-Session");
    scenario.break_off(TransportError::Stale);
    scenario.exchange("Close-Session", answers::session_not_found());
    // What became of the first Close nobody knows.
    assert_eq!(scenario.events().pop(), Some(Event::Completed { confirmed: false }));
    assert_eq!(scenario.now, begin);
}

#[test]
fn c72_an_exchange_is_repeated_once_and_then_waits() {
    let mut scenario = Scenario::sending(300, config());
    scenario.break_off(TransportError::Stale);
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Stale);
    scenario.waits();
    scenario.retry();
    // The Ping goes on a fresh connection, and so does the packet after it.
    scenario.expect("Ping");
    assert_eq!(scenario.connection().0, Connection::Fresh);
    scenario.answer(answers::ok());
    scenario.expect("Fragment");
    assert_eq!(scenario.connection().0, Connection::Fresh);
    scenario.acknowledge();
    scenario.expect("Fragment");
    assert_eq!(scenario.connection().0, Connection::Any);
}

#[test]
fn c72_under_restart_no_fragment_is_ever_repeated() {
    let mut scenario = Scenario::created(300, config().recovery(Recovery::Restart));
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Stale);
    // Counted, so that it has an end.
    assert_eq!(scenario.restart().reason, Reason::Transport);
    scenario.exchange("Cancel-Session", answers::ok());
    // Another packet is.
    scenario.expect("Create-Session");
    scenario.break_off(TransportError::Stale);
    scenario.exchange("Create-Session", answers::created());
    scenario.expect_fragment("bytes 0-99/300");
}

#[test]
fn c72_an_upload_that_is_to_be_suspended_is_not_repeated() {
    let mut scenario = Scenario::sending(300, config());
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario.break_off(TransportError::Stale);
    assert_eq!(scenario.upload.state(), State::Suspended);
    scenario.expect_nothing();
}

#[test]
fn fresh_connections_are_wanted_for_every_request_where_the_setting_says_so() {
    let mut scenario = Scenario::new(FRAGMENT, config().fresh_connections(true));
    for (packet, answer) in [
        ("Create-Session", answers::created()),
        ("Fragment", answers::received(FRAGMENT)),
        ("Close-Session", answers::ok()),
    ] {
        scenario.expect(packet);
        assert_eq!(scenario.connection().0, Connection::Fresh);
        scenario.answer(answer);
    }
}
