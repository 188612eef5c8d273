//! A BITS server for a directory.
//!
//! Uploads themselves are the business of [`bits_http`]. This is what a program adds: options, users, connections, TLS, a log
//! and metrics.

// For unattended machines: whatever a client or a file brings, it does not panic.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::print_stdout,
        clippy::print_stderr,
    )
)]

mod addresses;
mod application;
#[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
mod bucket;
mod check;
mod control;
#[cfg(feature = "postgres")]
mod database;
mod guard;
mod hook;
mod listen;
mod listeners;
mod log;
mod log_writer;
mod metrics;
mod options;
mod origin;
mod passwords;
mod peer;
mod places;
mod readiness;
mod reload;
mod root;
mod sessions;
mod tls;
mod user_dirs;
mod users;
mod watch;
mod web;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use sd_notify::NotifyState;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use addresses::Addresses;
use control::Control;
use guard::Guard;
use listen::Connections;
use listeners::Listener;
use log_writer::LogWriter;
use metrics::Metrics;
use options::{LogFormat, Options, Wish};
use origin::Origin;
use peer::Proxies;
use places::Places;
use reload::Reloaded;
use root::{Root, Served};
use tls::Tls;
use users::Users;
use watch::Watched;
use web::{Notifications, Site};

/// How many connections to the metrics are served at a time.
const METRICS_CONNECTIONS: usize = 8;

/// How long the end waits for what is under way on the disk.
const LAST_WORK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let _installed_already = ring::default_provider().install_default();
    match Wish::read() {
        Ok(Wish::Serve(options)) if options.check_config => check(&options),
        Ok(Wish::Serve(options)) => serve(*options),
        Ok(Wish::Sessions(sessions)) => match runtime(None).map(|runtime| runtime.block_on(sessions.run())) {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(error)) => end(1, error),
            Err(error) => end(1, error),
        },
        Ok(Wish::Nothing) => ExitCode::SUCCESS,
        Err(usage) => end(2, format_args!("{usage} (--help tells more)")),
    }
}

fn runtime(threads: Option<NonZeroUsize>) -> io::Result<Runtime> {
    let mut runtime = Builder::new_multi_thread();
    if let Some(threads) = threads {
        runtime.worker_threads(threads.get()).max_blocking_threads(threads.get());
    }
    runtime.enable_all().build()
}

/// One line for whoever started it, whatever is logged.
fn end(status: u8, why: impl Display) -> ExitCode {
    tell(why);
    ExitCode::from(status)
}

fn tell(what: impl Display) {
    let what = what.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let _nobody_reads = writeln!(io::stderr(), "bits-server: {what}");
}

/// A line for each thing that is wrong.
fn check(options: &Options) -> ExitCode {
    let found = match runtime(None) {
        Ok(runtime) => runtime.block_on(check::check(options)),
        Err(error) => return end(1, error),
    };
    for warning in &found.warnings {
        tell(format_args!("warning: {warning}"));
    }
    for error in &found.errors {
        tell(error);
    }
    if !found.errors.is_empty() {
        return ExitCode::from(1);
    }
    let _nobody_reads = writeln!(io::stdout(), "the configuration can be used");
    ExitCode::SUCCESS
}

fn serve(options: Options) -> ExitCode {
    let writer = LogWriter::new(io::stderr(), options.log_format);
    let log = tracing_subscriber::fmt()
        .with_writer(writer.clone())
        .with_ansi(false)
        .with_target(false)
        .with_max_level(options.log_level);
    match options.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    let runtime = match runtime(options.threads) {
        Ok(runtime) => runtime,
        Err(error) => return end(1, error),
    };
    let ended = runtime.block_on(run(options));
    // A disk that hangs, or a name that is looked up, must not keep the program: what is not done is as after a crash.
    runtime.shutdown_timeout(LAST_WORK);
    writer.flush(LAST_WORK);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => end(1, error),
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let directory = options.directory()?;
    let mut all = options.people.users.clone();
    if let Some(path) = &options.people.users_file {
        all.extend(users::read(path)?);
    }
    let users = Arc::new(Users::new(all)?);
    let root = Root::open(&options)?;
    match root.folder() {
        Some(folder) if options.people.user_dirs => user_dirs::make(folder, &users.names())?,
        _ => {}
    }
    let tls = options.network.tls().map(|files| Tls::open(&files)).transpose()?;
    let (listeners, watching) = listen(&options).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let urls: Vec<_> = listeners.iter().map(|listener| listener.url(scheme)).collect();
    let notifications = match directory.notifies() {
        true => Some(Notifications {
            client: application::client(options.notification_ca.as_deref(), options.notifies_with_tls())?,
            origin: options.network.public_url.clone().map_or(Origin::Client, Origin::Public),
        }),
        false => None,
    };
    let metrics = Arc::new(Metrics::default());
    let addresses = Arc::new(Addresses::new(options.limits.sessions_per_address));
    let told = (notifications, Arc::clone(&metrics), Arc::clone(&addresses));
    let Served { uploads, tasks } = root.serve(&options, directory, told).await?;
    let sessions = uploads.open_sessions();
    if sessions > 0 {
        tracing::info!(sessions, "sessions restored");
    }
    let reloaded = Reloaded {
        options: options.clone(),
        tls: tls.clone(),
        users: Arc::clone(&users),
        folder: root.folder().cloned(),
    };
    // Before anybody is told that the server is ready: unwatched, the signal would end it.
    tokio::spawn(reloaded.watch(signal(SignalKind::hangup())?));
    let known = urls.iter().cloned().chain(watching.iter().map(|listener| listener.url("http"))).collect();
    // The program works without it.
    if let (Some(folder), Some(tasks)) = (root.folder(), tasks) {
        match Control::open(folder, tasks, known) {
            Ok(control) => drop(tokio::spawn(control.serve())),
            Err(error) => tracing::warn!(%error, "there is no control socket"),
        }
    }

    let max = options.network.max_connections.map_or_else(listen::max_by_default, NonZeroUsize::get);
    let per_address = options.network.connections_per_address.map_or(max.div_ceil(2), NonZeroUsize::get);
    let connections = Connections {
        places: Places::new(max, per_address),
        idle: options.network.idle_timeout,
        tls: tls.clone(),
        proxies: Arc::new(Proxies::new(options.network.trusted_proxies.clone())),
        metrics: Arc::clone(&metrics),
    };
    let stopping = CancellationToken::new();
    if !watching.is_empty() {
        for listener in &watching {
            tracing::info!(address = listener.url("http"), "serving metrics");
        }
        // Places of their own: a server that is full can be looked at.
        let places = Places::new(METRICS_CONNECTIONS, METRICS_CONNECTIONS);
        let few = Connections { places, tls: None, ..connections.clone() };
        let places = Arc::clone(&connections.places);
        let (uploads, metrics) = (uploads.clone(), Arc::clone(&metrics));
        let database = options.database().map(str::to_owned);
        let router = watch::router(Watched { uploads, root, database, metrics, places, tls });
        tokio::spawn(listen::serve(watching, few, router, stopping.clone()));
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, ending, last) = (stopping.clone(), uploads.clone(), uploads.clone());
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let _nobody_asks = readiness::tell(NotifyState::Stopping);
        stop.cancel();
        ending.shutdown().await;
    });
    for url in urls {
        let _nobody_reads = writeln!(io::stdout(), "listening on {url}");
    }
    if let Err(error) = readiness::tell(NotifyState::Ready) {
        tracing::warn!(%error, "nobody could be told that the server is ready");
    }
    let router = web::router(Site { uploads, options, users, guard: Guard::new(), addresses, metrics });
    listen::serve(listeners, connections, router, stopping).await;
    // What goes on without its connection.
    let _done_or_not = timeout(LAST_WORK, last.shutdown()).await;
    Ok(())
}

/// The sockets for uploads, and those for metrics.
async fn listen(options: &Options) -> Result<(Vec<Listener>, Vec<Listener>), String> {
    let mut listeners = listeners::inherited()?;
    for place in options.network.listen(!listeners.is_empty()) {
        listeners.extend(listeners::bind(&place).await?);
    }
    let watching = match &options.network.metrics {
        Some(place) => listeners::bind(place).await?,
        None => Vec::new(),
    };
    Ok((listeners, watching))
}
