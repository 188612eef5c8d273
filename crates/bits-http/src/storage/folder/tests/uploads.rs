//! Uploads from their beginning to their end, and what watchers see of them.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Barrier;

use bits_proto::server::Refusal;
use bytes::Bytes;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use super::{Place, id, names, run, span, store, stored, to};
use crate::storage::{Contents, Held, Reader, Storage, Writer};

#[test]
fn an_upload_is_published_whole_and_leaves_nothing() {
    let place = Place::new();
    let folder = place.open();
    fs::create_dir(place.root().join("a")).unwrap();
    let bytes: Vec<u8> = (0..700_000_u32).map(|at| (at % 251) as u8).collect();
    run(async {
        folder.open(id(1), &to("/a/b.bin", false)).await.unwrap();
        assert_eq!(store(&folder, id(1), 0, &bytes[..300_000], bytes.len()).await, Ok(300_000));
        assert_eq!(store(&folder, id(1), 300_000, &bytes[300_000..], bytes.len()).await, Ok(400_000));
        assert!(!place.root().join("a/b.bin").exists());
        assert_eq!(folder.entity(id(1)).await.unwrap().read(5..9).await.unwrap(), &bytes[5..9]);
        folder.publish(id(1), &to("/a/b.bin", false), 700_000, 1).await.unwrap();
        assert_eq!(folder.held(id(1), &[], 1).await, Ok(Held::Nothing));
    });
    assert_eq!(fs::read(place.root().join("a/b.bin")).unwrap(), bytes);
    assert_eq!(names(&place.root().join("a")), ["b.bin"]);
    assert_eq!(names(&place.root().join(".bits")), [".bits-state"]);
}

#[test]
fn bytes_that_nobody_counted_are_cut_off_by_the_next_writer() {
    let place = Place::new();
    let folder = place.open();
    stored(&folder, id(1), "/a", false, &[1; 10]);
    run(async {
        assert_eq!(store(&folder, id(1), 4, &[2; 3], 7).await, Ok(3));
        assert_eq!(folder.held(id(1), &[], 1).await, Ok(Held::Bytes(7)));
        folder.cut(id(1), 6).await.unwrap();
        assert_eq!(folder.held(id(1), &[], 1).await, Ok(Held::Bytes(6)));
        let refused = folder.writer(id(1), span(7, 9, 9)).await.unwrap_err();
        assert_eq!(refused.refusal(), Refusal::EntityMissing, "there must be no hole");
    });
}

#[test]
fn a_discarded_upload_leaves_nothing_and_can_be_discarded_again() {
    let place = Place::new();
    let folder = place.open();
    stored(&folder, id(1), "/a", false, b"abc");
    run(async {
        folder.discard(id(1), 1).await.unwrap();
        folder.discard(id(1), 1).await.unwrap();
        let refused = folder.publish(id(1), &to("/a", false), 3, 1).await.unwrap_err();
        assert_eq!(refused.refusal(), Refusal::EntityMissing);
    });
    assert_eq!(names(&place.root()), [""; 0]);
    assert_eq!(names(&place.root().join(".bits")), [".bits-state"]);
}

#[test]
fn missing_bytes_are_told_before_anything_of_the_destination() {
    let place = Place::new();
    let folder = place.open();
    stored(&folder, id(1), "/a", false, b"abc");
    run(async {
        folder.publish(id(1), &to("/a", false), 3, 1).await.unwrap();
        // The destination exists now: but it is this upload's own.
        let refused = folder.publish(id(1), &to("/a", false), 3, 1).await.unwrap_err();
        assert_eq!(refused.refusal(), Refusal::EntityMissing);
    });
}

#[test]
fn destinations_are_refused_when_the_upload_begins() {
    let place = Place::new();
    let folder = place.open();
    fs::create_dir(place.root().join("folder")).unwrap();
    fs::write(place.root().join("file"), "x").unwrap();
    std::os::unix::fs::symlink("/etc", place.root().join("link")).unwrap();
    for (path, overwrites, refusal) in [
        ("/folder", true, Refusal::IsDirectory),
        ("/file", false, Refusal::DestinationExists),
        ("/link", false, Refusal::DestinationExists),
        ("/none/x", true, Refusal::NoSuchFolder),
        ("/link/x", true, Refusal::AccessDenied),
        ("/file/x", true, Refusal::AccessDenied),
        ("/.bits/x", true, Refusal::AccessDenied),
        ("/../x", true, Refusal::AccessDenied),
    ] {
        let refused = run(folder.open(id(1), &to(path, overwrites))).unwrap_err();
        assert_eq!(refused.refusal(), refusal, "{path}: {refused}");
    }
    assert_eq!(names(&place.root()), ["file", "folder", "link"]);
    assert_eq!(names(&place.root().join(".bits")), [".bits-state"]);
}

#[test]
fn a_link_in_the_place_of_the_file_is_replaced_and_not_followed() {
    let place = Place::new();
    let (folder, target) = (place.open(), place.folder.path().join("target"));
    fs::write(&target, "untouched").unwrap();
    std::os::unix::fs::symlink(&target, place.root().join("a")).unwrap();
    stored(&folder, id(1), "/a", true, b"new");
    run(folder.publish(id(1), &to("/a", true), 3, 1)).unwrap();
    assert_eq!(fs::read(place.root().join("a")).unwrap(), b"new");
    assert_eq!(fs::read(target).unwrap(), b"untouched");
}

#[test]
fn a_path_that_is_too_long_is_told_at_once() {
    let place = Place::new();
    let folder = place.builder().create_dirs(true).open().unwrap();
    let path = format!("{}/x", format!("/{}", "d".repeat(250)).repeat(17));
    let refused = run(folder.open(id(1), &to(&path, false))).unwrap_err();
    assert_eq!(refused.refusal(), Refusal::AccessDenied, "{refused}");
    // Less is fine, and the folders are made when there is something to publish.
    let path = format!("{}/x", format!("/{}", "d".repeat(250)).repeat(3));
    stored(&folder, id(2), &path, false, b"x");
    assert_eq!(names(&place.root()).len(), 1, "the hidden folder alone");
    run(folder.publish(id(2), &to(&path, false), 1, 1)).unwrap();
    assert!(place.root().join(&path[1..]).exists());
    assert_eq!(names(&place.root()).len(), 1, "the hidden folder is gone");
}

#[test]
fn two_uploads_whose_ids_begin_alike_are_kept_apart() {
    let place = Place::new();
    let folder = place.open();
    let ids = [[1; 16], [[1_u8; 8], [2; 8]].concat().try_into().unwrap()].map(bits_proto::Guid::from_random);
    for (number, id) in ids.into_iter().enumerate() {
        stored(&folder, id, "/a", true, &[number as u8; 5]);
    }
    for (number, id) in ids.into_iter().enumerate() {
        run(folder.publish(id, &to("/a", true), 5, 1)).unwrap();
        assert_eq!(fs::read(place.root().join("a")).unwrap(), [number as u8; 5]);
    }
    assert_eq!(names(&place.root()), ["a"]);
}

#[test]
fn of_two_who_may_not_overwrite_one_publishes_and_of_two_who_may_both() {
    let place = Place::new();
    let folder = place.open();
    for round in 0..100 {
        let (path, overwrites) = (format!("/{round}"), round % 2 == 0);
        for number in [1, 2] {
            stored(&folder, id(number), &path, overwrites, b"");
        }
        let together = Barrier::new(2);
        let published = std::thread::scope(|scope| {
            let publish = |number| {
                together.wait();
                folder.0.publish(id(number), &path, overwrites, 0, 0).map_err(|failure| failure.refusal())
            };
            [1, 2].map(|number| scope.spawn(move || publish(number))).map(|thread| thread.join().unwrap())
        });
        run(async {
            folder.discard(id(1), 1).await.unwrap();
            folder.discard(id(2), 1).await.unwrap();
        });
        let refused = published.iter().filter(|done| **done == Err(Refusal::DestinationExists)).count();
        assert!(refused == usize::from(!overwrites) && published.contains(&Ok(())), "{published:?}");
    }
}

/// What a watcher of a folder is told of one name while something is done.
pub(super) fn watched(folder: &Path, name: &str, work: impl FnOnce()) -> Vec<ReadFlags> {
    let watcher: OwnedFd = inotify::init(CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&watcher, folder, WatchFlags::ALL_EVENTS).unwrap();
    work();
    let mut buffer = [MaybeUninit::uninit(); 65536];
    let mut reader = inotify::Reader::new(watcher, &mut buffer);
    let mut seen = Vec::new();
    while let Ok(event) = reader.next() {
        if event.file_name().is_some_and(|found| found.to_bytes() == name.as_bytes()) {
            seen.push(event.events());
        }
    }
    seen
}

#[test]
fn watchers_see_a_file_move_in_and_nothing_else_of_it() {
    let place = Place::new();
    let folder = place.open();
    for overwrites in [false, true, true] {
        let seen = watched(&place.root(), "a.bin", || {
            stored(&folder, id(1), "/a.bin", overwrites, &[7; 300_000]);
            run(folder.publish(id(1), &to("/a.bin", overwrites), 300_000, 1)).unwrap();
        });
        assert_eq!(seen, [ReadFlags::MOVED_TO], "overwriting: {overwrites}");
    }
}

/// Nobody would find them after a power cut.
#[test]
fn bytes_of_an_upload_whose_names_cannot_be_made_to_last_do_not_count() {
    let place = Place::new();
    let (folder, state) = (place.open(), place.root().join(".bits"));
    run(async {
        folder.open(id(1), &to("/a", false)).await.unwrap();
        let writer = folder.0.writer(id(1), span(0, 3, 3)).unwrap();
        fs::rename(&state, place.folder.path().join("away")).unwrap();
        let mut writer = writer.settle();
        writer.write(Bytes::from_static(b"abc")).await.unwrap();
        let (counted, done) = writer.finish().await;
        assert_eq!((counted, done.unwrap_err().refusal()), (0, Refusal::Internal));
        fs::rename(place.folder.path().join("away"), &state).unwrap();
        assert_eq!(folder.held(id(1), &[], 1).await, Ok(Held::Bytes(0)));
        assert_eq!(store(&folder, id(1), 0, b"abc", 3).await, Ok(3));
    });
}
