//! The errors of an upload.

use std::fmt;
use std::io;

use bits_proto::client::Failure;
use bits_proto::download;

use super::transport::TransportFailure;

/// The reason why an upload ended before the server published it.
#[non_exhaustive]
pub enum Error {
    /// The destination, or the configuration, makes no sense.
    Invalid(String),
    /// The source cannot be read.
    Source(io::Error),
    /// The state cannot be used.
    State(StateError),
    /// The reply's file cannot be written. The upload did not begin.
    ReplyFile(String),
    /// The connection failed, and another try would fail as well: [`TransportFailure::lasting`] says why.
    Transport(TransportFailure),
    /// The upload failed by the rules of the protocol.
    Failed {
        /// Why.
        failure: Failure,
        /// The last error of a connection, if it is not in the failure already.
        trouble: Option<String>,
    },
    /// The reply could not be fetched. The session stays, and an upload with the same state fetches it.
    Reply(ReplyError),
    /// The upload was suspended. An upload with the same state goes on.
    Suspended,
    /// The upload was cancelled.
    Cancelled,
}

/// The reason why a reply could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// The download gave up.
    Failed {
        /// Why.
        failure: download::Failure,
        /// What it waited for last, if it gave up.
        cause: Option<download::Failure>,
        /// The last error of a connection.
        trouble: Option<String>,
    },
    /// The connection failed, and another try would fail as well.
    Transport(TransportFailure),
    /// It is at this host, which the policy does not allow.
    OtherHost(String),
    /// It cannot be stored.
    Unwritable(String),
    /// Its address, or the configuration, makes no sense.
    Invalid(String),
    /// The upload was told to end.
    Interrupted,
}

/// The reason why a state cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateError {
    /// Another upload uses it.
    InUse,
    /// It cannot be read or locked.
    Unusable(io::Error),
    /// It cannot be written.
    Unwritable(io::Error),
    /// It is not the state of an upload, or contradicts itself.
    Invalid(String),
    /// It belongs to an upload to another address.
    OtherDestination,
}

/// The same text as `Display`, because Rust prints an error that `main` returns by `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => f.write_str(why),
            Self::Source(error) => write!(f, "the source cannot be read: {error}"),
            Self::State(error) => write!(f, "the state cannot be used: {error}"),
            Self::ReplyFile(why) => f.write_str(why),
            Self::Transport(failure) => failure.fmt(f),
            Self::Failed { failure, trouble: None } => failure.fmt(f),
            Self::Failed { failure, trouble: Some(trouble) } => write!(f, "{failure}: {trouble}"),
            Self::Reply(why) => write!(f, "the reply could not be fetched: {why}"),
            Self::Suspended => f.write_str("suspended"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::State(error) => Some(error),
            Self::Transport(error) => Some(error),
            Self::Failed { failure, .. } => Some(failure),
            Self::Reply(error) => Some(error),
            Self::Invalid(_) | Self::ReplyFile(_) | Self::Suspended | Self::Cancelled => None,
        }
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { failure, cause, trouble } => {
                failure.fmt(f)?;
                cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))?;
                trouble.as_ref().map_or(Ok(()), |trouble| write!(f, " ({trouble})"))
            }
            Self::Transport(failure) => failure.fmt(f),
            Self::OtherHost(host) => write!(f, "it is at another host, {host}, which may not be followed"),
            Self::Unwritable(why) => write!(f, "it cannot be stored: {why}"),
            Self::Invalid(why) => f.write_str(why),
            Self::Interrupted => f.write_str("it was interrupted"),
        }
    }
}

impl std::error::Error for ReplyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed { failure, .. } => Some(failure),
            Self::Transport(failure) => Some(failure),
            Self::OtherHost(_) | Self::Unwritable(_) | Self::Invalid(_) | Self::Interrupted => None,
        }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("another upload uses it"),
            Self::Unusable(error) => write!(f, "it cannot be read: {error}"),
            Self::Unwritable(error) => write!(f, "it cannot be written: {error}"),
            Self::Invalid(why) => write!(f, "it is no state of an upload: {why}"),
            Self::OtherDestination => f.write_str("it belongs to an upload to another address"),
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unusable(error) | Self::Unwritable(error) => Some(error),
            Self::InUse | Self::Invalid(_) | Self::OtherDestination => None,
        }
    }
}
