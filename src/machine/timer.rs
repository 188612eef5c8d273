//! The named timers of a machine, and which is due next.

use std::time::{Duration, Instant};

/// The timers of a machine that run, the next one last. A machine has a handful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timers<T>(Vec<(Instant, T)>);

impl<T: Copy + Ord> Timers<T> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Starts a timer anew. One that would go off past the end of time never does.
    pub(crate) fn start(&mut self, timer: T, now: Instant, after: Duration) {
        self.stop(timer);
        let Some(at) = now.checked_add(after) else { return };
        let place =
            self.0.iter().rposition(|&other| other > (at, timer)).map_or(0, |later| later.saturating_add(1));
        self.0.insert(place, (at, timer));
    }

    pub(crate) fn stop(&mut self, timer: T) {
        if let Some(place) = self.0.iter().rposition(|(_, other)| *other == timer) {
            self.0.remove(place);
        }
    }

    pub(crate) fn stop_all(&mut self) {
        self.0.clear();
    }

    pub(crate) fn get(&self, timer: T) -> Option<Instant> {
        self.0.iter().find(|(_, other)| *other == timer).map(|(at, _)| *at)
    }

    /// The timer that goes off next, and when. Of several at once, the first by name.
    pub(crate) fn next(&self) -> Option<(Instant, T)> {
        self.0.last().copied()
    }

    /// Stops and returns the timer that went off first, if one has.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<T> {
        self.next().filter(|(at, _)| *at <= now)?;
        self.0.pop().map(|(_, timer)| timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs one instant to begin from")]
    fn timers_go_off_in_order_of_time_and_then_of_name() {
        let now = Instant::now();
        let after = Duration::from_secs;
        let mut timers = Timers::new();
        for (timer, seconds) in [('c', 3), ('a', 5), ('b', 3), ('d', 1)] {
            timers.start(timer, now, after(seconds));
        }
        timers.start('d', now, after(9));
        timers.stop('x');
        let mut seen = Vec::new();
        while let Some((at, _)) = timers.next() {
            assert_eq!(timers.expire(at - Duration::from_nanos(1)), None);
            seen.extend(timers.expire(at));
        }
        assert_eq!(seen, ['b', 'c', 'a', 'd']);
        timers.start('e', now, after(1));
        timers.start('e', now, Duration::MAX);
        assert_eq!(timers.get('e'), None, "it would go off past the end of time");
    }
}
