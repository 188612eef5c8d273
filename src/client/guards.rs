//! The guards against endless loops.

use super::config::Config;
use super::failure::Reason;

/// Counters that stop an upload which a server keeps busy without getting anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
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
