//! Nodes over one database and one memory.

use std::time::Duration;

use bits_http::storage::{Memory, Quota};
use bits_proto::server::{Directory, DirectoryBuilder, Keep};
use farm::{Database, Node, Part};

pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// A database, and the memory that its nodes share.
pub(crate) struct Farm {
    pub(crate) database: Database,
    pub(crate) memory: Memory,
    pub(crate) directory: Directory,
}

impl Farm {
    pub(crate) fn start() -> Self {
        Self::with(|directory| directory)
    }

    pub(crate) fn with(change: impl FnOnce(DirectoryBuilder) -> DirectoryBuilder) -> Self {
        let directory = Directory::builder().sessions_per_owner(usize::MAX).keep(Keep::Records);
        let directory = change(directory).build().unwrap();
        Self { database: Database::start(), memory: Memory::new(), directory }
    }

    pub(crate) async fn node(&self) -> Node {
        self.start_node(None).await
    }

    /// A node that keeps a quota of everything.
    pub(crate) async fn node_with(&self, quota: u64) -> Node {
        self.start_node(Some(Quota::of_all(quota))).await
    }

    pub(crate) async fn start_node(&self, quota: Option<Quota>) -> Node {
        let (config, storage) = (self.database.config(), self.memory.clone());
        Node::start(Part { config, storage, directory: self.directory.clone(), lease: LEASE, quota }).await
    }

    /// The rows of sessions that are open, that have ended, and that somebody holds.
    pub(crate) async fn rows(&self) -> [i64; 3] {
        let count = |what: &str| format!("SELECT count(*) FROM bits_sessions WHERE {what}");
        [
            self.database.number(&count("is_open")).await,
            self.database.number(&count("NOT is_open")).await,
            self.database.number(&count("holder <> 0")).await,
        ]
    }
}

/// Bytes that tell where they belong.
pub(crate) fn contents(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}
