//! S3, and stores that speak it.

use http::HeaderMap;
use http::header::{HeaderValue, IF_NONE_MATCH};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut, S3CopyIfNotExists};

use super::cloud::{in_time, retry, unusable};
use super::{Objects, ObjectsBuilder};
use crate::storage::Failure;

/// What S3 copies in one step.
const COPY: u64 = 5 * 1024 * 1024 * 1024;

impl Objects {
    /// Begins to configure a storage in a bucket. `options` are those of the HTTP client: certificates, proxies, whether plain HTTP is
    /// allowed. Time limits are set here. For TLS, the program installs a provider of rustls.
    ///
    /// The store must take `If-None-Match` when a file is put and when a multipart upload is completed, as S3 does since November 2024. One
    /// that ignores it overwrites what is there: allow overwriting with such a store.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn s3(bucket: AmazonS3Builder, options: ClientOptions) -> Result<ObjectsBuilder, Failure> {
        let bucket = (bucket.with_retry(retry()))
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_copy_if_not_exists(S3CopyIfNotExists::Multipart);
        let build = |bucket: AmazonS3Builder, options| {
            bucket.with_client_options(in_time(options)).build().map_err(|error| unusable(&error))
        };
        // The crate has no conditional completion. A client that says so with every request has: it does nothing but complete.
        let condition = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
        let if_absent = build(bucket.clone(), options.clone().with_default_headers(condition))?;
        let mut builder = Self::builder(build(bucket, options)?).completes_if_absent(if_absent);
        let shared = &mut builder.shared;
        (shared.probes, shared.copies_if_absent, shared.max_copy) = (true, true, COPY);
        // A conditional copy is a multipart upload of its own, without the attributes.
        shared.marks_copies = false;
        Ok(builder)
    }
}
