//! The syntax of single values of the command line.

use bits_proto::HostId;

pub(crate) fn size(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let with_unit = units.into_iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (digits, shift) = with_unit.unwrap_or((text, 0));
    let digits = digits.trim_end();
    let number = Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    number
        .and_then(|digits| digits.parse::<u64>().ok()?.checked_mul(1 << shift))
        .ok_or_else(|| "a size is a number of bytes, or a number with KiB, MiB or GiB behind it".to_owned())
}

/// A name and a size: `alice=10GiB`.
pub(crate) fn named_size(text: &str) -> Result<(String, u64), String> {
    let (name, text) = text.rsplit_once('=').ok_or("a name and a size are wanted, such as alice=10GiB")?;
    Ok((name.to_owned(), size(text)?))
}

pub(crate) fn host_id(text: &str) -> Result<HostId<'static>, String> {
    text.parse::<HostId<'static>>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_bytes_or_have_a_unit() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("5121"), Ok(5121));
        assert_eq!(size("5KiB"), Ok(5120));
        assert_eq!(size("13 MiB"), Ok(13 * 1024 * 1024));
        assert_eq!(size("2GiB"), Ok(2 * 1024 * 1024 * 1024));
        for text in ["", "KiB", "-1", "+1", "1.5MiB", "5 kB", "5MB", "0x10", "99999999999GiB", "1e3"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_may_have_anything_in_it() {
        assert_eq!(named_size("alice=1KiB"), Ok(("alice".to_owned(), 1024)));
        assert_eq!(named_size("a=b=1"), Ok(("a=b".to_owned(), 1)));
        assert!(named_size("alice").is_err() && named_size("alice=much").is_err());
    }
}
