//! The server application: told of a complete upload over the caller's HTTP client.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bits_proto::Guid;
use bits_proto::notify;
use bits_proto::notify::{
    Config, DataFilePath, DataFiles, Delivery, Notification, NotificationType, Outcome, Output, Reply,
    Transmit, iis_reply_url,
};
use bits_proto::packet::Payload;
use bits_proto::server::{Refusal, Report};
use bytes::{Buf, Bytes};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::oneshot;

use super::body::Body;
use super::contents::{BoxFuture, DynContents};
use super::event::{Event, Notified};
use super::service::Server;
use super::turns::Turns;
use crate::storage::{Failure, Storage};

pub(super) type Origin = Box<dyn Fn(&Parts) -> Option<Uri> + Send + Sync>;

/// Sends one request to a server application and returns the head of its answer: an HTTP client of the caller's.
///
/// The client must follow no redirect, try nothing again, and use no proxy. A connection need not serve two notifications, because it
/// is closed when the body of an answer is dropped.
pub trait Application: Send + Sync + 'static {
    /// The body of an answer.
    type Body: http_body::Body<Data: Send, Error: Send> + Send + 'static;
    /// The reason why no answer came. Its text is logged, so it should not contain the URL, whose query may be a secret.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Sends a request.
    fn send(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Self::Error>> + Send;
}

type Answered = Response<UnsyncBoxBody<Bytes, ()>>;

/// [`Application`], behind a pointer.
trait DynApplication: Send + Sync {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Answered, String>>;
}

impl<A: Application> DynApplication for A {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Answered, String>> {
        Box::pin(async move {
            let response =
                Application::send(self, request).await.map_err(|error| error.into().to_string())?;
            Ok(response.map(|body| {
                body.map_err(|_| ())
                    .map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
                    .boxed_unsync()
            }))
        })
    }
}

/// How the server application is told.
pub(super) struct Notifier {
    application: Arc<dyn DynApplication>,
    contents: Arc<dyn DynContents>,
    origin: Origin,
}

impl Notifier {
    pub(super) fn new(application: impl Application, contents: Arc<dyn DynContents>, origin: Origin) -> Self {
        Self { application: Arc::new(application), contents, origin }
    }
}

impl<S: Storage, T: Turns> Server<S, T> {
    pub(super) async fn notify(&self, id: Guid, head: &Parts, size: u64) -> (Report, Option<Failure>) {
        let failed = |why: &'static str| (Report::Failed(Refusal::Internal), Some(Failure::internal(why)));
        let Some(notifier) = &self.notifier else { return failed("no application can be notified") };
        let notification = match self.notification(notifier, id, head, size).await {
            Ok(notification) => notification,
            Err(why) => return failed(why),
        };
        let begin = Instant::now();
        let exchange = Exchange { notification, notifier, id, body: None, failure: None };
        let (outcome, failure) = exchange.run().await;
        let told = match &outcome {
            Outcome::Taken { .. } => Notified::Taken,
            Outcome::Failed(notify::Failure::Refused { .. }) => Notified::Refused,
            Outcome::Failed(_) => Notified::Failed,
        };
        (self.events)(&Event::Notified { head, outcome: told, took: begin.elapsed() });
        let failure = match &outcome {
            // Not where it listens: the query may be what lets somebody in.
            Outcome::Failed(why) => {
                let why = format!("the server application did not take an upload: {why}");
                let why = failure.map_or(why.clone(), |failure| format!("{why}: {failure}"));
                (self.events)(&Event::Failed(&why));
                Some(Failure::new(Refusal::Busy, why))
            }
            _ => None,
        };
        (outcome.into(), failure)
    }

    async fn notification(
        &self,
        notifier: &Notifier,
        id: Guid,
        head: &Parts,
        size: u64,
    ) -> Result<Notification, &'static str> {
        let kind = self.turns.directory().notification();
        let url = kind.url().ok_or("the directory names no application")?;
        let destination = (notifier.origin)(head).ok_or("the destination has no URL")?;
        let delivery = match kind {
            NotificationType::ByReference(_) => {
                let files = notifier.contents.files(id).await.ok_or("the storage has no files")?;
                let [request, response] = files.map(|path| path.into_os_string().into_encoded_bytes());
                let path = |bytes| DataFilePath::from_bytes(bytes).map_err(|_| "a path is too long");
                Delivery::ByReference(DataFiles { request: path(request)?, response: path(response)? })
            }
            _ => Delivery::ByValue { size },
        };
        let invalid = "the notification cannot be made";
        let notification = Notification::new(Instant::now(), url, &destination, delivery, Config::default())
            .map_err(|_| invalid)?;
        match self.contents.is_some() {
            true => Ok(notification.with_stored_reply(iis_reply_url(id))),
            false => Ok(notification),
        }
    }
}

struct Exchange<'n> {
    notification: Notification,
    notifier: &'n Notifier,
    id: Guid,
    /// Of the application's answer. Dropped, it takes the connection with it.
    body: Option<UnsyncBoxBody<Bytes, ()>>,
    failure: Option<String>,
}

/// Why the body of an answer is not stored.
enum BodyError {
    Transport,
    Storage(Failure),
}

impl Exchange<'_> {
    async fn run(mut self) -> (Outcome, Option<String>) {
        loop {
            match self.notification.poll_output() {
                Some(Output::Transmit(transmit)) => self.transmit(transmit).await,
                Some(Output::FindResponseFile) => {
                    let exists = self.notifier.contents.reply(self.id).await.is_ok();
                    self.notification.handle_response_file(exists);
                }
                Some(Output::StoreBody { limit }) => self.store_body(limit).await,
                Some(Output::Discard | Output::Abort) => self.body = None,
                Some(Output::Done(outcome)) => {
                    if !matches!(&outcome, Outcome::Taken { reply: Reply::File(_) | Reply::Body(_), .. }) {
                        let _none_was_stored = self.notifier.contents.remove_reply(self.id).await;
                    }
                    return (outcome, self.failure);
                }
                None => self.wait().await,
            }
        }
    }

    async fn transmit(&mut self, transmit: Transmit) {
        let (sent, mut is_sent) = oneshot::channel();
        let (notifier, id) = (self.notifier, self.id);
        let mut answer = pin!(send(notifier, id, transmit.request, sent));
        // The application has its own time, from here on.
        let first = self.in_time(async {
            tokio::select! {
                Ok(()) = &mut is_sent => None,
                answer = &mut answer => Some(answer),
            }
        });
        let answer = match first.await {
            None => return,
            Some(Some(answer)) => Some(answer),
            Some(None) => {
                self.notification.handle_sent(Instant::now());
                self.in_time(answer).await
            }
        };
        match answer {
            None => {}
            Some(Ok(response)) => {
                self.notification.handle_response(Instant::now(), &response);
                self.body = Some(response.into_body());
            }
            Some(Err(why)) => {
                self.failure = Some(why);
                self.notification.handle_transport_error();
            }
        }
    }

    /// The result of some work, unless a timer of the notification goes off first.
    async fn in_time<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let Some(deadline) = self.notification.poll_timeout() else { return Some(work.await) };
        tokio::select! {
            done = &mut work => Some(done),
            () = tokio::time::sleep_until(deadline.into()) => {
                self.notification.handle_timeout(Instant::now());
                None
            }
        }
    }

    async fn store_body(&mut self, limit: u64) {
        let Some(body) = self.body.take() else { return };
        match self.in_time(store_body(body, &*self.notifier.contents, self.id, limit)).await {
            None => {}
            Some(Ok(bytes)) => {
                self.notification.handle_body(bytes);
                self.notification.handle_body_end();
            }
            Some(Err(BodyError::Transport)) => self.notification.handle_transport_error(),
            Some(Err(BodyError::Storage(failure))) => {
                self.notification.handle_failure(failure.refusal());
            }
        }
    }

    async fn wait(&mut self) {
        let _timed_out = self.in_time(std::future::pending::<()>()).await;
    }
}

/// Sends a notification, with the entity where it has one; `sent` is told when the last byte is on its way.
async fn send(
    notifier: &Notifier,
    id: Guid,
    request: Request<Payload>,
    sent: oneshot::Sender<()>,
) -> Result<Answered, String> {
    let (mut head, payload) = request.into_parts();
    let told = move || {
        let _nobody_waits = sent.send(());
    };
    let body = match payload {
        Payload::Empty => {
            told();
            Body::empty()
        }
        Payload::Range(range) => {
            head.headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
            let entity = notifier.contents.entity(id).await.map_err(|failure| failure.to_string())?;
            Body::range(entity, range, told)
        }
    };
    notifier.application.send(Request::from_parts(head, body)).await
}

/// Stores a body up to one byte more than it may have, which is enough to refuse it.
async fn store_body(
    mut body: UnsyncBoxBody<Bytes, ()>,
    contents: &dyn DynContents,
    id: Guid,
    limit: u64,
) -> Result<u64, BodyError> {
    let mut writer = contents.write_reply(id).await.map_err(BodyError::Storage)?;
    let mut at = 0;
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|()| BodyError::Transport)?.into_data() else { continue };
        at += chunk.len() as u64;
        if at > limit {
            return Ok(at);
        }
        writer.write(chunk).await.map_err(BodyError::Storage)?;
    }
    match writer.finish().await {
        (_, Ok(())) => Ok(at),
        (_, Err(failure)) => Err(BodyError::Storage(failure)),
    }
}
