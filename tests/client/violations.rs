//! Acks that break the protocol, and answers that are no Acks: both are counted, and no session is left behind (C25).

use bits_proto::client::{Event, Reason, Violation};
use testing::client::answers::{self, SESSION};
#[cfg(feature = "serde")]
use testing::client::at_rest::restored;
use testing::client::scenario::{FRAGMENT, Scenario, config};

#[test]
fn c25_a_create_whose_ack_is_refused_is_tried_ten_times_at_most() {
    let unreadable = answers::ack(200, &[("BITS-Session-Id", "a b")]);
    let mut scenario = Scenario::new(FRAGMENT, config());
    for _ in 0..9 {
        scenario.exchange("Create-Session", unreadable.clone());
        scenario.waits();
        scenario.retry();
    }
    scenario.exchange("Create-Session", unreadable);
    let failure = scenario.failure();
    assert!(matches!(failure.reason, Reason::Protocol(Violation::Malformed(_))), "{failure}");
    scenario.expect_nothing();
}

#[test]
fn c25_after_a_close_was_sent_the_tenth_violation_means_unconfirmed_and_nothing_is_cancelled() {
    let other = answers::ack(200, &[("BITS-Session-Id", "another")]);
    let mut scenario = Scenario::closing(config());
    for _ in 0..9 {
        scenario.exchange("Close-Session", other.clone());
        assert_eq!(scenario.waits().1.reason, Reason::Protocol(Violation::OtherSession));
        scenario.retry();
    }
    scenario.exchange("Close-Session", other);
    assert_eq!(scenario.events().pop(), Some(Event::Completed { confirmed: false }));
    scenario.expect_nothing();
}

#[cfg(feature = "serde")]
#[test]
fn c25_violations_count_across_restarts() {
    let mut scenario = Scenario::created(300, config());
    for _ in 0..9 {
        scenario.exchange("Fragment", answers::received(301));
        scenario = restored(&scenario, config()).waited();
        scenario.exchange("Ping", answers::ok());
    }
    scenario.exchange("Fragment", answers::received(301));
    scenario.expect("Cancel-Session");
    let mut scenario = restored(&scenario, config());
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(scenario.failure().reason, Reason::Protocol(Violation::Repeated));
}

#[test]
fn ten_successes_in_a_row_that_are_no_acks_are_fatal_but_gateways_errors_are_not() {
    let mut scenario = Scenario::created(300, config());
    for _ in 0..9 {
        scenario.exchange("Fragment", answers::page(200));
        scenario.retry();
    }
    // An Ack begins the row anew, whatever it says.
    scenario.exchange("Fragment", answers::ack(503, &[]));
    scenario.retry();
    for _ in 0..9 {
        scenario.exchange("Fragment", answers::page(200));
        scenario.waits();
        scenario.retry();
    }
    scenario.exchange("Fragment", answers::page(200));
    assert_eq!(scenario.failure().reason, Reason::NotBits);
    let mut scenario = Scenario::new(300, config());
    for _ in 0..50 {
        scenario.exchange("Create-Session", answers::page(502));
        scenario.waits();
        scenario.retry();
    }
    let mut scenario = Scenario::closing(config());
    for _ in 0..50 {
        scenario.exchange("Close-Session", answers::page(200));
        scenario.waits();
        scenario.retry();
    }
}

#[test]
fn starting_over_cancels_the_session_that_it_leaves_unless_it_is_gone() {
    let mut scenario = Scenario::created(300, config());
    scenario.exchange("Fragment", answers::received(300));
    assert_eq!(scenario.expect("Cancel-Session").headers()["bits-session-id"], SESSION);
    scenario.answer(answers::session_not_found());
    scenario.exchange("Create-Session", answers::created());
    scenario.exchange("Fragment", answers::session_not_found());
    scenario.expect("Create-Session");
}
