//! Walks uploads along their transition table until every pair of it was driven.

#[path = "common/upload.rs"]
mod upload;

use std::collections::{BTreeSet, VecDeque};

use bits_proto::client::transitions::{
    After, IMPOSSIBLE, Place, Setting, Sight, Stimulus, TRANSITIONS, Transition,
};
use upload::*;

type Row = Transition<Place, Stimulus, Setting, &'static [Sight]>;

/// Settings of which exactly one holds at a time.
const CHOICES: [&[Setting]; 4] = [
    &[Setting::Resend, Setting::Restart],
    &[Setting::ReplyIgnored, Setting::ReplyOptional, Setting::ReplyRequired],
    &[Setting::Session, Setting::NoSession],
    &[Setting::Staying, Setting::ForCancel, Setting::ForChange],
];

fn is_impossible(place: Place, stimulus: Stimulus) -> bool {
    IMPOSSIBLE.iter().any(|(from, on, _)| from.contains(place) && on.contains(stimulus))
}

fn rows(place: Place, stimulus: Stimulus, settings: &[Setting]) -> Vec<&'static Row> {
    TRANSITIONS
        .iter()
        .filter(|row| row.from.contains(place) && row.on.contains(stimulus))
        .filter(|row| row.setting.is_none_or(|setting| settings.contains(&setting)))
        .collect()
}

#[track_caller]
fn row(place: Place, stimulus: Stimulus, settings: &[Setting]) -> &'static Row {
    let rows = rows(place, stimulus, settings);
    let [row] = rows[..] else { panic!("{place:?}, {stimulus:?} under {settings:?}: {rows:#?}") };
    row
}

fn pairs() -> impl Iterator<Item = (Place, Stimulus)> {
    Place::ALL.iter().flat_map(|&place| Stimulus::ALL.iter().map(move |&stimulus| (place, stimulus)))
}

/// Whether a place and the reasons to give a session up go together.
fn agrees(place: Place, settings: &[Setting]) -> bool {
    use Place::{Leaving, LeavingClose, LeavingCloseAgain, LeavingCreate};
    let leaving = [Leaving, LeavingCreate, LeavingClose, LeavingCloseAgain].contains(&place);
    !(leaving && settings.contains(&Setting::Staying))
}

#[test]
fn every_pair_is_in_the_table_exactly_once() {
    let combinations = CHOICES.iter().fold(vec![Vec::new()], |settings: Vec<Vec<Setting>>, choice| {
        let extended = settings.iter().flat_map(|settings| {
            choice.iter().map(|&setting| settings.iter().copied().chain([setting]).collect())
        });
        extended.collect()
    });
    for settings in combinations {
        for (place, stimulus) in pairs().filter(|&(place, _)| agrees(place, &settings)) {
            let rows = rows(place, stimulus, &settings);
            let expected = if is_impossible(place, stimulus) { 0..=1 } else { 1..=1 };
            assert!(expected.contains(&rows.len()), "{place:?}, {stimulus:?} under {settings:?}: {rows:#?}");
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
fn every_place_is_either_under_way_or_resting_or_over() {
    for place in Place::ALL {
        let groups = [Place::UNDER_WAY, Place::RESTING, Place::OVER];
        assert_eq!(groups.iter().filter(|group| group.contains(place)).count(), 1, "{place:?}");
    }
}

#[test]
fn an_upload_does_what_the_table_says_of_every_pair() {
    let (mut driven, mut rows) = (BTreeSet::new(), BTreeSet::new());
    // Reached by giving up alone, after which no path goes on here: `client_hosts.rs` drives it.
    driven.insert(format!("{:?}, {:?}", Place::Failed, Stimulus::HostFallbackTimer));
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

/// Goes from the first packet along every stimulus, until there is nothing new.
fn walk(setup: Setup, driven: &mut BTreeSet<String>, driven_rows: &mut BTreeSet<usize>) {
    let first = if setup.ping_first { Place::PingingFirst } else { Place::Creating };
    let mut known = Vec::new();
    let mut queue = VecDeque::from([(Vec::new(), Abstract::new(first))]);
    while let Some((path, abstracted)) = queue.pop_front() {
        let scene = Scene::replay(setup, &path);
        let place = (abstracted, scene.circumstances());
        if known.contains(&place) {
            continue;
        }
        known.push(place);
        for &stimulus in Stimulus::ALL {
            let mut scene = Scene::replay(setup, &path);
            let settings = scene.settings(&abstracted);
            let (before, no_news) = (scene.snapshot(), scene.covers_lost_ground());
            let Some(seen) = scene.meet(stimulus, &abstracted) else { continue };
            let pair = format!("{:?}, {stimulus:?}", abstracted.place);
            assert!(!is_impossible(abstracted.place, stimulus), "{pair} is said to be impossible: {path:?}");
            let (after, mut expected) = predict(&setup, &abstracted, stimulus, &settings);
            expected.retain(|&sight| sight != Sight::Progress || !no_news);
            assert_eq!(seen, expected, "{pair} under {setup:?}: {path:?}");
            driven.insert(pair.clone());
            let row = row(abstracted.place, stimulus, &settings);
            driven_rows.extend(TRANSITIONS.iter().position(|known| std::ptr::eq(known, row)));
            if after == abstracted && scene.snapshot() == before {
                continue;
            }
            let path: Vec<_> = path.iter().copied().chain([stimulus]).collect();
            assert_eq!(recognise(setup, &path), after.place, "{pair} under {setup:?}: {path:?}");
            // What has given up is resumed elsewhere: where it would wait again, it would give up again.
            if stimulus != Stimulus::GiveUpTimer {
                queue.push_back((path, after));
            }
        }
    }
}

/// What the table says: where the upload stands afterwards, and what is seen.
fn predict(
    setup: &Setup,
    from: &Abstract,
    stimulus: Stimulus,
    settings: &[Setting],
) -> (Abstract, Vec<Sight>) {
    let row = row(from.place, stimulus, settings);
    match (row.after, row.reaction) {
        (After::Same, seen) => (from.met(stimulus), seen.to_vec()),
        (After::Before, seen) => (from.going_on(), seen.to_vec()),
        (After::At(place), seen) => (from.moved(place, stimulus, setup), seen.to_vec()),
        (After::Due, [Sight::Rest]) => {
            let (next, mut seen) = predict(setup, &from.going_on(), stimulus, settings);
            let wants_reply = seen == [Sight::Progress, Sight::Failed];
            let rests =
                Place::OVER.contains(&next.place) || [Place::Failed, Place::Withdrawn].contains(&next.place);
            if rests && !wants_reply {
                return (next, seen);
            }
            let instead = |sight: &Sight| {
                let more = [Sight::Waiting, Sight::CredentialsWanted, Sight::ReplyReady, Sight::Failed];
                matches!(sight, Sight::Send(_)) || more.contains(sight)
            };
            seen.retain(|sight| !instead(sight));
            seen.push(Sight::Suspended);
            (next.moved(Place::Suspended, Stimulus::SuspendGracefully, setup), seen)
        }
        (After::Due, [Sight::Due]) if from.place == Place::Suspending => {
            predict(setup, &from.going_on(), stimulus, settings)
        }
        (After::Due, [Sight::Due]) => {
            let Some(due) = from.due else { panic!("{stimulus:?}: nothing is due at {from:?}") };
            (from.moved(due, stimulus, setup), vec![sight_of(due)])
        }
        other => panic!("what is {other:?}?"),
    }
}
