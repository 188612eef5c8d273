//! Answers that say two things, and the rule that wins: the error beside a header that cannot be read (C73), 401, 407 and 413 beside a code.

use bits_proto::client::{Credentials, Event, Reason, State};
use bits_proto::packet::PacketType;
use bits_proto::{Conformance, Hresult};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use testing::client::answers;
use testing::client::scenario::{FRAGMENT, Scenario, config};

fn error(status: u16, code: &str, more: &[(&str, &str)]) -> Response<()> {
    answers::with(answers::error(status, code), more)
}

/// Close-Session was sent, and its answer was lost.

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
