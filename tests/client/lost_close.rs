//! A Close whose answer was lost, and what its repeat is told (C17, Q34).

use bits_proto::Conformance;
use bits_proto::client::{Event, LostClose, Reason, Recovery, State, TransportError};
use testing::client::answers;
use testing::client::scenario::{Scenario, config};

fn close_lost(config: bits_proto::client::ConfigBuilder) -> Scenario {
    let mut scenario = Scenario::closing(config);
    scenario.break_off(TransportError::Interrupted);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.expect("Close-Session");
    scenario.events();
    scenario
}

#[test]
fn q34_the_repeat_of_an_unanswered_close_that_is_refused_is_completed_unconfirmed() {
    for status in [403, 404, 410, 416] {
        let mut scenario = close_lost(config());
        scenario.answer(answers::ack(status, &[]));
        assert_eq!(scenario.events(), [Event::Completed { confirmed: false }], "{status}");
        scenario.expect_nothing();
        // The same of the first Close is a failure.
        let mut first = Scenario::closing(config());
        first.answer(answers::ack(status, &[]));
        first.failure();
    }
    // A redirection says nothing of the Close.
    for status in [301, 302, 307, 308] {
        let mut scenario = close_lost(config());
        scenario.answer(answers::ack(status, &[("Location", "http://elsewhere/")]));
        let failure = scenario.failure();
        assert_eq!(failure.location.as_deref(), Some("http://elsewhere/"), "{status}");
    }
    // 500 with another code may pass, and a page is not the server's word.
    let mut scenario = close_lost(config());
    scenario.answer(answers::error(500, "0x80004005"));
    scenario.waits();
    scenario.retry();
    scenario.exchange("Close-Session", answers::page(404));
    assert_eq!(scenario.failure().reason, Reason::NotAvailable);
}

#[test]
fn c17_on_400_the_last_fragment_is_repeated_once_before_the_close_counts_as_done() {
    let mut scenario = close_lost(config());
    scenario.answer(answers::error(400, "0x80070057"));
    scenario.expect_fragment("bytes 0-99/100");
    scenario.acknowledge();
    scenario.exchange("Close-Session", answers::error(400, "0x80070057"));
    assert_eq!(scenario.events().pop(), Some(Event::Completed { confirmed: false }));
    scenario.expect_nothing();
}

#[test]
fn c17_an_offset_below_the_end_means_that_bytes_were_lost_and_the_upload_goes_on_there() {
    let mut scenario = close_lost(config());
    scenario.answer(answers::error(400, "0x80070057"));
    scenario.exchange("Fragment", answers::out_of_step(40));
    scenario.expect_fragment("bytes 40-99/100");
    scenario.acknowledge();
    // So the lost Close had published nothing, and a refusal of this one is a failure again.
    scenario.exchange("Close-Session", answers::ack(403, &[]));
    scenario.failure();
}

#[test]
fn c17_the_session_that_is_gone_while_the_server_is_asked_was_closed() {
    for answer in [answers::session_not_found(), answers::ack(404, &[])] {
        let mut scenario = close_lost(config());
        scenario.answer(answers::error(400, "0x80070057"));
        scenario.exchange("Fragment", answer);
        assert_eq!(scenario.events().pop(), Some(Event::Completed { confirmed: false }));
    }
}

#[test]
fn c17_under_restart_the_last_fragment_is_not_repeated() {
    let mut scenario = close_lost(config().recovery(Recovery::Restart));
    scenario.answer(answers::error(400, "0x80070057"));
    assert_eq!(scenario.events(), [Event::Completed { confirmed: false }]);
}

#[test]
fn c17_the_setting_for_lost_closes_starts_over_here_as_well() {
    let mut scenario = close_lost(config().lost_close(LostClose::StartsOver));
    scenario.answer(answers::ack(404, &[]));
    scenario.restart();
    scenario.exchange("Cancel-Session", answers::ok());
    scenario.expect("Create-Session");
}

#[test]
fn a_page_after_the_last_fragment_is_no_reason_to_end_anything() {
    for status in [306, 408, 409, 421, 425, 429, 500, 501, 502] {
        for answer in [answers::page(status), answers::ack(status, &[])] {
            let mut scenario = Scenario::closing(config());
            scenario.answer(answer);
            scenario.waits();
            scenario.retry();
            scenario.exchange("Close-Session", answers::ok());
            assert_eq!(scenario.events(), [Event::Completed { confirmed: true }], "{status}");
        }
        let mut strict = Scenario::closing(config().conformance(Conformance::Strict));
        strict.answer(answers::page(status));
        assert_eq!(strict.upload.state() == State::Failed, status < 500, "{status}");
    }
}
