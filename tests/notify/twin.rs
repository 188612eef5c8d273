//! A twin that is stored and restored before every input behaves as its brother does, but for time.

use std::collections::BTreeSet;

use bits_proto::RestoreError;
use bits_proto::notify::transitions::{Place, Stimulus};
use bits_proto::notify::{Config, Notification, Output, Snapshot, State};
use proptest::prelude::*;
use serde_json::json;
use testing::notify::walk::{Scene, Setup};
use testing::notify::*;
use testing::stored::{forged, through_storage};

/// The scene of a path whose notification was stored and restored, and then went through the same with the application as the
/// old process did.
fn restored(setup: Setup, path: &[(Stimulus, Place)], place: Place) -> Scene {
    let mut scene = Scene::replay(setup, path);
    let snapshot = scene.notification.snapshot();
    let mut notification = Notification::restore(start(), snapshot.clone(), setup.config()).unwrap();
    assert_eq!(notification.snapshot(), snapshot, "what was restored is stored as it was");
    assert_eq!(snapshot.state(), notification.state());
    if place == Place::Done {
        assert_eq!(steps(&mut notification), [], "the session was told");
        scene.notification = notification;
        return scene;
    }
    let mut again = Scene::new(setup);
    again.notification = notification;
    for (stimulus, place) in path {
        again.meet(*stimulus, 0).expect("it was met before");
        again.stands(*place);
    }
    again
}

#[test]
fn a_twin_that_is_stored_before_every_input_behaves_as_its_brother_in_every_place() {
    let mut reached = BTreeSet::new();
    // Every third: every setting is among them, beside every other.
    for setup in Setup::all().step_by(3) {
        let mut known = Vec::new();
        let mut queue = vec![(Vec::new(), Place::New)];
        while let Some((path, place)) = queue.pop() {
            let circumstances = (place, Scene::replay(setup, &path).circumstances());
            if known.contains(&circumstances) {
                continue;
            }
            known.push(circumstances);
            reached.insert(format!("{place:?}"));
            for &stimulus in Stimulus::ALL {
                let mut brother = Scene::replay(setup, &path);
                let mut twin = restored(setup, &path, place);
                let (told, twins) = (brother.meet(stimulus, 0), twin.meet(stimulus, 0));
                assert_eq!(twins, told, "{stimulus:?} after {path:?} under {setup:?}");
                assert_eq!(twin.notification.state(), brother.notification.state());
                assert_eq!(twin.notification.snapshot(), brother.notification.snapshot());
                if let (Some(_), Some(after)) = (told, setup.after(place, stimulus)) {
                    through_storage(&twin.notification.snapshot());
                    queue.push((path.iter().copied().chain([(stimulus, after)]).collect(), after));
                }
            }
        }
    }
    for place in Place::ALL {
        assert!(reached.contains(&format!("{place:?}")), "{place:?} was never stored");
    }
}

#[test]
fn an_outcome_that_nobody_took_is_asked_for_again() {
    let mut notification = sent(start(), by_value(10), Config::default());
    notification.handle_response(start(), &answer(503, &[]));
    assert_eq!(notification.state(), State::Done);
    let mut restored = Notification::restore(start(), notification.snapshot(), Config::default()).unwrap();
    assert_eq!(steps(&mut restored), [Step::Transmit], "the session was not told");
    assert_eq!(steps(&mut notification).len(), 2);
    let mut restored = Notification::restore(start(), notification.snapshot(), Config::default()).unwrap();
    assert_eq!((restored.state(), steps(&mut restored)), (State::Done, vec![]), "the session was told");
}

#[test]
fn a_restored_notification_is_the_same_request_with_the_same_place_for_a_reply() {
    for delivery in [by_reference(), by_value(10)] {
        let mut notification = notification(start(), delivery, Config::default());
        let snapshot = through_storage(&notification.snapshot());
        assert_eq!(snapshot.url(), notification.url().to_string());
        assert_eq!(snapshot.request(), notification.request());
        let mut restored = Notification::restore(start(), snapshot, Config::default()).unwrap();
        assert_eq!(restored.stored_reply(), Some(&reply_url(REPLY_URL)));
        let transmit = |notification: &mut Notification| match notification.poll_output() {
            Some(Output::Transmit(transmit)) => format!("{transmit:?}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(transmit(&mut restored), transmit(&mut notification));
    }
}

#[test]
fn a_snapshot_that_no_notification_can_have_made_is_refused() {
    let snapshot = notification(start(), by_value(10), Config::default()).snapshot();
    for (place, value, error) in [
        ("/version", json!(0), RestoreError::Version(0)),
        ("/version", json!(2), RestoreError::Version(2)),
        ("/url", json!("/relative"), RestoreError::Inconsistent("the URL of the application")),
        ("/url", json!("no URL"), RestoreError::Inconsistent("the URL of the application")),
        ("/request/destination", json!("/a.bin"), RestoreError::Inconsistent("the destination")),
    ] {
        let forged: Snapshot = forged(&snapshot, place, value);
        assert_eq!(Notification::restore(start(), forged, Config::default()).err(), Some(error), "{place}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twins_come_to_the_same_end_whatever_they_meet(
        setup in prop::sample::select(Setup::all().collect::<Vec<_>>()),
        story in prop::collection::vec(prop::sample::select(Stimulus::ALL), 0..20),
    ) {
        let mut path = Vec::new();
        let mut place = Place::New;
        for stimulus in story {
            let mut brother = Scene::replay(setup, &path);
            let mut twin = restored(setup, &path, place);
            let (told, twins) = (brother.meet(stimulus, 0), twin.meet(stimulus, 0));
            prop_assert_eq!(&twins, &told, "{:?} after {:?} under {:?}", stimulus, path, setup);
            if let (Some(_), Some(after)) = (told, setup.after(place, stimulus)) {
                path.push((stimulus, after));
                place = after;
            }
        }
    }
}
