//! The heads of messages: all that is read of them, never their bodies.

use http::header::{HeaderValue, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode, Uri, Version, request, response};

use crate::packet::Conformance;
use crate::packet::Malformed;

/// The number of challenges that of one response are handed on. A server offers a handful.
const MAX_CHALLENGES_READ: usize = 16;

/// The head of a request.
///
/// The target is for the machines: reading a packet does not look at it.
///
/// Made from `&http::Request<B>`, `&http::request::Parts`, or by hand.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by hand where a program has no http::Request")]
pub struct RequestHead<'h> {
    /// The method; this protocol's is `BITS_POST`.
    pub method: &'h Method,
    /// The target of the request: a path and a query, or a whole URL, as the HTTP library hands it over.
    pub target: &'h Uri,
    /// The version of HTTP.
    pub version: Version,
    /// The headers.
    pub headers: &'h HeaderMap,
}

/// The head of a response.
///
/// Made from `&http::Response<B>`, `&http::response::Parts`, or by hand.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by hand where a program has no http::Response")]
pub struct ResponseHead<'h> {
    /// The status.
    pub status: StatusCode,
    /// The version of HTTP.
    pub version: Version,
    /// The headers.
    pub headers: &'h HeaderMap,
}

impl ResponseHead<'_> {
    /// What a 401 or a 407 challenges the client with; of many, the first few.
    pub(crate) fn challenges(&self) -> Vec<HeaderValue> {
        let name = match self.status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => PROXY_AUTHENTICATE,
            _ => WWW_AUTHENTICATE,
        };
        self.headers.get_all(name).iter().take(MAX_CHALLENGES_READ).cloned().collect()
    }
}

/// HTTP/1.1 alone in strict; HTTP/2 and HTTP/3 as well in interop (Q60). Never what came before 1.1.
pub(crate) fn check_version(version: Version, conformance: Conformance) -> Result<(), Malformed> {
    match version {
        Version::HTTP_11 => Ok(()),
        Version::HTTP_2 | Version::HTTP_3 if !conformance.is_strict() => Ok(()),
        _ => Err(Malformed::HttpVersion),
    }
}

impl<'h, B> From<&'h http::Request<B>> for RequestHead<'h> {
    fn from(request: &'h http::Request<B>) -> Self {
        Self {
            method: request.method(),
            target: request.uri(),
            version: request.version(),
            headers: request.headers(),
        }
    }
}

impl<'h> From<&'h request::Parts> for RequestHead<'h> {
    fn from(parts: &'h request::Parts) -> Self {
        Self { method: &parts.method, target: &parts.uri, version: parts.version, headers: &parts.headers }
    }
}

impl<'h, B> From<&'h http::Response<B>> for ResponseHead<'h> {
    fn from(response: &'h http::Response<B>) -> Self {
        Self { status: response.status(), version: response.version(), headers: response.headers() }
    }
}

impl<'h> From<&'h response::Parts> for ResponseHead<'h> {
    fn from(parts: &'h response::Parts) -> Self {
        Self { status: parts.status, version: parts.version, headers: &parts.headers }
    }
}
