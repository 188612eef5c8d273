//! The times that a machine waits, and the number of its tries.

use std::time::Duration;

use crate::machine::InvalidConfig;
use crate::vocabulary::limits::{FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY, RESPONSE_TIMEOUT, SESSION_TIMEOUT};

/// The longest `Retry-After` that is honoured: an hour (C75).
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The time limits of exchanges, and the delays between tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) request_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) first_retry_delay: Duration,
    pub(crate) longest_retry_delay: Duration,
    /// The bound on a peer's `Retry-After` (C75).
    pub(crate) longest_retry_after: Duration,
    pub(crate) give_up_after: Duration,
}

impl Patience {
    pub(crate) const fn new(request_timeout: Duration) -> Self {
        Self {
            request_timeout,
            response_timeout: RESPONSE_TIMEOUT,
            first_retry_delay: FIRST_RETRY_DELAY,
            longest_retry_delay: LONGEST_RETRY_DELAY,
            longest_retry_after: LONGEST_RETRY_AFTER,
            give_up_after: SESSION_TIMEOUT,
        }
    }

    pub(crate) const fn set_timeouts(&mut self, request: Duration, response: Duration) {
        self.request_timeout = request;
        self.response_timeout = response;
    }

    /// A peer cannot ask for a longer delay than the user allows (C75).
    pub(crate) fn set_retry_delays(&mut self, first: Duration, longest: Duration) {
        self.first_retry_delay = first;
        self.longest_retry_delay = longest;
        self.longest_retry_after = longest.min(LONGEST_RETRY_AFTER);
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        refuse_zero([
            ("the request timeout", self.request_timeout),
            ("the response timeout", self.response_timeout),
            ("the first retry delay", self.first_retry_delay),
            ("the time without progress", self.give_up_after),
        ])?;
        if self.first_retry_delay > self.longest_retry_delay {
            return Err(InvalidConfig::RetryDelays);
        }
        Ok(())
    }
}

/// A timer that goes off at once is never what was meant.
pub(crate) fn refuse_zero<const N: usize>(times: [(&'static str, Duration); N]) -> Result<(), InvalidConfig> {
    match times.into_iter().find(|(_, time)| time.is_zero()) {
        Some((name, _)) => Err(InvalidConfig::ZeroTime(name)),
        None => Ok(()),
    }
}
