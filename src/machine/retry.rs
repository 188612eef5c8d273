//! The delay before something is tried again.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use crate::machine::patience::Patience;
use crate::vocabulary::digits::{saturating_decimal, trim};
use crate::vocabulary::http_date;

/// The delays before something is tried again: doubling, with jitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    attempts: u32,
    random: u64,
}

impl Backoff {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { attempts: 0, random: seed }
    }

    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The number of tries that have failed in a row, for a snapshot.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// So many tries have failed in a row, as a snapshot says.
    pub(crate) fn resume(&mut self, attempts: u32) {
        self.attempts = attempts.min(31);
    }

    /// The next delay: not less than the peer asked for, as far as the bound allows, so that no number of a peer's ends the
    /// retrying (C75).
    pub(crate) fn next(&mut self, patience: &Patience, retry_after: Option<Duration>) -> Duration {
        let least = retry_after.unwrap_or_default().min(patience.longest_retry_after);
        self.doubled(patience).max(least)
    }

    /// Within a quarter of the doubled delay, never above the longest.
    fn doubled(&mut self, patience: &Patience) -> Duration {
        let (first, longest) = (patience.first_retry_delay, patience.longest_retry_delay);
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let delay = first.saturating_mul(factor.max(1)).min(longest);
        self.attempts = self.attempts.saturating_add(1).min(31);
        // 768 to 1,280 of 1,024 parts: three quarters to five quarters.
        let parts = u32::try_from(self.draw() % 513).unwrap_or_default().saturating_add(768);
        let delay = delay.checked_mul(parts).unwrap_or(Duration::MAX).checked_div(1024).unwrap_or(delay);
        delay.min(longest)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): enough to keep a fleet from coming back at once.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The least delay that a response asks for (`Retry-After`): so many seconds, or until a date, which its own `Date` says how
/// far away is.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = trim(headers.get(RETRY_AFTER)?.as_bytes());
    let seconds = saturating_decimal(value).or_else(|| {
        let now = http_date::seconds(trim(headers.get(DATE)?.as_bytes()))?;
        http_date::seconds(value)?.checked_sub(now)
    });
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_no_further() {
        let (first, longest) = (Duration::from_secs(5), Duration::from_secs(600));
        let patience =
            Patience { first_retry_delay: first, longest_retry_delay: longest, ..Patience::new(first) };
        let mut backoff = Backoff::new(7);
        let mut plain = first;
        for _ in 0..100 {
            let delay = backoff.next(&patience, None);
            assert!(delay >= plain * 3 / 4 && delay <= (plain * 5 / 4).min(longest));
            plain = (plain * 2).min(longest);
        }
        backoff.reset();
        assert!(backoff.next(&patience, None) <= first * 5 / 4);
    }

    #[test]
    fn a_peer_asks_for_a_longer_delay_within_the_bound() {
        let mut patience = Patience::new(Duration::from_secs(5));
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let next = |patience: &Patience, wish| Backoff::new(7).next(patience, Some(wish));
        assert_eq!(next(&patience, minute), minute);
        assert_eq!(next(&patience, Duration::MAX), hour);
        assert_eq!(next(&patience, Duration::ZERO), Backoff::new(7).next(&patience, None));
        patience.set_retry_delays(Duration::from_secs(1), minute);
        assert_eq!(next(&patience, hour), minute, "the user allows no more");
        patience.set_retry_delays(Duration::from_secs(1), 2 * hour);
        assert_eq!(next(&patience, 2 * hour), hour);
    }
}
