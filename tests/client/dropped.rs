//! Exchanges and sessions that an upload drops: on suspension, on giving up, on leaving.

use std::time::Duration;

use bits_proto::client::{Event, Reason, Recovery, State, Suspend, Timer, TransportError};
use testing::client::answers;
use testing::client::scenario::{Scenario, config};

/// A server that appends whatever comes: a Fragment that may have arrived is never sent again.
#[test]
fn a_fragment_dropped_on_suspension_is_never_repeated_where_a_repeat_corrupts() {
    let mut scenario = Scenario::sending(200, config().recovery(Recovery::Restart));
    scenario.suspend(Suspend::AtOnce).unwrap();
    assert_eq!(scenario.aborted().len(), 1);
    assert_eq!(scenario.upload.state(), State::Suspended);
    scenario.resume().unwrap();
    scenario.exchange("Cancel-Session", answers::ok());
    scenario.exchange("Create-Session", answers::created());
    scenario.expect_fragment("bytes 0-99/200");
}

#[test]
fn a_fragment_dropped_on_giving_up_is_never_repeated_where_a_repeat_corrupts() {
    let config = config().recovery(Recovery::Restart).give_up_after(Duration::from_secs(1));
    let mut scenario = Scenario::sending(200, config);
    assert_eq!(scenario.pass_to_timer(), Timer::GiveUp);
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
    scenario.resume().unwrap();
    scenario.exchange("Cancel-Session", answers::ok());
    scenario.expect("Create-Session");
}

#[test]
fn a_fragment_that_nobody_took_is_repeated_after_a_suspension() {
    let mut scenario = Scenario::new(200, config().recovery(Recovery::Restart));
    scenario.exchange("Create-Session", answers::created());
    // The Fragment is an output that waits: none of it can have arrived.
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 0-99/200");
}

#[test]
fn there_is_an_end_to_starting_over_without_progress() {
    let config = config().recovery(Recovery::Restart).give_up_after(Duration::from_secs(3));
    let mut scenario = Scenario::sending(200, config);
    scenario.break_off(TransportError::Interrupted);
    scenario.expect("Cancel-Session");
    assert_eq!(scenario.pass_to_timer(), Timer::GiveUp);
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
    scenario.expect_nothing();
}

#[test]
fn a_session_that_a_refused_close_left_behind_is_cancelled() {
    let mut scenario = Scenario::closing(config());
    scenario.cancel().unwrap();
    scenario.answer(answers::error(400, "0x80070057"));
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(scenario.events(), [Event::Cancelled { confirmed: true }]);
}

#[test]
fn a_cancel_is_confirmed_only_if_no_session_can_be_left() {
    let mut scenario = Scenario::new(200, config());
    scenario.expect("Create-Session");
    scenario.cancel().unwrap();
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario.break_off(TransportError::Interrupted);
    assert_eq!(scenario.events(), [Event::Cancelled { confirmed: false }]);
}

#[test]
fn a_cancel_without_credentials_is_an_unconfirmed_cancel() {
    let mut scenario = Scenario::sending(200, config());
    scenario.cancel().unwrap();
    scenario.exchange("Cancel-Session", answers::page(401));
    scenario.events();
    scenario.upload.authenticate(scenario.now, None).unwrap();
    assert_eq!(scenario.events(), [Event::Cancelled { confirmed: false }]);
}

#[test]
fn a_changed_source_is_what_failed_even_without_credentials() {
    let mut scenario = Scenario::sending(200, config());
    scenario.upload.source_changed(scenario.now).unwrap();
    scenario.exchange("Cancel-Session", answers::page(401));
    scenario.upload.authenticate(scenario.now, None).unwrap();
    assert_eq!(scenario.failure().reason, Reason::SourceChanged);
}
