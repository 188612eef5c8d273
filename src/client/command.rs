//! The commands of an upload. Each may be called at any time; one that makes no sense is an [`ApiMisuse`].

use std::num::NonZeroU64;
use std::time::Instant;

use super::config::ReplyMode;
use super::failure::{Failure, Reason};
use super::output::Connection;
use super::state::{Doing, Goal, Next, Ping, Place, Reply, Timer};
use super::upload::Upload;
use crate::machine::{ApiMisuse, Credentials, Suspend};
use crate::packet::PacketType;

impl Upload {
    /// Suspends the upload (§3.1.4.2). The session stays, until its server's timeout.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn suspend(&mut self, now: Instant, how: Suspend) -> Result<(), ApiMisuse> {
        self.still_open()?;
        self.leave_lost_host(now);
        match &mut self.doing {
            Doing::Suspended => {}
            Doing::Exchanging(exchange) if how == Suspend::Gracefully => exchange.then_suspend = true,
            _ => {
                self.abort();
                self.suspended();
            }
        }
        Ok(())
    }

    /// Goes on with an upload that was suspended or has failed: with a Ping first, if there is a session
    /// (§3.1.4.3, [C38](crate::manual::decisions#c38)).
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over. [`ApiMisuse::NotSuspended`]: it was neither suspended nor failed.
    /// [`ApiMisuse::SourceChanged`]: a new upload must begin.
    pub fn resume(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        self.leave_lost_host(now);
        match &mut self.doing {
            // It never stopped.
            Doing::Exchanging(exchange) if exchange.then_suspend => exchange.then_suspend = false,
            Doing::Failed { for_good: true } => return Err(ApiMisuse::SourceChanged),
            Doing::Suspended | Doing::Failed { for_good: false } => {
                self.ping_first();
                self.ask_again_where_the_server_stands();
                self.guards.tried_credentials = 0;
                self.guards.forgive();
                self.guards.meagre = 0;
                self.guards.refused_pings = 0;
                self.backoff.reset();
                self.go_on(now);
            }
            _ => return Err(ApiMisuse::NotSuspended),
        }
        Ok(())
    }

    /// Gives the upload up and has the server delete what it has of it (§3.1.4.4).
    ///
    /// The answer to a Create-Session that is under way is awaited, because the session that it opens must be cancelled.
    /// So is the answer to a Close-Session: if the server has published the entity by then, the upload is complete.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn cancel(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        self.leave(now, Goal::Cancel);
        Ok(())
    }

    /// Reports that the source has changed since the upload began. The bytes on the server are then of no use: the session
    /// is cancelled, and the upload fails with `BG_E_LOCAL_FILE_CHANGED`.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn source_changed(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        self.leave(now, Goal::Withdraw);
        Ok(())
    }

    /// Changes the rate limit, in bytes a second; `None` removes it. The new limit applies from the next fragment on.
    pub fn set_rate(&mut self, now: Instant, rate: Option<NonZeroU64>) {
        self.pace.set_rate(now, rate);
        if self.doing == Doing::Pacing {
            self.timers.stop(Timer::Pace);
            self.settle(now, Next::Go);
        }
    }

    /// Supplies the headers that answer a challenge. The request that was challenged is sent again with them, and so is
    /// every request after it. `None` means that there are no credentials: the upload fails.
    ///
    /// May be called at any time, to refresh a token before it expires.
    ///
    /// Credentials that hold for one connection, as NTLM's and Kerberos' do, are sent once. The requests after that use the
    /// same connection, as [`Transmit::connection`](super::Transmit::connection) says.
    ///
    /// ```
    /// use std::time::Instant;
    /// use bits_proto::client::{Config, Connection, Credentials, Entity, Event, Output, Upload};
    /// use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
    ///
    /// # let (now, url) = (Instant::now(), "http://server/docs/udhr.txt".parse()?);
    /// # let mut upload = Upload::new(now, url, Entity::new(63)?, Config::default())?;
    /// # let Some(Output::Transmit(transmit)) = upload.poll_output() else { panic!() };
    /// let challenge = |name: &str| {
    ///     http::Response::builder().status(401).header("WWW-Authenticate", name).body(())
    /// };
    /// upload.handle_response(now, transmit.id, &challenge("Basic")?);
    /// let output = upload.poll_output();
    /// let Some(Output::Event(Event::CredentialsWanted { challenges, .. })) = output else { panic!() };
    /// assert_eq!(challenges, ["Basic"]);
    ///
    /// // Basic: name and password in Base64, with every request from now on.
    /// let mut headers = HeaderMap::new();
    /// headers.try_insert(AUTHORIZATION, HeaderValue::from_static("Basic eDp5"))?;
    /// upload.authenticate(now, Some(headers.into()))?;
    /// let Some(Output::Transmit(basic)) = upload.poll_output() else { panic!() };
    /// assert_eq!(basic.request.headers()["authorization"], "Basic eDp5");
    /// assert_eq!(basic.connection, Connection::Any);
    ///
    /// // NTLM: this connection is logged in, step by step, and no other one is.
    /// upload.handle_response(now, basic.id, &challenge("NTLM")?);
    /// # let Some(Output::Event(Event::CredentialsWanted { .. })) = upload.poll_output() else { panic!() };
    /// let mut headers = HeaderMap::new();
    /// headers.try_insert(AUTHORIZATION, HeaderValue::from_static("NTLM TlRMTVNTUAABAAAA"))?;
    /// upload.authenticate(now, Some(Credentials { headers, connection_bound: true }))?;
    /// let Some(Output::Transmit(ntlm)) = upload.poll_output() else { panic!() };
    /// assert_eq!(ntlm.connection, Connection::SameAs(basic.id));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn authenticate(&mut self, now: Instant, credentials: Option<Credentials>) -> Result<(), ApiMisuse> {
        self.still_open()?;
        let wanted = match self.doing {
            Doing::Challenged { packet, status } => Some((packet, status)),
            _ => None,
        };
        match (credentials, wanted) {
            (Some(credentials), _) => {
                self.connection = match self.challenged.filter(|_| credentials.connection_bound) {
                    Some(exchange) => Connection::SameAs(exchange),
                    None => Connection::Any,
                };
                self.credentials = credentials;
                if wanted.is_some() {
                    self.guards.tried_credentials = self.guards.tried_credentials.saturating_add(1);
                    self.go_on(now);
                }
            }
            (None, Some((packet, status))) => {
                let failure = Failure::new(Reason::Unauthorized, Some(packet));
                let next = self.stop(Failure { status: Some(status), ..failure });
                self.settle(now, next);
            }
            (None, None) => self.credentials = Credentials::default(),
        }
        Ok(())
    }

    /// Reports that the caller has the reply, or does without it. The session is closed.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over. [`ApiMisuse::NoReplyWanted`]: no reply was offered.
    pub fn reply_fetched(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.offered_reply()?;
        if let Some(session) = self.session_mut() {
            session.reply = Reply::Settled;
        }
        self.go_on(now);
        Ok(())
    }

    /// Reports that the caller could not fetch the reply. The upload fails; [`resume`](Self::resume) offers the reply again.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over. [`ApiMisuse::NoReplyWanted`]: no reply was offered.
    pub fn reply_failed(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.offered_reply()?;
        self.settle(now, Next::Fail(Failure::new(Reason::ReplyFailed, None)));
        Ok(())
    }

    /// Sends requests to the origin again at once, and no longer to the host that the server named. Without such a host,
    /// nothing changes.
    ///
    /// # Errors
    /// [`ApiMisuse::Ended`]: it is over.
    pub fn use_origin(&mut self, now: Instant) -> Result<(), ApiMisuse> {
        self.still_open()?;
        if self.session().is_none_or(|session| session.host.is_none()) {
            return Ok(());
        }
        let under_way = self.in_flight().filter(|exchange| !Self::is_waited_for(exchange.packet));
        let then_suspend = self.in_flight().is_some_and(|exchange| exchange.then_suspend);
        let moves = under_way.is_some() || self.doing == Doing::Retrying;
        if under_way.is_some() {
            self.abort();
            self.ping_first();
        }
        self.abandon_host();
        if then_suspend && moves {
            self.suspended();
        } else if moves {
            self.timers.stop(Timer::Retry);
            self.go_on(now);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, now: Instant, goal: Goal) {
        if self.goal != goal {
            let waits = self.in_flight().is_some_and(|exchange| {
                Self::is_waited_for(exchange.packet) && !self.outputs.is_unsent(exchange.id)
            });
            if !waits && self.abort().is_some() {
                self.doing = Doing::Suspended;
            }
            self.goal = goal;
            self.backoff.reset();
        }
        if let Doing::Exchanging(exchange) = &mut self.doing {
            exchange.then_suspend = false;
            self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
        } else {
            self.timers.stop(Timer::Retry);
            self.timers.stop(Timer::Pace);
            self.go_on(now);
        }
    }

    /// Returns to the origin if the session's host has been out of reach for too long (C33). Its timer may have gone off
    /// unnoticed, because a suspended program need not wait for timers.
    fn leave_lost_host(&mut self, now: Instant) {
        if self.timers.get(Timer::HostFallback).is_some_and(|at| at <= now) {
            self.abandon_host();
        }
    }

    /// Whether the answer must be awaited: it alone tells whether a session was opened, or closed.
    const fn is_waited_for(packet: PacketType) -> bool {
        matches!(packet, PacketType::CreateSession | PacketType::CloseSession)
    }

    /// A Ping goes before whatever is due in the session.
    pub(super) fn ping_first(&mut self) {
        match &mut self.place {
            Place::Nowhere { ping } => *ping = self.config.ping_first,
            Place::Session(session) if session.ping == Ping::NotDue => session.ping = Ping::Due,
            Place::Session(_) => {}
        }
    }

    /// Sends the last fragment again where its Ack is wanted again: for a reply that it did not name, or because a refused
    /// Close says that the server lost bytes. A server that has them all repeats that Ack; another says what it wants.
    fn ask_again_where_the_server_stands(&mut self) {
        let (complete, size) = (self.is_acknowledged(), self.fragment_size());
        let wants_reply = self.config.reply == ReplyMode::Required;
        let reads_reply = self.config.reply != ReplyMode::Ignored;
        let Some(session) = self.session_mut() else { return };
        let unread = match session.reply {
            Reply::None => wants_reply,
            Reply::Unusable => reads_reply,
            Reply::Url(_) | Reply::Settled => false,
        };
        if unread {
            session.reply = Reply::None;
        }
        if complete && (unread || session.close.is_refused()) {
            session.close = session.close.mended();
            session.offset = session.offset.saturating_sub(size);
        }
    }

    fn offered_reply(&self) -> Result<(), ApiMisuse> {
        self.still_open()?;
        if self.doing == Doing::FetchingReply { Ok(()) } else { Err(ApiMisuse::NoReplyWanted) }
    }

    const fn still_open(&self) -> Result<(), ApiMisuse> {
        if self.state().is_ended() { Err(ApiMisuse::Ended) } else { Ok(()) }
    }
}
