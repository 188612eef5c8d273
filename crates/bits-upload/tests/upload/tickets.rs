//! Kerberos with a ticket of the user's cache, as `kinit` writes it, and no password.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::acceptors::{Apache, Realm, folder};
use crate::common::{Desk, Ended, Server};

/// The program in this realm, with this cache of tickets.
fn run(desk: &Desk, realm: &Realm, cache: &Path, options: &[&str], url: &str) -> Ended {
    let mut command = desk.command(options, url);
    command.env("KRB5_CONFIG", &realm.configuration).env("KRB5CCNAME", cache);
    Ended::of(command.spawn().unwrap())
}

#[test]
fn a_ticket_lets_an_upload_and_its_reply_pass() {
    for auth in ["negotiate", "auto"] {
        let (server, desk) = (Server::build().reply(b"the answer").start(), Desk::with_size(300_000));
        let folder = folder(&desk);
        let (realm, cache) = (Realm::start(&folder), desk.path("tickets"));
        realm.ticket(&cache, 3600);
        let environment = [("KRB5_CONFIG", realm.configuration.as_path())];
        let apache = Apache::before(&server, &folder, &realm.guard(), &environment);
        let options = ["--auth", auth, "--fragment-size", "64KiB", "--reply", "reply"];
        let ended = run(&desk, &realm, &cache, &options, &apache.url("/a"));
        let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{auth}: {ended:?}\n{log}");
        assert!(server.published("/a") == Some(desk.bytes.clone()), "{auth}");
        assert_eq!(fs::read(desk.path("reply")).unwrap(), b"the answer", "{auth}");
        let ended = run(&desk, &realm, &cache, &["--auth", auth, "--check"], &apache.url("/b"));
        assert!(ended.code == Some(0) && ended.stdout.contains("Negotiate"), "{auth}: {ended:?}");
    }
}

#[test]
fn without_a_ticket_that_holds_the_upload_ends_and_kinit_is_named() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let folder = folder(&desk);
    let (realm, cache) = (Realm::start(&folder), desk.path("tickets"));
    let environment = [("KRB5_CONFIG", realm.configuration.as_path())];
    let apache = Apache::before(&server, &folder, &realm.guard(), &environment);
    for auth in ["negotiate", "auto"] {
        let missing = run(&desk, &realm, &desk.path("none"), &["--auth", auth], &apache.url("/a"));
        missing.failed(1, &["the server wants", "--user", "no Kerberos ticket", "run kinit"]);
    }
    realm.ticket(&cache, 1);
    std::thread::sleep(Duration::from_secs(3));
    for auth in ["negotiate", "auto"] {
        let expired = run(&desk, &realm, &cache, &["--auth", auth], &apache.url("/a"));
        expired.failed(1, &["the server wants", "--user", "expired", "run kinit"]);
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_server_that_the_realm_does_not_know_by_this_name_is_called_that() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let folder = folder(&desk);
    let (realm, cache) = (Realm::start(&folder), desk.path("tickets"));
    realm.ticket(&cache, 3600);
    let environment = [("KRB5_CONFIG", realm.configuration.as_path())];
    let apache = Apache::before(&server, &folder, &realm.guard(), &environment);
    let url = apache.url("/a").replace("localhost", "127.0.0.1");
    run(&desk, &realm, &cache, &[], &url).failed(1, &["no ticket for HTTP/127.0.0.1", "the name"]);
}

#[test]
fn a_kdc_that_is_not_there_is_called_that() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let folder = folder(&desk);
    let (mut realm, cache) = (Realm::start(&folder), desk.path("tickets"));
    realm.ticket(&cache, 3600);
    let environment = [("KRB5_CONFIG", realm.configuration.as_path())];
    let apache = Apache::before(&server, &folder, &realm.guard(), &environment);
    realm.stop();
    run(&desk, &realm, &cache, &[], &apache.url("/a"))
        .failed(1, &["HTTP/localhost", "contact any KDC", "krb5.conf"]);
}

#[test]
fn a_ticket_opens_a_proxy() {
    let ((secure, pem), plain) = (crate::tls::server("127.0.0.1"), Server::start());
    let desk = Desk::with_size(300_000);
    fs::write(desk.path("ca.pem"), pem).unwrap();
    let folder = folder(&desk);
    let (realm, cache) = (Realm::start(&folder), desk.path("tickets"));
    realm.ticket(&cache, 3600);
    let environment = [("KRB5_CONFIG", realm.configuration.as_path())];
    let apache = Apache::proxy(&folder, secure.address.port(), &realm.guard(), &environment);
    let proxy = apache.url("");
    let options = ["--cacert", "ca.pem", "--fragment-size", "64KiB", "--proxy", &proxy];
    // A tunnel, and as it is.
    for server in [&secure, &plain] {
        let ended = run(&desk, &realm, &cache, &options, &server.url("/a"));
        let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}\n{log}");
        assert!(server.published("/a") == Some(desk.bytes.clone()));
        let missing = run(&desk, &realm, &desk.path("none"), &options, &server.url("/b"));
        missing.failed(1, &["wants a name and a password", &proxy, "--proxy-user", "run kinit"]);
        assert!(server.published("/b").is_none());
    }
}

#[test]
fn who_has_a_ticket_has_something_to_lose_to_another_host() {
    let desk = Desk::with_size(10);
    let folder = folder(&desk);
    let (realm, cache) = (Realm::start(&folder), desk.path("tickets"));
    realm.ticket(&cache, 3600);
    for (cache, options, follows) in [
        (cache.clone(), &[][..], false),
        (cache.clone(), &["--auth", "basic"], true),
        (desk.path("none"), &[], true),
    ] {
        let server = crate::hosts::moving();
        run(&desk, &realm, &cache, options, &server.url("/a")).succeeded();
        assert_eq!(crate::hosts::last_host(&server).starts_with("localhost:"), follows, "{options:?}");
    }
}
