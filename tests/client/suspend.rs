//! Suspending and resuming, at any time and from any state.

use std::time::Duration;

use bits_proto::ApiMisuse;
use bits_proto::client::{Event, Reason, ReplyMode, State, Suspend, Timer, TransportError};
use bits_proto::packet::PacketType;
use http::Response;
use testing::client::answers::{self, SESSION};
use testing::client::scenario::{FRAGMENT, Scenario, config};

const HOW: [Suspend; 2] = [Suspend::Gracefully, Suspend::AtOnce];

/// Suspended now, and nothing happens however long it lasts.
#[track_caller]
fn is_suspended(scenario: &mut Scenario) {
    assert_eq!(scenario.events(), [Event::Suspended]);
    assert_eq!(scenario.upload.state(), State::Suspended);
    scenario.expect_nothing();
    assert_eq!(scenario.upload.poll_timeout(), None);
}

#[test]
fn c37_gracefully_waits_for_the_answer_under_way() {
    let mut scenario = Scenario::sending(200, config());
    scenario.suspend(Suspend::Gracefully).unwrap();
    assert_eq!(scenario.events(), []);
    assert_eq!(scenario.aborted(), []);
    assert_eq!(scenario.upload.state(), State::Exchanging(PacketType::Fragment));
    scenario.acknowledge();
    assert_eq!(scenario.events(), [Event::Progress { acknowledged: 100 }, Event::Suspended]);
    assert_eq!(scenario.upload.poll_timeout(), None);
    assert_eq!(scenario.upload.acknowledged(), 100);
}

#[test]
fn c37_at_once_gives_up_the_exchange_under_way() {
    let mut scenario = Scenario::sending(200, config());
    let id = scenario.id();
    scenario.suspend(Suspend::AtOnce).unwrap();
    assert_eq!(scenario.aborted(), [id]);
    is_suspended(&mut scenario);
    // The answer comes all the same, too late.
    scenario.upload.handle_response(scenario.now, id, &answers::received(100));
    assert_eq!(scenario.upload.acknowledged(), 0);
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 0-99/200");
}

#[test]
fn at_once_takes_back_a_request_that_nobody_took() {
    let mut scenario = Scenario::new(200, config());
    scenario.suspend(Suspend::AtOnce).unwrap();
    assert_eq!(scenario.aborted(), []);
    is_suspended(&mut scenario);
}

#[test]
fn c38_resume_pings_first_if_there_is_a_session() {
    let mut scenario = Scenario::suspended(config());
    scenario.resume().unwrap();
    assert!(!scenario.expect("Ping").headers().contains_key("bits-session-id"));
    scenario.answer(answers::ok());
    assert_eq!(scenario.expect("Fragment").headers()["bits-session-id"], SESSION);
    scenario.expect_fragment("bytes 100-199/200");
}

#[test]
fn c38_resume_creates_if_there_is_no_session() {
    let mut scenario = Scenario::suspended_before_create(config());
    scenario.resume().unwrap();
    scenario.expect("Create-Session");
}

#[test]
fn resume_goes_on_with_the_close_that_was_next() {
    for how in HOW {
        let mut scenario = Scenario::after_fragments(1, FRAGMENT, config());
        scenario.suspend(how).unwrap();
        if how == Suspend::Gracefully {
            // It is on its way already, and ends the upload.
            scenario.exchange("Close-Session", answers::ok());
            assert_eq!(scenario.events(), [Event::Completed { confirmed: true }]);
        } else {
            scenario.resume().unwrap();
            scenario.exchange("Ping", answers::ok());
            scenario.expect("Close-Session");
        }
    }
}

#[test]
fn a_close_that_was_given_up_may_have_been_heard() {
    let mut scenario = Scenario::closing(config());
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Close-Session", answers::session_not_found());
    assert_eq!(scenario.events().pop(), Some(Event::Completed { confirmed: false }));
}

#[test]
fn what_waits_is_suspended_without_waiting() {
    for how in HOW {
        for mut scenario in
            [Scenario::waiting(config()), Scenario::challenged(config()), Scenario::failed(config())]
        {
            scenario.suspend(how).unwrap();
            is_suspended(&mut scenario);
            scenario.resume().unwrap();
            scenario.exchange("Ping", answers::ok());
            scenario.expect_fragment("bytes 0-99/200");
        }
    }
}

#[test]
fn a_reply_is_offered_again_after_a_suspension() {
    for how in HOW {
        let mut scenario = Scenario::with_reply("reply", config().reply(ReplyMode::Required));
        scenario.events();
        scenario.suspend(how).unwrap();
        is_suspended(&mut scenario);
        assert_eq!(scenario.upload.reply_fetched(scenario.now), Err(ApiMisuse::NoReplyWanted));
        scenario.resume().unwrap();
        scenario.exchange("Ping", answers::ok());
        assert!(matches!(scenario.events().pop(), Some(Event::ReplyReady { .. })));
    }
}

#[test]
fn trouble_while_suspending_is_a_suspension_and_no_trouble() {
    let answers: [(&str, Response<()>); 5] = [
        ("transient", answers::ack(503, &[])),
        ("a page", answers::page(200)),
        ("a challenge", answers::page(401)),
        ("garbage", answers::received(1 << 40)),
        ("out of step", answers::ack(416, &[])),
    ];
    for (name, answer) in answers {
        let mut scenario = Scenario::sending(200, config());
        scenario.suspend(Suspend::Gracefully).unwrap();
        scenario.answer(answer);
        assert_eq!(scenario.events().pop(), Some(Event::Suspended), "{name}");
        assert_eq!(scenario.upload.state(), State::Suspended);
        assert_eq!(scenario.upload.poll_timeout(), None);
    }
}

#[test]
fn a_lost_answer_while_suspending_is_a_suspension() {
    for error in [TransportError::Unsent, TransportError::Interrupted] {
        let mut scenario = Scenario::sending(200, config());
        scenario.suspend(Suspend::Gracefully).unwrap();
        scenario.break_off(error);
        is_suspended(&mut scenario);
    }
    let mut scenario = Scenario::sending(200, config());
    scenario.suspend(Suspend::Gracefully).unwrap();
    assert_eq!(scenario.pass_to_timer(), Timer::Request);
    is_suspended(&mut scenario);
    assert_eq!(scenario.aborted().len(), 1);
}

#[test]
fn a_session_that_is_gone_while_suspending_is_made_anew_after_it() {
    let mut scenario = Scenario::sending(200, config());
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario.answer(answers::session_not_found());
    assert_eq!(scenario.events().pop(), Some(Event::Suspended));
    scenario.resume().unwrap();
    scenario.expect("Create-Session");
}

#[test]
fn a_refusal_while_suspending_is_a_failure() {
    let mut scenario = Scenario::sending(200, config());
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario.answer(answers::error(403, "0x80070005"));
    assert_eq!(scenario.failure().reason, Reason::Refused);
}

#[test]
fn resume_before_the_answer_is_as_if_nothing_had_been_said() {
    let mut scenario = Scenario::sending(200, config());
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario.resume().unwrap();
    scenario.acknowledge();
    scenario.expect_fragment("bytes 100-199/200");
    assert!(!scenario.events().contains(&Event::Suspended));
}

#[test]
fn an_impatient_caller_may_suspend_at_once_after_all() {
    let mut scenario = Scenario::sending(200, config());
    let id = scenario.id();
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario.suspend(Suspend::AtOnce).unwrap();
    assert_eq!(scenario.aborted(), [id]);
    is_suspended(&mut scenario);
}

#[test]
fn suspending_twice_is_once() {
    for how in HOW {
        let mut scenario = Scenario::suspended(config());
        scenario.suspend(how).unwrap();
        assert_eq!(scenario.events(), []);
        assert_eq!(scenario.upload.state(), State::Suspended);
    }
}

#[test]
fn what_goes_on_anyway_is_not_resumed() {
    for mut scenario in [
        Scenario::new(200, config()),
        Scenario::sending(200, config()),
        Scenario::waiting(config()),
        Scenario::challenged(config()),
        Scenario::with_reply("reply", config().reply(ReplyMode::Required)),
        Scenario::closing(config()),
    ] {
        let state = scenario.upload.state();
        assert_eq!(scenario.resume(), Err(ApiMisuse::NotSuspended));
        assert_eq!(scenario.upload.state(), state);
    }
}

#[test]
fn time_that_an_upload_was_suspended_does_not_count() {
    let span = Duration::from_secs(600);
    let mut scenario = Scenario::after_fragments(1, 200, config().give_up_after(span));
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.pass(100 * span);
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.acknowledge();
    scenario.exchange("Close-Session", answers::ok());
    assert_eq!(scenario.upload.state(), State::Completed);
}

#[test]
fn a_resumed_upload_begins_with_short_delays() {
    let mut scenario = Scenario::created(200, config());
    for _ in 0..6 {
        scenario.exchange("Fragment", answers::ack(503, &[]));
        scenario.retry();
    }
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ack(503, &[]));
    assert!(scenario.waits().0 <= Duration::from_secs(5) * 5 / 4);
}

#[test]
fn a_resumed_upload_whose_session_is_gone_starts_over() {
    let mut scenario = Scenario::suspended(config());
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Fragment", answers::session_not_found());
    scenario.exchange("Create-Session", answers::created());
    scenario.expect_fragment("bytes 0-99/200");
}

#[test]
fn a_create_on_its_way_is_kept_by_a_graceful_suspension() {
    let mut scenario = Scenario::new(200, config());
    scenario.expect("Create-Session");
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario.answer(answers::created());
    assert_eq!(scenario.upload.state(), State::Suspended);
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 0-99/200");
}
