//! The name of one upload session.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::vocabulary::InvalidValue;
use crate::vocabulary::guid::{self, Abbreviated, Guid};
use crate::vocabulary::limits::MAX_SESSION_ID;

/// The name of one upload session, as `BITS-Session-Id` carries it (§2.2.1.2).
///
/// Opaque to a client: 1 to 100 visible ASCII characters, echoed exactly as received
/// ([C08d](crate::manual::decisions#c08d)). Servers of this library issue version 4 GUIDs, and some peers change
/// their case or lose their braces, so two ids are equal if they are the same GUID, or the same text but for ASCII
/// case ([Q03](crate::manual::tolerances#q03), [Q46](crate::manual::tolerances#q46)).
///
/// ```
/// use bits_proto::SessionId;
///
/// let issued: SessionId = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}".parse()?;
/// let echoed: SessionId = "a0ff5911-4144-45b3-bf27-27afc8ec8a67".parse()?;
/// assert_eq!(issued, echoed);
/// assert_eq!(echoed.as_str(), "a0ff5911-4144-45b3-bf27-27afc8ec8a67");
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, Copy)]
pub struct SessionId {
    length: u8,
    text: [u8; MAX_SESSION_ID],
}

impl SessionId {
    /// Reads an id from a header's value.
    ///
    /// # Errors
    /// [`InvalidValue::SessionId`] unless it is 1 to 100 visible ASCII characters.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidValue> {
        let mut text = [0; MAX_SESSION_ID];
        let (Some(place), Ok(length)) = (text.get_mut(..bytes.len()), u8::try_from(bytes.len())) else {
            return Err(InvalidValue::SessionId);
        };
        // All bytes are looked at, so that the compiler looks at sixteen at a time.
        let is_visible = bytes.iter().fold(true, |visible, byte| visible & byte.is_ascii_graphic());
        if bytes.is_empty() || !is_visible {
            return Err(InvalidValue::SessionId);
        }
        place.copy_from_slice(bytes);
        Ok(Self { length, text })
    }

    /// The id exactly as it was received.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The id's bytes exactly as they were received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The GUID that the id is, if it is one.
    #[must_use]
    pub fn guid(&self) -> Option<Guid> {
        Guid::parse(self.as_bytes()).ok()
    }
}

impl From<Guid> for SessionId {
    fn from(guid: Guid) -> Self {
        let mut text = [0; MAX_SESSION_ID];
        if let Some(place) = text.first_chunk_mut() {
            *place = guid.text();
        }
        Self { length: guid::TEXT_LENGTH, text }
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        // Peers that change an id are rare.
        self.as_bytes() == other.as_bytes() || self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SessionId {}

/// In the order of the GUIDs, before all other ids; those in the order of their text without regard to case. So two ids
/// are the same in this order where they are equal.
impl Ord for SessionId {
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = |id: &Self| id.text.map(|byte| byte.to_ascii_lowercase());
        match (self.guid(), other.guid()) {
            (Some(one), Some(two)) => one.cmp(&two),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => lower(self).cmp(&lower(other)),
        }
    }
}

impl PartialOrd for SessionId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl AsRef<str> for SessionId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.guid() {
            Some(guid) => guid.hash(state),
            None => self.as_bytes().iter().for_each(|byte| state.write_u8(byte.to_ascii_lowercase())),
        }
    }
}

impl FromStr for SessionId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first digits and no more: who knows the id can write into the session.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", Abbreviated(self.as_bytes()))
    }
}

crate::vocabulary::text::serde_as_text!(SessionId);

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for SessionId {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        if u.arbitrary()? {
            return Ok(u.arbitrary::<Guid>()?.into());
        }
        let length = u.int_in_range(1..=MAX_SESSION_ID)?;
        let mut text = [0; MAX_SESSION_ID];
        for place in text.iter_mut().take(length) {
            *place = u.int_in_range(b'!'..=b'~')?;
        }
        Self::from_bytes(text.get(..length).unwrap_or_default())
            .map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> SessionId {
        text.parse().unwrap()
    }

    #[test]
    fn q03_ids_compare_by_guid_or_without_case_but_keep_their_bytes() {
        assert_eq!(id("{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}"), id("c85b4e0a-9eb9-4114-bfa4-8a43b4710091"));
        assert_eq!(id("Token-a"), id("tOKEN-A"));
        assert_ne!(id("token-a"), id("token-b"));
        assert_eq!(id("tOKEN-A").as_str(), "tOKEN-A");
    }

    #[test]
    fn the_order_of_ids_knows_which_are_equal() {
        let ids = [
            id("00000000-0000-0000-0000-000000000001"),
            id("{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}"),
            id("{C85B4E0A-9EB9-4114-BFA4-8A43B4710092}"),
            id("-17"),
            id("token"),
            id("Token-a"),
        ];
        assert!(ids.is_sorted() && ids.iter().zip(&ids[1..]).all(|(one, next)| one < next));
        assert_eq!(id("Token-a").cmp(&id("tOKEN-A")), Ordering::Equal);
        assert_eq!(ids[1].cmp(&id("c85b4e0a-9eb9-4114-bfa4-8a43b4710091")), Ordering::Equal);
    }

    #[test]
    fn debug_shows_the_first_digits_and_no_more() {
        for (text, shown) in [
            ("{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}", "C85B4E0A…"),
            ("c85b4e0a-9eb9-4114-bfa4-8a43b4710091", "c85b4e0a…"),
            ("a-token-of-20-digits", "a-tok…"),
            ("-17", "…"),
        ] {
            assert_eq!(format!("{:?}", id(text)), format!("SessionId({shown})"));
        }
    }

    #[test]
    fn q04_ids_that_are_no_guids_are_ids() {
        for text in ["0", "-17", "x", &"y".repeat(100)] {
            assert_eq!(id(text).as_str(), text);
            assert_eq!(id(text).guid(), None);
        }
    }

    #[test]
    fn an_id_is_1_to_100_visible_characters() {
        for text in ["", "a b", "a\tb", "\u{e9}", &"y".repeat(101), &"y".repeat(300)] {
            assert_eq!(text.parse::<SessionId>(), Err(InvalidValue::SessionId), "{text:?}");
        }
    }
}
