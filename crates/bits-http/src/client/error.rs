//! Why an upload ends without the server having its bytes.

use std::fmt;
use std::io;

use bits_proto::client::Failure;

use super::transport::TransportFailure;

/// Why an upload ends without the server having its bytes.
#[derive(Debug)]
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
    /// The connection fails in a way that does not pass: [`TransportFailure::lasting`] says why.
    Transport(TransportFailure),
    /// The protocol's machine gave up.
    Failed {
        /// Why.
        failure: Failure,
        /// What went wrong last, if that is not in the failure already.
        trouble: Option<String>,
    },
    /// The reply could not be fetched. The session stays, and an upload with the same state fetches it.
    Reply(String),
    /// The upload was suspended. An upload with the same state goes on.
    Suspended,
    /// The upload was cancelled.
    Cancelled,
}

/// Why a state cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateError {
    /// Another upload uses it.
    InUse,
    /// It cannot be read or locked.
    Unusable(io::Error),
    /// It cannot be written.
    Unwritable(io::Error),
    /// It is no state of an upload, or a contradictory one.
    Invalid(String),
    /// It belongs to an upload to another address.
    OtherDestination,
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
            Self::Invalid(_) | Self::ReplyFile(_) | Self::Reply(_) | Self::Suspended | Self::Cancelled => {
                None
            }
        }
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::State(error)
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
