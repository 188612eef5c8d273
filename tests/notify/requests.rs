//! The requests that a server application takes for notifications, and their content.

use bits_proto::notify::{
    Application, DataFilePath, DataFiles, Delivery, DestinationUrl, NotificationRequest,
};
use bits_proto::packet::Payload;
use bits_proto::{Conformance, Malformed};
use http::{Method, Request, Version};
use testing::notify::*;

const BOTH: [Conformance; 2] = [Conformance::Interop, Conformance::Strict];

const URL: (&str, &str) = ("BITS-Original-Request-URL", "http://server/upload/a.bin?user=7");
const FILE: (&str, &str) = ("BITS-Request-DataFile-Name", r"\\server\share\request.bin");
const REPLY: (&str, &str) = ("BITS-Response-DataFile-Name", r"\\server\share\response.bin");
const NO_BODY: (&str, &str) = ("Content-Length", "0");

fn post(headers: &[(&str, &str)]) -> Request<()> {
    let request = Request::post("/application");
    headers.iter().fold(request, |head, (name, value)| head.header(*name, *value)).body(()).unwrap()
}

fn read(head: &Request<()>, conformance: Conformance) -> Result<Option<NotificationRequest<'_>>, Malformed> {
    Application::new(conformance).read(head).map_err(|error| error.malformed())
}

fn files(request: &str, response: &str) -> Delivery<'static> {
    Delivery::ByReference(DataFiles {
        request: request.parse().unwrap(),
        response: response.parse().unwrap(),
    })
}

#[test]
fn other_requests_are_not_notifications() {
    let post_of_a_form =
        post(&[("Content-Length", "5"), ("Content-Type", "application/x-www-form-urlencoded")]);
    let mut get = post(&[URL, FILE, REPLY, NO_BODY]);
    *get.method_mut() = Method::GET;
    let mut upload = post(&[("BITS-Packet-Type", "Ping"), URL]);
    *upload.method_mut() = Method::from_bytes(b"BITS_POST").unwrap();
    for head in [post_of_a_form, get, upload] {
        for conformance in BOTH {
            assert_eq!(read(&head, conformance), Ok(None), "{head:?}");
        }
    }
}

#[test]
fn both_files_say_that_it_is_by_reference() {
    let head = post(&[URL, FILE, REPLY, NO_BODY]);
    for conformance in BOTH {
        let notification = read(&head, conformance).unwrap().unwrap();
        assert_eq!(notification.destination.as_bytes(), URL.1.as_bytes());
        assert_eq!(notification.delivery, files(FILE.1, REPLY.1));
    }
}

#[test]
fn neither_file_says_that_it_is_by_value() {
    for (length, size) in [("0", 0), ("1", 1), ("9223372036854775807", u64::MAX / 2)] {
        let head = post(&[URL, ("Content-Length", length)]);
        for conformance in BOTH {
            let notification = read(&head, conformance).unwrap().unwrap();
            assert_eq!(notification.delivery, by_value(size));
        }
    }
}

#[test]
fn c06_the_names_of_the_prose_are_read_as_well() {
    let (file, reply) =
        (("BITS-Request-DataEntity-Name", FILE.1), ("BITS-Response-DataEntity-Name", REPLY.1));
    for names in [[file, reply], [FILE, reply], [file, REPLY]] {
        let head = post(&[URL, names[0], names[1], NO_BODY]);
        for conformance in BOTH {
            assert_eq!(read(&head, conformance).unwrap().unwrap().delivery, files(FILE.1, REPLY.1));
        }
    }
    // Where both are there, the name of the captures wins.
    let both = post(&[URL, ("BITS-Request-DataEntity-Name", "/other"), FILE, REPLY, NO_BODY]);
    assert_eq!(read(&both, Conformance::Interop).unwrap().unwrap().delivery, files(FILE.1, REPLY.1));
}

#[test]
fn c06_the_names_of_the_captures_are_sent() {
    let notification = NotificationRequest {
        destination: DestinationUrl::from_bytes(URL.1.as_bytes()).unwrap(),
        delivery: files("/request", "/response"),
    };
    let sent = notification.to_http(&"http://application/".parse().unwrap());
    let names: Vec<_> = sent.headers().keys().map(|name| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "bits-original-request-url",
            "bits-request-datafile-name",
            "bits-response-datafile-name",
            "content-length",
        ]
    );
}

#[test]
fn a_notification_by_value_has_the_entity_as_its_body_and_no_files() {
    for (size, payload) in
        [(0, Payload::Empty), (1, Payload::Range(0..1)), (1 << 40, Payload::Range(0..1 << 40))]
    {
        let notification = NotificationRequest {
            destination: DestinationUrl::from_bytes(URL.1.as_bytes()).unwrap(),
            delivery: by_value(size),
        };
        let sent = notification.to_http(&"http://application/".parse().unwrap());
        assert_eq!(sent.method(), Method::POST);
        assert_eq!(sent.headers()["content-length"], size.to_string());
        assert_eq!(sent.headers().len(), 2, "{:?}", sent.headers());
        assert_eq!(*sent.body(), payload);
    }
}

#[test]
fn what_is_missing_is_named() {
    for (headers, missing) in [
        (&[FILE, REPLY, NO_BODY][..], "BITS-Original-Request-URL"),
        (&[REPLY, NO_BODY], "BITS-Original-Request-URL"),
        (&[URL, REPLY, NO_BODY], "BITS-Request-DataFile-Name"),
        (&[URL, FILE, NO_BODY], "BITS-Response-DataFile-Name"),
    ] {
        for conformance in BOTH {
            let head = post(headers);
            assert_eq!(read(&head, conformance), Err(Malformed::HeaderMissing(missing)), "{headers:?}");
        }
    }
}

#[test]
fn empty_repeated_and_overlong_values_are_refused() {
    let (long, fits) = ("x".repeat(4097), "x".repeat(4096));
    for (headers, malformed) in [
        (
            &[URL, ("BITS-Request-DataFile-Name", ""), REPLY, NO_BODY][..],
            Malformed::HeaderInvalid("BITS-Request-DataFile-Name"),
        ),
        (
            &[URL, FILE, ("BITS-Response-DataFile-Name", " "), NO_BODY],
            Malformed::HeaderInvalid("BITS-Response-DataFile-Name"),
        ),
        (
            &[("BITS-Original-Request-URL", ""), FILE, REPLY, NO_BODY],
            Malformed::HeaderInvalid("BITS-Original-Request-URL"),
        ),
        (
            &[URL, FILE, FILE, ("BITS-Request-DataFile-Name", "/other"), REPLY, NO_BODY],
            Malformed::HeaderRepeated("BITS-Request-DataFile-Name"),
        ),
        (
            &[URL, ("BITS-Original-Request-URL", "http://other/"), NO_BODY],
            Malformed::HeaderRepeated("BITS-Original-Request-URL"),
        ),
        (
            &[URL, FILE, ("BITS-Response-DataEntity-Name", &long), NO_BODY],
            Malformed::HeaderTooLong("BITS-Response-DataEntity-Name"),
        ),
        (
            &[("BITS-Original-Request-URL", &long), FILE, REPLY, NO_BODY],
            Malformed::HeaderTooLong("BITS-Original-Request-URL"),
        ),
    ] {
        for conformance in BOTH {
            assert_eq!(read(&post(headers), conformance), Err(malformed), "{headers:?}");
        }
    }
    let fitting = post(&[URL, ("BITS-Request-DataFile-Name", &fits), REPLY, NO_BODY]);
    assert!(read(&fitting, Conformance::Strict).is_ok());
}

#[test]
fn headers_of_others_are_ignored() {
    let cookie = "x".repeat(5000);
    let head = post(&[URL, ("BITS-Unheard-Of", "1"), ("Cookie", &cookie), ("Content-Length", "3")]);
    for conformance in BOTH {
        assert_eq!(read(&head, conformance).unwrap().unwrap().delivery, by_value(3));
    }
}

#[test]
fn by_reference_there_is_no_body() {
    for body in [("Content-Length", "1"), ("Transfer-Encoding", "chunked")] {
        let head = post(&[URL, FILE, REPLY, body]);
        assert_eq!(read(&head, Conformance::Interop), Err(Malformed::BodyNotAllowed), "{body:?}");
    }
    // HTTP's own rules say that there is none; MC-BUP wants it said (§2.2.12.1).
    let unsaid = post(&[URL, FILE, REPLY]);
    assert!(read(&unsaid, Conformance::Interop).unwrap().is_some());
    assert_eq!(read(&unsaid, Conformance::Strict), Err(Malformed::LengthRequired));
}

#[test]
fn by_value_only_a_length_says_that_the_body_is_whole() {
    let chunked = ("Transfer-Encoding", "chunked");
    for conformance in BOTH {
        for headers in [&[URL][..], &[URL, chunked], &[URL, ("Content-Length", "5"), chunked]] {
            assert_eq!(read(&post(headers), conformance), Err(Malformed::LengthRequired), "{headers:?}");
        }
        for length in ["+5", "-5", "", "5 5", "9223372036854775808", "99999999999999999999"] {
            let head = post(&[URL, ("Content-Length", length)]);
            assert_eq!(
                read(&head, conformance),
                Err(Malformed::HeaderInvalid("Content-Length")),
                "{length:?}"
            );
        }
    }
}

#[test]
fn strict_wants_http_1_1_and_an_absolute_destination() {
    let mut head = post(&[URL, FILE, REPLY, NO_BODY]);
    for (version, interop) in [
        (Version::HTTP_09, false),
        (Version::HTTP_10, false),
        (Version::HTTP_11, true),
        (Version::HTTP_2, true),
        (Version::HTTP_3, true),
    ] {
        *head.version_mut() = version;
        assert_eq!(read(&head, Conformance::Interop).is_ok(), interop, "{version:?}");
        assert_eq!(read(&head, Conformance::Strict).is_ok(), version == Version::HTTP_11, "{version:?}");
    }
    let relative = post(&[("BITS-Original-Request-URL", "/upload/a.bin"), FILE, REPLY, NO_BODY]);
    let notification = read(&relative, Conformance::Interop).unwrap().unwrap();
    assert_eq!(notification.destination.as_bytes(), b"/upload/a.bin");
    assert!(notification.destination.to_uri().is_err());
    assert_eq!(
        read(&relative, Conformance::Strict),
        Err(Malformed::HeaderInvalid("BITS-Original-Request-URL"))
    );
}

#[test]
fn paths_are_kept_as_they_came() {
    let path = b"D:\\Daten\\\xC3\xBCber \xFC\\request.bin";
    let mut head = post(&[URL, REPLY, NO_BODY]);
    let value = http::HeaderValue::from_bytes(path).unwrap();
    head.headers_mut().try_insert("bits-request-datafile-name", value).unwrap();
    let notification = read(&head, Conformance::Strict).unwrap().unwrap().into_owned();
    let Delivery::ByReference(files) = &notification.delivery else { panic!("by reference") };
    assert_eq!(files.request.as_bytes(), path);
    assert_eq!(files.request.as_str(), None);
    assert_eq!(files.request.to_string(), r"D:\\Daten\\\xc3\xbcber \xfc\\request.bin");
    let again = notification.to_http(&"http://application/".parse().unwrap());
    assert_eq!(again.headers()["bits-request-datafile-name"].as_bytes(), path);
}

#[test]
fn a_path_that_would_arrive_as_another_is_refused() {
    for path in ["", " /a", "/a ", "\t/a", "/a\r\nX: 1", "/a\0", &"x".repeat(4097)] {
        assert!(path.parse::<DataFilePath<'_>>().is_err(), "{path:?}");
    }
    for path in ["/a b", r"\\server\share\a", "/\u{e9}", &"x".repeat(4096)] {
        assert_eq!(path.parse::<DataFilePath<'_>>().unwrap().as_str(), Some(path));
    }
}

#[test]
fn a_bad_notification_is_answered_as_http_answers() {
    let no_length = post(&[URL]);
    let no_url = post(&[FILE, REPLY, NO_BODY]);
    for (head, status) in [(no_length, 411), (no_url, 400)] {
        let response = Application::default().read(&head).unwrap_err().to_response();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["bits-error"], "0x80070057");
        assert_eq!(response.headers()["content-length"], "0");
        assert!(!response.headers().contains_key("bits-packet-type"));
    }
}
