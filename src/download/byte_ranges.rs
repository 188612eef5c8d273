//! The ranges of a `Range` header.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use http::HeaderValue;

use crate::packet::Conformance;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::digits::{saturating_decimal, trim};
use crate::vocabulary::limits::{MAX_HEADER_VALUE, MAX_RANGES};
use crate::vocabulary::range::split_once;

/// One range that a `Range` header asks for (RFC 9110 §14.1.2). Offsets count from zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_enums, reason = "HTTP knows these three")]
pub enum RangeSpec {
    /// `FIRST-LAST`: these bytes, LAST included.
    Closed {
        /// The offset of the first byte.
        first: u64,
        /// The offset of the last byte, which belongs to the range.
        last: u64,
    },
    /// `FIRST-`: from this offset to the end.
    From(u64),
    /// `-LENGTH`: the last so many bytes.
    Suffix(u64),
}

impl RangeSpec {
    /// The bytes of an entity of `length` bytes that are meant; `None` if there are none.
    ///
    /// ```
    /// use bits_proto::download::RangeSpec;
    ///
    /// assert_eq!(RangeSpec::Closed { first: 0, last: 9976 }.resolve(10_240), Some(0..9977));
    /// assert_eq!(RangeSpec::From(9977).resolve(10_240), Some(9977..10_240));
    /// assert_eq!(RangeSpec::Suffix(20_000).resolve(10_240), Some(0..10_240));
    /// assert_eq!(RangeSpec::From(10_240).resolve(10_240), None);
    /// ```
    #[must_use]
    pub const fn resolve(self, length: u64) -> Option<Range<u64>> {
        let (start, end) = match self {
            Self::Closed { first, last } if last < length => (first, last.saturating_add(1)),
            Self::Closed { first, .. } | Self::From(first) => (first, length),
            Self::Suffix(bytes) => (length.saturating_sub(bytes), length),
        };
        if start < end { Some(start..end) } else { None }
    }

    const fn is_backwards(self) -> bool {
        matches!(self, Self::Closed { first, last } if last < first)
    }
}

impl fmt::Display for RangeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { first, last } => write!(f, "{first}-{last}"),
            Self::From(first) => write!(f, "{first}-"),
            Self::Suffix(bytes) => write!(f, "-{bytes}"),
        }
    }
}

/// The ranges that a `Range` header asks for: 1 to 100 ranges of bytes ([`MAX_RANGES`]), in the order that they are wanted.
///
/// ```
/// use bits_proto::Conformance;
/// use bits_proto::download::{ByteRanges, RangeSpec};
///
/// let ranges = ByteRanges::parse(b"bytes=0-9976", Conformance::Strict)?;
/// assert_eq!(ranges.specs(), [RangeSpec::Closed { first: 0, last: 9976 }]);
///
/// let ranges = ByteRanges::new([RangeSpec::From(500), RangeSpec::Closed { first: 0, last: 9 }])?;
/// assert_eq!(ranges.to_string(), "bytes=500-,0-9");
/// assert!(ranges.resolve(1000).eq([500..1000, 0..10]));
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ByteRanges(Vec<RangeSpec>);

impl ByteRanges {
    /// These ranges, in this order.
    ///
    /// # Errors
    /// [`InvalidValue::ByteRanges`] if there are none or more than 100, or one is backwards.
    pub fn new(specs: impl IntoIterator<Item = RangeSpec>) -> Result<Self, InvalidValue> {
        let specs: Vec<_> = specs.into_iter().take(MAX_RANGES.saturating_add(1)).collect();
        let legal = !specs.is_empty() && specs.len() <= MAX_RANGES && !specs.iter().any(|s| s.is_backwards());
        if legal { Ok(Self(specs)) } else { Err(InvalidValue::ByteRanges) }
    }

    /// Reads a header's value.
    ///
    /// The unit may have any case, and the list may have spaces and empty elements (RFC 9110 §5.6.1).
    /// [`Conformance::Interop`] takes spaces around every part; [`Conformance::Strict`] only where HTTP has them. A number
    /// past 2^64 is past the end of any entity, and no mistake.
    ///
    /// # Errors
    /// [`InvalidValue::ByteRanges`]. A server then answers as if there were no `Range` (RFC 2616 §14.35.1).
    pub fn parse(text: &[u8], conformance: Conformance) -> Result<Self, InvalidValue> {
        if text.len() > MAX_HEADER_VALUE {
            return Err(InvalidValue::ByteRanges);
        }
        let specs = parse(text, conformance).ok_or(InvalidValue::ByteRanges)?;
        Self::new(specs)
    }

    /// The ranges, in the order that they are wanted.
    #[must_use]
    pub fn specs(&self) -> &[RangeSpec] {
        &self.0
    }

    /// The bytes of an entity of `length` bytes that are meant, in this order. Ranges that name no byte are left out.
    pub fn resolve(&self, length: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter().filter_map(move |spec| spec.resolve(length))
    }

    /// The ranges as a header's value.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        HeaderValue::from_maybe_shared(bytes::Bytes::from(self.to_string()))
            .unwrap_or(HeaderValue::from_static("bytes=0-"))
    }
}

fn parse(text: &[u8], conformance: Conformance) -> Option<Vec<RangeSpec>> {
    let blank = |part| if conformance.is_strict() { part } else { trim(part) };
    let (unit, list) = split_once(trim(text), b'=')?;
    if !blank(unit).eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let number = |part| saturating_decimal(blank(part));
    let spec = |element| {
        let (first, last) = split_once(element, b'-')?;
        Some(match (blank(first), blank(last)) {
            (b"", last) => RangeSpec::Suffix(number(last)?),
            (first, b"") => RangeSpec::From(number(first)?),
            (first, last) => RangeSpec::Closed { first: number(first)?, last: number(last)? },
        })
    };
    list.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty()).map(spec).collect()
}

impl fmt::Display for ByteRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes=")?;
        for (index, spec) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{spec}")?;
        }
        Ok(())
    }
}

impl FromStr for ByteRanges {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes(), Conformance::Interop)
    }
}

crate::vocabulary::text::serde_as_text!(ByteRanges);

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for ByteRanges {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::new(u.arbitrary::<Vec<RangeSpec>>()?).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}
