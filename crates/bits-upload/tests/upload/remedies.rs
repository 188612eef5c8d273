//! What trying again cannot heal ends the program at once, with its cause and a remedy.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::common::{Desk, Ended, Fault, Server};

/// A certificate for 127.0.0.1 and its key.
fn certificate() -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    (CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap(), key)
}

/// Something that reads a request and answers this to each, whatever it is. Returns its port.
fn box_in_between(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _some = stream.read(&mut head);
            let _gone = stream.write_all(answer);
        }
    });
    port
}

#[test]
fn a_proxy_that_opens_no_tunnel_ends_the_upload() {
    let desk = Desk::with_size(10);
    for (answer, words) in [
        (&b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"[..], ["the proxy refuses", "no_proxy"]),
        (
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
            ["the proxy wants credentials", "--proxy-user"],
        ),
    ] {
        let proxy = format!("http://127.0.0.1:{}", box_in_between(answer));
        desk.run(&["--proxy", &proxy], "https://server.example/a").failed(1, &words);
        let mut command = desk.command(&[], "https://server.example/a");
        Ended::of(command.env("https_proxy", &proxy).spawn().unwrap()).failed(1, &words);
    }
}

#[test]
fn a_proxy_of_another_kind_is_wrong_usage() {
    let desk = Desk::with_size(10);
    desk.run(&["--proxy", "ftp://proxy"], "http://server.example/a").failed(2, &["--proxy", "ftp"]);
}

#[test]
fn a_server_that_wants_a_certificate_of_the_client_says_so_and_takes_it() {
    let (ours, our_key) = certificate();
    let (theirs, their_key) = certificate();
    let mut roots = RootCertStore::empty();
    roots.add(theirs.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::try_from(our_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![ours.der().clone()], key)
        .unwrap();
    let (server, desk) = (Server::build().tls(config).start(), Desk::with_size(10));
    fs::write(desk.path("ca.pem"), ours.pem()).unwrap();
    fs::write(desk.path("cert.pem"), theirs.pem()).unwrap();
    fs::write(desk.path("key.pem"), their_key.serialize_pem()).unwrap();
    let without = ["--cacert", "ca.pem"];
    desk.run(&without, &server.url("/a")).failed(1, &["wants a certificate of the client", "--cert"]);
    let with = ["--cacert", "ca.pem", "--cert", "cert.pem", "--key", "key.pem"];
    desk.run(&with, &server.url("/a")).succeeded();
    desk.run(&with[..4], &server.url("/a")).failed(1, &["cert.pem has no certificate with a key", "--key"]);
}

#[test]
fn a_server_with_another_tls_ends_the_upload() {
    // An alert: fatal, handshake failure. Fatal, protocol version.
    for alert in [&[0x15, 3, 3, 0, 2, 2, 40][..], &[0x15, 3, 3, 0, 2, 2, 70]] {
        let url = format!("https://127.0.0.1:{}/a", box_in_between(alert));
        Desk::with_size(10).run(&["--insecure"], &url).failed(1, &["no version or suite", "TLS 1.2"]);
    }
}

#[test]
fn tls_at_a_plain_port_and_the_reverse_are_called_that() {
    let desk = Desk::with_size(10);
    let url = format!("https://127.0.0.1:{}/a", box_in_between(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    desk.run(&["--insecure"], &url).failed(1, &["does not speak TLS", "try http"]);
    let (certificate, key) = certificate();
    let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let server = Server::build().tls(config).start();
    let url = server.url("/a").replace("https:", "http:");
    desk.run(&[], &url).failed(1, &["speaks TLS at this port", "try https"]);
}

#[test]
fn a_redirection_shows_where_it_points_to() {
    for status in [301, 302, 307] {
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
