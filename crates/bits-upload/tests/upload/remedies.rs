//! Failures that trying again cannot heal end the program at once, with a cause and a remedy.

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
fn a_redirection_that_points_nowhere_is_not_recommended() {
    for status in [300, 302, 304] {
        let server = Server::build().faults(move |_| Fault::Answer(status, "", "")).start();
        let ended = Desk::with_size(10).run(&[], &server.url("/a"));
        ended.failed(1, &[&status.to_string(), "names no other address"]);
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
    for (status, headers) in [
        (403, "BITS-Error: 0x00000000\r\n"),
        (400, "BITS-Error-Code: 0x0\r\n"),
        (500, "BITS-Error: 0x00000000\r\nBITS-Error-Code: 0x00000000\r\n"),
        (503, "BITS-Error: 0x00000001\r\n"),
    ] {
        let headers = format!("BITS-Packet-Type: Ack\r\nBITS-Error-Context: 0x5\r\n{headers}");
        let headers: &'static str = headers.leak();
        let server = Server::build().faults(move |_| Fault::Answer(status, headers, "")).start();
        for options in [&["--give-up-after", "0.3"][..], &["--give-up-after", "0.3", "--json"]] {
            let ended = Desk::with_size(10).run(options, &server.url("/a"));
            ended.failed(if status < 500 { 1 } else { 3 }, &["the server refused", &status.to_string()]);
            let all = format!("{}{}", ended.stderr, ended.stdout);
            assert!(!all.contains("0x0") && !all.contains("uccess"), "{ended:?}");
        }
    }
}

#[test]
fn a_folder_or_a_refused_name_as_the_destination_is_called_that() {
    let headers = "BITS-Packet-Type: Ack\r\nBITS-Error: 0x80070057\r\nBITS-Error-Context: 0x5\r\n";
    let server = Server::build().faults(move |_| Fault::Answer(400, headers, "")).start();
    let words = ["a folder's", "a name that the server does not take", "a / at the end"];
    Desk::with_size(10).run(&[], &server.url("/uploads")).failed(1, &words);
    for (status, headers) in [
        (400, "BITS-Packet-Type: Ack\r\nBITS-Error: 0x8007007B\r\nBITS-Error-Context: 0x5\r\n"),
        (403, "BITS-Packet-Type: Ack\r\nBITS-Error: 0x80070005\r\nBITS-Error-Context: 0x5\r\n"),
    ] {
        let server = Server::build().faults(move |_| Fault::Answer(status, headers, "")).start();
        Desk::with_size(10).run(&[], &server.url("/nul")).failed(1, &["does not take this name"]);
    }
}

#[test]
fn a_check_takes_no_page_for_a_server() {
    for (status, code) in [(400, 1), (403, 1), (404, 1), (405, 1), (500, 3), (501, 1), (502, 3)] {
        let server = Server::build().faults(move |_| Fault::Answer(status, "", "<h1>No</h1>")).start();
        let ended = Desk::with_size(10).run(&["--check"], &server.url("/a"));
        ended.failed(code, &["at Ping", &status.to_string()]);
        assert!(!ended.stdout.contains("an upload can begin"), "{ended:?}");
    }
    // What was wrong may pass; and a server that speaks the protocol may know no Ping.
    let ack = "BITS-Packet-Type: Ack\r\n";
    for (first, headers, last) in [(502, "", 0), (501, ack, 9)] {
        let server = Server::build().faults(move |seen| match seen.number {
            0 => Fault::Answer(first, headers, ""),
            number if number <= last => Fault::Answer(first, headers, ""),
            _ => Fault::None,
        });
        let ended = Desk::with_size(10).run(&["--check"], &server.start().url("/a"));
        assert!(ended.code == Some(0) && ended.stdout.contains("an upload can begin"), "{ended:?}");
        assert!(ended.stdout.contains("checking ") && !ended.stdout.contains("uploading "), "{ended:?}");
    }
}
