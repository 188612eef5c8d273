//! A bound on the bytes that may be published.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bits_proto::server::Refusal;

use super::Failure;

/// How long a count is believed at least. Files come by other ways, too, and consumers take them away.
const BELIEVED: Duration = Duration::from_secs(10);

/// How many times as long as it took a count is believed, so that a storage with many files has something else to do.
const TIMES: u32 = 10;

/// How long an upload waits for a count. Then its client is asked to come back.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

type OfFolder = Arc<dyn Fn(&str) -> Option<u64> + Send + Sync>;

/// How many bytes a storage may hold.
///
/// All files count, whoever made them, and unfinished uploads count with the size that they will have. An upload that does not fit is
/// refused at its first fragment, and one that comes when nothing is left at Create.
///
/// Files are counted in the background, at the start and again when an upload comes ten seconds later, or ten times as
/// long as counting took. An upload is refused after a count that began when it came. While counting takes longer than 20 seconds, clients
/// are told that the server is busy, and come back.
///
#[cfg_attr(
    feature = "folder",
    doc = "One process keeps it with [`FolderBuilder::quota`](super::FolderBuilder::quota); processes"
)]
#[cfg_attr(not(feature = "folder"), doc = "Processes")]
/// that share a database keep it together with [`Leases::with_quota`](crate::leases::Leases::with_quota).
#[derive(Clone)]
pub struct Quota(Kind);

#[derive(Clone)]
enum Kind {
    All(u64),
    Folders(OfFolder),
}

impl Quota {
    /// So many bytes below the root.
    #[must_use]
    pub const fn of_all(bytes: u64) -> Self {
        Self(Kind::All(bytes))
    }

    /// So many bytes in each folder right below the root, by its name; `None`: any number. It must not block.
    pub fn of_folders(bytes: impl Fn(&str) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Kind::Folders(Arc::new(bytes)))
    }

    /// Whether one number bounds everything below the root.
    pub(crate) const fn is_of_all(&self) -> bool {
        matches!(self.0, Kind::All(_))
    }

    /// What a destination in this folder right below the root counts for: the folder's name, which is empty for the root, and what that
    /// may hold.
    pub(crate) fn of(&self, folder: Option<&str>) -> Option<(String, u64)> {
        match &self.0 {
            Kind::All(bytes) => Some((String::new(), *bytes)),
            Kind::Folders(of_folder) => {
                let folder = folder?;
                of_folder(folder).map(|bytes| (folder.to_owned(), bytes))
            }
        }
    }
}

/// How long a count is believed after its end.
pub(crate) fn believed_for(took: Duration) -> Duration {
    BELIEVED.max(took.saturating_mul(TIMES))
}

/// An upload does not fit.
pub(crate) fn full(quota: u64) -> Failure {
    Failure::new(Refusal::DiskFull, format!("the quota of {quota} bytes does not have that much left"))
}

/// Counting takes too long.
pub(crate) fn uncounted() -> Failure {
    Failure::new(Refusal::Busy, "the files are still being counted for the quota")
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::All(bytes) => f.debug_tuple("Quota").field(bytes).finish(),
            Kind::Folders(_) => f.write_str("Quota(..)"),
        }
    }
}
