//! HTTP: one request with its answer. Nothing in here knows of uploads.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use bits_proto::client::TransportError;
use reqwest::{Body, Certificate, Client, ClientBuilder};

use crate::options::Options;
use crate::problem::Problem;

/// How much of a page that nobody wants is read, and for how long, to keep the connection.
const MAX_DRAINED: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(crate) struct Network {
    client: Client,
}

/// What went wrong below HTTP.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) error: TransportError,
    pub(crate) text: String,
    /// The server's certificate is not trusted, which will not pass: what would help.
    pub(crate) certificate_advice: Option<&'static str>,
}

impl Network {
    pub(crate) fn new(options: &Options) -> Result<Self, Problem> {
        // Installed twice it stays as it is.
        let _installed_already = rustls::crypto::ring::default_provider().install_default();
        let built = match &options.cacert {
            Some(path) => builder(options).tls_certs_only(certificates(path)?).build(),
            // A machine without any certificates can upload by plain HTTP.
            None => builder(options).build().or_else(|error| match options.url.scheme_str() {
                Some("http") => builder(options).tls_certs_only([]).build(),
                _ => Err(error),
            }),
        };
        let client = built.map_err(|error| {
            let text = innermost(&error);
            Problem::failed(format_args!(
                "TLS cannot be set up: {text}; --cacert names certificates to trust"
            ))
        })?;
        Ok(Self { client })
    }

    /// Sends a request and returns its answer, whatever its status. Who drops this closes the connection.
    pub(crate) async fn send(&self, request: http::Request<Body>) -> Result<reqwest::Response, Trouble> {
        let request = request.try_into().map_err(trouble)?;
        self.client.execute(request).await.map_err(trouble)
    }
}

/// No timeouts, no redirects, nothing sent again: all of that is the machines' to decide.
fn builder(options: &Options) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("bits-upload/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .http1_title_case_headers()
        .tls_danger_accept_invalid_certs(options.insecure)
}

/// What `--cacert` names.
fn certificates(path: &Path) -> Result<Vec<Certificate>, Problem> {
    let shown = path.display();
    let pem =
        fs::read(path).map_err(|error| Problem::failed(format_args!("{shown} cannot be read: {error}")))?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(Problem::failed(format_args!("{shown} has no certificate in it: a PEM file is wanted")));
    }
    Ok(certificates)
}

/// The head of an answer.
pub(crate) fn head(response: &reqwest::Response) -> http::Response<()> {
    let mut head = http::Response::new(());
    *head.status_mut() = response.status();
    *head.version_mut() = response.version();
    *head.headers_mut() = response.headers().clone();
    head
}

/// Reads what nobody wants, so that the connection can be used again. A body that is too long, or too slow, is left, and
/// the connection with it.
pub(crate) async fn drain(mut response: reqwest::Response) {
    let mut left = MAX_DRAINED;
    let drained = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let Some(rest) = left.checked_sub(chunk.len()) else { return };
            left = rest;
        }
    };
    let _slow = tokio::time::timeout(DRAIN_TIME, drained).await;
}

fn trouble(error: reqwest::Error) -> Trouble {
    // The address may hold what lets somebody in, and is known anyway.
    let error = error.without_url();
    // No connection, no byte of the request.
    let unsent = error.is_connect() || error.is_builder();
    Trouble {
        error: if unsent { TransportError::Unsent } else { TransportError::Interrupted },
        text: innermost(&error),
        certificate_advice: causes(&error).find_map(certificate_advice),
    }
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // Its `source` is not what it holds, but that one's source.
        Some(error) => {
            let inner = error.get_ref()?;
            Some(inner)
        }
        None => error.source(),
    }
}

fn certificate_advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        Other,
    };
    let Some(rustls::Error::InvalidCertificate(error)) = error.downcast_ref() else { return None };
    Some(match error {
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
            "the server needs a new one, unless the clock of this machine is wrong"
        }
        NotValidForName | NotValidForNameContext { .. } => "call the server by a name that is in it",
        // rustls has no name of its own for what `openssl req -x509` makes by default.
        Other(error) if error.to_string().contains("CaUsedAsEndEntity") => {
            "it says that it is a CA's, and must not: -addext basicConstraints=critical,CA:FALSE has openssl make one \
             that does not"
        }
        _ => "name who signed it by --cacert",
    })
}

/// The cause of the causes: what is around it only says that sending failed.
fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
