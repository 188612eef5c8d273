//! Servers that break the rules, each of them stopped.

use bits_proto::Conformance;
use bits_proto::download::{Config, Event, HeadRequest, Reason, Violation};
use bits_proto::limits::MAX_HEADER_VALUE;
use http::Response;

use crate::driver::{Driver, header, partial, response};

/// An entity of 10 bytes, version "v1", of which the first 4 are stored; its request for the next 4 is under way.
fn after_one_fragment() -> Driver {
    driver_after_one_fragment(Conformance::Interop)
}

fn driver_after_one_fragment(conformance: Conformance) -> Driver {
    let config = Config::builder().fragment_size(4).conformance(conformance);
    let mut driver = Driver::whole(config);
    let id = driver.expect_range(Some("bytes=0-3"));
    assert!(driver.answer(id, &dated("\"v1\"", "Mon, 18 Jun 2007 21:12:01 GMT", "bytes 0-3/10", "0123")));
    driver
}

fn dated(etag: &str, date: &str, content_range: &str, body: &str) -> Response<Vec<u8>> {
    response(206, &[("Content-Range", content_range), ("ETag", etag), ("Last-Modified", date)], body)
}

/// What becomes of this answer to a request for bytes 4 to 7: the reason for which the download fails.
fn fails(answer: &Response<Vec<u8>>) -> Reason {
    let mut driver = after_one_fragment();
    let id = driver.expect_range(Some("bytes=4-7"));
    assert!(!driver.answer(id, answer));
    let failure = driver.failure();
    assert_eq!(failure.status, Some(answer.status()));
    assert_eq!(driver.download.received(), 4);
    // A long body that nobody wants is not waited for.
    assert_eq!(driver.aborted.contains(&id), answer.status().is_success());
    failure.reason
}

#[test]
fn the_whole_for_a_part_is_an_error() {
    let whole = response(200, &[("ETag", "\"v1\"")], "0123456789");
    assert_eq!(fails(&whole), Reason::Protocol(Violation::RangeIgnored));
    // Also at the first request, if the entity is longer than what was asked for (§3.6.5.2.4.2).
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.expect_range(Some("bytes=0-3"));
    assert!(!driver.answer(id, &whole));
    assert_eq!(driver.failure().reason, Reason::Protocol(Violation::RangeIgnored));
}

#[test]
fn another_range_than_was_asked_for_is_an_error() {
    for range in ["bytes 0-3/10", "bytes 5-8/10", "bytes 3-6/10", "bytes 4-8/10", "bytes 4-9/10"] {
        let unexpected = Reason::Protocol(Violation::RangeUnexpected);
        assert_eq!(fails(&partial(range, "4567")), unexpected, "{range}");
    }
}

#[test]
fn a_range_that_ends_early_is_taken_by_interop_alone() {
    let mut driver = after_one_fragment();
    let id = driver.expect_range(Some("bytes=4-7"));
    assert!(driver.answer(id, &partial("bytes 4-5/10", "45")));
    driver.expect_range(Some("bytes=6-9"));

    let mut driver = driver_after_one_fragment(Conformance::Strict);
    let id = driver.expect_range(Some("bytes=4-7"));
    assert!(!driver.answer(id, &partial("bytes 4-5/10", "45")));
    assert_eq!(driver.failure().reason, Reason::Protocol(Violation::RangeUnexpected));
}

#[test]
fn a_range_that_cannot_be_read_is_an_error() {
    for range in
        ["", "bytes", "bytes 4-7", "bytes 4-7/*", "bytes */10", "bytes 7-4/10", "items 4-7/10", "4-7/10"]
    {
        assert!(
            matches!(fails(&partial(range, "4567")), Reason::Protocol(Violation::Malformed(_))),
            "{range}"
        );
    }
    let without = response(206, &[("ETag", "\"v1\"")], "4567");
    assert!(matches!(fails(&without), Reason::Protocol(Violation::Malformed(_))));
    let twice = [("Content-Range", "bytes 4-7/10"), ("Content-Range", "bytes 4-6/10"), ("ETag", "\"v1\"")];
    assert!(matches!(fails(&response(206, &twice, "4567")), Reason::Protocol(Violation::Malformed(_))));
}

#[test]
fn c60_a_content_length_that_is_not_that_of_the_range_is_an_error() {
    for body in ["456", "45678", ""] {
        let reason = fails(&partial("bytes 4-7/10", body));
        assert!(matches!(reason, Reason::Protocol(Violation::Malformed(_))), "{body}");
    }
}

#[test]
fn a_length_that_changes_is_an_error() {
    assert_eq!(fails(&partial("bytes 4-7/11", "4567")), Reason::SizeChanged);
    assert_eq!(fails(&partial("bytes 4-7/8", "4567")), Reason::SizeChanged);
    assert_eq!(fails(&response(200, &[("ETag", "\"v1\"")], "0123")), Reason::SizeChanged);
    assert_eq!(fails(&response(416, &[("Content-Range", "bytes */3")], "")), Reason::SizeChanged);
}

#[test]
fn c65_encoded_bytes_are_refused() {
    for encoding in ["gzip", "br", "identity, gzip"] {
        let headers = [("Content-Range", "bytes 4-7/10"), ("ETag", "\"v1\""), ("Content-Encoding", encoding)];
        let reason = fails(&response(206, &headers, "4567"));
        assert_eq!(reason, Reason::Protocol(Violation::ContentEncoded), "{encoding}");
    }
    for encoding in ["identity", "Identity", ""] {
        let mut driver = after_one_fragment();
        let id = driver.expect_range(Some("bytes=4-7"));
        let headers = [("Content-Range", "bytes 4-7/10"), ("ETag", "\"v1\""), ("Content-Encoding", encoding)];
        assert!(driver.answer(id, &response(206, &headers, "4567")), "{encoding}");
    }
}

#[test]
fn statuses_that_end_it() {
    for (status, reason) in [
        (204, Reason::Refused),
        (304, Reason::Refused),
        (301, Reason::Redirected),
        (302, Reason::Redirected),
        (307, Reason::Redirected),
        (308, Reason::Redirected),
        (400, Reason::Refused),
        (403, Reason::Refused),
        (404, Reason::Refused),
        (410, Reason::Refused),
        (412, Reason::Refused),
        (416, Reason::Refused),
        (501, Reason::Refused),
        (505, Reason::Refused),
        (600, Reason::Refused),
    ] {
        assert_eq!(fails(&response(status, &[("Location", "http://elsewhere/")], "")), reason, "{status}");
    }
}

#[test]
fn a_range_that_is_said_not_to_be_there_is_an_error() {
    for headers in [&[][..], &[("Content-Range", "bytes */10")], &[("Content-Range", "rubbish")]] {
        assert_eq!(fails(&response(416, headers, "")), Reason::Refused);
    }
    // Also if nothing is known yet: only an empty entity has no first byte.
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.expect_range(Some("bytes=0-3"));
    driver.answer(id, &response(416, &[("Content-Range", "bytes */10")], ""));
    assert_eq!(driver.failure().reason, Reason::Refused);
}

#[test]
fn a_whole_without_a_length_is_an_error() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    // §3.5.5: successful responses MUST include the Content-Length header.
    assert!(!driver.answer(id, &Response::new(b"0123456789".to_vec())));
    assert!(matches!(driver.failure().reason, Reason::Protocol(Violation::Malformed(_))));
}

#[test]
fn a_length_of_2_to_the_63_or_more_is_an_error() {
    for length in ["9223372036854775808", "18446744073709551615"] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.expect_range(None);
        let endless = Response::builder().header("Content-Length", length).body(Vec::new()).unwrap();
        assert!(!driver.answer(id, &endless));
        assert!(matches!(driver.failure().reason, Reason::Protocol(Violation::Malformed(_))), "{length}");
    }
}

#[test]
fn a_part_for_the_whole_is_an_error() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    assert!(!driver.answer(id, &partial("bytes 0-9/10", "0123456789")));
    assert_eq!(driver.failure().reason, Reason::Protocol(Violation::RangeUnexpected));
}

#[test]
fn what_comes_beyond_the_announced_length_is_cut_off() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    let mut answer = response(200, &[], "0123456789");
    answer.body_mut().extend_from_slice(&[b'x'; 100]);
    assert!(driver.answer(id, &answer));
    driver.expect_completed(10);
    assert_eq!(driver.stored, b"0123456789");
}

#[test]
fn what_is_longer_than_allowed_is_never_received() {
    for (fragment, head) in [(None, false), (Some(4), false), (None, true)] {
        let mut config = Config::builder().max_size(9);
        if let Some(size) = fragment {
            config = config.fragment_size(size);
        }
        if head {
            config = config.head(HeadRequest::Always);
        }
        let mut driver = Driver::whole(config);
        let request = driver.request();
        let answer = match fragment {
            Some(_) => partial("bytes 0-3/10", "0123"),
            None => response(200, &[], "0123456789"),
        };
        assert!(!driver.answer(request.id, &answer));
        assert_eq!(driver.failure().reason, Reason::TooLarge);
        assert_eq!(driver.stored, b"");
    }
    let mut driver = Driver::whole(Config::builder().max_size(10));
    let id = driver.expect_range(None);
    assert!(driver.answer(id, &response(200, &[], "0123456789")));
    driver.expect_completed(10);
}

#[test]
fn c63_another_version_starts_the_download_over() {
    let date = "Mon, 18 Jun 2007 21:12:01 GMT";
    let later = "Mon, 18 Jun 2007 21:12:02 GMT";
    for (answer, why) in [
        (dated("\"v2\"", date, "bytes 4-7/10", "4567"), "another tag"),
        (dated("\"v1\"", later, "bytes 4-7/10", "4567"), "another date"),
        (response(206, &[("Content-Range", "bytes 4-7/10")], "4567"), "neither tag nor date"),
        (response(206, &[("Content-Range", "bytes 4-7/10"), ("ETag", "\"v2\"")], "4567"), "a tag alone"),
        (response(200, &[("ETag", "\"v2\""), ("Last-Modified", later)], "abcdefghijk"), "If-Range"),
        (response(416, &[("ETag", "\"v2\""), ("Content-Range", "bytes */2")], ""), "it is shorter now"),
    ] {
        let mut driver = after_one_fragment();
        let transmit = driver.request();
        assert_eq!(header(&transmit, "if-range"), Some("\"v1\""));
        assert!(!driver.answer(transmit.id, &answer), "{why}");
        // C64: nothing is left of the old version.
        assert_eq!(driver.download.received(), 0);
        assert_eq!(driver.download.entity_size(), None);
        let transmit = driver.request();
        assert_eq!(header(&transmit, "range"), Some("bytes=0-3"), "{why}");
        assert_eq!(header(&transmit, "if-range"), None, "{why}");
        match driver.events.last() {
            Some(Event::Restarted { cause }) => assert_eq!(cause.reason, Reason::EntityChanged, "{why}"),
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[test]
fn c63_a_validator_that_is_missing_now_does_not_matter_beside_another_that_agrees() {
    for headers in [
        [("Content-Range", "bytes 4-7/10"), ("ETag", "\"v1\"")],
        [("Content-Range", "bytes 4-7/10"), ("Last-Modified", "Mon, 18 Jun 2007 21:12:01 GMT")],
        [("Content-Range", "bytes 4-7/10"), ("ETag", "W/\"v1\"")],
    ] {
        let mut driver = after_one_fragment();
        let id = driver.expect_range(Some("bytes=4-7"));
        assert!(driver.answer(id, &response(206, &headers, "4567")), "{headers:?}");
        assert_eq!(driver.download.received(), 8);
        // What was known before still is.
        let transmit = driver.request();
        assert_eq!(header(&transmit, "if-range"), Some("\"v1\""), "{headers:?}");
        let another = [("Content-Range", "bytes 8-9/10"), ("ETag", "\"v2\"")];
        assert!(!driver.answer(transmit.id, &response(206, &another, "89")), "{headers:?}");
        driver.expect_range(Some("bytes=0-3"));
    }
}

#[test]
fn c63_only_a_strong_tag_goes_into_if_range() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.expect_range(Some("bytes=0-3"));
    let weak = [("Content-Range", "bytes 0-3/10"), ("ETag", "W/\"v1\"")];
    assert!(driver.answer(id, &response(206, &weak, "0123")));
    assert_eq!(header(&driver.request(), "if-range"), None);
}

#[test]
fn c63_an_entity_that_changes_without_end_is_given_up() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4).max_restarts(5));
    let mut requests = 0;
    while let Some(transmit) = driver.next_request() {
        requests += 1;
        assert!(requests < 100);
        let range =
            if header(&transmit, "range") == Some("bytes=0-3") { "bytes 0-3/10" } else { "bytes 4-7/10" };
        let tag = format!("\"v{requests}\"");
        let headers = [("Content-Range", range), ("ETag", tag.as_str())];
        driver.answer(transmit.id, &response(206, &headers, "0123"));
    }
    assert_eq!(driver.failure().reason, Reason::RestartedTooOften);
    let restarts = |driver: &Driver| {
        driver.events.iter().filter(|event| matches!(event, Event::Restarted { .. })).count()
    };
    assert_eq!(restarts(&driver), 5);
    // The user may try again, as often again.
    driver.download.resume(driver.now).unwrap();
    let transmit = driver.request();
    driver.answer(transmit.id, &partial("bytes 4-7/10", "4567"));
    drop(driver.request());
    assert_eq!(restarts(&driver), 6);
}

#[test]
fn validators_that_cannot_be_read_are_as_if_they_were_not_there() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let long = "x".repeat(MAX_HEADER_VALUE);
    for (range, content_range, tag) in
        [("bytes=0-3", "bytes 0-3/8", "v1"), ("bytes=4-7", "bytes 4-7/8", "v2")]
    {
        let date = format!("{long}{tag}");
        let transmit = driver.request();
        assert_eq!(header(&transmit, "range"), Some(range));
        assert_eq!(header(&transmit, "if-range"), None);
        let headers = [("Content-Range", content_range), ("ETag", tag), ("Last-Modified", &date)];
        assert!(driver.answer(transmit.id, &response(206, &headers, "0123")));
    }
    driver.expect_completed(8);
}

#[test]
fn a_server_makes_nobody_store_more_than_4_gib_unless_told_otherwise() {
    let gib = 1 << 30;
    for (config, size, fails) in [
        (Config::builder(), 4 * gib, false),
        (Config::builder(), 4 * gib + 1, true),
        (Config::builder().max_size(8 * gib), 8 * gib, false),
        (Config::builder().max_size(u64::MAX), (1 << 63) - 1, false),
    ] {
        let mut driver = Driver::whole(config);
        let id = driver.expect_range(None);
        let answer = Response::builder().header("Content-Length", size).body(()).unwrap();
        driver.download.handle_response(driver.now, id, &answer);
        if fails {
            assert_eq!(driver.failure().reason, Reason::TooLarge, "{size}");
        } else {
            assert_eq!(driver.download.entity_size(), Some(size));
            assert!(!driver.download.state().is_ended());
        }
    }
}

#[test]
fn c71_statuses_that_are_temporary_by_their_own_definitions_may_pass() {
    for status in [421, 423, 425, 429] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.expect_range(None);
        driver.answer(id, &response(status, &[], ""));
        assert_eq!(driver.waits_for(), Reason::Refused, "{status}");
        let mut strict = Driver::whole(Config::builder().conformance(Conformance::Strict));
        let id = strict.expect_range(None);
        strict.answer(id, &response(status, &[], ""));
        assert_eq!(strict.failure().reason, Reason::Refused, "{status}");
    }
}
