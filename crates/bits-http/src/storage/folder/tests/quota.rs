//! Quotas: what is published and what is promised count, and what is taken away does not.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use bits_proto::server::Refusal;

use super::*;
use crate::storage::Quota;

fn begin(folder: &Folder, number: u8, path: &str, total: usize) -> Result<(), Refusal> {
    let begun = run(async {
        folder.open(id(number), &to(path, false)).await?;
        folder.writer(id(number), span(0, total, total)).await.map(drop)
    });
    begun.map_err(|failure| failure.refusal())
}

fn publish(folder: &Folder, number: u8, path: &str, size: usize) {
    run(async {
        let mut writer = folder.writer(id(number), span(0, size, size)).await.unwrap();
        writer.write(Bytes::from(vec![0; size])).await.unwrap();
        writer.finish().await.1.unwrap();
        folder.publish(id(number), &to(path, false), size as u64, 1).await.unwrap();
    });
}

#[test]
fn what_is_published_by_whomever_and_what_is_promised_count() {
    let place = Place::new();
    fs::create_dir(place.root().join("a")).unwrap();
    fs::write(place.root().join("a/by-hand"), [0; 300]).unwrap();
    let folder = place.builder().quota(Quota::of_all(1000)).open().unwrap();
    assert_eq!(begin(&folder, 1, "/first", 400), Ok(()));
    assert_eq!(begin(&folder, 2, "/second", 301), Err(Refusal::DiskFull));
    run(folder.discard(id(2), 1)).unwrap();
    assert_eq!(begin(&folder, 3, "/third", 300), Ok(()));
    // Nothing is left: the client is told at the beginning.
    let full = run(folder.open(id(4), &to("/fourth", false))).unwrap_err();
    assert_eq!(full.refusal(), Refusal::DiskFull);
    assert!(full.to_string().contains("quota of 1000 bytes"), "{full}");
    // What was promised may be sent.
    publish(&folder, 1, "/first", 400);
    assert_eq!(begin(&folder, 4, "/fourth", 1), Err(Refusal::DiskFull));
    // A consumer takes it away; another upload is given up.
    fs::remove_file(place.root().join("first")).unwrap();
    assert_eq!(begin(&folder, 5, "/fifth", 400), Ok(()));
    run(folder.discard(id(3), 1)).unwrap();
    assert_eq!(begin(&folder, 6, "/sixth", 300), Ok(()));
}

#[test]
fn each_folder_has_its_own() {
    let place = Place::new();
    fs::create_dir(place.root().join("alice")).unwrap();
    let quota = |name: &str| (name != "carol").then_some(if name == "alice" { 100 } else { 50 });
    let folder = place.builder().create_dirs(true).quota(Quota::of_folders(quota)).open().unwrap();
    assert_eq!(begin(&folder, 1, "/alice/a", 100), Ok(()));
    assert_eq!(begin(&folder, 2, "/alice/b/c", 1), Err(Refusal::DiskFull));
    // A folder that is not made yet has a quota, too.
    assert_eq!(begin(&folder, 3, "/bob/a", 51), Err(Refusal::DiskFull));
    run(folder.discard(id(3), 1)).unwrap();
    assert_eq!(begin(&folder, 3, "/bob/a", 30), Ok(()));
    assert_eq!(begin(&folder, 4, "/bob/b", 30), Err(Refusal::DiskFull));
    assert_eq!(begin(&folder, 5, "/carol/a", 10_000), Ok(()));
    assert_eq!(begin(&folder, 6, "/a", 10_000), Ok(()), "the root is no folder of its own");
}

#[test]
fn unfinished_uploads_of_an_earlier_process_count_with_what_they_have() {
    let place = Place::new();
    let open = || place.builder().quota(Quota::of_all(1000)).open().unwrap();
    let folder = open();
    run(async {
        folder.open(id(1), &to("/first", false)).await.unwrap();
        let mut writer = folder.writer(id(1), span(0, 600, 900)).await.unwrap();
        writer.write(Bytes::from(vec![0; 600])).await.unwrap();
        writer.finish().await.1.unwrap();
    });
    drop(folder);
    let folder = open();
    assert_eq!(begin(&folder, 2, "/second", 401), Err(Refusal::DiskFull));
    run(folder.discard(id(2), 1)).unwrap();
    // As soon as it goes on, it counts whole.
    run(folder.writer(id(1), span(600, 900, 900))).unwrap();
    assert_eq!(begin(&folder, 3, "/third", 101), Err(Refusal::DiskFull));
    run(folder.discard(id(3), 1)).unwrap();
    assert_eq!(begin(&folder, 4, "/fourth", 100), Ok(()));
}

#[test]
fn uploads_that_come_and_go_while_files_are_counted_count_once() {
    for _ in 0..40 {
        come_and_go(6);
    }
}

/// Fills a folder to its last byte by uploads of which each is counted while others begin and end.
fn come_and_go(uploads: u8) {
    let place = Place::new();
    for number in 0..100 {
        let folder = place.root().join(format!("d{}", number % 10));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(number.to_string()), b"x").unwrap();
    }
    let quota = 100 + usize::from(uploads) * 10;
    let folder = place.builder().quota(Quota::of_all(quota as u64)).open().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (folder, done) = (&folder, &done);
        scope.spawn(move || {
            // Each refusal comes after a count.
            while !done.load(Ordering::Relaxed) {
                assert_eq!(begin(folder, 200, "/large", quota), Err(Refusal::DiskFull));
                run(folder.discard(id(200), 1)).unwrap();
            }
        });
        let publishers = [0, 1, 2].map(|first| {
            scope.spawn(move || {
                for number in (first..uploads).step_by(3) {
                    let path = format!("/d{number}/upload");
                    assert_eq!(begin(folder, number, &path, 10), Ok(()), "{number}");
                    publish(folder, number, &path, 10);
                }
            })
        });
        let ended = publishers.map(|publisher| publisher.join());
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    assert_eq!(begin(&folder, 201, "/more", 1), Err(Refusal::DiskFull), "nothing is left");
    fs::remove_file(place.root().join("d1/1")).unwrap();
    assert_eq!(begin(&folder, 201, "/more", 1), Ok(()), "what a consumer took is seen at once");
}

#[test]
fn servers_that_share_a_folder_count_what_is_published_and_leave_the_rest_to_their_rows() {
    let place = Place::new();
    fs::create_dir(place.root().join("alice")).unwrap();
    fs::write(place.root().join("alice/by-hand"), [0; 300]).unwrap();
    fs::write(place.root().join("by-hand"), [0; 30]).unwrap();
    let folder = place.builder().shared().open().unwrap();
    stored(&folder, id(1), "/alice/a", false, &[0; 100]);
    let count = |name: &str| run(folder.count(name)).unwrap();
    assert_eq!((count(""), count("alice"), count("bob")), (330, 300, 0));
    run(folder.publish(id(1), &to("/alice/a", false), 100, 1)).unwrap();
    assert_eq!((count(""), count("alice"), count("bob")), (430, 400, 0));
    for (path, top) in [("/al%69ce/b/c", Some("alice")), ("/a", None), ("/../alice/a", None)] {
        assert_eq!(folder.top_folder(path).as_deref(), top, "{path}");
    }
}

#[test]
fn a_quota_of_a_shared_folder_is_not_taken_without_rows() {
    let place = Place::new();
    let refused = place.builder().shared().quota(Quota::of_all(1)).open().unwrap_err();
    assert!(refused.to_string().contains("leases"), "{refused}");
}
