//! Several files in one run.

use std::collections::HashSet;
use std::fs;
use std::process::{Child, Command, Stdio};

use crate::common::{Desk, Ended, Fault, Server};

fn run(desk: &Desk, arguments: &[&str]) -> Ended {
    Ended::of(start(desk, arguments))
}

fn start(desk: &Desk, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bits-upload"));
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.args(["--retry-min", "0.02", "--retry-max", "0.2"]).args(arguments);
    command.env("XDG_STATE_HOME", desk.path("states")).env("HOME", desk.path("."));
    command.current_dir(desk.path(".")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn files_keep_their_names_in_a_folder() {
    let (server, desk) = (Server::start(), Desk::with_size(0));
    for name in ["a.txt", "b c.txt", "ü.txt"] {
        fs::write(desk.path(name), name).unwrap();
    }
    let ended = run(&desk, &["--jobs", "2", "a.txt", "b c.txt", "ü.txt", &server.url("/in/")]);
    ended.succeeded();
    for (name, path) in [("a.txt", "/in/a.txt"), ("b c.txt", "/in/b%20c.txt"), ("ü.txt", "/in/%C3%BC.txt")] {
        assert_eq!(server.published(path).unwrap(), name.as_bytes());
    }
    // `printf a.txt | sha256sum`
    let sum = "18b7cb099a9ea3f50ba899b5ba81e0d377a5f3b16f8f6eeb8b3e58cd4692b993";
    let line = ended.stdout.lines().find(|line| line.contains("  a.txt -> http")).unwrap();
    assert!(line.contains(sum), "{ended:?}");
}

#[test]
fn a_folder_goes_with_what_is_below_it() {
    let (server, desk) = (Server::start(), Desk::with_size(0));
    fs::create_dir_all(desk.path("tree/sub")).unwrap();
    fs::write(desk.path("tree/top"), "1").unwrap();
    fs::write(desk.path("tree/sub/below"), "2").unwrap();
    std::os::unix::fs::symlink(desk.path("tree"), desk.path("tree/sub/loop")).unwrap();
    run(&desk, &["--recursive", "tree", &server.url("/in/")]).succeeded();
    assert_eq!(server.published("/in/top").unwrap(), b"1");
    assert_eq!(server.published("/in/sub/below").unwrap(), b"2");
    assert_eq!(server.count("Create-Session"), 2);
}

#[test]
fn of_several_files_the_worst_end_counts() {
    let desk = Desk::with_size(0);
    for name in ["fine", "unconfirmed", "refused", "away"] {
        fs::write(desk.path(name), name).unwrap();
    }
    for (files, code, lines) in [
        (&["fine", "unconfirmed"][..], 4, 2),
        (&["unconfirmed", "away", "fine"], 3, 3),
        (&["refused", "away", "unconfirmed", "fine"], 1, 4),
    ] {
        let server = Server::build().faults(|seen| match (&*seen.path, &*seen.packet) {
            ("/in/unconfirmed", "Close-Session") => Fault::Answer(200, "", ""),
            ("/in/refused", _) => Fault::Answer(404, "", ""),
            ("/in/away", _) => Fault::Answer(502, "", ""),
            _ => Fault::None,
        });
        let server = server.start();
        let url = server.url("/in/");
        let ended = run(&desk, &[&["--give-up-after", "2"], files, &[&url]].concat());
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(code), lines), "{ended:?}");
        assert!(server.published("/in/fine").is_some());
    }
}

#[test]
fn several_files_need_a_folder() {
    let desk = Desk::with_size(10);
    let url = "http://127.0.0.1:1/a";
    run(&desk, &["source.bin", "other", url]).failed(2, &["a folder as their address"]);
    run(&desk, &["--state", "s", "source.bin", "other", "http://127.0.0.1:1/a/"]).failed(2, &["--resume"]);
}

#[test]
fn two_files_with_one_name_are_refused_before_one_replaces_the_other() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    for folder in ["one", "two"] {
        fs::create_dir(desk.path(folder)).unwrap();
        fs::copy(desk.file(), desk.path(folder).join("source.bin")).unwrap();
    }
    let url = server.url("/in/");
    for files in [["source.bin", "two/source.bin"], ["source.bin", "source.bin"]] {
        let words = ["would both become /in/source.bin", files[0], files[1]];
        run(&desk, &[&files[..], &[&url]].concat()).failed(2, &words);
    }
    run(&desk, &["--recursive", "one", "two", &url]).failed(2, &["one/source.bin", "two/source.bin"]);
    assert!(server.seen().is_empty());
}

#[test]
fn what_is_kept_for_a_user_is_listed_resumed_and_removed() {
    let server = Server::build().faults(|seen| match seen.number {
        3 => Fault::Answer(403, "", "the token has expired"),
        _ => Fault::None,
    });
    let (server, desk) = (server.start(), Desk::with_size(20_000));
    let url = server.url("/a?token=old");
    let resume = ["--resume", "--fragment-size", "5KiB", "source.bin", &url];
    run(&desk, &resume).failed(1, &["403"]);
    let jobs = |words: &[&str]| Ended::of(jobs(&desk, words));
    let listed = jobs(&[]).stdout;
    assert!(listed.contains("source.bin") && !listed.contains("token"), "{listed}");
    let id = listed.split(' ').next().unwrap();
    jobs(&["resume", id, "--fragment-size", "5KiB"]).succeeded();
    assert_eq!(server.count("Create-Session"), 1);
    assert!(server.published("/a") == Some(desk.bytes.clone()));
    assert_eq!(jobs(&[]).stdout, "");
    jobs(&["remove", "none"]).failed(2, &["no such upload"]);
}

/// `bits-upload jobs`, with the places of `run`.
fn jobs(desk: &Desk, words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bits-upload"));
    command.arg("jobs").args(words).env("XDG_STATE_HOME", desk.path("states")).current_dir(desk.path("."));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn terminate(child: &Child) {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
}

#[test]
fn a_signal_ends_all_that_is_resumed_and_what_is_under_way_is_not_forgotten() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    fs::copy(desk.file(), desk.path("other.bin")).unwrap();
    let slow = ["--fragment-size", "5KiB", "--max-rate", "50KiB"];
    let options = [&["--resume"], &slow[..], &["--jobs", "2", "source.bin", "other.bin"]].concat();
    let url = server.url("/in/");
    let first = start(&desk, &[&options[..], &[&url]].concat());
    server.wait_for_bytes(20_000);
    // No state is lost to the one who asks.
    let removed = Ended::of(jobs(&desk, &["remove", "all"]));
    removed.failed(1, &["under way", "stop its run"]);
    terminate(&first);
    assert_eq!(Ended::of(first).code, Some(3));
    assert_eq!(Ended::of(jobs(&desk, &[])).stdout.lines().count(), 2);

    let second = jobs(&desk, &[&["resume", "all"], &slow[..]].concat());
    server.wait_for_bytes(60_000);
    terminate(&second);
    let ended = Ended::of(second);
    ended.failed(3, &["interrupted"]);
    assert_eq!(ended.stdout.matches("uploading ").count(), 1, "{ended:?}");
    let paths: HashSet<_> = server.seen().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!((paths.len(), server.count("Create-Session"), server.count("Cancel-Session")), (2, 2, 0));

    Ended::of(jobs(&desk, &["remove", "all"])).succeeded();
    assert_eq!(Ended::of(jobs(&desk, &[])).stdout, "");
}

#[test]
fn what_is_resumed_and_fails_is_said_once_with_its_name() {
    let server = Server::build().faults(|seen| match &*seen.packet {
        "Fragment" => Fault::Answer(503, "", "busy"),
        _ => Fault::None,
    });
    let (server, desk) = (server.start(), Desk::with_size(100));
    fs::copy(desk.file(), desk.path("other.bin")).unwrap();
    let url = server.url("/in/");
    let busy = ["--resume", "--give-up-after", "0.3", "source.bin", "other.bin", &url];
    assert_eq!(run(&desk, &busy).code, Some(3));
    let again = ["--give-up-after", "0.3", "--retry-max", "0.05"];
    let ended = Ended::of(jobs(&desk, &[&["resume", "all"], &again[..]].concat()));
    assert_eq!(ended.code, Some(3), "{ended:?}");
    for name in ["source.bin: ", "other.bin: "] {
        assert_eq!(ended.stderr.matches(name).count(), 1, "{ended:?}");
    }
    assert_eq!(ended.stderr.lines().count(), 2, "{ended:?}");
}
