//! Connections: accepted, perhaps encrypted, and ended when the program is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Extension, Router};
use bits_proto::packet::{Ack, ErrorAck};
use http::StatusCode;
use http::request::Parts;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use crate::listeners::{Listener, Stream};
use crate::metrics::Metrics;
use crate::peer::{Peer, Proxies};
use crate::places::{Place, Places};
use crate::tls::Tls;

/// A connection is an open file, and a request may have three more for a moment.
const FILES_PER_CONNECTION: u64 = 4;

/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How long requests may go on after the program was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How much of a head, and of a body at a time, a connection holds in memory.
const BUFFER_SIZE: usize = 96 * 1024;

/// What listeners do with connections.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) places: Arc<Places>,
    /// How long a client may be silent between two requests, or within a head, or read nothing of its answer.
    pub(crate) idle: Duration,
    /// Spoken with whoever comes over TCP.
    pub(crate) tls: Option<Tls>,
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) metrics: Arc<Metrics>,
}

/// As many connections as there can be without running out of files.
pub(crate) fn max_by_default() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / FILES_PER_CONNECTION).unwrap_or(usize::MAX).max(1)
}

/// Serves until the token is cancelled, and the last request is answered.
pub(crate) async fn serve(
    listeners: Vec<Listener>,
    connections: Connections,
    router: Router,
    stopping: CancellationToken,
) {
    let mut serving = JoinSet::new();
    for listener in listeners {
        serving.spawn(accept_all(listener, connections.clone(), router.clone(), stopping.clone()));
    }
    serving.join_all().await;
}

async fn accept_all(
    listener: Listener,
    connections: Connections,
    router: Router,
    stopping: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let here = Here {
        scheme: if listener.is_remote() && connections.tls.is_some() { "https" } else { "http" },
        address: listener.address(),
    };
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                refused_connection(&connections.metrics, None, &error);
                // Too many open files, say: some will be closed.
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let places = &connections.places;
        if places.len() >= places.max() {
            tracing::info!(max = places.max(), "all places for connections are taken");
        }
        // A proxy is not one client, and who is on this machine was let in by the file system.
        let share = Some(peer).filter(|peer| *peer != Peer::Local && !connections.proxies.trusts(*peer));
        let share = share.map(Peer::share);
        let place = tokio::select! {
            () = stopping.cancelled() => break,
            place = places.take(share) => place,
        };
        match place {
            Some(place) => {
                let router = router.clone().layer(Extension(here));
                let is_remote = listener.is_remote();
                let connection =
                    Connection { connections: connections.clone(), peer, place: Arc::new(place) };
                tokio::spawn(connection.serve(stream, is_remote, router, graceful.watcher()));
            }
            None => refused_connection(
                &connections.metrics,
                Some(peer),
                &"its address has all of its share: --connections-per-address would allow more",
            ),
        }
    }
    drop(listener);
    let _answered_or_not = timeout(GRACE, graceful.shutdown()).await;
}

fn refused_connection(metrics: &Metrics, client: Option<Peer>, reason: &dyn std::fmt::Display) {
    metrics.refused("connection");
    let client = client.map(tracing::field::display);
    tracing::warn!(client, %reason, "a connection was refused");
}

/// A connection that has a place.
struct Connection {
    connections: Connections,
    peer: Peer,
    place: Arc<Place>,
}

impl Connection {
    async fn serve(self, stream: Stream, is_remote: bool, router: Router, watcher: Watcher) {
        let (client, place) = (self.peer, Arc::clone(&self.place));
        let metrics = Arc::clone(&self.connections.metrics);
        let idle = self.connections.idle;
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(idle));
        let stream = place.watch(Box::pin(stream));
        let tls = self.connections.tls.as_ref().filter(|_| is_remote).map(Tls::acceptor);
        let router = self.router(router);
        let served = async {
            match tls {
                None => speak(stream, idle, router, watcher).await,
                Some(tls) => match timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => speak(stream, idle, router, watcher).await,
                    Ok(Err(error)) => Some(Ended::because(format!("the TLS handshake failed: {error}"))),
                    Err(_) => Some(Ended::because("the TLS handshake took too long")),
                },
            }
        };
        let ended = tokio::select! {
            ended = served => ended,
            () = place.ended() => Some(Ended::because("it was idle longest, and another one needed its place")),
        };
        // Each request has a line. So one is left for a connection without any, and for what was no request.
        let reason = ended.as_ref().map_or("it was closed", |ended| &ended.reason);
        let is_refused = ended.as_ref().is_some_and(|ended| ended.refused);
        if is_refused {
            metrics.refused("no_request");
            tracing::warn!(%client, reason, "a request was refused");
        } else if !place.had_requests() {
            tracing::info!(%client, reason, "a connection ended before a request");
        } else {
            tracing::debug!(%client, reason, "a connection ended");
        }
    }

    /// Says whom each request comes from, and that the connection works on it.
    fn router(self, router: Router) -> Router {
        let Self { connections, peer, place } = self;
        let Connections { proxies, metrics, .. } = connections;
        router.layer(middleware::from_fn(move |mut request: Request, next: Next| {
            let client = proxies.client(peer, request.headers());
            let behind = Some(client.share()).filter(|_| proxies.trusts(peer));
            let busy = place.busy(behind);
            let metrics = Arc::clone(&metrics);
            async move {
                let Some(busy) = busy else { return too_many(&metrics, client, request.uri().path()) };
                request.extensions_mut().insert(Client(client));
                let response = next.run(request).await;
                drop(busy);
                response
            }
        }))
    }
}

fn too_many(metrics: &Metrics, client: Peer, path: &str) -> Response {
    metrics.refused("requests_of_address");
    let reason = "too many requests of one address at a time: --connections-per-address would allow more";
    tracing::warn!(%client, path, reason, "refused");
    Ack::Error(ErrorAck::status_only(StatusCode::SERVICE_UNAVAILABLE)).to_response().map(|()| Body::empty())
}

/// Speaks HTTP. Returns why the connection ended, unless it came to its end by itself.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    idle: Duration,
    router: Router,
    watcher: Watcher,
) -> Option<Ended> {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        // A client that says no more still waits for its answer.
        .half_close(true)
        .max_buf_size(BUFFER_SIZE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let error = watcher.watch(connection).await.err()?;
    let mut reason = error.to_string();
    if let Some(cause) =
        std::error::Error::source(&error).filter(|cause| !reason.ends_with(&cause.to_string()))
    {
        reason = format!("{reason}: {cause}");
    }
    Some(Ended { reason, refused: error.is_parse() })
}

/// Why a connection ended.
struct Ended {
    reason: String,
    /// Whether what it sent was answered, and was no request.
    refused: bool,
}

impl Ended {
    fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), refused: false }
    }
}

/// Where a connection came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here {
    pub(crate) scheme: &'static str,
    pub(crate) address: Option<SocketAddr>,
}

/// Who asks: see [`Proxies::client`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) Peer);

/// Who asks.
pub(crate) fn client(head: &Parts) -> Option<Peer> {
    head.extensions.get().map(|Client(peer)| *peer)
}
