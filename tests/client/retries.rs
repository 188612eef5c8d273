//! Delays, timers and giving up; and what a caller who never takes an output costs.

use std::time::Duration;

use bits_proto::client::{Event, Output, Reason, State, Suspend, Timer, TransportError};
use http::Response;
use testing::client::answers;
use testing::client::scenario::{FRAGMENT, Scenario, config};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn busy() -> Response<()> {
    answers::ack(503, &[])
}

fn busy_for(retry_after: &str) -> Response<()> {
    answers::ack(503, &[("Retry-After", retry_after)])
}

/// The delays before the next so many tries of an upload that is answered 503 each time.
fn delays(scenario: &mut Scenario, tries: usize) -> Vec<Duration> {
    let mut delays = Vec::new();
    for _ in 0..tries {
        scenario.exchange("Fragment", busy());
        delays.push(scenario.waits().0);
        scenario.retry();
    }
    delays
}

#[test]
fn delays_double_within_a_quarter_and_end_at_the_longest() {
    let (first, longest) = (Duration::from_secs(4), Duration::from_secs(60));
    let mut scenario = Scenario::created(FRAGMENT, config().retry_delays(first, longest).seed(7));
    let mut plain = first;
    for delay in delays(&mut scenario, 40) {
        assert!(delay >= plain * 3 / 4 && delay <= plain * 5 / 4 && delay <= longest, "{delay:?}");
        plain = (plain * 2).min(longest);
    }
}

#[test]
fn uploads_of_different_seeds_come_back_at_different_times() {
    let delays = |seed| delays(&mut Scenario::created(FRAGMENT, config().seed(seed)), 5);
    assert_eq!(delays(1), delays(1));
    assert_ne!(delays(1), delays(2));
}

#[test]
fn progress_resets_the_delays() {
    let mut scenario = Scenario::created(1000, config());
    let grown = delays(&mut scenario, 5).pop().unwrap();
    scenario.acknowledge();
    let fresh = delays(&mut scenario, 1).pop().unwrap();
    assert!(fresh <= Duration::from_secs(5) * 5 / 4 && fresh < grown / 4, "{fresh:?} after {grown:?}");
}

#[test]
fn an_answer_without_progress_does_not_reset_the_delays() {
    let mut scenario = Scenario::created(1000, config());
    let grown = delays(&mut scenario, 5).pop().unwrap();
    scenario.exchange("Fragment", answers::received(0));
    assert!(delays(&mut scenario, 1).pop().unwrap() > grown);
}

#[test]
fn retry_after_is_a_least_delay() {
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", busy_for("3600"));
    let (delay, cause) = scenario.waits();
    assert_eq!(delay, Duration::from_secs(3600));
    assert_eq!(cause.retry_after, Some(delay));
    scenario.pass(delay - Duration::from_millis(1));
    scenario.expect_nothing();
    scenario.pass(Duration::from_millis(1));
    scenario.expect("Fragment");
}

#[test]
fn retry_after_shortens_no_delay() {
    let mut scenario = Scenario::created(FRAGMENT, config().retry_delays(MINUTE, MINUTE * 10));
    scenario.exchange("Fragment", busy_for("1"));
    assert!(scenario.waits().0 >= MINUTE * 3 / 4);
}

#[test]
fn a_date_to_retry_after_counts_from_the_date_of_the_answer() {
    let until = |date| [("Date", "Tue, 29 Feb 2028 23:30:00 GMT"), ("Retry-After", date)];
    for (date, expected) in [
        ("Wed, 01 Mar 2028 00:30:00 GMT", Some(60 * MINUTE)),
        ("Tue, 29 Feb 2028 23:30:00 GMT", Some(Duration::ZERO)),
        ("Tue, 29 Feb 2028 23:29:59 GMT", None),
        ("Tue Feb 29 23:31:00 2028", Some(MINUTE)),
    ] {
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", answers::ack(503, &until(date)));
        let (delay, cause) = scenario.waits();
        assert_eq!(cause.retry_after, expected, "{date}");
        assert!(delay >= expected.unwrap_or_default(), "{date}");
    }
}

#[test]
fn a_retry_after_that_says_no_time_is_passed_over() {
    // Without a Date, nobody knows how long it is until one.
    for value in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "+600", "soon", ""] {
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", busy_for(value));
        let (delay, cause) = scenario.waits();
        assert_eq!(cause.retry_after, None, "{value}");
        assert!(delay <= Duration::from_secs(5) * 5 / 4, "{value}");
    }
}

#[test]
fn sending_has_two_minutes_and_the_answer_five_after_that() {
    let mut scenario = Scenario::sending(FRAGMENT, config());
    let id = scenario.id();
    assert_eq!(scenario.upload.next_timer(), Some((scenario.now + 2 * MINUTE, Timer::Request)));
    scenario.pass(MINUTE);
    scenario.sent();
    assert_eq!(scenario.upload.next_timer(), Some((scenario.now + 5 * MINUTE, Timer::Response)));
    // Told twice, it changes nothing.
    scenario.pass(MINUTE);
    scenario.sent();
    assert_eq!(scenario.upload.next_timer(), Some((scenario.now + 4 * MINUTE, Timer::Response)));
    assert_eq!(scenario.pass_to_timer(), Timer::Response);
    assert_eq!(scenario.aborted(), [id]);
    assert_eq!(scenario.waits().1.reason, Reason::ResponseTimeout);
}

#[test]
fn the_timeouts_are_configurable_and_told_with_the_request() {
    let (request, response) = (Duration::from_secs(7), Duration::from_secs(11));
    let mut scenario = Scenario::new(FRAGMENT, config().timeouts(request, response));
    let Some(Output::Transmit(transmit)) = scenario.upload.poll_output() else { panic!("no request") };
    assert_eq!((transmit.request_timeout, transmit.response_timeout), (request, response));
    assert_eq!(scenario.upload.poll_timeout(), Some(scenario.now + request));
    scenario.upload.handle_sent(scenario.now, transmit.id);
    assert_eq!(scenario.upload.poll_timeout(), Some(scenario.now + response));
}

#[test]
fn c36_a_request_that_cannot_be_sent_in_time_is_aborted_and_tried_again() {
    let mut scenario = Scenario::new(FRAGMENT, config());
    let id = scenario.id();
    assert_eq!(scenario.pass_to_timer(), Timer::Request);
    assert_eq!(scenario.aborted(), [id]);
    assert_eq!(scenario.waits().1.reason, Reason::RequestTimeout);
    scenario.retry();
    // There is no session yet, so there is nothing to ping for.
    scenario.expect("Create-Session");
}

#[test]
fn q30_a_lost_answer_is_pinged_for_and_the_fragment_goes_again() {
    let mut scenario = Scenario::after_fragments(1, 300, config());
    scenario.expect_fragment("bytes 100-199/300");
    scenario.sent();
    scenario.pass_to_timer();
    assert_eq!(scenario.waits().1.reason, Reason::ResponseTimeout);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 100-199/300");
}

#[test]
fn q30_a_broken_connection_is_pinged_for_and_the_fragment_goes_again() {
    for error in [TransportError::Unsent, TransportError::Interrupted] {
        let mut scenario = Scenario::after_fragments(1, 300, config());
        scenario.expect("Fragment");
        scenario.break_off(error);
        assert_eq!(scenario.waits().1.reason, Reason::Transport);
        scenario.retry();
        scenario.exchange("Ping", answers::ok());
        scenario.expect_fragment("bytes 100-199/300");
        // The server has it: only the Ack was lost.
        scenario.answer(answers::received(200));
        scenario.expect_fragment("bytes 200-299/300");
    }
}

#[test]
fn an_answer_stops_the_timers_of_its_exchange() {
    let mut scenario = Scenario::sending(FRAGMENT, config());
    scenario.sent();
    scenario.answer(busy());
    scenario.waits();
    assert_eq!(scenario.upload.next_timer().map(|(_, timer)| timer), Some(Timer::Retry));
}

#[test]
fn a_timeout_that_is_told_early_changes_nothing() {
    let mut scenario = Scenario::sending(FRAGMENT, config());
    let next = scenario.upload.next_timer();
    scenario.upload.handle_timeout(scenario.now);
    assert_eq!(scenario.upload.next_timer(), next);
    assert_eq!(scenario.events(), []);
    scenario.answer(answers::received(FRAGMENT));
    scenario.expect("Close-Session");
}

#[test]
fn a_timeout_that_is_told_late_catches_up() {
    // The machine slept for a day: the answer's time is over, and so is the delay after that.
    let mut scenario = Scenario::sending(FRAGMENT, config());
    scenario.now += DAY;
    scenario.upload.handle_timeout(scenario.now);
    assert_eq!(scenario.aborted().len(), 1);
    scenario.waits();
    scenario.retry();
    scenario.expect("Ping");
}

#[test]
fn fourteen_days_without_progress_are_the_end() {
    let mut scenario = Scenario::created(FRAGMENT, config());
    let begin = scenario.now;
    for _ in 0..10_000 {
        if scenario.upload.state() == State::Failed {
            break;
        }
        scenario.expect("Fragment");
        scenario.answer(busy());
        scenario.pass_to_timer();
    }
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
    assert_eq!(scenario.now - begin, 14 * DAY);
    assert_eq!(scenario.upload.poll_timeout(), None);
}

#[test]
fn giving_up_aborts_what_is_on_its_way() {
    let mut scenario = Scenario::sending(FRAGMENT, config().give_up_after(MINUTE));
    let id = scenario.id();
    assert_eq!(scenario.pass_to_timer(), Timer::GiveUp);
    assert_eq!(scenario.aborted(), [id]);
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
}

#[test]
fn progress_defers_giving_up_and_standing_still_does_not() {
    let mut scenario = Scenario::created(1000, config().give_up_after(10 * MINUTE));
    let begin = scenario.now;
    for _ in 0..3 {
        scenario.expect("Fragment");
        scenario.pass(MINUTE);
        scenario.acknowledge();
    }
    for _ in 0..5 {
        scenario.expect("Fragment");
        scenario.pass(MINUTE);
        scenario.answer(answers::received(300));
    }
    scenario.exchange("Fragment", busy_for("86400"));
    assert_eq!(scenario.pass_to_timer(), Timer::GiveUp);
    assert_eq!(scenario.now - begin, 13 * MINUTE);
}

#[test]
fn ground_that_was_covered_before_does_not_defer_giving_up() {
    let mut scenario = Scenario::after_fragments(2, 1000, config().give_up_after(10 * MINUTE));
    scenario.exchange("Fragment", answers::session_not_found());
    scenario.exchange("Create-Session", answers::created());
    scenario.pass(MINUTE);
    scenario.acknowledge();
    scenario.exchange("Fragment", busy_for("86400"));
    let before = scenario.now;
    assert_eq!(scenario.pass_to_timer(), Timer::GiveUp);
    assert_eq!(scenario.now - before, 9 * MINUTE);
}

#[test]
fn resuming_after_giving_up_gives_another_span() {
    let mut scenario = Scenario::sending(FRAGMENT, config().give_up_after(MINUTE));
    scenario.pass_to_timer();
    scenario.resume().unwrap();
    scenario.expect("Ping");
    let before = scenario.now;
    assert_eq!(scenario.pass_to_timer(), Timer::GiveUp);
    assert_eq!(scenario.now - before, MINUTE);
}

#[test]
fn a_caller_who_never_takes_an_output_costs_a_bounded_number_of_them() {
    let mut scenario = Scenario::new(FRAGMENT, config());
    let mut rounds = 0;
    while let Some(at) = scenario.upload.poll_timeout().filter(|_| rounds < 5_000) {
        scenario.now = at;
        scenario.upload.handle_timeout(at);
        rounds += 1;
    }
    assert!(rounds > 1_000, "the upload went on trying");
    assert_eq!(scenario.upload.state(), State::Failed);
    let outputs: Vec<_> = std::iter::from_fn(|| scenario.upload.poll_output()).collect();
    assert!(outputs.len() <= 100, "{} outputs wait", outputs.len());
    // Nothing was ever sent, so nothing is to be aborted; and the newest events are there.
    assert!(outputs.iter().all(|output| matches!(output, Output::Event(_))));
    assert!(matches!(outputs.last(), Some(Output::Event(Event::Failed(_)))));
}

#[test]
fn a_request_outlives_any_number_of_events() {
    let mut scenario = Scenario::created(FRAGMENT, config());
    for _ in 0..1_000 {
        scenario.suspend(Suspend::AtOnce).unwrap();
        scenario.resume().unwrap();
    }
    let outputs: Vec<_> = std::iter::from_fn(|| scenario.upload.poll_output()).collect();
    assert!(outputs.len() <= 100, "{} outputs wait", outputs.len());
    let requests = outputs.iter().filter(|output| matches!(output, Output::Transmit(_)));
    assert_eq!(requests.count(), 1);
}
