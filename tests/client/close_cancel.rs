//! The ends of an upload: closed, closed without an answer, or cancelled.

use bits_proto::ApiMisuse;
use bits_proto::client::{Event, Reason, State, Suspend, Timer, TransportError};
use bits_proto::packet::Payload;
use http::{Response, StatusCode};
use testing::client::answers::{self, SESSION};
use testing::client::scenario::{Scenario, config};

const UNCONFIRMED: [Event; 1] = [Event::Completed { confirmed: false }];
const COMPLETED: [Event; 1] = [Event::Completed { confirmed: true }];
const CANCELLED: [Event; 1] = [Event::Cancelled { confirmed: true }];
const LEFT_BEHIND: [Event; 1] = [Event::Cancelled { confirmed: false }];

/// What the last thing told was.
fn told(scenario: &mut Scenario) -> [Event; 1] {
    [scenario.events().pop().expect("nothing was told")]
}

#[test]
fn close_goes_again_after_500_to_599() {
    for status in [500, 501, 502, 503, 505, 599] {
        for answer in [answers::page(status), answers::ack(status, &[]), answers::error(status, "0x80070057")]
        {
            let mut scenario = Scenario::closing(config());
            scenario.answer(answer);
            scenario.waits();
            scenario.retry();
            scenario.exchange("Close-Session", answers::ok());
            assert_eq!(told(&mut scenario), COMPLETED, "{status}");
        }
    }
}

#[test]
fn close_does_not_go_again_after_any_other_status() {
    for status in [300, 308, 400, 403, 404, 413, 416, 499] {
        for answer in [answers::page(status), answers::ack(status, &[])] {
            let mut scenario = Scenario::closing(config());
            scenario.answer(answer);
            assert_eq!(scenario.failure().status, StatusCode::from_u16(status).ok());
        }
    }
}

#[test]
fn q16_a_close_that_was_answered_2xx_without_a_page_is_done_but_an_ack_alone_confirms_it() {
    let html = [("Content-Type", "text/html"), ("Content-Length", "0")];
    for answer in [answers::page(204), Response::new(()), answers::with(Response::new(()), &html)] {
        let mut scenario = Scenario::closing(config());
        scenario.answer(answer);
        assert_eq!(told(&mut scenario), UNCONFIRMED);
    }
}

#[test]
fn q16_a_page_does_not_say_that_the_entity_was_published() {
    let bare = |header| answers::with(Response::new(()), &[header]);
    for page in [
        answers::page(200),
        bare(("Content-Type", "text/html")),
        bare(("Content-Length", "512")),
        bare(("Transfer-Encoding", "chunked")),
    ] {
        let mut scenario = Scenario::closing(config());
        scenario.answer(page);
        assert_eq!(scenario.waits().1.reason, Reason::NotBits);
        scenario.retry();
        scenario.exchange("Close-Session", answers::ok());
        assert_eq!(told(&mut scenario), COMPLETED);
    }
}

#[test]
fn q16_a_cancel_that_was_answered_2xx_is_done_but_an_ack_alone_confirms_it() {
    let mut scenario = Scenario::waiting(config());
    scenario.cancel().unwrap();
    scenario.exchange("Cancel-Session", answers::page(200));
    assert_eq!(told(&mut scenario), LEFT_BEHIND);
}

#[test]
fn q16_a_cancel_that_waits_for_a_close_is_not_satisfied_by_an_answer_that_is_no_ack() {
    let mut scenario = Scenario::closing(config());
    scenario.cancel().unwrap();
    scenario.answer(Response::new(()));
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(told(&mut scenario), LEFT_BEHIND);
}

#[test]
fn c17_a_repeated_close_whose_session_is_gone_is_completed_unconfirmed() {
    for lose in [
        |scenario: &mut Scenario| scenario.break_off(TransportError::Interrupted),
        |scenario: &mut Scenario| assert_eq!(scenario.pass_to_timer(), Timer::Request),
        |scenario: &mut Scenario| {
            scenario.sent();
            assert_eq!(scenario.pass_to_timer(), Timer::Response);
        },
    ] {
        let mut scenario = Scenario::closing(config());
        lose(&mut scenario);
        scenario.retry();
        scenario.exchange("Ping", answers::ok());
        scenario.exchange("Close-Session", answers::session_not_found());
        assert_eq!(told(&mut scenario), UNCONFIRMED);
        assert_eq!(scenario.upload.state(), State::Completed);
    }
}

#[test]
fn c17_a_gateway_may_have_passed_the_close_on() {
    for status in [502, 504] {
        let mut scenario = Scenario::closing(config());
        scenario.answer(answers::page(status));
        scenario.retry();
        scenario.exchange("Close-Session", answers::session_not_found());
        assert_eq!(told(&mut scenario), UNCONFIRMED, "{status}");
    }
}

#[test]
fn c17_so_may_one_whose_answer_ends_the_upload() {
    let mut scenario = Scenario::closing(config());
    scenario.answer(answers::page(404));
    scenario.failure();
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Close-Session", answers::session_not_found());
    assert_eq!(told(&mut scenario), UNCONFIRMED);
}

#[test]
fn c17_a_first_close_whose_session_is_gone_starts_over() {
    let mut scenario = Scenario::closing(config());
    scenario.answer(answers::session_not_found());
    assert_eq!(scenario.restart().reason, Reason::SessionNotFound);
    scenario.exchange("Create-Session", answers::created());
    scenario.expect_fragment("bytes 0-99/100");
}

#[test]
fn c17_a_close_that_never_left_was_not_sent() {
    let mut scenario = Scenario::closing(config());
    scenario.break_off(TransportError::Unsent);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Close-Session", answers::session_not_found());
    assert_eq!(scenario.restart().reason, Reason::SessionNotFound);
}

#[test]
fn c17_the_close_of_an_earlier_session_does_not_count_for_the_next() {
    let mut scenario = Scenario::closing(config());
    scenario.break_off(TransportError::Interrupted);
    scenario.retry();
    // The Ping learns that the session is gone; a server of ours would not say so.
    scenario.exchange("Ping", answers::session_not_found());
    scenario.exchange("Create-Session", answers::created());
    scenario.acknowledge();
    scenario.exchange("Close-Session", answers::session_not_found());
    assert_eq!(scenario.restart().reason, Reason::SessionNotFound);
}

#[test]
fn a_repeated_close_that_is_answered_200_is_confirmed() {
    let mut scenario = Scenario::closing(config());
    scenario.break_off(TransportError::Interrupted);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Close-Session", answers::ok());
    assert_eq!(told(&mut scenario), COMPLETED);
}

#[test]
fn nothing_is_to_be_told_to_an_upload_that_is_over() {
    let mut completed = Scenario::closing(config());
    completed.answer(answers::ok());
    let mut cancelled = Scenario::suspended(config());
    cancelled.cancel().unwrap();
    cancelled.exchange("Cancel-Session", answers::ok());
    for mut scenario in [completed, cancelled] {
        scenario.events();
        let state = scenario.upload.state();
        assert!(state.is_ended());
        assert_eq!(scenario.cancel(), Err(ApiMisuse::Ended));
        assert_eq!(scenario.suspend(Suspend::AtOnce), Err(ApiMisuse::Ended));
        assert_eq!(scenario.resume(), Err(ApiMisuse::Ended));
        assert_eq!(scenario.upload.authenticate(scenario.now, None), Err(ApiMisuse::Ended));
        assert_eq!(scenario.upload.reply_fetched(scenario.now), Err(ApiMisuse::Ended));
        scenario.upload.handle_timeout(scenario.now);
        assert_eq!(scenario.upload.state(), state);
        assert_eq!(scenario.events(), []);
        scenario.expect_nothing();
    }
}

#[test]
fn cancel_deletes_the_session_wherever_the_upload_stands() {
    for mut scenario in [
        Scenario::created(200, config()),
        Scenario::sending(200, config()),
        Scenario::after_fragments(1, 200, config()),
        Scenario::waiting(config()),
        Scenario::challenged(config()),
        Scenario::failed(config()),
        Scenario::suspended(config()),
        Scenario::with_reply("reply", config().reply(bits_proto::client::ReplyMode::Required)),
    ] {
        scenario.events();
        scenario.cancel().unwrap();
        let request = scenario.expect("Cancel-Session");
        assert_eq!(request.headers()["bits-session-id"], SESSION);
        assert_eq!(request.headers()["content-length"], "0");
        assert_eq!(request.body(), &Payload::Empty);
        scenario.answer(answers::ok());
        assert_eq!(scenario.events(), CANCELLED);
        assert_eq!(scenario.upload.state(), State::Cancelled);
        assert_eq!(scenario.upload.poll_timeout(), None);
        scenario.expect_nothing();
    }
}

#[test]
fn cancel_gives_up_a_fragment_on_its_way() {
    let mut scenario = Scenario::sending(200, config());
    let id = scenario.id();
    scenario.cancel().unwrap();
    assert_eq!(scenario.aborted(), [id]);
    scenario.expect("Cancel-Session");
}

#[test]
fn cancel_before_anything_was_sent_sends_nothing() {
    let mut scenario = Scenario::suspended_before_create(config());
    scenario.cancel().unwrap();
    assert_eq!(told(&mut scenario), CANCELLED);
    scenario.expect_nothing();
}

#[test]
fn cancel_takes_back_a_request_that_nobody_took() {
    let mut scenario = Scenario::new(200, config());
    scenario.cancel().unwrap();
    assert_eq!(told(&mut scenario), CANCELLED);

    let mut scenario = Scenario::new(0, config());
    scenario.exchange("Create-Session", answers::created());
    scenario.cancel().unwrap();
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(told(&mut scenario), CANCELLED);
    assert_eq!(scenario.aborted(), []);
}

#[test]
fn cancel_waits_for_the_session_that_a_create_on_its_way_makes() {
    let mut scenario = Scenario::new(200, config());
    scenario.expect("Create-Session");
    scenario.cancel().unwrap();
    assert_eq!(scenario.aborted(), []);
    scenario.answer(answers::created());
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(told(&mut scenario), CANCELLED);
}

#[test]
fn a_session_that_nobody_can_name_is_left_to_its_timeout() {
    let mut scenario = Scenario::new(200, config());
    scenario.expect("Create-Session");
    scenario.cancel().unwrap();
    scenario.break_off(TransportError::Interrupted);
    assert_eq!(told(&mut scenario), LEFT_BEHIND);
}

#[test]
fn cancel_comes_too_late_for_a_close_that_is_answered() {
    let mut scenario = Scenario::closing(config());
    scenario.cancel().unwrap();
    assert_eq!(scenario.aborted(), []);
    scenario.answer(answers::ok());
    assert_eq!(told(&mut scenario), COMPLETED);
}

#[test]
fn cancel_follows_a_close_that_failed() {
    let mut scenario = Scenario::closing(config());
    scenario.cancel().unwrap();
    scenario.answer(answers::error(500, "0x80070070"));
    scenario.retry();
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(told(&mut scenario), CANCELLED);
}

#[test]
fn after_a_lost_close_nobody_knows_what_cancel_deleted() {
    // A server that remembers the session as closed answers Cancel-Session 200, too.
    for answer in [answers::ok(), answers::session_not_found()] {
        let mut scenario = Scenario::closing(config());
        scenario.cancel().unwrap();
        scenario.break_off(TransportError::Interrupted);
        scenario.retry();
        scenario.exchange("Cancel-Session", answer);
        assert_eq!(told(&mut scenario), LEFT_BEHIND);
    }
}

#[test]
fn cancel_of_a_session_that_is_gone_is_a_success() {
    for status in [500, 404] {
        let mut scenario = Scenario::waiting(config());
        scenario.cancel().unwrap();
        scenario.exchange("Cancel-Session", answers::error(status, "0x8020001F"));
        assert_eq!(told(&mut scenario), CANCELLED);
    }
}

#[test]
fn cancel_is_sent_again_until_it_is_answered() {
    let mut scenario = Scenario::waiting(config());
    scenario.cancel().unwrap();
    // Nobody waits for the next try of what was given up.
    assert_eq!(scenario.upload.next_timer().map(|(_, timer)| timer), Some(Timer::Request));
    scenario.exchange("Cancel-Session", answers::ack(503, &[]));
    scenario.waits();
    scenario.retry();
    scenario.expect("Cancel-Session");
    scenario.break_off(TransportError::Interrupted);
    scenario.waits();
    scenario.retry();
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(told(&mut scenario), CANCELLED);
}

#[test]
fn cancel_that_is_refused_leaves_the_session_to_its_timeout() {
    for answer in [answers::page(403), answers::error(400, "0x80070057")] {
        let mut scenario = Scenario::waiting(config());
        scenario.cancel().unwrap();
        scenario.exchange("Cancel-Session", answer);
        assert_eq!(told(&mut scenario), LEFT_BEHIND);
        assert!(scenario.upload.state().is_ended());
    }
}

#[test]
fn cancel_without_credentials_leaves_the_session_to_its_timeout() {
    let mut scenario = Scenario::waiting(config());
    scenario.cancel().unwrap();
    scenario.exchange("Cancel-Session", answers::page(401));
    assert_eq!(scenario.upload.state(), State::WaitingForCredentials);
    scenario.upload.authenticate(scenario.now, None).unwrap();
    assert_eq!(told(&mut scenario), LEFT_BEHIND);
}

#[test]
fn cancel_that_nobody_answers_is_given_up_in_the_end() {
    let mut scenario = Scenario::waiting(config());
    scenario.cancel().unwrap();
    for _ in 0..10_000 {
        if scenario.upload.state().is_ended() {
            break;
        }
        scenario.expect("Cancel-Session");
        scenario.break_off(TransportError::Unsent);
        scenario.pass_to_timer();
    }
    assert_eq!(told(&mut scenario), LEFT_BEHIND);
}

#[test]
fn cancel_twice_is_once() {
    let mut scenario = Scenario::waiting(config());
    scenario.cancel().unwrap();
    let id = scenario.id();
    scenario.cancel().unwrap();
    assert_eq!(scenario.id(), id);
    scenario.answer(answers::ok());
    assert_eq!(told(&mut scenario), CANCELLED);
}

#[test]
fn a_suspended_cancel_goes_on_cancelling() {
    let mut scenario = Scenario::waiting(config());
    scenario.cancel().unwrap();
    scenario.expect("Cancel-Session");
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.resume().unwrap();
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(told(&mut scenario), CANCELLED);
}
