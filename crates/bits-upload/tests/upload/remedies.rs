//! What trying again cannot heal ends the program at once, with its cause and a remedy.

use crate::common::{Desk, Fault, Server};

#[test]
fn a_redirection_shows_where_it_points_to() {
    for status in [301, 302, 303, 307, 308] {
        let answer =
            move |_: &_| Fault::Answer(status, "Location: https://elsewhere.example/b?token=1\r\n", "");
        let server = Server::build().faults(answer).start();
        let ended = Desk::with_size(10).run(&[], &server.url("/a"));
        ended.failed(1, &["https://elsewhere.example/b"]);
        assert!(!ended.stderr.contains("token"), "{ended:?}");
    }
}

#[test]
fn whatever_a_firewall_answers_to_the_unknown_method_the_override_is_suggested() {
    for status in [400, 403, 405, 501] {
        let server = Server::build().faults(move |_| Fault::Answer(status, "", "<h1>No</h1>")).start();
        Desk::with_size(10).run(&[], &server.url("/a")).failed(1, &["--method-override"]);
    }
}

#[test]
fn no_failure_is_a_success() {
    let headers = "BITS-Packet-Type: Ack\r\nBITS-Error: 0x00000000\r\nBITS-Error-Context: 0x5\r\n";
    let server = Server::build().faults(move |_| Fault::Answer(403, headers, "")).start();
    let ended = Desk::with_size(10).run(&[], &server.url("/a"));
    ended.failed(1, &["the server refused", "403"]);
    assert!(!ended.stderr.contains("0x00000000") && !ended.stderr.contains("uccess"), "{ended:?}");
}
