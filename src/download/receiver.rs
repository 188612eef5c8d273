//! The receiver of an answer: it says where in the entity each byte belongs.

use std::collections::VecDeque;
use std::ops::Range;

use super::application_ranges::size_of;
use super::multipart::{Event, MultipartError, Parser};
use crate::vocabulary::ContentRange;

/// Tells where in the entity the bytes of an answer's body belong. It keeps none of them.
///
/// Feed it the body in chunks of any size, and store every [`Piece`] at its offset. What a server sends beyond what was asked
/// for is cut off.
///
/// A body of one range need not go through it: [`range`](Self::range) says where its bytes belong.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "the bytes of the body go where it says"]
pub struct Receiver(Kind);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    /// The body is these bytes of the entity.
    Range(Range<u64>),
    Parts(Box<Parts>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Parts {
    parser: Parser,
    expected: VecDeque<Range<u64>>,
    /// The size of the entity, as far as is known.
    size: Option<u64>,
    /// The number of bytes that are still to come.
    remaining: u64,
}

/// Some bytes of a body, and where they belong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_structs, reason = "bytes and their place: there is no more to it")]
pub struct Piece<'c> {
    /// The offset of the first byte in the entity.
    pub offset: u64,
    /// The bytes: a slice of the chunk; never none.
    pub bytes: &'c [u8],
}

impl Receiver {
    pub(super) const fn range_of(range: Range<u64>) -> Self {
        Self(Kind::Range(range))
    }

    pub(super) fn parts_of(parser: Parser, ranges: &[Range<u64>], size: Option<u64>) -> Self {
        let remaining = size_of(ranges);
        let expected = ranges.iter().cloned().collect();
        Self(Kind::Parts(Box::new(Parts { parser, expected, size, remaining })))
    }

    /// The bytes of the entity that the body's next bytes are, if it has no parts: for a caller that moves bytes without
    /// looking at them. No more of the body than these is wanted.
    #[must_use]
    pub fn range(&self) -> Option<Range<u64>> {
        match &self.0 {
            Kind::Range(range) => Some(range.clone()),
            Kind::Parts(_) => None,
        }
    }

    /// The number of bytes of the entity that are still to come.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        match &self.0 {
            Kind::Range(range) => range.end.saturating_sub(range.start),
            Kind::Parts(parts) => parts.remaining,
        }
    }

    /// Places the next bytes of a chunk; `chunk` becomes what is not placed yet. `None`: the chunk is used up.
    ///
    /// # Errors
    /// [`MultipartError`]: the parts are not those that were asked for. Tell
    /// [`handle_body_error`](super::Download::handle_body_error).
    pub fn place<'c>(&mut self, chunk: &mut &'c [u8]) -> Result<Option<Piece<'c>>, MultipartError> {
        match &mut self.0 {
            Kind::Range(range) => Ok(place_in_range(range, chunk)),
            Kind::Parts(parts) => parts.place(chunk),
        }
    }
}

fn place_in_range<'c>(range: &mut Range<u64>, chunk: &mut &'c [u8]) -> Option<Piece<'c>> {
    let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let bytes = chunk.split_at_checked(wanted).map_or(*chunk, |(bytes, _)| bytes);
    let offset = range.start;
    range.start = u64::try_from(bytes.len()).ok().and_then(|length| offset.checked_add(length))?;
    // Either the chunk is used up, or the range: then what follows is not wanted.
    *chunk = &[];
    (!bytes.is_empty()).then_some(Piece { offset, bytes })
}

impl Parts {
    fn place<'c>(&mut self, chunk: &mut &'c [u8]) -> Result<Option<Piece<'c>>, MultipartError> {
        while let Some(event) = self.parser.parse(chunk)? {
            match event {
                Event::Part(range) => self.check(&range)?,
                Event::Data { offset, bytes } => {
                    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    self.remaining = self.remaining.saturating_sub(length);
                    return Ok(Some(Piece { offset, bytes }));
                }
                Event::End if self.expected.is_empty() => {}
                Event::End => return Err(MultipartError::PartMissing),
            }
        }
        Ok(None)
    }

    /// The parts must be what was asked for, in its order, and of one entity (§3.6.5.2.4.2).
    fn check(&mut self, range: &ContentRange) -> Result<(), MultipartError> {
        if self.expected.pop_front() != Some(range.bytes()) {
            return Err(MultipartError::RangeUnexpected);
        }
        if *self.size.get_or_insert(range.total()) != range.total() {
            return Err(MultipartError::SizeUnexpected);
        }
        Ok(())
    }
}
