//! A folder of the machine that stays open, and is opened anew when another one has taken its place.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::{self, AtFlags, CWD, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

/// How folders are opened: for reading, and never through a link.
pub(super) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// Tells one file from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// A folder that is open. One server alone has it, or servers that share it: the lock is on the folder itself, because a lock file can be removed.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) folder: OwnedFd,
    pub(super) identity: Identity,
    /// Whether servers of other machines use it, too.
    pub(super) shared: bool,
}

/// What must hold of a folder before it is used.
type Check = fn(&OwnedFd) -> io::Result<()>;

/// A folder that is named by its path. A disk may be mounted or unmounted there while the server runs.
#[derive(Debug)]
pub(super) struct Anchor {
    path: PathBuf,
    /// Whether the last part of the path may be a link: an operator may name the root so.
    follow: bool,
    shared: bool,
    check: Check,
    opened: RwLock<Arc<Opened>>,
}

impl Anchor {
    pub(super) fn open(path: &Path, follow: bool, shared: bool, check: Check) -> io::Result<Self> {
        let opened = open(path, follow, shared, check)?;
        Ok(Self { path: path.to_owned(), follow, shared, check, opened: RwLock::new(Arc::new(opened)) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that is there now. An error means that it has vanished, or that somebody has put something else there.
    pub(super) fn get(&self) -> io::Result<Arc<Opened>> {
        let flags = if self.follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let now = fs::statat(CWD, &self.path, flags).map(|stat| Identity::of(&stat));
        let now = now.map_err(|error| self.vanished(&error.into()))?;
        let known = Arc::clone(&self.opened.read().unwrap_or_else(PoisonError::into_inner));
        if known.identity == now {
            return Ok(known);
        }
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if opened.identity != now {
            let new = open(&self.path, self.follow, self.shared, self.check)
                .map_err(|error| self.vanished(&error))?;
            *opened = Arc::new(new);
        }
        Ok(Arc::clone(&opened))
    }

    fn vanished(&self, error: &io::Error) -> io::Error {
        io::Error::other(format!("{} cannot be used: {error}", self.path.display()))
    }
}

fn open(path: &Path, follow: bool, shared: bool, check: Check) -> io::Result<Opened> {
    let flags = if follow { FOLDER.difference(OFlags::NOFOLLOW) } else { FOLDER };
    let folder = fs::open(path, flags, Mode::empty())?;
    check(&folder)?;
    let lock = match shared {
        true => FlockOperation::NonBlockingLockShared,
        false => FlockOperation::NonBlockingLockExclusive,
    };
    match fs::flock(&folder, lock) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(io::Error::other("another server uses this folder")),
        // Some network file systems lock no folders.
        Err(_) => {}
    }
    let identity = Identity::of(&fs::fstat(&folder)?);
    Ok(Opened { folder, identity, shared })
}
