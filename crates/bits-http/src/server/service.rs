//! The service, and how it is put together.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bits_proto::Guid;
use bits_proto::packet::{Ack, DecodeError, Request as Packet};
use bits_proto::server::Directory;
use bytes::{Buf, Bytes};
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, EXPECT, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

use super::body::Body;
use super::contents::{BoxFuture, DynContents, Of};
use super::event::{Answered, Event};
use super::exchange::reason;
use super::notify::{Application, Notifier, Origin};
use super::receive::{Patience, WINDOW, drain};
use super::stop::Stop;
use super::table::{Owner, Table};
use super::turns::Turns;
use crate::storage::{Contents, Failure, Records, Storage};

/// The body of a request, whatever it was before.
pub(super) type Incoming = UnsyncBoxBody<Bytes, ()>;

type OwnerOf<O> = Box<dyn Fn(&Parts) -> Result<O, Response<Body>> + Send + Sync>;
type Events<O> = Box<dyn Fn(&Event<'_, O>) + Send + Sync>;

/// The number of times that it is looked for sessions whose time is over.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// An upload server: a `tower::Service` for any body. Clones share the same sessions.
///
/// See [the module](super) for what it promises, and [`builder`](Self::builder) for what it is made of.
#[derive(Clone)]
pub struct Uploads {
    server: Arc<dyn Handler>,
    stop: Arc<Stop>,
}

/// Puts an upload server together.
#[must_use = "nothing is served before `open`"]
pub struct Builder<S, O = ()> {
    storage: Arc<S>,
    owner: OwnerOf<O>,
    events: Events<O>,
    contents: Option<Arc<dyn DynContents>>,
    notifier: Option<Notifier>,
    patience: Patience,
}

pub(super) struct Server<S, T: Turns> {
    pub(super) storage: Arc<S>,
    pub(super) turns: T,
    pub(super) owner: OwnerOf<T::Owner>,
    pub(super) events: Events<T::Owner>,
    pub(super) contents: Option<Arc<dyn DynContents>>,
    pub(super) notifier: Option<Notifier>,
    pub(super) patience: Patience,
    pub(super) stop: Arc<Stop>,
}

impl Uploads {
    /// Begins to put a server together. By default everybody is one owner, nobody is told of events, nothing is served by GET, and
    /// no application is notified.
    pub fn builder<S: Storage>(storage: S) -> Builder<S> {
        Builder {
            storage: Arc::new(storage),
            owner: Box::new(|_| Ok(())),
            events: Box::new(|_| {}),
            contents: None,
            notifier: None,
            patience: Patience { silence: Duration::from_secs(60), least: 0 },
        }
    }

    /// The number of sessions that are open.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.server.open()
    }

    /// Whether a session is open.
    pub async fn is_open(&self, id: Guid) -> bool {
        self.server.is_open(id).await
    }

    /// Stops the server. Bodies that are being stored end early, the bytes that came are saved, and their clients are told to come
    /// back. Waits until every exchange has ended. Stop accepting connections before.
    pub async fn shutdown(&self) {
        self.stop.stop();
        self.stop.idle().await;
    }
}

impl<S: Storage, O> Builder<S, O> {
    /// Sets the function that authenticates: it returns the owner of a request by its head, or an answer with 401. A session can be
    /// used by its owner only.
    ///
    /// Call it before [`events`](Self::events), which are told of owners. It may block for a while, as a slow hash of a password does,
    /// if the runtime has several threads. [The module](super#who-may-upload) has an example.
    #[doc(alias("authentication", "401", "password", "users"))]
    pub fn owner<P: Clone + Send + Sync + 'static>(
        self,
        owner: impl Fn(&Parts) -> Result<P, Response<Body>> + Send + Sync + 'static,
    ) -> Builder<S, P> {
        Builder {
            storage: self.storage,
            owner: Box::new(owner),
            events: Box::new(|_| {}),
            contents: self.contents,
            notifier: self.notifier,
            patience: self.patience,
        }
    }

    /// Tells this function of every event. It must not block.
    pub fn events(mut self, events: impl Fn(&Event<'_, O>) + Send + Sync + 'static) -> Self {
        self.events = Box::new(events);
        self
    }

    /// Sets how long a client may send nothing within a body. By default 60 seconds. A client that was cut off comes back, and goes
    /// on from there.
    pub fn silence(mut self, time: Duration) -> Self {
        self.patience.silence = time;
        self
    }

    /// Sets the least rate of a client within a body, in bytes a second, measured over half a minute. By default there is none.
    pub fn least_pace(mut self, bytes_a_second: u64) -> Self {
        self.patience.least = bytes_a_second.saturating_mul(WINDOW.as_secs());
        self
    }

    /// Serves published files and the replies to uploads, too, by GET and HEAD with ranges. Every [owner](Self::owner) can read all
    /// files. A reply is served to the owner of its upload only.
    pub fn serve(mut self) -> Self
    where
        S: Contents,
    {
        self.contents = Some(Arc::new(Of(Arc::clone(&self.storage))));
        self
    }

    /// Notifies a server application over this client, as the directory's
    /// [`NotificationType`](bits_proto::notify::NotificationType) says. `origin` makes the whole URL of a destination, as the application
    /// shall know it.
    pub fn notify(
        mut self,
        application: impl Application,
        origin: impl Fn(&Parts) -> Option<http::Uri> + Send + Sync + 'static,
    ) -> Self
    where
        S: Contents,
    {
        let contents = Arc::new(Of(Arc::clone(&self.storage)));
        let origin: Origin = Box::new(origin);
        self.notifier = Some(Notifier::new(application, contents, origin));
        self
    }

    /// Restores the sessions of an earlier process, and serves. [`Records::keep`] overrides what the directory says about `keep`.
    ///
    /// # Errors
    /// The records or the storage cannot be used.
    pub async fn open<R: Records>(self, directory: &Directory, records: R) -> Result<Uploads, Failure>
    where
        O: Owner,
    {
        let (table, found) = Table::<O, R>::restore(directory, &*self.storage, records).await?;
        for leftover in &found {
            (self.events)(&Event::Found(leftover));
        }
        Ok(self.with_turns(table))
    }

    /// Serves with turns of your own. Must be called within a tokio runtime.
    pub fn with_turns<T: Turns<Owner = O>>(self, turns: T) -> Uploads
    where
        O: Clone + Eq + Send + Sync + 'static,
    {
        let stop = Stop::new();
        let server = Arc::new(Server {
            storage: self.storage,
            turns,
            owner: self.owner,
            events: self.events,
            contents: self.contents,
            notifier: self.notifier,
            patience: self.patience,
            stop: Arc::clone(&stop),
        });
        tokio::spawn(expire(Arc::downgrade(&server)));
        Uploads { server, stop }
    }
}

/// Until the service is dropped. The first time is at once: a process that dies within each interval ends its sessions, too.
async fn expire<S: Storage, T: Turns>(server: Weak<Server<S, T>>) {
    while let Some(server) = server.upgrade() {
        server.expire().await;
        drop(server);
        tokio::time::sleep(EXPIRY_INTERVAL).await;
    }
}

/// A [`Server`], whatever it is made of.
trait Handler: Send + Sync {
    fn handle(self: Arc<Self>, head: Parts, body: Incoming) -> BoxFuture<'static, Response<Body>>;
    fn open(&self) -> usize;
    fn is_open(&self, id: Guid) -> BoxFuture<'_, bool>;
}

impl<S: Storage, T: Turns> Handler for Server<S, T> {
    fn handle(self: Arc<Self>, head: Parts, body: Incoming) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move { self.answer(&head, body).await })
    }

    fn open(&self) -> usize {
        self.turns.open()
    }

    fn is_open(&self, id: Guid) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.turns.session(id).await.is_some() })
    }
}

impl<S: Storage, T: Turns> Server<S, T> {
    async fn answer(&self, head: &Parts, mut body: Incoming) -> Response<Body> {
        let mut broken_off = false;
        let mut response = match (self.owner)(head) {
            Err(answer) => {
                (self.events)(&Event::Unauthorized(head));
                answer
            }
            Ok(owner) => match self.upload(head, &mut body, &owner, &mut broken_off).await {
                Some(answer) => answer,
                None => self.other(head, &owner).await,
            },
        };
        // A client that waits for `100 Continue` keeps its body, as it should.
        let keeps = broken_off || head.headers.contains_key(EXPECT) && !http_body::Body::is_end_stream(&body);
        let goes_on = !keeps && drain(&mut body, self.stop.stopping()).await;
        if !goes_on && head.version <= Version::HTTP_11 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Answers a request of this protocol.
    async fn upload(
        &self,
        head: &Parts,
        body: &mut Incoming,
        owner: &T::Owner,
        broken_off: &mut bool,
    ) -> Option<Response<Body>> {
        let begin = Instant::now();
        let outcome = match self.turns.begin(&*self.storage, head, owner).await {
            Ok(None) => return None,
            Ok(Some(turn)) => self.drive(&turn, head, body).await,
            Err(failure) => Err(failure),
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(failure) => {
                (self.events)(&Event::Failed(failure.reason()));
                return Some(empty(StatusCode::INTERNAL_SERVER_ERROR));
            }
        };
        *broken_off = outcome.broken_off;
        let ack = outcome.ack?;
        let request = self.turns.directory().read(head, owner).map(|arrival| match arrival.packet() {
            Ok(packet) => Ok(packet.clone()),
            Err(error) => Err(*error),
        });
        let refusal = outcome.failure.as_ref().map(Failure::refusal).filter(|_| matches!(ack, Ack::Error(_)));
        let reason = match &request {
            Some(Err(error)) => Some(error.to_string()),
            Some(Ok(request)) => reason(Some(request), &ack, outcome.failure),
            None => None,
        };
        (self.events)(&Event::Answered(Answered {
            head,
            owner,
            packet: request.as_ref().and_then(packet_type),
            ack: &ack,
            reason: reason.as_deref(),
            refusal,
            took: begin.elapsed(),
        }));
        Some(ack.to_response().map(|()| Body::empty()))
    }

    /// Answers a request of no packet.
    async fn other(&self, head: &Parts, owner: &T::Owner) -> Response<Body> {
        let reads = [Method::GET, Method::HEAD].contains(&head.method);
        match &self.contents {
            Some(contents) if reads => self.serve(&**contents, head, owner).await,
            _ if reads => empty(StatusCode::NOT_FOUND),
            served => {
                let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
                let allowed = if served.is_some() { "BITS_POST, GET, HEAD" } else { "BITS_POST" };
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
                response
            }
        }
    }
}

fn packet_type(request: &Result<Packet<'_>, DecodeError>) -> Option<bits_proto::packet::PacketType> {
    request.as_ref().ok().map(Packet::packet_type)
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, 0.into());
    response
}

impl<B> tower_service::Service<Request<B>> for Uploads
where
    B: http_body::Body<Data: Send, Error: Send> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let (head, body) = request.into_parts();
        let body = body
            .map_err(|_| ())
            .map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
            .boxed_unsync();
        let (server, under_way) = (Arc::clone(&self.server), self.stop.begin());
        Answer(tokio::spawn(async move {
            let response = server.handle(head, body).await;
            drop(under_way);
            response
        }))
    }
}

/// The answer to a request. Dropping it loses the answer, and nothing else.
#[derive(Debug)]
pub struct Answer(tokio::task::JoinHandle<Response<Body>>);

impl Future for Answer {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| Ok(answer.unwrap_or_else(|_panicked| empty(StatusCode::INTERNAL_SERVER_ERROR))))
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").field("stop", &self.stop).finish_non_exhaustive()
    }
}

impl<S, O> fmt::Debug for Builder<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("patience", &self.patience).finish_non_exhaustive()
    }
}
