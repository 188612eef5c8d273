//! The parts that fuzz targets share: raw bytes to heads, so that a captured head is a corpus file as it stands; and the storage of
//! a server.

pub mod disk;

use bits_proto::Conformance;
use bits_proto::packet::PacketType;
use http::{Request, Response, StatusCode, Version};

/// Both levels of conformance.
pub const BOTH: [Conformance; 2] = [Conformance::Interop, Conformance::Strict];

/// The types that a request has, and so what an Ack answers.
pub const REQUEST_TYPES: [PacketType; 5] = [
    PacketType::CreateSession,
    PacketType::Ping,
    PacketType::Fragment,
    PacketType::CloseSession,
    PacketType::CancelSession,
];

/// More than any head of this protocol needs, and enough for repetitions.
const MAX_HEADERS: usize = 64;

/// The head of a request at the beginning of these bytes; what follows it is a body and is not looked at.
pub fn request(bytes: &[u8]) -> Option<Request<()>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    if !head.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let mut request = Request::builder().method(head.method?).uri(head.path?).version(version(head.version));
    for header in head.headers.iter() {
        request = request.header(header.name, header.value);
    }
    request.body(()).ok()
}

/// The head of a response at the beginning of these bytes; what follows it is a body and is not looked at.
pub fn response(bytes: &[u8]) -> Option<Response<()>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    if !head.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let status = StatusCode::from_u16(head.code?).ok()?;
    let mut response = Response::builder().status(status).version(version(head.version));
    for header in head.headers.iter() {
        response = response.header(header.name, header.value);
    }
    response.body(()).ok()
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }
}
