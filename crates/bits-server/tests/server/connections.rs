//! More connections than there are places.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{Server, entity};
use crate::http1::{Session, connect, read_response, send_head, send_ping};

/// A connection whose request has been answered: it has a place for certain, and keeps it.
fn idle(server: &Server) -> TcpStream {
    let mut stream = connect(server.address);
    send_ping(&mut stream);
    assert_eq!(read_response(&stream, "BITS_POST").status, 200);
    stream
}

#[test]
fn more_connections_than_places_wait_until_one_is_closed() {
    let server = Server::start(&["--max-connections", "1"]);
    let first = idle(&server);
    let mut second = connect(server.address);
    send_ping(&mut second);
    second.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert_eq!(second.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(read_response(&second, "BITS_POST").status, 200);
}

/// The one place of this server is taken by a client that does no more; others are served nevertheless, in time.
fn a_place_is_freed(silent: impl Fn(&Server) -> TcpStream) {
    let server = Server::start(&["--max-connections", "1", "--idle-timeout", "1", "--serve"]);
    let _silent = silent(&server);
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&entity(10), 0, 10).status, 200);
}

#[test]
fn a_client_that_is_silent_between_two_requests_does_not_keep_its_place() {
    a_place_is_freed(idle);
}

#[test]
fn a_client_that_is_silent_within_a_head_does_not_keep_its_place() {
    a_place_is_freed(|server| {
        let mut stream = idle(server);
        stream.write_all(b"BITS_POST /a.bin HTTP/1.1\r\nHost:").unwrap();
        stream
    });
}

#[test]
fn a_client_that_reads_nothing_does_not_keep_its_place() {
    a_place_is_freed(|server| {
        // More than the operating system takes for the client.
        File::create(server.root().join("large")).unwrap().set_len(1 << 30).unwrap();
        let mut stream = connect(server.address);
        send_head(&mut stream, "GET", "/large", &[]);
        stream.read_exact(&mut [0; 9]).unwrap();
        stream
    });
}
