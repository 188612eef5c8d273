mod attributes;
pub(super) mod client;
mod crashes;
mod kills;
mod mounts;
mod power_cuts;
mod quota;
pub(super) mod recorded;
mod state;
mod take_overs;
mod uploads;

use std::fs;
use std::path::{Path, PathBuf};

use bits_proto::Guid;
use bytes::Bytes;
use tempfile::TempDir;
pub(super) use testing::machine::Mount;

use super::{Durability, Folder, FolderBuilder};
use crate::storage::{Destination, Failure, Span, Storage, Writer};

/// A folder with a root in it.
pub(super) struct Place {
    pub(super) folder: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        Self { folder }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("root")
    }

    pub(super) fn builder(&self) -> FolderBuilder {
        Folder::builder(self.root())
    }

    pub(super) fn open(&self) -> Folder {
        self.builder().open().unwrap()
    }
}

pub(super) fn id(number: u8) -> Guid {
    Guid::from_random([number; 16])
}

pub(super) fn to(path: &str, overwrites: bool) -> Destination<'_> {
    Destination { path, overwrites }
}

pub(super) fn span(start: usize, end: usize, total: usize) -> Span {
    Span { start: start as u64, end: end as u64, total: total as u64, fence: 1 }
}

/// Runs something async to its end.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Stores bytes from `start` on, as an upload of `total` bytes.
pub(super) async fn store(
    folder: &Folder,
    id: Guid,
    start: usize,
    bytes: &[u8],
    total: usize,
) -> Result<u64, Failure> {
    let mut writer = folder.writer(id, span(start, start + bytes.len(), total)).await?;
    for chunk in bytes.chunks(100_000) {
        if writer.write(Bytes::copy_from_slice(chunk)).await.is_err() {
            break;
        }
    }
    let (stored, done) = writer.finish().await;
    done.map(|()| stored)
}

/// Has an upload with these bytes, ready to be published.
pub(super) fn stored(folder: &Folder, id: Guid, path: &str, overwrites: bool, bytes: &[u8]) {
    run(async {
        folder.open(id, &to(path, overwrites)).await.unwrap();
        assert_eq!(store(folder, id, 0, bytes, bytes.len()).await, Ok(bytes.len() as u64));
    });
}

/// The names in a folder, without the state folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.filter(|name| name != ".bits").collect();
    names.sort();
    names
}
