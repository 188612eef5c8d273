//! Walks downloads along their transition table until every pair of it was driven.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;

use bits_proto::download::transitions::{After, IMPOSSIBLE, Place, Sight, Stimulus, TRANSITIONS};
use testing::clock::start;
use testing::download::{Scene, Seen, Setup};
use testing::table::{Driven, Table};

const TABLE: Table<Place, Stimulus, Infallible, &[Sight]> =
    Table { places: Place::ALL, stimuli: Stimulus::ALL, rows: TRANSITIONS, impossible: IMPOSSIBLE };

/// How many steps the walks at a pace go: one byte at a time leads to every offset, and there to nothing new.
const LONGEST_AT_A_PACE: usize = 5;

#[test]
fn every_pair_is_in_the_table_exactly_once() {
    TABLE.assert_unambiguous(&"any setting", |_| true, |none| match none {});
}

/// A table that changed is written anew into `src/download/transitions.md`, by hand or from what this test prints.
#[test]
fn the_table_of_the_documentation_is_the_table() {
    let source = include_str!("../../src/download/transitions/table.rs");
    let shown = include_str!("../../src/download/transitions.md");
    let table = testing::table::rendered(source, false);
    assert_eq!(table, shown, "{table}");
    assert_eq!(table.lines().count(), TRANSITIONS.len() + 2);
}

#[test]
fn no_row_and_no_impossible_pair_is_idle_talk() {
    TABLE.assert_no_idle_talk();
}

#[test]
fn every_place_is_either_under_way_or_suspending_or_resting_or_over() {
    TABLE.assert_grouped(&[Place::UNDER_WAY, Place::SUSPENDING, Place::RESTING, Place::OVER]);
    for place in Place::ALL {
        let is_exchange = Place::UNANSWERED.contains(place) != Place::ANSWERED.contains(place);
        let is_at_work = Place::UNDER_WAY.contains(place) || Place::SUSPENDING.contains(place);
        assert_eq!(is_exchange, is_at_work, "{place:?}");
    }
}

#[test]
fn a_download_does_what_the_table_says_of_every_pair() {
    let mut driven = Driven::default();
    for setup in Setup::all() {
        walk(setup, &mut driven);
    }
    driven.assert_complete(&TABLE);
    driven.assert_drawn(include_str!("../../src/download/states.txt"));
}

/// The name of a place in the drawing.
fn drawn(place: Place) -> &'static str {
    match place {
        Place::Measuring | Place::SuspendingMeasuring => "Measuring",
        Place::Waiting => "WaitingToRetry",
        Place::Pacing => "Pacing",
        Place::NeedsCredentials => "WaitingForCredentials",
        Place::Suspended => "Suspended",
        Place::Failed => "Failed",
        Place::Completed => "Completed",
        Place::Cancelled => "Cancelled",
        _ => "Downloading",
    }
}

/// Goes from the first request along every stimulus, until there is nothing new.
fn walk(setup: Setup, driven: &mut Driven) {
    let first = Scene::replay(setup, start(), &[]);
    let mut known = BTreeSet::new();
    let mut queue = VecDeque::from([(Vec::new(), first.place())]);
    // A walk without a pace meets one, but does not go on at it: the others do.
    let ends = |path: &[Stimulus], stimulus| match setup.is_paced() {
        true => path.len() >= LONGEST_AT_A_PACE,
        false => stimulus == Stimulus::SlowDown,
    };
    while let Some((path, place)) = queue.pop_front() {
        for &stimulus in Stimulus::ALL {
            let mut scene = Scene::replay(setup, start(), &path);
            let Some(seen) = scene.meet(stimulus) else { continue };
            let pair = format!("{place:?}, {stimulus:?}");
            assert!(!TABLE.is_impossible(place, stimulus), "{pair} is said to be impossible: {path:?}");
            let row = TABLE.row(place, stimulus, |none| match none {});
            let (after, expected) = predict(row, place, &seen);
            assert_eq!(seen.sights, expected, "{pair} under {setup:?}: {path:?}");
            let circumstances = scene.circumstances();
            assert_eq!(scene.place(), after, "{pair} under {setup:?}: {path:?}");
            driven.pair(place, stimulus);
            driven.step(drawn(place), drawn(after));
            driven.row(row);
            if !ends(&path, stimulus) && known.insert(format!("{after:?} {circumstances}")) {
                queue.push_back((path.iter().copied().chain([stimulus]).collect(), after));
            }
        }
    }
}

/// What the table says: where the download stands afterwards, and what is seen.
fn predict(row: usize, from: Place, seen: &Seen) -> (Place, Vec<Sight>) {
    let row = &TRANSITIONS[row];
    let after = match row.after {
        After::Same => from,
        After::Due => seen.due,
        After::At(place) => place,
        other => panic!("{row:?}: {other:?}"),
    };
    let sights = row.reaction.iter().filter(|&&sight| sight != Sight::SizeKnown || !seen.length_known);
    let sights = sights.flat_map(|&sight| if sight == Sight::Due { sight_of(after) } else { Some(sight) });
    (after, sights.collect())
}

/// What belongs to what is due.
fn sight_of(due: Place) -> Option<Sight> {
    match due {
        Place::Measuring => Some(Sight::SendHead),
        Place::Asking | Place::AskingSeveral => Some(Sight::SendGet),
        Place::Pacing => None,
        Place::Completed => Some(Sight::Completed),
        Place::Failed => Some(Sight::Failed),
        other => panic!("{other:?} is never due"),
    }
}
