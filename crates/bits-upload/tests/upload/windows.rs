//! Windows authentication, at acceptors that nobody here wrote.

use std::fs;
use std::io::Read;

use crate::acceptors::{Apache, Realm, folder};
use crate::common::{Desk, Server};

fn ntlm(desk: &Desk, server: &Server) -> Apache {
    let folder = folder(desk);
    let users = folder.join("users.txt");
    fs::write(&users, "EXAMPLE:backup:open sesame\n").unwrap();
    let log = folder.join("ntlm.log");
    Apache::before(
        server,
        &folder,
        "GssapiAllowedMech ntlmssp",
        &[("NTLM_USER_FILE", &users), ("GSSNTLMSSP_DEBUG", &log)],
    )
}

#[test]
fn an_acceptor_of_ntlm_lets_an_upload_pass() {
    for auth in ["ntlm", "negotiate", "auto"] {
        let (server, desk) = (Server::start(), Desk::with_size(300_000));
        let apache = ntlm(&desk, &server);
        let options = ["--user", "EXAMPLE\\backup:open sesame", "--auth", auth, "--fragment-size", "64KiB"];
        let ended = desk.run(&options, &apache.url("/a"));
        let log = fs::read_to_string(desk.path("apache/error.log")).unwrap_or_default();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{auth}: {ended:?}\n{log}");
        assert!(server.published("/a") == Some(desk.bytes.clone()), "{auth}");
    }
}

#[test]
fn a_reply_is_fetched_with_the_same_credentials() {
    for auth in ["ntlm", "negotiate"] {
        let (server, desk) = (Server::build().reply(b"the answer").start(), Desk::with_size(100_000));
        let apache = ntlm(&desk, &server);
        let options = ["--user", "EXAMPLE\\backup:open sesame", "--auth", auth, "--reply", "reply"];
        let ended = desk.run(&options, &apache.url("/a"));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{auth}: {ended:?}");
        assert_eq!(fs::read(desk.path("reply")).unwrap(), b"the answer", "{auth}");
        assert!(server.published("/a") == Some(desk.bytes.clone()), "{auth}");
    }
}

#[test]
fn a_wrong_password_is_refused_and_said_once() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let apache = ntlm(&desk, &server);
    for auth in ["ntlm", "negotiate"] {
        let options = ["--user", "EXAMPLE\\backup:open barley", "--auth", auth];
        desk.run(&options, &apache.url("/a")).failed(1, &["does not accept", "EXAMPLE\\backup", "--user"]);
    }
    desk.run(&[], &apache.url("/a")).failed(1, &["wants a name and a password", "--user"]);
    assert!(server.seen().is_empty());
}

#[test]
fn check_says_how_the_server_was_convinced() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let apache = ntlm(&desk, &server);
    let options = ["--user", "EXAMPLE\\backup:open sesame", "--check"];
    let ended = desk.run(&options, &apache.url("/a"));
    ended.succeeded();
    assert!(ended.stdout.contains("an upload can begin") && ended.stdout.contains("Negotiate"), "{ended:?}");
    assert_eq!((server.count("Ping"), server.count("Create-Session")), (1, 0));
}

#[test]
fn kerberos_with_a_password_lets_an_upload_pass() {
    let (server, desk) = (Server::start(), Desk::with_size(100_000));
    let folder = folder(&desk);
    let realm = Realm::start(&folder);
    let apache = Apache::before(&server, &folder, &realm.guard(), &[("KRB5_CONFIG", &realm.configuration)]);
    let options =
        ["--user", "EXAMPLE.TEST\\backup:sesame", "--auth", "negotiate", "--fragment-size", "64KiB"];
    let mut command = desk.command(&options, &apache.url("/a"));
    let mut child = command.env("KRB5_CONFIG", &realm.configuration).spawn().unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{out}{err}\n{log}");
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn an_upload_gets_through_a_proxy_that_wants_ntlm() {
    let ((secure, pem), plain) = (crate::tls::server("127.0.0.1"), Server::start());
    let desk = Desk::with_size(300_000);
    fs::write(desk.path("ca.pem"), pem).unwrap();
    let folder = folder(&desk);
    let users = folder.join("users.txt");
    fs::write(&users, "EXAMPLE:backup:open sesame\n").unwrap();
    let mechanism = "GssapiAllowedMech ntlmssp";
    let environment = [("NTLM_USER_FILE", users.as_path())];
    let apache = Apache::proxy(&folder, secure.address.port(), mechanism, &environment);
    let proxy = apache.url("");
    let options = ["--cacert", "ca.pem", "--fragment-size", "64KiB", "--proxy", &proxy];
    // A tunnel, and as it is.
    for server in [&secure, &plain] {
        let with = [&options[..], &["--proxy-user", "EXAMPLE\\backup:open sesame"]].concat();
        let ended = desk.run(&with, &server.url("/a"));
        let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}\n{log}");
        assert!(server.published("/a") == Some(desk.bytes.clone()));
        let wrong = [&options[..], &["--proxy-user", "EXAMPLE\\backup:open barley"]].concat();
        desk.run(&wrong, &server.url("/b")).failed(1, &["does not accept", &proxy, "--proxy-user"]);
        desk.run(&options, &server.url("/b"))
            .failed(1, &["wants a name and a password", &proxy, "--proxy-user"]);
        assert!(server.published("/b").is_none());
    }
}
