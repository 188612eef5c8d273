//! The errors of a caller: a command or a setting that makes no sense.

/// A command that makes no sense where the machine is: the caller's fault. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// The upload or the download has ended.
    #[error("it has ended")]
    Ended,
    /// The upload or the download is not suspended.
    #[error("it is not suspended")]
    NotSuspended,
    /// The source changed: a new upload must begin.
    #[error("the source changed")]
    SourceChanged,
    /// No reply is being waited for.
    #[error("no reply is being waited for")]
    NoReplyWanted,
}

/// A setting that makes no sense: the caller's fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// A fragment of no bytes, or of 2^63 or more; a least size above the largest; a target time of zero.
    #[error("a fragment has at least one byte and less than 2^63, the least size is not above the largest")]
    FragmentSize,
    /// A time of zero.
    #[error("{0} must not be zero")]
    ZeroTime(&'static str),
    /// The first delay is longer than the longest.
    #[error("the first retry delay is longer than the longest")]
    RetryDelays,
    /// The destination is no absolute `http` or `https` URL.
    #[error("the destination is no absolute http or https URL")]
    Destination,
    /// The entity has no bytes, and empty ones are to be refused ([C13](crate::manual::decisions#c13)).
    #[error("the entity is empty")]
    EmptyEntity,
}
