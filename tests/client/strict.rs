//! Acks that break MC-BUP's rules, as a strict upload takes them: a success that is none goes again, and an error stays one.

use bits_proto::client::{Config, ConfigBuilder, Event, Reason, ReplyMode, State, TransportError, Violation};
use bits_proto::{Conformance, Hresult, Malformed};
use http::Response;
use testing::client::answers;
use testing::client::scenario::{FRAGMENT, Scenario, config};

fn strict() -> ConfigBuilder {
    config().conformance(Conformance::Strict)
}

/// The upload waits, since the Ack cannot be read, and sends the same packet again.
#[track_caller]
fn goes_again(scenario: &mut Scenario, packet: &str, malformed: Malformed) {
    let (_, cause) = scenario.waits();
    assert_eq!(cause.reason, Reason::Protocol(Violation::Malformed(malformed)));
    scenario.retry();
    scenario.expect(packet);
}

#[test]
fn q24_a_host_without_its_timeout_makes_no_session() {
    let answer = || answers::created_with(&[("BITS-Host-Id", "upload-2.example.org")]);
    let mut scenario = Scenario::new(FRAGMENT, strict());
    scenario.exchange("Create-Session", answer());
    goes_again(&mut scenario, "Create-Session", Malformed::HeaderMissing("BITS-Host-Id-Fallback-Timeout"));
    // Interop follows, for ever.
    let mut scenario = Scenario::created_by(FRAGMENT, config(), answer());
    assert_eq!(scenario.expect("Ping").uri().host(), Some("upload-2.example.org"));
}

#[test]
fn q18_an_ack_that_announces_a_body_is_none() {
    let answer = || {
        let response = Response::builder().header("BITS-Packet-Type", "Ack").header("Content-Length", "5");
        response.header("BITS-Received-Content-Range", FRAGMENT).body(()).unwrap()
    };
    let mut scenario = Scenario::created(FRAGMENT, strict());
    scenario.exchange("Fragment", answer());
    goes_again(&mut scenario, "Fragment", Malformed::BodyNotAllowed);
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", answer());
    scenario.expect("Close-Session");
}

#[test]
fn q04_a_session_id_that_is_no_guid_names_no_session() {
    let answer = || answers::ack(200, &[("BITS-Protocol", PROTOCOL), ("BITS-Session-Id", "-17")]);
    let mut scenario = Scenario::new(FRAGMENT, strict());
    scenario.exchange("Create-Session", answer());
    goes_again(&mut scenario, "Create-Session", Malformed::HeaderInvalid("BITS-Session-Id"));
    let mut scenario = Scenario::created_by(FRAGMENT, config(), answer());
    assert_eq!(scenario.expect("Fragment").headers()["bits-session-id"], "-17");
}

const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";

#[test]
fn c73_an_error_with_an_unknown_context_or_a_protocol_stays_an_error() {
    let code = ("BITS-Error", "0x80070005");
    for answer in [
        answers::ack(404, &[code, ("BITS-Error-Context", "0x9")]),
        answers::ack(404, &[code, ("BITS-Protocol", PROTOCOL)]),
        answers::ack(404, &[code, ("BITS-Error-Context", "0x5"), ("BITS-Session-Id", "-17")]),
    ] {
        let mut scenario = Scenario::created(FRAGMENT, strict());
        scenario.exchange("Fragment", answer);
        let failure = scenario.failure();
        assert_eq!(failure.reason, Reason::Refused);
        assert_eq!(failure.status.map(|status| status.as_u16()), Some(404));
        assert_eq!(failure.code, Some(Hresult::E_ACCESSDENIED));
    }
}

#[test]
fn q36_every_challenge_is_told_as_it_came() {
    for conformance in [Conformance::Interop, Conformance::Strict] {
        let mut scenario = Scenario::created(FRAGMENT, config().conformance(conformance));
        let lines = [r#"Negotiate, Basic realm="a, b", NTLM"#, r#"Digest realm="c""#];
        let challenges = lines.map(|line| ("WWW-Authenticate", line));
        scenario.exchange("Fragment", answers::with(answers::page(401), &challenges));
        assert_eq!(scenario.upload.state(), State::WaitingForCredentials);
        match scenario.events().pop() {
            Some(Event::CredentialsWanted { challenges, .. }) => assert_eq!(challenges, lines),
            other => panic!("{other:?}"),
        }
    }
}

/// Interop takes it for a session that the server has lost.
#[test]
fn q28_a_400_that_names_no_error_is_fatal() {
    let mut scenario = Scenario::created(FRAGMENT, strict());
    scenario.exchange("Fragment", answers::error(400, "0x00000000"));
    let failure = scenario.failure();
    assert_eq!((failure.reason, failure.code), (Reason::Refused, Some(Hresult::S_OK)));
}

/// §2.2.7.2: the Ack of the last Fragment names the reply, and the others do not.
#[test]
fn q26_a_reply_named_too_early_is_none() {
    let early = || answers::with(answers::received(FRAGMENT), &[("BITS-Reply-URL", "/replies/early")]);
    let mut scenario = Scenario::created(2 * FRAGMENT, strict().reply(ReplyMode::Required));
    scenario.exchange("Fragment", early());
    scenario.acknowledge();
    assert_eq!(scenario.failure().reason, Reason::ReplyMissing);

    let mut scenario = Scenario::created(FRAGMENT, strict().reply(ReplyMode::Required));
    scenario.exchange("Fragment", early());
    assert_eq!(scenario.upload.state(), State::WaitingForReply, "on the last one it counts");
}

#[test]
fn q26_a_plain_upload_passes_a_reply_over() {
    let mut scenario = Scenario::created(FRAGMENT, strict());
    let answer = answers::with(answers::received(FRAGMENT), &[("BITS-Reply-URL", "/replies/1")]);
    scenario.exchange("Fragment", answer);
    scenario.expect("Close-Session");
}

#[test]
fn q27_a_vendors_header_says_nothing() {
    for status in [500, 404] {
        let says_so = answers::with(answers::page(status), &[("x-clienterrorcode", "UploadSessionNotFound")]);
        let config = Config::one_drive().fragment_size(FRAGMENT).conformance(Conformance::Strict);
        let mut scenario = Scenario::created(FRAGMENT, config);
        scenario.exchange("Fragment", says_so);
        match status {
            404 => assert_eq!(scenario.failure().reason, Reason::NotAvailable),
            _ => assert_eq!(scenario.waits().1.reason, Reason::NotBits),
        }
    }
}

#[test]
fn q34_strict_goes_by_the_code_that_refuses_the_repeat_of_a_close() {
    for (status, code) in [(400, "0x80070057"), (403, "0x80070005"), (404, "0x80070002")] {
        let mut scenario = Scenario::closing(strict());
        scenario.break_off(TransportError::Interrupted);
        scenario.retry();
        scenario.exchange("Ping", answers::ok());
        scenario.exchange("Close-Session", answers::error(status, code));
        assert_eq!(scenario.failure().status.map(|status| status.as_u16()), Some(status));
    }
}

#[test]
fn q09_strict_takes_an_offset_that_was_never_sent_for_a_protocol_error() {
    let mut scenario = Scenario::created(300, strict());
    scenario.exchange("Fragment", answers::received(250));
    assert_eq!(scenario.waits().1.reason, Reason::Protocol(Violation::OffsetNeverSent));
    scenario.retry();
    // The packet goes again, in the same session.
    scenario.expect_fragment("bytes 0-99/300");
}

#[test]
fn q13_strict_reads_one_name_of_the_error_beside_a_header_that_cannot_be_read_as_well() {
    let unreadable = ("BITS-Session-Id", "a b");
    for (conformance, known) in [(Conformance::Interop, true), (Conformance::Strict, false)] {
        let mut scenario = Scenario::created(300, config().conformance(conformance));
        let ack = answers::ack(500, &[("BITS-Error-Code", "0x80070005"), unreadable]);
        scenario.exchange("Fragment", ack);
        // Without a code, 500 may pass.
        assert_eq!(scenario.upload.state() == State::Failed, known, "{conformance:?}");
    }
}
