//! Windows' IIS extension and its server application: the captured notification goes out as it did, and comes in; the
//! captured answer as well.

use bits_proto::Conformance;
use bits_proto::notify::{
    Application, Config, NotificationRequest, NotificationResponse, Outcome, Output, Reply,
};
use bits_proto::packet::Payload;
use http::{HeaderMap, StatusCode};
use testing::notify::*;

/// The headers by which the protocol works, and their values.
fn of_the_protocol(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut kept: Vec<_> = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("bits-") || name.as_str().starts_with("content-"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    kept.sort();
    kept
}

#[test]
fn the_back_end_client_sends_what_iis_sent() {
    let captured = request(NOTIFICATION);
    let mut notification = notification(start(), by_reference(), Config::default());
    let Some(Output::Transmit(transmit)) = notification.poll_output() else { panic!("nothing to send") };
    let (sent, payload) = transmit.request.into_parts();
    assert_eq!(sent.method, captured.method());
    assert_eq!(sent.uri, "http://frankcao8/bitsasp/test.REPLY");
    assert_eq!(sent.uri.path_and_query(), captured.uri().path_and_query());
    assert_eq!(of_the_protocol(&sent.headers), of_the_protocol(captured.headers()));
    assert_eq!(payload, Payload::Empty);
}

#[test]
fn names_are_spelled_as_iis_spelled_them() {
    let captured = String::from_utf8(NOTIFICATION.to_vec()).unwrap();
    for (name, _) in request(NOTIFICATION).headers() {
        let spelling = bits_proto::header::spelling(name);
        if name.as_str().starts_with("bits-") || name.as_str().starts_with("content-") {
            assert!(captured.contains(&format!("\r\n{spelling}: ")), "{spelling}");
        }
    }
}

#[test]
fn c06_the_application_reads_what_iis_sent() {
    let captured = request(NOTIFICATION);
    for conformance in [Conformance::Interop, Conformance::Strict] {
        let read = Application::new(conformance).read(&captured).unwrap().unwrap();
        assert_eq!(read.destination.to_uri().unwrap(), DESTINATION);
        assert_eq!(read.delivery, by_reference());
        let again = read.to_http(&"http://frankcao8/bitsasp/test.REPLY".parse().unwrap());
        assert_eq!(of_the_protocol(again.headers()), of_the_protocol(captured.headers()));
    }
}

#[test]
fn c49_the_captured_answer_is_taken_without_a_length() {
    let captured = response(ANSWER);
    for conformance in [Conformance::Interop, Conformance::Strict] {
        let answer = NotificationResponse::decode(&captured, conformance).unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.content_length, None);
        assert_eq!(
            (answer.code, answer.static_response_url, answer.copy_to_destination),
            (None, None, false)
        );
    }
}

/// 06, 07, and the reply's URL of 08.
#[test]
fn the_captured_exchange_ends_with_the_captured_reply() {
    let now = start();
    let mut notification = sent(now, by_reference(), Config::default());
    notification.handle_response(now, &response(ANSWER));
    assert_eq!(steps(&mut notification), [Step::FindResponseFile]);
    notification.handle_response_file(true);
    let outcome = Outcome::Taken { copy_to_destination: false, reply: Reply::File(reply_url(REPLY_URL)) };
    assert_eq!(steps(&mut notification), [Step::Discard, Step::Done(outcome)]);
}

#[test]
fn the_application_answers_what_the_captured_one_answered() {
    let captured = request(NOTIFICATION);
    let read: NotificationRequest<'_> = Application::default().read(&captured).unwrap().unwrap();
    let ours = read.reply_in_file().unwrap().to_response();
    assert_eq!(ours.status(), response(ANSWER).status());
    // §2.2.13.1, which IIS 6.0's ASP did without.
    assert_eq!(of_the_protocol(ours.headers()), [("content-length".to_owned(), "0".to_owned())]);
    assert_eq!(*ours.body(), Payload::Empty);
}
