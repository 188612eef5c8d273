//! The place of an upload in an object store, which is saved in the same step as its session.

use std::ops::Range;

use bits_proto::server::Refusal;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::storage::Failure;

/// Where the bytes of an upload are: parts of a multipart upload, then crumbs, then a tail.
///
/// ```text
///   │ part 1 │ part 2 │ … │ crumb │ crumb │ tail │
///   └ of one multipart upload ┘ └ objects ┘  └ in here
/// ```
///
/// Crumbs together are less than a part, and so small that they are gathered in memory. A crumb's name has the number of the claim in it,
/// so that nobody who slept writes into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The key of the destination.
    pub(super) key: String,
    pub(super) overwrites: bool,
    /// What the published object carries, so that it is known again.
    pub(super) mark: String,
    /// The size of a part in bytes; 0 as long as the size of the entity is not known.
    pub(super) part_size: u64,
    /// Whether the parts are put together below `.bits`, and copied to the destination.
    #[serde(default)]
    pub(super) staged: bool,
    /// The id of the multipart upload, where the entity has more than one part.
    pub(super) upload: Option<String>,
    /// What the store calls each part.
    pub(super) parts: Vec<String>,
    pub(super) crumbs: Vec<Crumb>,
    /// Crumbs that are in parts by now. Whoever reads this in a saved place may delete them.
    pub(super) gathered: Vec<String>,
    #[serde(skip)]
    pub(super) tail: Bytes,
}

/// An object, of which these bytes are not in a part yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Crumb {
    pub(super) name: String,
    pub(super) range: Range<u64>,
}

impl Crumb {
    pub(super) const fn length(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }
}

impl Place {
    /// How many bytes are held.
    pub(super) fn length(&self) -> u64 {
        self.in_parts().saturating_add(self.short()).saturating_add(self.tail.len() as u64)
    }

    pub(super) fn in_parts(&self) -> u64 {
        self.part_size.saturating_mul(self.parts.len() as u64)
    }

    /// How many bytes are in crumbs.
    pub(super) fn short(&self) -> u64 {
        self.crumbs.iter().map(Crumb::length).sum()
    }

    /// Takes this many bytes from the front of the crumbs.
    pub(super) fn take_crumbs(&mut self, mut bytes: u64) -> Vec<Crumb> {
        let mut taken = Vec::new();
        while bytes > 0 && !self.crumbs.is_empty() {
            let Some(first) = self.crumbs.first_mut() else { break };
            if first.length() <= bytes {
                bytes -= first.length();
                let crumb = self.crumbs.remove(0);
                self.gathered.push(crumb.name.clone());
                taken.push(crumb);
            } else {
                let middle = first.range.start + bytes;
                taken.push(Crumb { name: first.name.clone(), range: first.range.start..middle });
                first.range.start = middle;
                bytes = 0;
            }
        }
        taken
    }

    /// Forgets what is held beyond this length. What is in a part stays: it is one, or none.
    pub(super) fn cut(&mut self, length: u64) -> Result<(), Failure> {
        if length < self.in_parts() {
            self.parts.truncate(usize::try_from(length / self.part_size).unwrap_or(usize::MAX));
            self.crumbs.clear();
            self.tail = Bytes::new();
        }
        let after_parts = length.saturating_sub(self.in_parts());
        let in_crumbs = self.short();
        if after_parts < in_crumbs {
            let kept = self.take_crumbs(after_parts);
            self.gathered.retain(|name| kept.iter().all(|crumb| crumb.name != *name));
            (self.crumbs, self.tail) = (kept, Bytes::new());
        } else {
            let in_tail = usize::try_from(after_parts - in_crumbs).unwrap_or(usize::MAX);
            self.tail.truncate(in_tail);
        }
        match self.length() == length {
            true => Ok(()),
            false => Err(Failure::new(Refusal::EntityMissing, "fewer bytes are there than were stored")),
        }
    }

    /// A line of JSON, and then the tail.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.tail);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Failure> {
        let unreadable = || Failure::internal("the place of an upload cannot be read");
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(unreadable)?;
        let (line, tail) = bytes.split_at(end);
        let place: Self = serde_json::from_slice(line).map_err(|_| unreadable())?;
        let tail = Bytes::copy_from_slice(tail.get(1..).unwrap_or_default());
        Ok(Self { tail, ..place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crumb(name: &str, range: Range<u64>) -> Crumb {
        Crumb { name: name.to_owned(), range }
    }

    fn place() -> Place {
        Place {
            key: "a\nb".to_owned(),
            part_size: 10,
            parts: vec!["one".to_owned(), "two".to_owned()],
            crumbs: vec![crumb("c", 2..5), crumb("d", 0..4)],
            tail: Bytes::from_static(b"t\nu"),
            ..Place::default()
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let place = place();
        assert_eq!(place.length(), 20 + 3 + 4 + 3);
        assert_eq!(Place::from_bytes(&place.to_bytes()).unwrap(), place);
        for damaged in [&b""[..], b"{}", b"{}\n", b"no json\ntail"] {
            assert!(Place::from_bytes(damaged).is_err());
        }
    }

    #[test]
    fn crumbs_are_taken_from_the_front_and_split_where_a_part_ends() {
        let mut place = place();
        assert_eq!(place.take_crumbs(5), [crumb("c", 2..5), crumb("d", 0..2)]);
        assert_eq!((&*place.crumbs, &*place.gathered), (&[crumb("d", 2..4)][..], &["c".to_owned()][..]));
        assert_eq!(place.take_crumbs(9), [crumb("d", 2..4)]);
        assert_eq!(place.gathered, ["c", "d"]);
    }

    #[test]
    fn a_cut_leaves_exactly_the_length_or_says_that_it_cannot() {
        for length in 20..=30 {
            let mut cut = place();
            cut.cut(length).unwrap();
            assert_eq!(cut.length(), length);
            assert!(cut.gathered.is_empty());
        }
        let mut cut = place();
        cut.cut(10).unwrap();
        assert_eq!((cut.length(), cut.parts.len()), (10, 1));
        assert_eq!(place().cut(31).unwrap_err().refusal(), Refusal::EntityMissing);
        // Half a part cannot be had back.
        assert_eq!(place().cut(15).unwrap_err().refusal(), Refusal::EntityMissing);
    }
}
