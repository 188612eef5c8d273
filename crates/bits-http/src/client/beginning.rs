//! The beginning of an upload: a new one, or the one that an earlier run left behind.

use std::time::Instant;

use bits_proto::RestoreError;
use bits_proto::client::{Entity, ReplyMode, Upload};
use http::Uri;

use super::config::Config;
use super::cookies::Cookies;
use super::error::{Error, StateError};
use super::source::Source;
use super::state::Kept;

/// A new upload, or the one that an earlier run left behind.
pub(super) fn begin(
    source: &dyn Source,
    version: String,
    destination: Uri,
    config: &Config,
    state: &mut Kept,
) -> Result<(Upload, Cookies), Error> {
    let invalid = |error: &dyn std::error::Error| Error::Invalid(error.to_string());
    let entity = Entity::new(source.size()).map_err(|error| invalid(&error))?.with_validator(version);
    // The name is a courtesy to the server. Where it is none that may be sent, the upload goes without.
    let entity = entity.clone().named(source.name().unwrap_or_default()).unwrap_or(entity);
    let protocol = config.protocol.clone();
    let protocol = protocol
        .headers(config.headers.clone())
        .host_policy(config.policy(&destination))
        .reply(if config.reply.is_some() { ReplyMode::Required } else { ReplyMode::Ignored })
        .seed(random_number())
        .build()
        .map_err(|error| invalid(&error))?;
    let now = Instant::now();
    if let Some(found) = state.load()? {
        let (snapshot, age) = (found.snapshot, found.at_rest);
        let restored =
            Upload::restore(now, destination.clone(), snapshot, age, entity.clone(), protocol.clone());
        let mut upload = restored.map_err(|error| match error {
            RestoreError::OtherDestination => StateError::OtherDestination,
            error => StateError::Invalid(error.to_string()),
        })?;
        // An upload that was at rest is told to go on; any other one has begun to by itself.
        let _goes_on_already = upload.resume(now);
        if !upload.state().is_ended() {
            return Ok((upload, found.cookies));
        }
    }
    let upload = Upload::new(now, destination, entity, protocol).map_err(|error| invalid(&error))?;
    Ok((upload, Cookies::default()))
}

/// The standard library has no generator, but the keys of its hash maps come from the operating system's.
pub(super) fn random_number() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
