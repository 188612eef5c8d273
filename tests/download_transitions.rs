//! Walks downloads along their transition table until every pair of it was driven.

#[path = "common/clock.rs"]
mod clock;
#[path = "common/download.rs"]
mod download;

use std::collections::{BTreeSet, VecDeque};

use bits_proto::download::transitions::{After, IMPOSSIBLE, Place, Sight, Stimulus, TRANSITIONS};
use clock::start;
use download::{Scene, Seen, Setup};

/// How many steps the walks at a pace go: one byte at a time leads to every offset, and there to nothing new.
const LONGEST_AT_A_PACE: usize = 5;

fn is_impossible(place: Place, stimulus: Stimulus) -> bool {
    IMPOSSIBLE.iter().any(|(from, on, _)| from.contains(place) && on.contains(stimulus))
}

/// The numbers of the rows for a pair: one, unless the table is wrong.
fn rows(place: Place, stimulus: Stimulus) -> Vec<usize> {
    let fits = |number: &usize| {
        TRANSITIONS[*number].from.contains(place) && TRANSITIONS[*number].on.contains(stimulus)
    };
    (0..TRANSITIONS.len()).filter(fits).collect()
}

fn pairs() -> impl Iterator<Item = (Place, Stimulus)> {
    Place::ALL.iter().flat_map(|&place| Stimulus::ALL.iter().map(move |&stimulus| (place, stimulus)))
}

#[test]
fn every_pair_is_in_the_table_exactly_once() {
    for (place, stimulus) in pairs() {
        let rows = rows(place, stimulus);
        let expected = if is_impossible(place, stimulus) { 0..=1 } else { 1..=1 };
        assert!(expected.contains(&rows.len()), "{place:?}, {stimulus:?}: rows {rows:?}");
    }
}

#[test]
fn no_row_and_no_impossible_pair_is_idle_talk() {
    for row in TRANSITIONS {
        let speaks = row.from.iter().any(|place| row.on.iter().any(|on| !is_impossible(place, on)));
        assert!(speaks, "{row:?} names impossible pairs alone");
    }
    for (from, on, why) in IMPOSSIBLE {
        assert!(!why.is_empty() && from.iter().next().is_some() && on.iter().next().is_some());
    }
}

#[test]
fn every_place_is_either_under_way_or_suspending_or_resting_or_over() {
    for place in Place::ALL {
        let groups = [Place::UNDER_WAY, Place::SUSPENDING, Place::RESTING, Place::OVER];
        assert_eq!(groups.iter().filter(|group| group.contains(place)).count(), 1, "{place:?}");
        let is_exchange = Place::UNANSWERED.contains(place) != Place::ANSWERED.contains(place);
        let is_at_work = Place::UNDER_WAY.contains(place) || Place::SUSPENDING.contains(place);
        assert_eq!(is_exchange, is_at_work, "{place:?}");
    }
}

#[test]
fn a_download_does_what_the_table_says_of_every_pair() {
    let (mut driven, mut driven_rows) = (BTreeSet::new(), BTreeSet::new());
    for setup in Setup::all() {
        walk(setup, &mut driven, &mut driven_rows);
    }
    for (number, row) in TRANSITIONS.iter().enumerate() {
        assert!(driven_rows.contains(&number), "never driven: {row:#?}");
    }
    let possible = pairs().filter(|&(place, stimulus)| !is_impossible(place, stimulus));
    let missing: Vec<_> = possible
        .map(|(place, stimulus)| format!("{place:?}, {stimulus:?}"))
        .filter(|pair| !driven.contains(pair))
        .collect();
    assert!(missing.is_empty(), "never driven: {missing:#?}");
}

/// Goes from the first request along every stimulus, until there is nothing new.
fn walk(setup: Setup, driven: &mut BTreeSet<String>, driven_rows: &mut BTreeSet<usize>) {
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
            assert!(!is_impossible(place, stimulus), "{pair} is said to be impossible: {path:?}");
            let [row] = rows(place, stimulus)[..] else { panic!("{pair}: no row of its own") };
            let (after, expected) = predict(row, place, &seen);
            assert_eq!(seen.sights, expected, "{pair} under {setup:?}: {path:?}");
            let circumstances = scene.circumstances();
            assert_eq!(scene.place(), after, "{pair} under {setup:?}: {path:?}");
            driven.insert(pair);
            driven_rows.insert(row);
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
    let sights = row.reaction.iter().filter(|&&sight| sight != Sight::LengthKnown || !seen.length_known);
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
