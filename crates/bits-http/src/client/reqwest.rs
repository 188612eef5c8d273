//! The transport on reqwest: async, on tokio.

use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bits_proto::client::TransportError;
use bits_proto::header::BITS_PACKET_TYPE;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, retry};

use super::body::Body;
use super::control::Control;
use super::probe::{Language, other_language};
use super::reqwest_failure::Broken;
use super::transport::{Answer, Attempt, Connection, Lasting, Transport, TransportFailure};

#[doc(alias = "proxy")]
/// A [`Transport`] on reqwest, for [`upload`](super::upload) on tokio.
///
/// Features of reqwest that would interfere with the protocol are off: it follows no redirect, repeats no request, sends no
/// `Referer`, decompresses nothing, and no socket option ends a connection whose server is slow to read. It speaks HTTP/1.1, with the
/// names of headers in title case, because some filters demand that. Proxies work as always in reqwest: those of `http_proxy`,
/// `https_proxy`, `all_proxy` and `no_proxy`, unless the builder says otherwise. Connections that were idle for a while are not
/// reused, because servers and firewalls drop them silently.
///
/// If the first request fails, and TLS may be the cause, one connection finds out whether the port speaks TLS. It would bypass a
/// proxy: see [`behind_proxy`](Self::behind_proxy).
pub struct Reqwest {
    builder: Box<dyn Fn() -> ClientBuilder + Send + Sync>,
    probes: bool,
    state: Mutex<State>,
}

struct State {
    client: Client,
    /// When the last answer came. Its connection may be used again. A way that has worked is not given up for one refusal of a
    /// proxy, either.
    last_answer: Option<Instant>,
    /// The number of times that a server has hung up within the handshake of TLS, as long as no answer has come.
    hang_ups: u32,
}

/// The time for which a connection may rest before it is not used again. IIS closes after two minutes; boxes in between close sooner.
const REST: Duration = Duration::from_secs(20);

/// The time that a connection may take to come about, with TLS. What hangs longer has misunderstood the greeting.
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// A server that hangs up so often within the handshake of TLS means it.
const MOST_HANG_UPS: u32 = 3;

impl Reqwest {
    /// A transport with the settings of these builders: certificates, a proxy, a user agent. The function is called again whenever
    /// the protocol wants a connection that no request has used.
    ///
    /// # Errors
    /// reqwest cannot be set up: there is no TLS, or no certificate to trust.
    pub fn new(builder: impl Fn() -> ClientBuilder + Send + Sync + 'static) -> Result<Self, reqwest::Error> {
        let state = State { client: build(builder())?, last_answer: None, hang_ups: 0 };
        let probes = !has_proxy_in_environment();
        Ok(Self { builder: Box::new(builder), probes, state: Mutex::new(state) })
    }

    /// Says that the server is reached through a proxy, so that no connection bypasses it. Not needed for proxies of the environment.
    #[must_use]
    pub fn behind_proxy(self) -> Self {
        Self { probes: false, ..self }
    }

    /// Which language the port of an address speaks, where another one is expected.
    async fn other_language(&self, url: &Uri) -> Option<Language> {
        if self.probes { other_language(url).await } else { None }
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
    async fn explained(&self, broken: Broken, url: &Uri, kept: bool) -> TransportFailure {
        let Broken { failure, in_handshake, is_no_http } = broken;
        let has_worked = self.state().last_answer.is_some();
        match (failure.lasting, failure.kind) {
            (Some(Lasting::ProxyRefused), _) if has_worked => TransportFailure { lasting: None, ..failure },
            (None, TransportError::Interrupted) if kept => {
                TransportFailure { kind: TransportError::Stale, ..failure }
            }
            (Some(_), _) => failure,
            (None, _) if has_worked => failure,
            (None, _) => match self.other_language(url).await {
                Some(language) => failure.lasting(language.into()),
                None if is_no_http => failure.lasting(Lasting::NotHttp),
                None if in_handshake && self.is_last_hang_up() => failure.lasting(Lasting::TlsHangUp),
                None => failure,
            },
        }
    }

    fn is_last_hang_up(&self) -> bool {
        let mut state = self.state();
        state.hang_ups = state.hang_ups.saturating_add(1);
        state.hang_ups >= MOST_HANG_UPS
    }

    /// Whether a page says in words that its port is for TLS: nginx, Apache and Go answer 400 to plain HTTP.
    async fn is_for_tls(&self, answer: &Response<reqwest::Body>, url: &Uri) -> bool {
        let is_first = self.state().last_answer.is_none();
        let is_page = !answer.headers().contains_key(BITS_PACKET_TYPE);
        is_first
            && is_page
            && answer.status() == StatusCode::BAD_REQUEST
            && url.scheme_str() == Some("http")
            && self.other_language(url).await == Some(Language::Tls)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_proxy_in_environment() -> bool {
    ["http_proxy", "https_proxy", "all_proxy"].iter().any(|name| {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        is_set(name) || is_set(&name.to_uppercase())
    })
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
        .connect_timeout(CONNECT_TIME)
        .pool_idle_timeout(REST)
        .pool_max_idle_per_host(1);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let builder = builder.tcp_user_timeout(None);
    builder.build()
}

impl From<Language> for Lasting {
    fn from(language: Language) -> Self {
        match language {
            Language::Http => Self::NotTls,
            Language::Tls => Self::TlsExpected,
        }
    }
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
        let request = request.try_into().map_err(|error| Broken::from(error).failure)?;
        let (client, kept) = self.client(attempt.connection);
        let response: Response<reqwest::Body> = match client.execute(request).await {
            Ok(response) => response.into(),
            Err(error) => return Err(self.explained(error.into(), &url, kept).await),
        };
        if self.is_for_tls(&response, &url).await {
            let failure =
                TransportFailure::new(TransportError::Interrupted, format!("status {}", response.status()));
            return Err(failure.lasting(Lasting::TlsExpected));
        }
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
