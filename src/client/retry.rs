//! Delays that grow, and the guards against endless loops.

use std::time::Duration;

use super::config::Config;
use super::failure::Reason;

/// The delays before something is tried again: doubling, with jitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backoff {
    attempts: u32,
    random: u64,
}

impl Backoff {
    pub(super) const fn new(seed: u64) -> Self {
        Self { attempts: 0, random: seed }
    }

    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The next delay: within a quarter of the doubled one, never above the longest.
    pub(super) fn next(&mut self, config: &Config) -> Duration {
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let delay = config.first_retry_delay.saturating_mul(factor.max(1)).min(config.longest_retry_delay);
        self.attempts = self.attempts.saturating_add(1).min(31);
        // 768 to 1,280 of 1,024 parts: three quarters to five quarters.
        let parts = u32::try_from(self.draw() % 513).unwrap_or_default().saturating_add(768);
        let delay = delay.checked_mul(parts).unwrap_or(Duration::MAX).checked_div(1024).unwrap_or(delay);
        delay.min(config.longest_retry_delay)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): enough to keep a fleet from coming back at once.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Counters that stop an upload which a server keeps busy without getting anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Guards {
    /// The highest offset ever acknowledged: new progress is what exceeds it.
    pub(super) best: u64,
    stalls: u32,
    regressions: u32,
    restarts: u32,
}

impl Guards {
    /// The server answered a fragment that began at `from` with the offset `to`.
    pub(super) fn acknowledged(&mut self, from: u64, to: u64, config: &Config) -> Result<(), Reason> {
        if to > self.best {
            *self = Self { best: to, ..Self::default() };
            return Ok(());
        }
        self.stalls = if to > from { 0 } else { self.stalls.saturating_add(1) };
        if to < from {
            self.regressions = self.regressions.saturating_add(1);
        }
        if self.regressions > config.max_regressions {
            return Err(Reason::Regressed);
        }
        if self.stalls > config.max_stalls {
            return Err(Reason::Stalled);
        }
        Ok(())
    }

    pub(super) fn restarted(&mut self, config: &Config) -> Result<(), Reason> {
        self.restarts = self.restarts.saturating_add(1);
        if self.restarts > config.max_restarts { Err(Reason::RestartedTooOften) } else { Ok(()) }
    }

    /// The caller wants another try.
    pub(super) fn reset(&mut self) {
        *self = Self { best: self.best, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_no_further() {
        let config = Config::default();
        let mut backoff = Backoff::new(7);
        let mut plain = config.first_retry_delay;
        for _ in 0..100 {
            let delay = backoff.next(&config);
            assert!(delay >= plain * 3 / 4 && delay <= (plain * 5 / 4).min(config.longest_retry_delay));
            plain = (plain * 2).min(config.longest_retry_delay);
        }
        backoff.reset();
        assert!(backoff.next(&config) <= config.first_retry_delay * 5 / 4);
    }

    #[test]
    fn a_server_that_goes_to_and_fro_is_stopped() {
        let config = Config::default();
        let mut guards = Guards::default();
        assert_eq!(guards.acknowledged(0, 100, &config), Ok(()));
        let mut answers = (0..).map(|round| if round % 2 == 0 { (100, 50) } else { (50, 100) });
        let stopped =
            answers.by_ref().take(100).find_map(|(from, to)| guards.acknowledged(from, to, &config).err());
        assert_eq!(stopped, Some(Reason::Regressed));
    }

    #[test]
    fn going_over_lost_ground_is_no_stall() {
        let config = Config::default();
        let mut guards = Guards::default();
        assert_eq!(guards.acknowledged(0, 1_000_000, &config), Ok(()));
        assert_eq!(guards.acknowledged(1_000_000, 0, &config), Ok(()));
        for offset in 0..999_999 {
            assert_eq!(guards.acknowledged(offset, offset + 1, &config), Ok(()));
        }
    }
}
