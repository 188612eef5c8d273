//! Options: how the server is reached.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use command_line::seconds;

use crate::listeners::Place;
use crate::origin::PublicUrl;
use crate::peer::TrustedProxy;
use crate::tls::Files;

/// Where the server listens if nobody says where.
const DEFAULT: &str = "127.0.0.1:8080";

#[derive(Clone, Debug, Args)]
pub(crate) struct Network {
    /// Where to listen: an address or a name and a port, or a Unix socket, unix:PATH; can be repeated, or be a list with commas. Port 0
    /// picks one. Sockets from systemd are used besides [default: 127.0.0.1:8080, unless systemd hands over a socket]
    #[arg(long, value_name = "ADDR:PORT", value_delimiter = ',')]
    listen: Vec<Place>,
    /// How many connections are served at a time; when there are more, the one that was idle longest is closed [default: a
    /// quarter of `ulimit -n`]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// How many connections one address may have, and how many requests at a time a client of a trusted proxy [default: half
    /// of --max-connections]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) connections_per_address: Option<NonZeroUsize>,
    /// How long a client may be silent between two requests, or within a head, or read nothing of an answer, until its
    /// connection is closed
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "120")]
    pub(crate) idle_timeout: Duration,
    /// Believe this proxy when it says in X-Forwarded-For or Forwarded whom it asks for: an address, a network such as
    /// 10.0.0.0/8, or unix for clients of a Unix socket; can be repeated, or be a list with commas
    #[arg(long = "trusted-proxy", value_name = "ADDR", value_delimiter = ',')]
    pub(crate) trusted_proxies: Vec<TrustedProxy>,
    /// The URL by which clients reach this server, for example behind a proxy. Without it, applications are told the name
    /// that the client used
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
    /// Where to serve metrics in Prometheus' format, at /metrics, and /healthz: as for --listen
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) metrics: Option<Place>,
    /// The certificate chain, in PEM, for TLS over TCP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve only clients with a certificate that a CA in this PEM file has signed
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
}

impl Network {
    /// Where to listen. `inherited`: there are sockets already.
    pub(crate) fn listen(&self, inherited: bool) -> Vec<Place> {
        match self.listen.is_empty() && !inherited {
            true => vec![Place::Address(DEFAULT.to_owned())],
            false => self.listen.clone(),
        }
    }

    /// The files of TLS, where it is wanted.
    pub(crate) fn tls(&self) -> Option<Files> {
        let (certificates, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(Files { certificates, key, client_ca: self.tls_client_ca.clone() })
    }
}
