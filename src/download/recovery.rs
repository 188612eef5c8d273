//! What comes after a bad answer, or none.

use std::time::Instant;

use super::download::Download;
use super::failure::{Failure, Reason};
use super::output::Event;
use super::state::{Hold, Timer};
use crate::packet::ResponseHead;

impl Download {
    /// From now on, one range at a time. It is found out once: a single range has no parts that could be wrong.
    pub(super) fn fall_back(&mut self, cause: Failure) {
        self.single_ranges_only = true;
        self.tell(Event::SingleRangesOnly { cause });
    }

    /// Starts over: the entity is another (§3.6.5.2.4.2, C63).
    pub(super) fn restart(&mut self, cause: Failure) {
        self.restarts = self.restarts.saturating_add(1);
        if self.restarts > self.config.max_restarts {
            return self.fail(Failure { reason: Reason::RestartedTooOften, ..cause });
        }
        self.forget_version();
        self.tell(Event::Restarted { cause });
    }

    pub(super) fn unauthorized(&mut self, head: ResponseHead<'_>) {
        if self.hold == Hold::Suspending {
            return;
        }
        self.hold = Hold::Credentials;
        self.timers.stop(Timer::GiveUp);
        self.tell(Event::CredentialsWanted { status: head.status, challenges: head.challenges() });
    }

    /// Waits, and tries again.
    pub(super) fn transient(&mut self, now: Instant, cause: Failure) {
        if self.hold == Hold::Suspending {
            return;
        }
        let delay = self.backoff.next(&self.config.patience).max(cause.retry_after.unwrap_or_default());
        self.hold = Hold::Retry;
        self.timers.start(Timer::Retry, now, delay);
        let until = self.timers.get(Timer::Retry).unwrap_or(now);
        self.tell(Event::Waiting { until, cause });
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.hold = Hold::Failed;
        self.timers.stop_all();
        self.tell(Event::Failed(failure));
    }
}
