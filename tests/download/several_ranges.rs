//! Several ranges of an application (§3.6.5.2.4.3), and servers that do not do several at once.

use bits_proto::download::multipart::MultipartError;
use bits_proto::download::{ApplicationRanges, Config, Event, HeadRequest, Output, Reason, Violation};
use http::Response;

use crate::driver::{Driver, partial, response};

/// The worked example of §3.6.5.2.4.3, the first 25 bytes stored already.
fn worked_example(fragment: u64) -> Driver {
    let ranges = ApplicationRanges::new([100..200, 1000..1100, 200..300]).unwrap();
    let config = Config::builder().head(HeadRequest::Never).fragment_size(fragment);
    let mut driver = Driver::new(ranges, config);
    let first = driver.request();
    let part = multipart(&[(100, 100)], "");
    assert!(driver.answer_up_to(first.id, &part, part.body().len() - 75));
    assert_eq!(driver.download.received(), 25);
    assert_eq!(driver.waits_for(), Reason::Truncated);
    driver.wait();
    driver
}

/// The bytes of an entity of 10,000 bytes in which every byte is the last digit of its offset.
fn bytes(first: usize, length: usize) -> String {
    (first..first + length).map(|offset| char::from(b'0' + (offset % 10) as u8)).collect()
}

/// A multipart body of these ranges, and its end.
fn multipart(ranges: &[(usize, usize)], end: &str) -> Response<Vec<u8>> {
    let part = |&(first, length): &(usize, usize)| {
        format!(
            "\r\n--x\r\nContent-Range: bytes {first}-{}/10000\r\n\r\n{}",
            first + length - 1,
            bytes(first, length)
        )
    };
    let body: String = ranges.iter().map(part).collect();
    response(206, &[("Content-Type", "multipart/byteranges; boundary=x")], &(body + end))
}

#[test]
fn the_worked_example_of_choosing_ranges() {
    let mut driver = worked_example(200);
    let id = driver.expect_range(Some("bytes=125-199,1000-1099,200-224"));
    assert!(driver.answer(id, &multipart(&[(125, 75), (1000, 100), (200, 25)], "\r\n--x--")));
    // What is left of the third range is less than a fragment.
    let id = driver.expect_range(Some("bytes=225-299"));
    assert!(driver.answer(id, &partial("bytes 225-299/10000", &bytes(225, 75))));
    driver.expect_completed(300);
    assert_eq!(driver.stored[100..300], *bytes(100, 200).as_bytes());
    assert_eq!(driver.stored[1000..1100], *bytes(1000, 100).as_bytes());
    assert!(driver.stored[300..1000].iter().all(|&byte| byte == b'.'));
}

#[test]
fn the_worked_example_with_the_last_range_alone_left() {
    let mut driver = worked_example(175);
    let id = driver.expect_range(Some("bytes=125-199,1000-1099"));
    assert!(driver.answer(id, &multipart(&[(125, 75), (1000, 100)], "\r\n--x--")));
    assert_eq!(driver.download.received(), 200);
    driver.expect_range(Some("bytes=200-299"));
}

#[test]
fn c61_a_bad_answer_to_several_ranges_is_asked_again_one_by_one() {
    let wrong = |range: &str| {
        let body = format!("--x\r\nContent-Range: {range}\r\n\r\n{}", bytes(125, 75));
        response(206, &[("Content-Type", "multipart/byteranges; boundary=x")], &body)
    };
    let multipart_error = |error| Reason::Protocol(Violation::Multipart(error));
    for (answer, reason) in [
        (response(200, &[], &bytes(0, 10_000)), Reason::Protocol(Violation::RangeIgnored)),
        (partial("bytes 125-199/10000", &bytes(125, 75)), multipart_error(MultipartError::MediaType)),
        (
            response(206, &[("Content-Type", "multipart/byteranges")], ""),
            multipart_error(MultipartError::Boundary),
        ),
        (wrong("bytes 126-200/10000"), multipart_error(MultipartError::RangeUnexpected)),
        (wrong("bytes 125-198/10000"), multipart_error(MultipartError::RangeUnexpected)),
        (wrong("bytes 1000-1099/10000"), multipart_error(MultipartError::RangeUnexpected)),
        (response(416, &[], ""), Reason::Refused),
    ] {
        let mut driver = worked_example(200);
        let id = driver.expect_range(Some("bytes=125-199,1000-1099,200-224"));
        driver.answer(id, &answer);
        let id = driver.expect_range(Some("bytes=125-199"));
        match driver.events.last() {
            Some(Event::SingleRangesOnly { cause }) => assert_eq!(cause.reason, reason),
            other => panic!("{other:?}"),
        }
        assert!(driver.answer(id, &partial("bytes 125-199/10000", &bytes(125, 75))));
        driver.expect_range(Some("bytes=1000-1099"));
        assert_eq!(driver.aborted.len(), usize::from(answer.status().is_success()), "{reason:?}");
    }
}

#[test]
fn c61_parts_that_were_stored_before_a_bad_one_are_not_fetched_again() {
    let last_part_of_another =
        format!("\r\n--x\r\nContent-Range: bytes 1000-1099/10001\r\n\r\n{}", bytes(1000, 100));
    for (ends, error) in [
        ("\r\n--x--", MultipartError::PartMissing),
        ("\r\n--y--\r\n", MultipartError::BoundaryExpected),
        (last_part_of_another.as_str(), MultipartError::SizeUnexpected),
    ] {
        let mut driver = worked_example(200);
        let id = driver.expect_range(Some("bytes=125-199,1000-1099,200-224"));
        assert!(driver.answer(id, &multipart(&[(125, 75)], ends)));
        driver.expect_range(Some("bytes=1000-1099"));
        match driver.events.last() {
            Some(Event::SingleRangesOnly { cause }) => {
                assert_eq!(cause.reason, Reason::Protocol(Violation::Multipart(error)))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn c61_a_bad_answer_to_a_single_range_after_that_fails() {
    let mut driver = worked_example(200);
    for _ in 0..2 {
        let transmit = driver.request();
        driver.answer(transmit.id, &response(200, &[], &bytes(0, 10_000)));
    }
    assert_eq!(driver.failure().reason, Reason::Protocol(Violation::RangeIgnored));
}

#[test]
fn c61_a_bad_body_of_a_single_range_fails() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.expect_range(Some("bytes=0-3"));
    driver.download.handle_response(driver.now, id, &partial("bytes 0-3/10", "0123"));
    while !matches!(driver.download.poll_output(), Some(Output::Receive { .. }) | None) {}
    driver.download.handle_body_error(driver.now, id, MultipartError::PartMissing);
    let error = Violation::Multipart(MultipartError::PartMissing);
    assert_eq!(driver.failure().reason, Reason::Protocol(error));
    assert_eq!(driver.aborted, [id]);
}

#[test]
fn c64_another_version_may_be_asked_for_several_ranges_again() {
    let mut driver = worked_example(200);
    let several = driver.request();
    driver.answer(several.id, &response(200, &[], &bytes(0, 10_000)));
    let id = driver.expect_range(Some("bytes=125-199"));
    assert!(driver.answer(id, &partial("bytes 125-199/10000", &bytes(125, 75))));
    let id = driver.expect_range(Some("bytes=1000-1099"));
    let changed = [("Content-Range", "bytes 1000-1099/10000"), ("ETag", "\"v2\"")];
    driver.answer(id, &response(206, &changed, &bytes(1000, 100)));
    driver.expect_range(Some("bytes=100-199,1000-1099"));
}

#[test]
fn a_receiver_tells_how_many_bytes_are_still_to_come() {
    let answer = multipart(&[(125, 75), (1000, 100), (200, 25)], "\r\n--x--");
    let mut driver = worked_example(200);
    let id = driver.request().id;
    driver.download.handle_response(driver.now, id, &answer);
    let Some(Output::Receive { mut receiver, .. }) = driver.download.poll_output() else { panic!("no body") };
    assert_eq!((receiver.remaining(), receiver.range()), (200, None));
    let mut left = 200;
    for chunk in answer.body().chunks(33) {
        let mut rest = chunk;
        while let Some(piece) = receiver.place(&mut rest).unwrap() {
            left -= piece.bytes.len() as u64;
            assert_eq!(receiver.remaining(), left);
        }
    }
    assert_eq!(left, 0);
}

#[test]
fn a_range_past_the_end_is_told_before_anything_is_fetched() {
    let ranges = || ApplicationRanges::new([0..5, 6..11]).unwrap();
    let mut driver = Driver::new(ranges(), Config::builder());
    let head = driver.request();
    driver.answer(head.id, &Response::builder().header("Content-Length", 10).body(Vec::new()).unwrap());
    assert_eq!(driver.failure().reason, Reason::RangePastEnd);

    // Without HEAD the first answer that tells the length tells it.
    let mut driver = Driver::new(ranges(), Config::builder().head(HeadRequest::Never).fragment_size(5));
    let id = driver.expect_range(Some("bytes=0-4"));
    assert!(!driver.answer(id, &partial("bytes 0-4/10", "01234")));
    assert_eq!(driver.failure().reason, Reason::RangePastEnd);
    assert_eq!(driver.aborted, [id]);
}
