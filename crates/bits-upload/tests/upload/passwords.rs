//! Names and passwords: where they come from, and that they are never shown.

use std::fs;

use crate::common::{Desk, Ended, Server};

/// `Aladdin:open sesame`, as RFC 7617 encodes it.
const NAME: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

#[test]
fn the_right_password_is_given_when_asked_for() {
    let server = Server::build().authorization(NAME).start();
    let desk = Desk::with_size(6_000);
    desk.run(&["--user", "Aladdin:open sesame"], &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn the_password_may_be_in_the_environment() {
    let server = Server::build().authorization(NAME).start();
    let desk = Desk::with_size(10);
    let mut command = desk.command(&["--user", "Aladdin"], &server.url("/a"));
    Ended::of(command.env("BITS_UPLOAD_PASSWORD", "open sesame").spawn().unwrap()).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn the_password_may_be_in_a_file_which_goes_before_the_environment() {
    let server = Server::build().authorization(NAME).start();
    let desk = Desk::with_size(10);
    for (number, text) in
        ["open sesame", "open sesame\n", "open sesame\r\nsince May\n"].into_iter().enumerate()
    {
        fs::write(desk.path("password"), text).unwrap();
        let url = server.url(&format!("/{number}"));
        let mut command = desk.command(&["--user", "Aladdin", "--password-file", "password"], &url);
        Ended::of(command.env("BITS_UPLOAD_PASSWORD", "open barley").spawn().unwrap()).succeeded();
    }
}

#[test]
fn a_password_that_is_nowhere_is_told_before_anything_is_sent() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let url = server.url("/a");
    desk.run(&["--user", "Aladdin"], &url).failed(2, &["Aladdin", "--password-file", "BITS_UPLOAD_PASSWORD"]);
    fs::write(desk.path("password"), "\nopen sesame").unwrap();
    let from_file = ["--user", "Aladdin", "--password-file", "password"];
    desk.run(&from_file, &url).failed(1, &["password has no password in its first line"]);
    fs::remove_file(desk.path("password")).unwrap();
    desk.run(&from_file, &url).failed(1, &["password cannot be read"]);
    let twice = ["--user", "Aladdin:open sesame", "--password-file", "password"];
    desk.run(&twice, &url).failed(2, &["has a password already"]);
    assert!(server.seen().is_empty());
}

#[test]
fn a_wrong_password_is_one_line() {
    let server = Server::build().authorization(NAME).start();
    let desk = Desk::with_size(10);
    let ended = desk.run(&["--user", "Aladdin:open barley"], &server.url("/a"));
    ended.failed(1, &["does not accept", "Aladdin", "--user"]);
    assert!(!ended.stderr.contains("barley") && !ended.stdout.contains("barley"), "{ended:?}");
    desk.run(&[], &server.url("/a"))
        .failed(1, &["wants a name and a password", "--user NAME:PASSWORD", "--password-file"]);
}
