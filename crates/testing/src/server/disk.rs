//! The disk that outlives a server's process: bytes, rows of JSON, and published entities.

use std::collections::BTreeMap;

use bits_proto::Guid;
use bits_proto::server::{Refusal, Report};

#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// The bytes of the uploads.
    pub bytes: BTreeMap<Guid, Vec<u8>>,
    /// What is kept of their sessions.
    pub rows: BTreeMap<Guid, String>,
    /// What was published, in order: whose, where, what.
    pub published: Vec<(Guid, String, Vec<u8>)>,
}

impl Disk {
    pub fn make_room(&mut self, id: Guid) -> Report {
        self.bytes.insert(id, Vec::new());
        Report::Opened
    }

    /// Writes at an offset, over whatever a process that died has left there.
    #[track_caller]
    pub fn write(&mut self, id: Guid, offset: u64, new: &[u8]) {
        let bytes = self.bytes.get_mut(&id).expect("there is room for the upload");
        let offset = usize::try_from(offset).unwrap();
        assert!(offset <= bytes.len(), "the bytes leave a hole");
        bytes.truncate(offset);
        bytes.extend_from_slice(new);
    }

    /// Moves the bytes to their destination in one step.
    pub fn publish(&mut self, id: Guid, destination: &str) -> Report {
        let Some(entity) = self.bytes.remove(&id) else { return Report::Failed(Refusal::EntityMissing) };
        self.published.push((id, destination.to_owned(), entity));
        Report::Published
    }

    pub fn discard(&mut self, id: Guid) -> Report {
        self.bytes.remove(&id);
        Report::Discarded
    }
}
