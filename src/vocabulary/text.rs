//! The text forms of values: written on the stack for a header, and serialised.

/// A short text of visible ASCII on the stack: writing a header allocates nothing but the header.
#[derive(Clone, Copy)]
pub(crate) struct StackText<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> StackText<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The same with `text` behind it. What does not fit is left out: `N` is what the longest value needs.
    #[must_use]
    pub(crate) fn with(mut self, text: &[u8]) -> Self {
        let end = self.length.saturating_add(text.len());
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(text);
            self.length = end;
        }
        self
    }

    /// The same with a decimal number behind it.
    #[must_use]
    pub(crate) fn with_decimal(self, number: u64) -> Self {
        self.with_digits(number, 10, 1)
    }

    /// The same with a hexadecimal number in upper case behind it, of `least` digits or more.
    #[must_use]
    pub(crate) fn with_hexadecimal(self, number: u32, least: usize) -> Self {
        self.with_digits(number.into(), 16, least)
    }

    #[inline]
    fn with_digits(self, mut number: u64, radix: u64, least: usize) -> Self {
        let mut digits = [b'0'; 20];
        let mut used = 0usize;
        for place in digits.iter_mut().rev() {
            let [digit, ..] = number.checked_rem(radix).unwrap_or_default().to_le_bytes();
            *place = upper_digit(digit);
            number = number.checked_div(radix).unwrap_or_default();
            used = used.saturating_add(1);
            if number == 0 {
                break;
            }
        }
        let start = digits.len().saturating_sub(used.max(least));
        self.with(digits.get(start..).unwrap_or_default())
    }
}

/// One digit of a hexadecimal number.
pub(crate) const fn upper_digit(nibble: u8) -> u8 {
    let nibble = nibble & 0x0F;
    if nibble < 10 { nibble.wrapping_add(b'0') } else { nibble.wrapping_add(b'A' - 10) }
}

/// Gives a type with `Display` and `FromStr` the serde form of its text; the text is checked when it comes back.
macro_rules! serde_as_text {
    ($type:ty) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use serde_as_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        for number in [0, 1, 9, 10, 99, 100, 12_345_678_901, u64::MAX] {
            assert_eq!(StackText::<20>::new().with_decimal(number).as_str(), number.to_string());
        }
        for number in [0, 5, 0xF, 0x10, 0x8007_0057, u32::MAX] {
            let text = StackText::<10>::new().with(b"0x");
            assert_eq!(text.with_hexadecimal(number, 8).as_str(), format!("0x{number:08X}"));
            assert_eq!(text.with_hexadecimal(number, 1).as_str(), format!("{number:#X}"));
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        assert_eq!(StackText::<3>::new().with(b"ab").with(b"cd").with(b"e").as_bytes(), b"abe");
    }
}
