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
    memory: u64,
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
                stages_all: false,
                copies_if_absent: false,
                max_copy: u64::MAX,
                marks_parts: true,
                marks_copies: true,
                probes: false,
                prefix: Path::default(),
                part_size: 8 * MIB,
                max_part_size: 64 * MIB,
                buffers: Arc::new(Semaphore::new(0)),
                gathering: Semaphore::new(0),
                known: Mutex::default(),
            },
            memory: 64 * MIB,
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

    /// How much memory parts may take, in bytes; 64 MiB by default, and one part at least. It is divided into parts of
    /// [this size](Self::part_size). Uploads for which there is none left put what they receive into the store in small pieces, and gather
    /// them there, which costs each byte a second way.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Completes multipart uploads that must not overwrite through this store, which is the same one and completes an upload only if
    /// its key does not exist.
    pub fn completes_if_absent<S: MultipartStore>(mut self, store: S) -> Self {
        self.shared.if_absent = Some(Arc::new(store));
        self
    }

    /// The store copies an object to a key that does not exist, or fails. Uploads that must not overwrite and have several parts are then
    /// put together below `.bits` and copied, where the store cannot [complete](Self::completes_if_absent) them conditionally.
    pub fn copies_if_absent(mut self, copies: bool) -> Self {
        self.shared.copies_if_absent = copies;
        self
    }

    /// Puts every entity of several parts together below `.bits`, and copies it when it is published. So it can be read before: a server
    /// application can be sent it. The copy is made by the store, whose limit holds: S3 copies no more than 5 GiB. Azure does so always.
    pub fn stages(mut self, stages: bool) -> Self {
        self.shared.stages_all |= stages;
        self
    }

    /// The storage.
    #[must_use]
    pub fn build(mut self) -> Objects {
        let parts = usize::try_from(self.memory / self.shared.part_size).unwrap_or(usize::MAX);
        let parts = parts.clamp(1, Semaphore::MAX_PERMITS);
        let gathering = (parts / GATHERING).max(1);
        self.shared.buffers = Arc::new(Semaphore::new(parts - gathering));
        self.shared.gathering = Semaphore::new(gathering);
        Objects(Arc::new(self.shared))
    }
}

impl fmt::Debug for ObjectsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectsBuilder").field("store", &self.shared.store).finish_non_exhaustive()
    }
}
