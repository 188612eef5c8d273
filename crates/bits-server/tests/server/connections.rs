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
fn when_all_places_are_taken_the_connection_that_was_idle_longest_is_closed() {
    let server = Server::start(&["--max-connections", "2", "--connections-per-address", "2"]);
    let (mut first, mut second) = (idle(&server), idle(&server));
    let _third = idle(&server);
    assert_eq!(first.read(&mut [0]).unwrap(), 0, "it is closed");
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(second.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "it is not");
}

#[test]
fn silent_connections_lock_nobody_out() {
    let server = Server::start(&["--max-connections", "8"]);
    let _silent: Vec<_> = (0..40)
        .map(|number| {
            let mut stream = connect(server.address);
            if number % 2 == 0 {
                stream.write_all(b"BITS_POST /a.bin HTTP/1.1\r\n").unwrap();
            }
            stream
        })
        .collect();
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&entity(10), 0, 10).status, 200);
    assert_eq!(session.close().status, 200);
}

#[test]
fn an_upload_that_is_under_way_keeps_its_connection() {
    let server = Server::start(&["--max-connections", "2", "--connections-per-address", "2"]);
    let session = Session::create(server.address, "/a.bin");
    let file = entity(1000);
    let mut stream = session.begin_fragment(&file, 0, 1000, 400);
    std::thread::sleep(Duration::from_millis(200));
    let _others: Vec<_> = (0..6).map(|_| idle(&server)).collect();
    stream.write_all(&file[400..]).unwrap();
    assert_eq!(read_response(&stream, "BITS_POST").received(), 1000);
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

#[test]
fn a_client_that_has_said_all_still_hears_the_answer() {
    let server = Server::start(&[]);
    let session = Session::create(server.address, "/a.bin");
    let file = entity(300_000);
    for (start, end) in [(0, 100_000), (100_000, 300_000)] {
        let stream = session.begin_fragment(&file, start, end, end - start);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_response(&stream, "BITS_POST").received(), end as u64);
    }
}
