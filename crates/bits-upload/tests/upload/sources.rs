//! Sources that are not what they seem, or do not stay what they were.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Command;

use crate::common::{Desk, Ended, Server};

const SLOW: [&str; 4] = ["--fragment-size", "5KiB", "--max-rate", "100KiB"];

#[test]
fn a_file_without_a_true_size_is_not_uploaded_as_something_else() {
    let (server, desk) = (Server::start(), Desk::with_size(0));
    // Those of /proc have 0 bytes, as they say, and those of /sys have 4,096.
    for file in [
        "/proc/version",
        "/proc/self/maps",
        "/proc/sys/kernel/hostname",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ] {
        if !std::path::Path::new(file).exists() {
            continue;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_bits-upload"));
        command.args([file, &server.url("/a")]).current_dir(desk.path("."));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        Ended::of(command.spawn().unwrap()).failed(1, &[file, "copy it"]);
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_file_that_grows_shrinks_or_vanishes_is_told() {
    type Change = fn(&Desk);
    let grow: Change = |desk| {
        OpenOptions::new().append(true).open(desk.file()).unwrap().write_all(b"more").unwrap();
    };
    let shrink: Change =
        |desk| OpenOptions::new().write(true).open(desk.file()).unwrap().set_len(30_000).unwrap();
    let delete: Change = |desk| fs::remove_file(desk.file()).unwrap();
    let replace: Change = |desk| {
        fs::write(desk.path("other"), "other").unwrap();
        fs::rename(desk.path("other"), desk.file()).unwrap();
    };
    for (change, words) in [
        (grow, "the file changed"),
        (shrink, "the file changed"),
        (delete, "deleted or replaced"),
        (replace, "deleted or replaced"),
    ] {
        let (server, desk) = (Server::start(), Desk::with_size(500_000));
        let child = desk.command(&SLOW, &server.url("/a")).spawn().unwrap();
        server.wait_for_bytes(20_000);
        change(&desk);
        Ended::of(child).failed(1, &[words]);
        assert_eq!((server.open_sessions(), server.published("/a")), (0, None));
    }
}
