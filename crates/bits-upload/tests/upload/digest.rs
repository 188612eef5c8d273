//! Digest authentication, at an acceptor that nobody here wrote.

use std::fs;

use crate::acceptors::{Apache, folder};
use crate::common::{Desk, Server};

const USER: [&str; 2] = ["--user", "backup:open sesame"];

#[test]
fn an_acceptor_of_digests_lets_an_upload_and_its_reply_pass() {
    for auth in ["digest", "auto"] {
        let (server, desk) = (Server::build().reply(b"the answer").start(), Desk::with_size(300_000));
        let apache = Apache::digest_before(&server, &folder(&desk), 300);
        let options = ["--auth", auth, "--fragment-size", "64KiB", "--reply", "reply"];
        desk.run(&[&USER[..], &options].concat(), &apache.url("/a?b=c d&e=%22")).succeeded();
        assert!(server.published("/a") == Some(desk.bytes.clone()), "{auth}");
        assert_eq!(fs::read(desk.path("reply")).unwrap(), b"the answer", "{auth}");
    }
}

#[test]
fn a_challenge_that_grew_old_meanwhile_is_answered_anew() {
    let (server, desk) = (Server::start(), Desk::with_size(400_000));
    let apache = Apache::digest_before(&server, &folder(&desk), 1);
    let options = ["--limit-rate", "100KiB", "--fragment-size", "32KiB", "-v"];
    let ended = desk.run(&[&USER[..], &options].concat(), &apache.url("/a"));
    ended.succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
    assert!(ended.stdout.matches("401").count() >= 3, "{}", ended.stdout);
}

#[test]
fn a_wrong_password_is_refused_and_the_password_never_sent() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let apache = Apache::digest_before(&server, &folder(&desk), 300);
    let url = apache.url("/a");
    desk.run(&["--user", "backup:open barley"], &url).failed(1, &["does not accept", "backup", "--user"]);
    desk.run(&[], &url).failed(1, &["wants a name and a password", "--user"]);
    let basic = [&USER[..], &["--auth", "basic"]].concat();
    desk.run(&basic, &url).failed(1, &["wants credentials by Digest", "--auth allows another way"]);
    assert!(server.seen().is_empty());
    let ended = desk.run(&[&USER[..], &["--check", "-v"]].concat(), &url);
    ended.succeeded();
    assert!(ended.stdout.contains("with Digest") && !ended.stdout.contains("sesame"), "{ended:?}");
}

#[test]
fn an_upload_gets_through_a_proxy_that_wants_a_digest() {
    let ((secure, pem), plain) = (crate::tls::server("127.0.0.1"), Server::start());
    let desk = Desk::with_size(300_000);
    fs::write(desk.path("ca.pem"), pem).unwrap();
    let apache = Apache::digest_proxy(&folder(&desk), secure.address.port());
    let proxy = apache.url("");
    let options = ["--cacert", "ca.pem", "--fragment-size", "64KiB", "--proxy", &proxy];
    // A tunnel, and as it is.
    for server in [&secure, &plain] {
        let with = [&options[..], &["--proxy-user", "backup:open sesame"]].concat();
        desk.run(&with, &server.url("/a")).succeeded();
        assert!(server.published("/a") == Some(desk.bytes.clone()));
        let wrong = [&options[..], &["--proxy-user", "backup:open barley"]].concat();
        desk.run(&wrong, &server.url("/b")).failed(1, &["does not accept", &proxy, "--proxy-user"]);
        assert!(server.published("/b").is_none());
    }
}
