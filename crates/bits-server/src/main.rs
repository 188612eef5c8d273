//! A BITS server for a directory.
//!
//! Where to look, to build the library into a server of your own: `bits.rs` has the conversation with it, and `storage.rs`
//! what is done with files; a server application is told by `notifier.rs`. The rest is what your program has already: a
//! web server (`web.rs`, `listen.rs`), users (`users.rs`), a rule for paths (`path.rs`, `tree.rs`).

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
mod bits;
mod body;
mod files;
mod listen;
mod metrics;
mod notifier;
mod options;
mod origin;
mod path;
mod random;
mod refusal;
mod storage;
mod stream;
mod tree;
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
use tokio::time::interval;

use bits::Bits;
use listen::Connections;
use notifier::Notifications;
use options::Options;
use origin::Origin;
use storage::Storage;
use users::Users;
use web::Web;

/// How often sessions are looked for that made no progress for too long.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// After how many of these looks sessions are looked for that were closed long ago.
const FORGET_EVERY: u32 = 300;

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
    let state = options.state.clone().unwrap_or_else(|| options.root.join(".bits"));
    let storage = Storage::open(&options.root, &state, options.create_dirs, options.allow_overwrites)?;
    let storage = Arc::new(storage);
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificates), Some(key)) => Some(listen::tls(certificates, key)?),
        _ => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listener = bind(options.listen).await?;
    let listening = listener.local_addr()?;
    let notifications = match directory.notifies() {
        true => Some(Notifications {
            notification: directory.notification().clone(),
            client: application::client(options.notification_ca.as_deref(), options.notifies_with_tls())?,
            origin: match options.public_url {
                Some(url) => Origin::Public(url),
                None => Origin::Client { scheme, listening },
            },
            serves: options.serve,
        }),
        false => None,
    };
    let web = Arc::new(Web {
        bits: Bits::new(directory, Arc::clone(&storage), notifications),
        storage,
        users: Users::new(users)?,
        serves: options.serve,
    });
    web.bits.restore().map_err(|error| format!("{} cannot be read: {error}", state.display()))?;

    let stopping = web.bits.stopping.clone();
    if let Some(address) = options.metrics {
        let listener = bind(address).await?;
        tracing::info!(address = %listener.local_addr()?, "serving metrics");
        let router = web::metrics_router(Arc::clone(&web));
        // Places of their own: a server that is full can be looked at.
        let few = Connections { max: METRICS_CONNECTIONS, ..connections };
        tokio::spawn(listen::serve(listener, few, None, router, stopping.clone()));
    }
    tokio::spawn(expire(Arc::clone(&web)));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stopping.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    });
    let _nobody_reads = writeln!(io::stdout(), "listening on {scheme}://{listening}");
    listen::serve(listener, connections, tls, web::router(web), stopping).await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("{address} cannot be listened on: {error}"))
}

async fn expire(web: Arc<Web>) {
    let mut ticks = interval(EXPIRY_INTERVAL);
    for tick in (0..FORGET_EVERY).cycle() {
        ticks.tick().await;
        web.bits.expire().await;
        if tick == 0 {
            web.bits.forget_closed().await;
        }
    }
}
