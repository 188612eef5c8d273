//! The answers of a server application, and how they are read.

use bits_proto::notify::{DestinationUrl, InvalidAnswer, NotificationRequest, NotificationResponse};
use bits_proto::packet::Payload;
use bits_proto::{Conformance, Hresult, Malformed};
use http::{HeaderMap, Response, StatusCode, Version};
use testing::notify::*;

const BOTH: [Conformance; 2] = [Conformance::Interop, Conformance::Strict];

fn notified(by_reference: bool) -> NotificationRequest<'static> {
    let delivery = if by_reference { testing::notify::by_reference() } else { by_value(100) };
    NotificationRequest { destination: DestinationUrl::new(&DESTINATION.parse().unwrap()).unwrap(), delivery }
}

fn read(
    response: &Response<()>,
    conformance: Conformance,
) -> Result<NotificationResponse<'static>, Malformed> {
    NotificationResponse::decode(response, conformance).map(NotificationResponse::into_owned)
}

/// What goes over the wire: status, headers, and how long the body is.
fn wire(answer: &NotificationResponse<'_>) -> (u16, Vec<(String, String)>, u64) {
    let response = answer.to_response();
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let mut headers: Vec<_> = response.headers().iter().map(text).collect();
    headers.sort();
    (response.status().as_u16(), headers, response.body().len())
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn an_answer_without_a_reply_is_a_status() {
    for by_reference in [true, false] {
        let answer = notified(by_reference).accept();
        assert_eq!(wire(&answer), (200, headers(&[("content-length", "0")]), 0));
    }
}

#[test]
fn c43_a_reply_in_the_file_is_by_reference_alone() {
    let answer = notified(true).reply_in_file().unwrap();
    assert_eq!(wire(&answer), (200, headers(&[("content-length", "0")]), 0));
    assert_eq!(notified(false).reply_in_file(), Err(InvalidAnswer::NoResponseFile));
}

#[test]
fn a_reply_as_body_is_by_value_alone() {
    let answer = notified(false).reply_in_body(9977).unwrap();
    assert_eq!(wire(&answer), (200, headers(&[("content-length", "9977")]), 9977));
    assert_eq!(*answer.to_response().body(), Payload::Range(0..9977));
    assert_eq!(wire(&notified(false).reply_in_body(0).unwrap()).2, 0);
    assert_eq!(notified(true).reply_in_body(9977), Err(InvalidAnswer::NoBody));
    assert_eq!(notified(false).reply_in_body(1 << 63), Err(InvalidAnswer::ReplySize));
}

#[test]
fn c41_a_static_reply_has_an_absolute_url() {
    let url = "https://application:8443/replies/1?for=7";
    for by_reference in [true, false] {
        let answer = notified(by_reference).reply_at(reply_url(url)).unwrap();
        let expected = headers(&[("bits-static-response-url", url), ("content-length", "0")]);
        assert_eq!(wire(&answer), (200, expected, 0));
        for relative in
            ["/replies/1", "replies/1", "//application/replies/1", "ftp://application/1", "http:1"]
        {
            let refused = notified(by_reference).reply_at(reply_url(relative));
            assert_eq!(refused, Err(InvalidAnswer::RelativeUrl), "{relative}");
        }
    }
}

#[test]
fn a_static_reply_has_a_url_of_at_most_2200_characters() {
    let url = |length: usize| reply_url(&format!("http://application/{}", "x".repeat(length - 19)));
    assert!(notified(true).reply_at(url(2200)).is_ok());
    assert_eq!(notified(true).reply_at(url(2201)), Err(InvalidAnswer::UrlTooLong));
}

#[test]
fn c42_any_success_may_have_the_entity_copied() {
    let copied = notified(false).reply_in_body(5).unwrap().and_copy_to_destination();
    let (_, headers, length) = wire(&copied);
    assert!(headers.iter().any(|(name, _)| name == "bits-copy-file-to-destination"));
    assert_eq!(length, 5);
    // A refusal copies nothing.
    let refused = notified(false).refuse(StatusCode::BAD_REQUEST, None).unwrap().and_copy_to_destination();
    assert!(!refused.to_response().headers().contains_key("bits-copy-file-to-destination"));
}

#[test]
fn a_refusal_has_the_status_of_an_error_and_a_code_of_failure() {
    let code = Hresult::new(0x8004_0001);
    for status in [300, 403, 409, 500, 599] {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = notified(true).refuse(status, Some(code)).unwrap();
        let expected = headers(&[
            ("bits-error", "0x80040001"),
            ("bits-error-code", "0x80040001"),
            ("content-length", "0"),
        ]);
        assert_eq!(wire(&answer), (status.as_u16(), expected, 0));
        let answer = notified(true).refuse(status, None).unwrap();
        assert_eq!(wire(&answer), (status.as_u16(), headers(&[("content-length", "0")]), 0));
    }
    for status in [100, 200, 299, 600, 999] {
        let refused = notified(true).refuse(StatusCode::from_u16(status).unwrap(), None);
        assert_eq!(refused, Err(InvalidAnswer::NoError), "{status}");
    }
    let refused = notified(true).refuse(StatusCode::BAD_REQUEST, Some(Hresult::S_OK));
    assert_eq!(refused, Err(InvalidAnswer::NoFailure));
}

#[test]
fn every_answer_is_read_as_it_was_meant() {
    for answer in [
        notified(true).accept(),
        notified(false).reply_in_body(5).unwrap(),
        notified(true).reply_at(reply_url("http://application/1")).unwrap().and_copy_to_destination(),
    ] {
        for conformance in BOTH {
            assert_eq!(read(&answer.to_response().map(drop), conformance), Ok(answer.clone()));
        }
    }
    let refusal = notified(true).refuse(StatusCode::CONFLICT, Some(Hresult::E_ACCESSDENIED)).unwrap();
    for conformance in BOTH {
        let read = read(&refusal.to_response().map(drop), conformance).unwrap();
        assert_eq!((read.status, read.code), (refusal.status, refusal.code));
    }
}

#[test]
fn c42_the_header_to_copy_counts_whatever_its_value() {
    for value in ["", "true", "false", "0"] {
        for conformance in BOTH {
            let head = answer(200, &[("BITS-Copy-File-To-Destination", value)]);
            assert!(read(&head, conformance).unwrap().copy_to_destination, "{value:?}");
        }
    }
}

#[test]
fn an_empty_static_url_is_none_and_a_relative_one_is_illegal() {
    let url = |value| answer(200, &[("BITS-Static-Response-URL", value)]);
    for conformance in BOTH {
        for none in ["", "  "] {
            assert_eq!(read(&url(none), conformance).unwrap().static_response_url, None);
        }
        for relative in ["/replies/1", r"Replies\1", "//application/1", "file:///etc/passwd"] {
            let refused = Err(Malformed::HeaderInvalid("BITS-Static-Response-URL"));
            assert_eq!(read(&url(relative), conformance), refused, "{relative}");
        }
        let taken = read(&url("http://application/a reply"), conformance).unwrap();
        assert_eq!(taken.static_response_url, Some(reply_url("http://application/a reply")));
    }
}

#[test]
fn c49_any_framing_of_a_body_is_taken() {
    for conformance in BOTH {
        let length =
            |headers: &[(&str, &str)]| read(&answer(200, headers), conformance).unwrap().content_length;
        assert_eq!(length(&[("Content-Length", "5")]), Some(5));
        assert_eq!(length(&[("Connection", "close")]), None);
        assert_eq!(length(&[("Transfer-Encoding", "chunked")]), None);
        assert_eq!(length(&[("Transfer-Encoding", "chunked"), ("Content-Length", "5")]), None);
        for garbage in ["+5", "five", "18446744073709551616"] {
            let refused = Err(Malformed::HeaderInvalid("Content-Length"));
            assert_eq!(read(&answer(200, &[("Content-Length", garbage)]), conformance), refused);
        }
    }
}

#[test]
fn c51_interop_takes_every_version_and_strict_one() {
    let mut head = answer(200, &[]);
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3] {
        *head.version_mut() = version;
        assert!(read(&head, Conformance::Interop).is_ok(), "{version:?}");
        assert_eq!(read(&head, Conformance::Strict).is_ok(), version == Version::HTTP_11, "{version:?}");
    }
}

#[test]
fn c01_an_error_code_is_read_under_either_name() {
    let code = |headers: &[(&str, &str)], conformance| read(&answer(500, headers), conformance).unwrap().code;
    let (prose, everybody) = (("BITS-Error", "0x80070005"), ("BITS-Error-Code", "0x80040001"));
    let (denied, own) = (Some(Hresult::E_ACCESSDENIED), Some(Hresult::new(0x8004_0001)));
    assert_eq!(code(&[everybody], Conformance::Interop), own);
    assert_eq!(code(&[prose], Conformance::Interop), denied);
    assert_eq!(code(&[everybody, prose], Conformance::Interop), denied);
    assert_eq!(code(&[everybody], Conformance::Strict), None);
    assert_eq!(code(&[("BITS-Error", "oops")], Conformance::Interop), None);
}

#[test]
fn what_else_stands_in_a_refusal_does_not_matter() {
    let long = "x".repeat(5000);
    let head = answer(403, &[("BITS-Static-Response-URL", &long), ("Content-Length", "oops")]);
    assert_eq!(read(&head, Conformance::Interop).unwrap().status, 403);
    let head = answer(200, &[("BITS-Copy-File-To-Destination", &long)]);
    let refused = Err(Malformed::HeaderTooLong("BITS-Copy-File-To-Destination"));
    assert_eq!(read(&head, Conformance::Interop), refused);
}

#[test]
fn q21_of_several_static_urls_the_first_counts_and_strict_takes_one() {
    let mut head = answer(200, &[]);
    for url in ["http://application/1", "http://application/2"] {
        let value = http::HeaderValue::from_static(url);
        let headers: &mut HeaderMap = head.headers_mut();
        headers.try_append("bits-static-response-url", value).unwrap();
    }
    let first = read(&head, Conformance::Interop).unwrap().static_response_url;
    assert_eq!(first, Some(reply_url("http://application/1")));
    let refused = Err(Malformed::HeaderRepeated("BITS-Static-Response-URL"));
    assert_eq!(read(&head, Conformance::Strict), refused);
}
