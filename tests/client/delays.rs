//! The delay after each status, and the statuses that end an upload (C71, C75, C57, Q37).

use std::time::Duration;

use bits_proto::Conformance;
use http::StatusCode;
use testing::client::answers;
use testing::client::scenario::{FRAGMENT, Scenario, config};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn c71_a_429_waits_as_long_as_it_says_and_goes_on() {
    for status in [421, 423, 425, 429] {
        let quick = config().retry_delays(Duration::from_millis(10), SECOND);
        let mut scenario = Scenario::created(FRAGMENT, quick);
        scenario.exchange("Fragment", answers::ack(status, &[("Retry-After", "1")]));
        assert_eq!(scenario.waits().0, SECOND);
        scenario.retry();
        scenario.acknowledge();
        let mut strict = Scenario::new(FRAGMENT, config().conformance(Conformance::Strict));
        strict.exchange("Create-Session", answers::page(status));
        assert_eq!(strict.failure().status, StatusCode::from_u16(status).ok());
    }
}

#[test]
fn c75_no_retry_after_ends_the_retrying() {
    for value in ["18446744073709551615", "99999999999999999999999999", "7200", "3601"] {
        let busy = || answers::ack(503, &[("Retry-After", value)]);
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", busy());
        assert_eq!(scenario.waits().0, HOUR, "{value}");
        let mut bounded = Scenario::created(FRAGMENT, config().retry_delays(SECOND, 30 * SECOND));
        bounded.exchange("Fragment", busy());
        assert_eq!(bounded.waits().0, 30 * SECOND, "{value}");
        bounded.retry();
        bounded.expect("Fragment");
    }
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", answers::ack(503, &[("Retry-After", "1800")]));
    assert_eq!(scenario.waits().0, 1800 * SECOND);
}

#[test]
fn q37_a_redirection_is_fatal_and_its_location_is_in_the_failure() {
    for status in [301, 302, 303, 307, 308] {
        let mut scenario = Scenario::new(FRAGMENT, config());
        let page = answers::with(answers::page(status), &[("Location", "https://elsewhere/upload")]);
        scenario.exchange("Create-Session", page);
        let failure = scenario.failure();
        assert_eq!(failure.location.as_deref(), Some("https://elsewhere/upload"), "{status}");
        assert!(failure.to_string().contains("https://elsewhere/upload"), "{failure}");
        scenario.expect_nothing();
    }
}

#[test]
fn c14_a_conflict_is_tried_again_and_says_that_somebody_else_may_hold_the_name() {
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", answers::ack(409, &[]));
    assert!(scenario.waits().1.to_string().contains("somebody else may hold the name"));
}
