//! A table of sessions in memory.

// First, so that the page of `Sessions` begins with `new`.
mod sessions;

mod deadlines;
mod guid_hash;
mod outside;
mod restore;
mod shelf;

pub use restore::Restored;
pub use sessions::Sessions;
