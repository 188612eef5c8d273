//! HTTP/1.1 as the servers of the tests read and write it.

use std::io::{self, BufRead, BufReader, Read, Write};

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};

pub(crate) trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

pub(crate) type Connection = BufReader<Box<dyn Stream>>;

pub(crate) fn read_head(connection: &mut Connection) -> io::Result<Option<Request<()>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if connection.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(&head).map_err(io::Error::other)?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(parsed.method.unwrap().as_bytes()).unwrap();
    *request.uri_mut() = parsed.path.unwrap().parse().unwrap();
    for header in parsed.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(header.value).unwrap());
    }
    Ok(Some(request))
}

pub(crate) fn write_response(
    stream: &mut dyn Stream,
    response: &Response<()>,
    more: &str,
    page: &[u8],
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(more.as_bytes());
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(page);
    stream.write_all(&head)?;
    stream.flush()
}

pub(crate) fn plain(
    status: u16,
    headers: &[(&'static str, &'static str)],
    page: Vec<u8>,
) -> (Response<()>, Vec<u8>) {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert("content-length", page.len().into());
    (response, page)
}

pub(crate) fn header<'r>(request: &'r Request<()>, name: &str) -> &'r str {
    request.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}
