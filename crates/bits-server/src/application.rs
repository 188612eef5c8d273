//! The server application, over HTTP or HTTPS: one request with its answer, and the body of that.

use std::error::Error;
use std::fs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bits_proto::packet::Payload;
use futures_util::TryStreamExt;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use reqwest::{Body, Certificate, Client, ClientBuilder};
use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};

use crate::storage::write_all;
use crate::stream;

/// Why the body of an answer is not stored.
pub(crate) enum BodyError {
    Transport,
    Storage(io::Error),
}

/// A client that trusts the certificates in `ca`, and no others; without it those that this machine trusts, which is
/// where an operator has put those of his own network, and where they are kept up to date.
pub(crate) fn client(ca: Option<&Path>, needs_tls: bool) -> io::Result<Client> {
    let built = match ca {
        Some(path) => builder().tls_certs_only(certificates(path)?),
        None if needs_tls => builder(),
        // A machine without any certificates will do.
        None => builder().tls_certs_only([]),
    };
    built.build().map_err(|error| {
        io::Error::other(format!(
            "TLS to the server application cannot be set up: {}; --notification-ca names certificates to trust",
            innermost(&error)
        ))
    })
}

/// What is answered counts, and is not followed. Each notification has a connection of its own: where it is dropped, it
/// is closed.
fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(0)
}

fn certificates(path: &Path) -> io::Result<Vec<Certificate>> {
    let shown = path.display();
    let pem = fs::read(path).map_err(|error| io::Error::other(format!("{shown} cannot be read: {error}")))?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(io::Error::other(format!("{shown} has no certificate in it: a PEM file is wanted")));
    }
    Ok(certificates)
}

/// Sends a notification, with the entity where it has one; `sent` is told when the last byte is on its way.
pub(crate) async fn send(
    client: Client,
    request: Request<Payload>,
    entity: PathBuf,
    sent: oneshot::Sender<()>,
) -> io::Result<Response<Body>> {
    let (mut head, payload) = request.into_parts();
    let body = match payload {
        Payload::Empty => {
            let _nobody_waits = sent.send(());
            Body::from("")
        }
        Payload::Range(range) => {
            let mut left = range.end - range.start;
            head.headers.insert(CONTENT_LENGTH, left.into());
            let file = spawn_blocking(move || fs::File::open(entity)).await??;
            let mut sent = Some(sent);
            let frames = stream::file(file, range).map_ok(move |chunk| {
                left -= chunk.len() as u64;
                if left == 0 {
                    let _nobody_waits = sent.take().map(|sent| sent.send(()));
                }
                Frame::data(chunk)
            });
            Body::wrap(StreamBody::new(frames))
        }
    };
    let request = reqwest::Request::try_from(Request::from_parts(head, body)).map_err(other)?;
    client.execute(request).await.map(Into::into).map_err(other)
}

/// Stores a body up to one byte more than it may have, which is enough to refuse it.
pub(crate) async fn store_body(mut body: Body, path: PathBuf, limit: u64) -> Result<u64, BodyError> {
    let storage = |error: JoinError| BodyError::Storage(error.into());
    let file = spawn_blocking(move || fs::File::create(path)).await.map_err(storage)?;
    let file = Arc::new(file.map_err(BodyError::Storage)?);
    let mut at = 0;
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| BodyError::Transport)?.into_data() else { continue };
        let (file, length) = (Arc::clone(&file), chunk.len() as u64);
        let written = spawn_blocking(move || write_all(&file, &[chunk], at).1).await.map_err(storage)?;
        written.map_err(BodyError::Storage)?;
        at += length;
        if at > limit {
            return Ok(at);
        }
    }
    let synced = spawn_blocking(move || file.sync_all()).await.map_err(storage)?;
    synced.map(|()| at).map_err(BodyError::Storage)
}

/// The address may hold what lets somebody in, and is known anyway.
fn other(error: reqwest::Error) -> io::Error {
    io::Error::other(innermost(&error.without_url()))
}

/// The cause of the causes: what is around it only says that sending failed.
fn innermost(error: &reqwest::Error) -> String {
    let causes = iter::successors(Some(error as &dyn Error), |error| (*error).source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}
