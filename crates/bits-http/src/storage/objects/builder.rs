//! The configuration of a storage in an object store.

use std::fmt;
use std::sync::{Arc, Mutex};

use object_store::ObjectStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use tokio::sync::Semaphore;

use super::{GATHERING, MIB, Objects, Shared};
use crate::storage::Failure;

/// Configures [`Objects`].
#[must_use = "nothing is stored before `build`"]
pub struct ObjectsBuilder {
    pub(super) shared: Shared,
}

impl Objects {
    /// Begins to configure a storage in this store.
    pub fn builder<S: ObjectStore + MultipartStore>(store: S) -> ObjectsBuilder {
        let store = Arc::new(store);
        ObjectsBuilder {
            shared: Shared {
                parts: Arc::clone(&store) as Arc<dyn MultipartStore>,
                store,
                if_absent: None,
                probes: false,
                prefix: Path::default(),
                part_size: 8 * MIB,
                max_part_size: 64 * MIB,
                buffers: Arc::new(Semaphore::new(16)),
                gathering: Semaphore::new(GATHERING),
                known: Mutex::default(),
            },
        }
    }
}

impl ObjectsBuilder {
    /// Keeps everything below this prefix.
    ///
    /// # Errors
    /// The prefix is no path of the store's.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, Failure> {
        self.shared.prefix = Path::parse(prefix).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(self)
    }

    /// The size of a part in bytes, 8 MiB by default. S3 takes no less than 5 MiB. An entity of more than 10,000 parts has larger ones, up
    /// to eight times as large; one that needs larger parts still is refused.
    pub fn part_size(mut self, bytes: u64) -> Self {
        self.shared.part_size = bytes.max(1);
        self.shared.max_part_size = self.shared.part_size.saturating_mul(8);
        self
    }

    /// How many uploads may gather a part in memory at a time; 16 by default.
    pub fn buffers(mut self, buffers: usize) -> Self {
        self.shared.buffers = Arc::new(Semaphore::new(buffers));
        self
    }

    /// Completes multipart uploads that must not overwrite through this store, which is the same one and completes an upload only if
    /// its key does not exist.
    pub fn completes_if_absent<S: MultipartStore>(mut self, store: S) -> Self {
        self.shared.if_absent = Some(Arc::new(store));
        self
    }

    /// The storage.
    #[must_use]
    pub fn build(self) -> Objects {
        Objects(Arc::new(self.shared))
    }
}

impl fmt::Debug for ObjectsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectsBuilder").field("store", &self.shared.store).finish_non_exhaustive()
    }
}
