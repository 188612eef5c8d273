//! Ports that speak another language: another TLS, none, or TLS where none is expected.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use crate::boxes::{box_in_between, serve};
use crate::common::{Desk, Fault, Server};

/// A certificate for 127.0.0.1 and its key.
fn certificate() -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    (CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap(), key)
}

/// TLS of this version; with the certificate of clients to trust, if one is wanted.
fn tls(
    version: &'static SupportedProtocolVersion,
    clients: Option<(&rcgen::Certificate, bool)>,
) -> ServerConfig {
    let (ours, key) = certificate();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[version]);
    let builder = match clients {
        None => builder.unwrap().with_no_client_auth(),
        Some((theirs, is_needed)) => {
            let mut roots = RootCertStore::empty();
            roots.add(theirs.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = if is_needed { verifier } else { verifier.allow_unauthenticated() };
            builder.unwrap().with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    builder.with_single_cert(vec![ours.der().clone()], key).unwrap()
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

#[test]
fn a_server_that_wants_a_certificate_of_the_client_says_so_and_takes_it() {
    for version in VERSIONS {
        let (theirs, their_key) = certificate();
        let server = Server::build().tls(tls(version, Some((&theirs, true)))).start();
        let desk = Desk::with_size(10);
        fs::write(desk.path("cert.pem"), theirs.pem()).unwrap();
        fs::write(desk.path("key.pem"), their_key.serialize_pem()).unwrap();
        fs::write(desk.path("both.pem"), theirs.pem() + &their_key.serialize_pem()).unwrap();
        let words = ["wants a certificate of the client", "--cert FILE", "--key FILE"];
        desk.run(&["--insecure"], &server.url("/a")).failed(1, &words);
        desk.run(&["--insecure", "--cert", "cert.pem", "--key", "key.pem"], &server.url("/a")).succeeded();
        desk.run(&["--insecure", "--cert", "both.pem"], &server.url("/b")).succeeded();
        let without_key = desk.run(&["--insecure", "--cert", "cert.pem"], &server.url("/c"));
        without_key.failed(1, &["cert.pem has no certificate with a key", "--key"]);
        let (other, other_key) = certificate();
        fs::write(desk.path("other.pem"), other.pem() + &other_key.serialize_pem()).unwrap();
        let refused = desk.run(&["--insecure", "--cert", "other.pem"], &server.url("/d"));
        refused.failed(1, &["wants a certificate of the client", "does not accept the one of --cert"]);
    }
}

#[test]
fn a_key_with_a_password_is_called_that() {
    let (ours, _) = certificate();
    let desk = Desk::with_size(10);
    fs::write(desk.path("cert.pem"), ours.pem()).unwrap();
    for key in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    ] {
        fs::write(desk.path("key.pem"), key).unwrap();
        let options = ["--cert", "cert.pem", "--key", "key.pem"];
        desk.run(&options, "https://127.0.0.1:1/a").failed(1, &["key.pem is encrypted", "openssl pkey"]);
    }
}

/// nginx answers 400 then, and IIS 403.7.
#[test]
fn a_page_of_a_server_that_asked_for_a_certificate_in_vain_is_understood() {
    for (version, status) in VERSIONS.into_iter().zip([400, 403]) {
        let (theirs, their_key) = certificate();
        let server = Server::build().tls(tls(version, Some((&theirs, false))));
        let server = server.faults(move |seen| match &*seen.path {
            "/a" => Fault::Answer(status, "Content-Type: text/html\r\n", "<h1>No certificate was sent</h1>"),
            _ => Fault::None,
        });
        let (server, desk) = (server.start(), Desk::with_size(10));
        desk.run(&["--insecure"], &server.url("/a"))
            .failed(1, &["wants a certificate of the client", "--cert"]);
        assert_eq!(server.seen().len(), 1);
        // Who asks, and can do without, is served.
        desk.run(&["--insecure"], &server.url("/b")).succeeded();
        fs::write(desk.path("both.pem"), theirs.pem() + &their_key.serialize_pem()).unwrap();
        desk.run(&["--insecure", "--cert", "both.pem"], &server.url("/c")).succeeded();
    }
}

/// IIS and other servers on SChannel say nothing.
#[test]
fn a_server_with_another_tls_ends_the_upload() {
    // An alert: fatal, handshake failure. Fatal, protocol version.
    for alert in [&[0x15, 3, 3, 0, 2, 2, 40][..], &[0x15, 3, 3, 0, 2, 2, 70]] {
        let url = format!("https://127.0.0.1:{}/a", box_in_between(alert));
        Desk::with_size(10).run(&["--insecure"], &url).failed(1, &["no version or suite", "TLS 1.2"]);
    }
    let hang_up = serve(|mut stream| drop(stream.read(&mut [0; 4096])));
    let reset = serve(|mut stream| drop(stream.read(&mut [0; 1])));
    for port in [hang_up, reset] {
        let ended = Desk::with_size(10).run(&["--insecure"], &format!("https://127.0.0.1:{port}/a"));
        ended.failed(1, &["hangs up within the handshake", "Server 2012 R2", "ECDHE"]);
    }
}

#[test]
fn a_plain_port_is_called_that() {
    let hangs_up_on_tls = |mut stream: TcpStream| {
        let mut head = [0; 4096];
        if matches!(stream.read(&mut head), Ok(1..)) && head[0] != 0x16 {
            let _gone = stream.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
        }
    };
    for port in [box_in_between(b"HTTP/1.1 400 Bad Request\r\n\r\n"), serve(hangs_up_on_tls)] {
        let ended = Desk::with_size(10).run(&["--insecure"], &format!("https://127.0.0.1:{port}/a"));
        ended.failed(1, &["does not speak TLS", "try http"]);
    }
}

/// Ports of SSH, of mail, of HTTP/2 alone.
#[test]
fn a_port_without_http_ends_the_upload() {
    for greeting in [&b"SSH-2.0-OpenSSH_9.9\r\n"[..], b"220 mail\r\n", b"\0\0\x12\x04\0\0\0\0\0"] {
        let greets_at_once = serve(move |mut stream| {
            let _gone = stream.write_all(greeting);
            let _some = stream.read(&mut [0; 4096]);
        });
        for port in [box_in_between(greeting), greets_at_once] {
            let ended = Desk::with_size(10).run(&[], &format!("http://127.0.0.1:{port}/a"));
            ended.failed(1, &["no HTTP", "check the port"]);
        }
    }
}

#[test]
fn a_port_for_tls_is_called_that_whatever_it_says_to_plain_http() {
    let desk = Desk::with_size(10);
    let server = Server::build().tls(tls(&rustls::version::TLS13, None)).start();
    desk.run(&[], &server.url("/a").replace("https:", "http:"))
        .failed(1, &["speaks TLS at this port", "try https"]);
    // nginx, Apache and Go say 400; others hang up.
    let page = &b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nTLS!"[..];
    for answer in [page, b""] {
        let config = Arc::new(tls(&rustls::version::TLS12, None));
        let port = serve(move |mut stream| {
            let mut first = [0];
            stream.peek(&mut first).unwrap();
            if first == [0x16] {
                let _hung_up = ServerConnection::new(Arc::clone(&config)).unwrap().complete_io(&mut stream);
            } else {
                let _some = stream.read(&mut [0; 4096]);
                let _gone = stream.write_all(answer);
            }
        });
        let ended = desk.run(&[], &format!("http://127.0.0.1:{port}/a"));
        ended.failed(1, &["speaks TLS at this port", "try https"]);
    }
}

#[test]
fn a_400_of_a_plain_port_stays_one() {
    let server = Server::build().faults(|_| Fault::Answer(400, "", "<h1>Bad</h1>")).start();
    let ended = Desk::with_size(10).run(&[], &server.url("/a"));
    ended.failed(1, &["not from a BITS server", "400", "--method-override"]);
}
