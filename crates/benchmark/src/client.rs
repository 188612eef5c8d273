//! The load generator's client: blocking, on one connection. The same code sends the same bytes to every server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::server::Kind;

/// A connection, with an upload on it.
#[derive(Debug)]
pub(crate) struct Client {
    kind: Kind,
    stream: BufReader<TcpStream>,
    head: Vec<u8>,
    /// Where the upload goes: its path, and the id of its session.
    path: String,
    session: String,
    at: usize,
    total: usize,
}

/// What is answered: the head.
struct Answer(String);

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    pub(crate) fn connect(kind: Kind, server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        let (path, session) = (String::new(), String::new());
        Self { kind, stream: BufReader::new(stream), head: Vec::new(), path, session, at: 0, total: 0 }
    }

    /// Begins an upload of so many bytes. The bare handler knows no uploads: each part is one.
    pub(crate) fn begin(&mut self, total: usize) {
        (self.at, self.total) = (0, total);
        self.path = next_path();
        match self.kind {
            Kind::Bits => {
                let packet = "BITS-Packet-Type: Create-Session\r\nBITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\n";
                let answer = self.request("BITS_POST", packet, b"");
                self.session = answer.header("BITS-Session-Id").unwrap().to_owned();
            }
            Kind::Bare => {}
            Kind::BareThrice => self.nothing(),
            Kind::Rustus => {
                self.path = "/files/".to_owned();
                let headers = format!("Tus-Resumable: 1.0.0\r\nUpload-Length: {total}\r\n");
                let answer = self.request("POST", &headers, b"");
                let url = answer.header("Location").unwrap();
                self.path = url[url.find("/files").unwrap()..].to_owned();
            }
        }
    }

    /// Sends the next part, and waits until it is acknowledged.
    pub(crate) fn part(&mut self, bytes: &[u8]) {
        let (at, end) = (self.at, self.at + bytes.len());
        match self.kind {
            Kind::Bits => {
                let headers = format!(
                    "BITS-Packet-Type: Fragment\r\nBITS-Session-Id: {}\r\nContent-Range: bytes {at}-{}/{}\r\n",
                    self.session,
                    end - 1,
                    self.total
                );
                let answer = self.request("BITS_POST", &headers, bytes);
                assert_eq!(answer.header("BITS-Received-Content-Range"), Some(&*end.to_string()));
            }
            Kind::Bare | Kind::BareThrice => {
                self.path = next_path();
                self.request("PUT", "", bytes);
            }
            Kind::Rustus => {
                let headers = format!(
                    "Tus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\nContent-Type: application/offset+octet-stream\r\n"
                );
                self.request("PATCH", &headers, bytes);
            }
        }
        self.at = end;
    }

    /// Publishes the file.
    pub(crate) fn end(&mut self) {
        match self.kind {
            Kind::Bits => self.packet("Close-Session"),
            Kind::BareThrice => self.nothing(),
            Kind::Bare | Kind::Rustus => {}
        }
    }

    /// Has what was sent deleted.
    pub(crate) fn cancel(&mut self) {
        match self.kind {
            Kind::Bits => self.packet("Cancel-Session"),
            Kind::Bare | Kind::BareThrice | Kind::Rustus => {}
        }
    }

    /// Has a request answered that asks for nothing.
    fn nothing(&mut self) {
        self.request("PUT", "", b"");
    }

    fn packet(&mut self, packet: &str) {
        let headers = format!("BITS-Packet-Type: {packet}\r\nBITS-Session-Id: {}\r\n", self.session);
        self.request("BITS_POST", &headers, b"");
    }

    /// # Panics
    /// The server refuses it.
    fn request(&mut self, method: &str, headers: &str, body: &[u8]) -> Answer {
        self.head.clear();
        let length = body.len();
        write!(
            self.head,
            "{method} {} HTTP/1.1\r\nHost: server\r\n{headers}Content-Length: {length}\r\n\r\n",
            self.path
        )
        .unwrap();
        // A small body goes with its head, as any client sends it.
        let (first, rest) = body.split_at(body.len().min(64 * 1024));
        self.head.extend_from_slice(first);
        self.stream.get_mut().write_all(&self.head).unwrap();
        self.stream.get_mut().write_all(rest).unwrap();
        let answer = self.answer();
        assert!(answer.0[9..].starts_with('2'), "{method} {}: {}", self.path, answer.0);
        answer
    }

    fn answer(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.stream.read_line(&mut head).unwrap() > 0, "the connection ended: {head}");
        }
        let answer = Answer(head);
        let length = answer.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        answer
    }
}

fn next_path() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("/{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Bytes that no file system takes for a hole.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
