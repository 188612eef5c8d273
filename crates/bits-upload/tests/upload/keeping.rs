//! Bytes that were uploaded are never thrown away.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::common::{Desk, Ended, Fault, Server};

const STATE: [&str; 4] = ["--state", "upload.state", "--fragment-size", "5KiB"];
const SLOW: [&str; 4] = ["--fragment-size", "5KiB", "--max-rate", "100KiB"];

#[test]
fn a_page_after_the_last_byte_cancels_nothing() {
    let server = Server::build().faults(|seen| match &*seen.packet {
        "Close-Session" => Fault::Answer(403, "Content-Type: text/html\r\n", "<h1>Blocked</h1>"),
        _ => Fault::None,
    });
    let server = server.start();
    Desk::with_size(10).run(&[], &server.url("/a")).failed(1, &["not from a BITS server", "403"]);
    assert_eq!((server.count("Cancel-Session"), server.open_sessions()), (0, 1));
}

#[test]
fn what_nobody_confirmed_has_a_status_of_its_own() {
    let server = Server::build().faults(|seen| match &*seen.packet {
        "Close-Session" => Fault::Answer(200, "", ""),
        _ => Fault::None,
    });
    let (server, desk) = (server.start(), Desk::with_size(10));
    for options in [&["--state", "upload.state"][..], &["--quiet"], &["--json"]] {
        desk.run(options, &server.url("/a")).failed(4, &["did not confirm"]);
        assert!(!desk.state().exists(), "there is nothing to go on with");
    }
    desk.run(&["--unconfirmed-ok"], &server.url("/a")).succeeded();
}

#[test]
fn a_fatal_answer_keeps_the_session_where_there_is_a_state() {
    let server = Server::build().faults(|seen| match seen.number {
        3 => Fault::Answer(403, "", "<h1>The token has expired</h1>"),
        _ => Fault::None,
    });
    let (server, desk) = (server.start(), Desk::with_size(20_000));
    desk.run(&STATE, &server.url("/a")).failed(1, &["403"]);
    assert!(desk.state().exists());
    desk.run(&STATE, &server.url("/a")).succeeded();
    assert_eq!((server.count("Create-Session"), server.count("Cancel-Session")), (1, 0));
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn every_signal_that_ends_programs_suspends_the_upload() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    // All but KILL, and those that a program gets for its own mistakes.
    let mut signals =
        vec!["-HUP", "-INT", "-QUIT", "-USR1", "-USR2", "-ALRM", "-TERM", "-XCPU", "-VTALRM", "-PROF", "-IO"];
    if cfg!(target_os = "linux") {
        signals.push("-PWR");
    }
    for signal in signals {
        let before = server.seen().len();
        let child = desk.command(&[&STATE[..2], &SLOW].concat(), &server.url("/a")).spawn().unwrap();
        // This run has begun, and there is a session to go on with.
        server.wait_for_requests(before + 1);
        server.wait_for_bytes(10_000);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        Ended::of(child).failed(3, &["interrupted", "run the same command again"]);
    }
    desk.run(&STATE, &server.url("/a")).succeeded();
    assert_eq!(server.count("Create-Session"), 1);
}

#[test]
fn a_signal_without_a_state_cancels_the_session() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    let child = desk.command(&SLOW, &server.url("/a")).spawn().unwrap();
    server.wait_for_bytes(10_000);
    assert!(Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    Ended::of(child).failed(3, &["interrupted"]);
    assert_eq!((server.count("Cancel-Session"), server.open_sessions()), (1, 0));
}

/// `script` is the terminal. Killed, it closes it.
#[test]
#[cfg(target_os = "linux")]
fn a_closed_terminal_suspends_the_upload() {
    use std::process::Stdio;
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    let program = desk.command(&[&STATE[..2], &SLOW].concat(), &server.url("/a"));
    let words: Vec<_> = std::iter::once(program.get_program()).chain(program.get_args()).collect();
    let words: Vec<_> = words.into_iter().map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--command", &words.join(" "), "/dev/null"]).current_dir(desk.path("."));
    terminal.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut terminal = terminal.spawn().expect("script is needed: apt-get install bsdutils");
    server.wait_for_bytes(20_000);
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    // It lets go of the state once it has ended.
    let begin = std::time::Instant::now();
    while desk.path("upload.state.lock").exists() {
        assert!(begin.elapsed() < Duration::from_secs(10), "it runs on without its terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(desk.state().exists());
    desk.run(&STATE, &server.url("/a")).succeeded();
    assert_eq!((server.count("Create-Session"), server.count("Cancel-Session")), (1, 0));
    assert!(server.published("/a") == Some(desk.bytes));
}

/// Both of its outputs are one pipe that is full from the beginning.
#[test]
fn a_full_pipe_keeps_no_program_that_failed() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut filler = Command::new("sh");
    filler.args(["-c", "dd if=/dev/zero bs=1k 2>/dev/null"]).stdout(writer.try_clone().unwrap());
    let mut filler = filler.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    filler.kill().unwrap();
    filler.wait().unwrap();
    let server = Server::build().faults(|_| Fault::Answer(404, "", "")).start();
    let desk = Desk::with_size(10);
    let mut command = desk.command(&[], &server.url("/a"));
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    let begin = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "it hangs");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(1));
    std::io::Read::read_exact(&mut reader, &mut [0]).unwrap();
}

#[test]
fn nohup_works() {
    let (server, desk) = (Server::start(), Desk::with_size(100_000));
    let program = desk.command(&SLOW, &server.url("/a"));
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(program.get_program()).args(program.get_args());
    let child = deaf
        .current_dir(desk.path("."))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = child.spawn().unwrap();
    server.wait_for_bytes(10_000);
    assert!(Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    Ended::of(child).succeeded();
}

#[test]
fn a_full_pipe_that_nobody_reads_keeps_no_upload() {
    let (server, desk) = (Server::start(), Desk::with_size(5_000_000));
    let mut child = desk.command(&["-v", "--fragment-size", "5KiB"], &server.url("/a")).spawn().unwrap();
    let begin = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "it hangs");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn a_link_beside_the_state_is_not_followed() {
    let (server, desk) = (Server::start(), Desk::with_size(20_000));
    for (link, works) in [("upload.state.new", true), ("upload.state.lock", false), ("reply.part", true)] {
        let victim = desk.path("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, desk.path(link)).unwrap();
        let ended = desk.run(&[&STATE[..], &["--reply", "reply"]].concat(), &server.url("/a"));
        assert_ne!(ended.code, Some(0), "there is no reply");
        assert_eq!(ended.stderr.contains("the server has no reply"), works, "{ended:?}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        let _gone = fs::remove_file(desk.path(link));
        // One that leads nowhere creates nothing there.
        fs::remove_file(&victim).unwrap();
        std::os::unix::fs::symlink(&victim, desk.path(link)).unwrap();
        desk.run(&[&STATE[..], &["--reply", "reply"]].concat(), &server.url("/a"));
        assert!(!victim.exists(), "{link}");
        let _gone = fs::remove_file(desk.path(link));
        let _gone = fs::remove_file(desk.state());
    }
}

#[test]
fn a_link_in_the_place_of_a_state_is_not_followed() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    fs::write(desk.path("victim"), "precious").unwrap();
    for (target, option) in
        [("victim", "--state"), ("nowhere", "--state"), ("victim", "--reply"), ("nowhere", "--reply")]
    {
        std::os::unix::fs::symlink(desk.path(target), desk.path("link")).unwrap();
        desk.run(&[option, "link"], &server.url("/a")).failed(2, &["link cannot be written", "a plain file"]);
        fs::remove_file(desk.path("link")).unwrap();
    }
    assert_eq!(fs::read_to_string(desk.path("victim")).unwrap(), "precious");
    assert!(!desk.path("nowhere").exists() && server.seen().is_empty());
}

#[test]
fn cookies_of_a_load_balancer_go_back_and_are_kept() {
    let server = Server::build().faults(|seen| match &*seen.packet {
        "Create-Session" => Fault::More("Set-Cookie: ARRAffinity=node7; Path=/; HttpOnly\r\n"),
        _ => Fault::None,
    });
    let (server, desk) = (server.start(), Desk::with_size(500_000));
    let mut child = desk.command(&[&STATE[..2], &SLOW].concat(), &server.url("/a")).spawn().unwrap();
    server.wait_for_bytes(20_000);
    child.kill().unwrap();
    child.wait().unwrap();
    desk.run(&STATE, &server.url("/a")).succeeded();
    let seen = server.seen();
    assert!(!seen[0].headers.contains_key("cookie"));
    assert!(seen[1..].iter().all(|seen| seen.headers["cookie"] == "ARRAffinity=node7"), "in both runs");
}
