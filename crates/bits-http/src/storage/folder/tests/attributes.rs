//! A published file is like one that is made in its folder by hand.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{XattrFlags, chown, getxattr, setxattr};
use rustix::process::{Gid, geteuid};

use super::{Place, id, run, stored, to};
use crate::storage::Storage;

/// Everything that a folder gives to what is made in it.
fn attributes(path: &Path) -> (u32, u32, u32, Option<Vec<u8>>) {
    let found = fs::metadata(path).unwrap();
    let mut acl = vec![0; 1024];
    let acl = getxattr(path, "system.posix_acl_access", &mut acl).ok().map(|length| acl[..length].to_vec());
    (found.uid(), found.gid(), found.mode(), acl)
}

/// Publishes a file in a folder, and makes another one beside it by hand: both must be alike.
#[track_caller]
fn compare(place: &Place, path: &str) -> (u32, u32, u32, Option<Vec<u8>>) {
    let folder = place.builder().create_dirs(true).open().unwrap();
    stored(&folder, id(1), path, false, b"x");
    run(folder.publish(id(1), &to(path, false), 1, 1)).unwrap();
    let published = place.root().join(&path[1..]);
    let by_hand = published.with_file_name("by-hand");
    File::create(&by_hand).unwrap();
    assert_eq!(attributes(&published), attributes(&by_hand), "{path}");
    attributes(&published)
}

#[test]
fn in_a_plain_folder() {
    let place = Place::new();
    fs::create_dir(place.root().join("a")).unwrap();
    compare(&place, "/a/x");
    compare(&place, "/x");
}

#[test]
fn in_a_folder_whose_group_is_handed_on() {
    if !geteuid().is_root() {
        return println!("skipped: nobody else can give a folder to another group");
    }
    let place = Place::new();
    let folder = place.root().join("a");
    fs::create_dir(&folder).unwrap();
    chown(&folder, None, Some(Gid::from_raw(4321))).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o2770)).unwrap();
    assert_eq!(compare(&place, "/a/x").1, 4321);
    // Also through folders that are made on the way.
    assert_eq!(compare(&place, "/a/b/c/x").1, 4321);
    let made = fs::metadata(folder.join("b/c")).unwrap();
    assert_eq!((made.gid(), made.mode() & 0o2000), (4321, 0o2000));
}

#[test]
fn in_a_folder_with_an_acl_for_what_is_made_in_it() {
    let place = Place::new();
    let folder = place.root().join("a");
    fs::create_dir(&folder).unwrap();
    // Version 2; owner rw, user 4321 r, group none, mask r, others none.
    let entry = |tag: u16, rights: u16, who: u32| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &who.to_le_bytes()].concat()
    };
    let acl = [
        2_u32.to_le_bytes().to_vec(),
        entry(0x01, 6, u32::MAX),
        entry(0x02, 4, 4321),
        entry(0x04, 0, u32::MAX),
        entry(0x10, 4, u32::MAX),
        entry(0x20, 0, u32::MAX),
    ];
    if setxattr(&folder, "system.posix_acl_default", &acl.concat(), XattrFlags::empty()).is_err() {
        return println!("skipped: this file system has no ACLs");
    }
    for path in ["/a/x", "/a/b/x"] {
        let (_, _, mode, acl) = compare(&place, path);
        assert_eq!(mode & 0o007, 0, "others are kept out");
        assert!(acl.is_some(), "the user of the ACL is let in");
    }
}
