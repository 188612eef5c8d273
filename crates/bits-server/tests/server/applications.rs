//! Uploads with a server application behind them.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use crate::harness::{Server, entity};
use crate::http1::{Response, Session, read_request, request};
use crate::tls::Certificate;

const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// An application for one notification: its URL, and what it was sent.
fn application(
    answer: impl FnOnce(&Response) -> String + Send + 'static,
) -> (String, JoinHandle<Option<Response>>) {
    listen("http", |stream| stream, answer)
}

/// One that speaks TLS.
fn tls_application(certificate: Certificate) -> (String, JoinHandle<Option<Response>>) {
    listen("https", move |stream| certificate.serve(stream), |_| TAKEN.to_owned())
}

fn listen<S: Read + Write>(
    scheme: &str,
    accept: impl FnOnce(TcpStream) -> S + Send + 'static,
    answer: impl FnOnce(&Response) -> String + Send + 'static,
) -> (String, JoinHandle<Option<Response>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{scheme}://{}/notify", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let mut stream = accept(listener.accept().unwrap().0);
        let request = read_request(&mut stream)?;
        stream.write_all(answer(&request).as_bytes()).unwrap();
        Some(request)
    });
    (url, thread)
}

#[test]
fn by_value_the_application_gets_the_file_and_the_client_its_reply() {
    let answer = "HTTP/1.1 200 OK\r\nBITS-Copy-File-To-Destination: 1\r\nContent-Length: 9\r\n\r\nthe reply";
    let (url, application) = application(move |_| answer.to_owned());
    let server = Server::start(&["--serve", "--notify", "by-value", "--notification-url", &url]);
    let file = entity(300_000);
    let session = Session::create(server.address, "/a.bin?token=1");
    let ack = session.fragment(&file, 0, file.len());
    assert_eq!(ack.status, 200);
    let notification = application.join().unwrap().unwrap();
    assert!(notification.body == file);
    assert_eq!(notification.header("bits-original-request-url"), "http://server/a.bin?token=1");

    let reply = request(server.address, "GET", &reply_target(&ack), &[], b"");
    assert_eq!((reply.status, &*reply.body), (200, &b"the reply"[..]));
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
    assert_eq!(request(server.address, "GET", &reply_target(&ack), &[], b"").status, 404);
}

#[test]
fn a_reply_is_for_the_owner_of_its_upload_alone() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe reply";
    let (url, application) = application(move |_| answer.to_owned());
    let users = ["--user", "a:1", "--user", "b:2"];
    let notify = ["--serve", "--notify", "by-value", "--notification-url", &url];
    let server = Server::start(&[&notify[..], &users].concat());
    let (owner, other) = (("Authorization", "Basic YTox"), ("Authorization", "Basic Yjoy"));
    let session = Session::try_create(server.address, "/a.bin", &[owner]).unwrap();
    let ack = session.fragment(b"bytes", 0, 5);
    assert_eq!(ack.status, 200);
    application.join().unwrap().unwrap();
    let get = |headers: &[_]| {
        let reply = request(server.address, "GET", &reply_target(&ack), headers, b"");
        (reply.status, reply.body)
    };
    assert_eq!(get(&[owner]), (200, b"the reply".to_vec()));
    assert_eq!(get(&[other]), (404, vec![]));
    assert_eq!(get(&[]).0, 401);
}

#[test]
fn by_reference_the_application_reads_and_writes_files() {
    let file = entity(5_000);
    let expected = file.clone();
    let (url, application) = application(move |request| {
        assert!(fs::read(request.header("bits-request-datafile-name")).unwrap() == expected);
        fs::write(request.header("bits-response-datafile-name"), "a reply in a file").unwrap();
        TAKEN.to_owned()
    });
    let server = Server::start(&["--serve", "--notify", "by-reference", "--notification-url", &url]);
    let session = Session::create(server.address, "/a.bin");
    let ack = session.fragment(&file, 0, file.len());
    assert_eq!(ack.status, 200);
    application.join().unwrap();
    let reply = request(server.address, "GET", &reply_target(&ack), &[], b"");
    assert_eq!((reply.status, &*reply.body), (200, &b"a reply in a file"[..]));
    assert_eq!(session.close().status, 200);
    assert_eq!(server.published("a.bin"), None, "the application did not ask for it");
    assert_eq!(server.parts().len() + server.state_files("reply").len(), 0);
}

#[test]
fn what_the_application_refuses_is_told_and_can_be_repeated() {
    let (url, application) = application(|_| {
        "HTTP/1.1 500 Oops\r\nBITS-Error-Code: 0x80004005\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let server = Server::start(&["--notify", "by-value", "--notification-url", &url]);
    let file = entity(10);
    let session = Session::create(server.address, "/a.bin");
    let refused = session.fragment(&file, 0, 10);
    assert_eq!((refused.status, refused.header("bits-error-context")), (500, "0x7"));
    assert_eq!(refused.header("bits-error-code"), "0x80004005");
    application.join().unwrap();
    // Nobody listens there any more.
    assert_eq!(session.fragment(&file, 0, 10).status, 502);
    assert_eq!(session.close().status, 400);
}

/// The status of the Ack for a whole upload to a server with these options.
fn notified(options: &[&str]) -> u16 {
    let server = Server::start(options);
    let session = Session::create(server.address, "/a.bin");
    session.fragment(&entity(100_000), 0, 100_000).status
}

#[test]
fn an_application_that_speaks_tls_is_told_if_its_certificate_is_trusted() {
    let (folder, certificate) = (TempDir::new().unwrap(), Certificate::new());
    let ca = certificate.write(folder.path());
    let (url, application) = tls_application(certificate);
    let options = ["--notify", "by-value", "--notification-url", &url, "--notification-ca", &ca];
    assert_eq!(notified(&options), 200);
    assert!(application.join().unwrap().unwrap().body == entity(100_000));
}

#[test]
fn no_file_goes_to_an_application_whose_certificate_is_not_trusted() {
    let folder = TempDir::new().unwrap();
    let other = Certificate::new().write(folder.path());
    let (url, application) = tls_application(Certificate::new());
    let options = ["--notify", "by-value", "--notification-url", &url, "--notification-ca", &other];
    assert_eq!(notified(&options), 502);
    assert!(application.join().unwrap().is_none());
}

#[test]
fn the_application_is_told_the_public_url() {
    let (url, application) = application(|_| "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_owned());
    // A path is enough, then: here the public server is the application's.
    let (public, path) = url.split_at(url.rfind('/').unwrap());
    let public = format!("{public}/uploads/");
    let options = [
        "--serve",
        "--notify",
        "by-value",
        "--notification-url",
        path,
        "--public-url",
        &public,
        "--create-dirs",
    ];
    let server = Server::start(&options);
    let session = Session::create(server.address, "/folder/a.bin?token=1");
    let ack = session.fragment(b"bytes", 0, 5);
    assert_eq!(ack.status, 200);
    // Wherever the proxy has put the folder: it is relative to the destination that the client knows.
    assert!(ack.header("bits-reply-url").starts_with("BITS-Sessions/"), "{ack:?}");
    let notification = application.join().unwrap().unwrap();
    let told = notification.header("bits-original-request-url");
    assert_eq!(told, format!("{public}folder/a.bin?token=1"));
}

/// The target to fetch a reply at: its URL is relative to the destination, which is at the root here.
fn reply_target(ack: &Response) -> String {
    let url = ack.header("bits-reply-url");
    assert!(!url.is_empty() && !url.starts_with('/'), "{url:?}");
    format!("/{url}")
}
