use std::sync::Barrier;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;

/// Storage, and the folder in which its root is.
fn storage(overwrites: bool) -> (Storage, TempDir) {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    (Storage::open(&root, &root.join(".bits"), false, overwrites).unwrap(), folder)
}

/// What comes of two uploads to one new name that are published at the same time.
fn published_together(storage: &Storage, name: &str) -> [Result<(), Refusal>; 2] {
    let ids = [1, 2].map(|byte| Guid::from_random([byte; 16]));
    for id in ids {
        storage.open_upload(id, name).unwrap();
    }
    let together = Barrier::new(2);
    let published = std::thread::scope(|scope| {
        let publish = |id| {
            together.wait();
            storage.publish(id, name, 0)
        };
        ids.map(|id| scope.spawn(move || publish(id))).map(|thread| thread.join().unwrap())
    });
    for id in ids {
        storage.forget(id).unwrap();
    }
    published
}

#[test]
fn whoever_may_overwrite_is_never_told_that_somebody_else_was_faster() {
    let (storage, _folder) = storage(true);
    for round in 0..300 {
        assert_eq!(published_together(&storage, &format!("/{round}")), [Ok(()), Ok(())], "{round}");
    }
}

#[test]
fn of_two_who_may_not_overwrite_one_publishes() {
    let (storage, _folder) = storage(false);
    for round in 0..300 {
        let published = published_together(&storage, &format!("/{round}"));
        let refused = published.iter().filter(|done| **done == Err(Refusal::DestinationExists)).count();
        assert!(refused == 1 && published.contains(&Ok(())), "{published:?}");
    }
}

#[test]
fn an_upload_is_remembered_from_its_close_on_and_not_from_its_last_fragment() {
    let (storage, _folder) = storage(false);
    let (id, hour) = (Guid::from_random([1; 16]), Duration::from_secs(3600));
    storage.save(id, b"{}").unwrap();
    let saved = File::open(storage.file(id, "json")).unwrap();
    saved.set_modified(SystemTime::now() - 2 * hour).unwrap();
    storage.close(id).unwrap();
    assert_eq!(storage.closed_before(hour).unwrap(), []);
    saved.set_modified(SystemTime::now() - 2 * hour).unwrap();
    assert_eq!(storage.closed_before(hour).unwrap(), [id]);
}
