//! Uploads over lines and through proxies that are simulated in virtual time: the default sizes of Fragments must arrive.

use std::time::{Duration, Instant};

use bits_proto::client::{
    Config, ConfigBuilder, Entity, FragmentSize, Output, State, TransportError, Upload,
};
use bits_proto::packet::{PacketType, Payload};
use http::Response;
use testing::client::answers;
use testing::client::scenario::now;

const MEGABYTE: u64 = 1_000_000;

/// A line, and what stands at its other end. The server keeps nothing of a fragment that broke.
#[derive(Clone, Copy)]
struct World {
    bytes_a_second: u64,
    round_trip: Duration,
    /// After so many bytes the connection is cut.
    cut_after: u64,
    /// A larger body is answered 502 by a gateway.
    largest_body: u64,
    /// How much of a fragment the server takes at most.
    taken: u64,
}

const PLAIN: World = World {
    bytes_a_second: 10_000_000,
    round_trip: Duration::from_millis(20),
    cut_after: u64::MAX,
    largest_body: u64::MAX,
    taken: u64::MAX,
};

struct Outcome {
    state: State,
    took: Duration,
    requests: u32,
}

/// One upload from its beginning to one of its ends.
fn run(world: World, size: u64, config: ConfigBuilder) -> Outcome {
    let begin = now();
    let mut clock = begin;
    let entity = Entity::new(size).unwrap();
    let mut upload =
        Upload::new(clock, "http://origin/a".parse().unwrap(), entity, config.build().unwrap()).unwrap();
    let (mut stored, mut on_connection, mut requests) = (0, 0, 0);
    for _ in 0..1_000_000 {
        while let Some(output) = upload.poll_output() {
            let Output::Transmit(transmit) = output else { continue };
            requests += 1;
            let State::Exchanging(packet) = upload.state() else { panic!("{upload:?}") };
            let range = match transmit.request.body() {
                Payload::Range(range) => range.clone(),
                Payload::Empty => 0..0,
            };
            let (bytes, cut) = (range.end - range.start, world.cut_after - on_connection);
            let gone = bytes.min(cut);
            let sending = Duration::from_secs_f64(gone as f64 / world.bytes_a_second as f64);
            // The upload may lose its patience meanwhile.
            if !patient(&mut upload, &mut clock, sending) {
                on_connection = 0;
                break;
            }
            if bytes > cut {
                on_connection = 0;
                upload.handle_transport_error(clock, transmit.id, TransportError::Interrupted);
                break;
            }
            on_connection += bytes;
            upload.handle_sent(clock, transmit.id);
            clock += world.round_trip;
            let answer = match packet {
                PacketType::CreateSession => {
                    stored = 0;
                    answers::created()
                }
                PacketType::Fragment if bytes > world.largest_body => answers::page(502),
                PacketType::Fragment => {
                    assert_eq!(range.start, stored, "in order");
                    stored = range.end.min(range.start.saturating_add(world.taken));
                    answers::received(stored)
                }
                _ => Response::builder().header("BITS-Packet-Type", "Ack").body(()).unwrap(),
            };
            upload.handle_response(clock, transmit.id, &answer);
        }
        let state = upload.state();
        if state.is_ended() || state == State::Failed {
            assert!(state != State::Completed || stored == size);
            return Outcome { state, took: clock - begin, requests };
        }
        if !matches!(state, State::Exchanging(_)) {
            clock = clock.max(upload.poll_timeout().unwrap());
            upload.handle_timeout(clock);
        }
    }
    panic!("it never ends");
}

/// Time passes while bytes go out; whether the exchange is still wanted then.
fn patient(upload: &mut Upload, clock: &mut Instant, time: Duration) -> bool {
    let done = *clock + time;
    match upload.poll_timeout().filter(|at| *at <= done) {
        Some(at) => {
            *clock = at;
            upload.handle_timeout(at);
            false
        }
        None => {
            *clock = done;
            true
        }
    }
}

#[test]
fn three_megabytes_arrive_at_60_kbit_a_second() {
    let world = World { bytes_a_second: 7_500, ..PLAIN };
    let outcome = run(world, 3 * MEGABYTE, Config::builder());
    assert_eq!(outcome.state, State::Completed);
    // The line alone takes 400 seconds.
    assert!(outcome.took < Duration::from_secs(600), "{:?}", outcome.took);
    // A fixed size that takes longer than a request may is halved as well (Q35).
    let fixed = Config::builder().fragment_size(1024 * 1024);
    assert_eq!(run(world, 3 * MEGABYTE, fixed).state, State::Completed);
}

#[test]
fn three_megabytes_arrive_over_a_line_that_is_cut_after_every_200_000_bytes() {
    for bytes_a_second in [7_500, 100_000, 10_000_000] {
        let world = World { bytes_a_second, cut_after: 200_000, ..PLAIN };
        let outcome = run(world, 3 * MEGABYTE, Config::builder());
        assert_eq!(outcome.state, State::Completed, "{bytes_a_second}");
        assert!(outcome.took < Duration::from_secs(3600), "{:?}", outcome.took);
    }
}

#[test]
fn three_megabytes_arrive_through_a_gateway_that_answers_502_above_100_000_bytes() {
    for largest_body in [100_000, 64_000, 5_120] {
        let world = World { largest_body, ..PLAIN };
        let outcome = run(world, 3 * MEGABYTE, Config::builder());
        assert_eq!(outcome.state, State::Completed, "{largest_body}");
        assert!(outcome.took < Duration::from_secs(2 * 3600), "{:?}", outcome.took);
    }
}

#[test]
fn a_server_that_takes_one_byte_at_a_time_is_given_up_within_bounds() {
    for size in [20_000, 10 * MEGABYTE] {
        let outcome = run(World { taken: 1, ..PLAIN }, size, Config::builder());
        assert_eq!(outcome.state, State::Failed);
        assert!(outcome.requests < 1_100, "{}", outcome.requests);
    }
}

#[test]
fn on_a_fast_line_the_default_is_as_fast_as_the_best_fixed_size() {
    let world = World { bytes_a_second: 100 * MEGABYTE, ..PLAIN };
    let size = 2000 * MEGABYTE;
    let best = [256, 1024, 4 * 1024, 13 * 1024]
        .map(|kib| run(world, size, Config::builder().fragment_size(kib * 1024)).took)
        .into_iter()
        .min()
        .unwrap();
    let default = run(world, size, Config::builder()).took;
    assert!(default.as_secs_f64() < 1.02 * best.as_secs_f64(), "{default:?} and {best:?}");
    assert_eq!(Config::default(), Config::builder().fragments(FragmentSize::ADAPTIVE).build().unwrap());
}
