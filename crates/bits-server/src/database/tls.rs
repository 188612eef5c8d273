//! TLS to the database: who is trusted.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;

use super::Check;
use super::stream::Stream;

/// Makes connections over TLS.
#[derive(Clone)]
pub(crate) struct Connector(TlsConnector);

impl Connector {
    /// # Errors
    /// What is wrong with the file of those who are trusted.
    pub(super) fn new(check: Check, ca: Option<&Path>) -> Result<Self, String> {
        let unusable =
            |error: &dyn std::fmt::Display| format!("TLS to the database cannot be set up: {error}");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusted: Option<Arc<dyn ServerCertVerifier>> = match (check, ca) {
            (Check::Nothing, _) => None,
            (_, Some(ca)) => {
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots(ca)?.into(), Arc::clone(&provider));
                Some(verifier.build().map_err(|error| unusable(&error))?)
            }
            (_, None) => {
                Some(Arc::new(Verifier::new(Arc::clone(&provider)).map_err(|error| unusable(&error))?))
            }
        };
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?;
        let config = match (check, trusted) {
            (Check::ChainAndName, Some(verifier)) => {
                config.dangerous().with_custom_certificate_verifier(verifier)
            }
            (_, trusted) => {
                config.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { trusted, provider }))
            }
        };
        Ok(Self(TlsConnector::from(Arc::new(config.with_no_client_auth()))))
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("sslrootcert {shown} cannot be read: {error}"))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    match roots.is_empty() {
        true => Err(format!("sslrootcert {shown} has no certificate in it: a PEM file is wanted")),
        false => Ok(roots),
    }
}

/// Checks who has signed a certificate, and not whose it is; or nothing. A connection like this is safe from those who only listen.
#[derive(Debug)]
struct Lenient {
    trusted: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        match trusted.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.trusted {
            Some(trusted) => trusted.verify_tls12_signature(message, certificate, signed),
            // Of a certificate that is not looked at.
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.trusted {
            Some(trusted) => trusted.verify_tls13_signature(message, certificate, signed),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection that is to be made to a host.
pub(crate) struct Connect {
    connector: TlsConnector,
    host: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Stream<S>;
    type TlsConnect = Connect;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Connect, InvalidDnsNameError> {
        // A socket of this machine has no host, and no TLS.
        let host = if host.is_empty() { "localhost" } else { host };
        Ok(Connect { connector: self.0.clone(), host: ServerName::try_from(host.to_owned())? })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Connect {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.host, stream).await.map(Stream) })
    }
}
