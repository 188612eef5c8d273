//! The command line, and the same from the environment.

mod limits;
mod network;
mod people;
mod values;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bits_http::storage::{Durability, Folder, FolderBuilder, Quota};
use bits_proto::notify::{NotificationType, NotificationUrl};
use bits_proto::server::{Directory, InvalidDirectory};
use bits_proto::{Conformance, HostId};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
use command_line::{seconds, what_is_wrong};
use http::Uri;

use crate::origin::PublicUrl;
use crate::sessions::{self, Sessions};
pub(crate) use limits::Limits;
pub(crate) use network::Network;
pub(crate) use people::People;

/// What variables of the environment begin with that are options.
pub(crate) const VARIABLES: &str = "BITS_SERVER_";

const AFTER_HELP: &str = "\
Each option can be in the environment, too: BITS_SERVER_MAX_SESSIONS=500 for --max-sessions 500, BITS_SERVER_SERVE=true
for --serve. SIGHUP has certificate, key and users read again.

bits-server sessions list|show|cancel   the unfinished uploads of a root, whether its server runs or not
bits-server completions SHELL           completions for bash, elvish, fish, powershell or zsh
bits-server man                         the manual page";

/// A BITS server for a directory: `/a/b.bin` is published as DIR/a/b.bin.
///
/// Sizes are in bytes, or with KiB, MiB or GiB. Times are in seconds, or such as 90s, 15m, 2h 30m or 14days.
#[derive(Clone, Debug, Parser)]
#[command(name = "bits-server", version, after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// Where uploads are published: a directory; or s3://BUCKET/PREFIX, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION
    /// and AWS_ENDPOINT in the environment; az://CONTAINER/PREFIX or gs://BUCKET/PREFIX, where the program was built for them
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) root: PathBuf,
    /// Where sessions are kept: a directory; or postgres://USER:PASSWORD@HOST/DATABASE, which several servers share, with
    /// ?sslmode=verify-full&sslrootcert=FILE as psql has it. The bytes of unfinished uploads are hidden beside their destinations
    /// [default: DIR/.bits]
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) state: Option<PathBuf>,
    /// The most connections to the database
    #[arg(long, value_name = "NUMBER", default_value = "16")]
    pub(crate) database_connections: NonZeroUsize,
    /// After how long the uploads of a server that died go on at another one; the same for all servers of a database
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "10")]
    pub(crate) lease: Duration,
    /// What is on the disk before it is acknowledged, so that a power cut takes none of it. If the server alone dies, nothing is ever
    /// lost
    #[arg(long, value_name = "WHEN", default_value = "fragment")]
    sync: SyncAt,
    /// Make the folders that a destination lacks; else the upload is refused with 404
    #[arg(long)]
    pub(crate) create_dirs: bool,
    /// Let an upload replace a file that is there already
    #[arg(long)]
    pub(crate) allow_overwrites: bool,
    /// Check these options, files, folders and addresses, and end: for example before a restart
    #[arg(long)]
    pub(crate) check_config: bool,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) people: People,
    /// How many threads serve connections, and as many work on files [default: one for each processor, and as many as it takes]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Take `POST` with `X-HTTP-Method-Override: BITS_POST`, too
    #[arg(long)]
    allow_method_override: bool,
    /// The host that the rest of every upload goes to
    #[arg(long, value_name = "HOST", value_parser = values::host_id)]
    host_id: Option<HostId<'static>>,
    /// How long that host may be out of reach, until clients come back here
    #[arg(long, value_name = "SECONDS", requires = "host_id")]
    host_id_fallback_timeout: Option<u32>,
    /// Refuse everything that MC-BUP says must be refused, to test clients
    #[arg(long)]
    strict: bool,
    /// How a server application is told of complete uploads: each is published if its answer has the header
    /// BITS-Copy-File-To-Destination, and else deleted
    #[arg(long, value_name = "HOW", requires = "notification_url")]
    notify: Option<Notify>,
    /// Where the server application listens: an http or https URL, or with --public-url a path on that server
    #[arg(long, value_name = "URL", requires = "notify")]
    notification_url: Option<NotificationUrl>,
    /// Trust the certificates in this PEM file, and no others, when an application is told over https
    #[arg(long, value_name = "FILE", requires = "notification_url")]
    pub(crate) notification_ca: Option<PathBuf>,
    /// Run this shell command after each file that was published, with BITS_PATH, BITS_SIZE, BITS_USER, BITS_CLIENT,
    /// BITS_CONTENT_NAME and BITS_SHA256 in its environment
    #[arg(long, value_name = "COMMAND")]
    pub(crate) on_upload: Option<OsString>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SyncAt {
    /// Every Fragment
    Fragment,
    /// Whole files. The bytes of uploads whose last Fragment has not come may be lost: clients send them again
    Close,
    /// Nothing. Published files may be lost or damaged
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Notify {
    /// It is told where the file is, and must be allowed into the state folder
    ByReference,
    /// It is sent the file
    ByValue,
}

/// What the program is to do.
pub(crate) enum Wish {
    Serve(Box<Options>),
    /// Look at unfinished uploads, or cancel one.
    Sessions(Sessions),
    /// All was said.
    Nothing,
}

impl Wish {
    /// Reads the command line, or says what is wrong with it.
    pub(crate) fn read() -> Result<Self, String> {
        let matches = match command().try_get_matches() {
            Ok(matches) => matches,
            Err(error) if error.use_stderr() => return Err(what_is_wrong(&error)),
            Err(help) => {
                let _nobody_reads = help.print();
                return Ok(Self::Nothing);
            }
        };
        Self::of(&matches).map_err(|error| what_is_wrong(&error))?
    }

    fn of(matches: &ArgMatches) -> Result<Result<Self, String>, clap::Error> {
        match matches.subcommand() {
            Some((sessions::NAME, matches)) => Ok(Ok(Self::Sessions(Sessions::from_arg_matches(matches)?))),
            Some(("completions", matches)) => {
                if let Some(shell) = matches.get_one::<clap_complete::Shell>("SHELL") {
                    let mut text = Vec::new();
                    clap_complete::generate(*shell, &mut command(), "bits-server", &mut text);
                    print(&text);
                }
                Ok(Ok(Self::Nothing))
            }
            Some(_) => {
                let mut text = Vec::new();
                let _into_memory = clap_mangen::Man::new(command()).render(&mut text);
                print(&text);
                Ok(Ok(Self::Nothing))
            }
            None => {
                let options = Options::from_arg_matches(matches)?;
                Ok(options.checked().map(|options| Self::Serve(Box::new(options))))
            }
        }
    }
}

/// Somebody who reads no more is no reason to panic.
fn print(text: &[u8]) {
    let _nobody_reads = std::io::Write::write_all(&mut std::io::stdout(), text);
}

fn command() -> Command {
    let shell =
        clap::Arg::new("SHELL").required(true).value_parser(clap::value_parser!(clap_complete::Shell));
    with_variables(Options::command())
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .subcommand(with_variables(Sessions::augment_args(Command::new(sessions::NAME))))
        .subcommand(Command::new("completions").about("Print completions for a shell").arg(shell))
        .subcommand(Command::new("man").about("Print the manual page"))
        .disable_help_subcommand(true)
}

/// Lets each option be in the environment. A password is not shown by `--help`.
fn with_variables(command: Command) -> Command {
    command.mut_args(|arg| {
        let Some(long) = arg.get_long() else { return arg };
        let variable = format!("{VARIABLES}{}", long.to_uppercase().replace('-', "_"));
        let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
        let arg = arg.env(variable).hide_env_values(true).hide_env(true);
        if is_flag { arg.value_parser(FalseyValueParser::new()) } else { arg }
    })
}

impl Options {
    fn checked(mut self) -> Result<Self, String> {
        if self.bucket().is_none() {
            self.root = path_of("--root", self.root, "s3://, az:// or gs://")?;
        }
        if self.database().is_none() {
            self.state = self.state.map(|state| path_of("--state", state, "postgres://")).transpose()?;
        }
        self.directory().map_err(|error| error.to_string())?;
        if self.network.public_url.is_none() && self.notification_url.as_ref().is_some_and(is_relative) {
            // Else a client would choose where everybody's files are sent.
            return Err("a --notification-url without a host of its own needs --public-url".to_owned());
        }
        if self.people.user_dirs && !self.people.are_named() {
            return Err("--user-dirs needs users: --users-file names some".to_owned());
        }
        self.check_places()?;
        Ok(self)
    }

    /// Whether the places can be had together, with what else is wished.
    fn check_places(&self) -> Result<(), String> {
        let wrong = match (self.bucket(), self.database()) {
            (Some(_), None) => {
                "a --root in a bucket needs --state postgres://…, where what is known of uploads is kept"
            }
            (Some(_), _) if matches!(self.notify, Some(Notify::ByReference)) => {
                "--notify by-reference needs a --root that is a folder: a server application is told paths of files, and a bucket has none; by-value sends it the bytes"
            }
            (_, Some(_)) if self.sync != SyncAt::Fragment => {
                "servers that share a database sync every Fragment: --sync needs a --state that is a folder"
            }
            _ => return Ok(()),
        };
        Err(wrong.to_owned())
    }

    /// The URL of the bucket where uploads are published, if it is one.
    pub(crate) fn bucket(&self) -> Option<&str> {
        let is_bucket =
            |root: &&str| ["s3://", "az://", "gs://"].iter().any(|scheme| root.starts_with(scheme));
        self.root.to_str().filter(is_bucket)
    }

    /// The URL of the database that servers share, if there is one.
    pub(crate) fn database(&self) -> Option<&str> {
        let state = self.state.as_deref().and_then(Path::to_str)?;
        ["postgres://", "postgresql://"].iter().any(|scheme| state.starts_with(scheme)).then_some(state)
    }

    /// The folder, before it is opened.
    pub(crate) fn folder(&self) -> FolderBuilder {
        let mut folder =
            Folder::builder(&self.root).create_dirs(self.create_dirs).keep_free(self.limits.keep_free);
        folder = folder.durability(match self.sync {
            SyncAt::Fragment => Durability::Fragment,
            SyncAt::Close => Durability::Whole,
            SyncAt::None => Durability::Never,
        });
        if self.database().is_some() {
            return folder.shared();
        }
        if let Some(state) = &self.state {
            folder = folder.state(state);
        }
        match self.quota() {
            Some(quota) => folder.quota(quota),
            None => folder,
        }
    }

    /// How many bytes the root may hold, or each user's folder.
    pub(crate) fn quota(&self) -> Option<Quota> {
        let (people, quota) = (self.people.clone(), self.limits.quota);
        match self.people.user_dirs {
            true if quota.is_none() && people.user_quotas.is_empty() => None,
            true => Some(Quota::of_folders(move |user| people.quota(user).or(quota))),
            false => quota.map(Quota::of_all),
        }
    }

    pub(crate) fn directory(&self) -> Result<Directory, InvalidDirectory> {
        let limits = &self.limits;
        let mut directory = Directory::builder()
            .conformance(if self.strict { Conformance::Strict } else { Conformance::Interop })
            .method_override(self.allow_method_override)
            .allow_overwrites(self.allow_overwrites)
            .max_sessions(limits.max_sessions)
            .notification(self.notification());
        if let Some(bytes) = limits.max_upload_size {
            directory = directory.max_upload_size(bytes);
        }
        if let Some(bytes) = limits.max_fragment_size {
            directory = directory.max_fragment_size(bytes);
        }
        if let Some(timeout) = limits.session_timeout {
            directory = directory.session_timeout(timeout);
        }
        if let Some(host) = &self.host_id {
            let timeout = self.host_id_fallback_timeout.map(|seconds| Duration::from_secs(seconds.into()));
            directory = directory.host(host.clone(), timeout);
        }
        match limits.sessions_per_owner {
            Some(sessions) => directory = directory.sessions_per_owner(sessions),
            // Everybody is one owner.
            None if !self.people.are_named() => directory = directory.sessions_per_owner(usize::MAX),
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

    /// Whether a server application is told of complete uploads.
    pub(crate) const fn notifies(&self) -> bool {
        self.notify.is_some()
    }

    /// Whether the application is told over https.
    pub(crate) fn notifies_with_tls(&self) -> bool {
        let server = self.network.public_url.as_ref().map_or("http://any", PublicUrl::as_str);
        let (Some(url), Ok(server)) = (&self.notification_url, server.parse::<Uri>()) else { return false };
        url.resolve(&server).is_ok_and(|url| url.scheme_str() == Some("https"))
    }

    /// Where sessions are kept.
    pub(crate) fn state(&self) -> PathBuf {
        state_of(&self.root, self.state.as_deref().filter(|_| self.database().is_none()))
    }
}

/// Where the sessions of a root are kept.
pub(crate) fn state_of(root: &Path, state: Option<&Path>) -> PathBuf {
    state.map_or_else(|| root.join(".bits"), Path::to_owned)
}

/// The path of a folder, which may be written as a URL. Other URLs are not made as folders: one may have a password in it.
///
/// # Errors
/// It is a URL of something else.
pub(crate) fn path_of(option: &str, place: PathBuf, known: &str) -> Result<PathBuf, String> {
    let is_scheme = |scheme: &str| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    match place.to_str().and_then(|text| text.split_once("://")) {
        Some(("file", path)) if path.starts_with('/') => Ok(path.into()),
        Some(("file", _)) => {
            Err(format!("{option} file:// needs an absolute path, such as file:///srv/uploads"))
        }
        Some((scheme, _)) if is_scheme(scheme) => {
            Err(format!("{option} is a folder, or begins with {known}: {scheme}:// is not known"))
        }
        _ => Ok(place),
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
        command().debug_assert();
    }
}
