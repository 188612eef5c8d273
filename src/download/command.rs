//! The commands of a download. Each may be called at any time.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::download::Download;
use super::output::{Connection, Event};
use super::state::{Doing, Then, Timer};
use crate::machine::pace::Pace;
use crate::machine::{ApiMisuse, Credentials, Suspend};

impl Download {
    /// Suspends the download (§3.6.4.1). The bytes that were stored count.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn suspend(&mut self, now: Instant, how: Suspend) -> Result<(), ApiMisuse> {
        self.still_open()?;
        match (&mut self.doing, how) {
            (Doing::Suspended, _) => {}
            (Doing::Exchanging(_, then), Suspend::Gracefully) => *then = Then::Suspend,
            _ => {
                self.abort();
                self.doing = Doing::Between(Then::Suspend);
                self.settle(now);
            }
        }
        Ok(())
    }

    /// Goes on with a download that was suspended or has failed (§3.6.4.2), with the first byte that is missing.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over. [`ApiMisuse::NotSuspended`]: it was neither suspended nor failed.
    pub fn resume(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        match &mut self.doing {
            // It never stopped.
            Doing::Exchanging(_, then @ Then::Suspend) => *then = Then::GoOn,
            Doing::Suspended | Doing::Failed => {
                self.backoff.reset();
                self.restarts = 0;
                self.challenges = 0;
                self.go_on(now, self.config.patience.give_up_after);
            }
            _ => return Err(ApiMisuse::NotSuspended),
        }
        Ok(())
    }

    /// Changes the rate limit, in bytes a second; `None` removes it.
    ///
    /// A request under way that asked for too many bytes at the new rate is given up. The next one goes on after what was
    /// stored of its answer.
    pub fn set_rate(&mut self, now: Instant, bytes_a_second: Option<NonZeroU64>) {
        self.pace.set_rate(now, bytes_a_second);
        if self.outlasts_pace() {
            self.abort();
            // What was asked for and will not come is not owed.
            self.pace = Pace::new(bytes_a_second);
        } else if self.doing == Doing::Pacing {
            self.timers.stop(Timer::Pace);
            self.doing = Doing::Between(Then::GoOn);
        }
        self.settle(now);
    }

    fn outlasts_pace(&self) -> bool {
        let Doing::Exchanging(exchange, _) = &self.doing else { return false };
        exchange.remaining.unwrap_or(self.bytes_of(&exchange.wanted)) > self.pace.largest()
    }

    /// Gives the download up (§3.6.4.3).
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn cancel(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        self.abort();
        self.stop(Doing::Cancelled, Event::Cancelled);
        self.settle(now);
        Ok(())
    }

    /// Supplies the headers that answer a challenge. The request that was challenged is sent again with them, and so is
    /// every request after it. `None` means that there are no credentials: the download fails.
    ///
    /// A server that refuses eight answers in a row fails the download with [`Reason::Unauthorized`](super::Reason::Unauthorized).
    /// Credentials that hold for one connection go with the next request alone, and
    /// [`Transmit::connection`](super::Transmit::connection) keeps the requests after it on that connection.
    ///
    /// May be called at any time, to refresh a token before it expires.
    ///
    /// ```
    /// use std::time::Instant;
    /// use bits_proto::download::{ApplicationRanges, Config, Download, Event, Output};
    /// use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
    ///
    /// # let now = Instant::now();
    /// # let url = "http://server/replies/1".parse()?;
    /// # let mut download = Download::new(now, url, ApplicationRanges::whole(), Config::default())?;
    /// # let Some(Output::Transmit(transmit)) = download.poll_output() else { panic!() };
    /// let challenge = http::Response::builder().status(401).header("WWW-Authenticate", "Basic");
    /// download.handle_response(now, transmit.id, &challenge.body(())?);
    /// let Some(Output::Event(Event::CredentialsWanted { status, .. })) = download.poll_output() else { panic!() };
    /// assert_eq!(status, 401);
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.try_insert(AUTHORIZATION, HeaderValue::from_static("Basic eDp5"))?;
    /// download.authenticate(now, Some(headers.into()))?;
    /// let Some(Output::Transmit(again)) = download.poll_output() else { panic!() };
    /// assert_eq!(again.request.headers()["authorization"], "Basic eDp5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn authenticate(&mut self, now: Instant, credentials: Option<Credentials>) -> Result<(), ApiMisuse> {
        self.still_open()?;
        match (credentials, &self.doing) {
            (Some(credentials), Doing::Challenged(challenge)) => {
                let give_up_in = challenge.give_up_in;
                self.connection = match credentials.connection_bound {
                    true => Connection::SameAs(challenge.exchange),
                    false => Connection::Any,
                };
                self.credentials = credentials;
                self.go_on(now, give_up_in);
            }
            (None, Doing::Challenged(challenge)) => self.fail(challenge.failure.clone()),
            (credentials, _) => {
                self.connection = Connection::Any;
                self.credentials = credentials.unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Begins again, with so much time without progress.
    fn go_on(&mut self, now: Instant, give_up_in: Duration) {
        self.timers.start(Timer::GiveUp, now, give_up_in);
        self.doing = Doing::Between(Then::GoOn);
        self.settle(now);
    }

    fn still_open(&self) -> Result<(), ApiMisuse> {
        if self.state().is_ended() { Err(ApiMisuse::Ended) } else { Ok(()) }
    }
}
