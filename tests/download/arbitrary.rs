//! Any answers of a server and any commands of a caller, in any order.

use std::num::NonZeroU64;
use std::time::Duration;

use bits_proto::download::multipart::MultipartError;
use bits_proto::download::{
    ApplicationRanges, Config, Credentials, Download, ExchangeId, HeadRequest, Output, State, Suspend,
    TransportError,
};
use http::Response;
use proptest::prelude::*;

use crate::driver::{Driver, response};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Answer { status: u16, headers: Vec<(&'static str, &'static str)>, length: usize },
    Sent,
    Received(u64),
    BodyEnd,
    BodyError,
    TransportError,
    Timeout,
    Later(u64),
    Suspend(Suspend),
    Resume,
    Cancel,
    Authenticate(bool),
    Rate(Option<NonZeroU64>),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(vec![
        100, 200, 200, 204, 206, 206, 206, 206, 301, 304, 400, 401, 404, 405, 407, 416, 429, 500, 501, 503,
    ]);
    let header = prop::sample::select(vec![
        ("Content-Range", "bytes 0-3/10"),
        ("Content-Range", "bytes 4-7/10"),
        ("Content-Range", "bytes 8-9/10"),
        ("Content-Range", "bytes 0-3/11"),
        ("Content-Range", "bytes 0-9223372036854775806/9223372036854775807"),
        ("Content-Range", "bytes */0"),
        ("Content-Range", "rubbish"),
        ("ETag", "\"v1\""),
        ("ETag", "\"v2\""),
        ("ETag", "W/\"v1\""),
        ("Last-Modified", "Mon, 18 Jun 2007 21:12:01 GMT"),
        ("Content-Encoding", "gzip"),
        ("Content-Type", "multipart/byteranges; boundary=x"),
        ("Content-Length", "18446744073709551616"),
        ("Retry-After", "18446744073709551615"),
    ]);
    let answer =
        (status, prop::collection::vec(header, 0..4), prop::sample::select(vec![0, 2, 4, 4, 10, 11]));
    prop_oneof![
        12 => answer.prop_map(|(status, headers, length)| Step::Answer { status, headers, length }),
        4 => Just(Step::Sent),
        8 => prop_oneof![0..12_u64, Just(u64::MAX)].prop_map(Step::Received),
        3 => Just(Step::BodyEnd),
        2 => Just(Step::BodyError),
        3 => Just(Step::TransportError),
        8 => Just(Step::Timeout),
        2 => (0..1_000_000_u64).prop_map(Step::Later),
        2 => prop_oneof![Just(Suspend::Gracefully), Just(Suspend::AtOnce)].prop_map(Step::Suspend),
        6 => Just(Step::Resume),
        1 => Just(Step::Cancel),
        4 => any::<bool>().prop_map(Step::Authenticate),
        2 => prop::option::of(1..40_u64).prop_map(|rate| Step::Rate(rate.and_then(NonZeroU64::new))),
        1 => Just(Step::Restart),
    ]
}

fn apply(driver: &mut Driver, id: ExchangeId, step: &Step) {
    let (now, download) = (driver.now, &mut driver.download);
    match step {
        Step::Answer { status, headers, length } => {
            let has_length = headers.iter().any(|(name, _)| *name == "Content-Length");
            let mut answer: Response<Vec<u8>> = response(*status, headers, &"x".repeat(*length));
            if has_length {
                answer.headers_mut().remove("content-length");
            }
            download.handle_response(now, id, &answer);
        }
        Step::Sent => download.handle_sent(now, id),
        Step::Received(bytes) => download.handle_received(now, id, *bytes),
        Step::BodyEnd => download.handle_body_end(now, id),
        Step::BodyError => download.handle_body_error(now, id, MultipartError::PartMissing),
        Step::TransportError => download.handle_transport_error(now, id, TransportError::Interrupted),
        Step::Timeout => {
            driver.now = download.poll_timeout().unwrap_or(now);
            download.handle_timeout(driver.now);
        }
        Step::Later(seconds) => {
            driver.now += Duration::from_secs(*seconds);
            download.handle_timeout(driver.now);
        }
        Step::Suspend(how) => drop(download.suspend(now, *how)),
        Step::Resume => drop(download.resume(now)),
        Step::Cancel => drop(download.cancel(now)),
        Step::Rate(rate) => download.set_rate(now, *rate),
        Step::Restart => driver.restart(Config::builder().max_size(1000)),
        Step::Authenticate(known) => drop(download.authenticate(now, known.then(Credentials::default))),
    }
}

/// What holds at any time.
fn check(download: &Download, before: State) -> Result<(), TestCaseError> {
    let state = download.state();
    if before.is_ended() {
        prop_assert_eq!(state, before, "nothing happens after the end");
    }
    let (size, received) = (download.size(), download.received());
    prop_assert!(size.is_none_or(|size| received <= size));
    if state == State::Completed {
        prop_assert_eq!(size, Some(received), "all is here");
    }
    // It either goes on by itself in the end, or waits for the caller, and then no timer runs.
    let goes_on =
        matches!(state, State::Measuring | State::Downloading | State::Pacing | State::WaitingToRetry);
    prop_assert_eq!(goes_on, download.poll_timeout().is_some(), "{:?}", state);
    prop_assert!(!goes_on || size != Some(received), "nothing is fetched when all is here");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_download_is_ever_stuck_or_stores_more_than_there_is(
        ranges in prop::option::of(prop::sample::select(vec![vec![0..4_u64], vec![0..4, 8..10], vec![4..8, 0..4, 0..12]])),
        fragment in prop::option::of(prop::sample::select(vec![1, 4, 6, 100])),
        head in prop::sample::select(vec![HeadRequest::Never, HeadRequest::ForRanges]),
        steps in prop::collection::vec((step(), any::<bool>(), any::<bool>()), 0..60),
    ) {
        let ranges = ranges.map_or(ApplicationRanges::whole(), |ranges| ApplicationRanges::new(ranges).unwrap());
        let mut config = Config::builder().head(head).max_size(1000);
        if let Some(size) = fragment {
            config = config.fragment_size(size);
        }
        let mut driver = Driver::new(ranges, config);
        let Some(Output::Transmit(first)) = driver.download.poll_output() else { panic!("no first request") };
        let (mut old, mut newest) = (first.id, first.id);
        let mut under_way = vec![first.id];
        for (step, stale, take) in steps {
            let before = driver.download.state();
            apply(&mut driver, if stale { old } else { newest }, &step);
            check(&driver.download, before)?;
            while let Some(output) = take.then(|| driver.download.poll_output()).flatten() {
                match output {
                    Output::Transmit(transmit) => {
                        prop_assert!(transmit.id > newest, "ids are never used again");
                        (old, newest) = (newest, transmit.id);
                        under_way.push(transmit.id);
                    }
                    Output::Receive { id, receiver } => {
                        prop_assert_eq!(id, newest);
                        prop_assert!(receiver.remaining() > 0 && receiver.remaining() <= 1000);
                    }
                    Output::Abort(id) => prop_assert!(under_way.contains(&id), "only what was sent is aborted"),
                    Output::Event(_) => {}
                }
            }
        }
    }
}
