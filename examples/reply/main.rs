//! A file goes up, an application answers it, and the answer comes down: all six roles, over real TCP.
//!
//! `cargo run --release --example reply` uploads 8 MiB of random bytes, `… --example reply -- FILE` a file. The server
//! sends the file to its application by value; with `--by-reference` it tells where the file is, as IIS does in the
//! captures of MC-BUP. The application answers with every byte of it inverted.
//!
//! Where to look, to build the library into a program of your own:
//!
//! - `upload.rs` drives a [`client::Upload`](bits_proto::client::Upload) that waits for a reply;
//! - `fetch.rs` drives a [`download::Download`](bits_proto::download::Download): the reply client;
//! - `server.rs` drives [`server::Sessions`](bits_proto::server::Sessions) that notify an application;
//! - `back_end.rs` drives a [`notify::Notification`](bits_proto::notify::Notification): the server's arm that does so;
//! - `application.rs` is that application: [`notify::Application`](bits_proto::notify::Application);
//! - `replies.rs` is the reply server: [`download::respond`](bits_proto::download::respond).
//!
//! The rest stands for what your program has already, and most of it is that of the example `roundtrip`.

#![expect(clippy::disallowed_methods, reason = "the program does what the library leaves to it")]
#![expect(clippy::disallowed_types, reason = "the program does what the library leaves to it")]
#![expect(clippy::disallowed_macros, reason = "the program tells what it does")]

mod application;
mod back_end;
mod conversation;
#[path = "../roundtrip/exchange.rs"]
mod exchange;
mod fetch;
#[path = "../roundtrip/files.rs"]
mod files;
#[path = "../roundtrip/http1.rs"]
mod http1;
#[cfg(test)]
#[path = "../roundtrip/hung.rs"]
mod hung;
mod inverted;
#[path = "../roundtrip/listen.rs"]
mod listen;
mod replies;
mod server;
#[path = "../roundtrip/storage.rs"]
mod storage;
#[cfg(test)]
mod tests;
#[path = "../roundtrip/turns.rs"]
mod turns;
mod upload;

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bits_proto::notify::NotificationType;
use http::Uri;

use application::InvertingApplication;
use conversation::Conversation;
use replies::Replies;
use server::Server;
use storage::Storage;

const RANDOM_FILE_SIZE: u64 = 8 * 1024 * 1024;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reply: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (by_reference, argument) = arguments()?;
    let folder = files::TemporaryFolder::create()?;
    let path = match argument {
        Some(path) => path,
        None => files::random(folder.path().join("source.bin"), RANDOM_FILE_SIZE)?,
    };
    let size = files::size(&path)?;
    let conversation = Arc::new(Conversation::begin());

    // Three servers on three ports, each of which could be a program of its own.
    let application =
        InvertingApplication::create(folder.path().join("application"), Arc::clone(&conversation))?;
    let application = format!("http://{}/invert", application.start()?).parse()?;
    let notification = match by_reference {
        true => NotificationType::ByReference(application),
        false => NotificationType::ByValue(application),
    };
    let replies = Arc::new(Replies::create(folder.path().join("replies"), Arc::clone(&conversation))?);
    let reply_server = Arc::clone(&replies).start()?;
    let storage = Storage::create(folder.path().join("server"))?;
    let server =
        Server { notification, storage, replies, reply_server, conversation: Arc::clone(&conversation) };
    let destination: Uri = format!("http://{}/uploads/entity.bin", server.start()?).parse()?;

    conversation.note(format_args!("{} ({size} bytes) goes to {destination}", path.display()));
    upload::upload(&path, destination, &conversation, |url| {
        let reply = folder.path().join("reply.bin");
        let received = fetch::fetch(url, size.div_ceil(3), &reply, &conversation)?;
        expect_inverted(&path, &reply, &folder.path().join("expected.bin"))?;
        conversation.note(format_args!("{received} bytes: the reply is what was expected"));
        Ok(())
    })?;

    // By value the application wants the file at its destination, by reference it does not.
    let published = folder.path().join("server/entity.bin");
    match (published.exists(), by_reference) {
        (true, false) if files::same_bytes(&path, &published)? => {
            conversation.note("the published file is equal to the source");
        }
        (false, true) => conversation.note("the server has discarded the file"),
        _ => return Err("the server did not do with the file what the application said".into()),
    }
    let left = fs::read_dir(folder.path().join("replies"))?.count();
    if left > 0 { Err("the server has kept the reply of a closed session".into()) } else { Ok(()) }
}

fn arguments() -> Result<(bool, Option<PathBuf>), &'static str> {
    let (flags, paths): (Vec<_>, Vec<_>) =
        env::args_os().skip(1).partition(|argument| argument == "--by-reference");
    match (flags.len(), &paths[..]) {
        (0 | 1, []) => Ok((flags.len() == 1, None)),
        (0 | 1, [path]) => Ok((flags.len() == 1, Some(path.into()))),
        _ => Err("usage: reply [--by-reference] [FILE]"),
    }
}

fn expect_inverted(source: &Path, reply: &Path, expected: &Path) -> Result<(), Box<dyn Error>> {
    io::copy(&mut inverted::Inverted(files::open(source)?), &mut fs::File::create_new(expected)?)?;
    if files::same_bytes(reply, expected)? {
        Ok(())
    } else {
        Err("the reply is not what was expected".into())
    }
}
