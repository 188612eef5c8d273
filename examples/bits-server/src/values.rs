//! What single values of the command line look like.

use std::time::Duration;

use bits_proto::HostId;

/// A century: longer times are slips.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

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

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "a number of seconds above zero is wanted: 0.5".to_owned())
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
    fn seconds_may_have_fractions() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["", "0", "-1", "nan", "inf", "1e300", "1e-300", "five"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
