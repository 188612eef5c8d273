//! Uploads with a server application behind them.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::thread;

use crate::harness::{Server, entity};
use crate::http1::{Response, Session, read_request, request};

/// An application for one notification: its URL, and what it was sent.
fn application(
    answer: impl FnOnce(&Response) -> String + Send + 'static,
) -> (String, thread::JoinHandle<Response>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/notify", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_request(&stream);
        stream.write_all(answer(&request).as_bytes()).unwrap();
        request
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
    let notification = application.join().unwrap();
    assert!(notification.body == file);
    let destination = format!("http://{}/a.bin?token=1", server.address);
    assert_eq!(notification.header("bits-original-request-url"), destination);

    let reply = request(server.address, "GET", ack.header("bits-reply-url"), &[], b"");
    assert_eq!((reply.status, &*reply.body), (200, &b"the reply"[..]));
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
    assert_eq!(request(server.address, "GET", ack.header("bits-reply-url"), &[], b"").status, 404);
}

#[test]
fn by_reference_the_application_reads_and_writes_files() {
    let file = entity(5_000);
    let expected = file.clone();
    let (url, application) = application(move |request| {
        assert!(fs::read(request.header("bits-request-datafile-name")).unwrap() == expected);
        fs::write(request.header("bits-response-datafile-name"), "a reply in a file").unwrap();
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let server = Server::start(&["--serve", "--notify", "by-reference", "--notification-url", &url]);
    let session = Session::create(server.address, "/a.bin");
    let ack = session.fragment(&file, 0, file.len());
    assert_eq!(ack.status, 200);
    application.join().unwrap();
    let reply = request(server.address, "GET", ack.header("bits-reply-url"), &[], b"");
    assert_eq!((reply.status, &*reply.body), (200, &b"a reply in a file"[..]));
    assert_eq!(session.close().status, 200);
    assert_eq!(server.published("a.bin"), None, "the application did not ask for it");
    assert_eq!(server.state_files("part").len() + server.state_files("reply").len(), 0);
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
