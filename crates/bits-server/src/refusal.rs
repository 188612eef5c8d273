//! From what went wrong with a file to what a client is told.

use std::io;

use bits_proto::server::Refusal;

/// Enough to know whether trying again makes sense, and nothing of this machine.
pub(crate) fn refusal(error: &io::Error) -> Refusal {
    use io::ErrorKind::{
        AlreadyExists, NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
        StorageFull,
    };
    match error.kind() {
        AlreadyExists => Refusal::DestinationExists,
        NotFound => Refusal::EntityMissing,
        PermissionDenied | NotADirectory | ReadOnlyFilesystem => Refusal::AccessDenied,
        StorageFull | QuotaExceeded => Refusal::DiskFull,
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Refusal::AccessDenied,
        _ => {
            tracing::error!(%error, "storage failed");
            Refusal::Internal
        }
    }
}
