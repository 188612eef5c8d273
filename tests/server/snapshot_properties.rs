//! Snapshots that were tampered with: none makes anything panic, and whatever is restored from one is a session like any
//! other, now and in everything that it does from then on.
#![cfg(feature = "serde")]

use bits_proto::server::{Ending, Output, Refusal, Report, Session, Snapshot, State, Store};
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
    Recover(Option<u64>),
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
        1 => proptest::option::of(0u64..101).prop_map(Told::Recover),
    ]
}

/// What holds of every session, and of what it asks for.
#[track_caller]
fn assert_sound(alone: &Alone, output: &Output) {
    let session = &alone.session;
    let (received, total) = (session.received(), session.total());
    assert!(received <= total.unwrap_or(0), "{session:?}");
    assert!(total.is_none_or(|total| total < 1 << 63), "{session:?}");
    let complete = total == Some(received);
    match session.state() {
        State::Notifying | State::WaitingForClose | State::Ended(Ending::Closed) => assert!(complete),
        State::Receiving => assert!(!complete, "nothing would ever complete it"),
        _ => {}
    }
    match output {
        Output::Store(Store { range, total: size, .. }) => {
            assert_eq!(range.start, received, "the bytes leave a hole, or overwrite others");
            assert!(range.start < range.end && range.end <= *size && Some(*size) == total, "{output:?}");
        }
        Output::Publish => {
            assert!(complete && session.state() == State::WaitingForClose, "half a file is published");
        }
        Output::Notify => assert!(complete && session.state() == State::Notifying),
        _ => {}
    }
    let again = Session::restore(alone.now, alone.snapshot());
    assert_eq!(again.as_ref(), Ok(session), "a session's own snapshot is refused");
}

/// Tells the session something, of the exchange at work where it is a report.
fn tell(alone: &mut Alone, told: Told) -> Output {
    let id = alone.id();
    let failed = |stored, refusal| Report::Failed { stored, refusal };
    let report = match told {
        Told::Fragment(first, end) => return alone.handle(fragment(&id, first..end, 100)).output,
        Told::Empty => return alone.handle(empty_fragment(&id)).output,
        Told::Close => return alone.handle(close(&id)).output,
        Told::Cancel => return alone.handle(cancel(&id)).output,
        Told::Recover(stored) => {
            alone.session.recover(stored);
            return Output::Wait;
        }
        Told::Poll => Report::Abandoned,
        Told::Opened => Report::Opened,
        Told::Stored(bytes) => Report::Stored(bytes),
        Told::Taken(copy) => taken(copy),
        Told::Published => Report::Published,
        Told::Discarded => Report::Discarded,
        Told::Missing => missing(),
        Told::DiskFull(stored) => failed(stored, Refusal::DiskFull),
        Told::Abandoned => Report::Abandoned,
    };
    let Some(exchange) = alone.session.at_work() else { return Output::Wait };
    match told {
        Told::Poll => alone.session.poll(alone.now, exchange, &alone.directory),
        _ => alone.report(&Step { exchange, output: Output::Wait }, report).output,
    }
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
        let Ok(session) = Session::restore(alone.now, snapshot) else { return Ok(()) };
        alone.session = session;
        assert_sound(&alone, &Output::Wait);
        for told in story {
            let output = tell(&mut alone, told);
            assert_sound(&alone, &output);
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
            assert_sound(&alone, &output);
        }
    }

    #[test]
    fn bytes_that_are_no_snapshot_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(snapshot) = postcard::from_bytes::<Snapshot<User>>(&bytes) {
            let _sound_or_refused = Session::restore(any_instant(), snapshot);
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
        if let Ok(session) = Session::restore(alone.now, snapshot) {
            alone.session = session;
            assert_sound(&alone, &Output::Wait);
        }
    }
}
