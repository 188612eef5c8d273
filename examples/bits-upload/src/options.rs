//! The command line.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use bits_proto::client::{Config, ConfigBuilder, FragmentSize, HostPolicy, Recovery, ReplyMode};
use bits_proto::limits::{DEFAULT_FRAGMENT_SIZE, FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY, SESSION_TIMEOUT};
use clap::{ArgAction, Parser, ValueEnum};
use http::Uri;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

use crate::problem::Problem;

/// A century: longer times are slips.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

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
    #[arg(value_parser = url)]
    pub(crate) url: Uri,

    /// The size of fragments in bytes or with KiB, MiB, GiB; auto lets it follow the line [default: 1MiB]
    #[arg(long, value_name = "N|auto", value_parser = fragment_size)]
    fragment_size: Option<FragmentSize>,

    /// How many bytes go in a second at most
    #[arg(long, value_name = "BYTES", value_parser = rate)]
    max_rate: Option<NonZeroU64>,

    /// Keep here what it takes to go on in the same session, whatever ends this program; gone when the upload is done
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// A header that goes with every request; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,

    /// What answers a server that asks for a name and a password (Basic)
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = user)]
    pub(crate) user: Option<User>,

    /// Send POST and the method BITS_POST in a header, for what lets no other method pass
    #[arg(long)]
    method_override: bool,

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

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// Never the password: it must not get into a log.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Options {
    /// The command line; `Ok(None)`: help or the version was asked for, and printed.
    pub(crate) fn read() -> Result<Option<Self>, Problem> {
        match Self::try_parse() {
            Ok(options) => options.checked().map(Some),
            Err(error) if error.use_stderr() => {
                // What is wrong stands before the first empty line; usage and tips come after it.
                let text = error.to_string();
                let what = text.split("\n\n").next().unwrap_or_default();
                let what = what.strip_prefix("error: ").unwrap_or(what);
                Err(Problem::usage(format_args!("{what} (--help tells more)")))
            }
            Err(help) => {
                let _nobody_reads = help.print();
                Ok(None)
            }
        }
    }

    fn checked(self) -> Result<Self, Problem> {
        for file in [&self.state, &self.reply].into_iter().flatten() {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) || file.is_dir() {
                let file = file.display();
                return Err(Problem::usage(format_args!(
                    "{file} cannot be written: name a file in a folder that exists"
                )));
            }
        }
        self.config()?;
        Ok(self)
    }

    /// How the upload behaves.
    pub(crate) fn config(&self) -> Result<Config, Problem> {
        self.builder().build().map_err(Problem::usage)
    }

    fn builder(&self) -> ConfigBuilder {
        let (retry_min, retry_max) = self.retry_delays();
        Config::builder()
            .fragments(self.fragment_size.unwrap_or(FragmentSize::Fixed(DEFAULT_FRAGMENT_SIZE)))
            .rate(self.max_rate)
            .headers(self.headers())
            .method_override(self.method_override)
            .uppercase_protocol(self.uppercase_protocol)
            .ping_first(self.ping_first)
            .host_policy(self.host_policy())
            .recovery(match self.recovery {
                OnLostAnswer::Resend => Recovery::Resend,
                OnLostAnswer::Restart => Recovery::Restart,
            })
            .reply(if self.reply.is_some() { ReplyMode::Required } else { ReplyMode::Ignored })
            .retry_delays(retry_min, retry_max)
            .give_up_after(self.give_up_after())
            .seed(random_number())
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

    fn host_policy(&self) -> HostPolicy {
        let host = self.url.host().unwrap_or_default();
        match self.follow_host {
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

fn url(text: &str) -> Result<Uri, String> {
    // This one takes spaces and letters of any script, as people type them.
    let url = reqwest::Url::parse(text)
        .map_err(|error| format!("{error}; it looks like https://server/folder/name"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("it must begin with http:// or https:// and a server's name".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a name and password do not belong into the address: use --user".to_owned());
    }
    if url.path().ends_with('/') {
        return Err("it must end with the name that the file shall have there".to_owned());
    }
    if url.fragment().is_some() {
        return Err("what follows a # would not be sent: write %23 for a # in a name".to_owned());
    }
    url.as_str().parse().map_err(|error| format!("{error}"))
}

fn fragment_size(text: &str) -> Result<FragmentSize, String> {
    if text == "auto" {
        Ok(FragmentSize::ADAPTIVE)
    } else {
        size(text).map(|size| FragmentSize::Fixed(size.get()))
    }
}

fn rate(text: &str) -> Result<NonZeroU64, String> {
    size(text)
}

fn size(text: &str) -> Result<NonZeroU64, String> {
    let number_at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(number_at).unwrap_or((text, ""));
    let unit: u64 = match unit.trim_start() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("a number of bytes, or one with KiB, MiB or GiB, is wanted: 512KiB".to_owned()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.and_then(NonZeroU64::new).ok_or_else(|| "a number of bytes above zero is wanted: 512KiB".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "a number of seconds above zero is wanted: 0.5".to_owned())
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) =
        text.split_once(':').ok_or("a name, a colon and a value are wanted: 'X-Team: backups'")?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|error| error.to_string())?;
    if [CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING].contains(&name) {
        return Err(format!("{name} is set by the program itself"));
    }
    let value = HeaderValue::from_str(value.trim()).map_err(|error| error.to_string())?;
    Ok((name, value))
}

fn user(text: &str) -> Result<User, String> {
    let (name, password) = text.split_once(':').ok_or("a name, a colon and a password are wanted")?;
    Ok(User { name: name.to_owned(), password: password.to_owned() })
}

/// The standard library has no generator, but the keys of its hash maps come from the operating system's.
pub(crate) fn random_number() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("1", 1), ("5120", 5120), ("5KiB", 5120), ("13 MiB", 13 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(size(text).map(NonZeroU64::get), Ok(bytes), "{text}");
        }
        for text in
            ["", "0", "0MiB", "-1", "+1", "1.5MiB", "MiB", "1MB", "1mib", "17179869184GiB", "1e3", "５"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_may_have_fractions() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "0", "-1", "nan", "inf", "1e300", "1e-300", "five"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_taken_as_people_type_them() {
        assert_eq!(url("http://h/a b/ä.txt").unwrap(), "http://h/a%20b/%C3%A4.txt");
        for text in [
            "",
            "h/a",
            "/a",
            "ftp://h/a",
            "http://",
            "http://u:p@h/a",
            "http://u@h/a",
            "http://h/a#b",
            "file:///a",
            "http://h",
            "http://h/folder/",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_site_is_what_somebody_registered() {
        assert_eq!(site("www.Example.co.uk").as_deref(), Some("example.co.uk"));
        assert_eq!(site("upload.example.org.").as_deref(), Some("example.org"));
        for host in ["localhost", "192.0.2.1", "[2001:db8::1]", "co.uk"] {
            assert_eq!(site(host), None, "{host}");
        }
    }

    #[test]
    fn headers_that_would_break_a_request_are_refused() {
        assert!(header("X-A: b:c").is_ok_and(|(name, value)| name == "x-a" && value == "b:c"));
        for text in
            ["", "X-A", ": b", "X A: b", "X-A: b\nc", "content-length: 5", "Transfer-Encoding: chunked"]
        {
            assert!(header(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
