//! The bytes that this process has synced, so that no Close syncs them again.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bits_proto::Guid;

/// Up to where the bytes of uploads were synced. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lasting(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    synced: HashMap<Guid, u64>,
    /// The file systems that were synced as a whole, with what an earlier process wrote.
    devices: HashSet<u64>,
}

impl Lasting {
    pub(super) fn synced(&self, id: Guid, end: u64) {
        self.state().synced.insert(id, end);
    }

    pub(super) fn is_synced(&self, id: Guid, end: u64) -> bool {
        self.state().synced.get(&id) == Some(&end)
    }

    pub(super) fn forget(&self, id: Guid) {
        self.state().synced.remove(&id);
    }

    /// Makes everything on the file system of a file last, once. Of an earlier process it is not known what it has synced.
    pub(super) fn sync_all(&self, file: &File) -> io::Result<()> {
        let device = file.metadata()?.dev();
        let mut state = self.state();
        if !state.devices.contains(&device) {
            super::disk::sync_file_system(file)?;
            state.devices.insert(device);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
