//! A client that hangs within a fragment, and comes back on another connection: a test that both examples share.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use http::{Response, StatusCode};

use crate::http1::Connection;

/// Hangs on the server at this address, which stores in this folder.
pub(crate) fn is_stopped_within_a_second(server: SocketAddr, folder: &Path) {
    let mut hung = connect(server);
    let created = exchange(
        &mut hung,
        "Create-Session\r\nBITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\nContent-Length: 0",
        "",
    );
    assert_eq!(created.status(), StatusCode::OK);
    let session = created.headers()["BITS-Session-Id"].to_str().unwrap();
    let fragment = format!(
        "Fragment\r\nBITS-Session-Id: {session}\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10"
    );
    send(&hung, &fragment, "01234");
    let unfinished = folder.join(format!("{session}.part"));
    while fs::metadata(&unfinished).unwrap().len() < 5 {
        thread::sleep(Duration::from_millis(1));
    }

    let begin = Instant::now();
    let mut back = connect(server);
    let answer = exchange(&mut back, &fragment, "0123456789");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["BITS-Received-Content-Range"], "10");
    // The older connection is still answered.
    assert_eq!(hung.read_response().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());

    let close = format!("Close-Session\r\nBITS-Session-Id: {session}\r\nContent-Length: 0");
    assert_eq!(exchange(&mut back, &close, "").status(), StatusCode::OK);
    assert_eq!(fs::read(folder.join("hung.bin")).unwrap(), b"0123456789");
}

fn connect(server: SocketAddr) -> Connection {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Connection::new(stream).unwrap()
}

fn exchange(connection: &mut Connection, packet: &str, body: &str) -> Response<()> {
    send(connection, packet, body);
    connection.read_response().unwrap()
}

fn send(connection: &Connection, packet: &str, body: &str) {
    let head =
        format!("BITS_POST /uploads/hung.bin HTTP/1.1\r\nHost: server\r\nBITS-Packet-Type: {packet}\r\n\r\n");
    connection.stream().write_all(head.as_bytes()).unwrap();
    connection.stream().write_all(body.as_bytes()).unwrap();
}
