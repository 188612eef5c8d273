//! The events of the protocol's machine, and the reaction to each.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use bits_proto::client::{Event as Told, Failure, Reason};
use bits_proto::packet::PacketType;
use http::{HeaderValue, StatusCode, Uri};

use super::challenge::Challenge;
use super::error::{Error, ReplyError};
use super::event::Event;
use super::exchange::first;
use super::job::Job;
use super::reply::Fetch;
use super::transport::Transport;
use super::upload::Completed;

impl<T: Transport> Job<'_, T> {
    /// Does what an event of the machine asks for; returns the upload once it is completed.
    pub(super) async fn hear(&mut self, event: Told) -> Result<Option<Completed>, Error> {
        self.pass_on(&event);
        match event {
            Told::Completed { confirmed } => return Ok(Some(self.completed(confirmed))),
            Told::Failed(failure) => return Err(self.failed(failure)),
            Told::Cancelled { .. } => {
                self.state.remove();
                return Err(Error::Cancelled);
            }
            Told::Suspended => {
                self.save()?;
                return Err(Error::Suspended);
            }
            Told::ReplyReady { url, trusted } => {
                self.save()?;
                self.fetch(url, trusted).await;
            }
            Told::CredentialsWanted { status, challenges } => self.authenticate(status, &challenges),
            _ => {}
        }
        Ok(None)
    }

    fn pass_on(&mut self, event: &Told) {
        match event {
            Told::Progress { .. } => self.trouble = None,
            Told::Waiting { cause, .. } => {
                let text = match (cause.reason, self.trouble.take()) {
                    (Reason::Transport, Some(trouble)) => format!("{cause} ({trouble})"),
                    _ => cause.to_string(),
                };
                self.trouble = Some(text);
                if cause.packet == Some(PacketType::Ping) {
                    self.refused_ping = Some(cause.clone());
                }
            }
            _ => {}
        }
        self.events.tell(Event::Protocol { event, trouble: self.trouble.as_deref() });
    }

    fn authenticate(&mut self, status: StatusCode, values: &[HeaderValue]) {
        let url = self.url.clone().unwrap_or_default();
        let challenge =
            Challenge { status, values, url: &url, earlier: self.challenges, is_for_reply: false };
        let credentials = self.authenticator.answer(&challenge);
        self.challenges = self.challenges.saturating_add(1);
        let _is_over = self.upload.authenticate(Instant::now(), credentials);
    }

    /// The reply is fetched before the session is closed, which deletes it.
    async fn fetch(&mut self, url: Uri, trusted: bool) {
        let fetched = match &self.fetcher {
            None => Some(Ok(0)),
            Some(fetcher) => {
                let fetch = Fetch {
                    fetcher,
                    transport: self.transport,
                    bodies: &self.bodies,
                    events: &self.events,
                    authenticator: &mut self.authenticator,
                    cookies: &mut self.cookies,
                    trusted,
                };
                first(fetch.run(url), self.control.stop()).await
            }
        };
        match fetched.filter(|fetched| *fetched != Err(ReplyError::Interrupted)) {
            // The command is obeyed where the upload waits.
            None => {
                if let Some(command) = poll_fn(|context| Poll::Ready(self.control.poll(context))).await {
                    self.obey(command);
                }
            }
            Some(fetched) => {
                if let Ok(bytes) = fetched {
                    self.fetched = Some(bytes);
                    self.events.tell(Event::ReplyFetched(bytes));
                }
                let now = Instant::now();
                let _is_over = match fetched {
                    Ok(_) => self.upload.reply_fetched(now),
                    Err(_) => self.upload.reply_failed(now),
                };
                self.reply_trouble = fetched.err();
            }
        }
    }

    fn completed(&mut self, confirmed: bool) -> Completed {
        self.state.remove();
        Completed { confirmed, bytes: self.bodies.total, reply: self.fetched }
    }

    fn failed(&mut self, failure: Failure) -> Error {
        // Where there is a session, even one more try of the same upload goes on in it.
        let kept = match self.upload.session_id() {
            Some(_) => self.save(),
            None => {
                self.state.remove();
                Ok(())
            }
        };
        match (kept, self.reply_trouble.take()) {
            (Err(error), _) => error,
            (Ok(()), Some(why)) if failure.reason == Reason::ReplyFailed => Error::Reply(why),
            _ => Error::Failed { failure, trouble: self.trouble.take() },
        }
    }
}
