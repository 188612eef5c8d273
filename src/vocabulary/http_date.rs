//! Dates as HTTP writes them, read and written without a clock.

use std::fmt;

use crate::vocabulary::digits::decimal;

/// The months, and how many days of a common year come before each.
const MONTHS: [(&[u8], u64); 12] = [
    (b"Jan", 0),
    (b"Feb", 31),
    (b"Mar", 59),
    (b"Apr", 90),
    (b"May", 120),
    (b"Jun", 151),
    (b"Jul", 181),
    (b"Aug", 212),
    (b"Sep", 243),
    (b"Oct", 273),
    (b"Nov", 304),
    (b"Dec", 334),
];

/// The number of leap days that there were before 1970.
const LEAP_DAYS_BEFORE: u64 = 477;

/// The last second that can be written: the end of 9999.
pub(crate) const LATEST: u64 = 253_402_300_799;

/// The seconds from the beginning of 1970 to a date (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`, which alone may still
/// be sent, or one of the old forms, `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`.
///
/// Days and times that the calendar does not know (30 February, the second 60) are those after them. Years of two digits are
/// those from 1970 to 2069.
pub(crate) fn seconds(date: &[u8]) -> Option<u64> {
    let mut fields = date.split(|&byte| byte == b' ');
    let weekday = fields.next()?;
    let (day, month, year, time) = match (weekday, fields.next()?) {
        ([_, _, _, b','], day) => {
            let (month, year, time) = (fields.next()?, fields.next()?, fields.next()?);
            (two(day)?, month, four(year)?, gmt(time, fields.next())?)
        }
        ([.., b','], [d1, d2, b'-', month @ .., b'-', y1, y2]) => {
            let year = two(&[*y1, *y2])?;
            let century = if year < 70 { 2000 } else { 1900 };
            let time = gmt(fields.next()?, fields.next())?;
            (two(&[*d1, *d2])?, month, year.checked_add(century)?, time)
        }
        ([_, _, _], month) => {
            let day = match fields.next()? {
                // A day of one digit has a second blank before it.
                b"" => fields.next().and_then(one)?,
                day => two(day)?,
            };
            let time = fields.next()?;
            (day, month, four(fields.next()?)?, time)
        }
        _ => return None,
    };
    let [h1, h2, b':', m1, m2, b':', s1, s2] = time else { return None };
    let at_most = |number: u64, most: u64| Some(number).filter(|number| *number <= most);
    let (hour, minute) = (at_most(two(&[*h1, *h2])?, 23)?, at_most(two(&[*m1, *m2])?, 59)?);
    let second = at_most(two(&[*s1, *s2])?, 60)?;
    if fields.next().is_some() {
        return None;
    }
    let days = days_before(year, month)?.checked_add(at_most(day, 31)?.checked_sub(1)?)?;
    let of_day = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    days.checked_mul(24 * 3600)?.checked_add(of_day)
}

fn gmt<'d>(time: &'d [u8], zone: Option<&[u8]>) -> Option<&'d [u8]> {
    (zone == Some(b"GMT")).then_some(time)
}

fn one(digits: &[u8]) -> Option<u64> {
    decimal(digits).filter(|_| digits.len() == 1)
}

fn two(digits: &[u8]) -> Option<u64> {
    decimal(digits).filter(|_| digits.len() == 2)
}

fn four(digits: &[u8]) -> Option<u64> {
    decimal(digits).filter(|_| digits.len() == 4)
}

/// Writes the date so many seconds after the beginning of 1970, in the form that may be sent.
pub(crate) fn write(seconds: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let weekday = usize::try_from(days % 7).ok().and_then(|day| WEEKDAYS.get(day)).unwrap_or(&"");
    let (year, of_year) = year_of(days);
    let leap_day = u64::from(is_leap(year));
    let first = |day: u64| if day >= 59 { day.saturating_add(leap_day) } else { day };
    let month = MONTHS.iter().rev().find(|(_, day)| first(*day) <= of_year);
    let (name, day) = month.map_or((&b"Jan"[..], 0), |(name, day)| (*name, first(*day)));
    let (month, day) =
        (std::str::from_utf8(name).unwrap_or_default(), of_year.saturating_sub(day).saturating_add(1));
    let (hour, minute, second) = (of_day / 3600, of_day % 3600 / 60, of_day % 60);
    write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// The year of a day after the beginning of 1970, and which day of that year it is, counted from 0.
fn year_of(days: u64) -> (u64, u64) {
    // At least as many years have begun as if all had 366 days, and those that are missing are few.
    let mut year = (days / 366).saturating_add(1970);
    let begin = |year| days_before(year, b"Jan").unwrap_or(u64::MAX);
    while begin(year.saturating_add(1)) <= days {
        year = year.saturating_add(1);
    }
    (year, days.saturating_sub(begin(year)))
}

const fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The days from the beginning of 1970 to that of a month.
fn days_before(year: u64, month: &[u8]) -> Option<u64> {
    let (_, of_year) = MONTHS.iter().find(|(name, _)| *name == month)?;
    let leap_day = u64::from(is_leap(year) && *of_year >= 59);
    let last = year.checked_sub(1)?;
    let leap_days = (last / 4).checked_add(last / 400)?.checked_sub(last / 100)?;
    let years = year.checked_sub(1970)?.checked_mul(365)?;
    years.checked_add(leap_days.checked_sub(LEAP_DAYS_BEFORE)?)?.checked_add(*of_year)?.checked_add(leap_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_from_1970() {
        // As `date -u -d "…" +%s` has them.
        for (date, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Sun, 28 Feb 2100 12:00:00 GMT", 4_107_499_200),
            ("Mon, 01 Mar 2100 12:00:00 GMT", 4_107_585_600),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            // The old forms of RFC 9110 §5.6.7.
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Wed Nov 16 08:49:37 1994", 784_975_777),
            ("Tuesday, 31-Dec-69 23:59:59 GMT", 3_155_759_999),
            ("Thursday, 01-Jan-70 00:00:00 GMT", 0),
        ] {
            assert_eq!(seconds(date.as_bytes()), Some(expected), "{date}");
        }
    }

    #[test]
    fn what_is_no_such_date_is_none() {
        for date in [
            "",
            "120",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06 Nov 19941 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  06 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT",
        ] {
            assert_eq!(seconds(date.as_bytes()), None, "{date}");
        }
    }

    struct Written(u64);

    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(self.0, f)
        }
    }

    #[test]
    fn dates_are_written_as_they_are_read() {
        assert_eq!(Written(784_111_777).to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(Written(951_868_799).to_string(), "Tue, 29 Feb 2000 23:59:59 GMT");
        assert_eq!(Written(0).to_string(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(Written(LATEST).to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
        for seconds in (0..LATEST).step_by(86_400 * 29 + 12_347) {
            let text = Written(seconds).to_string();
            assert_eq!(super::seconds(text.as_bytes()), Some(seconds), "{text}");
        }
    }
}
