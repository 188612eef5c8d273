//! The answers of a reply server (§3.5.5), as a table, and as in the capture.

use std::time::{Duration, SystemTime};

use bits_proto::Conformance;
use bits_proto::download::{Body, Entity, EntityTag, HttpDate, Segment, respond};
use bits_proto::limits::MAX_RANGES;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use http::{Request, Response, Version};

const DATE: &str = "Mon, 18 Jun 2007 21:12:01 GMT";
const TAG: &str = r#""f84d5b50edb1c71:2488""#;

/// The entity of captures/upload-reply/10-reply-get.resp.
fn entity() -> Entity {
    with_tag(TAG)
}

/// An entity without a tag.
fn plain(size: u64) -> Entity {
    Entity::new(size, DATE.parse::<HttpDate>().unwrap()).unwrap()
}

fn with_tag(tag: &str) -> Entity {
    plain(10_240).with_etag(EntityTag::from_bytes(tag.as_bytes()).unwrap())
}

fn ask(entity: &Entity, method: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let request = headers
        .iter()
        .fold(Request::builder().method(method), |request, (name, value)| request.header(*name, *value));
    respond(&request.body(()).unwrap(), entity, Conformance::Interop, || *b"sixteen randoms!")
}

fn get(headers: &[(&str, &str)]) -> Response<Body> {
    ask(&entity(), "GET", headers)
}

fn header(response: &Response<Body>, name: http::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn the_get_of_the_capture_is_answered_as_iis_answered_it() {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut captured = httparse::Request::new(&mut headers);
    captured.parse(include_bytes!("../data/captures/upload-reply/09-reply-get.req")).unwrap();
    let mut request = Request::builder().method(captured.method.unwrap()).uri(captured.path.unwrap());
    for header in captured.headers.iter() {
        request = request.header(header.name, header.value);
    }
    let response =
        respond(&request.body(()).unwrap(), &entity(), Conformance::Strict, || unreachable!("one range"));

    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut captured = httparse::Response::new(&mut headers);
    captured.parse(include_bytes!("../data/captures/upload-reply/10-reply-get.resp")).unwrap();
    assert_eq!(response.status().as_u16(), captured.code.unwrap());
    // Where it is, who serves it and when: the caller's to add.
    let callers = ["Content-Location", "Server", "Date"];
    let ours = captured.headers.iter().filter(|header| !callers.contains(&header.name));
    for captured in ours.clone() {
        assert_eq!(response.headers()[captured.name].as_bytes(), captured.value, "{}", captured.name);
    }
    // It is newer than that server.
    assert_eq!(header(&response, CACHE_CONTROL), "private, no-store");
    assert_eq!(response.headers().len(), ours.count() + 1);
    assert_eq!(response.body().segments(), [Segment::Entity(0..9977)]);
}

#[test]
fn without_a_range_the_whole_is_sent() {
    let response = get(&[]);
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, CONTENT_LENGTH), "10240");
    assert_eq!(header(&response, LAST_MODIFIED), DATE);
    assert_eq!(header(&response, ETAG), TAG);
    assert_eq!(header(&response, ACCEPT_RANGES), "bytes");
    assert!(!response.headers().contains_key(CONTENT_RANGE));
    assert_eq!(response.body().segments(), [Segment::Entity(0..10_240)]);
}

#[test]
fn single_ranges() {
    for (range, content_range, bytes) in [
        ("bytes=0-0", "bytes 0-0/10240", 0..1),
        ("bytes=0-10239", "bytes 0-10239/10240", 0..10_240),
        ("bytes=0-99999", "bytes 0-10239/10240", 0..10_240),
        ("bytes=10239-", "bytes 10239-10239/10240", 10_239..10_240),
        ("bytes=-1", "bytes 10239-10239/10240", 10_239..10_240),
        ("bytes=-99999", "bytes 0-10239/10240", 0..10_240),
        // Of several, one that names bytes: no multipart body for it.
        ("bytes=99999-,5-6,-0", "bytes 5-6/10240", 5..7),
    ] {
        let response = get(&[("Range", range)]);
        assert_eq!(response.status(), 206, "{range}");
        assert_eq!(header(&response, CONTENT_RANGE), content_range, "{range}");
        assert_eq!(header(&response, CONTENT_LENGTH), (bytes.end - bytes.start).to_string(), "{range}");
        assert_eq!(header(&response, LAST_MODIFIED), DATE, "{range}");
        assert_eq!(response.body().segments(), [Segment::Entity(bytes)], "{range}");
    }
}

#[test]
fn several_ranges_come_in_the_order_asked_for_and_are_never_merged() {
    let response = get(&[("Range", "bytes=500-599,0-99,100-199,50-149")]);
    assert_eq!(response.status(), 206);
    let boundary = "7369787465656e2072616e646f6d7321"; // "sixteen randoms!" in hexadecimal
    assert_eq!(header(&response, CONTENT_TYPE), format!("multipart/byteranges; boundary={boundary}"));
    // RFC 9110 §15.3.7.2: no Content-Range outside of the parts.
    assert!(!response.headers().contains_key(CONTENT_RANGE));
    let head = |line_break, range| {
        let text = format!(
            "{line_break}--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/10240\r\n\r\n"
        );
        Segment::Text(text.into())
    };
    let expected = [
        head("", "500-599"),
        Segment::Entity(500..600),
        head("\r\n", "0-99"),
        Segment::Entity(0..100),
        head("\r\n", "100-199"),
        Segment::Entity(100..200),
        head("\r\n", "50-149"),
        Segment::Entity(50..150),
        Segment::Text(format!("\r\n--{boundary}--\r\n").into()),
    ];
    assert_eq!(response.body().segments(), expected);
    let length: u64 = expected.iter().map(Segment::len).sum();
    assert_eq!(header(&response, CONTENT_LENGTH), length.to_string());
}

#[test]
fn ranges_that_name_no_byte_are_answered_416_with_the_length() {
    for range in ["bytes=10240-", "bytes=10240-10240", "bytes=-0", "bytes=20000-30000,99999-"] {
        let response = get(&[("Range", range)]);
        assert_eq!(response.status(), 416, "{range}");
        assert_eq!(header(&response, CONTENT_RANGE), "bytes */10240", "{range}");
        assert_eq!(header(&response, CONTENT_LENGTH), "0", "{range}");
        assert!(response.body().is_empty(), "{range}");
    }
}

#[test]
fn a_range_that_cannot_be_read_is_as_if_it_were_not_there() {
    // RFC 2616 §14.35.1, which §3.5.5.1 refers to.
    for range in ["bytes=5-4", "bytes=0-1,5-4", "bytes=x", "lines=0-1", "bytes 0-1", ""] {
        let response = get(&[("Range", range)]);
        assert_eq!(response.status(), 200, "{range}");
        assert_eq!(response.body().segments(), [Segment::Entity(0..10_240)], "{range}");
    }
    let twice = get(&[("Range", "bytes=0-1"), ("Range", "bytes=2-3")]);
    assert_eq!(twice.status(), 200);
}

#[test]
fn a_small_request_never_brings_about_more_than_the_whole() {
    let many = format!("bytes={}", vec!["0-0"; MAX_RANGES + 1].join(","));
    for range in ["bytes=0-,0-0", "bytes=0-,0-,0-,0-", "bytes=-10240,-1", "bytes=0-5120,5120-10239", &many] {
        let response = get(&[("Range", range)]);
        assert_eq!(response.status(), 200, "{range}");
        assert_eq!(response.body().len(), 10_240, "{range}");
    }
    let as_much_as_there_is = get(&[("Range", "bytes=5120-10239,0-5119")]);
    assert_eq!(as_much_as_there_is.status(), 206);
}

#[test]
fn an_empty_entity_has_no_byte_to_name() {
    let empty = plain(0);
    for headers in [&[][..], &[("Range", "bytes=0-")], &[("Range", "bytes=-1")], &[("Range", "bytes=5-")]] {
        let response = ask(&empty, "GET", headers);
        assert_eq!(response.status(), 200, "{headers:?}");
        assert_eq!(header(&response, CONTENT_LENGTH), "0", "{headers:?}");
        assert!(response.body().is_empty(), "{headers:?}");
    }
}

#[test]
fn the_largest_entity_has_ranges() {
    let entity = plain(0x7FFF_FFFF_FFFF_FFFF);
    let response = ask(&entity, "GET", &[("Range", "bytes=-1")]);
    assert_eq!(
        header(&response, CONTENT_RANGE),
        "bytes 9223372036854775806-9223372036854775806/9223372036854775807"
    );
    // The two ranges together are as long as the entity; their heads come on top.
    let response = ask(&entity, "GET", &[("Range", "bytes=1-,0-0")]);
    assert_eq!(response.status(), 206);
    assert_eq!(header(&response, CONTENT_LENGTH), response.body().len().to_string());
    assert!(response.body().len() > entity.size());
    assert!(Entity::new(0x8000_0000_0000_0000, SystemTime::UNIX_EPOCH).is_err());
}

#[test]
fn if_range_lets_ranges_count_for_one_version_alone() {
    let weak = with_tag(r#"W/"f84d5b50edb1c71:2488""#);
    let plain = plain(10_240);
    let strong = entity();
    for (entity, condition, status) in [
        (&strong, TAG, 206),
        (&strong, r#""another""#, 200),
        (&strong, r#"W/"f84d5b50edb1c71:2488""#, 200), // RFC 9110 §13.1.5: strong comparison
        (&weak, r#"W/"f84d5b50edb1c71:2488""#, 200),
        (&strong, DATE, 206),
        (&strong, "Mon, 18 Jun 2007 21:12:02 GMT", 200), // later, and still not the same
        (&strong, "f84d5b50edb1c71:2488", 200),
        (&plain, TAG, 200),
        (&plain, DATE, 206),
        // Compared as dates: in another form it is the same date.
        (&plain, "Monday, 18-Jun-07 21:12:01 GMT", 206),
        (&plain, "Mon Jun 18 21:12:01 2007", 206),
        (&plain, "Mon, 18 Jun 2007 21:12:00 GMT", 200),
        (&plain, "yesterday", 200),
        (&plain, "", 200),
    ] {
        let response = ask(entity, "GET", &[("Range", "bytes=0-1"), ("If-Range", condition)]);
        assert_eq!(response.status(), status, "{condition}");
    }
}

#[test]
fn c67_conditions_are_evaluated_in_the_order_of_http() {
    let date = ("If-Modified-Since", DATE);
    for (headers, status) in [
        (&[("If-Match", TAG)][..], 200),
        (&[("If-Match", "*")], 200),
        (&[("If-Match", r#""a", "b""#)], 412),
        (&[("If-Match", r#"W/"f84d5b50edb1c71:2488""#)], 412),
        (&[("If-Match", r#""a""#), ("If-Match", TAG)], 200),
        (&[("If-None-Match", TAG)], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", r#""a,b" , W/"f84d5b50edb1c71:2488""#)], 304),
        (&[("If-None-Match", r#""a""#)], 200),
        (&[date], 304),
        (&[("If-Modified-Since", "Sun, 17 Jun 2007 21:12:01 GMT")], 200),
        (&[("If-Modified-Since", "yesterday")], 200),
        // As dates: whatever is no younger than that is not sent again.
        (&[("If-Modified-Since", "Mon, 18 Jun 2007 21:12:02 GMT")], 304),
        (&[("If-Modified-Since", "Mon, 18 Jun 2007 21:12:00 GMT")], 200),
        (&[("If-Modified-Since", "Monday, 18-Jun-07 21:12:01 GMT")], 304),
        (&[("If-Modified-Since", "Mon Jun 18 21:12:01 2007")], 304),
        (&[("If-Modified-Since", "Fri, 01 Jan 2038 00:00:00 GMT"), ("Range", "bytes=0-1")], 304),
        (&[date, ("If-Modified-Since", "Sun, 17 Jun 2007 21:12:01 GMT")], 200),
        (&[date, date], 304),
        // Windows sends it with every GET.
        (&[("If-Unmodified-Since", DATE)], 200),
        (&[("If-Unmodified-Since", DATE), ("Range", "bytes=0-9976")], 206),
        (&[("If-Unmodified-Since", "Mon, 18 Jun 2007 21:12:02 GMT")], 200),
        (&[("If-Unmodified-Since", "Mon, 18 Jun 2007 21:12:00 GMT")], 412),
        (&[("If-Unmodified-Since", "Monday, 18-Jun-07 21:12:00 GMT")], 412),
        (&[("If-Unmodified-Since", "Sun Jun 17 21:12:01 2007"), ("Range", "bytes=0-1")], 412),
        (&[("If-Unmodified-Since", "yesterday")], 200),
        // RFC 9110 §13.2.2: a tag is more exact, so that the date beside it is not looked at.
        (&[("If-Match", TAG), ("If-Unmodified-Since", "Sun, 17 Jun 2007 21:12:01 GMT")], 200),
        (&[("If-Match", r#""a""#), ("If-Unmodified-Since", DATE)], 412),
        // 412 comes before 304.
        (&[("If-Unmodified-Since", "Sun, 17 Jun 2007 21:12:01 GMT"), date], 412),
        (&[("If-Unmodified-Since", "Sun, 17 Jun 2007 21:12:01 GMT"), ("If-None-Match", TAG)], 412),
        (&[("If-Unmodified-Since", DATE), date], 304),
        // RFC 9110 §13.1.3: not looked at beside If-None-Match.
        (&[("If-None-Match", r#""a""#), date], 200),
        (&[("If-Match", r#""a""#), ("If-None-Match", TAG)], 412),
        // §13.2.2: before ranges.
        (&[("If-None-Match", TAG), ("Range", "bytes=0-1")], 304),
        (&[("If-Match", TAG), ("Range", "bytes=0-1")], 206),
        (&[("If-Match", r#""a""#), ("Range", "bytes=99999-")], 412),
    ] {
        let response = get(headers);
        assert_eq!(response.status(), status, "{headers:?}");
        assert_eq!(header(&response, ETAG), TAG, "{headers:?}");
        assert_eq!(response.body().is_empty(), status >= 300, "{headers:?}");
    }
}

#[test]
fn head_is_answered_as_get_but_for_the_body() {
    for headers in [
        &[][..],
        &[("Range", "bytes=0-99")],
        &[("Range", "bytes=0-99,200-299")],
        &[("Range", "bytes=10240-")],
        &[("If-None-Match", TAG)],
        &[("If-Match", r#""a""#)],
    ] {
        let (head, get) = (ask(&entity(), "HEAD", headers), get(headers));
        assert_eq!(head.status(), get.status(), "{headers:?}");
        assert_eq!(head.headers(), get.headers(), "{headers:?}");
        assert!(head.body().is_empty(), "{headers:?}");
    }
}

#[test]
fn other_methods_are_not_allowed() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BITS_POST", "get"] {
        let response = ask(&entity(), method, &[("Range", "bytes=0-1")]);
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(header(&response, ALLOW), "GET, HEAD", "{method}");
        assert_eq!(header(&response, CONTENT_LENGTH), "0", "{method}");
    }
}

#[test]
fn c51_http_1_0_is_served_as_any_other_version() {
    for range in ["bytes=0-9976", "bytes=0-1,5-6", "bytes=10240-"] {
        let answer = |version| {
            let request = Request::get("/").version(version).header("Range", range).body(()).unwrap();
            respond(&request, &entity(), Conformance::Strict, || [0; 16])
        };
        let (old, new) = (answer(Version::HTTP_10), answer(Version::HTTP_11));
        assert_eq!(old.status(), new.status(), "{range}");
        assert_eq!(old.headers(), new.headers(), "{range}");
        // Nothing is ever chunked, which 1.0 could not read.
        assert_eq!(header(&old, CONTENT_LENGTH), old.body().len().to_string(), "{range}");
    }
}

#[test]
fn every_answer_about_an_entity_says_when_it_changed_and_is_for_this_client_alone() {
    let second = Duration::from_secs(1_182_201_121);
    for nanos in [0, 1, 999_999_999] {
        let entity =
            Entity::new(10_240, SystemTime::UNIX_EPOCH + second + Duration::from_nanos(nanos)).unwrap();
        for (method, headers, status) in [
            ("GET", &[][..], 200),
            ("HEAD", &[], 200),
            ("GET", &[("Range", "bytes=0-1")], 206),
            ("GET", &[("Range", "bytes=0-1,5-6")], 206),
            ("GET", &[("Range", "bytes=10240-")], 416),
            ("GET", &[("If-Modified-Since", DATE)], 304),
            ("GET", &[("If-Match", "\"a\"")], 412),
        ] {
            let response = ask(&entity, method, headers);
            assert_eq!(response.status(), status, "{headers:?}");
            // §3.5.5.1; the part of a second makes it no younger.
            assert_eq!(header(&response, LAST_MODIFIED), DATE, "{headers:?}");
            assert_eq!(header(&response, CACHE_CONTROL), "private, no-store", "{headers:?}");
        }
    }
}

#[test]
fn times_that_http_cannot_write_are_the_nearest_that_it_can() {
    let year = Duration::from_secs(366 * 24 * 3600);
    for (time, date) in [
        (SystemTime::UNIX_EPOCH - year, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (SystemTime::UNIX_EPOCH + 9000 * year, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        assert_eq!(Entity::new(1, time).unwrap().last_modified().to_string(), date);
    }
}
