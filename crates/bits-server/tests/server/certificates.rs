//! Certificates: those of clients, and those whose time is over.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::SystemTime;

use tempfile::TempDir;

use crate::harness::{Server, eventually};
use crate::http1::{connect, read_response, send_ping, try_read_response};
use crate::tls::Certificate;

/// The answer to a client that has this certificate; `None`: it is not let in.
fn ping(server: &Server, certificate: &Certificate, client: Option<&Certificate>) -> Option<u16> {
    let mut stream = certificate.connect_as(connect(server.address), client);
    let headers = b"BITS_POST /a HTTP/1.1\r\nHost: a\r\nBITS-Packet-Type: Ping\r\nContent-Length: 0\r\n\r\n";
    std::io::Write::write_all(&mut stream, headers).ok()?;
    try_read_response(stream, "BITS_POST").ok().map(|response| response.status)
}

#[test]
fn only_clients_with_a_certificate_that_is_trusted_are_served() {
    let (folder, clients) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (certificate, client, stranger) = (Certificate::new(), Certificate::new(), Certificate::new());
    let (chain, key) = (certificate.write(folder.path()), certificate.write_key(folder.path()));
    let ca = client.write(clients.path());
    let server = Server::start(&["--tls-cert", &chain, "--tls-key", &key, "--tls-client-ca", &ca]);
    assert_eq!(ping(&server, &certificate, Some(&client)), Some(200));
    assert_eq!(ping(&server, &certificate, Some(&stranger)), None);
    assert_eq!(ping(&server, &certificate, None), None);
    server.logs(&["a connection ended before a request", "the TLS handshake failed"]);
    // It is read again with the others.
    stranger.write(clients.path());
    assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
    eventually("the new one is trusted", || ping(&server, &certificate, Some(&stranger)) == Some(200));
    assert_eq!(ping(&server, &certificate, Some(&client)), None);
}

/// Year, month and day, so many days from now.
fn date(days: i64) -> (i32, u8, u8) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let at = format!("@{}", i64::try_from(now).unwrap() + days * 86_400);
    let told = Command::new("date").args(["-u", "-d", &at, "+%Y %m %d"]).output().unwrap().stdout;
    let told = String::from_utf8(told).unwrap();
    let mut parts = told.split_whitespace();
    let year = parts.next().unwrap().parse().unwrap();
    let mut next = || parts.next().unwrap().parse().unwrap();
    (year, next(), next())
}

#[test]
fn certificates_that_are_over_or_soon_are_and_keys_that_others_can_read_are_warned_of() {
    let folder = TempDir::new().unwrap();
    let soon = date(5);
    let certificate = Certificate::until(soon.0, soon.1, soon.2);
    let (chain, key) = (certificate.write(folder.path()), certificate.write_key(folder.path()));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o604)).unwrap();
    let users = folder.path().join("users");
    fs::write(&users, "Aladdin:open sesame\n").unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    let options = ["--tls-cert", &chain, "--tls-key", &key, "--users-file", users.to_str().unwrap()];
    let server = Server::start(&options);
    server.logs(&["WARN", "the certificate expires in 4 days"]);
    server.logs(&["WARN", "key.pem", "can be read by everybody", "chmod o="]);
    server.logs(&["WARN", "users", "can be read by everybody"]);
    // After a reload, it is looked again.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).unwrap();
    let over = date(-3);
    let expired = Certificate::until(over.0, over.1, over.2);
    expired.write(folder.path());
    expired.write_key(folder.path());
    assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
    server.logs(&["WARN", "the certificate expired 3 days ago", "SIGHUP"]);
    assert_eq!(server.log().matches("can be read by everybody").count(), 2);
}

#[test]
fn nothing_is_warned_of_where_nothing_is_wrong() {
    let folder = TempDir::new().unwrap();
    let later = date(60);
    let certificate = Certificate::until(later.0, later.1, later.2);
    let (chain, key) = (certificate.write(folder.path()), certificate.write_key(folder.path()));
    for path in [&chain, &key] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let server = Server::start(&["--tls-cert", &chain, "--tls-key", &key]);
    let mut stream = certificate.connect(connect(server.address));
    send_ping(&mut stream);
    assert_eq!(read_response(&mut stream, "BITS_POST").status, 200);
    assert!(!server.log().contains("WARN"), "{}", server.log());
}
