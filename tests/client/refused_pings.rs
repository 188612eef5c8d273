//! A server that refuses Pings (Q33).

use bits_proto::Conformance;
use bits_proto::client::{Reason, State};
use http::StatusCode;
use testing::client::answers;
#[cfg(feature = "serde")]
use testing::client::at_rest::restored;
use testing::client::scenario::{FRAGMENT, Scenario, config};

#[test]
fn q33_after_three_refusals_the_upload_goes_on_without_a_ping() {
    for answer in [answers::page(405), answers::error(400, "0x80070057"), answers::ack(503, &[])] {
        let mut scenario = Scenario::suspended(config());
        scenario.resume().unwrap();
        for _ in 0..2 {
            scenario.exchange("Ping", answer.clone());
            scenario.waits();
            scenario.retry();
        }
        scenario.exchange("Ping", answer);
        scenario.expect_fragment("bytes 100-199/200");
    }
    let mut first = Scenario::new(FRAGMENT, config().ping_first(true));
    for _ in 0..3 {
        first.exchange("Ping", answers::page(501));
        first = first.waited();
    }
    first.expect("Create-Session");
}

#[cfg(feature = "serde")]
#[test]
fn q33_refusals_count_across_restarts() {
    let mut scenario = restored(&Scenario::sending(200, config()), config());
    for _ in 0..2 {
        scenario.exchange("Ping", answers::page(405));
        scenario = restored(&scenario, config()).waited();
    }
    scenario.exchange("Ping", answers::page(405));
    scenario.expect_fragment("bytes 0-99/200");
}

#[test]
fn q33_with_a_lost_offset_it_starts_over() {
    let mut scenario = Scenario::created(300, config());
    scenario.exchange("Fragment", answers::ack(416, &[]));
    for _ in 0..3 {
        scenario = scenario.waited();
        scenario.exchange("Ping", answers::page(405));
    }
    assert_eq!(scenario.restart().reason, Reason::OffsetUnknown);
}

#[test]
fn q33_a_challenge_is_no_refusal_and_strict_goes_by_the_status() {
    let mut scenario = Scenario::suspended(config());
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::page(401));
    assert_eq!(scenario.upload.state(), State::WaitingForCredentials);
    let mut strict = Scenario::suspended(config().conformance(Conformance::Strict));
    strict.resume().unwrap();
    strict.exchange("Ping", answers::page(405));
    assert_eq!(strict.failure().status, Some(StatusCode::METHOD_NOT_ALLOWED));
}
