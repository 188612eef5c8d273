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
mod hook;
mod listen;
mod log;
mod log_writer;
mod metrics;
mod options;
mod origin;
mod passwords;
mod places;
mod users;
mod values;
mod web;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use addresses::Addresses;
use bits_http::storage::Folder;
use listen::{Connections, Tls};
use log_writer::LogWriter;
use metrics::Metrics;
use options::{LogFormat, Options};
use origin::Origin;
use tokio_util::sync::CancellationToken;
use users::Users;
use web::{Bounded, Notifications, Watched};

/// How many connections to the metrics are served at a time.
const METRICS_CONNECTIONS: usize = 8;

/// How long the end waits for what is under way on the disk.
const LAST_WORK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(usage) => return end(2, format_args!("{usage} (--help tells more)")),
    };
    let writer = LogWriter::new(io::stderr());
    let log = tracing_subscriber::fmt()
        .with_writer(writer.clone())
        .with_ansi(false)
        .with_target(false)
        .with_max_level(options.log_level);
    match options.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = options.threads {
        runtime.worker_threads(threads.get()).max_blocking_threads(threads.get());
    }
    let runtime = match runtime.enable_all().build() {
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

/// One line for whoever started it, whatever is logged.
fn end(status: u8, why: impl Display) -> ExitCode {
    let why = why.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let _nobody_reads = writeln!(io::stderr(), "bits-server: {why}");
    ExitCode::from(status)
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let _installed_already = rustls::crypto::ring::default_provider().install_default();
    let directory = options.directory()?;
    let mut users = options.users.clone();
    if let Some(path) = &options.users_file {
        users.extend(users::read(path)?);
    }
    let max = options.max_connections.map_or_else(Connections::max_by_default, NonZeroUsize::get);
    let per_address = options.connections_per_address.map_or(max.div_ceil(2), NonZeroUsize::get);
    let connections = Connections { max, per_address, idle: options.idle_timeout };
    let mut folder =
        Folder::builder(&options.root).create_dirs(options.create_dirs).keep_free(options.keep_free);
    if let Some(state) = &options.state {
        folder = folder.state(state);
    }
    let folder = folder.open()?;
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificates), Some(key)) => Some(Tls::open(certificates, key)?),
        _ => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listener = bind(options.listen).await?;
    let listening = listener.local_addr()?;
    let notifications = match directory.notifies() {
        true => Some(Notifications {
            client: application::client(options.notification_ca.as_deref(), options.notifies_with_tls())?,
            origin: match options.public_url.clone() {
                Some(url) => Origin::Public(url),
                None => Origin::Client { scheme, listening },
            },
        }),
        false => None,
    };
    let (users, metrics) = (Arc::new(Users::new(users)?), Arc::new(Metrics::default()));
    tokio::spawn(reload(options.clone(), tls.clone(), Arc::clone(&users)));
    let addresses = Arc::new(Addresses::new(options.sessions_per_address));
    let uploads = web::uploads(
        &options,
        &directory,
        folder.clone(),
        users,
        notifications,
        Arc::clone(&metrics),
        Arc::clone(&addresses),
    )
    .await?;
    let sessions = uploads.open_sessions();
    if sessions > 0 {
        tracing::info!(sessions, "sessions restored");
    }

    let stopping = CancellationToken::new();
    if let Some(address) = options.metrics {
        let listener = bind(address).await?;
        tracing::info!(address = %listener.local_addr()?, "serving metrics");
        let router = web::metrics_router(Arc::new(Watched { uploads: uploads.clone(), folder, metrics }));
        // Places of their own: a server that is full can be looked at.
        let few = Connections { max: METRICS_CONNECTIONS, per_address: METRICS_CONNECTIONS, ..connections };
        tokio::spawn(listen::serve(listener, few, None, router, stopping.clone()));
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, ending) = (stopping.clone(), uploads.clone());
    let last = uploads.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
        ending.shutdown().await;
    });
    let _nobody_reads = writeln!(io::stdout(), "listening on {scheme}://{listening}");
    let router = web::router(Bounded { uploads, addresses });
    listen::serve(listener, connections, tls, router, stopping).await;
    // What goes on without its connection.
    let _done_or_not = timeout(LAST_WORK, last.shutdown()).await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("{address} cannot be listened on: {error}"))
}

/// Reads certificate, key and users again whenever the program is told to (`SIGHUP`). What cannot be used stays as it was.
async fn reload(options: Options, tls: Option<Tls>, users: Arc<Users>) {
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return };
    while hang_up.recv().await.is_some() {
        if let (Some(tls), Some(certificates), Some(key)) = (&tls, &options.tls_cert, &options.tls_key) {
            told("the certificate", tls.reload(certificates, key).map_err(|error| error.to_string()));
        }
        if let Some(path) = &options.users_file {
            let read = users::read(path).map_err(|error| error.to_string());
            let all = read.map(|more| options.users.iter().cloned().chain(more).collect());
            told("the users", all.and_then(|all| users.replace(all)));
        }
    }
}

fn told(what: &str, reloaded: Result<(), String>) {
    match reloaded {
        Ok(()) => tracing::info!("{what} were read again"),
        Err(error) => tracing::error!(error, "{what} stay as they were"),
    }
}
