//! The transport on reqwest: async, on tokio.

use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bits_proto::client::TransportError;
use bytes::Bytes;
use http::{Request, Response, Uri};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, retry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::body::Body;
use super::control::Control;
use super::reqwest_failure::failure;
use super::transport::{Answer, Attempt, Connection, Lasting, Transport, TransportFailure};

/// A [`Transport`] on reqwest, for [`upload`](super::upload) on tokio.
///
/// reqwest's own habits are switched off: it follows no redirect, sends nothing again, sends no `Referer`, and decompresses
/// nothing; no socket option ends a connection whose server is slow to read, since the protocol has a time of its own for that. HTTP/1.1
/// is spoken, with names of headers in title case: some filters look. Proxies stay as they are in reqwest: `http_proxy`,
/// `https_proxy`, `all_proxy` and `no_proxy` of the environment, unless the builder says otherwise. Connections that have rested
/// for a while are not used again: servers and firewalls drop them without a word.
pub struct Reqwest {
    builder: Box<dyn Fn() -> ClientBuilder + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    client: Client,
    /// When the last answer came. Its connection may be used again. A way that has worked is not given up for one refusal of a
    /// proxy, either.
    last_answer: Option<Instant>,
}

/// How long a connection may rest before it is not used again. IIS closes after two minutes; boxes in between close sooner.
const REST: Duration = Duration::from_secs(20);

/// How long a server has to show that it speaks TLS.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// The first byte of an alert.
const TLS_ALERT: u8 = 0x15;

impl Reqwest {
    /// A transport with what these builders have: certificates, a proxy, a user agent. Another one is built where the protocol
    /// wants a connection that no request has used.
    ///
    /// # Errors
    /// reqwest cannot be set up: there is no TLS, or no certificate to trust.
    pub fn new(builder: impl Fn() -> ClientBuilder + Send + Sync + 'static) -> Result<Self, reqwest::Error> {
        let state = State { client: build(builder())?, last_answer: None };
        Ok(Self { builder: Box::new(builder), state: Mutex::new(state) })
    }

    /// The client for this request, and whether one of its connections may have served another request.
    fn client(&self, wanted: Connection) -> (Client, bool) {
        let mut state = self.state();
        if wanted == Connection::Fresh {
            if let Ok(client) = build((self.builder)()) {
                state.client = client;
                return (state.client.clone(), false);
            }
        }
        let kept = state.last_answer.is_some_and(|answer| answer.elapsed() < REST);
        (state.client.clone(), kept)
    }

    /// The failure, with what reqwest does not tell.
    async fn explained(&self, failure: TransportFailure, url: &Uri, kept: bool) -> TransportFailure {
        let has_worked = self.state().last_answer.is_some();
        match (failure.lasting, failure.kind) {
            (Some(Lasting::ProxyRefused), _) if has_worked => TransportFailure { lasting: None, ..failure },
            (None, _) if failure.text.contains("invalid HTTP version") => {
                if !has_worked && speaks_tls(url).await {
                    return failure.lasting(Lasting::TlsExpected);
                }
                failure
            }
            (None, TransportError::Interrupted) if kept => {
                TransportFailure { kind: TransportError::Stale, ..failure }
            }
            _ => failure,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn build(builder: ClientBuilder) -> Result<Client, reqwest::Error> {
    let builder = builder
        .redirect(Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .http1_only()
        .http1_title_case_headers()
        .pool_idle_timeout(REST)
        .pool_max_idle_per_host(1);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let builder = builder.tcp_user_timeout(None);
    builder.build()
}

/// Whether a server that was spoken to without TLS answers with an alert of TLS.
async fn speaks_tls(url: &Uri) -> bool {
    let Some(host) = url.host().filter(|_| url.scheme_str() == Some("http")) else { return false };
    let address = (host.trim_matches(['[', ']']).to_owned(), url.port_u16().unwrap_or(80));
    let first = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await.ok()?;
        stream.read_u8().await.ok()
    };
    tokio::time::timeout(PROBE_TIME, first).await.ok().flatten() == Some(TLS_ALERT)
}

impl Transport for Reqwest {
    type Answer = ReqwestAnswer;

    async fn send(
        &self,
        request: Request<Body>,
        attempt: Attempt,
    ) -> Result<Response<ReqwestAnswer>, TransportFailure> {
        let request = request.map(|body| match body.is_empty() {
            // With a `Content-Length`.
            true => reqwest::Body::from(""),
            false => reqwest::Body::wrap(body),
        });
        let url = request.uri().clone();
        let request = request.try_into().map_err(failure)?;
        let (client, kept) = self.client(attempt.connection);
        let response: Response<reqwest::Body> = match client.execute(request).await {
            Ok(response) => response.into(),
            Err(error) => return Err(self.explained(failure(error), &url, kept).await),
        };
        self.state().last_answer = Some(Instant::now());
        let (parts, body) = response.into_parts();
        Ok(Response::from_parts(parts, ReqwestAnswer { body }))
    }

    async fn wait(&self, until: Instant, _: &Control) {
        tokio::time::sleep_until(until.into()).await;
    }
}

impl fmt::Debug for Reqwest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reqwest").finish_non_exhaustive()
    }
}

/// The body of an answer.
#[derive(Debug)]
pub struct ReqwestAnswer {
    body: reqwest::Body,
}

impl Answer for ReqwestAnswer {
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        use http_body::Body as _;
        loop {
            let frame =
                std::future::poll_fn(|context| std::pin::Pin::new(&mut self.body).poll_frame(context)).await;
            match frame.transpose().map_err(io::Error::other)? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}
