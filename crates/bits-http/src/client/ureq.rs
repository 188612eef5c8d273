//! The transport on ureq: it blocks, and needs no runtime.

use std::fmt;
use std::future::ready;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bits_proto::client::TransportError;
use bytes::Bytes;
use http::{Request, Response};
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use ureq::{Agent, BodyReader, Error, SendBody, Timeout};

use super::body::Body;
use super::buffers::SIZE;
use super::control::Control;
use super::transport::{Answer, Attempt, Connection, Lasting, Transport, TransportFailure};

#[doc(alias = "proxy")]
/// A [`Transport`] on ureq, for [`upload_blocking`](super::upload_blocking).
///
/// Features of ureq that would interfere with the protocol are off: it follows no redirect, takes no status for an error, and
/// decompresses nothing. Time limits are those of the protocol. Proxies work as always in ureq: those of the environment, unless the
/// builder says otherwise.
pub struct Ureq {
    state: Mutex<State>,
}

struct State {
    agent: Agent,
    /// When the last answer came. Its connection may be used again.
    last_answer: Option<Instant>,
}

/// The time for which a connection may rest before it is not used again.
const REST: Duration = Duration::from_secs(15);

impl Ureq {
    /// A transport with the settings of this builder: certificates, a proxy, a user agent.
    #[must_use]
    pub fn new(builder: ConfigBuilder<AgentScope>) -> Self {
        let agent = builder
            .allow_non_standard_methods(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            .max_idle_connections_per_host(1)
            .max_idle_age(REST)
            .build()
            .new_agent();
        Self { state: Mutex::new(State { agent, last_answer: None }) }
    }

    /// The agent for this request, and whether one of its connections may have served another request.
    fn agent(&self, wanted: Connection) -> (Agent, bool) {
        let mut state = self.state();
        if wanted == Connection::Fresh {
            state.agent = state.agent.config().clone().new_agent();
            return (state.agent.clone(), false);
        }
        let kept = state.last_answer.is_some_and(|answer| answer.elapsed() < REST);
        (state.agent.clone(), kept)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_now(
        &self,
        request: Request<Body>,
        attempt: Attempt,
    ) -> Result<Response<UreqAnswer>, TransportFailure> {
        let (head, body) = request.into_parts();
        let body = if body.is_empty() { SendBody::none() } else { SendBody::from_owned_reader(body) };
        let (agent, kept) = self.agent(attempt.connection);
        let request = agent
            .configure_request(Request::from_parts(head, body))
            .timeout_connect(Some(attempt.request_timeout))
            .timeout_send_body(Some(attempt.request_timeout))
            .timeout_recv_response(Some(attempt.response_timeout))
            .timeout_recv_body(Some(attempt.body_timeout))
            .build();
        let response = agent.run(request).map_err(|error| {
            let failure = failure(&error);
            match failure.kind {
                TransportError::Interrupted if kept && !matches!(error, Error::Timeout(_)) => {
                    TransportFailure { kind: TransportError::Stale, ..failure }
                }
                _ => failure,
            }
        })?;
        self.state().last_answer = Some(Instant::now());
        let (parts, body) = response.into_parts();
        Ok(Response::from_parts(parts, UreqAnswer { body: body.into_reader() }))
    }
}

impl Transport for Ureq {
    type Answer = UreqAnswer;

    async fn send(
        &self,
        request: Request<Body>,
        attempt: Attempt,
    ) -> Result<Response<UreqAnswer>, TransportFailure> {
        self.send_now(request, attempt)
    }

    async fn wait(&self, until: Instant, control: &Control) {
        control.wait_until(until);
    }
}

impl fmt::Debug for Ureq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ureq").finish_non_exhaustive()
    }
}

/// The body of an answer.
pub struct UreqAnswer {
    body: BodyReader<'static>,
}

impl Answer for UreqAnswer {
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send {
        let mut buffer = vec![0; SIZE];
        let read = self.body.read(&mut buffer);
        ready(read.map(|bytes| {
            buffer.truncate(bytes);
            (bytes > 0).then(|| buffer.into())
        }))
    }
}

impl fmt::Debug for UreqAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UreqAnswer").finish_non_exhaustive()
    }
}

fn failure(error: &Error) -> TransportFailure {
    // Whether a byte of the request may have left.
    let kind = match error {
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::InvalidProxyUrl
        | Error::Timeout(Timeout::Resolve | Timeout::Connect) => TransportError::Unsent,
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => TransportError::Unsent,
        _ => TransportError::Interrupted,
    };
    let failure = TransportFailure::new(kind, error.to_string());
    match error {
        Error::InvalidProxyUrl => failure.lasting(Lasting::ProxyScheme),
        Error::ConnectProxyFailed(_) => failure.lasting(Lasting::ProxyRefused),
        _ => failure,
    }
}
