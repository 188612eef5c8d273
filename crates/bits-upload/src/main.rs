//! `bits-upload [options] FILE URL`: uploads a file to IIS, or to any other BITS server.
//!
//! A command line over `bits_http::client`, which uploads. What is here is options, screen, TLS and passwords.

// For unattended machines: it never panics, whatever a server, a file or a user brings. Printing macros panic, too, when nobody
// reads any more.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
    )
)]

mod credentials;
mod network;
mod options;
mod problem;
mod screen;
mod upload;
mod user;
mod values;
mod wording;

use std::io::{self, Write};
use std::process::ExitCode;

use options::Options;
use problem::Problem;

fn main() -> ExitCode {
    let problem = match run() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(problem) => problem,
    };
    let _nobody_reads = writeln!(io::stderr(), "bits-upload: {problem}");
    problem.exit_code()
}

fn run() -> Result<(), Problem> {
    let Some(options) = Options::read()? else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::failed(format_args!("the program cannot start: {error}")))?;
    let ended = runtime.block_on(upload::run(&options, interrupted()));
    // A name that is still being looked up must not keep the program.
    runtime.shutdown_background();
    ended
}

/// Ctrl-C, or what a service manager sends to end a program.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return,
                _ = terminated.recv() => return,
            }
        }
    }
    let _ended_anyhow = tokio::signal::ctrl_c().await;
}
