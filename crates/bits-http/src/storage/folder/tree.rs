//! The folders below the root. They are entered one by one through descriptors, so that no symbolic link is followed, not
//! even one that is put there between a check and a use.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bits_proto::server::Refusal;
use rustix::fs::{self, Access, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::anchor::{FOLDER, Identity};
use super::disk;
use super::path::{BadPath, FilePath};
use crate::storage::Failure;

/// Marks a folder as the state of a server: it is never entered on behalf of a client.
pub(super) const MARKER: &str = ".bits-state";

/// The longest path that the operating system takes (`PATH_MAX`, without its zero byte).
pub(super) const MAX_PATH: usize = 4095;

/// The folder in which a file is or will be.
#[derive(Debug)]
pub(super) struct Below {
    /// The deepest folder of the path that exists.
    pub(super) folder: OwnedFd,
    /// How many folders of the path exist.
    pub(super) depth: usize,
}

/// What stands under a name in a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Nothing,
    Folder,
    /// A file, or something else that is not a folder.
    File,
}

/// Reads a destination.
pub(super) fn parse(path: &str) -> Result<FilePath, Failure> {
    FilePath::parse(path).map_err(|bad| match bad {
        BadPath::Folder => Refusal::IsDirectory.into(),
        BadPath::Forbidden => Failure::new(Refusal::AccessDenied, "that name is not allowed"),
        BadPath::Reserved => {
            Failure::new(Refusal::AccessDenied, "that name is reserved for the server's own folders")
        }
    })
}

/// Enters as many folders of a path as there are.
pub(super) fn descend(root: &OwnedFd, state: Identity, folders: &[String]) -> io::Result<Below> {
    let mut below = Below { folder: root.try_clone()?, depth: 0 };
    for name in folders {
        match enter(&below.folder, name, state) {
            Ok(folder) => below = Below { folder, depth: below.depth + 1 },
            Err(Errno::NOENT) => break,
            Err(error) => return Err(denied(error)),
        }
    }
    Ok(below)
}

/// Enters all folders of a path. Those that are missing are made, to last.
pub(super) fn make(
    root: &OwnedFd,
    state: Identity,
    folders: &[String],
    sync: impl Fn(&OwnedFd) -> io::Result<()>,
) -> io::Result<OwnedFd> {
    let Below { mut folder, depth } = descend(root, state, folders)?;
    for name in folders.iter().skip(depth) {
        match disk::make_folder(&folder, name, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
            Ok(()) => sync(&folder)?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        folder = enter(&folder, name, state).map_err(denied)?;
    }
    Ok(folder)
}

/// A link where a folder should be is refused like a folder that nobody may enter.
fn denied(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::NOTDIR => {
            io::Error::new(io::ErrorKind::PermissionDenied, "a link or a file is in the place of a folder")
        }
        error => error.into(),
    }
}

fn enter(folder: &OwnedFd, name: &str, state: Identity) -> Result<OwnedFd, Errno> {
    let entered = fs::openat(folder, name, FOLDER, Mode::empty())?;
    let is_state = Identity::of(&fs::fstat(&entered)?) == state || is_marked(&entered);
    if is_state { Err(Errno::ACCESS) } else { Ok(entered) }
}

/// Whether a folder is the state of a server, be it another one or an earlier one.
fn is_marked(folder: impl AsFd) -> bool {
    fs::accessat(folder, MARKER, Access::EXISTS, AtFlags::empty()).is_ok()
}

/// Opens a plain file for reading.
pub(super) fn read(folder: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match fs::openat(folder, name, flags, Mode::empty()) {
        // A link, a socket, or a name that no file can have.
        Err(Errno::LOOP | Errno::NXIO | Errno::NAMETOOLONG) => return Err(io::ErrorKind::NotFound.into()),
        opened => File::from(opened?),
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Looks what stands under a name.
pub(super) fn existing(folder: impl AsFd, name: &str) -> io::Result<Existing> {
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => Ok(Existing::Folder),
        Ok(_) => Ok(Existing::File),
        Err(Errno::NOENT) => Ok(Existing::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// Deletes a file, if it is there.
pub(super) fn remove(folder: impl AsFd, name: &str) -> io::Result<()> {
    match disk::remove(folder, name) {
        Err(Errno::NOENT) => Ok(()),
        done => Ok(done?),
    }
}

/// How many bytes this user may still write on the file system of a folder.
pub(super) fn free(folder: impl AsFd) -> io::Result<u64> {
    let found = fs::fstatvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
