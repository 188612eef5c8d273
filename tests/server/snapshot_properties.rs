//! Snapshots that were tampered with: none makes anything panic, and whatever is restored from one is a session like any
//! other, now and in everything that it does from then on.
#![cfg(feature = "serde")]

use std::time::Duration;

use bits_proto::server::{Directory, Held, Keep, Output, Refusal, Report, Session, Snapshot, State};
use proptest::prelude::*;
use serde_json::Value;
use testing::server::alone::*;
use testing::server::serve::*;
use testing::stored::through_storage;
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
    Saved,
    Forgotten,
    Unreadable,
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
        3 => Just(Told::Saved),
        1 => Just(Told::Forgotten),
        1 => Just(Told::Unreadable),
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
        Told::Unreadable => Some(with(fragment(&id, 0..5, 100), "Content-Range", "bytes 0-4")),
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
        Told::Saved => Report::Saved,
        Told::Forgotten => Report::Forgotten,
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

/// Every way to keep sessions.
const KEEPS: [Keep; 4] = [Keep::Nothing, Keep::Rows, Keep::Records, Keep::RecordsWithoutOffset];

fn directory(keep: Keep, notify: bool) -> Directory {
    let directory = if notify { notifying() } else { plain() };
    directory.to_builder().keep(keep).build().unwrap()
}

/// Tells both the same, one of them stored and restored before it. Neither can tell which of them it is.
#[track_caller]
fn tell_twins(one: &mut Alone, twin: &mut Alone, told: Told) {
    let stored = through_storage(&twin.snapshot());
    twin.session = Session::restore(twin.now, stored, Duration::ZERO).expect("a session's own snapshot");
    let (said, repeated) = (tell(one, told), tell(twin, told));
    assert_eq!(said, repeated, "{told:?}");
    assert_eq!(one.session, twin.session, "{told:?}");
}

#[test]
fn a_twin_that_is_stored_before_it_is_told_anything_behaves_as_its_brother_in_every_state() {
    let fragments = [(0, 50), (50, 100), (0, 100), (30, 80), (90, 95)];
    let rest = [
        Told::Empty,
        Told::Close,
        Told::Cancel,
        Told::Unreadable,
        Told::Poll,
        Told::Opened,
        Told::Stored(0),
        Told::Stored(10),
        Told::Stored(u64::MAX),
        Told::Taken(true),
        Told::Taken(false),
        Told::Published,
        Told::Discarded,
        Told::Saved,
        Told::Forgotten,
        Told::Missing,
        Told::DiskFull(7),
        Told::Abandoned,
        Told::Evict,
        Told::Expire,
        Told::Recover(Held::Nothing, 9),
        Told::Recover(Held::Bytes(100), 9),
    ];
    let everything: Vec<Told> =
        fragments.map(|(first, end)| Told::Fragment(first, end)).into_iter().chain(rest).collect();
    for (_, alone) in everywhere() {
        for keep in KEEPS {
            for &first in &everything {
                let mut one = alone.clone();
                one.directory = one.directory.to_builder().keep(keep).build().unwrap();
                let mut twin = one.clone();
                tell_twins(&mut one, &mut twin, first);
                for second in [Told::Saved, Told::Close, Told::Poll] {
                    tell_twins(&mut one, &mut twin, second);
                }
            }
        }
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
    fn a_twin_that_is_stored_before_everything_it_is_told_behaves_as_its_brother(
        notify in any::<bool>(),
        keep in prop::sample::select(KEEPS.to_vec()),
        story in proptest::collection::vec(told(), 0..40),
    ) {
        let mut one = Alone::opening(directory(keep, notify)).0;
        let mut twin = one.clone();
        for told in story {
            tell_twins(&mut one, &mut twin, told);
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
