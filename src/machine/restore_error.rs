//! The errors of a stored record.

/// A stored record cannot be restored: the fault of the store, of its caller, or of another version of this library.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The record's form is of a version that this version of the library does not know.
    #[error("the snapshot is of version {0}, which is not known here")]
    Version(u32),
    /// No machine can have made the record: it is corrupt, or something else's.
    #[error("the snapshot contradicts itself: {0}")]
    Inconsistent(&'static str),
    /// The record is of an upload to another scheme, host, port or path. Another query alone is the same upload.
    #[error("the snapshot belongs to another destination")]
    OtherDestination,
}
