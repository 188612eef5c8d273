//! A BITS server for a directory.
//!
//! Where to look, to build the library into a server of your own: `bits.rs` has everything that talks to it, and
//! `storage.rs` what is done with files. The rest is what your program has already: a web server (`web.rs`, `listen.rs`),
//! users (`users.rs`), a rule for paths (`path.rs`, `tree.rs`).

#![forbid(unsafe_code)]

mod bits;
mod body;
mod listen;
mod metrics;
mod notifier;
mod options;
mod path;
mod storage;
mod stream;
mod tree;
mod users;
mod web;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;

use bits::Bits;
use notifier::Notifications;
use options::Options;
use storage::Storage;
use users::Users;
use web::Web;

/// How often sessions are looked for that made no progress for too long.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// After how many of these looks sessions are looked for that were closed long ago.
const FORGET_EVERY: u32 = 300;

fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_max_level(options.log_level)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(options)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the server cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let directory = options.directory()?;
    let state = options.state.clone().unwrap_or_else(|| options.root.join(".bits"));
    let storage = Storage::open(&options.root, &state, options.create_dirs, options.allow_overwrites)
        .map_err(|error| format!("{} and {}: {error}", options.root.display(), state.display()))?;
    let storage = Arc::new(storage);
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificates), Some(key)) => Some(listen::tls(certificates, key)?),
        _ => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listener = TcpListener::bind(options.listen).await?;
    let origin = format!("{scheme}://{}", listener.local_addr()?);
    let notifications = directory.notifies().then(|| Notifications {
        notification: directory.notification().clone(),
        origin: origin.clone(),
        serves: options.serve,
    });
    let web = Arc::new(Web {
        bits: Bits::new(directory, Arc::clone(&storage), notifications),
        storage,
        users: Users::new(options.users),
        serves: options.serve,
    });
    web.bits.restore()?;

    let stopping = web.bits.stopping.clone();
    if let Some(address) = options.metrics {
        let listener = TcpListener::bind(address).await?;
        tracing::info!(address = %listener.local_addr()?, "serving metrics");
        tokio::spawn(listen::serve(listener, None, web::metrics_router(Arc::clone(&web)), stopping.clone()));
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
    writeln!(io::stdout(), "listening on {origin}")?;
    listen::serve(listener, tls, web::router(web), stopping).await;
    Ok(())
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
