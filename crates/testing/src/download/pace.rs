//! A model of the pace of a download.

use std::time::{Duration, Instant};

/// When the pace lets the next GET go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) rate: Option<u64>,
    pub(crate) free_at: Option<Instant>,
}

impl Pace {
    pub(crate) fn owes(&self, now: Instant) -> Duration {
        self.free_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// What goes in a quarter of a second goes at once; as much may be made up for.
    pub(crate) fn largest(&self) -> u64 {
        self.rate.map_or(u64::MAX, |rate| (rate / 4).max(1))
    }

    pub(crate) fn sent(&mut self, now: Instant, bytes: u64) {
        let Some(rate) = self.rate else { return };
        let earliest = now - Duration::from_millis(250);
        let place = self.free_at.map_or(now, |at| at.max(earliest));
        self.free_at = Some(place + Duration::from_nanos(bytes * 1_000_000_000 / rate));
    }

    /// What is owed at the old rate is owed at the new one.
    pub(crate) fn change(&mut self, now: Instant, rate: u64) {
        let owed = self.owes(now).as_nanos() as u64 * self.rate.unwrap_or(0);
        self.rate = Some(rate);
        self.free_at = Some(now + Duration::from_nanos(owed / rate));
    }
}
