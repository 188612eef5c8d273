//! A server that takes every byte and keeps none, by PUT and by BITS: what clients are timed against. It prints its port.

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use testing::http1::Message;

fn main() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for stream in listener.incoming().flatten() {
        thread::spawn(move || drop(serve(&stream)));
    }
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    while let Some(request) = Message::read_request(&mut reader)? {
        let length = request.length();
        let taken = io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        assert_eq!(taken, length);
        let answer = match request.header("bits-packet-type") {
            "" => "201 Created\r\n".to_owned(),
            "Create-Session" => {
                "200 OK\r\nBITS-Packet-Type: Ack\r\nBITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\n\
                BITS-Session-Id: {00000000-0000-4000-8000-000000000001}\r\n"
                    .to_owned()
            }
            "Fragment" => {
                let range = request.header("content-range");
                let last = range.split(['-', '/']).nth(1).and_then(|last| last.parse::<u64>().ok()).unwrap();
                format!("200 OK\r\nBITS-Packet-Type: Ack\r\nBITS-Received-Content-Range: {}\r\n", last + 1)
            }
            _ => "200 OK\r\nBITS-Packet-Type: Ack\r\n".to_owned(),
        };
        let mut stream = stream;
        stream.write_all(format!("HTTP/1.1 {answer}Content-Length: 0\r\n\r\n").as_bytes())?;
    }
    Ok(())
}
