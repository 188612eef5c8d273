//! The range of the entity that a fragment brings.

use std::fmt;
use std::ops::Range;

use crate::packet::Conformance;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::digits::{decimal, leading_decimal, trim};
use crate::vocabulary::limits::MAX_ENTITY_SIZE;
use crate::vocabulary::text::StackText;

/// Which bytes of the entity a fragment brings: `Content-Range: bytes FIRST-LAST/TOTAL` (§2.2.6.1).
///
/// Offsets count from zero, and LAST is included: FIRST ≤ LAST < TOTAL < 2^63. So a range is never empty; an empty
/// entity has no range at all. This one is that of
/// [`upload/03-fragment.req`](crate::manual::captures#upload-03-fragment-req):
///
/// ```
/// use bits_proto::{Conformance, ContentRange};
///
/// let range = ContentRange::new(0..4892, 4892)?;
/// assert_eq!(range.to_string(), "bytes 0-4891/4892");
/// assert_eq!(ContentRange::parse(b"Bytes 0-4891/4892", Conformance::Interop)?, range);
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Parts", into = "Parts"))]
pub struct ContentRange {
    first: u64,
    last: u64,
    total: u64,
}

impl ContentRange {
    /// The range of these bytes of an entity of `total` bytes.
    ///
    /// # Errors
    /// [`InvalidValue::ContentRange`] if the range is empty, reaches past `total`, or `total` is 2^63 or more.
    pub fn new(bytes: Range<u64>, total: u64) -> Result<Self, InvalidValue> {
        let last = bytes.end.checked_sub(1).ok_or(InvalidValue::ContentRange)?;
        if bytes.start <= last && last < total && total <= MAX_ENTITY_SIZE {
            Ok(Self { first: bytes.start, last, total })
        } else {
            Err(InvalidValue::ContentRange)
        }
    }

    /// Reads a header's value.
    ///
    /// [`Conformance::Interop`] takes the unit in any case and spaces around the parts; [`Conformance::Strict`] the
    /// grammar of RFC 9110 §14.4. A total of `*` is refused by both ([Q49](crate::manual::tolerances#q49)).
    ///
    /// # Errors
    /// [`InvalidValue::ContentRange`].
    pub fn parse(text: &[u8], conformance: Conformance) -> Result<Self, InvalidValue> {
        parse(text, conformance).ok_or(InvalidValue::ContentRange)
    }

    /// The offset of the first byte.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The offset of the last byte, which belongs to the range.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// The size of the whole entity.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The offset after the last byte.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.last.saturating_add(1)
    }

    /// The length of the range in bytes; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no range is empty")]
    pub const fn len(&self) -> u64 {
        self.end().saturating_sub(self.first)
    }

    /// The range as `start..end`, the end excluded.
    #[must_use]
    pub const fn bytes(&self) -> Range<u64> {
        self.first..self.end()
    }

    /// The header's value: three numbers of 19 digits at most, and nine characters besides.
    pub(crate) fn text(&self) -> StackText<66> {
        let text = StackText::new().with(b"bytes ").with_decimal(self.first);
        text.with(b"-").with_decimal(self.last).with(b"/").with_decimal(self.total)
    }

    /// Whether the range holds the entity's last byte.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.end() == self.total
    }
}

/// The bytes after a range's unit, with what may stand between them (C08b).
pub(crate) fn without_unit(text: &[u8], conformance: Conformance) -> Option<&[u8]> {
    let (unit, rest) = text.split_at_checked(5)?;
    match (conformance, rest) {
        (Conformance::Interop, [b' ' | b'\t', rest @ ..]) if unit.eq_ignore_ascii_case(b"bytes") => {
            Some(trim(rest))
        }
        (Conformance::Strict, [b' ', rest @ ..]) if unit.eq_ignore_ascii_case(b"bytes") => Some(rest),
        _ => None,
    }
}

/// Whether a `Content-Range` says that the entity is empty: `bytes */0` (Q49).
pub(crate) fn is_empty_marker(text: &[u8]) -> bool {
    without_unit(trim(text), Conformance::Interop)
        .and_then(|rest| split_once(rest, b'/'))
        .is_some_and(|(range, total)| trim(range) == b"*" && decimal(trim(total)) == Some(0))
}

fn parse(text: &[u8], conformance: Conformance) -> Option<ContentRange> {
    // As everybody writes it, and then as nobody does.
    let ((first, last), total) = match text.strip_prefix(b"bytes ").and_then(numbers) {
        Some(numbers) => numbers,
        None => loose_numbers(text, conformance)?,
    };
    ContentRange::new(first..last.checked_add(1)?, total).ok()
}

fn numbers(text: &[u8]) -> Option<((u64, u64), u64)> {
    let (first, [b'-', rest @ ..]) = leading_decimal(text)? else { return None };
    let (last, [b'/', rest @ ..]) = leading_decimal(rest)? else { return None };
    let (total, []) = leading_decimal(rest)? else { return None };
    Some(((first, last), total))
}

/// The same with a unit in any case, and in interop with blanks between the parts.
fn loose_numbers(text: &[u8], conformance: Conformance) -> Option<((u64, u64), u64)> {
    let blank = |part| if conformance.is_strict() { part } else { trim(part) };
    let number = |part| leading_decimal(blank(part)).map(|(number, rest)| (number, blank(rest)));
    let (first, [b'-', rest @ ..]) = number(without_unit(blank(text), conformance)?)? else { return None };
    let (last, [b'/', rest @ ..]) = number(rest)? else { return None };
    let (total, []) = number(rest)? else { return None };
    Some(((first, last), total))
}

pub(crate) fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == separator)?;
    let (before, after) = text.split_at_checked(at)?;
    Some((before, after.get(1..)?))
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

/// The serde form; the numbers are checked when they come back.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Parts {
    first: u64,
    last: u64,
    total: u64,
}

#[cfg(feature = "serde")]
impl From<ContentRange> for Parts {
    fn from(ContentRange { first, last, total }: ContentRange) -> Self {
        Self { first, last, total }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for ContentRange {
    type Error = InvalidValue;

    fn try_from(Parts { first, last, total }: Parts) -> Result<Self, Self::Error> {
        Self::new(first..last.checked_add(1).ok_or(InvalidValue::ContentRange)?, total)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for ContentRange {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let total = u.int_in_range(1..=MAX_ENTITY_SIZE)?;
        let last = u.int_in_range(0..=total.saturating_sub(1))?;
        let first = u.int_in_range(0..=last)?;
        Ok(Self { first, last, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> [bool; 2] {
        [Conformance::Interop, Conformance::Strict].map(|c| ContentRange::parse(text.as_bytes(), c).is_ok())
    }

    #[test]
    fn q49_forms_of_a_content_range() {
        assert_eq!(both("bytes 0-1/2"), [true, true]);
        assert_eq!(both("Bytes 0-1/2"), [true, true]); // RFC 9110 §14.1: units compare without case.
        assert_eq!(both("bytes  0 - 1 / 2 "), [true, false]);
        assert_eq!(both("bytes\t0-1/2"), [true, false]);
        for refused in [
            "",
            "bytes",
            "bytes ",
            "bytes=0-1/2",
            "bytes 0-1",
            "bytes 0-1/",
            "bytes 0-1/*",
            "bytes */0",
            "bytes */2",
            "bytes 10-9/10",
            "bytes 0-2/2",
            "bytes 2-2/2",
            "bytes 0-1/0",
            "bytes +0-1/2",
            "bytes 0-+1/2",
            "bytes -1/2",
            "bytes 0-1-1/2",
            "bytes 0-1/2/2",
            "bytes 0-1,1-1/2",
            "items 0-1/2",
            "bytes 0x0-1/2",
            "bytes 0-1/2 x",
            "bytes 0-1/9223372036854775808",
            "bytes 0-18446744073709551615/18446744073709551615",
            "bytes 0-18446744073709551616/18446744073709551617",
        ] {
            assert_eq!(both(refused), [false, false], "{refused:?}");
        }
    }

    #[test]
    fn the_largest_entity_has_a_range() {
        let range = ContentRange::new(MAX_ENTITY_SIZE - 1..MAX_ENTITY_SIZE, MAX_ENTITY_SIZE).unwrap();
        assert_eq!(range.to_string(), "bytes 9223372036854775806-9223372036854775806/9223372036854775807");
        assert_eq!((range.len(), range.is_final()), (1, true));
        assert!(ContentRange::new(0..1, MAX_ENTITY_SIZE + 1).is_err());
    }

    #[test]
    fn no_range_is_empty_or_backwards() {
        let backwards = Range { start: 5, end: 4 };
        for bytes in [0..0, 5..5, backwards] {
            assert_eq!(ContentRange::new(bytes, 10), Err(InvalidValue::ContentRange));
        }
    }

    #[test]
    fn the_empty_marker_is_told_apart() {
        for text in ["bytes */0", "Bytes */0", "bytes  * / 0"] {
            assert!(is_empty_marker(text.as_bytes()), "{text}");
        }
        for text in ["bytes */1", "bytes 0-0/0", "*/0", "bytes */", "bytes */+0"] {
            assert!(!is_empty_marker(text.as_bytes()), "{text}");
        }
    }
}
