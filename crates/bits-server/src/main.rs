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

mod application;
mod listen;
mod log;
mod metrics;
mod options;
mod origin;
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

use axum::Router;
use bits_http::storage::Folder;
use listen::Connections;
use metrics::Metrics;
use options::Options;
use origin::Origin;
use tokio_util::sync::CancellationToken;
use users::Users;
use web::{Notifications, Watched};

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
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(options.log_level)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(1, error),
    };
    let ended = runtime.block_on(run(options));
    // A disk that hangs, or a name that is looked up, must not keep the program: what is not done is as after a crash.
    runtime.shutdown_timeout(LAST_WORK);
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
    let connections = Connections {
        max: options.max_connections.map_or_else(Connections::max_by_default, NonZeroUsize::get),
        idle: options.idle_timeout,
    };
    let mut folder =
        Folder::builder(&options.root).create_dirs(options.create_dirs).keep_free(options.keep_free);
    if let Some(state) = &options.state {
        folder = folder.state(state);
    }
    let folder = folder.open()?;
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificates), Some(key)) => Some(listen::tls(certificates, key)?),
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
    let uploads =
        web::uploads(&options, &directory, folder.clone(), users, notifications, Arc::clone(&metrics))
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
        let few = Connections { max: METRICS_CONNECTIONS, ..connections };
        tokio::spawn(listen::serve(listener, few, None, router, stopping.clone()));
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, ending) = (stopping.clone(), uploads.clone());
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
    let router = Router::new().fallback_service(uploads);
    listen::serve(listener, connections, tls, router, stopping).await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("{address} cannot be listened on: {error}"))
}
