//! Walks notifications along their transition table until every pair and every row of it was driven.

use std::collections::VecDeque;

use bits_proto::notify::transitions::{After, IMPOSSIBLE, Place, Setting, Sight, Stimulus, TRANSITIONS};
use testing::notify::walk::*;
use testing::table::{Driven, Table};

const TABLE: Table<Place, Stimulus, Setting, &[Sight]> =
    Table { places: Place::ALL, stimuli: Stimulus::ALL, rows: TRANSITIONS, impossible: IMPOSSIBLE };

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
            let agrees = |place| agrees(place, settings);
            TABLE.assert_unambiguous(&settings, agrees, |setting| settings.contains(&setting));
        }
    }
}

/// A table that changed is written anew into `src/notify/transitions.md`, by hand or from what this test prints.
#[test]
fn the_table_of_the_documentation_is_the_table() {
    let source = include_str!("../../src/notify/transitions/table.rs");
    let shown = include_str!("../../src/notify/transitions.md");
    let table = testing::table::rendered(source, true);
    assert_eq!(table, shown, "{table}");
    assert_eq!(table.lines().count(), TRANSITIONS.len() + 2);
}

#[test]
fn no_row_and_no_impossible_pair_is_idle_talk() {
    TABLE.assert_no_idle_talk();
}

#[test]
fn every_place_is_in_one_group() {
    let (looking, alone) = (Place::LOOKING, Place::LOOKING_ALONE);
    TABLE.assert_grouped(&[Place::EXCHANGING, looking, alone, Place::RECEIVING, &[Place::Done]]);
}

#[test]
fn a_notification_does_what_the_table_says_of_every_pair() {
    let mut driven = Driven::default();
    for setup in Setup::all() {
        walk(setup, &mut driven);
    }
    driven.assert_complete(&TABLE);
    driven.assert_drawn(include_str!("../../src/notify/states.txt"));
}

/// The name of a place in the drawing.
fn drawn(place: Place) -> &'static str {
    match place {
        Place::New => "New",
        Place::Sending => "Sending",
        Place::Awaiting => "Awaiting",
        Place::Receiving | Place::ReceivingSome => "ReceivingReply",
        Place::Done => "Done",
        _ => "LookingForReply",
    }
}

/// Goes from the request along every stimulus, until there is nothing new.
fn walk(setup: Setup, driven: &mut Driven) {
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
                assert!(!TABLE.is_impossible(place, stimulus), "said to be impossible: {context}");
                let number = TABLE.row(place, stimulus, |setting| setup.settings().contains(&setting));
                let row = &TRANSITIONS[number];
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
                driven.pair(place, stimulus);
                driven.step(drawn(place), drawn(after));
                driven.row(number);
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
