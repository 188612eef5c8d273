//! Replies of a server application.

use crate::common::{Desk, Fault, Server};

#[test]
fn a_reply_is_fetched_before_the_session_is_closed() {
    let server = Server::build().reply(b"the answer").start();
    let desk = Desk::with_size(10_000);
    let reply = desk.path("reply.txt");
    let ended = desk.run(&["--reply", reply.to_str().unwrap(), "-v"], &server.url("/a"));
    ended.succeeded();
    assert_eq!(std::fs::read(&reply).unwrap(), b"the answer");
    let seen = server.seen();
    let id = seen[1].headers["bits-session-id"].to_str().unwrap().trim_matches(['{', '}']);
    assert!(ended.stdout.contains("> GET ") && ended.stdout.contains(&id[..8]), "{ended:?}");
    assert!(!ended.stdout.contains(id), "no log has the whole of it: {ended:?}");
    let methods: Vec<_> =
        server.seen().iter().map(|seen| (seen.method.clone(), seen.packet.clone())).collect();
    assert_eq!(methods[methods.len() - 2], ("GET".to_owned(), String::new()));
    assert_eq!(methods[methods.len() - 1], ("BITS_POST".to_owned(), "Close-Session".to_owned()));
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn a_reply_that_cannot_be_fetched_is_fetched_by_the_next_run() {
    let server = Server::build().reply(b"the answer").faults(|seen| match seen.number {
        // Create-Session, Fragment, GET.
        2 => Fault::Answer(404, "", "not yet"),
        _ => Fault::None,
    });
    let (server, desk) = (server.start(), Desk::with_size(10));
    let options = ["--reply", "reply.txt", "--state", "state"];
    let ended = desk.run(&options, &server.url("/a"));
    ended.failed(3, &["the reply could not be fetched", "404", "run the same command again"]);
    assert!(!desk.path("reply.txt").exists() && !desk.path("reply.txt.part").exists());
    desk.run(&options, &server.url("/a")).succeeded();
    assert_eq!(std::fs::read(desk.path("reply.txt")).unwrap(), b"the answer");
    assert_eq!(server.count("Fragment"), 1, "what was sent is not sent again");
}

#[test]
fn a_server_without_a_reply_is_told_and_the_next_run_can_do_without() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let options = ["--state", "state", "--reply", "reply.txt"];
    desk.run(&options, &server.url("/a")).failed(1, &["the server has no reply", "without --reply"]);
    assert!(server.published("/a").is_none());
    desk.run(&options[..2], &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
    assert_eq!(server.count("Fragment"), 1, "it goes on in the same session");
}

#[test]
fn a_portal_in_the_place_of_a_reply_is_named() {
    // Each is what a portal, or a gateway, says to whatever it is asked, and the words that name it.
    for (status, headers, words) in [
        (200, "Content-Type: text/html\r\n", ["a login page or a portal may have answered", "log in"]),
        (502, "Content-Type: text/html\r\n", ["the server refused", "502"]),
    ] {
        let server = Server::build().reply(b"the answer").faults(move |seen| match &*seen.method {
            "GET" => Fault::Answer(status, headers, "<form>Please log in</form>"),
            _ => Fault::None,
        });
        let (server, desk) = (server.start(), Desk::with_size(10));
        let options = ["--reply", "reply", "--state", "state", "--give-up-after", "0.5"];
        let ended = desk.run(&options, &server.url("/a"));
        ended.failed(3, &["the reply could not be fetched", "no progress", "run the same command again"]);
        ended.failed(3, &words);
        assert!(!desk.path("reply").exists() && desk.path("state").exists(), "{status}");
    }
}

#[test]
fn a_portal_that_passes_costs_only_time() {
    let server = Server::build().reply(b"the answer").faults(|seen| match seen.number {
        2..=4 => Fault::Answer(200, "Content-Type: text/html\r\n", "<form>Please log in</form>"),
        _ => Fault::None,
    });
    let (server, desk) = (server.start(), Desk::with_size(10));
    let ended = desk.run(&["--reply", "reply"], &server.url("/a"));
    ended.succeeded();
    assert!(ended.stdout.contains("a portal may have answered"), "{ended:?}");
    assert_eq!(std::fs::read(desk.path("reply")).unwrap(), b"the answer");
}

#[test]
fn what_is_wrong_with_a_reply_for_good_is_status_1_and_named() {
    for (options, fault, words) in [
        (&["--reply-max", "9"][..], Fault::None, ["larger than allowed", "--reply-max"]),
        (
            &[],
            Fault::Answer(401, "WWW-Authenticate: Basic\r\n", ""),
            ["wants a name and a password", "--user"],
        ),
    ] {
        let server = Server::build().reply(b"the answer").faults(move |seen| match &*seen.method {
            "GET" => fault.clone(),
            _ => Fault::None,
        });
        let (server, desk) = (server.start(), Desk::with_size(10));
        let ended =
            desk.run(&[&["--reply", "reply", "--state", "state"], options].concat(), &server.url("/a"));
        ended.failed(1, &["the reply could not be fetched"]);
        ended.failed(1, &words);
        assert!(desk.path("state").exists(), "the same command goes on once it is mended");
    }
}

#[test]
fn no_server_makes_a_reply_wait_longer_than_its_user_allows() {
    let server = Server::build().reply(b"the answer").faults(|seen| match seen.number {
        // Create-Session, Fragment, GET.
        2 => Fault::Answer(503, "Retry-After: 3600\r\n", ""),
        _ => Fault::None,
    });
    let (server, desk, begin) = (server.start(), Desk::with_size(10), std::time::Instant::now());
    desk.run(&["--reply", "reply", "--retry-max", "0.3"], &server.url("/a")).succeeded();
    assert!(begin.elapsed() < std::time::Duration::from_secs(20));
    assert_eq!(std::fs::read(desk.path("reply")).unwrap(), b"the answer");
}
