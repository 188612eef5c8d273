//! One notification, seen by the back-end client.

use std::collections::VecDeque;
use std::time::Instant;

use http::Uri;

use super::config::Config;
use super::destination_url::DestinationUrl;
use super::output::{Failure, Outcome, Output, Reply, Transmit};
use super::request::{Delivery, NotificationRequest};
use super::state::{Answer, End, Stage, State, Timer};
use crate::machine::timer::Timers;
use crate::server::notification_url::NotificationUrl;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::ReplyUrl;

/// One notification of a server application, seen by the back-end client (§3.3).
///
/// It is one exchange, so its reports need no id. Once it is over, it ignores every report.
///
/// See the [module](super) for how to drive it.
#[derive(Debug)]
#[must_use = "a notification does nothing unless it is driven"]
pub struct Notification {
    pub(super) config: Config,
    /// The whole URL of the application.
    pub(super) target: Uri,
    pub(super) request: NotificationRequest<'static>,
    /// What the client is told where a reply is that this server keeps; `None` if it keeps none.
    pub(super) stored_reply: Option<ReplyUrl<'static>>,
    pub(super) stage: Stage,
    pub(super) timers: Timers<Timer>,
    pub(super) outputs: VecDeque<Output>,
}

impl Notification {
    /// A notification of the application at `url` that the entity for `destination` is complete; the request is the
    /// first output.
    ///
    /// `destination` is the whole URL: make it of this server's own name, not of the `Host` that a client sent, since a
    /// relative `url` is resolved against it.
    ///
    /// # Errors
    /// [`InvalidValue::Destination`] unless `destination` is an absolute `http` or `https` URL;
    /// [`InvalidValue::HeaderValue`] if it is over 4,096 bytes, and so cannot stand in the notification;
    /// [`InvalidValue::NotificationUrl`] if it and `url` give none.
    pub fn new(
        now: Instant,
        url: &NotificationUrl,
        destination: &Uri,
        delivery: Delivery<'static>,
        config: Config,
    ) -> Result<Self, InvalidValue> {
        let request = NotificationRequest { destination: DestinationUrl::new(destination)?, delivery };
        let mut notification = Self::at_rest(url.resolve(destination)?, request, None, config);
        notification.begin(now);
        Ok(notification)
    }

    /// A notification that is over.
    pub(super) fn at_rest(
        target: Uri,
        request: NotificationRequest<'static>,
        stored_reply: Option<ReplyUrl<'static>>,
        config: Config,
    ) -> Self {
        let (timers, outputs) = (Timers::new(), VecDeque::new());
        Self { config, target, request, stored_reply, stage: Stage::Done, timers, outputs }
    }

    /// Sends the request.
    pub(super) fn begin(&mut self, now: Instant) {
        self.stage = Stage::Exchanging;
        self.timers.start(Timer::Send, now, self.config.send_timeout);
        self.outputs.push_back(Output::Transmit(Transmit {
            request: self.request.to_http(&self.target),
            send_timeout: self.config.send_timeout,
            head_timeout: self.config.head_timeout,
            response_timeout: self.config.response_timeout,
        }));
    }

    /// The notification with a place for a reply: the client will be told `url` for one that the application leaves in
    /// the response file or sends as the body of its answer. Without it, such a reply is ignored.
    ///
    /// Where the download server serves it is the caller's choice; [`iis_reply_url`](super::iis_reply_url) is where IIS
    /// does.
    pub fn with_stored_reply(mut self, url: ReplyUrl<'static>) -> Self {
        self.stored_reply = Some(url);
        self
    }

    /// The whole URL of the application.
    #[must_use]
    pub const fn url(&self) -> &Uri {
        &self.target
    }

    /// The notification that the application gets.
    #[must_use]
    pub const fn request(&self) -> &NotificationRequest<'static> {
        &self.request
    }

    /// The URL that the client is told for a reply that this server keeps, if it keeps one.
    #[must_use]
    pub const fn stored_reply(&self) -> Option<&ReplyUrl<'static>> {
        self.stored_reply.as_ref()
    }

    /// The state of the notification.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.stage {
            Stage::Exchanging => State::Exchanging,
            Stage::Looking(_) => State::LookingForReply,
            Stage::Receiving(_) => State::ReceivingReply,
            Stage::Done => State::Done,
        }
    }

    /// Returns the next output. `None` means that there is none until the next report or timer.
    #[must_use = "the notification goes on once this is done"]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout); `None` if no timer runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
    }

    /// The timer that goes off next, and when.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    pub(super) const fn is_by_reference(&self) -> bool {
        matches!(self.request.delivery, Delivery::ByReference(_))
    }

    /// The application took the entity.
    pub(super) fn taken(&mut self, copy_to_destination: bool, reply: Reply) {
        self.done(Outcome::Taken { copy_to_destination, reply });
    }

    /// The application took the entity and did not say where a reply is.
    pub(super) fn taken_without_reply(&mut self, answer: Answer) {
        self.taken(answer.copy_to_destination, Reply::None);
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        self.done(Outcome::Failed(failure));
    }

    /// Gives up the exchange, if it is under way. What nobody took is never done.
    pub(super) fn abort(&mut self, failure: Failure) {
        let under_way = self.is_under_way();
        self.outputs.clear();
        if under_way {
            self.outputs.push_back(Output::Abort);
        }
        self.failed(failure);
    }

    /// Whether somebody took the request, and more of the answer may come.
    pub(super) fn is_under_way(&self) -> bool {
        match self.stage {
            Stage::Exchanging => !self.outputs.iter().any(|output| matches!(output, Output::Transmit(_))),
            Stage::Looking(answer) | Stage::Receiving(answer) => answer.end == End::NotYet,
            Stage::Done => false,
        }
    }

    fn done(&mut self, outcome: Outcome) {
        self.timers.stop_all();
        self.stage = Stage::Done;
        self.outputs.push_back(Output::Done(outcome));
    }
}
