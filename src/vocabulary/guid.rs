//! Globally unique identifiers in their text form (\[MS-DTYP\] §2.3.4.3).

use std::fmt;
use std::str::FromStr;

use crate::vocabulary::InvalidValue;
use crate::vocabulary::digits::hex_digit;
use crate::vocabulary::text::upper_digit;

/// A GUID; the sixteen bytes stand in the order of its text.
///
/// Written in braces and upper case, as IIS writes it
/// ([`upload/02-create-session.ack`](crate::manual::captures#upload-02-create-session-ack)). Read with or
/// without braces or parentheses, in either case.
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

/// The length of the text form, braces included.
pub(crate) const TEXT_LENGTH: u8 = 38;

/// The places of the first digit of each byte in the bare text form.
const FIRST_DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The value of each byte as a digit: one load for each, where a comparison with every kind of digit would cost five.
const DIGITS: [u8; 256] = {
    let mut table = [0xFF; 256];
    let mut byte = 0u8;
    while byte < 128 {
        #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            table[byte as usize] = hex_digit(byte);
        }
        byte = byte.wrapping_add(1);
    }
    table
};

/// The two digits of each byte, in upper case.
const PAIRS: [[u8; 2]; 256] = {
    let mut table = [[0; 2]; 256];
    let mut byte = 0u8;
    loop {
        #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            table[byte as usize] = [upper_digit(byte >> 4), upper_digit(byte)];
        }
        if byte == u8::MAX {
            break table;
        }
        byte = byte.wrapping_add(1);
    }
};

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
    /// The caller supplies the randomness. Where the GUID is a session id, a client that guesses it can write into the
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

    /// The bytes in two numbers.
    pub(crate) fn halves(self) -> [u64; 2] {
        let whole = u128::from_ne_bytes(self.0);
        let half = |shift: u32| u64::try_from(whole >> shift & u128::from(u64::MAX)).unwrap_or_default();
        [half(0), half(64)]
    }

    /// The text form in braces and upper case, without allocating.
    pub(crate) fn text(self) -> [u8; 38] {
        let mut text = *b"{........-....-....-....-............}";
        for (byte, first) in self.0.into_iter().zip(FIRST_DIGITS) {
            let at = first.wrapping_add(1);
            let place = text.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
            if let (Some(place), Some(pair)) = (place, PAIRS.get(usize::from(byte))) {
                *place = *pair;
            }
        }
        text
    }
}

fn parse_bare(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if [text[8], text[13], text[18], text[23]] != *b"----" {
        return None;
    }
    // Without the hyphens first: places that the compiler knows need no check.
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&text[..8]);
    digits[8..12].copy_from_slice(&text[9..13]);
    digits[12..16].copy_from_slice(&text[14..18]);
    digits[16..20].copy_from_slice(&text[19..23]);
    digits[20..].copy_from_slice(&text[24..]);
    let value = |digit: &u8| DIGITS.get(usize::from(*digit)).copied().unwrap_or(0xFF);
    let (mut bytes, mut illegal) = ([0; 16], 0);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        if let [high, low] = pair {
            let (high, low) = (value(high), value(low));
            illegal |= high | low;
            *byte = high << 4 | low;
        }
    }
    if illegal < 0x10 { Some(bytes) } else { None }
}

impl FromStr for Guid {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.text()).unwrap_or_default())
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
        f.pad(std::str::from_utf8(&self.text().map(|byte| byte.to_ascii_lowercase())).unwrap_or_default())
    }
}

/// The first digits and no more: most GUIDs are the ids of sessions, and who knows one can write into the session.
impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({})", Abbreviated(&self.text()))
    }
}

/// The first digits of a session's id and no more, for logs and `Debug`.
pub(crate) struct Abbreviated<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Abbreviated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.strip_prefix(b"{").unwrap_or(self.0);
        // Of a short id even eight digits would give away too much.
        let shown = digits.get(..(digits.len() / 4).min(8)).unwrap_or_default();
        write!(f, "{}…", shown.escape_ascii())
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
    fn every_byte_is_a_digit_or_none() {
        for byte in 0..=u8::MAX {
            let expected = char::from(byte).to_digit(16);
            assert_eq!(u32::from(DIGITS[usize::from(byte)]), expected.unwrap_or(0xFF), "{byte}");
        }
        for (byte, digit) in (0..16).zip("0123456789ABCDEF".bytes()) {
            assert_eq!(upper_digit(byte), digit);
        }
    }

    #[test]
    fn debug_shows_the_first_digits_and_no_more() {
        let guid: Guid = TEXT.parse().unwrap();
        assert_eq!(format!("{guid:?}"), "Guid(C85B4E0A…)");
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
        for at in 0..36 {
            let mut text = bare.as_bytes().to_vec();
            text[at] = b'G';
            assert!(Guid::parse(&text).is_err(), "{at}");
        }
    }
}
