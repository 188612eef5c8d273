//! Azure Blob Storage.

use object_store::ClientOptions;
use object_store::azure::MicrosoftAzureBuilder;

use super::cloud::{in_time, retry, unusable};
use super::{Objects, ObjectsBuilder};
use crate::storage::Failure;

impl Objects {
    /// Begins to configure a storage in a container of Azure Blob Storage. `options` are as those of [`s3`](Self::s3).
    ///
    /// A blob has one set of blocks that are not committed, whoever put them; so uploads of several parts are put together
    /// below `.bits`, and copied. Azure deletes blocks a week after the last one was put: an upload that rests for longer starts over.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn azure(
        container: MicrosoftAzureBuilder,
        options: ClientOptions,
    ) -> Result<ObjectsBuilder, Failure> {
        let container = container.with_retry(retry()).with_client_options(in_time(options));
        let store = container.build().map_err(|error| unusable(&error))?;
        let mut builder = Self::builder(store).stages(true).copies_if_absent(true);
        // Blocks have no attributes, and so has what was put together of them.
        (builder.shared.marks_parts, builder.shared.marks_copies) = (false, false);
        Ok(builder)
    }
}
