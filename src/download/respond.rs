//! The reply server: the answer to a request, and the bytes of its body (§3.5.5).

use std::ops::Range;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, LAST_MODIFIED, RANGE,
};
use http::{Method, Response, StatusCode};

use super::byte_ranges::ByteRanges;
use super::entity::Entity;
use super::multipart::Boundary;
use super::precondition::{self, Precondition};
use crate::header::{Headers, put, put_text};
use crate::packet::Conformance;
use crate::packet::RequestHead;
use crate::vocabulary::ContentRange;

/// Answers HEAD and GET for one entity, from its size and validators alone (§3.5.5).
///
/// | request | answer |
/// |---|---|
/// | no `Range`, or one that counts for nothing | 200, the whole |
/// | one range, or one of several that names bytes | 206, `Content-Range` |
/// | several ranges | 206, `multipart/byteranges`, in the order asked for, never merged (§3.5.5.1) |
/// | ranges none of which names a byte | 416, `Content-Range: bytes */LENGTH` |
/// | `If-Match` names other versions; without it, the entity is younger than `If-Unmodified-Since` ([C67]) | 412 |
/// | `If-None-Match` names this version; without it, the entity is no younger than `If-Modified-Since` | 304 |
/// | another method | 405, `Allow: GET, HEAD` |
///
/// A `Range` counts for nothing if it cannot be read (RFC 2616 §14.35.1), names more than
/// [`MAX_RANGES`](crate::vocabulary::limits::MAX_RANGES) ranges, asks for more bytes in all than the entity has (RFC 9110 §14.2, §17.15: a
/// small request must not bring about a huge answer), stands beside an `If-Range` that names another version, or if the
/// entity is empty and has no byte to name.
///
/// HEAD is answered as GET, ranges included, but without the body (§3.5.5.2). Every successful answer has its
/// `Content-Length`, so that no answer needs chunks, and HTTP/1.0 is served as any other version ([C51]).
///
/// Dates are compared as dates, in all three forms of HTTP. Every answer has `Last-Modified` (§3.5.5.1), and
/// `Cache-Control: private, no-store`: a reply is meant for one client, and usually only its URL protects it.
///
/// `random` is asked for 16 random bytes if the answer has several parts: the text between them must not occur in the
/// entity. The caller adds `Date` and `Server`.
///
/// ```
/// use bits_proto::Conformance;
/// use bits_proto::download::{self, Entity, Segment};
/// use std::time::SystemTime;
///
/// let written = SystemTime::UNIX_EPOCH; // of a file: `metadata.modified()?`
/// let entity = Entity::new(10_240, written)?;
/// let request = http::Request::get("/replies/1").header("Range", "bytes=0-9976").body(())?;
/// let response = download::respond(&request, &entity, Conformance::Interop, || [0; 16]);
/// assert_eq!(response.status(), 206);
/// assert_eq!(response.headers()["content-range"], "bytes 0-9976/10240");
/// assert_eq!(response.into_body().segments(), [Segment::Entity(0..9977)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [C67]: crate::manual::decisions#c67
/// [C51]: crate::manual::decisions#c51
pub fn respond<'h>(
    request: impl Into<RequestHead<'h>>,
    entity: &Entity,
    conformance: Conformance,
    random: impl FnOnce() -> [u8; 16],
) -> Response<Body> {
    let request = request.into();
    let is_head = request.method == Method::HEAD;
    if !is_head && request.method != Method::GET {
        return method_not_allowed();
    }
    let headers = Headers::new(request.headers, conformance);
    let mut response = match precondition::evaluate(request.headers, entity) {
        Precondition::Holds => match ranges(request.headers, headers, entity).as_deref() {
            None => whole(entity),
            Some([]) => not_satisfiable(entity),
            Some([range]) => single(entity, *range),
            Some(ranges) => several(entity, ranges, &Boundary::from_random(random())),
        },
        Precondition::NotModified => answer(StatusCode::NOT_MODIFIED, Some(entity), Body::default()),
        Precondition::Failed => without_body(StatusCode::PRECONDITION_FAILED, Some(entity)),
    };
    if is_head {
        *response.body_mut() = Body::default();
    }
    response
}

/// The ranges that are asked for and name bytes; `None` if the whole is to be sent.
fn ranges(map: &HeaderMap, headers: Headers<'_>, entity: &Entity) -> Option<Vec<ContentRange>> {
    let text = headers.one(RANGE).ok()??;
    let ranges = ByteRanges::parse(text, headers.conformance).ok()?;
    if entity.size() == 0 || !precondition::ranges_count(map, entity) {
        return None;
    }
    let ranges: Vec<_> = ranges
        .resolve(entity.size())
        .filter_map(|bytes| ContentRange::new(bytes, entity.size()).ok())
        .collect();
    let total = ranges.iter().map(ContentRange::len).fold(0, u64::saturating_add);
    (total <= entity.size()).then_some(ranges)
}

fn whole(entity: &Entity) -> Response<Body> {
    let mut response = answer(StatusCode::OK, Some(entity), Body::range(0..entity.size()));
    put(response.headers_mut(), CONTENT_TYPE, entity.content_type().clone());
    with_length(response)
}

fn single(entity: &Entity, range: ContentRange) -> Response<Body> {
    let mut response = answer(StatusCode::PARTIAL_CONTENT, Some(entity), Body::range(range.bytes()));
    put(response.headers_mut(), CONTENT_TYPE, entity.content_type().clone());
    put_text(response.headers_mut(), CONTENT_RANGE, range.to_string());
    with_length(response)
}

fn several(entity: &Entity, ranges: &[ContentRange], boundary: &Boundary) -> Response<Body> {
    let mut segments = Vec::with_capacity(ranges.len().saturating_mul(2).saturating_add(1));
    let mut line_break = &b""[..];
    for range in ranges {
        segments.push(Segment::Text(boundary.part_head(line_break, entity.content_type(), range)));
        segments.push(Segment::Entity(range.bytes()));
        line_break = b"\r\n";
    }
    segments.push(Segment::Text(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    let mut response = answer(StatusCode::PARTIAL_CONTENT, Some(entity), Body::new(segments));
    put_text(response.headers_mut(), CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"));
    with_length(response)
}

fn not_satisfiable(entity: &Entity) -> Response<Body> {
    let mut response = without_body(StatusCode::RANGE_NOT_SATISFIABLE, Some(entity));
    put_text(response.headers_mut(), CONTENT_RANGE, format!("bytes */{}", entity.size()));
    response
}

fn method_not_allowed() -> Response<Body> {
    let mut response = without_body(StatusCode::METHOD_NOT_ALLOWED, None);
    put(response.headers_mut(), ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn without_body(status: StatusCode, entity: Option<&Entity>) -> Response<Body> {
    with_length(answer(status, entity, Body::default()))
}

fn answer(status: StatusCode, entity: Option<&Entity>, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(entity) = entity {
        put(headers, ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(etag) = entity.etag() {
            put(headers, ETAG, etag.as_header().clone());
        }
        put(headers, LAST_MODIFIED, entity.last_modified().to_header());
        put(headers, CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    response
}

fn with_length(mut response: Response<Body>) -> Response<Body> {
    let length = response.body().len();
    put(response.headers_mut(), CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// The body of an answer: the caller sends these segments, one after another, and nothing else.
///
/// The library never holds a byte of an entity. The head has announced [`len`](Self::len) as `Content-Length`, but for an
/// answer to HEAD, whose body is always empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Body {
    segments: Vec<Segment>,
}

/// A piece of a [`Body`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever sends a body must know every kind of piece")]
pub enum Segment {
    /// These bytes of the entity; never an empty range.
    Entity(Range<u64>),
    /// This text: what stands between the ranges of a `multipart/byteranges` body.
    Text(Bytes),
}

impl Segment {
    /// Its size in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no segment is empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Entity(range) => range.end.saturating_sub(range.start),
            Self::Text(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
        }
    }
}

impl Body {
    pub(super) fn new(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    /// A body of one range; without any bytes if the range has none.
    pub(super) fn range(range: Range<u64>) -> Self {
        Self::new(if range.is_empty() { Vec::new() } else { vec![Segment::Entity(range)] })
    }

    /// The segments in the order that they are sent.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The length of the body in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.segments.iter().map(Segment::len).fold(0, u64::saturating_add)
    }

    /// Whether the body has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

impl IntoIterator for Body {
    type Item = Segment;
    type IntoIter = std::vec::IntoIter<Segment>;

    fn into_iter(self) -> Self::IntoIter {
        self.segments.into_iter()
    }
}
