//! Counts published objects, for a quota.

use std::future::ready;

use futures_util::TryStreamExt;

use super::{Shared, failure};
use crate::storage::Failure;

impl Shared {
    /// Counts the bytes of the objects that are published below a folder, or below the prefix. What is below `.bits` is of unfinished
    /// uploads.
    pub(super) async fn count(&self, folder: &str) -> Result<u64, Failure> {
        let below = match folder.is_empty() {
            true => self.prefix.clone(),
            false => self.prefix.clone().join(folder),
        };
        let own = self.own();
        let objects = self.store.list(Some(&below)).map_err(|error| failure(&error));
        let published = objects.try_filter(|object| ready(!object.location.prefix_matches(&own)));
        published.try_fold(0_u64, |bytes, object| ready(Ok(bytes.saturating_add(object.size)))).await
    }
}
