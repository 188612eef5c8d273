//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use bits_proto::notify::{NotificationType, NotificationUrl};
use bits_proto::server::{Directory, InvalidDirectory};
use bits_proto::{Conformance, HostId};
use clap::{Parser, ValueEnum};
use command_line::{seconds, what_is_wrong};
use http::Uri;

use crate::origin::PublicUrl;
use crate::users::User;
use crate::values;

/// A BITS server for a directory: `/a/b.bin` is published as DIR/a/b.bin.
///
/// Sizes are in bytes, or with KiB, MiB or GiB. Times are in seconds.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// The directory where uploads are published
    #[arg(long, value_name = "DIR")]
    pub(crate) root: PathBuf,
    /// Where to listen; port 0 picks one
    #[arg(long, value_name = "ADDR:PORT", value_parser = values::address, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// How many connections are served at a time; when there are more, the one that was idle longest is closed [default: a
    /// quarter of `ulimit -n`]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// How many connections one address may have; raise it for a proxy [default: half of --max-connections]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) connections_per_address: Option<NonZeroUsize>,
    /// How long a client may be silent between two requests, or within a head, or read nothing of an answer, until its
    /// connection is closed
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "120")]
    pub(crate) idle_timeout: Duration,
    /// How many threads serve connections, and as many work on files [default: one for each processor, and as many as it takes]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Where sessions are kept; the bytes of unfinished uploads are hidden beside their destinations [default: DIR/.bits]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Make the folders that a destination lacks; else the upload is refused with 404
    #[arg(long)]
    pub(crate) create_dirs: bool,
    /// Let an upload replace a file that is there already
    #[arg(long)]
    pub(crate) allow_overwrites: bool,
    /// Refuse uploads that would leave less than this free on their file system
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "0")]
    pub(crate) keep_free: u64,
    /// How many bytes a second a client sends at least within a body; slower ones are sent away, and come back
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "64")]
    pub(crate) least_pace: u64,
    /// The largest file
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_upload_size: Option<u64>,
    /// The largest fragment; clients that send larger ones are told so, and send smaller ones
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_fragment_size: Option<u64>,
    /// Take `POST` with `X-HTTP-Method-Override: BITS_POST`, too
    #[arg(long)]
    pub(crate) allow_method_override: bool,
    /// The host that the rest of every upload goes to
    #[arg(long, value_name = "HOST", value_parser = values::host_id)]
    pub(crate) host_id: Option<HostId<'static>>,
    /// How long that host may be out of reach, until clients come back here
    #[arg(long, value_name = "SECONDS", requires = "host_id")]
    pub(crate) host_id_fallback_timeout: Option<u32>,
    /// How long an upload may make no progress, until it is deleted [default: 14 days]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) session_timeout: Option<Duration>,
    /// How many unfinished uploads a user may have [default: 50; without users, any number]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) sessions_per_owner: Option<usize>,
    /// How many unfinished uploads there may be in all
    #[arg(long, value_name = "NUMBER", default_value = "100000")]
    pub(crate) max_sessions: usize,
    /// How many unfinished uploads one address may have
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    pub(crate) sessions_per_address: usize,
    /// Who may upload, by Basic authentication; can be repeated. Use it with TLS alone, and where nobody else can list
    /// processes
    #[arg(long = "user", value_name = "NAME:PASSWORD")]
    pub(crate) users: Vec<User>,
    /// The same from a file, NAME:PASSWORD a line, or what htpasswd writes; empty lines and those that begin with # do not count
    #[arg(long, value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,
    /// Refuse whatever MC-BUP says must be refused
    #[arg(long)]
    pub(crate) strict: bool,
    /// Serve the published files, too, by GET and HEAD with ranges
    #[arg(long)]
    pub(crate) serve: bool,
    /// How a server application is told of complete uploads: each is published if its answer has the header
    /// BITS-Copy-File-To-Destination, and else deleted
    #[arg(long, value_name = "HOW", requires = "notification_url")]
    pub(crate) notify: Option<Notify>,
    /// Where the server application listens: an http or https URL, or with --public-url a path on that server
    #[arg(long, value_name = "URL", requires = "notify")]
    pub(crate) notification_url: Option<NotificationUrl>,
    /// Trust the certificates in this PEM file, and no others, when an application is told over https
    #[arg(long, value_name = "FILE", requires = "notification_url")]
    pub(crate) notification_ca: Option<PathBuf>,
    /// What this server is called from outside: behind a proxy, say. Without it, applications are told the name that the
    /// client calls it by
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
    /// Run this shell command after each file that was published, with BITS_PATH, BITS_SIZE, BITS_USER, BITS_CLIENT,
    /// BITS_CONTENT_NAME and BITS_SHA256 in its environment
    #[arg(long, value_name = "COMMAND")]
    pub(crate) on_upload: Option<OsString>,
    /// Where to serve metrics in Prometheus' format, at /metrics
    #[arg(long, value_name = "ADDR:PORT", value_parser = values::address)]
    pub(crate) metrics: Option<SocketAddr>,
    /// The certificate chain, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// How lines of the log look
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// How much is logged to standard error: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: tracing::level_filters::LevelFilter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// A JSON object a line
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Notify {
    /// It is told where the file is, and must be allowed into the state folder
    ByReference,
    /// It is sent the file
    ByValue,
}

impl Options {
    /// The command line, or what is wrong with it; `Ok(None)`: help or the version was asked for, and printed.
    pub(crate) fn read() -> Result<Option<Self>, String> {
        match Self::try_parse() {
            Ok(options) => options.checked().map(Some),
            Err(error) if error.use_stderr() => Err(what_is_wrong(&error)),
            Err(help) => {
                let _nobody_reads = help.print();
                Ok(None)
            }
        }
    }

    fn checked(self) -> Result<Self, String> {
        self.directory().map_err(|error| error.to_string())?;
        if self.public_url.is_none() && self.notification_url.as_ref().is_some_and(is_relative) {
            // Else a client would choose where everybody's files are sent.
            return Err("a --notification-url without a host of its own needs --public-url".to_owned());
        }
        Ok(self)
    }

    pub(crate) fn directory(&self) -> Result<Directory, InvalidDirectory> {
        let mut directory = Directory::builder()
            .conformance(if self.strict { Conformance::Strict } else { Conformance::Interop })
            .method_override(self.allow_method_override)
            .allow_overwrites(self.allow_overwrites)
            .max_sessions(self.max_sessions)
            .notification(self.notification());
        if let Some(bytes) = self.max_upload_size {
            directory = directory.max_upload_size(bytes);
        }
        if let Some(bytes) = self.max_fragment_size {
            directory = directory.max_fragment_size(bytes);
        }
        if let Some(timeout) = self.session_timeout {
            directory = directory.session_timeout(timeout);
        }
        if let Some(host) = &self.host_id {
            let timeout = self.host_id_fallback_timeout.map(|seconds| Duration::from_secs(seconds.into()));
            directory = directory.host(host.clone(), timeout);
        }
        match self.sessions_per_owner {
            Some(sessions) => directory = directory.sessions_per_owner(sessions),
            // Everybody is one owner.
            None if self.users.is_empty() && self.users_file.is_none() => {
                directory = directory.sessions_per_owner(usize::MAX)
            }
            None => {}
        }
        directory.build()
    }

    fn notification(&self) -> NotificationType {
        match (self.notify, &self.notification_url) {
            (Some(Notify::ByReference), Some(url)) => NotificationType::ByReference(url.clone()),
            (Some(Notify::ByValue), Some(url)) => NotificationType::ByValue(url.clone()),
            _ => NotificationType::None,
        }
    }

    /// Whether the application is told over https.
    pub(crate) fn notifies_with_tls(&self) -> bool {
        let server = self.public_url.as_ref().map_or("http://any", PublicUrl::as_str);
        let (Some(url), Ok(server)) = (&self.notification_url, server.parse::<Uri>()) else { return false };
        url.resolve(&server).is_ok_and(|url| url.scheme_str() == Some("https"))
    }
}

/// Whether another server in the destination makes it another application.
fn is_relative(url: &NotificationUrl) -> bool {
    let from = |destination| url.resolve(&Uri::from_static(destination));
    from("http://one/") != from("https://other/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Options as clap::CommandFactory>::command().debug_assert();
    }
}
