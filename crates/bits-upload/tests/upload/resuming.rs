//! The next run goes on in the same session, however the last one ended.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

use crate::common::{Desk, Ended, Fault, Server};

/// Slow enough to be met in the middle: half a million bytes take five seconds.
const SLOW: [&str; 4] = ["--fragment-size", "5KiB", "--max-rate", "100KiB"];
const STATE: [&str; 4] = ["--state", "upload.state", "--fragment-size", "5KiB"];

#[test]
fn a_killed_upload_goes_on_in_its_session() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    for received in [1, 20_000, 60_000] {
        let mut child = desk.command(&[&STATE[..2], &SLOW].concat(), &server.url("/a")).spawn().unwrap();
        server.wait_for_bytes(received);
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(desk.state().exists());
    }
    let ended = desk.run(&STATE, &server.url("/a"));
    ended.succeeded();
    assert!(ended.stdout.contains(", from byte "), "{ended:?}");
    assert_eq!(server.count("Create-Session"), 1);
    let sent: usize = server.count("Fragment") * 5_120;
    assert!(sent < 500_000 + 5 * 5_120, "what was acknowledged is not sent again: {sent}");
    assert!(!desk.state().exists(), "removed at the end");
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn of_two_runs_with_one_state_only_one_goes_on() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    let url = server.url("/a");
    let slow = [&STATE[..2], &SLOW, &["--reply", "reply"]].concat();
    let mut first = desk.command(&slow, &url).spawn().unwrap();
    server.wait_for_bytes(1);
    let second = desk.run(&[&STATE[..], &["--reply", "reply"]].concat(), &url);
    second.failed(1, &["another run goes on with upload.state", "--state"]);
    assert!(first.try_wait().unwrap().is_none() && desk.path("reply.part").exists(), "it is not disturbed");
    // What a kill leaves behind locks nobody out.
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(desk.path("upload.state.lock").exists());
    desk.run(&STATE, &url).succeeded();
    assert_eq!(server.count("Create-Session"), 1);
    assert!(!desk.path("upload.state.lock").exists());
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn whenever_it_is_killed_the_file_arrives_once() {
    let (server, desk) = (Server::start(), Desk::with_size(50_000));
    let mut times = (0..200).map(|run| Duration::from_millis(run * 3));
    let arrived = times.any(|time| {
        let mut child = desk.command(&STATE, &server.url("/a")).spawn().unwrap();
        std::thread::sleep(time);
        child.kill().unwrap();
        child.wait().unwrap();
        server.published("/a").is_some()
    });
    assert!(arrived, "the last ones have enough time");
    if desk.state().exists() {
        // It was killed before it heard that all is done. The server would complain about a second one.
        desk.run(&STATE, &server.url("/a")).succeeded();
    }
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn an_interrupted_upload_is_suspended_and_goes_on() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    for (signal, received) in [("-INT", 10_000), ("-TERM", 30_000)] {
        let child = desk.command(&[&STATE[..2], &SLOW].concat(), &server.url("/a")).spawn().unwrap();
        server.wait_for_bytes(received);
        send(signal, &child);
        Ended::of(child).failed(3, &["interrupted", "run the same command again"]);
    }
    desk.run(&STATE, &server.url("/a")).succeeded();
    assert_eq!(server.count("Create-Session"), 1);
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn an_interruption_does_not_wait_for_a_server_that_hangs() {
    let server =
        Server::build()
            .faults(|seen| {
                if seen.packet == "Fragment" { Fault::Delay(Duration::from_secs(20)) } else { Fault::None }
            })
            .start();
    let desk = Desk::with_size(10_000);
    let child = desk.command(&STATE, &server.url("/a")).spawn().unwrap();
    server.wait_for_bytes(5_120);
    let begin = std::time::Instant::now();
    send("-INT", &child);
    Ended::of(child).failed(3, &["interrupted"]);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_reply_whose_fetching_was_interrupted_or_killed_is_fetched_by_the_next_run() {
    for signal in ["-INT", "-KILL"] {
        let (hung, is_hung) = flag();
        let server = Server::build().reply(b"the answer").faults(move |seen| match seen.method.as_str() {
            "GET" if is_hung() => Fault::Delay(Duration::from_secs(60)),
            _ => Fault::None,
        });
        let (server, desk) = (server.start(), Desk::with_size(10_000));
        let options = [&STATE[..], &["--reply", "reply"]].concat();
        let child = desk.command(&options, &server.url("/a")).spawn().unwrap();
        // Create-Session, two fragments, and the GET.
        server.wait_for_requests(4);
        send(signal, &child);
        let ended = Ended::of(child);
        assert_eq!(ended.code, (signal == "-INT").then_some(3), "{ended:?}");
        assert!(desk.state().exists() && !desk.path("reply").exists());
        hung();
        desk.run(&options, &server.url("/a")).succeeded();
        assert_eq!(fs::read(desk.path("reply")).unwrap(), b"the answer");
        assert_eq!((server.count("Create-Session"), server.count("Close-Session")), (1, 1));
        assert!(!desk.path("reply.part").exists() && server.published("/a") == Some(desk.bytes));
    }
}

#[test]
fn a_given_up_upload_can_be_resumed() {
    let (server, desk) = (Server::build(), Desk::with_size(50_000));
    let (down, is_down) = flag();
    let server = server
        .faults(move |seen| match seen.number {
            0..=3 => Fault::None,
            _ if is_down() => Fault::Answer(502, "", "<h1>Bad Gateway</h1>"),
            _ => Fault::None,
        })
        .start();
    let options = [&STATE[..], &["--give-up-after", "0.5"]].concat();
    let ended = desk.run(&options, &server.url("/a"));
    ended.failed(3, &["no progress", "502", "run the same command again"]);
    down();
    desk.run(&options, &server.url("/a")).succeeded();
    assert_eq!(server.count("Create-Session"), 1);
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn giving_up_on_a_server_that_is_not_there() {
    // Bound and closed again: nobody listens there.
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let desk = Desk::with_size(10);
    let ended = desk.run(&["--give-up-after", "0.2"], &format!("http://{address}/a"));
    ended.failed(3, &["no progress", "Connection refused", "--state FILE"]);
}

#[test]
fn a_file_that_changed_between_two_runs_is_not_mixed() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    let mut child = desk.command(&[&STATE[..2], &SLOW].concat(), &server.url("/a")).spawn().unwrap();
    server.wait_for_bytes(20_000);
    child.kill().unwrap();
    child.wait().unwrap();
    let changed = vec![7; 500_000];
    fs::write(desk.file(), &changed).unwrap();
    desk.run(&STATE, &server.url("/a"))
        .failed(1, &["the file changed", "0x8020001D", "run the same command again"]);
    assert_eq!((server.open_sessions(), desk.state().exists()), (0, false));
    desk.run(&STATE, &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(changed));
}

#[test]
fn a_file_that_changes_under_way_is_not_mixed() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    let child = desk.command(&SLOW, &server.url("/a")).spawn().unwrap();
    server.wait_for_bytes(20_000);
    fs::write(desk.file(), vec![7; 50_000]).unwrap();
    Ended::of(child).failed(1, &["the file changed"]);
    assert_eq!((server.open_sessions(), server.published("/a")), (0, None));
}

#[test]
fn a_state_that_is_none_is_not_overwritten() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    for text in ["", "{}", "my diary", "{\"version\":99}"] {
        fs::write(desk.state(), text).unwrap();
        desk.run(&STATE, &server.url("/a")).failed(1, &["upload.state", "delete it"]);
        assert_eq!(fs::read_to_string(desk.state()).unwrap(), text);
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_state_belongs_to_one_destination() {
    let (server, desk) = (Server::start(), Desk::with_size(500_000));
    let child = desk.command(&[&STATE[..2], &SLOW].concat(), &server.url("/a")).spawn().unwrap();
    server.wait_for_bytes(5_120);
    send("-INT", &child);
    Ended::of(child).failed(3, &[]);
    desk.run(&STATE, &server.url("/b")).failed(1, &["to another address", "another file for --state"]);
}

/// What the requests of a second run have, which goes on after a first one was killed.
fn goes_on(first: (&[&str], &str), second: (&[&str], &str), server: &Server) -> Vec<test_server::Seen> {
    let desk = Desk::with_size(500_000);
    let options = [&STATE[..2], &SLOW, first.0].concat();
    let mut child = desk.command(&options, &server.url(first.1)).spawn().unwrap();
    server.wait_for_bytes(20_000);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = server.seen().len();
    desk.run(&[&STATE[..], second.0].concat(), &server.url(second.1)).succeeded();
    assert_eq!((server.count("Create-Session"), server.count("Cancel-Session")), (1, 0));
    assert!(server.published("/a") == Some(desk.bytes));
    server.seen().split_off(before)
}

#[test]
fn a_renewed_token_goes_on_in_the_same_session() {
    let server = Server::start();
    let seen = goes_on((&[], "/a?token=old"), (&[], "/a?token=new"), &server);
    assert!(seen.iter().all(|seen| seen.query.as_deref() == Some("token=new")), "{seen:?}");
    let server = Server::start();
    let token = |token| ["--header", token];
    let (old, new) = (token("Authorization: Bearer old"), token("Authorization: Bearer new"));
    let seen = goes_on((&old, "/a"), (&new, "/a"), &server);
    assert!(seen.iter().all(|seen| seen.headers["authorization"] == "Bearer new"), "{seen:?}");
}

#[test]
fn another_password_goes_on_in_the_same_session() {
    // Both are good, one after the other; the server does not compare owners.
    let server = Server::build().faults(|seen| match seen.headers.get("authorization") {
        None => Fault::Answer(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", ""),
        Some(_) => Fault::None,
    });
    let server = server.start();
    let user = |user| ["--ping-first", "--user", user];
    let seen = goes_on((&user("a:old"), "/a"), (&user("a:new"), "/a"), &server);
    // `a:new`
    assert!(seen.iter().skip(1).all(|seen| seen.headers["authorization"] == "Basic YTpuZXc="), "{seen:?}");
}

#[test]
fn another_name_for_the_same_host_goes_on_in_the_same_session() {
    let server = Server::start();
    let seen = goes_on((&[], "/a"), (&["--header", "Host: files.example"], "/a"), &server);
    assert!(seen.iter().all(|seen| seen.headers["host"] == "files.example"), "{seen:?}");
}

/// INT is what Ctrl-C sends.
fn send(signal: &str, child: &Child) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// A flag that is up until the first of these is called; the second tells whether it is.
fn flag() -> (impl FnOnce(), impl Fn() -> bool) {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let up = Arc::new(AtomicBool::new(true));
    let lowered = Arc::clone(&up);
    (move || lowered.store(false, Ordering::SeqCst), move || up.load(Ordering::SeqCst))
}
