//! Recovery from a fragment that the server may or may not have taken.

use std::time::Duration;

use bits_proto::client::{ConfigBuilder, Reason, Recovery, State, Suspend, Timer, TransportError};
use testing::client::answers;
use testing::client::scenario::{Scenario, config};

/// A client of a server that appends whatever comes.
fn appending() -> ConfigBuilder {
    config().recovery(Recovery::Restart)
}

/// The session is cancelled, and a new one begins at the first byte.
#[track_caller]
fn starts_over(scenario: &mut Scenario) {
    scenario.exchange("Cancel-Session", answers::ok());
    scenario.exchange("Create-Session", answers::created());
    scenario.expect_fragment("bytes 0-99/300");
}

#[test]
fn recovery_by_restart_never_repeats_a_fragment_of_which_nobody_knows() {
    let mut scenario = Scenario::after_fragments(1, 300, appending());
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Interrupted);
    assert_eq!(scenario.restart().reason, Reason::Transport);
    starts_over(&mut scenario);
}

#[test]
fn recovery_by_restart_covers_a_timeout() {
    let mut scenario = Scenario::after_fragments(1, 300, appending());
    scenario.expect("Fragment");
    scenario.pass_to_timer();
    assert_eq!(scenario.restart().reason, Reason::RequestTimeout);
    starts_over(&mut scenario);
}

#[test]
fn recovery_by_restart_covers_an_answer_that_is_not_the_servers() {
    // A gateway's 504 says nothing of what the server behind it did, nor does an Ack that cannot be read.
    let garbled = answers::ack(200, &[("BITS-Received-Content-Range", "many")]);
    for answer in [answers::page(504), answers::page(200), garbled] {
        let mut scenario = Scenario::after_fragments(1, 300, appending());
        scenario.exchange("Fragment", answer);
        scenario.restart();
        starts_over(&mut scenario);
    }
}

#[test]
fn recovery_by_restart_covers_a_suspension_at_once() {
    let mut scenario = Scenario::after_fragments(1, 300, appending());
    scenario.expect("Fragment");
    scenario.suspend(Suspend::AtOnce).unwrap();
    assert_eq!(scenario.upload.state(), State::Suspended);
    scenario.resume().unwrap();
    starts_over(&mut scenario);
}

#[test]
fn recovery_by_restart_covers_giving_up() {
    let mut scenario = Scenario::after_fragments(1, 300, appending().give_up_after(Duration::from_secs(60)));
    scenario.expect("Fragment");
    assert_eq!(scenario.pass_to_timer(), Timer::GiveUp);
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
    scenario.resume().unwrap();
    starts_over(&mut scenario);
}

#[test]
fn recovery_by_restart_repeats_what_never_left_and_what_the_server_refused() {
    let mut scenario = Scenario::after_fragments(1, 300, appending());
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Unsent);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Fragment", answers::ack(503, &[]));
    scenario.retry();
    scenario.expect_fragment("bytes 100-199/300");
    // Nor was a request sent that nobody took.
    scenario.acknowledge();
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 200-299/300");
}

#[test]
fn recovery_by_restart_is_bounded() {
    let mut scenario = Scenario::created(300, appending().max_restarts(2));
    for _ in 0..2 {
        scenario.expect("Fragment");
        scenario.break_off(TransportError::Interrupted);
        starts_over(&mut scenario);
    }
    scenario.break_off(TransportError::Interrupted);
    assert_eq!(scenario.failure().reason, Reason::RestartedTooOften);
}

#[test]
fn recovery_by_restart_goes_on_though_the_old_session_cannot_be_cancelled() {
    for answer in [answers::page(403), answers::session_not_found()] {
        let mut scenario = Scenario::after_fragments(1, 300, appending());
        scenario.expect("Fragment");
        scenario.break_off(TransportError::Interrupted);
        scenario.exchange("Cancel-Session", answer);
        scenario.exchange("Create-Session", answers::created());
        scenario.expect_fragment("bytes 0-99/300");
    }
}

#[test]
fn recovery_by_restart_gives_up_on_a_server_that_never_answers() {
    let mut scenario = Scenario::after_fragments(1, 300, appending());
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Interrupted);
    for _ in 0..10_000 {
        if scenario.upload.state() == State::Failed {
            break;
        }
        scenario.expect("Cancel-Session");
        scenario.break_off(TransportError::Unsent);
        scenario.pass_to_timer();
    }
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
    // The session that could not be cancelled is still not gone on with.
    scenario.resume().unwrap();
    starts_over(&mut scenario);
}

#[test]
fn recovery_by_restart_without_credentials_fails_and_is_resumed() {
    let mut scenario = Scenario::after_fragments(1, 300, appending());
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Interrupted);
    scenario.exchange("Cancel-Session", answers::page(401));
    scenario.upload.authenticate(scenario.now, None).unwrap();
    assert_eq!(scenario.failure().reason, Reason::Unauthorized);
    scenario.resume().unwrap();
    starts_over(&mut scenario);
}
