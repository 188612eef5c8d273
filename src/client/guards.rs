//! The guards against endless loops, and what else an upload remembers beyond a session.

use super::config::Config;
use super::failure::Reason;
use crate::vocabulary::HostId;
use crate::vocabulary::limits::MAX_CHALLENGES;

/// The tenth Ack in a row that breaks the protocol is fatal.
const MAX_VIOLATIONS: u32 = 10;
/// The tenth success in a row that is no Ack is fatal: there is no BITS server.
const MAX_NO_ACKS: u32 = 10;
/// After three refusals an upload goes on without a Ping.
const MAX_REFUSED_PINGS: u32 = 3;
/// The thousandth Ack for less than half of a fragment at the floor is fatal.
const MAX_MEAGRE: u32 = 1000;

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
    /// The number of times that the server went back since there was progress (Q10).
    pub(super) regressions: u32,
    pub(super) restarts: u32,
    /// The number of Acks that broke the protocol since there was progress (C25).
    pub(super) violations: u32,
    /// The number of successes in a row that were no Acks.
    pub(super) no_acks: u32,
    /// The number of Pings in a row that were refused (Q33).
    pub(super) refused_pings: u32,
    /// The number of Acks in a row that took less than half of a fragment at the floor.
    pub(super) meagre: u32,
    /// The number of credentials that were supplied since the last answer that was no challenge.
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

    /// An Ack broke the protocol; whether that is to be borne.
    pub(super) const fn bears_violation(&mut self) -> bool {
        self.violations = self.violations.saturating_add(1);
        self.violations < MAX_VIOLATIONS
    }

    /// A success was no Ack; whether a BITS server may still be there.
    pub(super) const fn bears_no_ack(&mut self) -> bool {
        self.no_acks = self.no_acks.saturating_add(1);
        self.no_acks < MAX_NO_ACKS
    }

    /// A Ping was refused; whether another one makes sense.
    pub(super) const fn bears_refused_ping(&mut self) -> bool {
        self.refused_pings = self.refused_pings.saturating_add(1);
        self.refused_pings < MAX_REFUSED_PINGS
    }

    /// Less than half of a fragment at the floor was taken.
    pub(super) const fn bears_meagre(&mut self) -> bool {
        self.meagre = self.meagre.saturating_add(1);
        self.meagre < MAX_MEAGRE
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
        self.violations = 0;
        self.no_acks = 0;
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
