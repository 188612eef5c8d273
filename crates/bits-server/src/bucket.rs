//! A root in an object store: S3 and what speaks it, Azure Blob Storage, Google Cloud Storage.

use std::ops::RangeInclusive;

use bits_http::storage::{Failure, Objects, ObjectsBuilder};
use object_store::ClientOptions;

/// The variables that name another endpoint than the cloud's own. One without TLS is meant as it is written.
const ENDPOINTS: [&str; 4] =
    ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AZURE_STORAGE_ENDPOINT", "GOOGLE_BASE_URL"];

/// The size of a part: the smallest one that stores take, where there is little memory, and the one that is best else.
const PARTS: RangeInclusive<u64> = 5 * 1024 * 1024..=8 * 1024 * 1024;

/// Prepares the storage of a URL such as `s3://bucket/prefix`. The rest is in the environment. `notifies`: a server application is sent
/// what is complete, before it is published. `memory`: what parts may take.
///
/// # Errors
/// The configuration makes no sense, or this program was built without the store.
pub(crate) fn open(url: &str, notifies: bool, memory: u64) -> Result<Objects, String> {
    let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let prefix = path.unwrap_or_default().trim_matches('/');
    let is_plain = |name| std::env::var(name).is_ok_and(|endpoint| endpoint.starts_with("http://"));
    let client = ClientOptions::new().with_allow_http(ENDPOINTS.into_iter().any(is_plain));
    let builder = builder(url, client).and_then(|builder| builder.prefix(prefix));
    let builder = builder.map_err(|failure| format!("{url} cannot be used: {failure}"))?;
    let part = memory.clamp(*PARTS.start(), *PARTS.end());
    Ok(builder.stages(notifies).part_size(part).memory(memory).build())
}

fn builder(url: &str, client: ClientOptions) -> Result<ObjectsBuilder, Failure> {
    let (scheme, _) = url.split_once("://").unwrap_or_default();
    match scheme {
        #[cfg(feature = "s3")]
        "s3" => Objects::s3(object_store::aws::AmazonS3Builder::from_env().with_url(url), client),
        #[cfg(feature = "azure")]
        "az" => Objects::azure(object_store::azure::MicrosoftAzureBuilder::from_env().with_url(url), client),
        #[cfg(feature = "gcs")]
        "gs" => Objects::gcs(object_store::gcp::GoogleCloudStorageBuilder::from_env().with_url(url), client),
        _ => Err(Failure::internal(super::root::not_built(scheme))),
    }
}
