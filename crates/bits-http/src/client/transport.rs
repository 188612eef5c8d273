//! HTTP, as an upload needs it.

use std::fmt;
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use bits_proto::client::TransportError;
use bytes::Bytes;
use http::{Request, Response};

use super::body::Body;
use super::control::Control;

/// HTTP, as an upload needs it: one request with its answer.
///
/// It must not follow redirects, repeat a request, ask for compression, or turn an error status into an error of its own. The
/// protocol decides about all of these.
///
/// A blocking transport returns futures that are ready when they are polled first: [`upload_blocking`](super::upload_blocking)
/// drives them without a runtime. With another transport, that function blocks the thread until it is woken.
pub trait Transport: Send + Sync {
    /// The body of an answer.
    type Answer: Answer;

    /// Sends a request, and returns its answer once its head is here. Dropped before, it closes the connection.
    fn send(
        &self,
        request: Request<Body>,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Response<Self::Answer>, TransportFailure>> + Send;

    /// Waits until this time. A blocking transport waits with [`Control::wait_until`], so that a command ends the wait.
    fn wait(&self, until: Instant, control: &Control) -> impl Future<Output = ()> + Send;
}

/// The body of an answer. Dropped before its end, it closes the connection.
pub trait Answer: Send {
    /// The next piece; `None` at the end.
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send;
}

/// What the protocol wants of one exchange.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The time that sending may take. An async transport is dropped then. A blocking one must keep this time.
    pub request_timeout: Duration,
    /// The time that the head of the answer may take after that. The same holds.
    pub response_timeout: Duration,
    /// The time that the body of the answer may take. The same holds.
    pub body_timeout: Duration,
    /// The connection that the request must use.
    pub connection: Connection,
}

/// The connection that a request must use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Connection {
    /// Any connection, a reused one as well.
    Any,
    /// A connection that no request has used: a reused one broke just before.
    Fresh,
    /// The connection of the previous request, because its credentials hold for that connection only. If it is gone, any: the
    /// server asks for credentials again.
    Same,
}

/// An exchange that failed below HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportFailure {
    /// Whether a byte of the request may have left.
    pub kind: TransportError,
    /// What happened, for a person.
    pub text: String,
    /// Set if trying again cannot help: the upload ends with this failure.
    pub lasting: Option<Lasting>,
}

/// A failure of a connection that another try cannot mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lasting {
    /// The server's certificate, or one above it, is out of date, or not valid yet.
    CertificateExpired,
    /// The server's certificate is for other names.
    CertificateName,
    /// The server's certificate says that it is a CA's.
    CertificateOfCa,
    /// The server's certificate is not trusted for another reason, mostly an unknown issuer.
    CertificateUntrusted,
    /// The server wants a certificate of the client's, or another one.
    ClientCertificateWanted,
    /// Both sides have no version or suite of TLS in common.
    TlsMismatch,
    /// The server closes the connection within the TLS handshake, again and again, without an alert: usually because both sides
    /// have no version or suite in common.
    TlsHangUp,
    /// What answers at this port speaks no HTTP/1: it is another kind of server, or a proxy that is none.
    NotHttp,
    /// The server does not speak TLS at this port.
    NotTls,
    /// The server speaks TLS at this port, and the address says `http`.
    TlsExpected,
    /// The proxy wants credentials before it opens a tunnel.
    ProxyWantsCredentials,
    /// The proxy opens no tunnel.
    ProxyRefused,
    /// The proxy's scheme is not supported.
    ProxyScheme,
}

impl TransportFailure {
    /// A failure that may pass.
    pub fn new(kind: TransportError, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), lasting: None }
    }

    /// The failure, which does not pass.
    #[must_use]
    pub fn lasting(self, why: Lasting) -> Self {
        Self { lasting: Some(why), ..self }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lasting {
            Some(lasting) => write!(f, "{} ({})", lasting.explanation(), self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for TransportFailure {}

impl Lasting {
    /// Whether the server's certificate is not trusted.
    #[cfg(feature = "reqwest")]
    pub(super) const fn is_about_certificate(self) -> bool {
        matches!(
            self,
            Self::CertificateExpired
                | Self::CertificateName
                | Self::CertificateOfCa
                | Self::CertificateUntrusted
        )
    }

    /// What is wrong, for a person.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::CertificateExpired
            | Self::CertificateName
            | Self::CertificateOfCa
            | Self::CertificateUntrusted => "the server's certificate is not trusted",
            Self::ClientCertificateWanted => "the server wants a certificate of the client's",
            Self::TlsMismatch => "the server and this client have no version or suite of TLS in common",
            Self::TlsHangUp => "the server hangs up within the handshake of TLS",
            Self::NotHttp => "what answers at this port speaks no HTTP/1",
            Self::NotTls => "the server does not speak TLS at this port",
            Self::TlsExpected => "the server speaks TLS at this port",
            Self::ProxyWantsCredentials => "the proxy wants credentials",
            Self::ProxyRefused => "the proxy refuses to connect to the server",
            Self::ProxyScheme => "the proxy's scheme is not supported",
        }
    }
}
