//! The three timers of §3.3.2, in virtual time.

use std::time::Duration;

use bits_proto::limits::{
    NOTIFICATION_HEAD_TIMEOUT, NOTIFICATION_RESPONSE_TIMEOUT, NOTIFICATION_SEND_TIMEOUT,
};
use bits_proto::notify::{Config, Failure, Outcome, Output, State, Timer};
use bits_proto::server::{Refusal, Report};
use testing::notify::*;

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_nanos(1);

fn config() -> Config {
    Config::builder().timeouts(10 * SECOND, 20 * SECOND, 30 * SECOND).build().unwrap()
}

fn timed_out(timer: Timer) -> [Step; 2] {
    [Step::Abort, Step::Done(Outcome::Failed(Failure::Timeout(timer)))]
}

#[test]
fn c47_each_is_five_minutes() {
    let five_minutes = Duration::from_secs(300);
    assert_eq!(NOTIFICATION_SEND_TIMEOUT, five_minutes);
    assert_eq!(NOTIFICATION_HEAD_TIMEOUT, five_minutes);
    assert_eq!(NOTIFICATION_RESPONSE_TIMEOUT, five_minutes);
    let mut notification = notification(start(), by_reference(), Config::default());
    let Some(Output::Transmit(transmit)) = notification.poll_output() else { panic!("nothing to send") };
    assert_eq!(transmit.send_timeout, five_minutes);
    assert_eq!(transmit.head_timeout, five_minutes);
    assert_eq!(transmit.response_timeout, five_minutes);
}

#[test]
fn c47_a_time_of_zero_is_refused() {
    for times in [(0, 1, 1), (1, 0, 1), (1, 1, 0)] {
        let (send, head, response) = (SECOND * times.0, SECOND * times.1, SECOND * times.2);
        assert!(Config::builder().timeouts(send, head, response).build().is_err(), "{times:?}");
    }
}

#[test]
fn sending_takes_too_long() {
    let now = start();
    let mut notification = notification(now, by_value(100), config());
    assert_eq!(steps(&mut notification), [Step::Transmit]);
    assert_eq!(notification.next_timer(), Some((now + 10 * SECOND, Timer::Send)));
    notification.handle_timeout(now + 10 * SECOND - MOMENT);
    assert_eq!(steps(&mut notification), []);
    notification.handle_timeout(now + 10 * SECOND);
    assert_eq!(steps(&mut notification), timed_out(Timer::Send));
    assert_eq!(notification.poll_timeout(), None);
}

#[test]
fn the_head_takes_too_long() {
    let now = start();
    let mut notification = notification(now, by_value(100), config());
    assert_eq!(steps(&mut notification), [Step::Transmit]);
    let sent = now + 9 * SECOND;
    notification.handle_sent(sent);
    assert_eq!(notification.next_timer(), Some((sent + 20 * SECOND, Timer::Head)));
    notification.handle_timeout(sent + 20 * SECOND - MOMENT);
    assert_eq!(steps(&mut notification), []);
    notification.handle_timeout(sent + 20 * SECOND);
    assert_eq!(steps(&mut notification), timed_out(Timer::Head));
}

#[test]
fn the_whole_answer_takes_too_long() {
    let now = start();
    let mut notification = sent(now, by_value(100), config());
    notification.handle_response(now + 19 * SECOND, &answer(200, &[]));
    assert_eq!(notification.next_timer(), Some((now + 30 * SECOND, Timer::Response)));
    notification.handle_body(5);
    assert_eq!(steps(&mut notification).len(), 1);
    notification.handle_timeout(now + 30 * SECOND - MOMENT);
    assert_eq!(steps(&mut notification), []);
    notification.handle_timeout(now + 30 * SECOND);
    assert_eq!(steps(&mut notification), timed_out(Timer::Response));
}

#[test]
fn the_whole_answer_may_be_given_less_time_than_its_head() {
    let now = start();
    let config = Config::builder().timeouts(SECOND, 20 * SECOND, 5 * SECOND).build().unwrap();
    let mut notification = sent(now, by_value(100), config);
    notification.handle_timeout(now + 5 * SECOND);
    assert_eq!(steps(&mut notification), timed_out(Timer::Response));
}

#[test]
fn an_answer_before_the_request_is_sent_has_its_time_from_then_on() {
    let now = start();
    let mut notification = notification(now, by_value(100), config());
    assert_eq!(steps(&mut notification), [Step::Transmit]);
    notification.handle_response(now + 5 * SECOND, &answer(200, &[]));
    assert_eq!(notification.next_timer(), Some((now + 35 * SECOND, Timer::Response)));
    // That it was sent in the end changes nothing.
    notification.handle_sent(now + 6 * SECOND);
    assert_eq!(notification.next_timer(), Some((now + 35 * SECOND, Timer::Response)));
}

#[test]
fn being_told_twice_that_it_was_sent_wins_no_time() {
    let now = start();
    let mut notification = sent(now, by_value(100), config());
    notification.handle_sent(now + 10 * SECOND);
    assert_eq!(notification.next_timer(), Some((now + 20 * SECOND, Timer::Head)));
}

#[test]
fn sending_without_end_leaves_the_application_its_time() {
    let now = start();
    let config = Config::builder().timeouts(Duration::MAX, 20 * SECOND, 30 * SECOND).build().unwrap();
    let mut notification = notification(now, by_value(100), config);
    assert_eq!(steps(&mut notification), [Step::Transmit]);
    assert_eq!(notification.next_timer(), None);
    notification.handle_sent(now);
    assert_eq!(notification.next_timer(), Some((now + 20 * SECOND, Timer::Head)));
}

/// §3.3.5.1: the receive timer stops once the response was received.
#[test]
fn no_time_runs_while_the_caller_looks_for_the_file_and_the_answer_is_whole() {
    let now = start();
    for (head, has_body) in [(answer(200, &[("Content-Length", "0")]), false), (answer(200, &[]), true)] {
        let mut notification = sent(now, by_reference(), config());
        notification.handle_response(now, &head);
        assert_eq!(notification.poll_timeout().is_some(), has_body);
        notification.handle_body_end();
        assert_eq!(notification.poll_timeout(), None);
        notification.handle_timeout(now + 100 * SECOND);
        assert_eq!(steps(&mut notification), [Step::FindResponseFile]);
    }
}

#[test]
fn a_request_that_nobody_took_is_not_sent_after_its_time() {
    let now = start();
    let mut notification = notification(now, by_value(100), config());
    notification.handle_timeout(now + 10 * SECOND);
    assert_eq!(steps(&mut notification), [Step::Done(Outcome::Failed(Failure::Timeout(Timer::Send)))]);
}

#[test]
fn a_request_that_nobody_took_is_neither_sent_nor_answered() {
    let now = start();
    let mut notification = notification(now, by_value(100), config());
    notification.handle_sent(now);
    notification.handle_response(now, &answer(403, &[]));
    notification.handle_response(now, &answer(200, &[("Content-Length", "0")]));
    assert_eq!(notification.next_timer(), Some((now + 10 * SECOND, Timer::Send)));
    assert_eq!(steps(&mut notification), [Step::Transmit]);
}

#[test]
fn an_answer_after_its_time_changes_nothing() {
    let now = start();
    let mut notification = sent(now, by_value(100), config());
    notification.handle_timeout(now + 20 * SECOND);
    assert_eq!(steps(&mut notification), timed_out(Timer::Head));
    notification.handle_response(now + 21 * SECOND, &answer(200, &[("Content-Length", "0")]));
    notification.handle_timeout(now + 100 * SECOND);
    assert_eq!(steps(&mut notification), []);
    assert_eq!(notification.state(), State::Done);
}

#[test]
fn nothing_is_timed_once_it_is_over() {
    let now = start();
    let mut notification = sent(now, by_value(100), config());
    notification.handle_response(now, &answer(200, &[("Content-Length", "0")]));
    assert_eq!(notification.poll_timeout(), None);
}

/// §3.3.6.
#[test]
fn c21_every_timeout_is_reported_alike() {
    for timer in [Timer::Send, Timer::Head, Timer::Response] {
        let report = Report::from(Outcome::Failed(Failure::Timeout(timer)));
        assert_eq!(report, Report::Failed(Refusal::ApplicationTimeout));
    }
}
