//! What the caller may want at any time.

use std::num::NonZeroU64;
use std::time::Instant;

use super::choices::ReplyMode;
use super::credentials::Credentials;
use super::failure::{Failure, Reason};
use super::input::Suspend;
use super::state::{Goal, Hold, Reply, Timer};
use super::upload::Upload;
use crate::machine::ApiMisuse;
use crate::packet::PacketType;

impl Upload {
    /// Suspends the upload (§3.1.4.2). The session stays, until its server's timeout.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn suspend(&mut self, now: Instant, how: Suspend) -> Result<(), ApiMisuse> {
        self.still_open()?;
        if self.hold == Hold::Suspended {
            return Ok(());
        }
        if how == Suspend::AtOnce && self.in_flight.is_some() {
            self.abort();
            if self.hold == Hold::Failed {
                return Ok(());
            }
        }
        self.hold = Hold::Suspending;
        self.settle(now);
        Ok(())
    }

    /// Goes on with an upload that was suspended or has failed: with a Ping first, if there is a session
    /// (§3.1.4.3, C38).
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over. [`ApiMisuse::NotSuspended`]: it goes on anyway.
    pub fn resume(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        if self.goal == Goal::Withdraw && self.hold == Hold::Failed {
            return Err(ApiMisuse::SourceChanged);
        }
        match self.hold {
            // It never stopped.
            Hold::Suspending => {
                self.hold = Hold::None;
                self.advance(now);
            }
            Hold::Suspended | Hold::Failed => {
                self.ping_due = self.session_id.is_some() || self.config.ping_first;
                self.ask_again_where_the_server_stands();
                self.challenges = 0;
                self.backoff.reset();
                self.guards.reset();
                self.go_on(now);
            }
            _ => return Err(ApiMisuse::NotSuspended),
        }
        Ok(())
    }

    /// Gives the upload up and has the server delete what it has of it (§3.1.4.4).
    ///
    /// A Create-Session that is under way is waited for, since what it makes must be cancelled; so is a Close-Session:
    /// if the server has published the entity by then, the upload is complete.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn cancel(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        self.leave(now, Goal::Cancel);
        Ok(())
    }

    /// The source is not what it was when the upload began: what the server has is of no use. The session is cancelled,
    /// and the upload fails with `BG_E_LOCAL_FILE_CHANGED`.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn handle_source_changed(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        self.leave(now, Goal::Withdraw);
        Ok(())
    }

    /// Changes the pace, in bytes a second; `None`: as fast as it goes. Holds from the next fragment on.
    pub fn set_rate(&mut self, now: Instant, bytes_a_second: Option<NonZeroU64>) {
        self.pace.set_rate(now, bytes_a_second);
        if self.hold == Hold::Pace {
            self.hold = Hold::None;
            self.timers.stop(Timer::Pace);
            self.advance(now);
        }
    }

    pub(super) fn leave(&mut self, now: Instant, goal: Goal) {
        if self.goal != goal {
            let waited_for = |packet| matches!(packet, PacketType::CreateSession | PacketType::CloseSession);
            let waits = self
                .in_flight
                .as_ref()
                .is_some_and(|exchange| waited_for(exchange.packet) && !self.outputs.is_unsent(exchange.id));
            if !waits {
                self.abort();
            }
            self.goal = goal;
            self.backoff.reset();
        }
        self.timers.stop(Timer::Retry);
        self.timers.stop(Timer::Pace);
        self.go_on(now);
    }

    /// Supplies the headers that answer a challenge: they go with every request from now on, the one that was
    /// challenged first of all. `None`: there are no credentials, and the upload fails.
    ///
    /// May be called at any time, to refresh a token before it expires.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn authenticate(&mut self, now: Instant, credentials: Option<Credentials>) -> Result<(), ApiMisuse> {
        self.still_open()?;
        let wanted = self.hold == Hold::Credentials;
        match credentials {
            Some(credentials) => {
                self.connection = self.challenged.filter(|_| credentials.connection_bound);
                self.credentials = credentials;
                if wanted {
                    self.go_on(now);
                }
            }
            None if wanted => self.stop(Failure::new(Reason::Unauthorized, None)),
            None => self.credentials = Credentials::default(),
        }
        Ok(())
    }

    /// Tells that the caller has the reply, or does without it (`true`), or could not fetch it (`false`). After a
    /// success the session is closed; after a failure [`resume`](Self::resume) offers the reply again.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over. [`ApiMisuse::NoReplyWanted`]: no reply was offered.
    pub fn handle_reply(&mut self, now: Instant, fetched: bool) -> Result<(), ApiMisuse> {
        self.still_open()?;
        if self.hold != Hold::Reply {
            return Err(ApiMisuse::NoReplyWanted);
        }
        if fetched {
            self.reply = Reply::Settled;
            self.go_on(now);
        } else {
            self.fail(Failure::new(Reason::ReplyFailed, None));
        }
        Ok(())
    }

    /// Sends the last fragment again where its Ack is wanted again: for a reply that it did not name, or because a refused
    /// Close says that the server lost bytes. A server that has them all repeats that Ack; another says what it wants.
    fn ask_again_where_the_server_stands(&mut self) {
        let complete = self.session_id.is_some() && self.offset == self.entity.size();
        let reply_missing = self.config.reply == ReplyMode::Required && self.reply == Reply::None;
        if complete && (reply_missing || self.close_refused) {
            self.close_refused = false;
            self.offset = self.offset.saturating_sub(self.sizer.size());
        }
    }

    fn still_open(&self) -> Result<(), ApiMisuse> {
        if self.state().is_ended() { Err(ApiMisuse::Ended) } else { Ok(()) }
    }
}
