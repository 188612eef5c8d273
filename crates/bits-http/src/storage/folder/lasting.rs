//! The bytes and names that this process has synced, so that nothing is synced again.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bits_proto::Guid;
use rustix::fs::fstat;

/// What of uploads was synced.
#[derive(Debug, Default)]
pub(super) struct Lasting(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    synced: HashMap<Guid, u64>,
    /// The uploads whose names last: of the record, the hidden folder and the part.
    settled: HashSet<Guid>,
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

    pub(super) fn settled(&self, id: Guid) {
        self.state().settled.insert(id);
    }

    pub(super) fn is_settled(&self, id: Guid) -> bool {
        self.state().settled.contains(&id)
    }

    pub(super) fn ended(&self, id: Guid) {
        let mut state = self.state();
        state.synced.remove(&id);
        state.settled.remove(&id);
    }

    /// Makes everything on a file system last, once. Of an earlier process it is not known what it has synced.
    pub(super) fn sync_all(&self, of: impl AsFd) -> io::Result<()> {
        let device = fstat(&of)?.st_dev;
        let mut state = self.state();
        if !state.devices.contains(&device) {
            super::disk::sync_file_system(of)?;
            state.devices.insert(device);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
