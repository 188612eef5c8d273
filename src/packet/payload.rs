//! The body of a request, as a range of the entity: the library never holds the bytes.

use std::fmt;

use std::ops::Range;

/// The bytes that the caller sends as a request's body: nothing, or a range of the entity.
///
/// The library never holds a byte of an entity. The caller maps the range to a slice of `Bytes`, a file, a stream, or
/// `sendfile`, and sends exactly those bytes: the head has announced their number as `Content-Length`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "whoever sends a request must know every kind of body")]
pub enum Payload {
    /// No body.
    #[default]
    Empty,
    /// These bytes of the entity; never an empty range.
    Range(Range<u64>),
}

/// `no body`, or `bytes 0 to 4891` with the last byte included.
impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) if !self.is_empty() => {
                write!(f, "bytes {} to {}", range.start, range.end.saturating_sub(1))
            }
            _ => f.pad("no body"),
        }
    }
}

impl Payload {
    /// The length of the body in bytes.
    ///
    /// ```
    /// use bits_proto::packet::Payload;
    ///
    /// assert_eq!(Payload::Range(5..10).len(), 5);
    /// assert!(Payload::Empty.is_empty());
    /// assert_eq!(Payload::Range(5..10).to_string(), "bytes 5 to 9");
    /// ```
    #[must_use]
    pub const fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Range(range) => range.end.saturating_sub(range.start),
        }
    }

    /// Whether the body has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
