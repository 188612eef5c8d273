//! Files arrive, whatever their size and whatever happens on the way.

use std::time::Duration;

use crate::common::{Desk, Fault, Server};

#[test]
fn files_of_awkward_sizes_arrive_whole() {
    let server = Server::start();
    for size in [0, 1, 5_119, 5_120, 5_121, (1 << 20) - 1, 1 << 20, (1 << 20) + 1] {
        let desk = Desk::with_size(size);
        let path = format!("/{size}.bin");
        desk.run(&[], &server.url(&path)).succeeded();
        assert!(server.published(&path) == Some(desk.bytes), "{size}");
    }
    assert_eq!(server.open_sessions(), 0);
}

#[test]
fn fragments_have_the_size_asked_for() {
    let (server, desk) = (Server::start(), Desk::with_size(5_121));
    desk.run(&["--fragment-size", "1KiB"], &server.url("/a")).succeeded();
    assert_eq!(server.count("Fragment"), 6);
    desk.run(&["--fragment-size", "auto"], &server.url("/b")).succeeded();
    assert_eq!(server.count("Fragment"), 7);
    assert!(server.published("/b") == Some(desk.bytes));
}

#[test]
fn fragments_follow_the_line_unless_a_size_is_asked_for() {
    let (server, desk) = (Server::start(), Desk::with_size(4 << 20));
    // From 256 KiB on, each at most twice as large: 256, 512, 1,024, 2,048 and the rest.
    desk.run(&[], &server.url("/a")).succeeded();
    let grown = server.count("Fragment");
    assert!((4..=6).contains(&grown), "{grown}");
    desk.run(&["--fragment-size", "256KiB"], &server.url("/b")).succeeded();
    assert_eq!(server.count("Fragment"), grown + 16);
}

#[test]
fn connections_that_break_only_cost_time() {
    let server = Server::build()
        .faults(|seen| match seen.number % 5 {
            1 => Fault::CutAnswer,
            3 => Fault::CutBody(1_000),
            _ => Fault::None,
        })
        .start();
    let desk = Desk::with_size(50_000);
    desk.run(&["--fragment-size", "5KiB"], &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn what_stands_in_between_may_answer_now_and_then() {
    let server = Server::build()
        .faults(|seen| match seen.number {
            1 | 4 => Fault::Answer(502, "", "<h1>Bad Gateway</h1>"),
            2 => Fault::Answer(200, "Content-Type: text/html\r\n", "<form>Please log in</form>"),
            6 => Fault::Answer(503, "Retry-After: 0\r\n", ""),
            7 => Fault::Delay(Duration::from_millis(300)),
            _ => Fault::None,
        })
        .start();
    let desk = Desk::with_size(20_000);
    desk.run(&["--fragment-size", "5KiB"], &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn fragments_shrink_to_what_a_server_takes() {
    let server = Server::build().directory(|directory| directory.max_fragment_size(10_000)).start();
    let desk = Desk::with_size(100_000);
    let ended = desk.run(&["--fragment-size", "64KiB"], &server.url("/a"));
    ended.succeeded();
    assert!(ended.stdout.contains("8192 bytes from now on"), "{ended:?}");
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn an_answer_that_comes_before_the_body_has_gone_is_heard() {
    let server = Server::build()
        .faults(|seen| match seen.headers["content-length"].to_str().unwrap().parse::<u64>().unwrap() {
            0..=4_000_000 => Fault::None,
            _ => Fault::EarlyAnswer(413),
        })
        .start();
    let desk = Desk::with_size(13 << 20);
    desk.run(&["--fragment-size", "13MiB"], &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn an_upload_is_followed_to_another_host_if_that_is_allowed() {
    let host = || "localhost".parse::<bits_proto::HostId>().unwrap().into_owned();
    for (policy, follows) in [("any", true), ("never", false), ("same-site", false)] {
        let server = Server::build().directory(|directory| directory.host(host(), None)).start();
        let desk = Desk::with_size(10);
        let ended = desk.run(&["--follow-host", policy], &server.url("/a"));
        ended.succeeded();
        let host = server.seen().last().unwrap().headers["host"].to_str().unwrap().to_owned();
        assert_eq!(host.starts_with("localhost:"), follows, "{policy} {host} {ended:?}");
        assert_eq!(ended.stdout.contains("--follow-host forbids it"), !follows, "{ended:?}");
    }
}

#[test]
fn a_lost_answer_starts_over_where_servers_append() {
    let server =
        Server::build().faults(|seen| if seen.number == 2 { Fault::CutAnswer } else { Fault::None }).start();
    let desk = Desk::with_size(20_000);
    desk.run(&["--fragment-size", "5KiB", "--recovery", "restart"], &server.url("/a")).succeeded();
    assert_eq!((server.count("Create-Session"), server.count("Cancel-Session")), (2, 1));
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn the_rate_is_kept() {
    let (server, desk) = (Server::start(), Desk::with_size(100_000));
    let begin = std::time::Instant::now();
    desk.run(&["--max-rate", "100KiB"], &server.url("/a")).succeeded();
    // All but the last fragment, a quarter of a second's worth, are waited for.
    assert!(begin.elapsed() > Duration::from_millis(500), "{:?}", begin.elapsed());
}

#[test]
fn no_server_makes_it_wait_longer_than_its_user_allows() {
    let server = Server::build().faults(|seen| match seen.number {
        1 => Fault::Answer(503, "Retry-After: 3600\r\n", ""),
        3 => Fault::Answer(
            503,
            "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nRetry-After: Fri, 02 Jan 2026 00:00:00 GMT\r\n",
            "",
        ),
        _ => Fault::None,
    });
    let (server, desk) = (server.start(), Desk::with_size(10));
    let begin = std::time::Instant::now();
    let ended = desk.run(&["--retry-max", "0.3"], &server.url("/a"));
    ended.succeeded();
    assert!(begin.elapsed() < Duration::from_secs(20), "{ended:?}");
}

#[test]
fn a_server_that_asks_for_an_hour_gets_it_where_the_user_said_nothing() {
    let server = Server::build().faults(|_| Fault::Answer(503, "Retry-After: 7200\r\n", "")).start();
    let desk = Desk::with_size(10);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bits-upload"));
    command.args(["--proxy", "none", "--json"]).arg(desk.file()).arg(server.url("/a"));
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let waiting = lines.map_while(Result::ok).find(|line| line.contains("waiting")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(waiting.contains("3600.0"), "{waiting}");
}

#[test]
fn options_change_what_is_sent() {
    let server = Server::build().directory(|directory| directory.method_override(true)).start();
    let desk = Desk::with_size(10);
    let options =
        ["--method-override", "--uppercase-protocol", "--ping-first", "--header", "X-Team: backups", "-v"];
    let ended = desk.run(&options, &server.url("/folder/a b.bin?token=1"));
    ended.succeeded();
    let seen = server.seen();
    let packets: Vec<_> = seen.iter().map(|seen| seen.packet.as_str()).collect();
    assert_eq!(packets, ["Ping", "Create-Session", "Fragment", "Close-Session"]);
    assert!(seen.iter().all(|seen| seen.method == "POST" && seen.headers["x-team"] == "backups"));
    assert!(seen.iter().all(|seen| seen.path == "/folder/a%20b.bin"));
    assert_eq!(seen[1].headers["bits-supported-protocols"], "{7DF0354D-249B-430F-820D-3D2A9BEF4931}");
    // As Windows: in every packet but a Ping.
    assert!(!seen[0].headers.contains_key("content-name"));
    assert!(seen[1..].iter().all(|seen| seen.headers["content-name"] == "source.bin"));
    assert!(
        seen.iter().all(|seen| seen.headers["connection"] == "Keep-Alive" && seen.headers["accept"] == "*/*")
    );
    assert!(ended.stdout.contains("> Fragment http://127.0.0.1"), "{ended:?}");
    assert!(ended.stdout.contains("< Ack 200 OK"), "{ended:?}");
    assert!(!ended.stdout.contains("token=1"), "what lets somebody in is in no log: {ended:?}");
}

#[test]
fn quiet_is_quiet() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let ended = desk.run(&["--quiet"], &server.url("/a"));
    ended.succeeded();
    assert_eq!(ended.stdout, "");
}
