//! TLS on both sides of a test: a certificate that nobody has signed, a server for it, and a client that trusts it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

pub(crate) struct Certificate {
    der: CertificateDer<'static>,
    pem: String,
    key: rcgen::KeyPair,
}

impl Certificate {
    /// For 127.0.0.1.
    pub(crate) fn new() -> Self {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        Self { der: certified.cert.der().clone(), pem: certified.cert.pem(), key: certified.signing_key }
    }

    /// For 127.0.0.1, until this day.
    pub(crate) fn until(year: i32, month: u8, day: u8) -> Self {
        let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    /// Writes the certificate, and returns its path for a command line.
    pub(crate) fn write(&self, folder: &Path) -> String {
        write(folder, "cert.pem", &self.pem)
    }

    pub(crate) fn write_key(&self, folder: &Path) -> String {
        write(folder, "key.pem", &self.key.serialize_pem())
    }

    /// The server's side of a connection.
    pub(crate) fn serve(&self, stream: TcpStream) -> impl Read + Write + use<> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], key)
            .unwrap();
        StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream)
    }

    /// The side of a client that trusts this certificate alone.
    pub(crate) fn connect(&self, stream: TcpStream) -> impl Read + Write + use<> {
        self.connect_as(stream, None)
    }

    /// The same, of a client that has a certificate of its own.
    pub(crate) fn connect_as(&self, stream: TcpStream, client: Option<&Self>) -> impl Read + Write + use<> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => config.with_no_client_auth(),
            Some(client) => {
                let key = PrivateKeyDer::try_from(client.key.serialize_der()).unwrap();
                config.with_client_auth_cert(vec![client.der.clone()], key).unwrap()
            }
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
