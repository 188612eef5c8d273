//! What the caller may want at any time.

use std::num::NonZeroU64;
use std::time::Instant;

use http::HeaderMap;

use super::download::Download;
use super::failure::{Failure, Reason};
use super::output::Event;
use super::state::{Hold, InFlight, Timer};
use crate::client::Suspend;
use crate::machine::ApiMisuse;
use crate::machine::pace::Pace;

impl Download {
    /// Suspends the download (§3.6.4.1). The bytes that were stored count.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn suspend(&mut self, now: Instant, how: Suspend) -> Result<(), ApiMisuse> {
        self.still_open()?;
        if self.hold == Hold::Suspended {
            return Ok(());
        }
        if how == Suspend::AtOnce {
            self.abort();
        }
        self.hold = Hold::Suspending;
        self.settle(now);
        Ok(())
    }

    /// Goes on with a download that was suspended or has failed (§3.6.4.2), with the first byte that is missing.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over. [`ApiMisuse::NotSuspended`]: it goes on anyway.
    pub fn resume(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        match self.hold {
            // It never stopped.
            Hold::Suspending => {}
            Hold::Suspended | Hold::Failed => {
                self.backoff.reset();
                self.restarts = 0;
                self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
            }
            _ => return Err(ApiMisuse::NotSuspended),
        }
        self.hold = Hold::None;
        self.advance(now);
        Ok(())
    }

    /// Changes the pace, in bytes a second; `None`: as fast as it goes.
    ///
    /// A request under way that asked for more than suits the new pace is given up; the next one goes on behind what was
    /// stored of its answer.
    pub fn set_rate(&mut self, now: Instant, bytes_a_second: Option<NonZeroU64>) {
        self.pace.set_rate(now, bytes_a_second);
        if self.outlasts_pace() {
            self.abort();
            // What was asked for and will not come is not owed.
            self.pace = Pace::new(bytes_a_second);
        }
        if self.hold == Hold::Pace {
            self.hold = Hold::None;
            self.timers.stop(Timer::Pace);
        }
        self.settle(now);
    }

    fn outlasts_pace(&self) -> bool {
        let bytes = |exchange: &InFlight| exchange.remaining.unwrap_or(self.bytes_of(&exchange.wanted));
        self.in_flight.as_ref().is_some_and(|exchange| bytes(exchange) > self.pace.largest())
    }

    /// Gives the download up (§3.6.4.3).
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn cancel(&mut self) -> Result<(), ApiMisuse> {
        self.still_open()?;
        self.abort();
        self.hold = Hold::Cancelled;
        self.timers.stop_all();
        self.tell(Event::Cancelled);
        Ok(())
    }

    /// Supplies the headers that answer a challenge: they go with every request from now on, the one that was
    /// challenged first of all. `None`: there are no credentials, and the download fails.
    ///
    /// May be called at any time, to refresh a token before it expires.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn authenticate(&mut self, now: Instant, credentials: Option<HeaderMap>) -> Result<(), ApiMisuse> {
        self.still_open()?;
        let wanted = self.hold == Hold::Credentials;
        match credentials {
            Some(credentials) => {
                self.credentials = credentials;
                if wanted {
                    self.hold = Hold::None;
                    self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
                    self.advance(now);
                }
            }
            None if wanted => self.fail(Failure::new(Reason::Unauthorized)),
            None => self.credentials = HeaderMap::new(),
        }
        Ok(())
    }

    fn still_open(&self) -> Result<(), ApiMisuse> {
        if self.state().is_ended() { Err(ApiMisuse::Ended) } else { Ok(()) }
    }
}
