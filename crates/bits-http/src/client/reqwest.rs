//! The transport on reqwest: async, on tokio.

use std::fmt;
use std::io;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, retry};

use super::body::Body;
use super::control::Control;
use super::transport::{Answer, Attempt, Transport, TransportFailure};

/// A [`Transport`] on reqwest, for [`upload`](super::upload) on tokio.
///
/// reqwest's own habits are switched off: it follows no redirect, sends nothing again, sends no `Referer`, and decompresses
/// nothing; no socket option ends a connection whose server is slow to read, since the protocol has a time of its own for that. HTTP/1.1
/// is spoken, with names of headers in title case: some filters look. Proxies stay as they are in reqwest: `http_proxy`,
/// `https_proxy`, `all_proxy` and `no_proxy` of the environment, unless the builder says otherwise. Connections that have rested
/// for a while are not used again: servers and firewalls drop them without a word.
pub struct Reqwest {
    client: Client,
}

/// How long a connection may rest before it is not used again. IIS closes after two minutes; boxes in between close sooner.
const REST: std::time::Duration = std::time::Duration::from_secs(20);

impl Reqwest {
    /// A transport with what this builder has: certificates, a proxy, a user agent.
    ///
    /// # Errors
    /// reqwest cannot be set up: there is no TLS, or no certificate to trust.
    pub fn new(builder: ClientBuilder) -> Result<Self, reqwest::Error> {
        let client = builder
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
        let client = client.tcp_user_timeout(None);
        Ok(Self { client: client.build()? })
    }
}

impl Transport for Reqwest {
    type Answer = ReqwestAnswer;

    async fn send(
        &self,
        request: Request<Body>,
        _: Attempt,
    ) -> Result<Response<ReqwestAnswer>, TransportFailure> {
        let request = request.map(|body| match body.is_empty() {
            // With a `Content-Length`.
            true => reqwest::Body::from(""),
            false => reqwest::Body::wrap(body),
        });
        let failure = super::reqwest_failure::failure;
        let request = request.try_into().map_err(failure)?;
        let response: Response<reqwest::Body> = self.client.execute(request).await.map_err(failure)?.into();
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
