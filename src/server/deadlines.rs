//! Deadlines in their order.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The sessions of a table by deadline, in sixteen bytes each.
///
/// New sessions have the latest deadline, so they join at the end; a session that makes progress stays where it is
/// queued, and moves when its turn comes. So nothing is ever scanned.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// What ticks count from: about when the table was first used.
    epoch: Option<Instant>,
    queue: BTreeSet<(Tick, u64)>,
}

/// Milliseconds since the table's epoch; 2^64 of them are more than there will be.
pub(super) type Tick = u64;

impl Deadlines {
    /// Queues a key; returns the tick to remove it under.
    ///
    /// `timeout` is what deadlines are ahead of the present as a rule: ticks count from then.
    pub(super) fn insert(&mut self, deadline: Instant, key: u64, timeout: Duration) -> Tick {
        self.epoch.get_or_insert(deadline.checked_sub(timeout).unwrap_or(deadline));
        let tick = self.tick(deadline);
        self.queue.insert((tick, key));
        tick
    }

    /// The tick of a deadline, rounded up: whose tick is due is due indeed, and does not come back to the same place.
    pub(super) fn tick(&self, deadline: Instant) -> Tick {
        let since = deadline.saturating_duration_since(self.epoch.unwrap_or(deadline));
        Tick::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(Tick::MAX)
    }

    pub(super) fn remove(&mut self, tick: Tick, key: u64) {
        self.queue.remove(&(tick, key));
    }

    /// The first key, if its time has come.
    pub(super) fn first_due(&self, now: Instant) -> Option<(Tick, u64)> {
        self.first().filter(|&(at, _)| at <= now).and(self.queue.first().copied())
    }

    pub(super) fn first_key(&self) -> Option<u64> {
        self.queue.first().map(|&(_, key)| key)
    }

    /// When the first key's time comes, to the next millisecond.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.first().map(|(at, _)| at)
    }

    fn first(&self) -> Option<(Instant, u64)> {
        let &(tick, key) = self.queue.first()?;
        Some((self.epoch?.checked_add(Duration::from_millis(tick))?, key))
    }
}
