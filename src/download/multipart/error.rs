//! The errors of a body of several parts.

use crate::vocabulary::limits::{MAX_BOUNDARY, MAX_PART_HEAD};

/// What is wrong with a `multipart/byteranges` body, or with the header that announces it: the server's fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MultipartError {
    /// `Content-Type` is not `multipart/byteranges`.
    #[error("the body is not multipart/byteranges")]
    MediaType,
    /// `Content-Type` has no boundary of 1 to 70 characters.
    #[error("the boundary is missing, or not of 1 to {MAX_BOUNDARY} characters")]
    Boundary,
    /// Where a part should end, no boundary follows.
    #[error("a part is not followed by the boundary")]
    BoundaryExpected,
    /// The text before a part's bytes is over 8 KiB.
    #[error("the head of a part is longer than {MAX_PART_HEAD} bytes")]
    HeadTooLong,
    /// A line of a part's head is no header.
    #[error("the head of a part is malformed")]
    HeadMalformed,
    /// A part has no `Content-Range` that can be read, or two that differ.
    #[error("a part does not say which bytes it has")]
    RangeMissing,
    /// A part has other bytes than were asked for at its place, or is one too many (§3.6.5.2.4.2).
    #[error("a part is not the range that was asked for")]
    RangeUnexpected,
    /// A part is of an entity of another length (§3.6.5.2.4.2).
    #[error("a part is of an entity of another length")]
    SizeUnexpected,
    /// The body ended before the last of the ranges.
    #[error("a range is missing")]
    PartMissing,
}
