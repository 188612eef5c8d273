//! The one place where digits become numbers.
//!
//! `str::parse` accepts a leading `+`, which request smuggling has been built on: here a number is its digits.

/// A decimal number of digits alone; `None` for anything else, and past `u64::MAX`.
#[inline]
pub(crate) fn decimal(bytes: &[u8]) -> Option<u64> {
    match leading_decimal(bytes)? {
        (number, []) => Some(number),
        _ => None,
    }
}

/// The decimal number that a text begins with, and the rest of the text; `None` without a digit, and past `u64::MAX`.
#[inline]
pub(crate) fn leading_decimal(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut sum, mut rest) = (0u64, text);
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        sum = sum.wrapping_mul(10).wrapping_add(digit.wrapping_sub(b'0').into());
        rest = behind;
    }
    match text.len().saturating_sub(rest.len()) {
        0 => None,
        // Nineteen digits are below 2^64 whatever they are.
        1..=19 => Some((sum, rest)),
        digits => Some((number(text.get(..digits)?, 10)?, rest)),
    }
}

/// A decimal number of digits alone, of which those past `u64::MAX` are `u64::MAX`: for an offset that is compared with
/// a length, and so need not be exact (RFC 9110 §14.1.2).
pub(crate) fn saturating_decimal(bytes: &[u8]) -> Option<u64> {
    let is_number = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    is_number.then(|| decimal(bytes).unwrap_or(u64::MAX))
}

/// A hexadecimal number of digits alone, in either case; `None` for anything else, and past `u64::MAX`.
pub(crate) fn hexadecimal(bytes: &[u8]) -> Option<u64> {
    number(bytes, 16)
}

/// The value of one hexadecimal digit; for any other byte 0xFF, whose upper half no digit has.
pub(crate) const fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte.wrapping_sub(b'0'),
        b'a'..=b'f' => byte.wrapping_sub(b'a' - 10),
        b'A'..=b'F' => byte.wrapping_sub(b'A' - 10),
        _ => 0xFF,
    }
}

fn number(bytes: &[u8], radix: u32) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |sum, &byte| {
        let digit = char::from(byte).to_digit(radix)?;
        sum.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

/// `text` without the spaces and tabs at its ends (optional whitespace, RFC 9110 §5.6.3).
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_not_a_digit() {
        assert_eq!(decimal(b"+5"), None);
        assert_eq!(decimal(b"-5"), None);
        assert_eq!(decimal(b" 5"), None);
        assert_eq!(decimal(b""), None);
        assert_eq!(hexadecimal(b"0x5"), None);
    }

    #[test]
    fn a_number_ends_where_its_digits_do() {
        assert_eq!(leading_decimal(b"12-34"), Some((12, &b"-34"[..])));
        assert_eq!(leading_decimal(b"018446744073709551615/"), Some((u64::MAX, &b"/"[..])));
        assert_eq!(leading_decimal(b"18446744073709551616/"), None);
        assert_eq!((leading_decimal(b""), leading_decimal(b"-1")), (None, None));
    }

    #[test]
    fn numbers_stop_at_the_end_of_their_type() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!(decimal(b"10000000000000000000"), Some(10_000_000_000_000_000_000));
        assert_eq!((decimal(b"999999999999999999x"), decimal(b"99999999999999999999")), (None, None));
        assert_eq!(decimal(b"00000000000000000000000000007"), Some(7));
        assert_eq!(saturating_decimal(b"18446744073709551614"), Some(u64::MAX - 1));
        assert_eq!(saturating_decimal(b"18446744073709551616"), Some(u64::MAX));
        assert_eq!(saturating_decimal(b"+18446744073709551616"), None);
        assert_eq!(saturating_decimal(b""), None);
        assert_eq!(hexadecimal(b"fFfFfFfFfFfFfFfF"), Some(u64::MAX));
        assert_eq!(hexadecimal(b"10000000000000000"), None);
    }
}
