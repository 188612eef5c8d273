//! Globally unique identifiers in their text form (\[MS-DTYP\] §2.3.4.3).

use std::fmt;
use std::str::FromStr;

use crate::vocabulary::InvalidValue;
use crate::vocabulary::digits::hex_digit;

/// A GUID; the sixteen bytes stand in the order of its text.
///
/// Written in braces and upper case, as IIS writes it (`captures/upload/02-create-session.ack`). Read with or without
/// braces or parentheses, in either case.
///
/// ```
/// use bits_proto::Guid;
///
/// let guid: Guid = "a0ff5911-4144-45b3-bf27-27afc8ec8a67".parse()?;
/// assert_eq!(guid.to_string(), "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}");
/// assert_eq!(format!("{guid:x}"), "{a0ff5911-4144-45b3-bf27-27afc8ec8a67}");
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Guid([u8; 16]);

/// How many bytes each group of the text form has.
const GROUPS: [usize; 5] = [4, 2, 2, 2, 6];

/// The length of the text form, braces included.
pub(crate) const TEXT_LENGTH: u8 = 38;

impl Guid {
    /// The GUID of all zeros.
    pub const NIL: Self = Self([0; 16]);

    /// The GUID of these bytes, in the order of its text.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A version 4 GUID (RFC 9562 §5.4) from sixteen random bytes.
    ///
    /// The caller supplies the randomness. Where the GUID is a session id, whoever guesses it can write into the
    /// session: take the bytes from the operating system's generator.
    ///
    /// ```
    /// use bits_proto::Guid;
    ///
    /// let guid = Guid::from_random([0xFF; 16]);
    /// assert_eq!(guid.to_string(), "{FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF}");
    /// ```
    #[must_use]
    pub const fn from_random(mut random: [u8; 16]) -> Self {
        random[6] = random[6] & 0x0F | 0x40;
        random[8] = random[8] & 0x3F | 0x80;
        Self(random)
    }

    /// Reads the text form: 32 hexadecimal digits in groups of 8-4-4-4-12, bare, in braces or in parentheses.
    ///
    /// # Errors
    /// [`InvalidValue::Guid`] for anything else.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidValue> {
        let bare = match text {
            [b'{', bare @ .., b'}'] | [b'(', bare @ .., b')'] => bare,
            bare => bare,
        };
        parse_bare(bare).map(Self).ok_or(InvalidValue::Guid)
    }

    /// The bytes, in the order of the text.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The text form in braces and upper case, without allocating.
    pub(crate) fn text(self) -> [u8; 38] {
        let mut text = [b'-'; 38];
        let mut places = text.iter_mut();
        let mut bytes = self.0.iter();
        let mut put = |byte: u8| {
            if let Some(place) = places.next() {
                *place = byte;
            }
        };
        put(b'{');
        for (index, length) in GROUPS.into_iter().enumerate() {
            if index > 0 {
                put(b'-');
            }
            for byte in bytes.by_ref().take(length) {
                put(upper_digit(byte >> 4));
                put(upper_digit(byte & 0x0F));
            }
        }
        put(b'}');
        text
    }
}

fn upper_digit(nibble: u8) -> u8 {
    let digit = char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase();
    u8::try_from(digit).unwrap_or(b'0')
}

fn parse_bare(text: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut places = bytes.iter_mut();
    let mut digits = text.iter().copied();
    for (index, length) in GROUPS.into_iter().enumerate() {
        if index > 0 && digits.next()? != b'-' {
            return None;
        }
        for place in places.by_ref().take(length) {
            *place = hex_digit(digits.next()?)? << 4 | hex_digit(digits.next()?)?;
        }
    }
    digits.next().is_none().then_some(bytes)
}

impl FromStr for Guid {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().into_iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(byte)))
    }
}

impl fmt::UpperHex for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text form in lower case, as the protocol's own GUID is written.
impl fmt::LowerHex for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text().into_iter();
        text.map(|byte| char::from(byte.to_ascii_lowercase())).try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}

crate::vocabulary::text::serde_as_text!(Guid);

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}";

    #[test]
    fn the_text_form_comes_back() {
        let guid: Guid = TEXT.parse().unwrap();
        assert_eq!(guid.to_string(), TEXT);
        assert_eq!(guid.as_bytes()[..5], [0xC8, 0x5B, 0x4E, 0x0A, 0x9E]);
    }

    #[test]
    fn q44_braces_parentheses_and_case_do_not_matter() {
        let guid: Guid = TEXT.parse().unwrap();
        let bare = &TEXT[1..37];
        for form in [bare.to_owned(), bare.to_lowercase(), format!("({bare})"), TEXT.to_lowercase()] {
            assert_eq!(form.parse(), Ok(guid), "{form}");
        }
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        let bare = &TEXT[1..37];
        for form in
            ["", "{}", &TEXT[..37], &TEXT[1..], &bare[..35], &format!("{bare}0"), &bare.replace('-', "")]
        {
            assert_eq!(form.parse::<Guid>(), Err(InvalidValue::Guid), "{form}");
        }
        assert!(Guid::parse(b"{C85B4E0A-9EB9-4114-BFA4-8A43B471009G}").is_err());
        assert!(Guid::parse(b"{C85B4E0A-9EB9-4114-BFA4-8A43B4710091)").is_err());
    }
}
