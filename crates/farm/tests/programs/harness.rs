//! A server with a database and a bucket, and requests to it.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use farm::{Database, Moto, Server};
use testing::http1::{Message, request_head};

/// A server, and its engines.
pub(crate) struct Bucket {
    pub(crate) server: Server,
    pub(crate) moto: Moto,
    _database: Database,
}

impl Bucket {
    pub(crate) fn start(options: &[&str]) -> Self {
        let (moto, database) = (Moto::start(), Database::start());
        let (url, root) = (database.url(), Moto::url());
        let places = ["--listen", "127.0.0.1:0", "--root", &root, "--state", &url];
        let options: Vec<_> = places.iter().chain(options).map(|option| (*option).to_owned()).collect();
        let server = Server::start(&options, Moto::environment(moto.address()));
        Self { server, moto, _database: database }
    }
}

/// One upload by hand.
pub(crate) struct Session {
    address: SocketAddr,
    path: String,
    id: String,
}

impl Session {
    pub(crate) fn create(address: SocketAddr, path: &str) -> Self {
        let protocols = ("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}");
        let headers = [("BITS-Packet-Type", "Create-Session"), protocols];
        let answer = request(address, "BITS_POST", path, &headers, b"");
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { address, path: path.to_owned(), id: answer.header("bits-session-id").to_owned() }
    }

    pub(crate) fn fragment(&self, bytes: &[u8], start: usize, total: usize) -> Message {
        let range = format!("bytes {start}-{}/{total}", start + bytes.len() - 1);
        self.send("Fragment", &[("Content-Range", &range)], bytes)
    }

    pub(crate) fn close(&self) -> Message {
        self.send("Close-Session", &[], b"")
    }

    fn send(&self, kind: &str, more: &[(&str, &str)], body: &[u8]) -> Message {
        let headers = [&[("BITS-Packet-Type", kind), ("BITS-Session-Id", &self.id)], more].concat();
        request(self.address, "BITS_POST", &self.path, &headers, body)
    }
}

pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    more: &[(&str, &str)],
    body: &[u8],
) -> Message {
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    let (host, length) = (address.to_string(), body.len().to_string());
    let headers = [&[("Host", &*host), ("Content-Length", &length), ("Connection", "close")], more].concat();
    let mut bytes = request_head(method, target, &headers);
    bytes.extend_from_slice(body);
    stream.get_mut().write_all(&bytes).unwrap();
    Message::read_response(&mut stream).unwrap().with_body(&mut stream).unwrap()
}

/// Bytes that tell where they belong.
pub(crate) fn contents(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}
