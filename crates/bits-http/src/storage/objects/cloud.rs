//! The parts that the stores of all clouds share.

use std::time::Duration;

use object_store::{ClientOptions, Error, RetryConfig};

use crate::storage::Failure;

/// How long one request to the store may take, and all of its repeats. A client is waiting meanwhile.
const REQUEST: Duration = Duration::from_secs(30);
const REPEATS: Duration = Duration::from_secs(60);

pub(super) fn retry() -> RetryConfig {
    RetryConfig { retry_timeout: REPEATS, ..RetryConfig::default() }
}

pub(super) fn in_time(options: ClientOptions) -> ClientOptions {
    options.with_timeout(REQUEST).with_connect_timeout(REQUEST / 6)
}

pub(super) fn unusable(error: &Error) -> Failure {
    Failure::internal(format!("the object store cannot be used: {error}"))
}
