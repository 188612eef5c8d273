//! What a storage holds, and what it wants to be told: as the core will have it.

/// What a storage holds of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "as in the core")]
pub enum Held {
    /// So many bytes.
    Bytes(u64),
    /// Nothing: published, discarded or lost.
    Nothing,
    /// It knows that it published them.
    Published,
}

/// What is kept of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "as in the core")]
pub enum Keep {
    /// Records.
    Records,
    /// Records, but not for every Fragment: the storage knows its length.
    RecordsWithoutOffset,
}
