//! Counts the files of a folder, for its quota.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self, AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::anchor::{FOLDER, Identity};
use super::tree;

/// How many folders deep files are counted. Clients make none that are deeper.
const MAX_DEPTH: usize = 128;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The bytes of the files that are published.
    pub(super) published: u64,
    /// The paths of unfinished uploads, below the root, and how many bytes they have.
    pub(super) parts: Vec<(String, u64)>,
}

struct Walk<'a> {
    state: Identity,
    is_known: &'a dyn Fn(Identity) -> bool,
    found: Found,
}

/// Counts the files of a folder right below the root, or of the root, which has no name. Files that are known are passed over.
pub(super) fn count(
    root: &OwnedFd,
    state: Identity,
    folder: &str,
    is_known: &dyn Fn(Identity) -> bool,
) -> io::Result<Found> {
    let mut walk = Walk { state, is_known, found: Found::default() };
    let folders: &[String] = if folder.is_empty() { &[] } else { &[folder.to_owned()] };
    let below = tree::descend(root, state, folders)?;
    if below.depth == folders.len() {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        walk.add(&below.folder, &prefix, 0)?;
    }
    Ok(walk.found)
}

impl Walk<'_> {
    /// Adds the files of a folder. What cannot be looked into counts nothing: it is not the server's.
    fn add(&mut self, folder: &OwnedFd, prefix: &str, depth: usize) -> io::Result<()> {
        for entry in fs::Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." || depth > MAX_DEPTH {
                continue;
            }
            let stat = match fs::statat(folder.as_fd(), entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT | Errno::ACCESS) => continue,
                Err(error) => return Err(error.into()),
            };
            let path = format!("{prefix}{name}");
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let below = match fs::openat(folder.as_fd(), entry.file_name(), FOLDER, Mode::empty()) {
                        Ok(below) => below,
                        Err(Errno::NOENT | Errno::ACCESS | Errno::LOOP | Errno::NOTDIR) => continue,
                        Err(error) => return Err(error.into()),
                    };
                    if Identity::of(&stat) != self.state {
                        self.add(&below, &format!("{path}/"), depth + 1)?;
                    }
                }
                FileType::RegularFile if !(self.is_known)(Identity::of(&stat)) => {
                    let bytes = u64::try_from(stat.st_size).unwrap_or_default();
                    match prefix.trim_end_matches('/').rsplit('/').next() {
                        Some(hidden) if hidden.starts_with(".bits-") => self.found.parts.push((path, bytes)),
                        _ => self.found.published = self.found.published.saturating_add(bytes),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
