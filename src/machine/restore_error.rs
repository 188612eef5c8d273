//! The store is to blame.

/// A stored snapshot cannot be restored: the store's fault, or that of another version of this library.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The snapshot's form is of a version that this version of the library does not know.
    #[error("the snapshot is of version {0}, which is not known here")]
    Version(u32),
    /// No machine can have made the snapshot: it is corrupt, or something else's.
    #[error("the snapshot contradicts itself: {0}")]
    Inconsistent(&'static str),
}
