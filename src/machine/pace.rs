//! The pace of bytes.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// A pace in bytes a second.
///
/// Each fragment, sent or asked for, has a place on a fixed schedule, so that what the network takes of the time between
/// two of them does not slow the pace. Time that passed unused is not made up for, but for the length of one slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    rate: Option<NonZeroU64>,
    /// When the next fragment may go.
    next: Option<Instant>,
}

/// A paced fragment is what goes in this time, so that the pace is even.
const SLICES_A_SECOND: u64 = 4;

/// Nanoseconds in a second.
const NANOS: u128 = 1_000_000_000;

const SLICE: Duration = Duration::from_millis(250);

impl Pace {
    pub(crate) const fn new(rate: Option<NonZeroU64>) -> Self {
        Self { rate, next: None }
    }

    pub(crate) const fn rate(&self) -> Option<NonZeroU64> {
        self.rate
    }

    /// The largest fragment at this pace.
    pub(crate) fn largest(&self) -> u64 {
        self.rate.map_or(u64::MAX, |rate| (rate.get() / SLICES_A_SECOND).max(1))
    }

    /// The time for which the next fragment has to wait.
    pub(crate) fn delay(&self, now: Instant) -> Option<Duration> {
        let next = self.next.filter(|_| self.rate.is_some())?;
        next.checked_duration_since(now).filter(|delay| !delay.is_zero())
    }

    /// A fragment of so many bytes goes, or is asked for, now.
    pub(crate) fn sent(&mut self, now: Instant, bytes: u64) {
        let Some(rate) = self.rate else { return };
        let earliest = now.checked_sub(SLICE).unwrap_or(now);
        let place = self.next.map_or(now, |next| next.max(earliest));
        self.next = place.checked_add(time_for(bytes, rate));
    }

    /// Changes the pace; what is owed for bytes that went already is owed at the new one.
    pub(crate) fn set_rate(&mut self, now: Instant, rate: Option<NonZeroU64>) {
        // In parts of a byte as well: a slow pace that is set again and again stays one.
        let owed = match (self.delay(now), self.rate) {
            (Some(delay), Some(rate)) => u128::from(rate.get()).saturating_mul(delay.as_nanos()),
            _ => 0,
        };
        self.rate = rate;
        self.next = rate.and_then(|rate| now.checked_add(time_for_parts(owed, rate)));
    }
}

fn time_for(bytes: u64, rate: NonZeroU64) -> Duration {
    time_for_parts(u128::from(bytes).saturating_mul(NANOS), rate)
}

/// The time for so many thousand-millionth parts of a byte.
fn time_for_parts(parts: u128, rate: NonZeroU64) -> Duration {
    let nanos = parts.checked_div(u128::from(rate.get()));
    nanos.and_then(|nanos| u64::try_from(nanos).ok()).map_or(Duration::MAX, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs one instant to begin from")]
    fn a_new_pace_counts_for_what_is_owed() {
        let now = Instant::now();
        let mut pace = Pace::new(NonZeroU64::new(1000));
        assert_eq!((pace.largest(), pace.delay(now)), (250, None));
        pace.sent(now, 1000);
        assert_eq!(pace.delay(now), Some(Duration::from_secs(1)));
        pace.set_rate(now, NonZeroU64::new(100));
        assert_eq!(pace.delay(now), Some(Duration::from_secs(10)));
        pace.set_rate(now, None);
        assert_eq!((pace.largest(), pace.delay(now)), (u64::MAX, None));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs one instant to begin from")]
    fn the_same_pace_set_again_changes_nothing() {
        let now = Instant::now();
        let mut pace = Pace::new(NonZeroU64::new(1));
        pace.sent(now, 1);
        let later = now + Duration::from_millis(250);
        pace.set_rate(later, NonZeroU64::new(1));
        assert_eq!(pace.delay(later), Some(Duration::from_millis(750)));
    }
}
