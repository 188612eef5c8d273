//! The folders below the root, entered one by one through file descriptors: no symbolic link is ever followed, not even
//! one that is put there in the moment between a check and a use.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::path::FilePath;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What is in the root for a moment, to try it out.
const TRIAL: &str = ".bits-server-trial";

/// The folder whose files are uploaded and served.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    /// The one folder that nobody may enter.
    state: Identity,
}

/// What tells one file from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Tree {
    pub(crate) fn open(root: &Path, state: Identity) -> io::Result<Self> {
        Ok(Self { root: fs::open(root, FOLDER, Mode::empty())?, state })
    }

    /// Whether files from where this one is can be published here, which is found out with its help. One file system
    /// alone does not do: it may be mounted twice, or know no hard links.
    pub(crate) fn takes(&self, file: &Path) -> Result<(), &'static str> {
        let remove = || fs::unlinkat(&self.root, TRIAL, AtFlags::empty());
        // What an earlier process left. Whatever else has this name was uploaded, or is another server's.
        if self.is_same(file, TRIAL) {
            let _or_not = remove();
        }
        match fs::linkat(CWD, file, &self.root, TRIAL, AtFlags::empty()) {
            Err(Errno::XDEV) => {
                Err("the state folder must be on the file system of the root, and in the same mount, \
                                     since uploads are moved between them: name another by --state")
            }
            Err(Errno::PERM | Errno::OPNOTSUPP) => {
                Err("uploads are published by hard links, which this file system lacks")
            }
            // Where one may not write here one may further down.
            Err(_) => Ok(()),
            Ok(()) => remove().map_err(|_| "what was tried out in the root cannot be removed"),
        }
    }

    fn is_same(&self, file: &Path, name: &str) -> bool {
        let there = existing(&self.root, name);
        matches!((there, Identity::of_path(file)), (Ok(Existing::File(there)), Ok(file)) if there == file)
    }

    /// The folder of a file. With `create`, what is missing of it is made, to last.
    pub(crate) fn folder(&self, path: &FilePath, create: bool) -> io::Result<OwnedFd> {
        let mut folder = self.root.try_clone()?;
        for name in &path.folders {
            folder = match self.enter(&folder, name) {
                Err(Errno::NOENT) if create => {
                    match fs::mkdirat(&folder, name, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
                        Ok(()) => fs::fsync(&folder)?,
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    self.enter(&folder, name)?
                }
                entered => entered?,
            };
        }
        Ok(folder)
    }

    fn enter(&self, folder: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
        let entered = fs::openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        let identity = Identity::of(&fs::fstat(&entered)?);
        if identity == self.state { Err(Errno::ACCESS) } else { Ok(entered) }
    }

    /// Opens a published file for reading; `None` if there is none, or what is there is no plain file.
    pub(crate) fn read(&self, path: &FilePath) -> io::Result<File> {
        let folder = self.folder(path, false)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(fs::openat(&folder, &*path.name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

impl Identity {
    pub(crate) fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }

    pub(crate) fn of_path(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&fs::statat(CWD, path, AtFlags::empty())?))
    }
}

/// What stands under a name in a folder.
pub(crate) enum Existing {
    Nothing,
    Folder,
    /// A file, or something else that is not a folder.
    File(Identity),
}

pub(crate) fn existing(folder: &OwnedFd, name: &str) -> io::Result<Existing> {
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => Ok(Existing::Folder),
        Ok(stat) => Ok(Existing::File(Identity::of(&stat))),
        Err(Errno::NOENT) => Ok(Existing::Nothing),
        Err(error) => Err(error.into()),
    }
}
