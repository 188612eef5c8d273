//! The place of a fragment among the bytes that are stored.

use crate::packet::Conformance;
use crate::vocabulary::ContentRange;

/// What a server does with a fragment of which it wants the bytes from `next` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Placement {
    /// Store the part that is new: the bytes from `next` on.
    New,
    /// Everything in it is stored already: its Ack was lost.
    Repeat,
    /// Bytes before it are missing, or, in strict, it is not the next one.
    OutOfStep,
}

/// Bytes that are stored are never overwritten (C09); strict takes only the very next fragment (§3.2.5.2.6).
pub(super) fn place(range: ContentRange, next: u64, conformance: Conformance) -> Placement {
    let in_order = match conformance {
        Conformance::Interop => range.first() <= next,
        Conformance::Strict => range.first() == next,
    };
    if !in_order {
        return Placement::OutOfStep;
    }
    if range.last() < next {
        return Placement::Repeat;
    }
    Placement::New
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(first: u64, last: u64, next: u64, conformance: Conformance) -> Placement {
        place(ContentRange::new(first..last + 1, 100).unwrap(), next, conformance)
    }

    #[test]
    fn c09_interop_stores_what_is_new_and_takes_repeats() {
        let interop = |first, last, next| placed(first, last, next, Conformance::Interop);
        assert_eq!(interop(20, 29, 20), Placement::New);
        assert_eq!(interop(10, 29, 20), Placement::New);
        assert_eq!(interop(10, 20, 20), Placement::New);
        assert_eq!(interop(10, 19, 20), Placement::Repeat);
        assert_eq!(interop(0, 4, 20), Placement::Repeat);
        assert_eq!(interop(21, 29, 20), Placement::OutOfStep);
    }

    #[test]
    fn c09_strict_takes_the_next_fragment_alone() {
        let strict = |first, last, next| placed(first, last, next, Conformance::Strict);
        assert_eq!(strict(20, 29, 20), Placement::New);
        for (first, last) in [(10, 29), (10, 19), (0, 4), (21, 29)] {
            assert_eq!(strict(first, last, 20), Placement::OutOfStep, "{first}-{last}");
        }
    }
}
