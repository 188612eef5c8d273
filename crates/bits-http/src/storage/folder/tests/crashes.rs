//! The server dies at every step. Another one goes on.

use std::fs;

use bits_proto::server::Refusal;

use super::super::fail_point::reached;
use super::{Place, id, names, run, stored, to};
use crate::storage::{Held, Record, Records, Storage};

/// Dies at the first step, then at the second, and so on, until the work comes to its end. Returns the steps.
pub(super) fn at_every_step(mut work: impl FnMut(usize) -> Result<(), &'static str>) -> Vec<&'static str> {
    let steps: Vec<_> = (0..100).map_while(|steps| work(steps).err()).collect();
    assert!(steps.len() < 100);
    steps
}

/// Nothing is left of any upload.
#[track_caller]
pub(super) fn assert_clean(place: &Place, published: &[&str]) {
    let folder = place.open();
    assert_eq!(run(folder.sweep(&[])), Ok(Vec::new()));
    assert_eq!(names(&place.root()), published);
    assert_eq!(names(&place.root().join(".bits")), [".bits-state"]);
}

#[test]
fn an_upload_that_never_opened_is_swept_away() {
    let steps = at_every_step(|steps| {
        let place = Place::new();
        let folder = place.open();
        let died = reached(steps, || folder.0.open(id(1), "/a", false)).map(|done| done.unwrap());
        drop(folder);
        assert_clean(&place, &[]);
        died
    });
    assert_eq!(steps.len(), 3, "{steps:?}");
}

#[test]
fn an_upload_that_is_opened_again_is_new() {
    at_every_step(|steps| {
        let place = Place::new();
        let folder = place.open();
        let died = reached(steps, || folder.0.open(id(1), "/a", false)).map(|done| done.unwrap());
        drop(folder);
        let folder = place.open();
        stored(&folder, id(1), "/a", false, b"new");
        run(folder.publish(id(1), &to("/a", false), 3, 1)).unwrap();
        drop(folder);
        assert_clean(&place, &["a"]);
        died
    });
}

#[test]
fn an_upload_is_published_once_whatever_a_consumer_does_meanwhile() {
    for overwrites in [false, true] {
        let steps = at_every_step(|steps| {
            let place = Place::new();
            let folder = place.open();
            stored(&folder, id(1), "/a", overwrites, b"old");
            let died =
                reached(steps, || folder.0.publish(id(1), "/a", overwrites, 3, 0)).map(|done| done.unwrap());
            drop(folder);
            // A consumer takes the file away, and somebody puts a newer one there.
            let taken = fs::rename(place.root().join("a"), place.folder.path().join("taken")).is_ok();
            if overwrites {
                fs::write(place.root().join("a"), "newer").unwrap();
            }
            let folder = place.open();
            let held = run(folder.held(id(1), &[], 1)).unwrap();
            let again = run(folder.publish(id(1), &to("/a", overwrites), 3, 1));
            match taken {
                true => {
                    assert_eq!(held, Held::Nothing, "{died:?}");
                    assert_eq!(again.unwrap_err().refusal(), Refusal::EntityMissing, "{died:?}");
                    let there = fs::read(place.root().join("a")).ok();
                    assert_eq!(there, overwrites.then(|| b"newer".to_vec()), "{died:?}");
                }
                false => {
                    assert_eq!(held, Held::Bytes(3), "{died:?}");
                    again.unwrap();
                    assert_eq!(fs::read(place.root().join("a")).unwrap(), b"old");
                    fs::rename(place.root().join("a"), place.folder.path().join("taken")).unwrap();
                }
            }
            assert_eq!(fs::read(place.folder.path().join("taken")).unwrap(), b"old", "{died:?}");
            drop(folder);
            let _newer = fs::remove_file(place.root().join("a"));
            assert_clean(&place, &[]);
            died
        });
        assert_eq!(steps.len(), 5, "{steps:?}");
    }
}

#[test]
fn an_upload_that_is_half_deleted_is_deleted() {
    let steps = at_every_step(|steps| {
        let place = Place::new();
        let folder = place.open();
        stored(&folder, id(1), "/a", false, b"old");
        let died = reached(steps, || folder.0.discard(id(1), 0)).map(|done| done.unwrap());
        drop(folder);
        let folder = place.open();
        run(folder.discard(id(1), 1)).unwrap();
        assert_eq!(run(folder.held(id(1), &[], 1)), Ok(Held::Nothing));
        drop(folder);
        assert_clean(&place, &[]);
        died
    });
    assert_eq!(steps.len(), 3, "{steps:?}");
}

/// Dies while a record is saved in place of another. Returns the steps, and what was found after each, and at the end.
fn saved_over(old: &str, new: &str) -> (Vec<&'static str>, Vec<String>) {
    let record = |text: &str| Record { session: text.into(), place: Vec::new() };
    let mut seen = Vec::new();
    let steps = at_every_step(|steps| {
        let place = Place::new();
        let folder = place.open();
        run(folder.save(id(1), record(old))).unwrap();
        let died = reached(steps, || folder.0.save(id(1), new.as_bytes())).map(|done| done.unwrap());
        drop(folder);
        let folder = place.open();
        run(folder.sweep(&[id(1)])).unwrap();
        let listed = run(folder.list()).unwrap();
        assert!(listed.unreadable.is_empty() && listed.kept.len() == 1, "{listed:?}");
        seen.push(String::from_utf8(listed.kept[0].record.session.clone()).unwrap());
        died
    });
    (steps, seen)
}

#[test]
fn a_record_is_the_old_one_or_the_new_one() {
    let appended = ["the record is appended", "the record lasts"];
    assert_eq!(
        saved_over("old", "new"),
        (appended.to_vec(), ["new", "new", "new"].map(str::to_owned).to_vec())
    );
    // A file that has grown long is replaced.
    let old = "old".repeat(30_000);
    let replaced = ["the new record is written", "the record is replaced"];
    assert_eq!(saved_over(&old, "new"), (replaced.to_vec(), vec![old, "new".to_owned(), "new".to_owned()]));
}

#[test]
fn a_record_that_is_cut_short_leaves_the_one_before() {
    let place = Place::new();
    let folder = place.open();
    let record = |text: &str| Record { session: text.into(), place: Vec::new() };
    let file = place.root().join(format!(".bits/{}.json", id(1)));
    run(folder.save(id(1), record("old"))).unwrap();
    let old = fs::metadata(&file).unwrap().len();
    run(folder.save(id(1), record("new"))).unwrap();
    let new = fs::metadata(&file).unwrap().len();
    let found = |length: u64| {
        fs::File::options().write(true).open(&file).unwrap().set_len(length).unwrap();
        let listed = run(folder.list()).unwrap();
        assert!(listed.unreadable.is_empty(), "{listed:?}");
        listed.kept.first().map(|kept| String::from_utf8(kept.record.session.clone()).unwrap())
    };
    for length in (old..new).rev() {
        assert_eq!(found(length).as_deref(), Some("old"), "{length}");
    }
    // What follows the rest of an entry is read, too.
    assert_eq!(found(old + 5).as_deref(), Some("old"));
    run(folder.save(id(1), record("newer"))).unwrap();
    assert_eq!(found(fs::metadata(&file).unwrap().len()).as_deref(), Some("newer"));
    // Of a session whose first record is not whole nobody was told anything that must last.
    assert_eq!(found(old - 1), None);
    stored(&folder, id(1), "/a", false, b"abc");
    drop(folder);
    assert_clean(&place, &[]);
}
