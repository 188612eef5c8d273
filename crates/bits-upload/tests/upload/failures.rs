//! Every failure is one line that says what to do, and an exit status that a script can look at.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Desk, Ended, Fault, Server};

#[test]
fn what_cannot_be_answered_is_named() {
    for (headers, words) in [
        ("WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n", ["Negotiate, NTLM", "--auth"]),
        ("", ["no way that it names", "--auth"]),
    ] {
        let server = Server::build().faults(move |_| Fault::Answer(401, headers, "")).start();
        Desk::with_size(10).run(&["--user", "a:b", "--auth", "basic"], &server.url("/a")).failed(1, &words);
    }
    let server = Server::build().faults(|_| Fault::Answer(407, "Proxy-Authenticate: Basic\r\n", "")).start();
    Desk::with_size(10).run(&["--user", "a:b"], &server.url("/a")).failed(1, &["the proxy wants"]);
}

#[test]
fn a_web_server_without_bits_is_recognised() {
    let (none, other) = ("BITS uploads are not available", "not from a BITS server");
    for (status, what, words) in [
        (404, none, "BITS not enabled"),
        (405, none, "method override"),
        (413, other, "limits the size"),
        (302, other, "not redirected"),
    ] {
        let server =
            Server::build().faults(move |_| Fault::Answer(status, "Location: /b\r\n", "<html>")).start();
        let ended = Desk::with_size(10).run(&[], &server.url("/a"));
        ended.failed(1, &[what, &status.to_string(), words]);
        assert_eq!(server.seen().len(), 1, "not tried again, nor followed");
    }
    let server = Server::build().faults(|_| Fault::Answer(404, "", "<html>")).start();
    let ended = Desk::with_size(10).run(&["--method-override"], &server.url("/a"));
    ended.failed(1, &[none, "does not know --method-override"]);
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let server = Server::build().directory(|directory| directory.max_upload_size(1_000)).start();
    Desk::with_size(1_001).run(&[], &server.url("/a")).failed(1, &["the server refused", "0x80200020"]);
}

#[test]
fn what_nobody_can_go_on_with_is_cancelled() {
    let limited = || Server::build().directory(|directory| directory.max_upload_size(1_000)).start();
    let (server, kept, desk) = (limited(), limited(), Desk::with_size(1_001));
    desk.run(&[], &server.url("/a")).failed(1, &["the server refused", "0x80200020"]);
    assert_eq!(server.count("Cancel-Session"), 1);
    desk.run(&["--state", "upload.state"], &kept.url("/a")).failed(1, &["the server refused", "0x80200020"]);
    assert_eq!((kept.count("Create-Session"), kept.count("Cancel-Session")), (1, 0));
}

#[test]
fn a_server_that_hangs_does_not_keep_a_program_that_failed() {
    let server = Server::build()
        .directory(|directory| directory.max_upload_size(1_000))
        .faults(|seen| match &*seen.packet {
            "Cancel-Session" => Fault::Delay(Duration::from_secs(60)),
            _ => Fault::None,
        })
        .start();
    let begin = Instant::now();
    let ended = Desk::with_size(1_001).run(&[], &server.url("/a"));
    ended.failed(1, &["the server refused", "0x80200020"]);
    assert!(begin.elapsed() < Duration::from_secs(30));
    assert!(!ended.stdout.contains("trying again"), "{ended:?}");
}

#[test]
fn wrong_usage_is_one_line() {
    let desk = Desk::with_size(0);
    for url in [
        "",
        "server/a",
        "ftp://server/a",
        "http://",
        "http://u:p@server/a",
        "http://server/a#b",
        "http://server:99999/",
    ] {
        let ended = desk.run(&[], url);
        ended.failed(2, &["<URL>", "--help"]);
        assert!(!ended.stderr.contains("u:p"), "no password in a log: {ended:?}");
    }
    for options in [
        &["--bogus"][..],
        &["--fragment-size", "0"],
        &["--fragment-size", "1MB"],
        &["--fragment-size", "9999999999GiB"],
        &["--max-rate", "fast"],
        &["--header", "no colon"],
        &["--header", "Content-Length: 5"],
        &["--user", ""],
        &["--user", "me:password", "--header", "Authorization: Bearer password"],
        &["--password-file", "without a name"],
        &["--follow-host", "sometimes"],
        &["--recovery", "pray"],
        &["--give-up-after", "0"],
        &["--give-up-after", "-1"],
        &["--quiet", "-v"],
        &["--state", "/no/such/folder/state"],
        &["--state", "/"],
        &["--state", "/dev/null"],
        &["--reply", "/no/such/folder/reply"],
        &["--reply", "/dev/stdout"],
        &["--max-rate", "99999999999999999999"],
        &["--retry-min", "nan"],
        &["--retry-max", "1e300"],
        &["one", "too", "many"],
    ] {
        let ended = desk.run(options, "http://127.0.0.1:1/a");
        ended.failed(2, &[]);
        assert!(!ended.stderr.contains("password\n") && !ended.stderr.contains(":password"), "{ended:?}");
    }
    // `Desk` has delays of its own, and none may be given twice.
    let mut command = Command::new(env!("CARGO_BIN_EXE_bits-upload"));
    command.args(["--retry-min", "2", "--retry-max", "1", "file", "http://127.0.0.1:1/a"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ended::of(command.spawn().unwrap()).failed(2, &["--retry-min is longer than --retry-max"]);
}

#[test]
fn help_says_what_the_exit_status_means() {
    let desk = Desk::with_size(0);
    let ended = desk.run(&["--help"], "http://127.0.0.1:1/a");
    ended.succeeded();
    assert!(ended.stdout.contains("Exit status"), "{ended:?}");
}

#[test]
fn nobody_has_to_read_what_it_prints() {
    let (server, desk) = (Server::start(), Desk::with_size(100_000));
    let mut child = desk.command(&["-v", "--fragment-size", "5KiB"], &server.url("/a")).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn an_answer_that_is_no_http_is_no_reason_to_panic() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _gone = std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.9\r\n");
        }
    });
    Desk::with_size(10).run(&[], &url).failed(1, &["speaks no HTTP", "check the port"]);
}
