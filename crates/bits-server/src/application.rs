//! The HTTP client for the server application.

use std::error::Error;
use std::fs;
use std::io;
use std::iter;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bits_http::server::{Application, Body as Outgoing};
use bits_http::storage::Failure;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use reqwest::{Body, Certificate, Client, ClientBuilder};

/// A client that trusts the certificates in `ca`, and no others; without it those that this machine trusts, which is
/// where an operator has put those of his own network, and where they are kept up to date.
pub(crate) fn client(ca: Option<&Path>, needs_tls: bool) -> io::Result<HttpClient> {
    let built = match ca {
        Some(path) => builder().tls_certs_only(certificates(path)?),
        None if needs_tls => builder(),
        // A machine without any certificates will do.
        None => builder().tls_certs_only([]),
    };
    built.build().map(HttpClient).map_err(|error| {
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

/// The HTTP client that notifies the server application.
pub(crate) struct HttpClient(Client);

impl Application for HttpClient {
    type Body = Body;
    type Error = io::Error;

    async fn send(&self, request: Request<Outgoing>) -> io::Result<Response<Body>> {
        let request = request.map(|body| Body::wrap(Shared(Mutex::new(body))));
        let request = reqwest::Request::try_from(request).map_err(other)?;
        self.0.execute(request).await.map(Into::into).map_err(other)
    }
}

/// A body that may be shared between threads, since the client asks for one. Nobody does: the lock is never taken.
struct Shared(Mutex<Outgoing>);

impl http_body::Body for Shared {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let body = self.get_mut().0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(body).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
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
