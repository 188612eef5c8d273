//! Taking over the bytes of an upload from a process that died or sleeps.
//!
//! A process that wakes up writes through a descriptor that it has still open, and it has looked up names. So whoever takes over
//!
//! 1. renames the bytes to a name with the number of its claim, `.bits-7`: from now on the old name leads nowhere, and a step that goes by the name
//!    fails, or it was quicker, and the bytes are gone;
//! 2. puts a copy in their place: from now on the old descriptor leads to a file without a name.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use super::place::Part;
use super::{disk, fail_point, tree};
use crate::storage::Failure;

const TAKEN: &str = ".bits-";
const COPY: &str = ".bits-copy-";

/// The name of the bytes in a hidden folder, where somebody took them over, and the number of that claim.
pub(super) fn taken(hidden: &OwnedFd) -> io::Result<Option<(String, u64)>> {
    let names = names(hidden)?;
    let taken = names.into_iter().filter_map(|name| {
        let fence = name.strip_prefix(TAKEN)?.parse().ok()?;
        Some((name, fence))
    });
    Ok(taken.max_by_key(|(_, fence)| *fence))
}

/// Takes the bytes over with this fence. Returns whether there are any.
pub(super) fn take_over(part: &mut Part, fence: u64) -> Result<bool, Failure> {
    part.allows(fence)?;
    let name = format!("{TAKEN}{fence}");
    loop {
        match disk::rename(&part.hidden, &part.name, &part.hidden, &name) {
            Ok(()) => break,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        // Published, or taken over, meanwhile.
        let Some((name, fence_of_name)) = taken(&part.hidden)? else { return Ok(false) };
        (part.name, part.fence) = (name, fence_of_name);
        part.allows(fence)?;
    }
    (part.name, part.fence) = (name, fence);
    fail_point::reach("the bytes are taken over");
    clean(part)?;
    copy(part)?;
    Ok(true)
}

/// Puts a copy in the place of the bytes. File systems that share blocks between files copy nothing.
fn copy(part: &Part) -> io::Result<()> {
    let name = format!("{COPY}{}", part.fence);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut old = File::from(fs::openat(&part.hidden, &*part.name, flags, Mode::empty())?);
    let mut new = disk::create(&part.hidden, &name, OFlags::EXCL, Mode::from_raw_mode(0o666))?;
    io::copy(&mut old, &mut new)?;
    disk::sync(&new)?;
    fail_point::reach("the bytes are copied");
    disk::rename(&part.hidden, &name, &part.hidden, &part.name)?;
    Ok(disk::sync_folder(&part.hidden)?)
}

/// Deletes copies that were not finished.
pub(super) fn clean(part: &Part) -> io::Result<()> {
    if part.fence > 0 {
        for name in names(&part.hidden)?.iter().filter(|name| name.starts_with(COPY)) {
            tree::remove(&part.hidden, name)?;
        }
    }
    Ok(())
}

fn names(hidden: &OwnedFd) -> io::Result<Vec<String>> {
    let entries = fs::Dir::read_from(hidden)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
