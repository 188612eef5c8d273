//! A message as a peer sent it, read from a stream.

use std::io::{self, BufRead, Read};

use super::MAX_HEADERS;

/// A request or a response.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The head as it came, with the empty line at its end.
    pub head: Vec<u8>,
    /// The method of a request.
    pub method: String,
    /// The target of a request.
    pub target: String,
    /// The status of a response.
    pub status: u16,
    /// Names and values, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body; empty until [`Message::with_body`] reads it.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads the head of a request; `None` at the end of the connection.
    ///
    /// # Errors
    /// Those of the stream, and heads that are none.
    pub fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(head) = read_head(stream)? else { return Ok(None) };
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(&head).map_err(io::Error::other)?;
        let (method, target) = (request.method.unwrap().to_owned(), request.path.unwrap().to_owned());
        let headers = owned(request.headers);
        Ok(Some(Self { head, method, target, headers, ..Self::default() }))
    }

    /// Reads the head of a response.
    ///
    /// # Errors
    /// Those of the stream, and heads that are none.
    pub fn read_response(stream: &mut impl BufRead) -> io::Result<Self> {
        let head = read_head(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
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

    /// The offset that a BITS server wants next.
    pub fn received(&self) -> u64 {
        self.header("bits-received-content-range").parse().unwrap()
    }

    /// The length of the body, in bytes.
    pub fn length(&self) -> u64 {
        assert_eq!(self.header("transfer-encoding"), "", "only bodies with a length are read here");
        self.header("content-length").parse().unwrap_or_default()
    }

    /// Reads the body.
    ///
    /// # Errors
    /// Those of the stream, and a body that ends too early.
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
