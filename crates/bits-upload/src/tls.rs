//! TLS: whom the program trusts, and by which certificate it proves who uploads.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use crate::options::Options;
use crate::problem::Problem;

/// TLS as the options say, and what servers asked for.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) config: ClientConfig,
    identity: Arc<Identity>,
}

impl Tls {
    pub(crate) fn new(options: &Options) -> Result<Self, Problem> {
        let provider = Arc::new(ring::default_provider());
        let key = options.cert.as_deref().map(|path| key(path, options.key.as_deref(), &provider));
        let identity = Arc::new(Identity { key: key.transpose()?.map(Arc::new), ..Identity::default() });
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let builder = match options.cacert.as_deref() {
            _ if options.insecure => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            }
            Some(path) => builder.with_root_certificates(roots(path)?),
            None => match Verifier::new(provider) {
                Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
                // A machine without any certificates can upload by plain HTTP.
                Err(_) if options.url.scheme_str() == Some("http") => {
                    builder.with_root_certificates(RootCertStore::empty())
                }
                Err(error) => return Err(unusable(error)),
            },
        };
        let mut config = builder.with_client_cert_resolver(Arc::<Identity>::clone(&identity));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config, identity })
    }

    /// Whether a server has asked for a certificate of the client's.
    pub(crate) fn was_asked_for_a_certificate(&self) -> bool {
        self.identity.was_asked_for.load(Ordering::Relaxed)
    }

    /// The same, in the exchange under way.
    pub(crate) fn is_asked_for_a_certificate(&self) -> bool {
        self.identity.is_asked_for.load(Ordering::Relaxed)
    }

    /// Whether there is one to show.
    pub(crate) fn has_a_certificate(&self) -> bool {
        self.identity.key.is_some()
    }

    /// Another exchange begins.
    pub(crate) fn forget_questions(&self) {
        self.identity.is_asked_for.store(false, Ordering::Relaxed);
    }
}

/// The client's certificate, if there is one, and whether a server asked for it. Some servers say nothing else when they
/// refuse a client that has none.
#[derive(Debug, Default)]
struct Identity {
    key: Option<Arc<CertifiedKey>>,
    was_asked_for: AtomicBool,
    /// By the exchange under way.
    is_asked_for: AtomicBool,
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked_for.store(true, Ordering::Relaxed);
        self.is_asked_for.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

/// Trusts anybody who has the key of the certificate that is shown: for `--insecure`.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a key in a PEM file has a password: PKCS#8, or what OpenSSL wrote before.
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// What `--cert` and `--key` name.
fn key(certificate: &Path, key: Option<&Path>, provider: &CryptoProvider) -> Result<CertifiedKey, Problem> {
    let shown = certificate.display();
    let wrong = |error: &dyn std::fmt::Display| {
        Problem::failed(format_args!(
            "{shown} has no certificate with a key ({error}): PEM files are wanted, the key in the same one or in --key FILE"
        ))
    };
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| wrong(&error))?;
    let holder = key.unwrap_or(certificate);
    let text = read(holder)?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match is_encrypted(&text) {
        true => Problem::failed(format_args!(
            "the key in {} is encrypted: openssl pkey -in FILE -out FILE writes it without its password",
            holder.display()
        )),
        false => wrong(&error),
    })?;
    if chain.is_empty() {
        return Err(wrong(&"no certificate"));
    }
    CertifiedKey::from_der(chain, key, provider).map_err(|error| wrong(&error))
}

/// What `--cacert` names.
fn roots(path: &Path) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&read(path)?).filter_map(Result::ok));
    match roots.is_empty() {
        true => Err(Problem::failed(format_args!(
            "{} has no certificate in it: a PEM file is wanted",
            path.display()
        ))),
        false => Ok(roots),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path)
        .map_err(|error| Problem::failed(format_args!("{} cannot be read: {error}", path.display())))
}

fn unusable(error: Error) -> Problem {
    Problem::failed(format_args!("TLS cannot be set up: {error}; --cacert names certificates to trust"))
}
