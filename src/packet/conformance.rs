//! The two levels of conformance, at which a peer's message is read.

use std::fmt;

/// The strictness with which a peer's message is read. What is *sent* is exact in either case.
///
/// Every decoding takes it as an argument, so that one program can be lenient with one peer and test another.
///
/// ```
/// use bits_proto::{Conformance, Hresult};
///
/// // One vendor writes error codes without `0x`.
/// assert_eq!(Hresult::parse(b"80070057", Conformance::Interop), Some(Hresult::E_INVALIDARG));
/// assert_eq!(Hresult::parse(b"80070057", Conformance::Strict), None);
/// assert_eq!(Conformance::default().to_string(), "interop");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_enums, reason = "two levels by design: a third would be another protocol")]
pub enum Conformance {
    /// Tolerates what real peers are known to do. The default.
    #[default]
    Interop,
    /// Refuses everything that MC-BUP says must be refused. For testing other implementations.
    Strict,
}

impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Interop => "interop",
            Self::Strict => "strict",
        })
    }
}

impl Conformance {
    /// Whether this is [`Conformance::Strict`].
    #[must_use]
    pub const fn is_strict(self) -> bool {
        matches!(self, Self::Strict)
    }
}
