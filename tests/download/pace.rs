//! The pace of a reply (`set_rate`), in virtual time.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use bits_proto::Conformance;
use bits_proto::download::{
    ApplicationRanges, Config, Entity, ExchangeId, Segment, State, Suspend, Timer, respond,
};
use http::{Request, Response};

use crate::driver::{Driver, header, response};

fn rate(bytes_a_second: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(bytes_a_second)
}

fn paced(bytes_a_second: u64) -> Driver {
    Driver::whole(Config::builder().rate(rate(bytes_a_second)))
}

/// A server whose entity has so many bytes, all the same.
fn serve(request: &Request<()>, length: u64) -> Response<Vec<u8>> {
    let entity =
        Entity::new(length, std::time::SystemTime::UNIX_EPOCH).unwrap().with_etag("\"v1\"".parse().unwrap());
    respond(request, &entity, Conformance::Strict, || [0; 16]).map(|body| {
        let bytes = |segment| match segment {
            Segment::Entity(range) => vec![b'x'; (range.end - range.start) as usize],
            Segment::Text(text) => text.to_vec(),
        };
        body.into_iter().flat_map(bytes).collect()
    })
}

/// Runs the download for so long, over a network on which every exchange takes 30 milliseconds; how much has come.
fn run(driver: &mut Driver, length: u64, time: Duration) -> u64 {
    let (before, end) = (driver.download.received(), driver.now + time);
    for _ in 0..10_000 {
        if driver.now >= end {
            return driver.download.received() - before;
        }
        match driver.next_request() {
            Some(transmit) => {
                driver.now += Duration::from_millis(30);
                driver.answer(transmit.id, &serve(&transmit.request, length));
            }
            None if driver.download.poll_timeout().is_some_and(|due| due <= end) => driver.wait(),
            _ => return driver.download.received() - before,
        }
    }
    panic!("too many requests for {time:?}");
}

#[track_caller]
fn assert_within_five_percent(received: u64, expected: u64) {
    assert!(received.abs_diff(expected) * 20 <= expected, "{received} is not {expected}");
}

#[test]
fn over_ten_seconds_the_pace_is_kept_within_five_percent() {
    for bytes_a_second in [4_000, 100_000] {
        let mut driver = paced(bytes_a_second);
        let received = run(&mut driver, 100_000_000, Duration::from_secs(10));
        assert_within_five_percent(received, 10 * bytes_a_second);
    }
}

#[test]
fn the_pace_changes_while_the_download_runs() {
    let (mut driver, length) = (paced(100_000), 2_000_000);
    run(&mut driver, length, Duration::from_secs(5));
    // What the last request owes to the old pace is owed to the new one.
    driver.download.set_rate(driver.now, rate(20_000));
    assert_eq!(driver.download.rate(), rate(20_000));
    run(&mut driver, length, Duration::from_secs(2));
    let received = run(&mut driver, length, Duration::from_secs(10));
    assert_within_five_percent(received, 200_000);
    driver.download.set_rate(driver.now, None);
    run(&mut driver, length, Duration::from_secs(1));
    driver.expect_completed(length);
}

#[test]
fn a_paced_request_asks_for_a_quarter_of_a_second() {
    let mut driver = paced(40);
    let id = driver.expect_range(Some("bytes=0-9"));
    let _ = driver.answer(id, &partial(0..10));
    assert!(driver.next_request().is_none());
    assert_eq!(driver.download.state(), State::Pacing);
    let due = driver.now + Duration::from_millis(250);
    assert_eq!(driver.download.next_timer(), Some((due, Timer::Pace)));
    driver.wait();
    driver.expect_range(Some("bytes=10-19"));
}

#[test]
fn a_lifted_pace_lets_the_next_request_go_at_once() {
    let mut driver = paced(40);
    let id = driver.expect_range(Some("bytes=0-9"));
    let _ = driver.answer(id, &partial(0..10));
    driver.download.set_rate(driver.now, None);
    driver.expect_range(Some("bytes=10-99"));
}

#[test]
fn a_body_too_large_for_a_new_pace_is_given_up_and_what_was_stored_counts() {
    let mut driver = Driver::whole(Config::builder());
    let whole = receiving(&mut driver, 25);
    driver.download.set_rate(driver.now, rate(80));
    let second = driver.request();
    assert_eq!(driver.aborted, [whole]);
    assert_eq!(header(&second, "range"), Some("bytes=25-44"));
    assert_eq!(header(&second, "if-range"), Some("\"v1\""));
    // What comes of the first one changes nothing.
    driver.download.handle_received(driver.now, whole, 75);
    assert_eq!(driver.download.received(), 25);
}

#[test]
fn a_body_that_suits_a_new_pace_goes_on() {
    let mut driver = Driver::whole(Config::builder());
    let whole = receiving(&mut driver, 25);
    driver.download.set_rate(driver.now, rate(300));
    assert!(driver.next_request().is_none() && driver.aborted.is_empty());
    driver.download.handle_received(driver.now, whole, 75);
    driver.expect_completed(100);
}

#[test]
fn several_ranges_are_paced_together() {
    let ranges = ApplicationRanges::new([0..6, 20..30, 40..90]).unwrap();
    let mut driver = Driver::new(ranges, Config::builder().rate(rate(40)));
    let head = driver.request();
    assert_eq!(head.request.method(), "HEAD");
    driver.answer(head.id, &response(200, &[], &"x".repeat(100)));
    // A HEAD brings no bytes, and so it owes none.
    driver.expect_range(Some("bytes=0-5,20-23"));
}

#[test]
fn a_download_that_waits_for_its_pace_can_be_suspended_and_resumed() {
    let mut driver = paced(40);
    let id = driver.expect_range(Some("bytes=0-9"));
    let _ = driver.answer(id, &partial(0..10));
    driver.download.suspend(driver.now, Suspend::Gracefully).unwrap();
    assert!(driver.next_request().is_none());
    assert_eq!((driver.download.state(), driver.download.poll_timeout()), (State::Suspended, None));
    driver.download.set_rate(driver.now, rate(80));
    assert_eq!(driver.download.state(), State::Suspended);
    // The pace outlasts the suspension: nobody gains by suspending and resuming.
    driver.download.resume(driver.now).unwrap();
    assert_eq!(driver.download.state(), State::Pacing);
    driver.wait();
    driver.expect_range(Some("bytes=10-29"));
}

fn partial(range: std::ops::Range<usize>) -> Response<Vec<u8>> {
    let content_range = format!("bytes {}-{}/100", range.start, range.end - 1);
    crate::driver::partial(&content_range, &"x".repeat(range.len()))
}

/// A download of the whole, of 100 bytes, of which so many are here.
fn receiving(driver: &mut Driver, bytes: u64) -> ExchangeId {
    let id = driver.expect_range(None);
    let now: Instant = driver.now;
    driver.download.handle_sent(now, id);
    let whole = response(200, &[("ETag", "\"v1\"")], &"x".repeat(100));
    driver.download.handle_response(now, id, &whole);
    driver.download.handle_received(now, id, bytes);
    while driver.download.poll_output().is_some() {}
    id
}
