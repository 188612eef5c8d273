//! One file goes from a client to a server over real TCP, and arrives whole although a connection breaks on the way.
//!
//! `cargo run --release --example roundtrip` uploads 64 MiB of random bytes, `… --example roundtrip -- FILE` a file.
//!
//! Where to look, to build the library into a program of your own:
//!
//! - `client.rs` drives a [`client::Upload`](bits_proto::client::Upload), and `exchange.rs` sends its requests: the whole
//!   of a client;
//! - `server.rs` drives [`server::Sessions`](bits_proto::server::Sessions): the whole of a server;
//! - `turns.rs` has the server's threads take turns;
//! - `storage.rs` is what that server does with files.
//!
//! The rest stands for what your program has already: `http1.rs` and `listen.rs` for an HTTP library, `wire.rs` for a network that
//! fails, `conversation.rs` for a log, `files.rs` for something to upload.

#![expect(clippy::disallowed_methods, reason = "the program does what the library leaves to it")]
#![expect(clippy::disallowed_types, reason = "the program does what the library leaves to it")]
#![expect(clippy::disallowed_macros, reason = "the program tells what it does")]

mod client;
mod conversation;
mod exchange;
mod files;
mod http1;
#[cfg(test)]
mod hung;
mod listen;
mod server;
mod storage;
#[cfg(test)]
mod tests;
mod turns;
mod wire;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bits_proto::limits::{MAX_FRAGMENT_SIZE, MIN_FRAGMENT_SIZE};

use conversation::Conversation;
use server::Server;
use storage::Storage;

const RANDOM_FILE_SIZE: u64 = 64 * 1024 * 1024;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roundtrip: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (argument, None) = (arguments.next(), arguments.next()) else {
        return Err("usage: roundtrip [FILE]".into());
    };
    let folder = files::TemporaryFolder::create()?;
    let path = match argument {
        Some(path) => path,
        None => files::random(folder.path().join("source.bin"), RANDOM_FILE_SIZE)?,
    };
    let size = files::size(&path)?;
    let fragment_size = (size / 16).clamp(MIN_FRAGMENT_SIZE, MAX_FRAGMENT_SIZE);

    let conversation = Arc::new(Conversation::begin());
    let server = Server::start(Storage::create(folder.path().join("server"))?, Arc::clone(&conversation))?;
    // The client reaches the server through a wire that breaks once: half-way through the file, within a fragment.
    let wire = wire::start(server, size / 2 + fragment_size / 2, Arc::clone(&conversation))?;
    let destination = format!("http://{wire}/uploads/entity.bin").parse()?;

    conversation.note(format_args!("{} ({size} bytes) goes to {destination}", path.display()));
    let totals = client::upload(&path, destination, fragment_size, &conversation)?;
    conversation.note(format_args!("{size} bytes {totals}"));

    if !files::same_bytes(&path, &folder.path().join("server/entity.bin"))? {
        return Err("the published file differs from the source".into());
    }
    conversation.note("the published file is equal to the source");
    Ok(())
}
