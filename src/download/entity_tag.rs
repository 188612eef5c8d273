//! The tag that tells one version of an entity from another.

use std::str::FromStr;

use http::HeaderValue;

use crate::vocabulary::InvalidValue;
use crate::vocabulary::digits::trim;
use crate::vocabulary::limits::MAX_HEADER_VALUE;

/// A name for one version of an entity (`ETag`, RFC 9110 §8.8.3).
///
/// A strong one changes with every byte; a weak one, `W/"…"`, may stay when the change does not matter to people.
/// This one is that of [`upload-reply/10-reply-get.resp`](crate::manual::captures#upload-reply-10-reply-get-resp):
///
/// ```
/// use bits_proto::download::EntityTag;
///
/// let tag: EntityTag = r#""f84d5b50edb1c71:2488""#.parse()?;
/// let weak = EntityTag::from_bytes(br#"W/"f84d5b50edb1c71:2488""#)?;
/// assert!(tag.strong_eq(&tag) && tag.weak_eq(&weak));
/// assert!(!tag.strong_eq(&weak) && !weak.strong_eq(&weak));
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// A tag as it stands in a header, with its quotation marks.
    ///
    /// # Errors
    /// [`InvalidValue::EntityTag`] unless it is one tag and nothing else, of at most 4,096 bytes.
    pub fn from_bytes(text: &[u8]) -> Result<Self, InvalidValue> {
        match Tag::read(text) {
            Some((_, b"")) if text.len() <= MAX_HEADER_VALUE => {
                HeaderValue::from_bytes(text).map(Self).map_err(|_| InvalidValue::EntityTag)
            }
            _ => Err(InvalidValue::EntityTag),
        }
    }

    /// The tag as a header's value.
    #[must_use]
    pub const fn as_header(&self) -> &HeaderValue {
        &self.0
    }

    /// Whether it is a weak one.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.0.as_bytes().starts_with(b"W/")
    }

    /// Whether both are strong and the same: so are the entities, byte for byte (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn strong_eq(&self, other: &Self) -> bool {
        self.0 == other.0 && !self.is_weak()
    }

    /// Whether both are the same, weak or not (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.opaque() == other.opaque()
    }

    fn opaque(&self) -> &[u8] {
        let text = self.0.as_bytes();
        text.strip_prefix(b"W/").unwrap_or(text)
    }

    /// Whether the value of `If-Match`, in which only a strong tag counts, names this tag.
    pub(super) fn is_named_strongly(&self, list: &[u8]) -> bool {
        tags(list).any(|tag| !tag.weak && !self.is_weak() && tag.quoted == self.opaque())
    }

    /// Whether the value of `If-None-Match` names this tag.
    pub(super) fn is_named_weakly(&self, list: &[u8]) -> bool {
        tags(list).any(|tag| tag.quoted == self.opaque())
    }
}

impl FromStr for EntityTag {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

/// One tag of a list.
struct Tag<'t> {
    weak: bool,
    /// With its quotation marks.
    quoted: &'t [u8],
}

impl<'t> Tag<'t> {
    /// The tag at the beginning, and what follows it.
    fn read(text: &'t [u8]) -> Option<(Self, &'t [u8])> {
        let after_mark = text.strip_prefix(b"W/");
        let quoted = after_mark.unwrap_or(text);
        let inside = quoted.strip_prefix(b"\"")?;
        let length = inside.iter().position(|&byte| byte == b'"')?;
        let legal = |&byte: &u8| byte == 0x21 || (0x23..=0x7E).contains(&byte) || byte >= 0x80;
        if !inside.get(..length)?.iter().all(legal) {
            return None;
        }
        let (quoted, rest) = quoted.split_at_checked(length.checked_add(2)?)?;
        Some((Self { weak: after_mark.is_some(), quoted }, rest))
    }
}

/// The tags of a list, up to what is none. A comma may stand in a tag, so a list cannot be split at commas.
fn tags(mut list: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    std::iter::from_fn(move || {
        while let [b',' | b' ' | b'\t', rest @ ..] = list {
            list = rest;
        }
        let (tag, rest) = Tag::read(list)?;
        list = trim(rest);
        // Two tags without a comma between them are no list.
        if !matches!(list, [] | [b',', ..]) {
            list = &[];
        }
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> EntityTag {
        EntityTag::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_a_tag() {
        for legal in [r#""""#, r#""a,b""#, r#"W/"x""#, "\"\u{fc}\""] {
            assert!(EntityTag::from_bytes(legal.as_bytes()).is_ok(), "{legal}");
        }
        for illegal in ["", "x", "\"x", "x\"", r#"w/"x""#, r#""a b""#, r#""x"y"#, r#""x", "y""#, "*"] {
            assert!(EntityTag::from_bytes(illegal.as_bytes()).is_err(), "{illegal}");
        }
    }

    #[test]
    fn the_comparison_table_of_rfc_9110() {
        // §8.8.3.2: the two tags, strong comparison, weak comparison.
        for (one, other, strong, weak) in [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
        ] {
            assert_eq!(tag(one).strong_eq(&tag(other)), strong, "{one} {other}");
            assert_eq!(tag(one).weak_eq(&tag(other)), weak, "{one} {other}");
            assert_eq!(tag(one).is_named_strongly(other.as_bytes()), strong, "{one} {other}");
            assert_eq!(tag(one).is_named_weakly(other.as_bytes()), weak, "{one} {other}");
        }
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        for list in [r#""x""#, r#""a,b", "x""#, r#",, "a" ,W/"x""#, r#""a","x","b""#] {
            assert!(tag(r#""x""#).is_named_weakly(list.as_bytes()), "{list}");
        }
        for list in ["", r#""a,"x",b""#, r#"x"#, r#""a" "x""#, r#""xx""#] {
            assert!(!tag(r#""x""#).is_named_weakly(list.as_bytes()), "{list}");
        }
    }
}
