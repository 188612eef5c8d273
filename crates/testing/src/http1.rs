//! Heads of HTTP/1.1 as bytes, read into the types of the `http` crate.

use http::{Request, Response, Version};

/// More headers than any head of these tests has.
const MAX_HEADERS: usize = 64;

/// The head of a request; panics on bytes that are none.
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

/// The head of a response; panics on bytes that are none.
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
