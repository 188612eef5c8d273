//! The state folder and the root: whose they are, what lies in them, and what happens when they vanish.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use bits_proto::server::Refusal;

use super::{Place, id, run, stored, to};
use crate::storage::{Failure, Folder, Record, Records, Storage};

#[track_caller]
fn unusable(place: &Place, words: &str) {
    let error = place.builder().open().unwrap_err().to_string();
    assert!(error.contains(words), "{words:?} in {error}");
}

fn record() -> Record {
    Record { session: b"{}".to_vec(), place: Vec::new() }
}

#[test]
fn two_servers_are_never_on_one_root_nor_on_one_state() {
    let (place, other) = (Place::new(), Place::new());
    let folder = place.open();
    unusable(&place, "another server uses this folder");
    // Nothing that lies in the folders is the lock.
    for entry in fs::read_dir(place.root().join(".bits")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    unusable(&place, "another server uses this folder");
    let elsewhere = place.builder().state(place.folder.path().join("state")).open();
    assert!(elsewhere.unwrap_err().to_string().contains("another server"));
    let same_state = other.builder().state(place.root().join(".bits")).open();
    assert!(same_state.unwrap_err().to_string().contains("another server"));
    drop(folder);
    place.open();
}

#[test]
fn the_state_is_the_servers_own() {
    let place = Place::new();
    let state = place.root().join(".bits");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, Permissions::from_mode(0o750)).unwrap();
    unusable(&place, "others may enter it");
    fs::remove_dir(&state).unwrap();
    let elsewhere = place.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &state).unwrap();
    assert!(place.builder().open().is_err(), "a link leads elsewhere");
    fs::remove_file(&state).unwrap();
    place.open();
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    let root = place.root();
    assert!(place.builder().state(&root).open().is_err(), "the root itself");
}

#[test]
fn a_state_folder_that_is_swapped_is_not_used() {
    let place = Place::new();
    let folder = place.open();
    let (state, aside) = (place.root().join(".bits"), place.folder.path().join("aside"));
    stored(&folder, id(1), "/a", false, b"abc");
    fs::rename(&state, &aside).unwrap();
    let refused = |failure: Failure| failure.refusal() == Refusal::Internal;
    // Nothing, a link to a folder of the server's user, and a folder that is no state folder.
    assert!(run(folder.save(id(1), record())).is_err_and(refused), "nothing is there");
    let precious = place.folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::set_permissions(&precious, Permissions::from_mode(0o700)).unwrap();
    symlink(&precious, &state).unwrap();
    assert!(run(folder.save(id(1), record())).is_err_and(refused), "a link");
    fs::remove_file(&state).unwrap();
    fs::rename(&precious, &state).unwrap();
    assert!(run(folder.save(id(1), record())).is_err_and(refused), "another folder");
    assert!(run(folder.open(id(2), &to("/b", false))).is_err_and(refused), "another folder");
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0, "nothing was written into it");
    // It heals.
    fs::remove_dir(&state).unwrap();
    fs::rename(&aside, &state).unwrap();
    run(folder.save(id(1), record())).unwrap();
    run(folder.publish(id(1), &to("/a", false), 3, 1)).unwrap();
}

#[test]
fn a_root_that_vanishes_is_an_error_of_the_server_and_heals() {
    let place = Place::new();
    let folder = place.builder().state(place.folder.path().join("state")).open().unwrap();
    stored(&folder, id(1), "/a", false, b"abc");
    let aside = place.folder.path().join("aside");
    fs::rename(place.root(), &aside).unwrap();
    let refused = |failure: Failure| failure.refusal() == Refusal::Internal;
    run(async {
        assert!(folder.open(id(2), &to("/b", false)).await.is_err_and(refused));
        assert!(folder.publish(id(1), &to("/a", false), 3, 1).await.is_err_and(refused));
        fs::rename(&aside, place.root()).unwrap();
        folder.publish(id(1), &to("/a", false), 3, 1).await.unwrap();
        // Another one in its place is the root from now on.
        fs::rename(place.root(), &aside).unwrap();
        fs::create_dir(place.root()).unwrap();
        folder.open(id(2), &to("/b", false)).await.unwrap();
        folder.publish(id(2), &to("/b", false), 0, 1).await.unwrap();
    });
    assert!(place.root().join("b").exists() && aside.join("a").exists());
}

#[test]
fn what_is_not_ours_in_the_state_is_named_and_left_alone() {
    let place = Place::new();
    let folder = place.open();
    let state = place.root().join(".bits");
    stored(&folder, id(1), "/a", false, b"abc");
    run(folder.save(id(1), record())).unwrap();
    fs::write(state.join("notes.part"), "x").unwrap();
    fs::create_dir(state.join("folder")).unwrap();
    fs::create_dir(state.join(format!("{}.json", id(7)))).unwrap();
    fs::write(state.join(format!("{}.json", id(8))), vec![b'x'; 2_000_000]).unwrap();
    symlink("/etc/passwd", state.join(format!("{}.json", id(9)))).unwrap();
    let pipe = state.join(format!("{}.json", id(10)));
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    // A folder under a name of ours: nothing is deleted that cannot be.
    for kind in ["new", "place", "gone"] {
        fs::create_dir(state.join(format!("{}.{kind}", id(11)))).unwrap();
    }
    let before = fs::read_dir(&state).unwrap().count();
    let listed = run(folder.list()).unwrap();
    assert_eq!(listed.kept.iter().map(|kept| kept.id).collect::<Vec<_>>(), [id(1)]);
    let mut unreadable: Vec<_> = listed.unreadable.into_iter().map(|(id, _)| id).collect();
    unreadable.sort();
    assert_eq!(unreadable, [7, 8, 9, 10].map(id));
    let mut foreign = run(folder.sweep(&[id(1)])).unwrap();
    foreign.sort();
    let ours = id(11).to_string();
    let (odd, others): (Vec<_>, Vec<_>) = foreign.into_iter().partition(|name| name.starts_with(&ours));
    assert_eq!((odd.len(), others), (3, vec!["folder".to_owned(), "notes.part".to_owned()]), "{odd:?}");
    assert_eq!(fs::read_dir(&state).unwrap().count(), before);
}

#[test]
fn no_client_enters_the_state_of_a_server() {
    let place = Place::new();
    let state = place.root().join("elsewhere");
    fs::create_dir(place.root().join("a")).unwrap();
    drop(Folder::builder(place.root()).state(&state).open().unwrap());
    drop(Folder::builder(place.root().join("a")).state(place.root().join("a/other")).open().unwrap());
    // A later server has its state somewhere else again.
    let folder = place.open();
    for path in ["/elsewhere/x", "/a/other/x", "/.bits/x"] {
        let refused = run(folder.open(id(1), &to(path, true))).unwrap_err();
        assert_eq!(refused.refusal(), Refusal::AccessDenied, "{path}");
        use crate::storage::Contents;
        let path = path.replace('x', ".bits-state");
        assert!(run(folder.published(&path)).is_err(), "{path}");
    }
}

#[test]
fn a_hidden_folder_that_somebody_else_put_there_is_not_used() {
    let place = Place::new();
    let folder = place.open();
    stored(&folder, id(1), "/a", false, b"abc");
    let hidden = super::names(&place.root()).into_iter().find(|name| name.starts_with(".bits-")).unwrap();
    let hidden = place.root().join(hidden);
    fs::set_permissions(&hidden, Permissions::from_mode(0o770)).unwrap();
    let refused = run(folder.publish(id(1), &to("/a", false), 3, 1)).unwrap_err();
    assert_eq!(refused.refusal(), Refusal::Internal, "{refused}");
    assert!(!place.root().join("a").exists());
}
