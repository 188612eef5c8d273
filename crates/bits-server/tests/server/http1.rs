//! Requests on connections of their own, and the packets of an upload by hand.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) use testing::http1::Message as Response;
use testing::http1::request_head;

use crate::harness::DEADLINE;

pub(crate) const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Sends a head alone.
pub(crate) fn send_head(stream: &mut impl Write, method: &str, target: &str, headers: &[(&str, &str)]) {
    let all: Vec<_> = [("Host", "server")].iter().chain(headers).copied().collect();
    stream.write_all(&request_head(method, target, &all)).unwrap();
}

pub(crate) fn read_response(stream: impl Read, method: &str) -> Response {
    try_read_response(stream, method).unwrap()
}

/// A response, unless the connection breaks.
pub(crate) fn try_read_response(stream: impl Read, method: &str) -> std::io::Result<Response> {
    let mut stream = BufReader::new(stream);
    let response = Response::read_response(&mut stream)?;
    if method == "HEAD" { Ok(response) } else { response.with_body(&mut stream) }
}

/// A request, as a server application reads it, if it comes to its end.
pub(crate) fn read_request(stream: impl Read) -> Option<Response> {
    let mut stream = BufReader::new(stream);
    Response::read_request(&mut stream).ok()??.with_body(&mut stream).ok()
}

/// One request on a connection of its own.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    request_on(connect(address), method, target, headers, body)
}

/// One request on a connection of whatever kind.
pub(crate) fn request_on(
    mut stream: impl Read + Write,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let length = body.len().to_string();
    let headers: Vec<_> = headers.iter().copied().chain([("Content-Length", &*length)]).collect();
    send_head(&mut stream, method, target, &headers);
    // A server that refuses may close before it has read everything.
    let _refused = stream.write_all(body);
    read_response(&mut stream, method)
}

/// Sends the smallest request of the protocol.
pub(crate) fn send_ping(stream: &mut impl Write) {
    send_head(stream, "BITS_POST", "/a.bin", &[("BITS-Packet-Type", "Ping"), ("Content-Length", "0")]);
}

/// One upload by hand.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) id: String,
    /// Sent with every packet.
    pub(crate) headers: Vec<(String, String)>,
}

impl Session {
    pub(crate) fn create(address: SocketAddr, path: &str) -> Self {
        Self::try_create(address, path, &[]).unwrap_or_else(|response| panic!("{path}: {response:?}"))
    }

    pub(crate) fn try_create(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Box<Response>> {
        let mut session = Self {
            address,
            path: path.to_owned(),
            id: String::new(),
            headers: headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        };
        let response = session
            .packet(&[("BITS-Packet-Type", "Create-Session"), ("BITS-Supported-Protocols", PROTOCOL)], b"");
        if response.status != 200 {
            return Err(Box::new(response));
        }
        session.id = response.header("bits-session-id").to_owned();
        Ok(session)
    }

    pub(crate) fn packet(&self, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let more = self.headers.iter().map(|(name, value)| (&**name, &**value));
        let headers: Vec<_> = headers.iter().copied().chain(more).collect();
        request(self.address, "BITS_POST", &self.path, &headers, body)
    }

    /// The fragment of `entity` from `start` to `end`.
    pub(crate) fn fragment(&self, entity: &[u8], start: usize, end: usize) -> Response {
        let range = format!("bytes {start}-{}/{}", end - 1, entity.len());
        let headers =
            [("BITS-Packet-Type", "Fragment"), ("BITS-Session-Id", &*self.id), ("Content-Range", &*range)];
        self.packet(&headers, &entity[start..end])
    }

    /// Begins a fragment of `entity` from `start` to `end`, and sends its first `sent` bytes.
    pub(crate) fn begin_fragment(&self, entity: &[u8], start: usize, end: usize, sent: usize) -> TcpStream {
        let mut stream = connect(self.address);
        let (range, length) =
            (format!("bytes {start}-{}/{}", end - 1, entity.len()), (end - start).to_string());
        let headers = [
            ("BITS-Packet-Type", "Fragment"),
            ("BITS-Session-Id", &*self.id),
            ("Content-Range", &*range),
            ("Content-Length", &*length),
        ];
        send_head(&mut stream, "BITS_POST", &self.path, &headers);
        stream.write_all(&entity[start..start + sent]).unwrap();
        stream
    }

    pub(crate) fn close(&self) -> Response {
        self.packet(&[("BITS-Packet-Type", "Close-Session"), ("BITS-Session-Id", &*self.id)], b"")
    }

    pub(crate) fn cancel(&self) -> Response {
        self.packet(&[("BITS-Packet-Type", "Cancel-Session"), ("BITS-Session-Id", &*self.id)], b"")
    }
}
