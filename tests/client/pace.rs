//! Pace and sizes of fragments, on a line of a given speed in virtual time.

use std::num::NonZeroU64;
use std::time::Duration;

use bits_proto::client::{Config, ConfigBuilder, FragmentSize, State, Timer, TransportError};
use bits_proto::packet::Payload;
use testing::client::answers;
use testing::client::scenario;
use testing::client::scenario::Scenario;

/// Far more than any of these uploads sends.
const SIZE: u64 = 1 << 40;

const KIB: u64 = 1024;

fn rate(bytes_a_second: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(bytes_a_second)
}

/// Uploads for so long over a line where each exchange takes this time; how many bytes went.
fn bytes_in(scenario: &mut Scenario, time: Duration, exchange: impl Fn(u64) -> Duration) -> u64 {
    let (end, mut sent) = (scenario.now + time, 0);
    loop {
        while scenario.upload.state() == State::Pacing {
            let (at, timer) = scenario.upload.next_timer().unwrap();
            assert_eq!(timer, Timer::Pace);
            if at >= end {
                scenario.now = end;
                return sent;
            }
            scenario.pass_to_timer();
        }
        let Payload::Range(range) = scenario.expect("Fragment").body().clone() else { panic!("no bytes") };
        let length = range.end - range.start;
        scenario.now += exchange(length);
        if scenario.now >= end {
            return sent;
        }
        sent += length;
        scenario.answer(answers::received(range.end));
    }
}

fn paced(bytes_a_second: u64, config: ConfigBuilder) -> Scenario {
    Scenario::created(SIZE, config.rate(rate(bytes_a_second)))
}

#[track_caller]
fn assert_within_5_percent(sent: u64, expected: u64) {
    assert!(sent.abs_diff(expected) * 20 <= expected, "{sent} bytes where {expected} were wanted");
}

#[test]
fn a_pace_is_kept_within_5_percent_over_ten_seconds() {
    for bytes_a_second in [KIB, 10 * KIB, 100 * KIB, 1024 * KIB, 4 * 1024 * KIB] {
        // The round trip takes part of the time between two fragments, and must not slow the pace.
        for round_trip in [0, 20, 200] {
            let mut scenario = paced(bytes_a_second, Config::builder());
            for _ in 0..3 {
                let sent =
                    bytes_in(&mut scenario, Duration::from_secs(10), |_| Duration::from_millis(round_trip));
                assert_within_5_percent(sent, 10 * bytes_a_second);
            }
        }
    }
}

#[test]
fn a_pace_changes_while_the_upload_runs() {
    let mut scenario = paced(100 * KIB, Config::builder());
    let ten_seconds =
        |scenario: &mut Scenario| bytes_in(scenario, Duration::from_secs(10), |_| Duration::ZERO);
    assert_within_5_percent(ten_seconds(&mut scenario), 1000 * KIB);
    for bytes_a_second in [10 * KIB, 500 * KIB] {
        scenario.upload.set_rate(scenario.now, rate(bytes_a_second));
        assert_eq!(scenario.upload.rate(), rate(bytes_a_second));
        assert_within_5_percent(ten_seconds(&mut scenario), 10 * bytes_a_second);
    }
    scenario.upload.set_rate(scenario.now, None);
    assert!(matches!(scenario.upload.state(), State::Exchanging(_)), "nothing holds it back");
}

#[test]
fn time_that_passed_unused_is_not_made_up_for() {
    let mut scenario = paced(100 * KIB, Config::builder());
    bytes_in(&mut scenario, Duration::from_secs(10), |_| Duration::ZERO);
    // An hour in which nothing went gives no right to an hour's worth at once.
    scenario.now += Duration::from_secs(3600);
    scenario.upload.handle_timeout(scenario.now);
    let sent = bytes_in(&mut scenario, Duration::from_secs(10), |_| Duration::ZERO);
    assert_within_5_percent(sent, 1000 * KIB);
}

#[test]
fn adaptive_fragments_grow_to_the_target_time_and_shrink_with_the_line() {
    let target = Duration::from_secs(2);
    let size = FragmentSize::Adaptive { first: 16 * KIB, least: 16 * KIB, largest: 13 * 1024 * KIB, target };
    let mut scenario = Scenario::created(SIZE, Config::builder().fragments(size));
    for (bytes_a_second, settled) in
        [(512 * KIB, 1024 * KIB), (64 * KIB, 128 * KIB), (1, 16 * KIB), (1 << 40, 13 * 1024 * KIB)]
    {
        let line = |length: u64| Duration::from_nanos(length * 1_000_000_000 / bytes_a_second);
        for _ in 0..20 {
            let Payload::Range(range) = scenario.expect("Fragment").body().clone() else {
                panic!("no bytes")
            };
            scenario.now += line(range.end - range.start).min(Duration::from_secs(100));
            scenario.answer(answers::received(range.end));
        }
        let Payload::Range(range) = scenario.expect("Fragment").body().clone() else { panic!("no bytes") };
        assert_within_5_percent(range.end - range.start, settled);
    }
}

#[test]
fn an_adaptive_fragment_that_breaks_or_times_out_is_halved_down_to_the_least() {
    let breaks: [fn(&mut Scenario); 4] = [
        |scenario| scenario.break_off(TransportError::Interrupted),
        |scenario| scenario.break_off(TransportError::Unsent),
        |scenario| assert_eq!(scenario.pass_to_timer(), Timer::Request),
        |scenario| {
            scenario.sent();
            assert_eq!(scenario.pass_to_timer(), Timer::Response);
        },
    ];
    for how in breaks {
        let mut scenario = Scenario::created(SIZE, Config::builder().fragments(FragmentSize::ADAPTIVE));
        for expected in [256, 128, 64, 32, 16, 8, 5, 5] {
            scenario.expect_fragment(&format!("bytes 0-{}/{SIZE}", expected * KIB - 1));
            how(&mut scenario);
            scenario.retry();
            scenario.exchange("Ping", answers::ok());
        }
        // Fixed sizes are the caller's will.
        let mut fixed = Scenario::created(SIZE, Config::builder().fragment_size(256 * KIB));
        fixed.expect_fragment(&format!("bytes 0-{}/{SIZE}", 256 * KIB - 1));
        how(&mut fixed);
        fixed.retry();
        fixed.exchange("Ping", answers::ok());
        fixed.expect_fragment(&format!("bytes 0-{}/{SIZE}", 256 * KIB - 1));
    }
}

#[test]
fn a_413_bounds_adaptive_fragments_for_good() {
    let mut scenario = Scenario::created(SIZE, Config::builder().fragments(FragmentSize::ADAPTIVE));
    let mut largest = 0;
    for _ in 0..60 {
        let Payload::Range(range) = scenario.expect("Fragment").body().clone() else { panic!("no bytes") };
        let length = range.end - range.start;
        scenario.now += Duration::from_millis(1);
        if length > 1024 * KIB {
            scenario.answer(answers::page(413));
        } else {
            scenario.answer(answers::received(range.end));
            largest = length;
        }
    }
    assert!(largest > 512 * KIB && largest <= 1024 * KIB, "{largest}");
}

#[test]
fn what_was_sent_and_what_was_acknowledged_are_told_apart() {
    let mut scenario = Scenario::created(300, scenario::config());
    scenario.acknowledge();
    scenario.expect("Fragment");
    let id = scenario.id();
    assert_eq!((scenario.upload.sent(), scenario.upload.acknowledged()), (100, 100));
    scenario.upload.handle_sent_part(scenario.now, id, 40);
    assert_eq!((scenario.upload.sent(), scenario.upload.acknowledged()), (140, 100));
    scenario.upload.handle_sent(scenario.now, id);
    assert_eq!((scenario.upload.sent(), scenario.upload.acknowledged()), (200, 100));
    scenario.answer(answers::received(200));
    assert_eq!((scenario.upload.sent(), scenario.upload.acknowledged()), (200, 200));
}
