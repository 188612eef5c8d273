//! Google Cloud Storage.

use object_store::ClientOptions;
use object_store::gcp::GoogleCloudStorageBuilder;

use super::cloud::{in_time, retry, unusable};
use super::{Objects, ObjectsBuilder};
use crate::storage::Failure;

impl Objects {
    /// Begins to configure a storage in a bucket of Google Cloud Storage. `options` are as those of [`s3`](Self::s3).
    ///
    /// Multipart uploads are completed unconditionally there. So uploads of several parts that must not overwrite are put together below
    /// `.bits`, and copied under a condition.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn gcs(bucket: GoogleCloudStorageBuilder, options: ClientOptions) -> Result<ObjectsBuilder, Failure> {
        let bucket = bucket.with_retry(retry()).with_client_options(in_time(options));
        let store = bucket.build().map_err(|error| unusable(&error))?;
        let mut builder = Self::builder(store).copies_if_absent(true);
        builder.shared.probes = true;
        Ok(builder)
    }
}
