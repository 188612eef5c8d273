//! What the server does with files: each step that a session asks for.
//!
//! Everything of an upload lies in the state folder under its session's name:
//!
//! | file | what |
//! |---|---|
//! | `ID.part` | the bytes received so far |
//! | `ID.json` | the session, as of its last answer |
//! | `ID.closed` | the same, once the upload is published: it answers a client that did not hear so |
//! | `ID.reply` | what a server application replied |
//! | `ID.new`, `ID.link` | one of the above, being written; or the entity, on its way to its destination |
//!
//! A process may die between any two lines here. What makes that harmless is said at each step.

mod leftovers;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;
use rustix::fs::{CWD, FlockOperation};

pub(crate) use leftovers::Saved;

use crate::path::{BadPath, FilePath};
use crate::refusal::refusal;
use crate::tree::{Existing, Identity, Tree, existing};

#[derive(Debug)]
pub(crate) struct Storage {
    tree: Tree,
    state: PathBuf,
    create_dirs: bool,
    overwrites: bool,
    /// Held as long as the process lives: two servers must not share a state folder.
    _lock: File,
}

impl Storage {
    pub(crate) fn open(root: &Path, state: &Path, create_dirs: bool, overwrites: bool) -> io::Result<Self> {
        let unusable = |path: &Path, why: &dyn std::fmt::Display| {
            io::Error::other(format!("{} cannot be used: {why}", path.display()))
        };
        // Not made here: a slip in its name should not go unnoticed.
        let is_folder = match fs::metadata(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(unusable(root, &format_args!("{error}: make it, or name another by --root")));
            }
            found => found.map_err(|error| unusable(root, &error))?.is_dir(),
        };
        if !is_folder {
            return Err(unusable(root, &"the root must be a folder"));
        }
        // Who reads the names of sessions can write into them.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state)
            .map_err(|error| unusable(state, &error))?;
        let identity = Identity::of_path(state)?;
        if identity == Identity::of_path(root)? {
            return Err(unusable(state, &"the state folder must not be the root itself"));
        }
        let lock_path = state.join("lock");
        let lock = File::create(&lock_path).map_err(|error| unusable(state, &error))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| unusable(state, &"another server uses this state folder"))?;
        let tree = Tree::open(root, identity).map_err(|error| unusable(root, &error))?;
        tree.takes(&lock_path).map_err(|why| unusable(state, &why))?;
        Ok(Self {
            tree,
            // Whole, since server applications are told of it.
            state: state.canonicalize()?,
            create_dirs,
            overwrites,
            _lock: lock,
        })
    }

    /// Decides whether an upload may start, and makes an empty place for its bytes.
    pub(crate) fn open_upload(&self, id: Guid, destination: &str) -> Result<(), Refusal> {
        let path = file_path(destination)?;
        match self.tree.folder(&path, false).map_err(|error| (error.kind(), refusal(&error))) {
            Ok(folder) => match existing(&folder, &path.name).map_err(|error| refusal(&error))? {
                Existing::Folder => return Err(Refusal::IsDirectory),
                // Told now, a client need not send the whole file to learn it. It counts when it is published.
                Existing::File(_) if !self.overwrites => return Err(Refusal::DestinationExists),
                Existing::File(_) | Existing::Nothing => {}
            },
            // Made when there is something to publish in it.
            Err((io::ErrorKind::NotFound, _)) if self.create_dirs => {}
            Err((io::ErrorKind::NotFound, _)) => return Err(Refusal::NoSuchFolder),
            Err((_, refusal)) => return Err(refusal),
        }
        File::create_new(self.file(id, "part")).map(drop).map_err(|error| refusal(&error))
    }

    /// Opens the bytes of an upload for writing.
    pub(crate) fn part(&self, id: Guid) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.file(id, "part"))
    }

    /// Puts the entity of `total` bytes at its destination: the whole of it, or nothing. Can be repeated, whatever came
    /// of it the first time: the bytes stay where they are too, until the session's end [is saved](Self::close).
    pub(crate) fn publish(&self, id: Guid, destination: &str, total: u64) -> Result<(), Refusal> {
        let path = file_path(destination)?;
        let part = self.file(id, "part");
        let whole = File::open(&part).and_then(|file| {
            file.sync_all()?;
            Ok(file.metadata()?.len() == total)
        });
        match whole {
            Ok(true) => self.link(id, &part, &path).map_err(|refusal| match refusal {
                Refusal::EntityMissing => Refusal::NoSuchFolder,
                other => other,
            }),
            Ok(false) => Err(Refusal::EntityMissing),
            Err(error) => Err(refusal(&error)),
        }
    }

    fn link(&self, id: Guid, part: &Path, path: &FilePath) -> Result<(), Refusal> {
        let internal = |error: io::Error| refusal(&error);
        let folder = self.tree.folder(path, self.create_dirs).map_err(internal)?;
        let bytes = Identity::of_path(part).map_err(internal)?;
        match existing(&folder, &path.name).map_err(internal)? {
            Existing::Folder => return Err(Refusal::IsDirectory),
            // The process died after it had published.
            Existing::File(there) if there == bytes => {}
            Existing::File(_) | Existing::Nothing if self.overwrites => {
                let aside = self.file(id, "link");
                remove(&aside).map_err(internal)?;
                fs::hard_link(part, &aside).map_err(internal)?;
                rustix::fs::renameat(CWD, &aside, &folder, &*path.name)
                    .map_err(|error| internal(error.into()))?;
            }
            Existing::File(_) => return Err(Refusal::DestinationExists),
            // Not `rename`: it overwrites what somebody else has put there meanwhile.
            Existing::Nothing => {
                rustix::fs::linkat(CWD, part, &folder, &*path.name, rustix::fs::AtFlags::empty())
                    .map_err(|error| internal(error.into()))?
            }
        }
        rustix::fs::fsync(&folder).map_err(|error| internal(error.into()))
    }

    /// Deletes the bytes of an upload.
    pub(crate) fn discard(&self, id: Guid) -> Result<(), Refusal> {
        remove(&self.file(id, "part")).map_err(|error| refusal(&error))
    }

    /// Saves a session. The one saved before stays until this one is whole.
    pub(crate) fn save(&self, id: Guid, json: &[u8]) -> io::Result<()> {
        let aside = self.file(id, "new");
        let mut file = File::create(&aside)?;
        file.write_all(json)?;
        file.sync_all()?;
        fs::rename(aside, self.file(id, "json"))?;
        self.sync()
    }

    /// Remembers that an upload is published, and releases its bytes. In this order: without the memory, the repeat of
    /// a Close would look for the bytes.
    pub(crate) fn close(&self, id: Guid) -> io::Result<()> {
        let (open, closed) = (self.file(id, "json"), self.file(id, "closed"));
        // It is remembered from now on, however long ago it was saved.
        let is_closed = File::open(&open)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .and_then(|()| fs::rename(&open, &closed));
        match is_closed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => self.sync()?,
        }
        remove(&self.file(id, "reply"))?;
        remove(&self.file(id, "part"))
    }

    /// Deletes whatever there is of an upload.
    pub(crate) fn forget(&self, id: Guid) -> io::Result<()> {
        // The session last: without it, nobody would find the rest.
        for extension in ["part", "reply", "link", "new", "closed", "json"] {
            remove(&self.file(id, extension))?;
        }
        Ok(())
    }

    /// Where a server application finds the entity.
    pub(crate) fn part_path(&self, id: Guid) -> PathBuf {
        self.file(id, "part")
    }

    /// Where the reply to an upload is.
    pub(crate) fn reply_path(&self, id: Guid) -> PathBuf {
        self.file(id, "reply")
    }

    /// A published file.
    pub(crate) fn read(&self, path: &FilePath) -> io::Result<File> {
        self.tree.read(path)
    }

    fn file(&self, id: Guid, extension: &str) -> PathBuf {
        self.state.join(format!("{id}.{extension}"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.state)?.sync_all()
    }
}

/// Writes one after another; how many bytes were written before an error is told too.
pub(crate) fn write_all(file: &File, chunks: &[Bytes], mut at: u64) -> (u64, io::Result<()>) {
    let start = at;
    for chunk in chunks {
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            match file.write_at(rest, at) {
                Ok(0) => return (at - start, Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    at += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (at - start, Err(error)),
            }
        }
    }
    (at - start, Ok(()))
}

fn file_path(destination: &str) -> Result<FilePath, Refusal> {
    let path = destination.split('?').next().unwrap_or_default();
    FilePath::parse(path).map_err(|bad| match bad {
        BadPath::Folder => Refusal::IsDirectory,
        BadPath::Forbidden => Refusal::AccessDenied,
    })
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
