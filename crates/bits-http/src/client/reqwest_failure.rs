//! Errors of reqwest: whether anything was sent, and whether they pass.

use std::error::Error;
use std::io;

use bits_proto::client::TransportError;

use super::transport::{Lasting, TransportFailure};

/// An error of reqwest, as far as it tells.
pub(super) struct Broken {
    pub(super) failure: TransportFailure,
    /// Whether the other side hung up after the connection came about, and before TLS did.
    pub(super) in_handshake: bool,
    /// Whether the other side answered in a language that is no HTTP/1.
    pub(super) is_no_http: bool,
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        // The address may hold what lets somebody in, and is known anyway.
        let error = error.without_url();
        let in_handshake = error.is_connect()
            && causes(&error).any(hung_up)
            && !causes(&error).any(|cause| cause.to_string() == "tcp connect error");
        // This error has no type that could be named.
        let is_no_http =
            causes(&error).any(|cause| cause.to_string().starts_with("invalid HTTP version parsed"));
        // No connection, no byte of the request.
        let unsent = error.is_connect() || error.is_builder();
        let kind = if unsent { TransportError::Unsent } else { TransportError::Interrupted };
        // What is around the innermost cause only says that sending failed.
        let text = causes(&error).last().map(ToString::to_string).unwrap_or_default();
        let failure = TransportFailure::new(kind, text);
        let failure = match causes(&error).find_map(lasting) {
            Some(lasting) if lasting.is_about_certificate() => {
                TransportFailure { kind: TransportError::Untrusted, ..failure }.lasting(lasting)
            }
            Some(lasting) => failure.lasting(lasting),
            None => failure,
        };
        Self { failure, in_handshake, is_no_http }
    }
}

fn hung_up(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // Its `source` is not what it holds, but the source of that.
        Some(error) => {
            let inner = error.get_ref()?;
            Some(inner)
        }
        None => error.source(),
    }
}

fn lasting(error: &(dyn Error + 'static)) -> Option<Lasting> {
    #[cfg(feature = "rustls")]
    if let Some(error) = error.downcast_ref() {
        return tls(error);
    }
    // These errors have no type that could be named.
    match error.to_string().as_str() {
        "tunnel error: proxy authorization required" => Some(Lasting::ProxyWantsCredentials),
        "tunnel error: unsuccessful" | "SOCKS error: connection not allowed" => Some(Lasting::ProxyRefused),
        "SOCKS error: credentials not accepted"
        | "SOCKS error: server does not support user/pass authentication"
        | "SOCKS error: server implements authentication incorrectly" => Some(Lasting::ProxyWantsCredentials),
        "unknown proxy scheme" => Some(Lasting::ProxyScheme),
        _ => None,
    }
}

#[cfg(feature = "rustls")]
fn tls(error: &rustls::Error) -> Option<Lasting> {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        Other,
    };
    use rustls::{AlertDescription, Error};
    Some(match error {
        Error::InvalidCertificate(error) => match error {
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
                Lasting::CertificateExpired
            }
            NotValidForName | NotValidForNameContext { .. } => Lasting::CertificateName,
            // rustls has no name of its own for what `openssl req -x509` makes by default.
            Other(error) if error.to_string().contains("CaUsedAsEndEntity") => Lasting::CertificateOfCa,
            _ => Lasting::CertificateUntrusted,
        },
        Error::InvalidMessage(_) => Lasting::NotTls,
        Error::PeerIncompatible(_) => Lasting::TlsMismatch,
        Error::AlertReceived(alert) => match alert {
            AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity
            | AlertDescription::HandshakeFailure
            | AlertDescription::IllegalParameter
            | AlertDescription::DecodeError
            | AlertDescription::UnexpectedMessage
            | AlertDescription::MissingExtension
            | AlertDescription::UnsupportedExtension
            | AlertDescription::UnrecognisedName
            | AlertDescription::NoApplicationProtocol => Lasting::TlsMismatch,
            AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => Lasting::ClientCertificateWanted,
            _ => return None,
        },
        _ => return None,
    })
}
