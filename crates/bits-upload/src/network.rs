//! The network as the options say: reqwest, with TLS, perhaps a proxy, and better words for what goes wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bits_http::client::{
    Attempt, Body, Control, Lasting, Reqwest, ReqwestAnswer, Transport, TransportFailure,
};
use bits_proto::client::TransportError;
use bits_proto::header::BITS_PACKET_TYPE;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use reqwest::Client;

use crate::digest::Digests;
use crate::options::Options;
use crate::problem::Problem;
use crate::proxy::{Proxy, SUPPORTED};
use crate::tls::Tls;
use crate::tunnel::{Refusal, Tunnel};

/// The network for one upload after another.
#[derive(Debug)]
pub(crate) struct Network {
    reqwest: Reqwest,
    tls: Tls,
    proxy: Option<Proxy>,
    tunnel: Option<Tunnel>,
    /// Whether the proxy sees requests, and answers some of them itself.
    is_proxy_in_talk: bool,
    digests: Digests,
    /// Whether an answer has come: from then on what breaks is the line.
    has_worked: AtomicBool,
}

impl Network {
    pub(crate) fn new(options: &Options) -> Result<Self, Problem> {
        let (tls, proxy) = (Tls::new(options)?, Proxy::find(options)?);
        let is_tunnel = options.url.scheme_str() == Some("https");
        let tunnel = match &proxy {
            // A proxy over TLS is reqwest's to ask.
            Some(proxy) if is_tunnel && proxy.url.scheme() == "http" => {
                let tunnel = Tunnel::open(proxy, &options.user_agent);
                Some(tunnel.map_err(|error| {
                    Problem::failed(format_args!("the way to the proxy cannot be set up: {error}"))
                })?)
            }
            _ => None,
        };
        let way = proxy.as_ref().map(|proxy| way(proxy, tunnel.as_ref(), is_tunnel)).transpose()?;
        let (config, user_agent) = (tls.config.clone(), options.user_agent.clone());
        let reqwest = Reqwest::new(move || {
            let builder = Client::builder().user_agent(&user_agent).tls_backend_preconfigured(config.clone());
            match &way {
                Some(proxy) => builder.proxy(proxy.clone()),
                None => builder.no_proxy(),
            }
        });
        let reqwest = reqwest.map_err(|error| {
            Problem::failed(format_args!("the network cannot be set up: {}", innermost(&error)))
        })?;
        let reqwest = if proxy.is_some() { reqwest.behind_proxy() } else { reqwest };
        let (digests, has_worked) = (Digests::default(), AtomicBool::new(false));
        let is_proxy_in_talk = !is_tunnel && proxy.as_ref().is_some_and(|proxy| !proxy.is_socks());
        Ok(Self { reqwest, tls, proxy, tunnel, is_proxy_in_talk, digests, has_worked })
    }

    /// The proxy on the way, if there is one.
    pub(crate) const fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The proxy that may have answered in the server's place, if there is one.
    pub(crate) fn proxy_in_talk(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| self.is_proxy_in_talk)
    }

    /// The digests that requests are signed with.
    pub(crate) const fn digests(&self) -> &Digests {
        &self.digests
    }

    /// The failure, as this program knows it.
    fn explained(&self, failure: TransportFailure) -> TransportFailure {
        match (failure.lasting, self.tunnel.as_ref().and_then(Tunnel::refusal)) {
            (_, Some(Refusal::Unreachable(why))) => {
                TransportFailure::new(TransportError::Unsent, self.about_proxy(&why))
            }
            (Some(lasting), Some(Refusal::Status(why))) => {
                TransportFailure::new(failure.kind, why).lasting(lasting)
            }
            (Some(_), Some(Refusal::Credentials(why))) => {
                TransportFailure::new(failure.kind, why).lasting(Lasting::ProxyWantsCredentials)
            }
            (None, Some(Refusal::Status(why) | Refusal::Credentials(why))) => {
                TransportFailure::new(failure.kind, self.about_proxy(&why))
            }
            (lasting, None) if self.is_about_our_certificate(lasting, &failure.text) => {
                failure.lasting(Lasting::ClientCertificateWanted)
            }
            (Some(Lasting::ProxyWantsCredentials), None) => {
                let why = self.about_proxy(
                    "it wants a name and a password: give it --proxy URL and --proxy-user NAME:PASSWORD",
                );
                TransportFailure::new(failure.kind, why).lasting(Lasting::ProxyWantsCredentials)
            }
            (None, None)
                if self.is_proxy_in_talk
                    || self.proxy.is_some() && failure.kind == TransportError::Unsent =>
            {
                TransportFailure::new(failure.kind, self.about_proxy(&failure.text))
            }
            (_, None) => failure,
        }
    }

    /// Whether a server that asked for a certificate of the client's ends the connection for that: many say "handshake
    /// failure" then, other things when they do not like it, or nothing at all.
    fn is_about_our_certificate(&self, lasting: Option<Lasting>, text: &str) -> bool {
        let is_first = !self.has_worked.load(Ordering::Relaxed);
        let (asked, has_one) = (self.tls.is_asked_for_a_certificate(), self.tls.has_a_certificate());
        match lasting {
            Some(Lasting::TlsMismatch) => asked,
            None => asked && is_first && (!has_one || text.contains("fatal alert")),
            Some(_) => false,
        }
    }

    fn about_proxy(&self, why: &str) -> String {
        self.proxy.as_ref().map_or_else(|| why.to_owned(), |proxy| format!("the proxy {proxy}: {why}"))
    }

    /// Whether a server that asked for a certificate answers in this way to whoever has none.
    fn is_for_want_of_a_certificate(&self, answer: &Response<ReqwestAnswer>) -> bool {
        let is_ack = answer.headers().contains_key(BITS_PACKET_TYPE);
        // nginx says 400 and IIS 403.
        let is_missing = self.tls.was_asked_for_a_certificate() && !self.tls.has_a_certificate();
        is_missing && !is_ack && matches!(answer.status().as_u16(), 400 | 403)
    }
}

impl Transport for Network {
    type Answer = ReqwestAnswer;

    async fn send(
        &self,
        mut request: Request<Body>,
        attempt: Attempt,
    ) -> Result<Response<ReqwestAnswer>, TransportFailure> {
        // HTTP/1.1 needs it not, but Windows says it, and filters look.
        let _never_full =
            request.headers_mut().try_insert(CONNECTION, HeaderValue::from_static("Keep-Alive"));
        let (method, target) = (request.method().clone(), request.uri().clone());
        let signed = self.digests.sign(&method, &target, request.headers_mut());
        signed.map_err(|why| TransportFailure::new(TransportError::Unsent, why))?;
        self.tls.forget_questions();
        match self.reqwest.send(request, attempt).await {
            Ok(answer) if self.is_for_want_of_a_certificate(&answer) => {
                let text = format!("status {}", answer.status());
                let failure = TransportFailure::new(TransportError::Interrupted, text);
                Err(failure.lasting(Lasting::ClientCertificateWanted))
            }
            Ok(answer) => {
                self.has_worked.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Err(failure) => Err(self.explained(failure)),
        }
    }

    async fn wait(&self, until: Instant, control: &Control) {
        self.reqwest.wait(until, control).await;
    }
}

/// The proxy, as reqwest wants it.
fn way(proxy: &Proxy, tunnel: Option<&Tunnel>, is_tunnel: bool) -> Result<reqwest::Proxy, Problem> {
    let address = tunnel.map_or_else(|| proxy.url.as_str(), |tunnel| &tunnel.url);
    let way = reqwest::Proxy::all(address)
        .map_err(|error| Problem::usage(format_args!("the proxy {proxy}: {}", innermost(&error))))?;
    let way = way.no_proxy(proxy.exceptions());
    Ok(match (tunnel, &proxy.user) {
        (Some(tunnel), _) => way.basic_auth("tunnel", &tunnel.key),
        // A tunnel is asked for with the password. What goes through the proxy as it is waits for its challenge.
        (None, Some(user)) if is_tunnel || proxy.is_socks() => way.basic_auth(&user.name, user.password()),
        _ => way,
    })
}

/// What helps against a failure that does not pass.
pub(crate) fn remedy(lasting: Lasting, options: &Options, proxy: Option<&Proxy>) -> String {
    let is_behind_proxy = proxy.is_some();
    let proxy = proxy.map_or_else(|| "a proxy".to_owned(), |proxy| format!("the proxy {proxy}"));
    match lasting {
        Lasting::CertificateExpired => "the server needs a new one, unless the clock of this machine is wrong".to_owned(),
        Lasting::CertificateName => "call the server by a name that is in it".to_owned(),
        Lasting::CertificateOfCa => {
            "it says that it is a CA's, and must not: -addext basicConstraints=critical,CA:FALSE has openssl make one \
             that does not".to_owned()
        }
        Lasting::ClientCertificateWanted if options.cert.is_some() => "it does not accept the one of --cert".to_owned(),
        Lasting::ClientCertificateWanted => "name one by --cert FILE and --key FILE".to_owned(),
        Lasting::TlsMismatch | Lasting::TlsHangUp => {
            "this program has TLS 1.2 and 1.3 with suites that are not broken; IIS on Server 2012 R2 needs ECDHE with \
             AES-GCM and an ECDSA certificate, or something before it that speaks TLS in its place".to_owned()
        }
        Lasting::NotHttp if is_behind_proxy => format!("it may be {proxy}: check the address and the port of both"),
        Lasting::NotHttp => "check the port of the address".to_owned(),
        Lasting::NotTls => "the address says https: try http, or another port".to_owned(),
        Lasting::TlsExpected => "the address says http: try https".to_owned(),
        Lasting::ProxyRefused => format!(
            "it is {proxy}: ask who runs it to let the server's name and port pass; no_proxy or --proxy none goes around it"
        ),
        Lasting::ProxyScheme => format!("{SUPPORTED}; it is {proxy}"),
        _ => "name who signed it by --cacert".to_owned(),
    }
}

/// The cause of the causes: what is around it only says that something failed.
fn innermost(error: &reqwest::Error) -> String {
    use std::error::Error;
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
