//! What is done with files, from tasks: on threads that may block, and where need be one after another.

use std::panic::resume_unwind;
use std::sync::Arc;

use bits_proto::Guid;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::spawn_blocking;

use crate::storage::Storage;

/// Sessions take turns with those that share a lock; more locks than a disk does at a time are of no use.
const LOCKS: usize = 64;

pub(crate) struct Files {
    storage: Arc<Storage>,
    locks: [Mutex<()>; LOCKS],
}

impl Files {
    pub(crate) fn new(storage: Arc<Storage>) -> Self {
        Self { storage, locks: std::array::from_fn(|_| Mutex::new(())) }
    }

    /// Does something with files, and waits for it.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Storage) -> T + Send + 'static,
    ) -> T {
        let storage = Arc::clone(&self.storage);
        match spawn_blocking(move || work(&storage)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The program ends.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// While this is held, nobody else saves or deletes the session: an older state never overwrites a newer one.
    #[expect(clippy::indexing_slicing, reason = "the remainder is below their number")]
    pub(crate) async fn turn(&self, id: Guid) -> MutexGuard<'_, ()> {
        let [.., last] = id.as_bytes();
        self.locks[usize::from(*last) % LOCKS].lock().await
    }
}
