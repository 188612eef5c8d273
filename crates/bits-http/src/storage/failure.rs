//! The reason why a storage did not do its work: for the client, and for the log.

use std::borrow::Cow;
use std::fmt;
use std::io;

use bits_proto::server::Refusal;

/// The reason why a storage did not do its work.
///
/// The [`Refusal`] decides what the client is told. The text is for the log alone: it may name files of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    refusal: Refusal,
    reason: Cow<'static, str>,
}

impl Failure {
    /// A refusal and its reason, for the log.
    #[must_use]
    pub fn new(refusal: Refusal, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { refusal, reason: reason.into() }
    }

    /// A failure of the server, not of the request: the client is answered 500, and tries again.
    #[must_use]
    pub fn internal(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Refusal::Internal, reason)
    }

    /// Decides what the client is told.
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// The reason, for the log.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal, refusal.to_string())
    }
}

/// An error of the operating system that is about the client's request becomes a refusal of the request. Every other one is
/// an internal error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { refusal: Refusal::from(&error), reason: error.to_string().into() }
    }
}
