//! Secrets are not in the server's log: who reads it could write into sessions, or log in elsewhere.

use std::fs;

use end_to_end::{Application, Connection, Desk, Server, eventually};

#[test]
fn where_an_upload_went_that_expired_is_told_without_the_query() {
    let server = Server::start(&["--session-timeout", "0.5"]);
    Connection::open(server.address()).create_session("/a.bin?token=barley");
    eventually("it expires", || server.log().contains("expired"));
    assert!(server.log().contains("/a.bin") && !server.log().contains("barley"), "{}", server.log());
}

#[test]
fn a_session_that_cannot_be_read_is_named_by_its_first_digits() {
    let mut server = Server::start(&[]);
    let id = Connection::open(server.address()).create_session("/a.bin");
    let (whole, first) = (id.trim_matches(['{', '}']), &id[1..9]);
    server.kill();
    fs::write(server.file(&format!(".bits/{id}.json")), "{").unwrap();
    server.restart();
    eventually("it is named", || server.log().contains("a saved session is ignored"));
    assert!(server.log().contains(first) && !server.log().contains(whole), "{}", server.log());
}

#[test]
fn an_application_that_fails_is_told_without_its_address() {
    let application = Application::start(|_| (503, "", vec![]));
    let url = format!("{}?token=barley", application.url());
    let server = Server::start(&["--notify", "by-value", "--notification-url", &url]);
    Desk::with_file(10).run(&["--give-up-after", "0.2"], &server.url("/a.bin")).failed(3, &["503"]);
    assert!(server.log().contains("did not take an upload"), "{}", server.log());
    assert!(!server.log().contains("barley"), "{}", server.log());
}
