//! What becomes of an exchange, or of a session, that an upload drops: on suspension, on giving up, on leaving.

#[path = "common/scenario.rs"]
#[expect(dead_code, reason = "every test file uses its part of it")]
mod scenario;

use bits_proto::client::{Recovery, State, Suspend};
use scenario::answers;
use scenario::{Scenario, config};

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
fn a_fragment_that_nobody_took_is_repeated_after_a_suspension() {
    let mut scenario = Scenario::new(200, config().recovery(Recovery::Restart));
    scenario.exchange("Create-Session", answers::created());
    // The Fragment is an output that waits: none of it can have arrived.
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 0-99/200");
}
