//! Answers that refuse: the client's table in the manual.

use bits_proto::client::{ConfigBuilder, Event, Reason, State, Violation};
use bits_proto::packet::PacketType;
use bits_proto::{ErrorContext, Hresult};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use testing::client::answers::{self, SESSION};
use testing::client::scenario::{DESTINATION, FRAGMENT, Scenario, config};

/// A packet, and a scenario that sends it next.
type Begin = (&'static str, fn(ConfigBuilder) -> Scenario);

/// The packets that a plain upload sends.
const PACKETS: [Begin; 4] = [
    ("Create-Session", |config| Scenario::new(FRAGMENT, config)),
    ("Ping", |config| {
        let mut scenario = Scenario::suspended(config);
        scenario.resume().unwrap();
        scenario
    }),
    ("Fragment", |config| Scenario::created(FRAGMENT, config)),
    ("Close-Session", |config| Scenario::after_fragments(1, FRAGMENT, config)),
];

/// The packets of an upload without Close-Session, whose errors count by status alone.
const BEFORE_CLOSE: &[Begin] = PACKETS.split_at(3).0;

/// A refused Ping is passed over (Q33).
fn but_ping() -> impl Iterator<Item = Begin> {
    BEFORE_CLOSE.iter().copied().filter(|(packet, _)| *packet != "Ping")
}

#[test]
fn c18_session_not_found_starts_over_at_offset_zero() {
    for (packet, begin) in PACKETS {
        for status in [500, 404, 400] {
            let mut scenario = begin(config());
            scenario.exchange(packet, answers::error(status, "0x8020001F"));
            let cause = scenario.restart();
            assert_eq!(cause.reason, Reason::SessionNotFound, "{packet}");
            assert_eq!(cause.code, Some(Hresult::BG_E_SESSION_NOT_FOUND));
            assert_eq!((scenario.upload.session_id(), scenario.upload.acknowledged()), (None, 0));
            assert!(!scenario.expect("Create-Session").headers().contains_key("bits-session-id"));
            scenario.answer(answers::created());
            assert!(
                scenario.expect("Fragment").headers()["content-range"]
                    .to_str()
                    .unwrap()
                    .starts_with("bytes 0-99/")
            );
        }
    }
}

#[test]
fn c01_session_not_found_is_read_from_either_header() {
    for name in ["BITS-Error", "BITS-Error-Code"] {
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", answers::ack(500, &[(name, "0x8020001F")]));
        assert_eq!(scenario.restart().reason, Reason::SessionNotFound);
    }
}

#[test]
fn credentials_are_asked_for_and_the_same_packet_goes_again() {
    for (status, challenge) in [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")] {
        for (packet, begin) in PACKETS {
            let mut scenario = begin(config());
            let first = scenario.expect(packet).headers().clone();
            scenario.events();
            scenario.answer(answers::with(
                answers::page(status),
                &[(challenge, "Negotiate"), (challenge, "NTLM")],
            ));
            let wanted = Event::CredentialsWanted {
                status: StatusCode::from_u16(status).unwrap(),
                challenges: vec![HeaderValue::from_static("Negotiate"), HeaderValue::from_static("NTLM")],
            };
            assert_eq!(scenario.events(), [wanted], "{packet}");
            assert_eq!(scenario.upload.state(), State::WaitingForCredentials);
            scenario.expect_nothing();
            // A person may take as long as it takes.
            assert_eq!(scenario.upload.poll_timeout(), None);

            let credentials =
                HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("secret"))]);
            scenario.upload.authenticate(scenario.now, Some(credentials.into())).unwrap();
            let mut again = scenario.expect(packet).headers().clone();
            assert_eq!(again.remove("authorization").unwrap(), "secret");
            assert_eq!(again, first);
        }
    }
}

#[test]
fn credentials_go_with_every_later_packet() {
    let mut scenario = Scenario::challenged(config());
    let credentials =
        HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("secret"))]);
    scenario.upload.authenticate(scenario.now, Some(credentials.into())).unwrap();
    for _ in 0..2 {
        assert_eq!(scenario.expect("Fragment").headers()["authorization"], "secret");
        scenario.acknowledge();
    }
    assert_eq!(scenario.expect("Close-Session").headers()["authorization"], "secret");
}

#[test]
fn credentials_may_be_refreshed_before_anybody_asks() {
    let mut scenario = Scenario::created(200, config());
    for token in ["one", "two"] {
        let credentials =
            HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static(token))]);
        scenario.upload.authenticate(scenario.now, Some(credentials.into())).unwrap();
        scenario.acknowledge();
    }
    // The second was supplied while the first fragment was acknowledged, and so before the third packet.
    assert_eq!(scenario.expect("Close-Session").headers()["authorization"], "two");
    scenario.upload.authenticate(scenario.now, None).unwrap();
    scenario.answer(answers::ack(503, &[]));
    scenario.retry();
    assert!(!scenario.expect("Close-Session").headers().contains_key("authorization"));
}

#[test]
fn an_upload_without_credentials_fails() {
    let mut scenario = Scenario::challenged(config());
    scenario.upload.authenticate(scenario.now, None).unwrap();
    assert_eq!(scenario.failure().reason, Reason::Unauthorized);
    scenario.expect_nothing();
}

#[test]
fn a_fragment_that_is_too_large_is_halved_down_to_five_kib() {
    for answer in [answers::page(413), answers::ack(413, &[])] {
        let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
        for (range, smaller) in [
            ("bytes 0-49999/100000", 25_000),
            ("bytes 0-24999/100000", 12_500),
            ("bytes 0-12499/100000", 6_250),
            ("bytes 0-6249/100000", 5_120),
        ] {
            scenario.expect_fragment(range);
            scenario.answer(answer.clone());
            assert_eq!(scenario.events().pop(), Some(Event::FragmentShrunk { to: smaller }));
        }
        // What fits is kept for the rest of the upload.
        scenario.acknowledge();
        scenario.expect_fragment("bytes 5120-10239/100000");
    }
}

#[test]
fn q29_a_fragment_at_the_floor_is_never_sent_again() {
    let mut scenario = Scenario::created(100_000, config().fragment_size(5_120));
    scenario.exchange("Fragment", answers::page(413));
    let failure = scenario.failure();
    assert_eq!(
        (failure.reason, failure.status),
        (Reason::FragmentTooLarge, Some(StatusCode::PAYLOAD_TOO_LARGE))
    );
    scenario.expect_nothing();
}

#[test]
fn q29_a_server_that_means_the_whole_entity_ends_at_the_floor() {
    let mut scenario = Scenario::created(1 << 40, config().fragment_size(13 << 20));
    for _ in 0..64 {
        if scenario.upload.state() == State::Failed {
            break;
        }
        scenario.exchange("Fragment", answers::page(413));
    }
    assert_eq!(scenario.failure().reason, Reason::FragmentTooLarge);
}

#[test]
fn c52_a_last_fragment_that_is_too_large_is_halved_from_its_own_size() {
    let mut scenario = Scenario::after_fragments(1, 1_012_000, config().fragment_size(1_000_000));
    scenario.expect_fragment("bytes 1000000-1011999/1012000");
    scenario.answer(answers::page(413));
    scenario.expect_fragment("bytes 1000000-1005999/1012000");
}

#[test]
fn only_a_fragment_is_halved() {
    for answer in [answers::page(413), answers::error(413, "0x80070057")] {
        let mut scenario = Scenario::new(FRAGMENT, config());
        scenario.exchange("Create-Session", answer);
        assert_eq!(scenario.failure().status, Some(StatusCode::PAYLOAD_TOO_LARGE));
    }
}

#[test]
fn codes_that_nothing_will_change_are_fatal_and_told_in_full() {
    for (packet, begin) in but_ping() {
        for (status, text, code) in [
            (500, "0x80200020", Hresult::BG_E_TOO_LARGE),
            (400, "0x80070057", Hresult::E_INVALIDARG),
            (503, "0x80070057", Hresult::E_INVALIDARG),
            (403, "0x80070005", Hresult::E_ACCESSDENIED),
            (501, "0x80070005", Hresult::E_ACCESSDENIED),
        ] {
            let mut scenario = begin(config());
            scenario.exchange(packet, answers::error(status, text));
            let failure = scenario.failure();
            assert_eq!(failure.reason, Reason::Refused, "{packet} {status}");
            assert_eq!(failure.status, Some(StatusCode::from_u16(status).unwrap()));
            assert_eq!(failure.code, Some(code));
            assert_eq!(failure.context, Some(ErrorContext::REMOTE_FILE));
            scenario.expect_nothing();
            assert_eq!(scenario.upload.poll_timeout(), None);
        }
    }
}

#[test]
fn a_full_disk_may_be_emptied() {
    for code in ["0x80070070", "0x80070112"] {
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", answers::error(500, code));
        scenario.waits();
        scenario.retry();
        scenario.expect("Fragment");
    }
}

/// Every status by which an upload waits and tries again (`manual::protocol`, the client's rules).
const TRANSIENT: &[u16] = &[306, 399, 408, 409, 421, 423, 425, 429, 500, 502, 503, 504, 507, 599, 600, 999];
/// Statuses that end it.
const FATAL: &[u16] =
    &[300, 301, 302, 303, 304, 305, 307, 308, 400, 402, 403, 404, 405, 406, 410, 411, 415, 501, 505];

fn plain(status: u16) -> [Response<()>; 2] {
    [answers::page(status), answers::ack(status, &[])]
}

#[test]
fn q17_q31_transient_statuses_are_tried_again_with_ack_and_without() {
    for (packet, begin) in BEFORE_CLOSE {
        for &status in TRANSIENT {
            for (answer, reason) in plain(status).into_iter().zip([Reason::NotBits, Reason::Refused]) {
                let mut scenario = begin(config());
                scenario.exchange(packet, answer);
                let (_, failure) = scenario.waits();
                assert_eq!(failure.reason, reason, "{packet} {status}");
                assert_eq!(failure.status.map(|status| status.as_u16()), Some(status));
                scenario.retry();
                // Whether a gateway minds the size of a Fragment shows once something is known to answer (Q35).
                let gateway = reason == Reason::NotBits && (500..600).contains(&status);
                if *packet == "Fragment" && gateway {
                    scenario.exchange("Ping", answers::ok());
                }
                scenario.expect(packet);
            }
        }
    }
}

#[test]
fn q17_q31_other_statuses_are_fatal_with_ack_and_without() {
    for (packet, begin) in but_ping() {
        for &status in FATAL {
            // C19: who has no BITS says so with one of these.
            let page = if matches!(status, 404 | 405 | 501) { Reason::NotAvailable } else { Reason::NotBits };
            for (answer, reason) in plain(status).into_iter().zip([page, Reason::Refused]) {
                let mut scenario = begin(config());
                scenario.exchange(packet, answer);
                let failure = scenario.failure();
                assert_eq!(failure.reason, reason, "{packet} {status}");
                assert_eq!(failure.status.map(|status| status.as_u16()), Some(status));
            }
        }
    }
}

#[test]
fn c57_redirects_are_never_followed() {
    for status in [301, 302, 303, 307] {
        let mut scenario = Scenario::new(FRAGMENT, config());
        scenario.exchange(
            "Create-Session",
            answers::with(answers::page(status), &[("Location", "http://elsewhere/")]),
        );
        scenario.failure();
        scenario.resume().unwrap();
        assert_eq!(scenario.expect("Create-Session").uri(), DESTINATION);
    }
}

#[test]
fn c22_the_applications_errors_count_by_its_status() {
    for (status, code, transient) in [
        (503, "0x80070057", true),
        (409, "0x80070005", true),
        (408, "0x800705B4", true),
        (500, "0x80200020", true),
        (403, "0x80190193", false),
        (404, "0x80004005", false),
        (501, "0x80004001", false),
    ] {
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", answers::application_error(status, code));
        let cause = if transient { scenario.waits().1 } else { scenario.failure() };
        assert_eq!(cause.context, Some(ErrorContext::REMOTE_APPLICATION), "{status}");
        assert_eq!(cause.code.unwrap().to_string(), code);
    }
}

#[test]
fn q12_a_failure_code_on_a_2xx_is_an_error() {
    let late = |code: &str| answers::with(answers::received(FRAGMENT), &[("BITS-Error-Code", code)]);
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", late("0x80200020"));
    let failure = scenario.failure();
    assert_eq!((failure.status, failure.code), (Some(StatusCode::OK), Some(Hresult::BG_E_TOO_LARGE)));
    assert_eq!(scenario.upload.acknowledged(), 0);

    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", late("0x8020001F"));
    assert_eq!(scenario.restart().reason, Reason::SessionNotFound);

    let mut scenario = Scenario::new(FRAGMENT, config());
    scenario.exchange("Create-Session", answers::created_with(&[("BITS-Error", "0x80070005")]));
    assert_eq!(scenario.failure().code, Some(Hresult::E_ACCESSDENIED));
}

#[test]
fn q12_a_code_without_bit_31_is_no_error() {
    for code in ["0", "0x0", "0x00000001", "0x7FFFFFFF", "", "none"] {
        let headers = [("BITS-Error", code), ("BITS-Error-Code", code)];
        let mut scenario = Scenario::new(FRAGMENT, config());
        scenario.exchange("Create-Session", answers::created_with(&headers));
        scenario.exchange("Fragment", answers::with(answers::received(FRAGMENT), &headers));
        scenario.exchange("Close-Session", answers::with(answers::ok(), &headers));
        assert_eq!(scenario.upload.state(), State::Completed, "{code}");
    }
}

#[test]
fn q12_an_error_on_a_pings_2xx_is_ignored() {
    let mut scenario = Scenario::suspended(config());
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::error(200, "0x8020001F"));
    scenario.expect_fragment("bytes 100-199/200");
}

#[test]
fn q16_a_2xx_that_is_no_ack_may_pass() {
    for (packet, begin) in BEFORE_CLOSE {
        for answer in [
            answers::page(200),
            answers::page(204),
            answers::with(answers::page(200), &[("BITS-Packet-Type", "Pong")]),
        ] {
            let mut scenario = begin(config());
            let before = scenario.upload.acknowledged();
            scenario.exchange(packet, answer);
            assert_eq!(scenario.waits().1.reason, Reason::NotBits, "{packet}");
            assert_eq!(scenario.upload.acknowledged(), before);
            scenario.retry();
            scenario.expect(packet);
        }
    }
}

#[test]
fn q16_the_request_type_may_be_echoed_and_the_case_does_not_count() {
    for packet_type in ["ACK", "ack", "Fragment", "FRAGMENT"] {
        let headers = [("BITS-Packet-Type", packet_type), ("BITS-Received-Content-Range", "100")];
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario.exchange("Fragment", answers::with(Response::new(()), &headers));
        scenario.expect("Close-Session");
    }
}

#[test]
fn q21_a_repeated_offset_with_another_value_is_a_protocol_error() {
    let twice = answers::with(answers::received(100), &[("BITS-Received-Content-Range", "50")]);
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", twice);
    let (_, failure) = scenario.waits();
    assert!(matches!(failure.reason, Reason::Protocol(Violation::Malformed(_))), "{failure}");
    let same = answers::with(answers::received(100), &[("BITS-Received-Content-Range", "100")]);
    scenario.retry();
    scenario.exchange("Fragment", same);
    scenario.expect("Close-Session");
}

#[test]
fn an_error_names_the_packet_it_happened_to() {
    for (packet, begin) in but_ping() {
        let mut scenario = begin(config());
        scenario.exchange(packet, answers::error(403, "0x80070005"));
        let failure = scenario.failure();
        assert_eq!(failure.packet.map(PacketType::as_str), Some(packet));
        let text = failure.to_string();
        assert!(text.contains(packet) && text.contains("403") && text.contains("0x80070005"), "{text}");
    }
}

#[test]
fn a_failed_upload_tries_again_when_the_caller_resumes() {
    let mut scenario = Scenario::failed(config());
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    assert_eq!(scenario.expect("Fragment").headers()["bits-session-id"], SESSION);
    scenario.acknowledge();
    scenario.acknowledge();
    scenario.exchange("Close-Session", answers::ok());
    assert_eq!(scenario.upload.state(), State::Completed);
}
