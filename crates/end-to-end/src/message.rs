//! HTTP/1.1 by hand: heads are read with `httparse`, bodies have a length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::deadline::DEADLINE;

/// A request or a response.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The head as it came, with the empty line at its end.
    pub head: Vec<u8>,
    /// `BITS_POST /a.bin`, of a request.
    pub method: String,
    pub target: String,
    /// Of a response.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Empty until it is read.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads the head of a request; `None` at the end of the connection.
    pub fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(head) = read_head(stream)? else { return Ok(None) };
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(&head).map_err(io::Error::other)?;
        let (method, target) = (request.method.unwrap().to_owned(), request.path.unwrap().to_owned());
        let headers = owned(request.headers);
        Ok(Some(Self { head, method, target, headers, ..Self::default() }))
    }

    /// Reads the head of a response.
    pub fn read_response(stream: &mut impl BufRead) -> io::Result<Self> {
        let head = read_head(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(&head).map_err(io::Error::other)?;
        let (status, headers) = (response.code.unwrap(), owned(response.headers));
        Ok(Self { head, status, headers, ..Self::default() })
    }

    /// The value of a header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// How long the body is.
    pub fn length(&self) -> u64 {
        assert_eq!(self.header("transfer-encoding"), "", "only bodies with a length are read here");
        self.header("content-length").parse().unwrap_or_default()
    }

    /// Reads the body.
    pub fn with_body(mut self, stream: &mut impl BufRead) -> io::Result<Self> {
        let length = self.length();
        stream.take(length).read_to_end(&mut self.body)?;
        if self.body.len() as u64 == length { Ok(self) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect()
}

fn read_head(stream: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
    Ok(Some(head))
}

/// A connection to a server, for requests by hand.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream: BufReader::new(stream), host: address }
    }

    /// Sends a request, and returns its answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        let mut bytes = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n",
            self.host,
            body.len()
        );
        for (name, value) in headers {
            bytes += &format!("{name}: {value}\r\n");
        }
        let mut bytes = (bytes + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes).unwrap();
        let response = Message::read_response(&mut self.stream).unwrap();
        response.with_body(&mut self.stream).unwrap()
    }

    /// Creates a session, and returns its id.
    #[track_caller]
    pub fn create_session(&mut self, target: &str) -> String {
        let headers = [
            ("BITS-Packet-Type", "Create-Session"),
            ("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}"),
        ];
        let ack = self.request("BITS_POST", target, &headers, b"");
        assert_eq!(ack.status, 200, "{ack:?}");
        ack.header("bits-session-id").to_owned()
    }
}
