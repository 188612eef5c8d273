//! The commands of the README work as they stand there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Desk, Ended, Server};

const README: &str = include_str!("../../README.md");

/// What `--help` prints.
fn help() -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bits-upload"));
    let ended =
        Ended::of(command.arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    ended.succeeded();
    ended.stdout
}

#[test]
fn every_option_that_it_names_is_there() {
    let (help, mut seen) = (help(), 0);
    // The options of cargo stand in the line that installs the program.
    let ours = README.lines().filter(|line| !line.starts_with("cargo install"));
    for word in
        ours.flat_map(|line| line.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')))
    {
        let Some(name) =
            word.strip_prefix("--").filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
        else {
            continue;
        };
        assert!(help.contains(&format!("--{name}")), "{word}");
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn its_commands_upload() {
    let block = README.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let (uploads, setup): (Vec<_>, Vec<_>) = block
        .lines()
        .filter(|line| !line.starts_with("cargo install"))
        .partition(|line| line.starts_with("bits-upload "));
    assert_eq!(uploads.len(), 2, "{block}");
    let programs = Path::new(env!("CARGO_BIN_EXE_bits-upload")).parent().unwrap();
    for upload in uploads {
        let (server, desk) = (Server::start(), Desk::with_size(0));
        fs::write(desk.path("nightly.tar"), "backup").unwrap();
        let script =
            format!("{}\n{upload}", setup.join("\n")).replace("https://iis.example.org", &server.url(""));
        let mut command = Command::new("sh");
        command.args(["-euc", &script]).current_dir(desk.path("."));
        command.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
        command.env("XDG_STATE_HOME", desk.path("states")).env("BITS_UPLOAD_PROXY", "none");
        Ended::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).succeeded();
        assert_eq!(server.published("/uploads/nightly.tar").unwrap(), b"backup", "{upload}");
    }
}
