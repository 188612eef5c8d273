//! The command line.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use bits_proto::client::{self, ConfigBuilder, ContentNamePackets, FragmentSize, HostPolicy, Recovery};
use bits_proto::limits::{FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY, SESSION_TIMEOUT};
use clap::{ArgAction, Parser, ValueEnum};
use clap_complete::Shell;
use command_line::seconds;
use http::Uri;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::credentials::Auth;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::user::User;
use crate::{netrc, ticket, values};

const AFTER_HELP: &str = "\
Exit status; of several files the worst counts, in the order 1, 3, 4, 0:
  0  the server has the file
  1  failed
  2  wrong usage
  3  gave up or was interrupted: the same command goes on (with --state or --resume, in the same session)
  4  sent, but nobody confirmed that it is published (0 with --unconfirmed-ok)

Proxies come from http_proxy, https_proxy, all_proxy and no_proxy in the environment, unless --proxy names one.
Options can be in a file, one a line and without dashes, such as 'retry-max = 2h': --config FILE, or BITS_UPLOAD_CONFIG
in the environment. Each option can also be in the environment, such as BITS_UPLOAD_RETRY_MAX=2h. The environment
overrides the file, and the command line overrides both.

'bits-upload jobs' lists, resumes and removes the uploads that --resume keeps.";

/// Uploads files to IIS, or to any other BITS server.
#[derive(Clone, Debug, Parser)]
#[command(version, after_help = AFTER_HELP, args_override_self = true)]
pub(crate) struct Options {
    /// The files to upload
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Where they go: https://server/folder/name for one file, https://server/folder/ for files that keep their names
    #[arg(value_parser = values::url)]
    pub(crate) url: Uri,

    /// Upload all files of a folder and of the folders in it; FILE is the folder
    #[arg(long)]
    pub(crate) recursive: bool,

    /// How many files are uploaded at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) jobs: u8,

    /// The size of fragments, in bytes or with KiB, MiB, GiB; auto adapts to the speed of the line [default: auto]
    #[arg(long, value_name = "N|auto", value_parser = values::fragment_size)]
    fragment_size: Option<FragmentSize>,

    /// The most bytes a second for each file, as a number or with KiB, MiB, GiB. By the time of day:
    /// 500KiB@8:00-18:00,5MiB; the first that fits counts, and 'none' is no limit
    #[arg(
        long,
        visible_alias = "max-rate",
        value_name = "BYTES[@FROM-TO],...",
        default_value = "none",
        hide_default_value = true
    )]
    pub(crate) limit_rate: Limits,

    /// Keep the state of the upload in this file, so that the same command goes on after a kill or a crash; removed when the
    /// upload is done. Without --state and --resume, an upload that fails or is interrupted is cancelled
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "recursive"])]
    pub(crate) state: Option<PathBuf>,

    /// Keep the state of each upload in a folder of this user's, so that the same command goes on
    #[arg(long)]
    pub(crate) resume: bool,

    /// A header that goes with every request; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = values::header, action = ArgAction::Append)]
    header: Vec<(HeaderName, HeaderValue)>,

    /// The user, for a server that asks for a name and a password. Without the password here, it is read from
    /// --password-file or BITS_UPLOAD_PASSWORD. A Windows account is DOMAIN\NAME or NAME@DOMAIN
    #[arg(long, value_name = "NAME[:PASSWORD]")]
    pub(crate) user: Option<User>,

    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,

    /// How to authenticate to the server; negotiate without --user uses a ticket of kinit
    #[arg(long, value_enum, default_value_t = Auth::Auto)]
    pub(crate) auth: Auth,

    /// Read the user and the password from ~/.netrc
    #[arg(long, conflicts_with = "user")]
    netrc: bool,

    /// Read them from this file, which has the form of a .netrc
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    netrc_file: Option<PathBuf>,

    /// A PEM file with the client's certificate, which may also have its key
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// A PEM file with the key of --cert
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// The proxy, such as http://proxy:3128, instead of those in the environment; 'none' uses no proxy
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// The user and the password, for a proxy that asks for them
    #[arg(long, value_name = "NAME:PASSWORD", requires = "proxy")]
    pub(crate) proxy_user: Option<User>,

    /// The text of the User-Agent header
    #[arg(
        long,
        value_name = "TEXT",
        default_value = concat!("bits-upload/", env!("CARGO_PKG_VERSION")),
        value_parser = values::text,
    )]
    pub(crate) user_agent: String,

    /// Send POST, with the method BITS_POST in a header, for firewalls that let no other method pass
    #[arg(long)]
    pub(crate) method_override: bool,

    /// Send the protocol's GUID in upper case, which some servers demand
    #[arg(long)]
    uppercase_protocol: bool,

    /// Send a Ping first, so that a server asks for credentials before anything else is sent
    #[arg(long)]
    ping_first: bool,

    /// Which hosts the server may move the upload or its reply to [default: any; with a password, a certificate or a header of
    /// yours, same-site]
    #[arg(long, value_enum)]
    follow_host: Option<FollowHost>,

    /// When an answer is lost: send the fragment again, or start over, for servers that append every fragment
    #[arg(long, value_enum, default_value_t = OnLostAnswer::Resend)]
    recovery: OnLostAnswer,

    /// How long to wait before the second try, in seconds or as 2m, 2h, 2d [default: 5]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    retry_min: Option<Duration>,

    /// The longest wait between tries, even if a server asks for more [default: 600, and up to 1h if a server asks]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    retry_max: Option<Duration>,

    /// Give up after this time without progress [default: 14d; 30s with --check]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    give_up_after: Option<Duration>,

    /// End with status 0, too, if the server did not confirm that the file is published
    #[arg(long)]
    pub(crate) unconfirmed_ok: bool,

    /// Trust the certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// Trust any certificate: everybody between here and the server can then read the file and the password
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Store the server application's reply in this file
    #[arg(long, value_name = "FILE", conflicts_with = "recursive")]
    pub(crate) reply: Option<PathBuf>,

    /// The largest reply, in bytes or with KiB, MiB, GiB
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = values::rate)]
    pub(crate) reply_max: NonZeroU64,

    /// Try the connection, TLS and the credentials by a Ping, without an upload
    #[arg(long, conflicts_with_all = ["state", "resume", "reply"])]
    pub(crate) check: bool,

    /// Print what happens as JSON, one object a line
    #[arg(long, conflicts_with_all = ["quiet", "verbose"])]
    pub(crate) json: bool,

    /// Print only errors
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print the conversation with the server
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(crate) verbose: bool,

    /// Read options from this file, too
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the completions for a shell, and end
    #[arg(long, value_enum, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,

    /// Print the manual page, and end
    #[arg(long, exclusive = true)]
    man: bool,
}

/// How long a check takes at most: somebody waits for it.
const CHECK_TIME: Duration = Duration::from_secs(30);

/// The delays between its tries.
const CHECK_DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FollowHost {
    /// Any, as Windows does
    Any,
    /// Those of the same registered domain
    SameSite,
    /// None
    Never,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnLostAnswer {
    Resend,
    Restart,
}

impl Options {
    /// Checks what no single option shows, and finds the password.
    pub(crate) fn checked(mut self) -> Result<Self, Problem> {
        if self.user.is_some() && self.header.iter().any(|(name, _)| name == AUTHORIZATION) {
            return Err(Problem::usage(
                "--user and --header Authorization contradict one another: leave one out",
            ));
        }
        let (min, max) = self.retry_delays();
        if min > max {
            return Err(Problem::usage("--retry-min is longer than --retry-max"));
        }
        self.user = self.user.map(|user| user.with_password(self.password_file.as_deref())).transpose()?;
        if self.netrc || self.netrc_file.is_some() {
            let host = self.url.host().unwrap_or_default();
            self.user = netrc::find(self.netrc_file.as_deref(), host)?;
        }
        if self.proxy_user.as_ref().is_some_and(|user| user.password().is_empty()) {
            return Err(Problem::usage("--proxy-user wants a name and a password: NAME:PASSWORD"));
        }
        let _makes_sense = self.protocol()?;
        Ok(self)
    }

    /// How the upload behaves.
    pub(crate) fn protocol(&self) -> Result<ConfigBuilder, Problem> {
        let builder = self.builder();
        builder.clone().build().map_err(Problem::usage)?;
        Ok(builder)
    }

    fn builder(&self) -> ConfigBuilder {
        // A handshake for each connection: it is made before a fragment is sent for nothing.
        let has_handshake = match self.auth {
            Auth::Negotiate => true,
            Auth::Digest | Auth::Ntlm => self.user.is_some(),
            Auth::Basic | Auth::Auto => false,
        };
        let builder = client::Config::builder()
            .content_name(ContentNamePackets::All)
            .fragments(self.fragment_size.unwrap_or(FragmentSize::ADAPTIVE))
            .rate(self.limit_rate.now())
            .method_override(self.method_override)
            .uppercase_protocol(self.uppercase_protocol)
            .ping_first(self.ping_first || self.check || has_handshake)
            .recovery(match self.recovery {
                OnLostAnswer::Resend => Recovery::Resend,
                OnLostAnswer::Restart => Recovery::Restart,
            })
            .give_up_after(self.give_up_after());
        match self.retry_delays_if_set() {
            // They bound what a server asks for, too.
            Some((min, max)) => builder.retry_delays(min, max),
            None => builder,
        }
    }

    /// The delays between tries, where the user chose one of them, or waits for a check.
    pub(crate) fn retry_delays_if_set(&self) -> Option<(Duration, Duration)> {
        let is_set = self.retry_min.is_some() || self.retry_max.is_some() || self.check;
        is_set.then(|| self.retry_delays())
    }

    /// One of them alone moves the other's default out of its way.
    fn retry_delays(&self) -> (Duration, Duration) {
        let (first, longest) =
            if self.check { CHECK_DELAYS } else { (FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY) };
        let min = self.retry_min.unwrap_or(first.min(self.retry_max.unwrap_or(Duration::MAX)));
        let max = self.retry_max.unwrap_or(longest.max(min));
        (min, max)
    }

    pub(crate) fn give_up_after(&self) -> Duration {
        self.give_up_after.unwrap_or(if self.check { CHECK_TIME } else { SESSION_TIMEOUT })
    }

    /// The headers of `--header`.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.header {
            let _never_full = headers.try_append(name, value.clone());
        }
        headers
    }

    /// Whether a server that asks is shown a ticket of Kerberos. The user may have chosen something else.
    pub(crate) fn may_show_tickets(&self) -> bool {
        let is_allowed = matches!(self.auth, Auth::Auto | Auth::Negotiate);
        is_allowed && self.user.is_none() && self.header.iter().all(|(name, _)| name != AUTHORIZATION)
    }

    /// Which hosts the server may move the upload to. By default it may not take along what belongs to the user.
    pub(crate) fn host_policy(&self) -> HostPolicy {
        let host = self.url.host().unwrap_or_default();
        let has_ticket = self.may_show_tickets() && ticket::is_there();
        let has_something_to_lose =
            self.user.is_some() || self.cert.is_some() || !self.header.is_empty() || has_ticket;
        let default = if has_something_to_lose { FollowHost::SameSite } else { FollowHost::Any };
        match self.follow_host.unwrap_or(default) {
            FollowHost::Any => HostPolicy::Any,
            FollowHost::Never => HostPolicy::Never,
            FollowHost::SameSite => site(host).map_or(HostPolicy::Never, HostPolicy::Domain),
        }
    }
}

/// The registered domain of a host; an address has none, nor has a name without dots.
fn site(host: &str) -> Option<String> {
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if is_address { None } else { psl::domain_str(&host).map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_what_somebody_registered() {
        assert_eq!(site("www.Example.co.uk").as_deref(), Some("example.co.uk"));
        assert_eq!(site("upload.example.org.").as_deref(), Some("example.org"));
        for host in ["localhost", "192.0.2.1", "[2001:db8::1]", "co.uk"] {
            assert_eq!(site(host), None, "{host}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn a_check_waits_for_less_than_an_upload() {
        use clap::Parser;
        let options = |words: &[&str]| {
            let line = [&["bits-upload"], words, &["file", "http://server/a"]].concat();
            Options::try_parse_from(line).unwrap()
        };
        let check = options(&["--check"]);
        assert_eq!((check.give_up_after(), check.retry_delays_if_set()), (CHECK_TIME, Some(CHECK_DELAYS)));
        let patient = options(&["--check", "--give-up-after", "2h", "--retry-min", "1m"]);
        assert_eq!(patient.give_up_after(), Duration::from_secs(7200));
        assert_eq!(patient.retry_delays(), (Duration::from_secs(60), Duration::from_secs(60)));
        assert_eq!(options(&[]).give_up_after(), SESSION_TIMEOUT);
    }
}
