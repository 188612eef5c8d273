//! What the caller tells an upload.

/// What went wrong below HTTP with an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum TransportError {
    /// No byte of the request left: the name did not resolve, the connection was refused.
    Unsent,
    /// The request, or part of it, may have arrived, and no answer came. Say this where in doubt.
    Interrupted,
}

/// How an upload is suspended (C37).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Suspend {
    /// Once the exchange under way has been answered.
    Gracefully,
    /// At once; the exchange under way is given up.
    AtOnce,
}
