//! Over TLS, with passwords.

use end_to_end::{Certificate, Desk, Server, assert_same};

/// With a certificate, and a password for alice.
fn server(certificate: &Certificate, options: &[&str]) -> Server {
    let (chain, key) = (certificate.chain(), certificate.key());
    let tls = ["--tls-cert", chain.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    Server::start(&[&tls, options].concat())
}

#[test]
fn a_file_arrives_where_the_certificate_is_trusted() {
    let certificate = Certificate::create();
    let (server, desk) = (server(&certificate, &[]), Desk::with_file(3_000_000));
    let chain = certificate.chain();
    desk.run(&["--cacert", chain.to_str().unwrap()], &server.url("/a.bin")).succeeded();
    desk.run(&["--insecure"], &server.url("/b.bin")).succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_same(&desk.source(), &server.file("b.bin"));
}

#[test]
fn nothing_arrives_where_the_certificate_is_not_trusted() {
    let certificate = Certificate::create();
    let (server, desk) = (server(&certificate, &[]), Desk::with_file(10));
    desk.run(&[], &server.url("/a.bin")).failed(1, &["--cacert"]);
    let other = Certificate::create();
    let ended = desk.run(&["--cacert", other.chain().to_str().unwrap()], &server.url("/a.bin"));
    ended.failed(1, &["certificate is not trusted", "--cacert"]);
    assert_eq!((server.published(), server.packets("Create-Session")), (vec![], 0));
}

#[test]
fn the_right_password_lets_a_file_through_and_no_other() {
    let certificate = Certificate::create();
    let (server, desk) = (server(&certificate, &["--user", "alice:open sesame"]), Desk::with_file(1_500_000));
    let chain = certificate.chain();
    let trusting = ["--cacert", chain.to_str().unwrap()];
    let run = |user: &[&str]| desk.run(&[&trusting[..], user].concat(), &server.url("/a.bin"));
    run(&[]).failed(1, &["the server wants a name and a password", "--user NAME:PASSWORD"]);
    for user in ["alice:open barley", "alice:", "bob:open sesame", ":"] {
        let ended = run(&["--user", user]);
        ended.failed(1, &["the server does not accept the name and password", "check --user"]);
        assert_eq!((server.published(), server.leftovers()), (vec![], vec![]), "{user}");
    }
    let ended = run(&["--user", "alice:open sesame", "-v"]);
    ended.succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
    for text in [ended.stdout, server.log()] {
        assert!(!text.contains("sesame") && !text.contains("barley"), "no password is in a log: {text}");
    }
}
