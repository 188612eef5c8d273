//! The parts that the command lines of bits-server and bits-upload share.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use std::error::Error;
use std::time::Duration;

use clap::error::{ContextKind, ErrorKind};

/// A century: longer times are slips.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

/// A time above zero: seconds with or without a fraction, `1.5h` and the like, or words such as `90s`, `2h 30m`, `14days`.
///
/// # Errors
/// What is wanted instead.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let time = fraction(text).or_else(|| humantime::parse_duration(text).ok());
    time.filter(|time| !time.is_zero() && time.as_secs_f64() <= LONGEST).ok_or_else(|| {
        "a number of seconds above zero is wanted, such as 0.5, or a time such as 2h or 14days".to_owned()
    })
}

/// A number, which may have a fraction, of one unit.
fn fraction(text: &str) -> Option<Duration> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (text.get(..at)?, 1.0),
        Some((at, 'm')) => (text.get(..at)?, 60.0),
        Some((at, 'h')) => (text.get(..at)?, 3_600.0),
        Some((at, 'd')) => (text.get(..at)?, 86_400.0),
        _ => (text, 1.0),
    };
    let number = Some(number).filter(|number| number.ends_with(|last: char| last.is_ascii_digit()));
    let seconds = number?.parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds).ok()
}

/// What is wrong with the command line. Never the value itself: it may have a password in it.
#[must_use]
pub fn what_is_wrong(error: &clap::Error) -> String {
    match (error.get(ContextKind::InvalidArg), error.source()) {
        (Some(argument), Some(why)) if error.kind() == ErrorKind::ValueValidation => {
            format!("{argument}: {why}")
        }
        // It stands before the first empty line; usage and tips come after it.
        _ => {
            let text = error.to_string();
            let what = text.split("\n\n").next().unwrap_or_default();
            what.strip_prefix("error: ").unwrap_or(what).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn complaint(arguments: &[&str]) -> String {
        let time = Arg::new("time").long("time").value_parser(seconds);
        let result = Command::new("program").arg(time).try_get_matches_from(arguments);
        what_is_wrong(&result.unwrap_err())
    }

    #[test]
    fn seconds_may_have_fractions() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for (text, seconds_) in [
            ("90s", 90),
            ("15m", 900),
            ("2h", 7_200),
            ("1.5d", 129_600),
            ("14days", 1_209_600),
            ("2h 30m", 9_000),
            ("1week", 604_800),
        ] {
            assert_eq!(seconds(text), Ok(Duration::from_secs(seconds_)), "{text}");
        }
        for text in [
            "", "h", "2x", "2hh", "0h", "0days", "-1m", "-1days", "infd", "200years", "0", "-1", "nan",
            "inf", "1e300", "1e-300", "five",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_is_not_repeated() {
        let text = complaint(&["program", "--time", "barley"]);
        assert_eq!(
            text,
            "--time <time>: a number of seconds above zero is wanted, such as 0.5, or a time such as 2h or 14days"
        );
    }

    #[test]
    fn usage_and_tips_are_left_out() {
        assert_eq!(complaint(&["program", "--tide"]), "unexpected argument '--tide' found");
    }
}
