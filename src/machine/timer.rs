//! The named timers of a machine, and which is due next.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The timers of a machine that run, by name. A machine has a handful: the map stays tiny.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timers<T>(BTreeMap<T, Instant>);

impl<T: Copy + Ord> Timers<T> {
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Starts a timer anew. One that would go off past the end of time never does.
    pub(crate) fn start(&mut self, timer: T, now: Instant, after: Duration) {
        match now.checked_add(after) {
            Some(at) => self.0.insert(timer, at),
            None => self.0.remove(&timer),
        };
    }

    pub(crate) fn stop(&mut self, timer: T) {
        self.0.remove(&timer);
    }

    pub(crate) fn stop_all(&mut self) {
        self.0.clear();
    }

    pub(crate) fn get(&self, timer: T) -> Option<Instant> {
        self.0.get(&timer).copied()
    }

    /// The timer that goes off next, and when. Of several at once, the first by name.
    pub(crate) fn next(&self) -> Option<(Instant, T)> {
        self.0.iter().map(|(timer, at)| (*at, *timer)).min()
    }

    /// Stops and returns the timer that went off first, if one has.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<T> {
        let (_, timer) = self.next().filter(|(at, _)| *at <= now)?;
        self.stop(timer);
        Some(timer)
    }
}
