//! The log of the server says why it refused an upload.

use std::fs;

use end_to_end::{Desk, Server};

/// The one line of the log about this path.
fn line(server: &Server, path: &str) -> String {
    let log = server.log();
    let mut lines = log.lines().filter(|line| line.contains(&format!("path={path:?}")));
    let line = lines.next().unwrap_or_else(|| panic!("nothing about {path} in:\n{log}"));
    assert_eq!(lines.next(), None, "{path}");
    line.to_owned()
}

#[test]
fn the_log_says_why_an_upload_was_refused() {
    let (server, desk) = (Server::start(&[]), Desk::with_file(10));
    fs::write(server.file("there.bin"), "").unwrap();
    fs::create_dir(server.file("folder")).unwrap();
    for (path, reason, told) in [
        ("/there.bin", "--allow-overwrites", "may not be overwritten"),
        ("/new/a.bin", "--create-dirs", "the folder does not exist"),
        ("/folder", "a folder", "the address may be a folder's"),
        ("/nul", "not allowed", "does not take this name"),
    ] {
        desk.run(&[], &server.url(path)).failed(1, &["the server refused", told]);
        let line = line(&server, path);
        assert!(line.contains("reason=") && line.contains(reason), "{line}");
    }
}

#[test]
fn the_log_says_which_limit_an_upload_met() {
    let limits = ["--sessions-per-owner", "1", "--max-upload-size", "10"];
    let (server, desk) = (Server::start(&limits), Desk::with_file(11));
    let reached =
        |what: &str| server.log().lines().any(|line| line.contains("reason=") && line.contains(what));
    desk.run(&["--state", "state"], &server.url("/large.bin")).failed(1, &["larger than the server accepts"]);
    assert!(reached("larger than the server accepts"), "{}", server.log());
    // With its state, the one before can go on, and counts.
    assert!(!reached("--sessions-per-owner"));
    desk.run(&["--give-up-after", "0.1"], &server.url("/b.bin")).failed(3, &["503"]);
    assert!(reached("--sessions-per-owner"), "{}", server.log());
}

#[test]
fn the_log_has_wrong_passwords_and_not_the_first_request_without_one() {
    let (server, desk) = (Server::start(&["--user", "alice:sesame"]), Desk::with_file(10));
    let is_wrong =
        |line: &&str| line.contains("wrong name or password") && line.contains("client=127.0.0.1 ");
    let wrong = || server.log().lines().filter(is_wrong).count();
    desk.run(&["--user", "alice:sesame"], &server.url("/a.bin")).succeeded();
    assert_eq!(wrong(), 0);
    desk.run(&["--user", "alice:barley"], &server.url("/b.bin")).failed(1, &["check --user"]);
    assert_eq!(wrong(), 1);
}
