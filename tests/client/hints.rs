//! The text of a failure: what happened, and what to look at.

use testing::client::answers;
use testing::client::scenario::{FRAGMENT, Scenario, config};

/// The text of the failure, or of what the upload waits for, after this answer to a packet.
fn told(packet: &str, answer: http::Response<()>) -> String {
    let mut scenario = match packet {
        "Create-Session" => Scenario::new(FRAGMENT, config()),
        _ => Scenario::created(FRAGMENT, config()),
    };
    scenario.exchange(packet, answer);
    match scenario.upload.state() {
        bits_proto::client::State::Failed => scenario.failure().to_string(),
        _ => scenario.waits().1.to_string(),
    }
}

#[test]
fn a_failure_says_what_happened_where_and_what_to_look_at() {
    for (packet, answer, parts) in [
        ("Create-Session", answers::page(404), &["at Create-Session", "404", "request filtering"][..]),
        ("Fragment", answers::page(413), &["413", "limits the size of request bodies"]),
        ("Create-Session", answers::page(405), &["405", "BITS_POST", "method override"]),
        ("Create-Session", answers::page(501), &["501", "BITS_POST", "firewall"]),
        ("Create-Session", answers::page(200), &["not from a BITS server", "login page"]),
        ("Fragment", answers::page(302), &["302", "not redirected"]),
        ("Fragment", answers::error(400, "0x80070057"), &["at Fragment", "0x80070057", "Content-Range"]),
        ("Fragment", answers::page(411), &["411", "Content-Length"]),
        ("Create-Session", answers::error(403, "0x80070005"), &["0x80070005", "overwritten"]),
        ("Create-Session", answers::error(403, "0x80004003"), &["0x80004003", "overwritten"]),
        ("Create-Session", answers::error(501, "0x80070005"), &["not enabled"]),
        ("Fragment", answers::error(500, "0x80200020"), &["0x80200020", "larger than the server accepts"]),
        ("Fragment", answers::application_error(404, "0x80190194"), &["from the server application"]),
        ("Fragment", answers::page(502), &["502", "gateway"]),
        ("Create-Session", answers::error(400, "0x80070057"), &["a folder's", "does not take"]),
        ("Create-Session", answers::error(404, "0x8007007B"), &["does not take this name"]),
    ] {
        let text = told(packet, answer);
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
        assert_eq!(text.lines().count(), 1, "{text:?}");
    }
}

#[test]
fn a_failure_gives_no_advice_where_the_code_or_the_application_has_said_all() {
    for answer in [answers::error(403, "0x80070005"), answers::application_error(403, "0x80004005")] {
        let text = told("Fragment", answer);
        assert!(!text.contains("the account may not write there"), "{text:?}");
    }
}

#[test]
fn a_code_of_a_success_is_no_reason_for_a_failure() {
    for (status, code) in [(403, "0x00000000"), (404, "0x0"), (500, "0x00000000"), (503, "0x00000001")] {
        let text = told("Create-Session", answers::error(status, code));
        assert!(text.contains(&status.to_string()), "{text:?}");
        assert!(!text.contains("uccess") && !text.contains("0x0"), "{text:?}");
    }
    let text = told("Create-Session", answers::error(403, "0x00000000"));
    assert!(text.contains("the account may not write there"), "{text:?}");
}
