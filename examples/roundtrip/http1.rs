//! As much of HTTP/1.1 as this example needs. A program takes an HTTP library: this one knows neither chunked bodies
//! nor `Expect: 100-continue`, TLS or proxies.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Take, Write};
use std::net::TcpStream;

use bits_proto::header::spelling;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode, Version};

/// The longest head that is read, in bytes, and how many headers it may have.
const MAX_HEAD: u64 = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// One end of a connection.
pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        // A head and its body are two writes: the body must not wait for the head's acknowledgement.
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, stream) })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// The head of the next request; `None` when the client has closed the connection.
    pub(crate) fn read_request(&mut self) -> io::Result<Option<Request<()>>> {
        let Some(head) = self.read_head()? else { return Ok(None) };
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        parsed.parse(&head).map_err(invalid)?;
        let mut request = Request::new(());
        let method = parsed.method.unwrap_or_default();
        *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(invalid)?;
        *request.uri_mut() = parsed.path.unwrap_or_default().parse().map_err(invalid)?;
        *request.version_mut() = version(parsed.version);
        *request.headers_mut() = header_map(parsed.headers)?;
        Ok(Some(request))
    }

    /// The head of the response to the one request that was sent.
    pub(crate) fn read_response(&mut self) -> io::Result<Response<()>> {
        loop {
            let head = self.read_head()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut parsed = httparse::Response::new(&mut headers);
            parsed.parse(&head).map_err(invalid)?;
            let mut response = Response::new(());
            *response.status_mut() =
                StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(invalid)?;
            *response.version_mut() = version(parsed.version);
            *response.headers_mut() = header_map(parsed.headers)?;
            if !response.status().is_informational() {
                return Ok(response);
            }
        }
    }

    /// The body of the message whose head was read last.
    pub(crate) fn body(&mut self, length: u64) -> Body<'_> {
        Body { reader: self.reader.by_ref().take(length), broke_off: false }
    }

    pub(crate) fn write_request<B>(&mut self, request: &Request<B>) -> io::Result<()> {
        let uri = request.uri();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let mut head = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
        let host = uri.authority().map_or("", |authority| authority.as_str());
        write_header(&mut head, &HOST, host.as_bytes());
        self.write_head(head, request.headers())
    }

    pub(crate) fn write_response<B>(&mut self, response: &Response<B>, last: bool) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
        if last {
            write_header(&mut head, &CONNECTION, b"close");
        }
        self.write_head(head, response.headers())
    }

    fn read_head(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = Vec::new();
        let mut reader = self.reader.by_ref().take(MAX_HEAD);
        while !head.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut head)? == 0 {
                return if head.is_empty() {
                    Ok(None)
                } else {
                    Err(invalid("a head too long, or cut short"))
                };
            }
        }
        Ok(Some(head))
    }

    /// All in one write, so that it leaves in one segment.
    fn write_head(&mut self, mut head: Vec<u8>, headers: &HeaderMap) -> io::Result<()> {
        for (name, value) in headers {
            write_header(&mut head, name, value.as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        self.stream().write_all(&head)
    }
}

/// A message's body as it arrives.
pub(crate) struct Body<'c> {
    reader: Take<&'c mut BufReader<TcpStream>>,
    broke_off: bool,
}

impl Body<'_> {
    /// How many bytes have not been read.
    pub(crate) fn remaining(&self) -> u64 {
        self.reader.limit()
    }

    /// Whether the connection broke before the body's end.
    pub(crate) fn broke_off(&self) -> bool {
        self.broke_off
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.reader.read(buffer);
        self.broke_off |= self.remaining() > 0 && matches!(result, Ok(0) | Err(_));
        result
    }
}

/// The length of a message's body; `None` if its head does not say so in the one way that is known here. Then nobody
/// can tell where the next message begins, and guessing is how requests are smuggled: close the connection.
pub(crate) fn body_length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return if headers.contains_key(TRANSFER_ENCODING) { None } else { Some(0) };
    };
    let agreed = lengths.all(|other| other == length) && !headers.contains_key(TRANSFER_ENCODING);
    let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|_| agreed)
}

/// Whether the other end wants to close the connection after this message.
pub(crate) fn is_last(version: Version, headers: &HeaderMap) -> bool {
    let says_close = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
    version != Version::HTTP_11 || headers.get_all(CONNECTION).iter().any(says_close)
}

fn write_header(head: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    // Not in lower case: HTTP allows it, but some peers of this protocol do not expect it.
    for part in [spelling(name).as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

fn header_map(headers: &[httparse::Header<'_>]) -> io::Result<HeaderMap> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(invalid)?;
        let value = HeaderValue::from_bytes(header.value).map_err(invalid)?;
        map.try_append(name, value).map_err(invalid)?;
    }
    Ok(map)
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 }
}

fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
