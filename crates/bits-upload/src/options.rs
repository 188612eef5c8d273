//! The command line.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bits_http::client::{Config, StateFile};
use bits_proto::client::{self, ConfigBuilder, FragmentSize, HostPolicy, Recovery};
use bits_proto::limits::{DEFAULT_FRAGMENT_SIZE, FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY, SESSION_TIMEOUT};
use clap::{ArgAction, Parser, ValueEnum};
use command_line::{seconds, what_is_wrong};
use http::Uri;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::problem::Problem;
use crate::user::User;
use crate::values;

const EXIT_STATUS: &str = "\
Exit status:
  0  the server has the file
  1  failed
  2  wrong usage
  3  gave up or was interrupted: the same command goes on (with --state, in the same session)";

/// Uploads a file to IIS, or to any other BITS server.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_STATUS)]
pub(crate) struct Options {
    /// The file to upload
    pub(crate) file: PathBuf,

    /// Where it goes, the file's name included: https://server/folder/name
    #[arg(value_parser = values::url)]
    pub(crate) url: Uri,

    /// The size of fragments in bytes or with KiB, MiB, GiB; auto lets it follow the line [default: 1MiB]
    #[arg(long, value_name = "N|auto", value_parser = values::fragment_size)]
    fragment_size: Option<FragmentSize>,

    /// How many bytes go in a second at most, as a number or with KiB, MiB, GiB
    #[arg(long, value_name = "BYTES", value_parser = values::rate)]
    max_rate: Option<NonZeroU64>,

    /// Keep here what it takes to go on in the same session, whatever ends this program; gone when the upload is done.
    /// Without it, an upload that fails or is interrupted is cancelled
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// A header that goes with every request; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = values::header)]
    header: Vec<(HeaderName, HeaderValue)>,

    /// Who answers a server that asks for a name and a password (Basic); without the password here, it is in
    /// BITS_UPLOAD_PASSWORD
    #[arg(long, value_name = "NAME[:PASSWORD]")]
    pub(crate) user: Option<User>,

    /// The password is the first line of this file
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,

    /// Send POST and the method BITS_POST in a header, for what lets no other method pass
    #[arg(long)]
    pub(crate) method_override: bool,

    /// Send the protocol's GUID in upper case, as some servers insist
    #[arg(long)]
    uppercase_protocol: bool,

    /// Send a Ping first of all, which costs nothing if credentials are asked for
    #[arg(long)]
    ping_first: bool,

    /// Which hosts the server may move the upload to
    #[arg(long, value_enum, default_value_t = FollowHost::Any)]
    follow_host: FollowHost,

    /// When an answer is lost: send the fragment again, or start over, for servers that append whatever comes
    #[arg(long, value_enum, default_value_t = OnLostAnswer::Resend)]
    recovery: OnLostAnswer,

    /// How long to wait before the first new try [default: 5]
    #[arg(long, value_name = "S", value_parser = seconds)]
    retry_min: Option<Duration>,

    /// How long to wait between tries at most [default: 600]
    #[arg(long, value_name = "S", value_parser = seconds)]
    retry_max: Option<Duration>,

    /// After how long without progress to give up [default: 14 days]
    #[arg(long, value_name = "S", value_parser = seconds)]
    give_up_after: Option<Duration>,

    /// Trust the certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// Trust any certificate: whoever sits in between can read the file and the password
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Fetch the server application's reply to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) reply: Option<PathBuf>,

    /// Print errors alone
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print the conversation with the server
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(crate) verbose: bool,
}

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
    /// The command line; `Ok(None)`: help or the version was asked for, and printed.
    pub(crate) fn read() -> Result<Option<Self>, Problem> {
        match Self::try_parse() {
            Ok(options) => options.checked().map(Some),
            Err(error) if error.use_stderr() => {
                Err(Problem::usage(format_args!("{} (--help tells more)", what_is_wrong(&error))))
            }
            Err(help) => {
                let _nobody_reads = help.print();
                Ok(None)
            }
        }
    }

    fn checked(mut self) -> Result<Self, Problem> {
        for file in [&self.state, &self.reply].into_iter().flatten() {
            can_be_replaced(file)?;
        }
        let files = self.files();
        if files.len() > files.iter().map(|file| whole(file)).collect::<BTreeSet<_>>().len() {
            return Err(Problem::usage("FILE, --state and --reply must be different files"));
        }
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
        let _makes_sense = self.protocol()?;
        Ok(self)
    }

    /// Every file that is read or written, those beside others included.
    fn files(&self) -> Vec<PathBuf> {
        let state =
            self.state.iter().flat_map(|path| [path.clone(), StateFile::aside(path), StateFile::lock(path)]);
        let reply = self.reply.iter().flat_map(|path| [path.clone(), Config::reply_part(path)]);
        [self.file.clone()].into_iter().chain(state).chain(reply).collect()
    }

    /// How the upload behaves.
    pub(crate) fn protocol(&self) -> Result<ConfigBuilder, Problem> {
        let builder = self.builder();
        builder.clone().build().map_err(Problem::usage)?;
        Ok(builder)
    }

    fn builder(&self) -> ConfigBuilder {
        let (retry_min, retry_max) = self.retry_delays();
        client::Config::builder()
            .fragments(self.fragment_size.unwrap_or(FragmentSize::Fixed(DEFAULT_FRAGMENT_SIZE)))
            .rate(self.max_rate)
            .method_override(self.method_override)
            .uppercase_protocol(self.uppercase_protocol)
            .ping_first(self.ping_first)
            .recovery(match self.recovery {
                OnLostAnswer::Resend => Recovery::Resend,
                OnLostAnswer::Restart => Recovery::Restart,
            })
            .retry_delays(retry_min, retry_max)
            .give_up_after(self.give_up_after())
    }

    /// One of them alone moves the other's default out of its way.
    pub(crate) fn retry_delays(&self) -> (Duration, Duration) {
        let min = self.retry_min.unwrap_or(FIRST_RETRY_DELAY.min(self.retry_max.unwrap_or(Duration::MAX)));
        let max = self.retry_max.unwrap_or(LONGEST_RETRY_DELAY.max(min));
        (min, max)
    }

    pub(crate) fn give_up_after(&self) -> Duration {
        self.give_up_after.unwrap_or(SESSION_TIMEOUT)
    }

    /// The headers of `--header`.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.header {
            let _never_full = headers.try_append(name, value.clone());
        }
        headers
    }

    /// Which hosts the server may move the upload to.
    pub(crate) fn host_policy(&self) -> HostPolicy {
        let host = self.url.host().unwrap_or_default();
        match self.follow_host {
            FollowHost::Any => HostPolicy::Any,
            FollowHost::Never => HostPolicy::Never,
            FollowHost::SameSite => site(host).map_or(HostPolicy::Never, HostPolicy::Domain),
        }
    }
}

/// A file that is written aside and renamed: nothing else may stand in its place, a device least of all.
fn can_be_replaced(file: &Path) -> Result<(), Problem> {
    let in_a_folder = folder(file).is_dir() && file.file_name().is_some();
    match file.symlink_metadata() {
        Ok(found) if in_a_folder && found.is_file() => Ok(()),
        Err(_) if in_a_folder => Ok(()),
        _ => Err(Problem::usage(format_args!(
            "{} cannot be written: name a plain file in a folder that exists",
            file.display()
        ))),
    }
}

/// The one name of a file, whether it is there or not.
fn whole(file: &Path) -> PathBuf {
    file.canonicalize()
        .or_else(|_| {
            folder(file).canonicalize().map(|folder| folder.join(file.file_name().unwrap_or_default()))
        })
        .unwrap_or_else(|_| file.to_owned())
}

/// The registered domain of a host; an address has none, nor has a name without dots.
fn site(host: &str) -> Option<String> {
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if is_address { None } else { psl::domain_str(&host).map(str::to_owned) }
}

/// The folder of a file, whether that is there or not.
fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
}
