//! HTTP/1.1 by hand, once for all tests: heads are read with `httparse`, bodies have a length.

mod message;

use http::{Request, Response, Version};

pub use message::Message;

/// More headers than any head of these tests has.
const MAX_HEADERS: usize = 64;

/// The head of a request, with the empty line at its end. Panics on other bytes.
pub fn request(bytes: &[u8]) -> Request<()> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    assert!(head.parse(bytes).expect("the head of a request").is_complete(), "the head has no end");
    let mut request = Request::builder()
        .method(head.method.unwrap())
        .uri(head.path.unwrap())
        .version(version(head.version));
    for header in head.headers.iter() {
        request = request.header(header.name, header.value);
    }
    request.body(()).expect("a head that the http crate can hold")
}

/// The head of a response, with the empty line at its end. Panics on other bytes.
pub fn response(bytes: &[u8]) -> Response<()> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    assert!(head.parse(bytes).expect("the head of a response").is_complete(), "the head has no end");
    let mut response = Response::builder().status(head.code.unwrap()).version(version(head.version));
    for header in head.headers.iter() {
        response = response.header(header.name, header.value);
    }
    response.body(()).expect("a head that the http crate can hold")
}

fn version(minor: Option<u8>) -> Version {
    match minor {
        Some(1) => Version::HTTP_11,
        Some(0) => Version::HTTP_10,
        other => panic!("HTTP/1.{other:?}"),
    }
}

/// The head of a request as bytes. Its headers are these and no more: `Host` and the length of a body are among them.
pub fn request_head(method: &str, target: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\n{lines}\r\n").into_bytes()
}

/// The head of a response as bytes. `more` are further lines, with CRLF behind each.
pub fn response_head(response: &Response<()>, more: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(more.as_bytes());
    head.extend_from_slice(b"\r\n");
    head
}
