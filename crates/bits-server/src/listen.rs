//! Connections: accepted, perhaps encrypted, and ended when the program is told to stop.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::middleware::Next;
use axum::{Extension, Router};
use http::request::Parts;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::places::Places;

/// A connection is an open file, and a request may have three more for a moment.
const FILES_PER_CONNECTION: u64 = 4;

/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How long requests may go on after the program was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How much of a head, and of a body at a time, a connection holds in memory.
const BUFFER_SIZE: usize = 64 * 1024;

/// What a listener does with connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connections {
    /// How many are served at a time. When there are more, the one that was idle longest is closed; if none is idle, they wait.
    pub(crate) max: usize,
    /// How many of them one address may have.
    pub(crate) per_address: usize,
    /// How long a client may be silent between two requests, or within a head, or read nothing of its answer.
    pub(crate) idle: Duration,
}

impl Connections {
    /// As many as there can be without running out of files.
    pub(crate) fn max_by_default() -> usize {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        usize::try_from(files / FILES_PER_CONNECTION).unwrap_or(usize::MAX).max(1)
    }
}

/// Serves until the token is cancelled, and the last request is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    connections: Connections,
    tls: Option<Tls>,
    router: Router,
    stopping: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Places::new(connections.max, connections.per_address);
    let accept = async || {
        let (stream, client) = listener.accept().await?;
        Ok::<_, io::Error>((stream, client.ip()))
    };
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = accept() => accepted,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, say: some will be closed.
                tracing::warn!(%error, "a connection was not accepted");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if places.len() >= connections.max {
            tracing::info!(max = connections.max, "all places for connections are taken");
        }
        let place = tokio::select! {
            () = stopping.cancelled() => break,
            place = places.take(client) => place,
        };
        let Some(place) = place.map(Arc::new) else {
            tracing::warn!(%client, most = connections.per_address, "too many connections of one address");
            continue;
        };
        // Acks are small, and awaited.
        let _slower_without = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(connections.idle));
        let stream = place.watch(Box::pin(stream));
        let watcher = graceful.watcher();
        // The log says who it was.
        let worker = Arc::clone(&place);
        let router = router
            .clone()
            .layer(axum::middleware::from_fn(move |request: axum::extract::Request, next: Next| {
                let busy = worker.busy();
                async move {
                    let response = next.run(request).await;
                    drop(busy);
                    response
                }
            }))
            .layer(Extension(Client(client)));
        let (idle, tls) = (connections.idle, tls.as_ref().map(Tls::acceptor));
        tokio::spawn(async move {
            let served = async {
                match tls {
                    None => connection(stream, idle, router, watcher).await,
                    Some(tls) => match timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
                        Ok(Ok(stream)) => connection(stream, idle, router, watcher).await,
                        Ok(Err(error)) => tracing::info!(%client, %error, "a TLS handshake failed"),
                        Err(_) => tracing::info!(%client, "a TLS handshake took too long"),
                    },
                }
            };
            tokio::select! {
                () = served => {}
                () = place.ended() => tracing::info!(%client, "an idle connection gave up its place"),
            }
        });
    }
    drop(listener);
    let _answered_or_not = timeout(GRACE, graceful.shutdown()).await;
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    idle: Duration,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        // A client that says no more still waits for its answer.
        .half_close(true)
        .max_buf_size(BUFFER_SIZE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection failed");
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) IpAddr);

/// The address at the other end of the connection, which may be a proxy's.
pub(crate) fn client(head: &Parts) -> Option<IpAddr> {
    head.extensions.get().map(|Client(address)| *address)
}

/// TLS with a certificate chain and its key, both in PEM, which can be read again.
#[derive(Clone)]
pub(crate) struct Tls(Arc<RwLock<TlsAcceptor>>);

impl Tls {
    pub(crate) fn open(certificates: &Path, key: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(RwLock::new(acceptor(certificates, key)?))))
    }

    /// Reads the files again. If they cannot be used, the ones before stay.
    pub(crate) fn reload(&self, certificates: &Path, key: &Path) -> io::Result<()> {
        let new = acceptor(certificates, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn acceptor(certificates: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let unusable = |path: &Path, why: String| io::Error::other(format!("{}: {why}", path.display()));
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(certificates, error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable(certificates, "there is no certificate in it: a PEM file is wanted".to_owned()));
    }
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            unusable(key, "there is no private key in it: a PEM file is wanted".to_owned())
        }
        other => unusable(key, other.to_string()),
    })?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private_key);
    let config = config.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            unusable(certificates, format!("its key is not {}", key.display()))
        }
        other => unusable(certificates, other.to_string()),
    })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
