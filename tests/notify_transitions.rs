//! Walks notifications along their transition table until every pair and every row of it was driven.

mod notify_common;
#[path = "notify_common/walk.rs"]
mod walk;

use std::collections::{BTreeSet, VecDeque};

use bits_proto::notify::transitions::{
    After, IMPOSSIBLE, Place, Setting, Sight, Stimulus, TRANSITIONS, Transition,
};
use walk::*;

type Row = Transition<Place, Stimulus, Setting, &'static [Sight]>;

fn is_impossible(place: Place, stimulus: Stimulus) -> bool {
    IMPOSSIBLE.iter().any(|(from, on, _)| from.contains(place) && on.contains(stimulus))
}

fn rows(place: Place, stimulus: Stimulus, settings: [Setting; 2]) -> Vec<&'static Row> {
    TRANSITIONS
        .iter()
        .filter(|row| row.from.contains(place) && row.on.contains(stimulus))
        .filter(|row| row.setting.is_none_or(|setting| settings.contains(&setting)))
        .collect()
}

fn pairs() -> impl Iterator<Item = (Place, Stimulus)> {
    Place::ALL.iter().flat_map(|&place| Stimulus::ALL.iter().map(move |&stimulus| (place, stimulus)))
}

/// Whether a notification under these settings ever comes to the place.
fn agrees(place: Place, [conformance, replies]: [Setting; 2]) -> bool {
    if Place::LOOKING.contains(&place) || Place::LOOKING_ALONE.contains(&place) {
        return replies == Setting::ByReference;
    }
    let no_body = [(Setting::Strict, Setting::ByReference)].contains(&(conformance, replies));
    !Place::RECEIVING.contains(&place) || !(replies == Setting::NoPlace || no_body)
}

#[test]
fn every_pair_is_in_the_table_exactly_once() {
    for conformance in [Setting::Interop, Setting::Strict] {
        for replies in [Setting::NoPlace, Setting::ByReference, Setting::ByValue, Setting::Expecting] {
            let settings = [conformance, replies];
            for (place, stimulus) in pairs().filter(|&(place, _)| agrees(place, settings)) {
                let rows = rows(place, stimulus, settings);
                let expected = if is_impossible(place, stimulus) { 0..=1 } else { 1..=1 };
                assert!(
                    expected.contains(&rows.len()),
                    "{place:?}, {stimulus:?} under {settings:?}: {rows:#?}"
                );
            }
        }
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
fn every_place_is_in_one_group() {
    for place in Place::ALL {
        let groups =
            [Place::EXCHANGING, Place::LOOKING, Place::LOOKING_ALONE, Place::RECEIVING, &[Place::Done]];
        assert_eq!(groups.iter().filter(|group| group.contains(place)).count(), 1, "{place:?}");
    }
}

#[test]
fn a_notification_does_what_the_table_says_of_every_pair() {
    let (mut driven, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for setup in Setup::all() {
        walk(setup, &mut driven, &mut rows);
    }
    for (number, row) in TRANSITIONS.iter().enumerate() {
        assert!(rows.contains(&number), "never driven: {row:#?}");
    }
    let possible = pairs().filter(|&(place, stimulus)| !is_impossible(place, stimulus));
    let missing: Vec<_> = possible
        .map(|(place, stimulus)| format!("{place:?}, {stimulus:?}"))
        .filter(|pair| !driven.contains(pair))
        .collect();
    assert!(missing.is_empty(), "never driven: {missing:#?}");
}

/// Goes from the request along every stimulus, until there is nothing new.
fn walk(setup: Setup, driven: &mut BTreeSet<String>, driven_rows: &mut BTreeSet<usize>) {
    let mut known = Vec::new();
    let mut queue = VecDeque::from([(Vec::new(), Place::New)]);
    while let Some((path, place)) = queue.pop_front() {
        let circumstances = (place, Scene::replay(setup, &path).circumstances());
        if known.contains(&circumstances) {
            continue;
        }
        known.push(circumstances);
        for &stimulus in Stimulus::ALL {
            for way in 0.. {
                let mut scene = Scene::replay(setup, &path);
                let before = scene.whole();
                let Some(seen) = scene.meet(stimulus, way) else { break };
                let pair = format!("{place:?}, {stimulus:?}");
                let context = format!("{pair}, way {way} under {setup:?}: {path:?}");
                assert!(!is_impossible(place, stimulus), "said to be impossible: {context}");
                let [row] = rows(place, stimulus, setup.settings())[..] else {
                    panic!("no one row: {context}")
                };
                let expected: Vec<_> =
                    row.reaction.iter().map(|&sight| scene.step(sight, stimulus, way)).collect();
                assert_eq!(seen, expected, "{context}");
                if row.after == After::Same && scene.whole().1 == before.1 {
                    assert_eq!(scene.whole(), before, "{context}");
                }
                let after = match row.after {
                    After::Same => place,
                    After::At(place) => place,
                    other => panic!("what is {other:?}? {context}"),
                };
                assert_visible(&scene, after, &context);
                driven.insert(pair);
                driven_rows.extend(TRANSITIONS.iter().position(|known| std::ptr::eq(known, row)));
                if way == 0 {
                    queue.push_back((path.iter().copied().chain([(stimulus, after)]).collect(), after));
                }
            }
        }
    }
}

#[track_caller]
fn assert_visible(scene: &Scene, place: Place, context: &str) {
    let (state, timers) = visible(place);
    assert_eq!(scene.notification.state(), state, "{context}");
    match scene.notification.next_timer() {
        Some((_, timer)) => assert!(timers.contains(&timer), "{timer:?} runs: {context}"),
        None => assert!(timers.is_empty(), "no timer runs: {context}"),
    }
}
