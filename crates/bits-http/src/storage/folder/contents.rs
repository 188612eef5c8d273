//! Files that are read again: published ones, entities for a server application, replies.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;
use rustix::fs::{Mode, OFlags};

use super::writer::Ending;
use super::{Durability, Folder, FolderWriter, blocking, disk, place, tree};
use crate::storage::{Contents, Failure, Reader};

/// A file of a [`Folder`].
#[derive(Debug)]
pub struct FolderReader {
    file: Arc<File>,
    size: u64,
    etag: String,
    modified: Option<SystemTime>,
}

impl FolderReader {
    fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let time = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        Ok(Self {
            size: metadata.len(),
            etag: format!("\"{:x}-{:x}-{time:x}\"", metadata.ino(), metadata.len()),
            modified: metadata.modified().ok(),
            file: Arc::new(file),
        })
    }
}

impl Reader for FolderReader {
    fn size(&self) -> u64 {
        self.size
    }

    fn etag(&self) -> Option<String> {
        Some(self.etag.clone())
    }

    fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, Failure> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, range.start)?;
            Ok(bytes.into())
        })
        .await
    }
}

impl Contents for Folder {
    type Reader = FolderReader;

    async fn published(&self, path: &str) -> Result<FolderReader, Failure> {
        let (shared, path) = (self.shared(), path.to_owned());
        blocking(move || {
            let path = tree::parse(&path)?;
            let (root, state) = shared.opened()?;
            let below = tree::descend(&root.folder, state.identity, &path.folders)?;
            if below.depth < path.folders.len() {
                return Err(Refusal::NoSuchFolder.into());
            }
            Ok(FolderReader::new(tree::read(&below.folder, &path.name)?)?)
        })
        .await
    }

    async fn entity(&self, id: Guid) -> Result<FolderReader, Failure> {
        let shared = self.shared();
        blocking(move || {
            let file = shared.part(id, u64::MAX)?.open(OFlags::RDONLY)?.ok_or(Refusal::EntityMissing)?;
            Ok(FolderReader::new(file)?)
        })
        .await
    }

    async fn reply(&self, id: Guid) -> Result<FolderReader, Failure> {
        let shared = self.shared();
        blocking(move || {
            let (_, state) = shared.opened()?;
            Ok(FolderReader::new(tree::read(&state.folder, &reply_name(id))?)?)
        })
        .await
    }

    async fn write_reply(&self, id: Guid) -> Result<FolderWriter, Failure> {
        let shared = self.shared();
        blocking(move || {
            let (_, state) = shared.opened()?;
            let mode = Mode::RUSR | Mode::WUSR;
            let file =
                disk::create(&state.folder, &reply_name(id), OFlags::TRUNC, mode).map_err(io::Error::from)?;
            let never = shared.durability == Durability::Never;
            let ending = if never { Ending::Nothing } else { Ending::Synced };
            // Nobody has said how long it will be.
            Ok(FolderWriter::new(file, 0..u64::MAX, ending))
        })
        .await
    }

    async fn remove_reply(&self, id: Guid) -> Result<(), Failure> {
        let shared = self.shared();
        blocking(move || {
            let (_, state) = shared.opened()?;
            Ok(tree::remove(&state.folder, &reply_name(id))?)
        })
        .await
    }

    async fn files(&self, id: Guid) -> Option<[PathBuf; 2]> {
        let shared = self.shared();
        let found = blocking(move || {
            let (_, state) = shared.opened()?;
            let place = place::path(&state, id)?.ok_or(Refusal::EntityMissing)?;
            let reply = shared.state.path().join(reply_name(id));
            Ok([shared.root.path().join(place), reply])
        });
        found.await.ok()
    }
}

fn reply_name(id: Guid) -> String {
    format!("{id}.reply")
}
