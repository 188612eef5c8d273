//! Dates, to tell how far apart two are: this library has no clock, and needs none for that.

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

/// How many leap days there were before 1970.
const LEAP_DAYS_BEFORE: u64 = 477;

/// The seconds from the beginning of 1970 to a date such as `Sun, 06 Nov 1994 08:49:37 GMT`: the one form that may still
/// be sent (RFC 9110 §5.6.7).
///
/// Days and times that the calendar does not know (30 February, the second 60) are those after them.
pub(crate) fn seconds(date: &[u8]) -> Option<u64> {
    let [
        _,
        _,
        _,
        b',',
        b' ',
        d1,
        d2,
        b' ',
        month @ ..,
        b' ',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
        b' ',
        b'G',
        b'M',
        b'T',
    ] = date
    else {
        return None;
    };
    let [m @ .., b' ', y1, y2, y3, y4] = month else { return None };
    let number = |digits: &[u8], most: u64| decimal(digits).filter(|number| *number <= most);
    let (day, year) = (number(&[*d1, *d2], 31)?, number(&[*y1, *y2, *y3, *y4], 9999)?);
    let (hour, minute) = (number(&[*h1, *h2], 23)?, number(&[*m1, *m2], 59)?);
    let second = number(&[*s1, *s2], 60)?;
    let days = days_before(year, m)?.checked_add(day.checked_sub(1)?)?;
    let of_day = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    days.checked_mul(24 * 3600)?.checked_add(of_day)
}

/// The days from the beginning of 1970 to that of a month.
fn days_before(year: u64, month: &[u8]) -> Option<u64> {
    let (_, of_year) = MONTHS.iter().find(|(name, _)| *name == month)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let leap_day = u64::from(is_leap && *of_year >= 59);
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
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(seconds(date.as_bytes()), None, "{date}");
        }
    }
}
