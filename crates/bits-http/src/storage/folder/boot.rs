//! The start of the machine: another one than before means that what was only in its memory is lost.

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use bits_proto::Guid;
use rustix::fs::{self, XattrFlags};
use rustix::io::Errno;

/// Linux draws it anew at each start of the machine. Where it is missing, each start of the server counts as one of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// An attribute of the state folder: the start of the machine at which all bytes of uploads were looked through.
pub(super) const NAME: &str = "user.bits-boot";

/// The start of the machine.
#[derive(Debug)]
pub(super) struct Boot {
    now: String,
    has_changed: AtomicBool,
    /// Uploads that could not be looked at.
    unseen: Mutex<HashSet<Guid>>,
}

impl Boot {
    pub(super) fn read(state: &OwnedFd) -> io::Result<Self> {
        Self::read_as(state, std::fs::read_to_string(BOOT_ID).unwrap_or_default().trim())
    }

    fn read_as(state: &OwnedFd, now: &str) -> io::Result<Self> {
        let mut before = [0; 64];
        let has_changed = match fs::fgetxattr(state, NAME, &mut before[..]) {
            Ok(length) => now.is_empty() || before.get(..length) != Some(now.as_bytes()),
            // Nothing is there yet. It lasts when the first record does, which syncs the same folder.
            Err(Errno::NODATA) => fs::fsetxattr(state, NAME, now.as_bytes(), XattrFlags::empty()).is_err(),
            // Nobody knows.
            Err(Errno::OPNOTSUPP | Errno::RANGE) => true,
            Err(error) => return Err(error.into()),
        };
        let has_changed = AtomicBool::new(has_changed);
        Ok(Self { now: now.to_owned(), has_changed, unseen: Mutex::default() })
    }

    /// Whether bytes that were not synced may be lost.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Relaxed)
    }

    /// Notes that an upload could not be looked at: its disk is not mounted, say.
    pub(super) fn miss(&self, id: Guid) {
        if self.has_changed() {
            self.unseen.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        }
    }

    /// Whether an upload could not be looked at, and can be now.
    pub(super) fn was_missed(&self, id: Guid) -> bool {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }

    /// Notes that all uploads were looked at. Where that cannot be noted, they are looked at again at the next start.
    pub(super) fn note(&self, state: &OwnedFd) {
        if self.has_changed.swap(false, Ordering::Relaxed) {
            let _again = fs::fsetxattr(state, NAME, self.now.as_bytes(), XattrFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_of_the_machine_is_known_until_all_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let state = OwnedFd::from(std::fs::File::open(folder.path()).unwrap());
        let boot = |now| Boot::read_as(&state, now).unwrap();
        assert!(!boot("one").has_changed(), "nothing is there yet");
        assert!(!boot("one").has_changed());
        let two = boot("two");
        assert!(two.has_changed() && boot("two").has_changed());
        two.note(&state);
        assert!(!two.has_changed() && !boot("two").has_changed() && boot("one").has_changed());
        assert!(boot("").has_changed(), "where nothing is known");
    }
}
