//! The files of the command line: what is wrong with one is found before anything is sent.

use std::fs;
use std::process::Command;

use crate::common::{Desk, Ended, Server};

#[test]
fn what_is_no_file_is_not_uploaded() {
    let (server, desk) = (Server::start(), Desk::with_size(0));
    fs::remove_file(desk.file()).unwrap();
    desk.run(&[], &server.url("/a")).failed(1, &["source.bin", "cannot be read"]);
    fs::create_dir(desk.file()).unwrap();
    desk.run(&[], &server.url("/a")).failed(1, &["source.bin", "a folder", "--recursive"]);
    fs::remove_dir(desk.file()).unwrap();
    assert!(Command::new("mkfifo").arg(desk.file()).status().unwrap().success());
    desk.run(&[], &server.url("/a")).failed(1, &["source.bin", "not a file", "into a file"]);
    fs::remove_file(desk.file()).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(desk.file()).unwrap();
    desk.run(&[], &server.url("/a")).failed(1, &["source.bin", "not a file", "into a file"]);
    fs::remove_file(desk.file()).unwrap();
    for target in ["/dev/null", "/dev/zero", "nowhere"] {
        std::os::unix::fs::symlink(target, desk.file()).unwrap();
        desk.run(&[], &server.url("/a")).failed(1, &["source.bin", "cannot be read"]);
        fs::remove_file(desk.file()).unwrap();
    }
    assert!(server.seen().is_empty());
}

#[test]
fn no_file_has_two_parts_to_play() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    for options in
        [&["--state", "source.bin"][..], &["--reply", "./source.bin"], &["--state", "new", "--reply", "new"]]
    {
        desk.run(options, &server.url("/a")).failed(2, &["must be different files"]);
    }
    assert!(server.seen().is_empty());
    assert!(fs::read(desk.file()).unwrap() == desk.bytes);
}

#[test]
fn what_is_written_beside_the_state_and_the_reply_is_not_what_is_uploaded() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    for (beside, options) in [
        ("a.part", &["--reply", "a"][..]),
        ("a.new", &["--state", "a"]),
        ("a.lock", &["--state", "a"]),
        ("b", &["--state", "s", "--reply", "s.new"]),
    ] {
        // The file by another name.
        std::os::unix::fs::symlink(desk.file(), desk.path(beside)).unwrap();
        desk.run(options, &server.url("/a")).failed(2, &["must be different files"]);
        assert!(fs::read(desk.file()).unwrap() == desk.bytes, "{options:?}");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_reply_that_cannot_be_stored_is_not_asked_for() {
    let (server, desk) = (Server::build().reply(b"the reply").start(), Desk::with_size(10));
    let long = "x".repeat(255);
    desk.run(&["--reply", &long], &server.url("/a")).failed(1, &[&long, "cannot be written"]);
    assert!(server.seen().is_empty());
}

#[test]
fn without_a_reply_nothing_is_left_of_it() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let ended = desk.run(&["--reply", "reply", "--give-up-after", "0.2"], &server.url("/a"));
    assert!(matches!(ended.code, Some(1 | 3)), "{ended:?}");
    assert!(!desk.path("reply").exists() && !desk.path("reply.part").exists());
}

#[test]
fn a_state_that_cannot_be_written_is_told_before_the_upload() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let program = desk.command(&["--state", "upload.state"], &server.url("/a"));
    // No file may get any longer than it is, as on a full disk.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]).arg(program.get_program());
    limited.args(program.get_args()).current_dir(desk.path("."));
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Ended::of(limited.spawn().unwrap()).failed(1, &["upload.state", "cannot be written"]);
    assert!(server.seen().is_empty());
    for name in ["upload.state", "upload.state.new", "upload.state.lock"] {
        assert!(!desk.path(name).exists(), "{name}");
    }
}
