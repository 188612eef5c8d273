//! TLS: the certificate with its key, those of clients, and what is wrong with them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::parse_x509_certificate;

/// How long before its end a certificate is warned of.
const SOON: Duration = Duration::from_secs(21 * 24 * 60 * 60);

/// The files of TLS, all in PEM.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The server's certificate chain.
    pub(crate) certificates: PathBuf,
    /// The private key of the certificate.
    pub(crate) key: PathBuf,
    /// Those who sign the certificates of clients; without it clients need none.
    pub(crate) client_ca: Option<PathBuf>,
}

/// TLS that is ready for connections, and can be read again.
#[derive(Clone)]
pub(crate) struct Tls(Arc<RwLock<Loaded>>);

#[derive(Clone)]
struct Loaded {
    acceptor: TlsAcceptor,
    ends: Option<SystemTime>,
}

impl Tls {
    /// # Errors
    /// What is wrong with one of the files.
    pub(crate) fn open(files: &Files) -> io::Result<Self> {
        Ok(Self(Arc::new(RwLock::new(load(files)?))))
    }

    /// Reads the files again. If they cannot be used, the ones before stay.
    pub(crate) fn reload(&self, files: &Files) -> io::Result<()> {
        let new = load(files)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).acceptor.clone()
    }

    /// When the first certificate of the chain ends.
    pub(crate) fn ends(&self) -> Option<SystemTime> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).ends
    }

    /// What an operator should do something about.
    pub(crate) fn warning(&self) -> Option<String> {
        warning(self.ends()?, SystemTime::now())
    }
}

fn warning(ends: SystemTime, now: SystemTime) -> Option<String> {
    let days = |time: Duration| time.as_secs() / (24 * 60 * 60);
    match ends.duration_since(now) {
        Err(ended) => Some(format!(
            "the certificate expired {} days ago: clients refuse it; renew it, and send SIGHUP",
            days(ended.duration())
        )),
        Ok(left) if left <= SOON => {
            Some(format!("the certificate expires in {} days: renew it, and send SIGHUP", days(left)))
        }
        Ok(_) => None,
    }
}

/// What others can read of a file that they should not, and how that is mended.
pub(crate) fn readable_by_others(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.mode();
    (mode & 0o007 != 0).then(|| {
        format!("{} can be read by everybody on this machine: chmod o= takes that away", path.display())
    })
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {why}", path.display()))
}

fn load(files: &Files) -> io::Result<Loaded> {
    let Files { certificates, key, client_ca } = files;
    let chain = chain(certificates)?;
    let ends = chain.first().and_then(|first| ends(first));
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => unusable(key, "there is no private key in it: a PEM file is wanted"),
        other => unusable(key, other),
    })?;
    let config = match client_ca {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            for certificate in self::chain(ca)? {
                roots.add(certificate).map_err(|error| unusable(ca, error))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            ServerConfig::builder().with_client_cert_verifier(verifier.map_err(|error| unusable(ca, error))?)
        }
    };
    let config = config.with_single_cert(chain, private_key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            unusable(certificates, format_args!("its key is not {}", key.display()))
        }
        other => unusable(certificates, other),
    })?;
    Ok(Loaded { acceptor: TlsAcceptor::from(Arc::new(config)), ends })
}

fn chain(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(path, error))?;
    match chain.is_empty() {
        true => Err(unusable(path, "there is no certificate in it: a PEM file is wanted")),
        false => Ok(chain),
    }
}

fn ends(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_of_before_and_after_its_end() {
        let (now, day) = (SystemTime::now(), Duration::from_secs(24 * 60 * 60));
        assert_eq!(warning(now + 22 * day, now), None);
        assert!(warning(now + 3 * day, now).unwrap().contains("expires in 3 days"));
        assert!(warning(now + day / 2, now).unwrap().contains("expires in 0 days"));
        assert!(warning(now - 2 * day, now).unwrap().contains("expired 2 days ago"));
    }
}
