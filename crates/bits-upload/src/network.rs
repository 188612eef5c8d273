//! The HTTP library, set up as the options say.

use std::fs;
use std::path::Path;

use bits_http::client::{Lasting, Reqwest};
use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy};

use crate::options::Options;
use crate::problem::Problem;

pub(crate) fn network(options: &Options) -> Result<Reqwest, Problem> {
    // Installed twice it stays as it is.
    let _installed_already = rustls::crypto::ring::default_provider().install_default();
    let setup = Setup::new(options)?;
    let bare = Setup { certificates: Some(Vec::new()), ..setup.clone() };
    // A machine without any certificates can upload by plain HTTP.
    let can_do_without = options.cacert.is_none() && options.url.scheme_str() == Some("http");
    let built = match Reqwest::new(move || setup.builder()) {
        Err(_) if can_do_without => Reqwest::new(move || bare.builder()),
        built => built,
    };
    built.map_err(|error| {
        let text = innermost(&error);
        Problem::failed(format_args!("TLS cannot be set up: {text}; --cacert names certificates to trust"))
    })
}

/// What the options say of the network, read once.
#[derive(Clone, Debug)]
struct Setup {
    user_agent: String,
    insecure: bool,
    certificates: Option<Vec<Certificate>>,
    identity: Option<Identity>,
    proxy: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Environment,
    Direct,
    Proxy(Box<Proxy>),
}

impl Setup {
    fn new(options: &Options) -> Result<Self, Problem> {
        let identity = options.cert.as_deref().map(|path| identity(path, options.key.as_deref()));
        Ok(Self {
            user_agent: options.user_agent.clone(),
            insecure: options.insecure,
            certificates: options.cacert.as_deref().map(certificates).transpose()?,
            identity: identity.transpose()?,
            proxy: match options.proxy.as_deref() {
                None => Way::Environment,
                Some("none" | "") => Way::Direct,
                Some(url) => Way::Proxy(Box::new(proxy(url, options)?)),
            },
        })
    }

    fn builder(&self) -> ClientBuilder {
        let mut builder =
            Client::builder().user_agent(&self.user_agent).tls_danger_accept_invalid_certs(self.insecure);
        if let Some(certificates) = &self.certificates {
            builder = builder.tls_certs_only(certificates.iter().cloned());
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        match &self.proxy {
            Way::Environment => builder,
            Way::Direct => builder.no_proxy(),
            Way::Proxy(proxy) => builder.proxy(Proxy::clone(proxy)),
        }
    }
}

fn proxy(url: &str, options: &Options) -> Result<Proxy, Problem> {
    let unusable = |error: &dyn std::fmt::Display| Problem::usage(format_args!("--proxy: {error}"));
    let with_scheme = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let address = reqwest::Url::parse(&with_scheme).map_err(|error| unusable(&error))?;
    if !matches!(address.scheme(), "http" | "https") {
        return Err(unusable(&format_args!(
            "{} is no scheme for a proxy here: http and https are",
            address.scheme()
        )));
    }
    let proxy = Proxy::all(with_scheme).map_err(|error| unusable(&innermost(&error)))?;
    // A tunnel is asked for with the password. What goes through the proxy as it is waits for its challenge.
    Ok(match &options.proxy_user {
        Some(user) if options.url.scheme_str() == Some("https") => {
            proxy.basic_auth(&user.name, user.password())
        }
        _ => proxy,
    })
}

/// What `--cert` and `--key` name.
fn identity(certificate: &Path, key: Option<&Path>) -> Result<Identity, Problem> {
    let mut pem = Vec::new();
    for path in [Some(certificate), key].into_iter().flatten() {
        let shown = path.display();
        pem.extend(
            fs::read(path)
                .map_err(|error| Problem::failed(format_args!("{shown} cannot be read: {error}")))?,
        );
        pem.push(b'\n');
    }
    Identity::from_pem(&pem).map_err(|error| {
        Problem::failed(format_args!(
            "{} has no certificate with a key ({}): PEM files are wanted, the key in the same one or in --key FILE",
            certificate.display(),
            innermost(&error)
        ))
    })
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
pub(crate) fn remedy(lasting: Lasting, options: &Options) -> String {
    let proxy = options.proxy.as_deref().map_or_else(
        || "https_proxy or all_proxy in the environment names it".to_owned(),
        |_| "--proxy names it".to_owned(),
    );
    match lasting {
        Lasting::CertificateExpired => "the server needs a new one, unless the clock of this machine is wrong".to_owned(),
        Lasting::CertificateName => "call the server by a name that is in it".to_owned(),
        Lasting::CertificateOfCa => {
            "it says that it is a CA's, and must not: -addext basicConstraints=critical,CA:FALSE has openssl make one \
             that does not".to_owned()
        }
        Lasting::ClientCertificateWanted if options.cert.is_some() => "it does not accept the one of --cert".to_owned(),
        Lasting::ClientCertificateWanted => "name one by --cert FILE and --key FILE".to_owned(),
        Lasting::TlsMismatch => {
            "this program has TLS 1.2 and 1.3 with suites that are not broken; IIS on Server 2012 R2 needs ECDHE with \
             AES-GCM and an ECDSA certificate, or something before it that speaks TLS in its place".to_owned()
        }
        Lasting::NotTls => "the address says https: try http, or another port".to_owned(),
        Lasting::TlsExpected => "the address says http: try https".to_owned(),
        Lasting::ProxyWantsCredentials => format!("--proxy URL with --proxy-user NAME:PASSWORD has them; {proxy}"),
        Lasting::ProxyRefused => format!("ask who runs it to let the server's name and port pass; {proxy}, and no_proxy goes around it"),
        Lasting::ProxyScheme => format!("http and https are; {proxy}"),
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
