//! The requests of a download.

use bits_proto::Conformance;
use bits_proto::download::{ApplicationRanges, Config, Event, HeadRequest, State};

use crate::driver::{Driver, header, partial, response};

#[test]
fn c62_the_whole_is_asked_for_without_a_range() {
    let mut driver = Driver::whole(Config::builder());
    assert_eq!(driver.download.state(), State::Downloading);
    let transmit = driver.request();
    assert_eq!(transmit.request.uri(), crate::driver::URL);
    // As captures/upload-reply/09-reply-get.req, but for the range.
    assert_eq!(header(&transmit, "accept"), Some("*/*"));
    assert_eq!(header(&transmit, "accept-encoding"), Some("identity"));
    assert_eq!(transmit.request.headers().len(), 2);
    assert!(driver.answer(transmit.id, &response(200, &[], "0123456789")));
    driver.expect_completed(10);
    assert_eq!(driver.stored, b"0123456789");
    assert!(driver.events.contains(&Event::SizeKnown { size: 10 }));
}

#[test]
fn the_conversation_of_the_capture() {
    // captures/upload-reply: Windows asks for 9,977 bytes, and IIS has 10,240.
    let mut driver = Driver::whole(Config::builder().fragment_size(9977));
    let transmit = driver.request();
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut captured = httparse::Request::new(&mut headers);
    captured.parse(include_bytes!("../data/captures/upload-reply/09-reply-get.req")).unwrap();
    assert_eq!(transmit.request.method(), captured.method.unwrap());
    let transports = ["User-Agent", "Host", "Connection"];
    for captured in captured.headers.iter().filter(|header| !transports.contains(&header.name)) {
        let ours = header(&transmit, captured.name);
        assert_eq!(ours.map(str::as_bytes), Some(captured.value), "{}", captured.name);
    }

    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut captured = httparse::Response::new(&mut headers);
    captured.parse(include_bytes!("../data/captures/upload-reply/10-reply-get.resp")).unwrap();
    let answer = captured
        .headers
        .iter()
        .fold(http::Response::builder().status(captured.code.unwrap()), |response, header| {
            response.header(header.name, header.value)
        });
    assert!(driver.answer(transmit.id, &answer.body(vec![7; 9977]).unwrap()));

    // C60: the length is that of Content-Range, not the 9,977 of Content-Length.
    assert_eq!(driver.download.entity_size(), Some(10_240));
    let transmit = driver.request();
    assert_eq!(header(&transmit, "range"), Some("bytes=9977-10239"));
    assert_eq!(header(&transmit, "if-range"), Some("\"f84d5b50edb1c71:2488\""));
}

#[test]
fn fragments_follow_one_another_and_the_last_is_short() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    for (range, content_range, body) in [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=4-7", "bytes 4-7/10", "4567"),
        ("bytes=8-9", "bytes 8-9/10", "89"),
    ] {
        let id = driver.expect_range(Some(range));
        assert!(driver.answer(id, &partial(content_range, body)));
    }
    driver.expect_completed(10);
    assert_eq!(driver.stored, b"0123456789");
    let progress = driver.events.iter().filter_map(|event| match event {
        Event::Progress { received } => Some(*received),
        _ => None,
    });
    assert!(progress.eq([4, 8, 10]));
}

#[test]
fn an_entity_that_is_no_longer_than_one_fragment() {
    for conformance in [Conformance::Interop, Conformance::Strict] {
        for answer in [partial("bytes 0-9/10", "0123456789"), response(200, &[], "0123456789")] {
            for (size, range) in [(100, "bytes=0-99"), (10, "bytes=0-9")] {
                let config = Config::builder().fragment_size(size).conformance(conformance);
                let mut driver = Driver::whole(config);
                let id = driver.expect_range(Some(range));
                assert!(driver.answer(id, &answer));
                driver.expect_completed(10);
            }
        }
    }
}

#[test]
fn an_empty_entity_is_complete_without_a_body() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    assert!(!driver.answer(id, &response(200, &[], "")));
    driver.expect_completed(0);

    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.expect_range(Some("bytes=0-3"));
    assert!(!driver.answer(id, &response(416, &[("Content-Range", "bytes */0")], "")));
    driver.expect_completed(0);
}

#[test]
fn a_head_tells_the_length_and_then_the_one_range_is_the_whole() {
    let mut driver = Driver::whole(Config::builder().head(HeadRequest::Always).fragment_size(10));
    assert_eq!(driver.download.state(), State::Measuring);
    let transmit = driver.request();
    assert_eq!(transmit.request.method(), "HEAD");
    assert_eq!(header(&transmit, "range"), None);
    let measured = http::Response::builder().header("Content-Length", 10).body(Vec::new()).unwrap();
    driver.answer(transmit.id, &measured);
    assert_eq!(driver.download.size(), Some(10));
    assert_eq!(driver.download.state(), State::Downloading);
    let id = driver.expect_range(None);
    assert!(driver.answer(id, &response(200, &[], "0123456789")));
    driver.expect_completed(10);
}

#[test]
fn windows_asks_for_the_size_if_not_the_whole_is_wanted() {
    // Note <30>.
    let part = || ApplicationRanges::new([Some(2..4)].into_iter().flatten()).unwrap();
    for (head, ranges, method) in [
        (HeadRequest::ForRanges, ApplicationRanges::whole(), "GET"),
        (HeadRequest::ForRanges, part(), "HEAD"),
        (HeadRequest::Always, ApplicationRanges::whole(), "HEAD"),
        (HeadRequest::Never, part(), "GET"),
    ] {
        let mut driver = Driver::new(ranges, Config::builder().head(head));
        assert_eq!(driver.request().request.method(), method, "{head:?}");
    }
}

#[test]
fn a_server_without_head_is_asked_by_get() {
    for status in [405, 501] {
        let mut driver = Driver::whole(Config::builder().head(HeadRequest::Always));
        let head = driver.request();
        driver.answer(head.id, &response(status, &[], ""));
        let id = driver.expect_range(None);
        assert!(driver.answer(id, &response(200, &[], "0123456789")));
        driver.expect_completed(10);
    }
}

#[test]
fn a_head_without_a_length_leaves_it_to_the_get() {
    let mut driver = Driver::whole(Config::builder().head(HeadRequest::Always));
    let head = driver.request();
    driver.answer(head.id, &http::Response::new(Vec::new()));
    let id = driver.expect_range(None);
    assert!(driver.answer(id, &response(200, &[], "0123456789")));
    driver.expect_completed(10);
}

#[test]
fn an_url_that_is_not_absolute_is_refused() {
    let now = Driver::whole(Config::builder()).now;
    for url in ["/replies/1", "ftp://server/x", "server:80"] {
        let made = bits_proto::download::Download::new(
            now,
            url.parse().unwrap(),
            ApplicationRanges::whole(),
            Config::default(),
        );
        assert!(made.is_err(), "{url}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    use std::time::Duration;
    let second = Duration::from_secs(1);
    assert!(Config::builder().fragment_size(0).build().is_err());
    assert!(Config::builder().fragment_size(1 << 63).build().is_err());
    assert!(Config::builder().timeouts(Duration::ZERO, second).build().is_err());
    assert!(Config::builder().timeouts(second, Duration::ZERO).build().is_err());
    assert!(Config::builder().give_up_after(Duration::ZERO).build().is_err());
    assert!(Config::builder().retry_delays(second * 2, second).build().is_err());
}
