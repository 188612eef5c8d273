//! The client's rules of `manual::protocol` where two of them meet, each with inputs on which the other order fails.

use std::time::Duration;

use bits_proto::client::{
    Config, Connection, Credentials, EmptyEntity, Entity, Event, LostClose, Reason, Recovery, ReplyMode,
    State, Suspend, TransportError, Upload, Violation,
};
use bits_proto::packet::PacketType;
use bits_proto::{Conformance, Hresult, InvalidConfig};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use testing::client::answers::{self, SESSION};
#[cfg(feature = "serde")]
use testing::client::at_rest::restored;
use testing::client::scenario::{self, FRAGMENT, Scenario, config};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn error(status: u16, code: &str, more: &[(&str, &str)]) -> Response<()> {
    answers::with(answers::error(status, code), more)
}

/// Close-Session was sent, and its answer was lost.
fn close_lost(config: bits_proto::client::ConfigBuilder) -> Scenario {
    let mut scenario = Scenario::closing(config);
    scenario.break_off(TransportError::Interrupted);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.expect("Close-Session");
    scenario.events();
    scenario
}

// C73: a header that cannot be read never hides the error beside it.

#[test]
fn c73_an_error_counts_although_another_header_cannot_be_read() {
    let long = "x".repeat(4097);
    let garbage: &[(&str, &str)] = &[
        ("BITS-Session-Id", ""),
        ("BITS-Session-Id", "a b"),
        ("BITS-Session-Id", &long),
        ("BITS-Host-Id", &long),
        ("BITS-Reply-URL", &long),
        ("BITS-Received-Content-Range", "many"),
    ];
    for conformance in [Conformance::Interop, Conformance::Strict] {
        for &(name, value) in garbage {
            let config = || config().conformance(conformance);
            let mut scenario = Scenario::new(FRAGMENT, config());
            let ack = answers::ack(403, &[("BITS-Error", "0x80070005"), (name, value)]);
            scenario.exchange("Create-Session", ack);
            let failure = scenario.failure();
            assert_eq!(
                (failure.reason, failure.code),
                (Reason::Refused, Some(Hresult::E_ACCESSDENIED)),
                "{name} {conformance:?}"
            );

            let mut scenario = Scenario::created(FRAGMENT, config());
            let ack = answers::ack(500, &[("BITS-Error", "0x8020001F"), (name, value)]);
            scenario.exchange("Fragment", ack);
            assert_eq!(scenario.restart().reason, Reason::SessionNotFound, "{name} {conformance:?}");

            let mut scenario = Scenario::created(FRAGMENT, config());
            scenario.exchange("Fragment", answers::ack(503, &[(name, value)]));
            assert_eq!(scenario.waits().1.reason, Reason::Refused, "{name} {conformance:?}");
        }
    }
}

#[test]
fn c73_an_applications_error_stays_one_beside_a_header_that_cannot_be_read() {
    for conformance in [Conformance::Interop, Conformance::Strict] {
        let mut scenario = Scenario::created(FRAGMENT, config().conformance(conformance));
        let unreadable = [("BITS-Session-Id", "a b")];
        scenario
            .exchange("Fragment", answers::with(answers::application_error(401, "0x80070005"), &unreadable));
        let failure = scenario.failure();
        assert_eq!(failure.status, Some(StatusCode::UNAUTHORIZED), "no credentials are asked for");
        assert_eq!(failure.context, Some(bits_proto::ErrorContext::REMOTE_APPLICATION));
    }
}

#[test]
fn c73_the_ack_of_a_ping_needs_no_session_id_at_all() {
    for id in ["", "a b", "{00000000-0000-4000-8000-000000000000}"] {
        let mut scenario = Scenario::suspended(config());
        scenario.resume().unwrap();
        scenario.exchange("Ping", answers::ack(200, &[("BITS-Session-Id", id)]));
        scenario.expect_fragment("bytes 100-199/200");
    }
}

// 401, 407 and 413 come before every code but session-not-found; an application's error before all of them.

#[test]
fn credentials_are_asked_for_whatever_code_stands_beside_the_challenge() {
    for status in [401, 407] {
        for code in ["0x80070005", "0x80070057", "0x80200020", "0x80004005"] {
            let mut scenario = Scenario::created(FRAGMENT, config());
            scenario.exchange("Fragment", error(status, code, &[("WWW-Authenticate", "Basic")]));
            assert_eq!(scenario.upload.state(), State::WaitingForCredentials, "{status} {code}");
        }
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", error(status, "0x8020001F", &[]));
        assert_eq!(scenario.restart().reason, Reason::SessionNotFound);
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", answers::application_error(status, "0x80070005"));
        assert_eq!(scenario.failure().reason, Reason::Refused);
    }
}

#[test]
fn a_413_halves_whatever_code_stands_beside_it() {
    for code in ["0x80070057", "0x80200020", "0x80070005"] {
        let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
        scenario.exchange("Fragment", error(413, code, &[]));
        assert_eq!(scenario.events(), [Event::FragmentShrunk { to: 25_000 }], "{code}");
        scenario.expect_fragment("bytes 0-24999/100000");
    }
    let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
    scenario.exchange("Fragment", error(413, "0x8020001F", &[]));
    assert_eq!(scenario.restart().reason, Reason::SessionNotFound);
    let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
    scenario.exchange("Fragment", answers::application_error(413, "0x80070057"));
    assert_eq!(scenario.failure().status, Some(StatusCode::PAYLOAD_TOO_LARGE));
}

#[test]
fn a_failure_after_credentials_were_refused_names_status_and_packet() {
    let mut scenario = Scenario::challenged(config());
    scenario.upload.authenticate(scenario.now, None).unwrap();
    let failure = scenario.failure();
    assert_eq!(
        (failure.status, failure.packet),
        (Some(StatusCode::UNAUTHORIZED), Some(PacketType::Fragment))
    );
    let mut scenario = Scenario::new(1, config());
    scenario.exchange("Create-Session", answers::page(407));
    scenario.upload.authenticate(scenario.now, None).unwrap();
    assert!(scenario.failure().to_string().contains("at Create-Session, status 407"));
}

#[test]
fn there_is_one_authorization_header_whoever_set_it() {
    let header = |value| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
    let mut scenario = Scenario::created(200, config().headers(header("Basic old")));
    assert_eq!(scenario.expect("Fragment").headers()["authorization"], "Basic old");
    scenario.answer(answers::page(401));
    scenario.upload.authenticate(scenario.now, Some(Credentials::from(header("Basic new")))).unwrap();
    for _ in 0..2 {
        let headers = scenario.expect("Fragment").headers();
        let all: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
        assert_eq!(all, ["Basic new"]);
        scenario.acknowledge();
    }
}

// C25.

#[test]
fn c25_a_create_whose_ack_is_refused_is_tried_ten_times_at_most() {
    let unreadable = answers::ack(200, &[("BITS-Session-Id", "a b")]);
    let mut scenario = Scenario::new(FRAGMENT, config());
    for _ in 0..9 {
        scenario.exchange("Create-Session", unreadable.clone());
        scenario.waits();
        scenario.retry();
    }
    scenario.exchange("Create-Session", unreadable);
    let failure = scenario.failure();
    assert!(matches!(failure.reason, Reason::Protocol(Violation::Malformed(_))), "{failure}");
    scenario.expect_nothing();
}

#[test]
fn c25_after_a_close_was_sent_the_tenth_violation_means_unconfirmed_and_nothing_is_cancelled() {
    let other = answers::ack(200, &[("BITS-Session-Id", "another")]);
    let mut scenario = Scenario::closing(config());
    for _ in 0..9 {
        scenario.exchange("Close-Session", other.clone());
        assert_eq!(scenario.waits().1.reason, Reason::Protocol(Violation::OtherSession));
        scenario.retry();
    }
    scenario.exchange("Close-Session", other);
    assert_eq!(scenario.events().pop(), Some(Event::Completed { confirmed: false }));
    scenario.expect_nothing();
}

#[cfg(feature = "serde")]
#[test]
fn c25_violations_count_across_restarts() {
    let mut scenario = Scenario::created(300, config());
    for _ in 0..9 {
        scenario.exchange("Fragment", answers::received(301));
        scenario = restored(&scenario, config()).waited();
        scenario.exchange("Ping", answers::ok());
    }
    scenario.exchange("Fragment", answers::received(301));
    scenario.expect("Cancel-Session");
    let mut scenario = restored(&scenario, config());
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(scenario.failure().reason, Reason::Protocol(Violation::Repeated));
}

#[test]
fn ten_successes_in_a_row_that_are_no_acks_are_fatal_but_gateways_errors_are_not() {
    let mut scenario = Scenario::created(300, config());
    for _ in 0..9 {
        scenario.exchange("Fragment", answers::page(200));
        scenario.retry();
    }
    // An Ack begins the row anew, whatever it says.
    scenario.exchange("Fragment", answers::ack(503, &[]));
    scenario.retry();
    for _ in 0..9 {
        scenario.exchange("Fragment", answers::page(200));
        scenario.waits();
        scenario.retry();
    }
    scenario.exchange("Fragment", answers::page(200));
    assert_eq!(scenario.failure().reason, Reason::NotBits);
    let mut scenario = Scenario::new(300, config());
    for _ in 0..50 {
        scenario.exchange("Create-Session", answers::page(502));
        scenario.waits();
        scenario.retry();
    }
    let mut scenario = Scenario::closing(config());
    for _ in 0..50 {
        scenario.exchange("Close-Session", answers::page(200));
        scenario.waits();
        scenario.retry();
    }
}

#[test]
fn starting_over_cancels_the_session_that_it_leaves_unless_it_is_gone() {
    let mut scenario = Scenario::created(300, config());
    scenario.exchange("Fragment", answers::received(300));
    assert_eq!(scenario.expect("Cancel-Session").headers()["bits-session-id"], SESSION);
    scenario.answer(answers::session_not_found());
    scenario.exchange("Create-Session", answers::created());
    scenario.exchange("Fragment", answers::session_not_found());
    scenario.expect("Create-Session");
}

// C33: the host.

fn moved(seconds: &str) -> Scenario {
    let headers = [("BITS-Host-Id", "other"), ("BITS-Host-Id-Fallback-Timeout", seconds)];
    let mut scenario = Scenario::created_by(300, config(), answers::created_with(&headers));
    scenario.exchange("Ping", answers::ok());
    scenario
}

#[track_caller]
fn goes_to(scenario: &mut Scenario, host: &str) {
    let packet = match scenario.upload.state() {
        State::Exchanging(packet) => packet.as_str(),
        other => panic!("{other:?}"),
    };
    assert_eq!(scenario.expect(packet).uri().host(), Some(host));
}

/// Until another host is asked, or so often.
fn asks_elsewhere(scenario: &mut Scenario, mut answer: impl FnMut(&mut Scenario, usize)) -> bool {
    for round in 0..200 {
        let State::Exchanging(packet) = scenario.upload.state() else { panic!("{:?}", scenario.upload) };
        if scenario.expect(packet.as_str()).uri().host() == Some("origin") {
            return true;
        }
        answer(scenario, round);
        while scenario.upload.state() == State::WaitingToRetry {
            scenario.pass_to_timer();
        }
    }
    false
}

#[test]
fn c33_one_answer_of_a_gateway_among_broken_connections_does_not_keep_an_upload_there() {
    let mut scenario = moved("60");
    let gone = asks_elsewhere(&mut scenario, |scenario, round| {
        if round % 2 == 1 {
            scenario.answer(answers::page(504));
        } else {
            scenario.break_off(TransportError::Unsent);
        }
    });
    assert!(gone);
}

#[test]
fn c33_a_host_that_answers_pings_and_breaks_every_fragment_is_left() {
    let mut scenario = moved("60");
    let gone = asks_elsewhere(&mut scenario, |scenario, _| match scenario.upload.state() {
        State::Exchanging(PacketType::Ping) => scenario.answer(answers::ok()),
        _ => scenario.break_off(TransportError::Interrupted),
    });
    assert!(gone);
}

#[test]
fn c33_every_answer_that_is_no_ack_starts_the_time_and_a_fragments_progress_stops_it() {
    for answer in [answers::page(502), answers::page(404), answers::page(200)] {
        let mut scenario = moved("60");
        scenario.exchange("Fragment", answer);
        scenario.pass(61 * SECOND);
        assert!(scenario.events().contains(&Event::HostAbandoned));
        let mut scenario = moved("60");
        scenario.exchange("Fragment", answers::page(502));
        scenario.retry();
        scenario.exchange("Ping", answers::ok());
        scenario.acknowledge();
        scenario.pass(61 * SECOND);
        assert!(!scenario.events().contains(&Event::HostAbandoned));
    }
    // An Ack that says no is an answer of the host.
    let mut scenario = moved("60");
    scenario.exchange("Fragment", answers::ack(503, &[]));
    scenario.pass(61 * SECOND);
    assert!(!scenario.events().contains(&Event::HostAbandoned));
}

#[test]
fn c33_a_host_that_answers_404_is_left_at_the_resume_after_its_time() {
    for (passed, host) in [(59, "other"), (61, "origin")] {
        let mut scenario = moved("60");
        scenario.exchange("Fragment", answers::page(404));
        scenario.failure();
        // Nobody let its timers go off meanwhile.
        scenario.now += passed * SECOND;
        scenario.resume().unwrap();
        goes_to(&mut scenario, host);
    }
}

#[test]
fn c33_a_host_whose_certificate_does_not_hold_is_out_of_reach() {
    let mut scenario = moved("60");
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Untrusted);
    assert_eq!(scenario.waits().1.reason, Reason::Untrusted);
    assert!(asks_elsewhere(&mut scenario.waited(), |scenario, _| {
        scenario.break_off(TransportError::Untrusted);
    }));
}

#[test]
fn c33_a_ping_that_is_refused_counts_as_a_failure_of_the_host() {
    let mut scenario = Scenario::created_by(
        300,
        config(),
        answers::created_with(&[("BITS-Host-Id", "other"), ("BITS-Host-Id-Fallback-Timeout", "60")]),
    );
    scenario.exchange("Ping", answers::error(403, "0x80070005"));
    scenario.pass(61 * SECOND);
    assert!(scenario.events().contains(&Event::HostAbandoned));
}

#[test]
fn use_origin_goes_to_the_origin_at_once_from_every_state() {
    let mut sending = moved("60");
    let id = sending.id();
    sending.upload.use_origin(sending.now).unwrap();
    assert_eq!(sending.aborted(), [id]);
    assert_eq!(sending.events().pop(), Some(Event::HostAbandoned));
    goes_to(&mut sending, "origin");
    sending.exchange("Ping", answers::ok());
    goes_to(&mut sending, "origin");
    sending.acknowledge();

    let mut waiting = moved("60");
    waiting.exchange("Fragment", answers::ack(503, &[]));
    waiting.upload.use_origin(waiting.now).unwrap();
    goes_to(&mut waiting, "origin");

    let mut suspended = moved("60");
    suspended.suspend(Suspend::AtOnce).unwrap();
    suspended.upload.use_origin(suspended.now).unwrap();
    suspended.expect_nothing();
    suspended.resume().unwrap();
    goes_to(&mut suspended, "origin");

    // Where there is no other host, nothing changes.
    let mut plain = Scenario::sending(200, config());
    let id = plain.id();
    plain.upload.use_origin(plain.now).unwrap();
    assert_eq!((plain.id(), plain.aborted(), plain.events()), (id, vec![], vec![]));
}

// C71, C75, C57.

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

// C72: a connection that had served before.

#[test]
fn c72_a_server_that_closes_after_each_answer_without_saying_so_costs_no_delay() {
    let mut scenario = Scenario::new(500, config());
    let begin = scenario.now;
    scenario.exchange("Create-Session", answers::created());
    for _ in 0..5 {
        let range = scenario.expect("Fragment").headers()["content-range"].clone();
        assert_eq!(scenario.connection().0, Connection::Any);
        scenario.break_off(TransportError::Stale);
        assert_eq!(scenario.expect("Fragment").headers()["content-range"], range);
        assert_eq!(scenario.connection().0, Connection::Fresh);
        scenario.acknowledge();
    }
    scenario.expect("Close-Session");
    scenario.break_off(TransportError::Stale);
    scenario.exchange("Close-Session", answers::session_not_found());
    // What became of the first Close nobody knows.
    assert_eq!(scenario.events().pop(), Some(Event::Completed { confirmed: false }));
    assert_eq!(scenario.now, begin);
}

#[test]
fn c72_an_exchange_is_repeated_once_and_then_waits() {
    let mut scenario = Scenario::sending(300, config());
    scenario.break_off(TransportError::Stale);
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Stale);
    scenario.waits();
    scenario.retry();
    // The Ping goes on a fresh connection, and so does the packet after it.
    scenario.expect("Ping");
    assert_eq!(scenario.connection().0, Connection::Fresh);
    scenario.answer(answers::ok());
    scenario.expect("Fragment");
    assert_eq!(scenario.connection().0, Connection::Fresh);
    scenario.acknowledge();
    scenario.expect("Fragment");
    assert_eq!(scenario.connection().0, Connection::Any);
}

#[test]
fn c72_under_restart_no_fragment_is_ever_repeated() {
    let mut scenario = Scenario::created(300, config().recovery(Recovery::Restart));
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Stale);
    // Counted, so that it has an end.
    assert_eq!(scenario.restart().reason, Reason::Transport);
    scenario.exchange("Cancel-Session", answers::ok());
    // Another packet is.
    scenario.expect("Create-Session");
    scenario.break_off(TransportError::Stale);
    scenario.exchange("Create-Session", answers::created());
    scenario.expect_fragment("bytes 0-99/300");
}

#[test]
fn c72_an_upload_that_is_to_be_suspended_is_not_repeated() {
    let mut scenario = Scenario::sending(300, config());
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario.break_off(TransportError::Stale);
    assert_eq!(scenario.upload.state(), State::Suspended);
    scenario.expect_nothing();
}

#[test]
fn fresh_connections_are_wanted_for_every_request_where_the_setting_says_so() {
    let mut scenario = Scenario::new(FRAGMENT, config().fresh_connections(true));
    for (packet, answer) in [
        ("Create-Session", answers::created()),
        ("Fragment", answers::received(FRAGMENT)),
        ("Close-Session", answers::ok()),
    ] {
        scenario.expect(packet);
        assert_eq!(scenario.connection().0, Connection::Fresh);
        scenario.answer(answer);
    }
}

// Q33, Q34, Q35, C17.

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

#[test]
fn q35_a_size_limit_that_does_not_answer_413_is_found_with_contact_in_between() {
    let limit = |scenario: &mut Scenario, how: &dyn Fn(&mut Scenario)| {
        for _ in 0..3 {
            scenario.expect_fragment("bytes 0-49999/100000");
            how(scenario);
            *scenario = std::mem::replace(scenario, Scenario::new(1, config())).waited();
            if scenario.upload.state() == State::Exchanging(PacketType::Ping) {
                scenario.exchange("Ping", answers::ok());
            }
        }
    };
    let breaks: [&dyn Fn(&mut Scenario); 3] = [
        &|scenario| scenario.answer(answers::page(502)),
        &|scenario| scenario.break_off(TransportError::Interrupted),
        &|scenario| scenario.answer(answers::page(409)),
    ];
    for how in breaks {
        let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
        limit(&mut scenario, how);
        scenario.expect_fragment("bytes 0-24999/100000");
        assert!(scenario.events().contains(&Event::FragmentShrunk { to: 25_000 }));
        // The ceiling lasts for the session.
        scenario.acknowledge();
        scenario.expect_fragment("bytes 25000-49999/100000");
    }
}

/// A gateway answers each Ping, until the upload goes on without one.
fn no_ping_is_answered(scenario: &mut Scenario) {
    loop {
        if scenario.upload.state() == State::WaitingToRetry {
            scenario.retry();
        }
        if scenario.upload.state() != State::Exchanging(PacketType::Ping) {
            break;
        }
        scenario.exchange("Ping", answers::page(502));
    }
}

#[test]
fn q35_without_contact_nothing_is_halved_and_at_the_floor_it_goes_on_trying() {
    let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Interrupted);
    for _ in 0..10 {
        scenario.retry();
        scenario.expect("Ping");
        scenario.break_off(TransportError::Unsent);
    }
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 0-49999/100000");

    // A server that answers neither Pings nor Fragments may just be gone: that says nothing of the size.
    let mut gone = Scenario::created(100_000, config().fragment_size(50_000));
    for _ in 0..5 {
        gone.expect_fragment("bytes 0-49999/100000");
        gone.break_off(TransportError::Unsent);
        no_ping_is_answered(&mut gone);
        gone.expect_fragment("bytes 0-49999/100000");
        gone.break_off(TransportError::Interrupted);
        no_ping_is_answered(&mut gone);
    }

    let mut floor = Scenario::created(10_240, config().fragment_size(5_120));
    for _ in 0..20 {
        floor.exchange("Fragment", answers::page(502));
        floor.waits();
        floor.retry();
        floor.exchange("Ping", answers::ok());
    }
    floor.expect_fragment("bytes 0-5119/10240");
}

#[cfg(feature = "serde")]
#[test]
fn q35_the_failures_of_a_fragment_count_across_restarts() {
    let settings = || config().fragment_size(50_000);
    let mut scenario = Scenario::created(100_000, settings());
    for _ in 0..3 {
        scenario.exchange("Fragment", answers::page(502));
        scenario = restored(&scenario, settings()).waited();
        scenario.exchange("Ping", answers::ok());
    }
    scenario.expect_fragment("bytes 0-24999/100000");
}

#[test]
fn an_ack_for_less_than_half_of_a_fragment_halves_it() {
    let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
    scenario.exchange("Fragment", answers::received(24_999));
    assert!(scenario.events().contains(&Event::FragmentShrunk { to: 25_000 }));
    scenario.expect_fragment("bytes 24999-49998/100000");
    scenario.answer(answers::received(24_999 + 12_500));
    assert!(!scenario.events().iter().any(|event| matches!(event, Event::FragmentShrunk { .. })));
}

#[test]
fn at_the_floor_a_thousand_meagre_acks_are_fatal() {
    let mut scenario = Scenario::created(1_000_000, config().fragment_size(5_120));
    for byte in 1..1000 {
        scenario.exchange("Fragment", answers::received(byte));
    }
    scenario.exchange("Fragment", answers::received(1000));
    assert_eq!(scenario.failure().reason, Reason::Stalled);
}

// Headers that are ignored.

#[test]
fn a_host_id_that_cannot_be_read_is_told() {
    for value in ["http://evil/", "user@evil", "e v i l"] {
        let mut scenario = Scenario::new(FRAGMENT, config());
        scenario.exchange("Create-Session", answers::created_with(&[("BITS-Host-Id", value)]));
        assert!(scenario.events().contains(&Event::HeaderIgnored { name: "BITS-Host-Id" }), "{value}");
    }
    let mut scenario = Scenario::new(FRAGMENT, config());
    scenario.exchange("Create-Session", answers::created());
    assert!(!scenario.events().iter().any(|event| matches!(event, Event::HeaderIgnored { .. })));
}

#[test]
fn a_reply_out_of_which_no_url_comes_is_told_and_never_closed_away() {
    let named = || answers::with(answers::received(FRAGMENT), &[("BITS-Reply-URL", "ftp://x/")]);
    for mode in [ReplyMode::Optional, ReplyMode::Required] {
        let mut scenario = Scenario::created(FRAGMENT, config().reply(mode));
        scenario.exchange("Fragment", named());
        let events = scenario.events();
        let told = events.iter().position(|event| *event == Event::HeaderIgnored { name: "BITS-Reply-URL" });
        assert!(told.is_some(), "{events:?}");
        let Some(Event::Failed(failure)) = events.last() else { panic!("{events:?}") };
        assert_eq!(failure.reason, Reason::ReplyUnusable);
        scenario.expect_nothing();
        // Asked again, the server may say it better.
        scenario.resume().unwrap();
        scenario.exchange("Ping", answers::ok());
        scenario
            .exchange("Fragment", answers::with(answers::received(FRAGMENT), &[("BITS-Reply-URL", "/r")]));
        assert_eq!(scenario.upload.state(), State::WaitingForReply);
    }
    let mut ignored = Scenario::created(FRAGMENT, config());
    ignored.exchange("Fragment", named());
    ignored.expect("Close-Session");
}

// Settings, and progress.

#[test]
fn c13_an_empty_entity_is_refused_where_the_setting_says_so() {
    let upload = |size, what| {
        let config = Config::builder().empty_entity(what).build().unwrap();
        let destination = "http://origin/a".parse().unwrap();
        Upload::new(scenario::now(), destination, Entity::new(size).unwrap(), config).map(drop)
    };
    assert_eq!(upload(0, EmptyEntity::Refused), Err(InvalidConfig::EmptyEntity));
    assert_eq!((upload(0, EmptyEntity::Uploaded), upload(1, EmptyEntity::Refused)), (Ok(()), Ok(())));
}

#[test]
fn bytes_that_go_out_for_the_first_time_are_progress_for_the_give_up_timer() {
    let patient = config().fragment_size(1_000_000).give_up_after(60 * SECOND).timeouts(HOUR, HOUR);
    let mut scenario = Scenario::sending(1_000_000, patient);
    let id = scenario.id();
    for minute in 1..10 {
        scenario.pass(50 * SECOND);
        scenario.upload.handle_sent_part(scenario.now, id, minute * 1000);
    }
    assert_eq!(scenario.upload.state(), State::Exchanging(PacketType::Fragment));
    // The same bytes told again are none.
    scenario.pass(50 * SECOND);
    scenario.upload.handle_sent_part(scenario.now, id, 9000);
    scenario.pass(50 * SECOND);
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
}
