//! Walks uploads along their transition table until every pair of it was driven.

use std::collections::VecDeque;

use bits_proto::client::transitions::{After, IMPOSSIBLE, Place, Setting, Sight, Stimulus, TRANSITIONS};
use testing::client::upload::*;
use testing::table::{Driven, Table};

const TABLE: Table<Place, Stimulus, Setting, &[Sight]> =
    Table { places: Place::ALL, stimuli: Stimulus::ALL, rows: TRANSITIONS, impossible: IMPOSSIBLE };

/// Settings of which exactly one holds at a time.
const CHOICES: [&[Setting]; 4] = [
    &[Setting::Resend, Setting::Restart],
    &[Setting::ReplyIgnored, Setting::ReplyOptional, Setting::ReplyRequired],
    &[Setting::Session, Setting::NoSession],
    &[Setting::Staying, Setting::ForCancel, Setting::ForChange],
];

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
        let agrees = |place| agrees(place, &settings);
        TABLE.assert_unambiguous(&settings, agrees, |setting| settings.contains(&setting));
    }
}

/// A table that changed is written anew into `src/client/transitions.md`, by hand or from what this test prints.
#[test]
fn the_table_of_the_documentation_is_the_table() {
    let source = include_str!("../../src/client/transitions/table.rs");
    let shown = include_str!("../../src/client/transitions.md");
    let table = testing::table::rendered(source, true);
    assert_eq!(table, shown, "{table}");
    assert_eq!(table.lines().count(), TRANSITIONS.len() + 2);
}

#[test]
fn no_row_and_no_impossible_pair_is_idle_talk() {
    TABLE.assert_no_idle_talk();
}

#[test]
fn every_place_is_either_under_way_or_resting_or_over() {
    TABLE.assert_grouped(&[Place::UNDER_WAY, Place::RESTING, Place::OVER]);
}

#[test]
fn an_upload_does_what_the_table_says_of_every_pair() {
    let mut driven = Driven::default();
    // Reached by giving up alone, after which no path goes on here: `client_hosts.rs` drives it.
    driven.pair(Place::Failed, Stimulus::HostFallbackTimer);
    for setup in Setup::all() {
        walk(setup, &mut driven);
    }
    driven.assert_complete(&TABLE);
    driven.assert_drawn(include_str!("../../src/client/states.txt"));
}

/// The name of a place in the drawing.
fn drawn(place: Place) -> &'static str {
    match place {
        Place::PingingFirst | Place::Pinging | Place::PingingInDoubt => "Ping",
        Place::Creating => "Create-Session",
        Place::Sending | Place::SendingLast => "Fragment",
        Place::Closing | Place::ClosingAgain => "Close-Session",
        Place::StartingOver => "Starting over",
        Place::Leaving | Place::LeavingCreate | Place::LeavingClose | Place::LeavingCloseAgain => "Leaving",
        Place::Waiting | Place::WaitingToPing | Place::WaitingInDoubt => "WaitingToRetry",
        Place::Pacing => "Pacing",
        Place::NeedsCredentials => "WaitingForCredentials",
        Place::NeedsReply => "WaitingForReply",
        Place::Suspended => "Suspended",
        Place::Failed | Place::Withdrawn => "Failed",
        Place::Completed => "Completed",
        Place::Cancelled => "Cancelled",
        other => panic!("{other:?} is drawn as the place before it"),
    }
}

/// Where an upload stands, but for whether it is to be suspended.
fn going_on(at: &Abstract) -> Place {
    if at.place == Place::Suspending { at.going_on().place } else { at.place }
}

/// Goes from the first packet along every stimulus, until there is nothing new.
fn walk(setup: Setup, driven: &mut Driven) {
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
            assert!(
                !TABLE.is_impossible(abstracted.place, stimulus),
                "{pair} is said to be impossible: {path:?}"
            );
            let (after, mut expected) = predict(&setup, &abstracted, stimulus, &settings);
            expected.retain(|&sight| sight != Sight::Progress || !no_news);
            assert_eq!(seen, expected, "{pair} under {setup:?}: {path:?}");
            driven.pair(abstracted.place, stimulus);
            driven.step(drawn(going_on(&abstracted)), drawn(going_on(&after)));
            driven.row(TABLE.row(abstracted.place, stimulus, |setting| settings.contains(&setting)));
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
    let row = &TRANSITIONS[TABLE.row(from.place, stimulus, |setting| settings.contains(&setting))];
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
