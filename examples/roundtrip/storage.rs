//! The server's files: each step that a session asks for, done, and reported.
//!
//! A step that fails is a [`Refusal`], which decides what the client is told: whether it makes sense to try again, and
//! nothing of this machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bits_proto::Guid;
use bits_proto::server::{Refusal, Report, Store};

/// One folder: unfinished uploads under their sessions' names, published files under their own.
pub(crate) struct Storage {
    folder: PathBuf,
}

impl Storage {
    pub(crate) fn create(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        Ok(Self { folder })
    }

    /// Where the file of a request's path is published; `None` where no client may write.
    ///
    /// The path is whatever a stranger sent. Rather than look for what is bad in it (dots, percent signs, separators),
    /// take what is known to be good: then nothing leads outside of the folder, or to an unfinished upload.
    pub(crate) fn published(&self, path: &str) -> Option<PathBuf> {
        let name = path.strip_prefix("/uploads/")?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let legal = name.len() <= 100 && !name.is_empty() && !name.starts_with('.') && name.bytes().all(good);
        legal.then(|| self.folder.join(name))
    }

    /// Makes room for an upload, or says why not.
    pub(crate) fn open(&self, id: Guid, path: &str) -> Result<Report, Refusal> {
        let destination = self.published(path).ok_or(Refusal::AccessDenied)?;
        // Told now, a client need not send the whole file to learn it. It counts when it is published.
        if destination.exists() {
            return Err(Refusal::DestinationExists);
        }
        File::create_new(self.unfinished(id))?;
        Ok(Report::Opened)
    }

    /// Stores the part of a fragment's body that is new.
    ///
    /// What was stored before the connection broke counts: the client need not send it again. Sessions of this server
    /// die with its process, so it is enough that the operating system has the bytes; a server that keeps its sessions
    /// calls `sync_data` before it reports them stored.
    pub(crate) fn store(&self, id: Guid, mut store: Store, body: &mut impl Read) -> Result<Report, Refusal> {
        let mut file = OpenOptions::new().write(true).open(self.unfinished(id)).map_err(missing)?;
        file.seek(SeekFrom::Start(store.range().start))?;
        let mut buffer = vec![0; 64 * 1024];
        while !store.is_complete() {
            // A body that ends early is the client's affair: what was stored is reported.
            let Ok(length @ 1..) = body.read(&mut buffer) else { break };
            let stored = store.clipped();
            if let Err(error) = file.write_all(store.clip(&buffer[..length])) {
                return Ok(Report::StoredPart(stored, error.into()));
            }
        }
        Ok(Report::Stored(store.clipped()))
    }

    /// Puts the file at its destination: the whole of it at once, and never over another one.
    pub(crate) fn publish(&self, id: Guid, path: &str) -> Result<Report, Refusal> {
        let destination = self.published(path).ok_or(Refusal::AccessDenied)?;
        let unfinished = self.unfinished(id);
        // The bytes must be on the disk before the name is, and the name before it is acknowledged.
        File::open(&unfinished).map_err(missing)?.sync_all()?;
        // Not `rename`: it overwrites.
        fs::hard_link(&unfinished, destination)?;
        sync_names(&self.folder)?;
        fs::remove_file(&unfinished)?;
        Ok(Report::Published)
    }

    /// Deletes an unfinished upload.
    pub(crate) fn discard(&self, id: Guid) -> Result<Report, Refusal> {
        match fs::remove_file(self.unfinished(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(Report::Discarded),
        }
    }

    /// Where an unfinished upload is. Braces keep it apart from every published file.
    pub(crate) fn unfinished(&self, id: Guid) -> PathBuf {
        self.folder.join(format!("{id}.part"))
    }
}

/// Has the system write the names in a folder to the disk, where it can promise that.
fn sync_names(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A file that is not there is an upload that was lost.
fn missing(error: io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound => Refusal::EntityMissing,
        _ => error.into(),
    }
}
