//! S3, and stores that speak it.

use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderValue, IF_NONE_MATCH};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::{ClientOptions, RetryConfig};

use super::{Objects, ObjectsBuilder};
use crate::storage::Failure;

/// How long one request to the store may take, and all of its repeats. A client is waiting meanwhile.
const REQUEST: Duration = Duration::from_secs(30);
const REPEATS: Duration = Duration::from_secs(60);

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
        let retry = RetryConfig { retry_timeout: REPEATS, ..RetryConfig::default() };
        let options = options.with_timeout(REQUEST).with_connect_timeout(REQUEST / 6);
        let bucket = bucket.with_retry(retry).with_conditional_put(S3ConditionalPut::ETagMatch);
        let build = |bucket: AmazonS3Builder, options| {
            let built = bucket.with_client_options(options).build();
            built.map_err(|error| Failure::internal(format!("the object store cannot be used: {error}")))
        };
        // The crate has no conditional completion. A client that says so with every request has: it does nothing but complete.
        let condition = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
        let if_absent = build(bucket.clone(), options.clone().with_default_headers(condition))?;
        let mut builder = Self::builder(build(bucket, options)?).completes_if_absent(if_absent);
        builder.shared.probes = true;
        Ok(builder)
    }
}
