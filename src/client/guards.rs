//! The guards against endless loops, and what else an upload remembers beyond a session.

use super::config::Config;
use super::failure::Reason;
use crate::vocabulary::HostId;
use crate::vocabulary::limits::MAX_CHALLENGES;

/// Counters that stop an upload which a server keeps busy without getting anywhere. They outlive a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) struct Guards {
    /// The highest offset ever acknowledged: new progress is what exceeds it.
    pub(super) best: u64,
    /// The highest offset ever handed to the network.
    pub(super) farthest: u64,
    pub(super) stalls: u32,
    pub(super) regressions: u32,
    pub(super) restarts: u32,
    /// How many credentials were supplied since the last answer that was no challenge.
    pub(super) tried_credentials: u32,
    /// The host that was out of reach for too long, and whether that happened twice (C35).
    #[cfg_attr(feature = "arbitrary", arbitrary(with = crate::vocabulary::arbitrary_host_id))]
    pub(super) abandoned_host: Option<HostId<'static>>,
    pub(super) ignores_hosts: bool,
}

impl Guards {
    /// The server answered a fragment that began at `from` with the offset `to`.
    pub(super) fn acknowledged(&mut self, from: u64, to: u64, config: &Config) -> Result<(), Reason> {
        if to > self.best {
            self.best = to;
            self.forgive();
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

    /// Whether credentials are worth another try.
    pub(super) const fn may_ask(&self) -> bool {
        self.tried_credentials < MAX_CHALLENGES
    }

    /// There was progress, or the caller wants another try.
    pub(super) const fn forgive(&mut self) {
        self.stalls = 0;
        self.regressions = 0;
        self.restarts = 0;
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
