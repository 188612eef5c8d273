//! Deadlines in their order.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The sessions of a table by deadline, in sixteen bytes each.
///
/// New sessions have the latest deadline, so they join at the end; a session that makes progress stays where it is
/// queued, and moves when its turn comes. So nothing is ever scanned.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// What ticks count from: the first deadline that the table saw.
    epoch: Option<Instant>,
    queue: BTreeSet<(Tick, u64)>,
}

/// Milliseconds after the table's epoch, or before it, where sessions were restored: 2^63 are more than there will be.
pub(super) type Tick = i64;

impl Deadlines {
    /// Queues a key; returns the tick to remove it under.
    pub(super) fn insert(&mut self, deadline: Instant, key: u64) -> Tick {
        let tick = self.tick(deadline);
        self.queue.insert((tick, key));
        tick
    }

    /// The tick of a deadline, rounded up: whose tick is due is due indeed, and does not come back to the same place.
    pub(super) fn tick(&mut self, deadline: Instant) -> Tick {
        let epoch = *self.epoch.get_or_insert(deadline);
        match deadline.checked_duration_since(epoch) {
            Some(after) => Tick::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(Tick::MAX),
            None => {
                let before = epoch.saturating_duration_since(deadline).as_millis();
                Tick::try_from(before).map_or(Tick::MIN, Tick::saturating_neg)
            }
        }
    }

    pub(super) fn remove(&mut self, tick: Tick, key: u64) {
        self.queue.remove(&(tick, key));
    }

    /// The first key, if its time has come.
    pub(super) fn first_due(&self, now: Instant) -> Option<(Tick, u64)> {
        self.first().filter(|&(at, _)| at <= now).and(self.queue.first().copied())
    }

    /// When the first key's time comes, to the next millisecond.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.first().map(|(at, _)| at)
    }

    fn first(&self) -> Option<(Instant, u64)> {
        let &(tick, key) = self.queue.first()?;
        let distance = Duration::from_millis(tick.unsigned_abs());
        let at = if tick < 0 { self.epoch?.checked_sub(distance) } else { self.epoch?.checked_add(distance) };
        Some((at?, key))
    }
}
