//! The HTTP library, set up as the options say.

use std::fs;
use std::path::Path;

use bits_http::client::{Lasting, Reqwest};
use reqwest::{Certificate, Client, ClientBuilder};

use crate::options::Options;
use crate::problem::Problem;

pub(crate) fn network(options: &Options) -> Result<Reqwest, Problem> {
    // Installed twice it stays as it is.
    let _installed_already = rustls::crypto::ring::default_provider().install_default();
    let built = match &options.cacert {
        Some(path) => Reqwest::new(builder(options).tls_certs_only(certificates(path)?)),
        // A machine without any certificates can upload by plain HTTP.
        None => Reqwest::new(builder(options)).or_else(|error| match options.url.scheme_str() {
            Some("http") => Reqwest::new(builder(options).tls_certs_only([])),
            _ => Err(error),
        }),
    };
    built.map_err(|error| {
        let text = innermost(&error);
        Problem::failed(format_args!("TLS cannot be set up: {text}; --cacert names certificates to trust"))
    })
}

fn builder(options: &Options) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("bits-upload/", env!("CARGO_PKG_VERSION")))
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

/// What helps against a failure that does not pass.
pub(crate) const fn remedy(lasting: Lasting) -> &'static str {
    match lasting {
        Lasting::CertificateExpired => {
            "the server needs a new one, unless the clock of this machine is wrong"
        }
        Lasting::CertificateName => "call the server by a name that is in it",
        Lasting::CertificateOfCa => {
            "it says that it is a CA's, and must not: -addext basicConstraints=critical,CA:FALSE has openssl make one \
             that does not"
        }
        Lasting::CertificateUntrusted => "name who signed it by --cacert",
        _ => "",
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
