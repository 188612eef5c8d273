//! The ranges that the caller wants, and the choice of the next ones.

use std::ops::Range;

use super::byte_ranges::{ByteRanges, RangeSpec};
use crate::vocabulary::InvalidValue;
use crate::vocabulary::limits::{MAX_ENTITY_SIZE, MAX_RANGES};

/// Which bytes of an entity an application wants, in this order (`APPLICATION_RANGES`, §3.6.1): all of them by default.
///
/// ```
/// use bits_proto::download::ApplicationRanges;
///
/// let ranges = ApplicationRanges::new([100..200, 1000..1100, 200..300])?;
/// assert_eq!(ranges.size(10_000), 300);
/// assert_eq!(ApplicationRanges::whole().size(10_000), 10_000);
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Option<Vec<Range<u64>>>"))]
pub struct ApplicationRanges(Option<Vec<Range<u64>>>);

impl ApplicationRanges {
    /// These ranges, the end of each excluded. They may overlap, and stand in any order.
    ///
    /// # Errors
    /// [`InvalidValue::ApplicationRanges`] if there are none, one is empty or backwards, or they have 2^63 bytes or more
    /// in all.
    pub fn new(ranges: impl IntoIterator<Item = Range<u64>>) -> Result<Self, InvalidValue> {
        let ranges: Vec<_> = ranges.into_iter().collect();
        let legal = |range: &Range<u64>| range.start < range.end && range.end <= MAX_ENTITY_SIZE;
        let fits = total(&ranges).is_some_and(|size| size <= MAX_ENTITY_SIZE);
        if ranges.is_empty() || !ranges.iter().all(legal) || !fits {
            return Err(InvalidValue::ApplicationRanges);
        }
        Ok(Self(Some(ranges)))
    }

    /// The whole entity, of any length.
    #[must_use]
    pub const fn whole() -> Self {
        Self(None)
    }

    /// The number of these bytes in an entity of `length` bytes.
    #[must_use]
    pub fn size(&self, length: u64) -> u64 {
        self.0.as_deref().map_or(length, size_of)
    }

    /// The number of these bytes, if it does not depend on the size of the entity.
    pub(super) fn fixed_size(&self) -> Option<u64> {
        self.0.as_ref().map(|_| self.size(0))
    }

    /// Whether an entity of `length` bytes has all of these bytes.
    pub(super) fn fit_into(&self, length: u64) -> bool {
        self.0.iter().flatten().all(|range| range.end <= length)
    }

    /// The ranges to fetch next (`FRAGMENT_RANGES`, §3.6.5.2.4.3): of all these bytes in a row, at most `size` from `offset`
    /// on, and at most as many ranges as one request may name.
    pub(super) fn choose(&self, length: u64, offset: u64, size: u64, single: bool) -> Vec<Range<u64>> {
        let whole = 0..length;
        let ranges = self.0.as_deref().unwrap_or(std::slice::from_ref(&whole));
        let most = if single { 1 } else { MAX_RANGES };
        let (mut skip, mut left) = (offset, size);
        let mut chosen = Vec::new();
        for range in ranges {
            let start = range.start.saturating_add(skip).min(range.end);
            skip = skip.saturating_sub(range.end.saturating_sub(range.start));
            let end = start.saturating_add(left).min(range.end);
            if start < end && chosen.len() < most {
                left = left.saturating_sub(end.saturating_sub(start));
                chosen.push(start..end);
            }
        }
        chosen
    }
}

/// For what was stored: none are the whole.
impl TryFrom<Option<Vec<Range<u64>>>> for ApplicationRanges {
    type Error = InvalidValue;

    fn try_from(ranges: Option<Vec<Range<u64>>>) -> Result<Self, Self::Error> {
        ranges.map_or(Ok(Self::whole()), Self::new)
    }
}

/// These ranges as a request names them.
pub(super) fn header(ranges: &[Range<u64>]) -> Option<ByteRanges> {
    let specs = ranges
        .iter()
        .map(|range| RangeSpec::Closed { first: range.start, last: range.end.saturating_sub(1) });
    ByteRanges::new(specs).ok()
}

/// The number of bytes that these ranges have in all.
pub(super) fn size_of(ranges: &[Range<u64>]) -> u64 {
    total(ranges).unwrap_or(u64::MAX)
}

fn total(ranges: &[Range<u64>]) -> Option<u64> {
    ranges.iter().try_fold(0u64, |sum, range| sum.checked_add(range.end.checked_sub(range.start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The concrete example of §3.6.5.2.4.3.
    fn example() -> ApplicationRanges {
        ApplicationRanges::new([100..200, 1000..1100, 200..300]).unwrap()
    }

    #[test]
    fn the_worked_examples_of_choosing_ranges() {
        assert_eq!(example().choose(10_000, 25, 200, false), vec![125..200, 1000..1100, 200..225]);
        assert_eq!(example().choose(10_000, 25, 200, true), vec![Range { start: 125, end: 200 }]);
        assert_eq!(example().choose(10_000, 200, 1000, false), vec![Range { start: 200, end: 300 }]);
    }

    #[test]
    fn every_byte_is_chosen_once_and_in_order() {
        let application: Vec<u64> = (100..200).chain(1000..1100).chain(200..300).collect();
        for size in 1..=301 {
            for single in [false, true] {
                let (mut offset, mut fetched) = (0, Vec::new());
                while offset < example().size(0) {
                    let chosen = example().choose(10_000, offset, size, single);
                    let length = total(&chosen).unwrap();
                    assert!(length > 0 && length <= size && (!single || chosen.len() == 1));
                    fetched.extend(chosen.into_iter().flatten());
                    offset += length;
                }
                assert_eq!(fetched, application, "{size} {single}");
            }
        }
        assert!(example().choose(10_000, 300, 1, false).is_empty());
    }

    #[test]
    fn no_request_names_more_ranges_than_a_server_takes() {
        let many = ApplicationRanges::new((0..1000).map(|n| n * 10..n * 10 + 5)).unwrap();
        let chosen = many.choose(10_000, 0, u64::MAX, false);
        assert_eq!(chosen.len(), MAX_RANGES);
        assert!(header(&chosen).is_some());
        let far =
            ApplicationRanges::new((0..1000).map(|n| MAX_ENTITY_SIZE - 2 - n..MAX_ENTITY_SIZE - n)).unwrap();
        let header = header(&far.choose(MAX_ENTITY_SIZE, 0, u64::MAX, false)).unwrap();
        assert!(header.to_string().len() <= crate::vocabulary::limits::MAX_HEADER_VALUE);
    }

    #[test]
    fn ranges_that_make_no_sense() {
        let empty = Range { start: 5, end: 5 };
        let backwards = Range { start: 5, end: 4 };
        let endless = Range { start: 0, end: MAX_ENTITY_SIZE + 1 };
        let all = Range { start: 0, end: MAX_ENTITY_SIZE };
        for ranges in
            [vec![], vec![empty], vec![backwards], vec![endless], vec![all.clone(), 0..1], vec![all; 9]]
        {
            assert_eq!(ApplicationRanges::new(ranges), Err(InvalidValue::ApplicationRanges));
        }
    }
}
