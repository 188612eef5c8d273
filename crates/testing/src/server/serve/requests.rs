//! The heads that clients send, and the bodies that belong to them.

use std::ops::Range;

use http::{HeaderName, HeaderValue, Request};

/// The target of every request, unless a test says otherwise.
pub const TARGET: &str = "/upload/file.bin";

/// A packet of this type, with `Content-Length: 0`.
pub fn packet(packet_type: &str) -> Request<()> {
    let head = Request::builder().method("BITS_POST").uri(TARGET);
    head.header("BITS-Packet-Type", packet_type).header("Content-Length", "0").body(()).unwrap()
}

pub fn create() -> Request<()> {
    with(packet("Create-Session"), "BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}")
}

/// The bytes of this range, of an entity of `total` bytes.
pub fn fragment(id: &str, bytes: Range<u64>, total: u64) -> Request<()> {
    let range = format!("bytes {}-{}/{total}", bytes.start, bytes.end - 1);
    let head = with(packet("Fragment"), "Content-Length", &(bytes.end - bytes.start).to_string());
    with(with(head, "BITS-Session-Id", id), "Content-Range", &range)
}

/// A Fragment that says that the entity is empty.
pub fn empty_fragment(id: &str) -> Request<()> {
    with(with(packet("Fragment"), "BITS-Session-Id", id), "Content-Range", "bytes */0")
}

pub fn close(id: &str) -> Request<()> {
    with(packet("Close-Session"), "BITS-Session-Id", id)
}

pub fn cancel(id: &str) -> Request<()> {
    with(packet("Cancel-Session"), "BITS-Session-Id", id)
}

/// The same head with this header, in place of the one of this name if there is one.
pub fn with(mut head: Request<()>, name: &str, value: &str) -> Request<()> {
    let name: HeaderName = name.parse().unwrap();
    head.headers_mut().try_insert(name, HeaderValue::from_str(value).unwrap()).unwrap();
    head
}

pub fn without(mut head: Request<()>, name: &str) -> Request<()> {
    head.headers_mut().remove(name).expect("the header is there");
    head
}

pub fn to(target: &str, mut head: Request<()>) -> Request<()> {
    *head.uri_mut() = target.parse().unwrap();
    head
}

/// These bytes of the one entity of which every test uploads the beginning.
pub fn entity(bytes: Range<u64>) -> Vec<u8> {
    bytes.map(|offset| (offset % 251) as u8).collect()
}

/// The body that belongs to a Content-Range.
pub fn body_of(range: &HeaderValue) -> Vec<u8> {
    let numbers = range.to_str().unwrap().trim_start_matches("bytes ").split(['-', '/']);
    match numbers.map(str::parse).collect::<Result<Vec<u64>, _>>() {
        // More than any test stores is in a head that is refused.
        Ok(numbers) if numbers[1] < 1 << 16 => entity(numbers[0]..numbers[1] + 1),
        _ => Vec::new(),
    }
}
