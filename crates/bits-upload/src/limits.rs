//! The bytes that may go in a second, by the time of day.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use bits_http::client::Control;
use jiff::Zoned;
use jiff::civil::Time;

use crate::values;

const MINUTES_A_DAY: u16 = 24 * 60;

/// Limits of the rate: the first that fits the time of day counts. Where none does, there is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits(Vec<Limit>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Limit {
    /// Bytes a second; `None` for as fast as it goes.
    rate: Option<NonZeroU64>,
    hours: Option<Hours>,
}

/// From one minute of the day to another, which is not among them. They may go over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    from: u16,
    to: u16,
}

impl Limits {
    /// The limit of now, by the clock of this machine.
    pub(crate) fn now(&self) -> Option<NonZeroU64> {
        self.at(minute(Zoned::now().time()))
    }

    fn at(&self, minute: u16) -> Option<NonZeroU64> {
        let fits = |limit: &&Limit| limit.hours.is_none_or(|hours| hours.has(minute));
        self.0.iter().find(fits).and_then(|limit| limit.rate)
    }

    /// Changes the rate of the uploads under way at its times, for as long as there are some.
    pub(crate) async fn keep(self, control: Control) {
        let mut rate = self.now();
        while self.0.iter().any(|limit| limit.hours.is_some()) {
            let second = u64::try_from(Zoned::now().second()).unwrap_or_default();
            tokio::time::sleep(Duration::from_secs(60_u64.saturating_sub(second).max(1))).await;
            let now = self.now();
            if now != rate {
                control.set_rate(now);
            }
            rate = now;
        }
    }
}

impl Hours {
    const fn has(self, minute: u16) -> bool {
        if self.from < self.to {
            self.from <= minute && minute < self.to
        } else {
            self.from <= minute || minute < self.to
        }
    }
}

fn minute(time: Time) -> u16 {
    let (hour, minute) = (u16::try_from(time.hour()), u16::try_from(time.minute()));
    hour.unwrap_or_default().saturating_mul(60).saturating_add(minute.unwrap_or_default())
}

impl FromStr for Limits {
    type Err = String;

    /// `500KiB@8:00-18:00,5MiB`: a rate, or `none`, with or without its hours.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|limit| limit.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rate, hours) = match text.split_once('@') {
            Some((rate, hours)) => (rate.trim(), Some(hours.trim().parse()?)),
            None => (text, None),
        };
        let rate = if rate == "none" { None } else { Some(values::rate(rate)?) };
        Ok(Self { rate, hours })
    }
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text} are no hours: 8:00-18:00 are, and 22-6");
        let (from, to) = text.split_once('-').ok_or_else(wanted)?;
        let (from, to) = time(from).zip(time(to)).ok_or_else(wanted)?;
        let hours = Self { from: from.checked_rem(MINUTES_A_DAY).unwrap_or_default(), to };
        if from == to { Err(wanted()) } else { Ok(hours) }
    }
}

/// The minute of the day: `8`, `8:30`, `24:00`.
fn time(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':').unwrap_or((text.trim(), "00"));
    let number = |text: &str| {
        let is_number = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok()).flatten()
    };
    let minute = number(minute).filter(|minute| *minute < 60)?;
    let minute = number(hour)?.checked_mul(60)?.checked_add(minute)?;
    (minute <= MINUTES_A_DAY).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit at a time such as `8:00`, in KiB a second.
    fn at(limits: &str, time_of_day: &str) -> Option<u64> {
        let limits: Limits = limits.parse().unwrap();
        limits.at(time(time_of_day).unwrap()).map(|rate| rate.get() >> 10)
    }

    #[test]
    fn the_first_limit_that_fits_the_time_of_day_counts() {
        for (limits, time, expected) in [
            ("500KiB", "0:00", Some(500)),
            ("none", "12:00", None),
            ("500KiB@8:00-18:00", "7:59", None),
            ("500KiB@8:00-18:00", "8:00", Some(500)),
            ("500KiB@8:00-18:00", "17:59", Some(500)),
            ("500KiB@8:00-18:00", "18:00", None),
            ("500KiB@8-18, 5MiB", "18:00", Some(5 << 10)),
            ("none@22:30-6,100KiB", "23:00", None),
            ("none@22:30-6,100KiB", "5:59", None),
            ("none@22:30-6,100KiB", "6:00", Some(100)),
            ("1KiB@0-12,2KiB@12-24", "11:59", Some(1)),
            ("1KiB@0-12,2KiB@12-24", "23:59", Some(2)),
            ("1KiB@24-1", "0:30", Some(1)),
        ] {
            assert_eq!(at(limits, time), expected, "{limits} at {time}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "",
            ",",
            "1KiB,",
            "fast",
            "1KiB@",
            "1KiB@8",
            "1KiB@8-8",
            "1KiB@8-25",
            "1KiB@8:60-9",
            "1KiB@8:0x-9",
            "1KiB@-1-9",
            "1KiB@8-9-10",
            "0@8-9",
            "1KiB@24:01-2",
            "1KiB@008-9",
        ] {
            assert!(text.parse::<Limits>().is_err(), "{text}");
        }
    }
}
