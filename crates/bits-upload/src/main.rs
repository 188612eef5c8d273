//! `bits-upload [options] FILE... URL`: uploads files to IIS, or to any other BITS server.
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

mod arguments;
mod challenges;
mod credentials;
mod digest;
mod job;
mod limits;
mod netrc;
mod network;
mod options;
mod printer;
mod problem;
mod proxy;
mod resume;
mod run;
mod screen;
mod sha256;
mod shared;
mod signals;
#[cfg_attr(not(all(unix, feature = "gssapi")), path = "no_ticket.rs")]
mod ticket;
mod tls;
mod tunnel;
mod upload;
mod user;
mod values;
mod windows;
mod wording;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::Wish;
use options::Options;
use printer::{Printer, complain};
use problem::Problem;

fn main() -> ExitCode {
    let problem = match run() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(problem) => problem,
    };
    complain(&problem);
    problem.exit_code()
}

fn run() -> Result<(), Problem> {
    match arguments::read()? {
        Wish::Nothing => Ok(()),
        Wish::Upload(options) => upload(*options),
        Wish::Jobs(words) => jobs(&words),
    }
}

fn upload(options: Options) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::failed(format_args!("the program cannot start: {error}")))?;
    let ended = runtime.block_on(run::all(options, signals::interrupted()));
    // A name that is still being looked up must not keep the program.
    runtime.shutdown_background();
    ended
}

/// Goes on with what `--resume` keeps, one after another.
fn jobs(words: &[OsString]) -> Result<(), Problem> {
    let mut worst: Option<Problem> = None;
    let lines = resume::command(words, &Printer::start())?;
    let several = lines.len() > 1;
    for line in lines {
        // Before the address.
        let file = line.iter().rev().nth(1).map(|file| file.display().to_string()).unwrap_or_default();
        let Some(options) = arguments::parse(line)? else { return Ok(()) };
        let Err(problem) = upload(options) else { continue };
        let (is_interruption, mut said) = (problem.is_interruption(), problem);
        if several {
            said = said.clone().summed_up(format_args!("{file}: {said}"));
        }
        // The worst is said at the end.
        match &mut worst {
            Some(worst) if worst.severity() >= said.severity() => complain(&said),
            Some(worst) => complain(std::mem::replace(worst, said)),
            None => worst = Some(said),
        }
        // The user wants an end of all.
        if is_interruption {
            break;
        }
    }
    worst.map_or(Ok(()), Err)
}
