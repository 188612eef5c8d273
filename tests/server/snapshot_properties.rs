//! Snapshots that were tampered with: none makes anything panic, and whatever is restored from one is a session like any
//! other, now and in everything that it does from then on.
#![cfg(feature = "serde")]

use std::time::Duration;

use bits_proto::server::{Held, Output, Refusal, Report, Session, Snapshot, State};
use proptest::prelude::*;
use serde_json::Value;
use testing::server::alone::*;
use testing::server::serve::*;
use testing::tampered;

/// What a session is told, in an order that no sane program has.
#[derive(Clone, Copy, Debug)]
enum Told {
    Fragment(u64, u64),
    Empty,
    Close,
    Cancel,
    Poll,
    Opened,
    Stored(u64),
    Taken(bool),
    Published,
    Discarded,
    Missing,
    DiskFull(u64),
    Abandoned,
    Evict,
    Expire,
    Recover(Held, u64),
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        4 => (0u64..100, 1u64..101).prop_map(|(first, length)| Told::Fragment(first, (first + length).min(100))),
        1 => Just(Told::Empty),
        3 => Just(Told::Close),
        1 => Just(Told::Cancel),
        2 => Just(Told::Poll),
        1 => Just(Told::Opened),
        4 => prop_oneof![0u64..100, Just(u64::MAX)].prop_map(Told::Stored),
        2 => any::<bool>().prop_map(Told::Taken),
        2 => Just(Told::Published),
        2 => Just(Told::Discarded),
        1 => Just(Told::Missing),
        1 => (0u64..100).prop_map(Told::DiskFull),
        1 => Just(Told::Abandoned),
        1 => Just(Told::Evict),
        1 => Just(Told::Expire),
        1 => (held(), 0u64..100_000).prop_map(|(held, age)| Told::Recover(held, age)),
    ]
}

fn held() -> impl Strategy<Value = Held> {
    prop_oneof![Just(Held::Nothing), Just(Held::Published), (0u64..101).prop_map(Held::Bytes)]
}

/// What holds of every session, and of what it asks for.
#[track_caller]
fn assert_sound(alone: &Alone, output: Option<&Output<User>>) {
    let session = &alone.session;
    let (received, total) = (session.received(), session.total());
    assert!(received <= total.unwrap_or(0), "{session:?}");
    assert!(total.is_none_or(|total| total < 1 << 63), "{session:?}");
    let complete = total == Some(received);
    match session.state() {
        State::Notifying | State::WaitingForClose => assert!(complete),
        State::Receiving => assert!(!complete, "nothing would ever complete it"),
        _ => {}
    }
    match output {
        Some(Output::Store(store)) => {
            let (range, size) = (store.range(), store.total());
            assert_eq!(range.start, received, "the bytes leave a hole, or overwrite others");
            assert!(range.start < range.end && range.end <= size && Some(size) == total, "{output:?}");
        }
        Some(Output::Publish { size }) => {
            assert!(complete && session.state() == State::WaitingForClose, "half a file is published");
            assert_eq!(Some(*size), total);
        }
        Some(Output::Notify { .. }) => assert!(complete && session.state() == State::Notifying),
        _ => {}
    }
    let again = Session::restore(alone.now, alone.snapshot(), Duration::ZERO);
    assert_eq!(again.as_ref(), Ok(session), "a session's own snapshot is refused");
}

/// Tells the session something, of the exchange at work where it is a report.
fn tell(alone: &mut Alone, told: Told) -> Option<Output<User>> {
    let id = alone.id();
    let heads = match told {
        Told::Fragment(first, end) => Some(fragment(&id, first..end, 100)),
        Told::Empty => Some(empty_fragment(&id)),
        Told::Close => Some(close(&id)),
        Told::Cancel => Some(cancel(&id)),
        _ => None,
    };
    if let Some(head) = heads {
        let owner = ALICE.to_owned();
        let arrival = alone.directory.read(&head, &owner).unwrap();
        return match alone.session.handle_request(alone.now, &arrival, &alone.directory) {
            Ok(exchange) => alone.poll(exchange).output,
            Err(ack) => Some(Output::Respond(*ack)),
        };
    }
    let report = match told {
        Told::Evict => {
            let exchange = alone.session.evict();
            return alone.poll(exchange).output;
        }
        Told::Expire => {
            let exchange = alone.session.expire(&alone.directory)?;
            return alone.poll(exchange).output;
        }
        Told::Recover(held, age) => {
            let (record, age) = (alone.session.record(alone.now), Duration::from_secs(age));
            let recovered = Session::recover(alone.now, record, age, held, &alone.directory);
            alone.session = recovered.expect("a session's own record is refused");
            return None;
        }
        Told::Poll | Told::Abandoned => Report::Opened,
        Told::Opened => Report::Opened,
        Told::Stored(bytes) => Report::Stored(bytes),
        Told::Taken(copy) => taken(copy),
        Told::Published => Report::Published,
        Told::Discarded => Report::Discarded,
        Told::Missing => missing(),
        Told::DiskFull(stored) => Report::StoredPart(stored, Refusal::DiskFull),
        _ => return None,
    };
    let exchange = alone.session.at_work()?;
    match told {
        Told::Poll => {}
        Told::Abandoned => alone.session.handle_abandoned(alone.now, exchange),
        _ => alone.session.handle_report(alone.now, exchange, report, &alone.directory),
    }
    alone.poll(exchange).output
}

fn snapshots() -> Vec<Value> {
    everywhere().iter().map(|(_, alone)| serde_json::to_value(alone.snapshot()).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_tampered_snapshot_is_refused_or_makes_a_sound_session(
        notify in any::<bool>(),
        tampered in tampered::tampered(snapshots()),
        story in proptest::collection::vec(told(), 0..12),
    ) {
        let Ok(snapshot) = serde_json::from_value::<Snapshot<User>>(tampered) else { return Ok(()) };
        let mut alone = Alone::open(if notify { notifying() } else { plain() });
        let Ok(session) = Session::restore(alone.now, snapshot, Duration::ZERO) else { return Ok(()) };
        alone.session = session;
        assert_sound(&alone, None);
        for told in story {
            let output = tell(&mut alone, told);
            assert_sound(&alone, output.as_ref());
        }
    }

    #[test]
    fn a_session_comes_back_after_any_story(
        notify in any::<bool>(),
        story in proptest::collection::vec(told(), 0..40),
    ) {
        let mut alone = Alone::opening(if notify { notifying() } else { plain() }).0;
        for told in story {
            let output = tell(&mut alone, told);
            assert_sound(&alone, output.as_ref());
        }
    }

    #[test]
    fn bytes_that_are_no_snapshot_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(snapshot) = postcard::from_bytes::<Snapshot<User>>(&bytes) {
            let _sound_or_refused = Session::restore(any_instant(), snapshot, Duration::ZERO);
        }
    }

    #[test]
    fn a_compact_snapshot_with_a_changed_byte_is_refused_or_makes_a_sound_session(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let everywhere = everywhere();
        let mut alone = which.get(&everywhere).1.clone();
        let mut bytes = postcard::to_allocvec(&alone.snapshot()).unwrap();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let Ok(snapshot) = postcard::from_bytes::<Snapshot<User>>(&bytes) else { return Ok(()) };
        if let Ok(session) = Session::restore(alone.now, snapshot, Duration::ZERO) {
            alone.session = session;
            assert_sound(&alone, None);
        }
    }
}
