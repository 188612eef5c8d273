//! TLS, with a certificate that nobody has signed.

use std::fs;

use crate::common::{Desk, Ended, Server};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// A server for this name, and its certificate as PEM.
pub(crate) fn server(name: &str) -> (Server, String) {
    serve(CertificateParams::new([name.to_owned()]).unwrap())
}

fn serve(certificate: CertificateParams) -> (Server, String) {
    let signing_key = KeyPair::generate().unwrap();
    let certificate = certificate.self_signed(&signing_key).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Server::build().tls(config).start(), certificate.pem())
}

#[test]
fn a_certificate_that_is_named_is_trusted() {
    let (server, pem) = server("127.0.0.1");
    let desk = Desk::with_size(100_000);
    fs::write(desk.path("ca.pem"), pem).unwrap();
    desk.run(&["--cacert", "ca.pem", "--fragment-size", "20KiB"], &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn any_certificate_will_do_if_one_insists() {
    let (server, _) = server("elsewhere.example");
    let desk = Desk::with_size(10);
    let mut command = desk.command(&["--insecure"], &server.url("/a"));
    command.env("SSL_CERT_FILE", "/no/such/file").env("SSL_CERT_DIR", "/no/such/folder");
    Ended::of(command.spawn().unwrap()).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_at_once() {
    let ((target, _), (_, other)) = (server("127.0.0.1"), server("127.0.0.1"));
    let desk = Desk::with_size(10);
    // What this machine trusts.
    fs::write(desk.path("system.pem"), other).unwrap();
    let mut command = desk.command(&[], &target.url("/a"));
    command.env("SSL_CERT_FILE", desk.path("system.pem"));
    Ended::of(command.spawn().unwrap()).failed(1, &["certificate is not trusted", "--cacert"]);
    assert!(target.seen().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_not_trusted() {
    let (server, pem) = server("elsewhere.example");
    let desk = Desk::with_size(10);
    fs::write(desk.path("ca.pem"), pem).unwrap();
    desk.run(&["--cacert", "ca.pem"], &server.url("/a"))
        .failed(1, &["certificate is not trusted", "by a name"]);
}

#[test]
fn what_is_wrong_with_a_certificate_of_ones_own_is_told() {
    let params = || CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let (mut expired, mut authority) = (params(), params());
    expired.not_after = date_time_ymd(2020, 1, 1);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for (certificate, advice) in [(expired, "a new one"), (authority, "CA:FALSE")] {
        let ((server, pem), desk) = (serve(certificate), Desk::with_size(10));
        fs::write(desk.path("ca.pem"), pem).unwrap();
        desk.run(&["--cacert", "ca.pem"], &server.url("/a"))
            .failed(1, &["certificate is not trusted", advice]);
    }
}

#[test]
fn certificates_that_are_none() {
    let desk = Desk::with_size(10);
    fs::write(desk.path("ca.pem"), "no certificate").unwrap();
    desk.run(&["--cacert", "ca.pem"], "https://127.0.0.1:1/a").failed(1, &["ca.pem", "no certificate in it"]);
    desk.run(&["--cacert", "none.pem"], "https://127.0.0.1:1/a").failed(1, &["none.pem", "cannot be read"]);
}

#[test]
fn a_machine_without_certificates_can_do_without_tls() {
    let (with_tls, _) = server("127.0.0.1");
    let (without, desk) = (Server::start(), Desk::with_size(10));
    let run = |url: &str| {
        let mut command = desk.command(&[], url);
        command.env("SSL_CERT_FILE", "/no/such/file").env("SSL_CERT_DIR", "/no/such/folder");
        Ended::of(command.spawn().unwrap())
    };
    run(&without.url("/a")).succeeded();
    run(&with_tls.url("/a")).failed(1, &["--cacert"]);
}
