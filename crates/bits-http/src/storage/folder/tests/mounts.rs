//! Other file systems below the root, full ones, and ones that are not there.

use std::fs;

use bits_proto::server::Refusal;
use rustix::fs::inotify::ReadFlags;

use super::uploads::watched;
use super::{Mount, Place, id, names, run, store, stored, to};
use crate::storage::{Held, Storage};

#[test]
fn a_file_system_below_the_root_is_published_to_like_any_other() {
    let place = Place::new();
    let at = place.root().join("disk");
    fs::create_dir(&at).unwrap();
    let Some(_mount) = Mount::tmpfs(&at, "size=8m") else { return };
    fs::create_dir(at.join("deep")).unwrap();
    let folder = place.open();
    for overwrites in [false, true] {
        let seen = watched(&at.join("deep"), "a.bin", || {
            stored(&folder, id(1), "/disk/deep/a.bin", overwrites, &[7; 300_000]);
            run(folder.publish(id(1), &to("/disk/deep/a.bin", overwrites), 300_000, 1)).unwrap();
        });
        assert_eq!(seen, [ReadFlags::MOVED_TO]);
        assert_eq!(fs::read(at.join("deep/a.bin")).unwrap(), [7; 300_000]);
        assert_eq!(names(&at.join("deep")), ["a.bin"]);
    }
}

#[test]
fn a_full_disk_is_told_before_the_bytes_are_sent() {
    let place = Place::new();
    let at = place.root().join("disk");
    fs::create_dir(&at).unwrap();
    let Some(_mount) = Mount::tmpfs(&at, "size=1m") else { return };
    let folder = place.builder().keep_free(256 * 1024).open().unwrap();
    run(async {
        folder.open(id(1), &to("/disk/a", false)).await.unwrap();
        let refused = store(&folder, id(1), 0, b"x", 900_000).await.unwrap_err();
        assert_eq!(refused.refusal(), Refusal::DiskFull, "{refused}");
        assert_eq!(store(&folder, id(1), 0, &[1; 100_000], 500_000).await, Ok(100_000));
        fs::write(at.join("other"), vec![0; 700_000]).unwrap();
        let refused = folder.open(id(2), &to("/disk/b", false)).await.unwrap_err();
        assert_eq!(refused.refusal(), Refusal::DiskFull, "{refused}");
    });
}

#[test]
fn what_a_full_disk_did_not_take_does_not_count() {
    let place = Place::new();
    let at = place.root().join("disk");
    fs::create_dir(&at).unwrap();
    let Some(_mount) = Mount::tmpfs(&at, "size=1m") else { return };
    let folder = place.open();
    run(async {
        folder.open(id(1), &to("/disk/a", false)).await.unwrap();
        let mut writer = folder.writer(id(1), super::span(0, 2_000_000, 900_000)).await.unwrap();
        use crate::storage::Writer;
        let mut failed = false;
        for _ in 0..20 {
            failed |= writer.write(vec![3; 100_000].into()).await.is_err();
        }
        let (stored, done) = writer.finish().await;
        assert_eq!(done.unwrap_err().refusal(), Refusal::DiskFull);
        assert!(failed && stored > 0);
        assert_eq!(folder.held(id(1), &[], 1).await, Ok(Held::Bytes(stored)), "no more than it counted");
    });
}

#[test]
fn a_disk_that_is_read_only_is_told_at_once() {
    let place = Place::new();
    let at = place.root().join("disk");
    fs::create_dir(&at).unwrap();
    let Some(_mount) = Mount::tmpfs(&at, "ro") else { return };
    let folder = place.open();
    let refused = run(folder.open(id(1), &to("/disk/a", false))).unwrap_err();
    assert_eq!(refused.refusal(), Refusal::AccessDenied, "{refused}");
    assert_eq!(names(&place.root().join(".bits")), [".bits-state"]);
}

#[test]
fn a_disk_that_is_not_mounted_does_not_pass_for_a_published_upload() {
    let place = Place::new();
    let at = place.root().join("disk");
    fs::create_dir(&at).unwrap();
    let Some(mount) = Mount::tmpfs(&at, "size=1m") else { return };
    let folder = place.open();
    stored(&folder, id(1), "/disk/a", false, b"abc");
    drop(mount);
    run(async {
        let failure = folder.held(id(1), &[], 1).await.unwrap_err();
        assert!(
            failure.refusal() == Refusal::Internal && failure.reason().contains("not mounted"),
            "{failure}"
        );
        let failure = folder.publish(id(1), &to("/disk/a", false), 3, 1).await.unwrap_err();
        assert_eq!(failure.refusal(), Refusal::Internal, "it comes again");
    });
}

#[test]
fn a_folder_that_was_deleted_takes_its_uploads_with_it() {
    let place = Place::new();
    let folder = place.open();
    fs::create_dir(place.root().join("a")).unwrap();
    stored(&folder, id(1), "/a/x", false, b"abc");
    fs::remove_dir_all(place.root().join("a")).unwrap();
    run(async {
        assert_eq!(folder.held(id(1), &[], 1).await, Ok(Held::Nothing));
        folder.discard(id(1), 1).await.unwrap();
    });
    assert_eq!(names(&place.root().join(".bits")), [".bits-state"]);
}
