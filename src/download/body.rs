//! What stands in an answer's place for its body.

use std::ops::Range;

use bytes::Bytes;

/// What the caller sends as an answer's body: these segments, one after another, and nothing else.
///
/// The library never holds a byte of an entity. The head has announced [`len`](Self::len) as `Content-Length`, but for an
/// answer to HEAD, whose body is always empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Body {
    segments: Vec<Segment>,
}

/// A piece of a [`Body`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever sends a body must know every kind of piece")]
pub enum Segment {
    /// These bytes of the entity; never an empty range.
    Entity(Range<u64>),
    /// This text: what stands between the ranges of a `multipart/byteranges` body.
    Text(Bytes),
}

impl Segment {
    /// How many bytes it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no segment is empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Entity(range) => range.end.saturating_sub(range.start),
            Self::Text(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
        }
    }
}

impl Body {
    pub(super) fn new(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    /// A body of one range; without any bytes if the range has none.
    pub(super) fn range(range: Range<u64>) -> Self {
        Self::new(if range.is_empty() { Vec::new() } else { vec![Segment::Entity(range)] })
    }

    /// The segments in the order that they are sent.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How many bytes the body has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.segments.iter().map(Segment::len).fold(0, u64::saturating_add)
    }

    /// Whether the body has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

impl IntoIterator for Body {
    type Item = Segment;
    type IntoIter = std::vec::IntoIter<Segment>;

    fn into_iter(self) -> Self::IntoIter {
        self.segments.into_iter()
    }
}
