//! What the server does with files: each step that a session asks for, done, and reported.

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
    pub(crate) fn open(&self, id: Guid, path: &str) -> Report {
        match self.published(path) {
            None => failed(Refusal::AccessDenied),
            // Told now, a client need not send the whole file to learn it. It counts when it is published.
            Some(path) if path.exists() => failed(Refusal::DestinationExists),
            Some(_) => report(File::create_new(self.unfinished(id)).map(drop), Report::Opened),
        }
    }

    /// Stores the part of a fragment's body that is new.
    ///
    /// What was stored before the connection broke counts: the client need not send it again. Sessions of this server
    /// die with its process, so it is enough that the operating system has the bytes; a server that keeps its sessions
    /// calls `sync_data` before it reports them stored.
    pub(crate) fn store(&self, id: Guid, store: &Store, body: &mut impl Read) -> Report {
        let mut stored = 0;
        match self.copy(id, store, body, &mut stored) {
            Ok(()) => Report::Stored(stored),
            Err(error) => Report::Failed { stored, refusal: refusal(&error) },
        }
    }

    fn copy(&self, id: Guid, store: &Store, body: &mut impl Read, stored: &mut u64) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.unfinished(id))?;
        file.seek(SeekFrom::Start(store.range.start))?;
        // A body that ends early, here or below, is the client's affair: what was stored is reported.
        let _skipped = io::copy(&mut body.take(store.skip), &mut io::sink());
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = body.read(&mut buffer) {
            file.write_all(&buffer[..length])?;
            *stored += length as u64;
        }
        Ok(())
    }

    /// Puts the file at its destination: the whole of it at once, and never over another one.
    pub(crate) fn publish(&self, id: Guid, path: &str) -> Report {
        let Some(destination) = self.published(path) else { return failed(Refusal::AccessDenied) };
        let unfinished = self.unfinished(id);
        // Not `rename`: it overwrites. The bytes must be on the disk before the name is, and the name before it is
        // acknowledged.
        let done = File::open(&unfinished)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::hard_link(&unfinished, destination))
            .and_then(|()| sync_names(&self.folder))
            .and_then(|()| fs::remove_file(&unfinished));
        report(done, Report::Published)
    }

    /// Deletes an unfinished upload.
    pub(crate) fn discard(&self, id: Guid) -> Report {
        match fs::remove_file(self.unfinished(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Report::Discarded,
            done => report(done, Report::Discarded),
        }
    }

    /// Where an unfinished upload is. Braces keep it apart from every published file.
    pub(crate) fn unfinished(&self, id: Guid) -> PathBuf {
        self.folder.join(format!("{id}.part"))
    }
}

fn report(done: io::Result<()>, success: Report) -> Report {
    match done {
        Ok(()) => success,
        Err(error) => failed(refusal(&error)),
    }
}

fn failed(refusal: Refusal) -> Report {
    Report::Failed { stored: 0, refusal }
}

/// Has the system write the names in a folder to the disk, where it can promise that.
fn sync_names(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// What the client is told: enough to know whether trying again makes sense, and nothing of this machine.
fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Refusal::DestinationExists,
        io::ErrorKind::NotFound => Refusal::EntityMissing,
        io::ErrorKind::StorageFull => Refusal::DiskFull,
        _ => Refusal::Internal,
    }
}
