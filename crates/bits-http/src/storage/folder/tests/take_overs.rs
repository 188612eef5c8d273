//! A folder that servers share: who takes over, and who slept.

use std::fs;

use bits_proto::server::Refusal;
use bytes::Bytes;

use super::super::Folder;
use super::super::fail_point::reached;
use super::crashes::at_every_step;
use super::{Place, id, names, run, store, stored, to};
use crate::storage::{Held, Span, Storage, Writer};

/// Two servers on one folder.
fn two(place: &Place) -> [Folder; 2] {
    [(); 2].map(|()| place.builder().shared().open().unwrap())
}

const fn with(fence: u64, start: u64) -> Span {
    Span { start, end: 6, total: 6, fence }
}

#[test]
fn who_slept_writes_into_nothing_that_was_taken_over_or_published() {
    for is_published in [false, true] {
        let place = Place::new();
        let [asleep, next] = two(&place);
        run(async {
            asleep.open(id(1), &to("/a", false)).await.unwrap();
            assert_eq!(store(&asleep, id(1), 0, b"old", 6).await, Ok(3));
            let mut late = asleep.writer(id(1), with(1, 3)).await.unwrap();
            assert_eq!(next.held(id(1), &[], 2).await, Ok(Held::Bytes(3)));
            let mut writer = next.writer(id(1), with(2, 3)).await.unwrap();
            writer.write(Bytes::from_static(b"new")).await.unwrap();
            assert_eq!(writer.finish().await, (3, Ok(())));
            if is_published {
                next.publish(id(1), &to("/a", false), 6, 2).await.unwrap();
            }
            // It wakes up with the file still open.
            late.write(Bytes::from_static(b"ugh")).await.unwrap();
            let _into_nothing = late.finish().await;
            let expected = if is_published { Refusal::EntityMissing } else { Refusal::Busy };
            for refused in [
                asleep.writer(id(1), with(1, 3)).await.map(drop),
                asleep.publish(id(1), &to("/a", false), 6, 1).await,
            ] {
                assert_eq!(refused.unwrap_err().refusal(), expected);
            }
            match is_published {
                true => asleep.discard(id(1), 1).await.unwrap(),
                false => {
                    assert_eq!(asleep.discard(id(1), 1).await.unwrap_err().refusal(), Refusal::Busy);
                    assert_eq!(next.held(id(1), &[], 2).await, Ok(Held::Bytes(6)));
                    next.publish(id(1), &to("/a", false), 6, 2).await.unwrap();
                }
            }
        });
        assert_eq!(fs::read(place.root().join("a")).unwrap(), b"oldnew", "published: {is_published}");
        assert_eq!(names(&place.root()), ["a"]);
    }
}

#[test]
fn who_takes_over_too_late_finds_nothing_and_an_older_claim_takes_nothing_over() {
    let place = Place::new();
    let [one, two] = two(&place);
    stored(&one, id(1), "/a", false, b"abc");
    run(async {
        assert_eq!(two.held(id(1), &[], 7).await, Ok(Held::Bytes(3)));
        assert_eq!(one.held(id(1), &[], 3).await.unwrap_err().refusal(), Refusal::Busy);
        assert_eq!(one.held(id(1), &[], 9).await, Ok(Held::Bytes(3)));
        one.publish(id(1), &to("/a", false), 3, 9).await.unwrap();
        assert_eq!(two.held(id(1), &[], 11).await, Ok(Held::Nothing));
    });
    assert_eq!(names(&place.root()), ["a"]);
}

#[test]
fn a_take_over_that_dies_is_taken_over() {
    let steps = at_every_step(|steps| {
        let place = Place::new();
        let [one, two] = two(&place);
        stored(&one, id(1), "/a", false, b"abc");
        let died = reached(steps, || two.0.held(id(1), 2)).map(|held| assert_eq!(held, Ok(Held::Bytes(3))));
        run(async {
            assert_eq!(one.held(id(1), &[], 3).await, Ok(Held::Bytes(3)));
            one.publish(id(1), &to("/a", false), 3, 3).await.unwrap();
        });
        assert_eq!(fs::read(place.root().join("a")).unwrap(), b"abc", "{died:?}");
        assert_eq!(names(&place.root()), ["a"], "{died:?}");
        died
    });
    assert_eq!(steps.len(), 2, "{steps:?}");
}

#[test]
fn what_was_taken_over_is_deleted_with_what_is_left_of_a_copy() {
    at_every_step(|steps| {
        let place = Place::new();
        let [one, two] = two(&place);
        stored(&one, id(1), "/a", false, b"abc");
        let died = reached(steps, || two.0.held(id(1), 2)).map(drop);
        run(one.discard(id(1), 3)).unwrap();
        assert_eq!(names(&place.root()), [""; 0], "{died:?}");
        died
    });
}

#[test]
fn a_server_that_shares_a_folder_and_one_that_does_not_keep_one_another_out() {
    let place = Place::new();
    let alone = place.open();
    assert!(place.builder().shared().open().is_err());
    drop(alone);
    let _shared = two(&place);
    assert!(place.builder().open().is_err());
}
