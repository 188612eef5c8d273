//! The requests: the enum of all, reading and writing one.

use std::sync::LazyLock;

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use http::{Method, Uri};

use super::head::{RequestHead, check_version};
use super::{CancelSession, CloseSession, CreateSession, Fragment, PacketType, Payload, Ping};
use super::{DecodeError, Malformed};
use crate::header::{self, Field, Headers};
use crate::packet::Conformance;
use crate::vocabulary::ContentName;
use crate::vocabulary::SessionId;
use crate::vocabulary::digits::{decimal, trim};
use crate::vocabulary::limits::MAX_CONTENT_NAME;

/// The method of every request of this protocol.
const BITS_POST: &str = "BITS_POST";

/// A client's message: one of the five requests (§2.2.2, §2.2.4, §2.2.6, §2.2.8, §2.2.10).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol has these and no others; a new version has its own GUID"
)]
pub enum Request<'a> {
    /// Asks for a new session.
    CreateSession(CreateSession<'a>),
    /// Asks whether a server is there.
    Ping(Ping),
    /// Brings bytes of the entity.
    Fragment(Fragment<'a>),
    /// Says that the upload is complete.
    CloseSession(CloseSession<'a>),
    /// Says that the upload is given up.
    CancelSession(CancelSession),
}

impl<'a> Request<'a> {
    /// Reads a request's head. `Ok(None)`: the method is not `BITS_POST`, so the request is not of this protocol.
    ///
    /// ```
    /// use bits_proto::packet::{Ping, Request};
    /// use bits_proto::Conformance::Interop;
    ///
    /// let head = |method: &str, packet: &str| {
    ///     let head = http::Request::builder().method(method).header("BITS-Packet-Type", packet);
    ///     head.header("Content-Length", "0").body(())
    /// };
    /// assert_eq!(Request::decode(&head("BITS_POST", "Ping")?, Interop)?, Some(Request::Ping(Ping)));
    /// // Another handler's:
    /// assert_eq!(Request::decode(&head("GET", "Ping")?, Interop)?, None);
    /// // Broken, and the error knows the answer:
    /// let error = Request::decode(&head("BITS_POST", "Pong")?, Interop).unwrap_err();
    /// assert_eq!(error.to_response().status(), 400);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A [`DecodeError`] for a bad request of this protocol; it knows how to answer.
    pub fn decode(
        head: impl Into<RequestHead<'a>>,
        conformance: Conformance,
    ) -> Result<Option<Self>, DecodeError> {
        let head = head.into();
        if head.method.as_str() == BITS_POST { decode(head, conformance).map(Some) } else { Ok(None) }
    }

    /// Reads a request's head as [`decode`](Self::decode) does, and takes a `POST` with
    /// `X-HTTP-Method-Override: BITS_POST` as well ([Q41]). [`Conformance::Strict`] takes none: MC-BUP knows one method.
    ///
    /// Such a request bypasses filters that look at the method. Accept it only if you do not rely on such a filter.
    ///
    /// # Errors
    /// A [`DecodeError`] for a bad request of this protocol; it knows how to answer.
    ///
    /// [Q41]: crate::manual::tolerances#q41
    pub fn decode_tunnelled(
        head: impl Into<RequestHead<'a>>,
        conformance: Conformance,
    ) -> Result<Option<Self>, DecodeError> {
        let head = head.into();
        let says_bits_post = |value: &HeaderValue| trim(value.as_bytes()) == BITS_POST.as_bytes();
        if !conformance.is_strict()
            && head.method == Method::POST
            && head.headers.get(header::X_HTTP_METHOD_OVERRIDE).is_some_and(says_bits_post)
        {
            decode(head, conformance).map(Some)
        } else {
            Self::decode(head, conformance)
        }
    }

    /// The kind of the packet.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::CreateSession(_) => PacketType::CreateSession,
            Self::Ping(_) => PacketType::Ping,
            Self::Fragment(_) => PacketType::Fragment,
            Self::CloseSession(_) => PacketType::CloseSession,
            Self::CancelSession(_) => PacketType::CancelSession,
        }
    }

    /// The session that the packet names; Create-Session and Ping name none.
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::CreateSession(_) | Self::Ping(_) => None,
            Self::Fragment(packet) => Some(packet.session_id),
            Self::CloseSession(packet) => Some(packet.session_id),
            Self::CancelSession(packet) => Some(packet.session_id),
        }
    }

    /// The request on the wire, for a client that sends it to `destination`.
    ///
    /// The target is the whole URL, as client libraries want it; `Host` is left to them.
    #[must_use]
    pub fn to_http(&self, destination: &Uri) -> http::Request<Payload> {
        let payload = match self {
            Self::Fragment(fragment) => fragment.payload(),
            _ => Payload::Empty,
        };
        let mut headers = HeaderMap::new();
        header::put(&mut headers, header::BITS_PACKET_TYPE, self.packet_type().to_value());
        match self {
            Self::CreateSession(packet) => packet.encode(&mut headers),
            Self::Ping(_) => {}
            Self::Fragment(packet) => packet.encode(&mut headers),
            Self::CloseSession(packet) => packet.encode(&mut headers),
            Self::CancelSession(packet) => packet.encode(&mut headers),
        }
        header::put_decimal(&mut headers, CONTENT_LENGTH, payload.len());
        let mut request = http::Request::new(payload);
        *request.method_mut() = METHOD.clone();
        *request.uri_mut() = destination.clone();
        *request.headers_mut() = headers;
        request
    }

    /// The same packet with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> Request<'static> {
        match self {
            Self::CreateSession(packet) => Request::CreateSession(packet.into_owned()),
            Self::Ping(packet) => Request::Ping(packet),
            Self::Fragment(packet) => Request::Fragment(packet.into_owned()),
            Self::CloseSession(packet) => Request::CloseSession(packet.into_owned()),
            Self::CancelSession(packet) => Request::CancelSession(packet),
        }
    }
}

/// `BITS_POST` is a valid token, so the fallback is never used.
static METHOD: LazyLock<Method> =
    LazyLock::new(|| Method::from_bytes(BITS_POST.as_bytes()).unwrap_or(Method::POST));

fn decode<'a>(head: RequestHead<'a>, conformance: Conformance) -> Result<Request<'a>, DecodeError> {
    let headers = Headers::new(head.headers, conformance);
    decode_packet(head, &headers).map_err(|malformed| DecodeError::new(malformed, head.headers))
}

/// The order of the checks: the packet type before the session (C55), the length before the rest.
fn decode_packet<'a>(head: RequestHead<'a>, headers: &Headers<'a>) -> Result<Request<'a>, Malformed> {
    check_version(head.version, headers.conformance)?;
    let packet_type = headers.one(Field::PacketType)?;
    let packet_type = packet_type.ok_or_else(|| header::missing(Field::PacketType))?;
    match PacketType::parse(packet_type).ok_or(Malformed::PacketTypeUnknown)? {
        PacketType::Fragment => Fragment::decode(headers).map(Request::Fragment),
        PacketType::Ack => Err(Malformed::PacketTypeUnknown),
        control => {
            check_no_body(headers)?;
            match control {
                PacketType::CreateSession => CreateSession::decode(headers).map(Request::CreateSession),
                PacketType::CloseSession => CloseSession::decode(headers).map(Request::CloseSession),
                PacketType::CancelSession => CancelSession::decode(headers).map(Request::CancelSession),
                _ => Ok(Request::Ping(Ping)),
            }
        }
    }
}

/// Control packets have no body. Strict wants that said; interop takes HTTP's word for it (Q50).
pub(crate) fn check_no_body(headers: &Headers<'_>) -> Result<(), Malformed> {
    match content_length(headers)? {
        Some(0) if !headers.contains(Field::TransferEncoding) => Ok(()),
        Some(_) => Err(Malformed::BodyNotAllowed),
        None if headers.conformance.is_strict() => Err(Malformed::LengthRequired),
        None if headers.contains(Field::TransferEncoding) => Err(Malformed::BodyNotAllowed),
        None => Ok(()),
    }
}

pub(crate) fn content_length(headers: &Headers<'_>) -> Result<Option<u64>, Malformed> {
    headers.parsed(Field::ContentLength, |value| decimal(trim(value)).ok_or(()))
}

/// The session that a request must name. An id that is no GUID is nobody's: a server does not know the session.
pub(super) fn session_id(headers: &Headers<'_>) -> Result<SessionId, Malformed> {
    named_session(headers)?.ok_or_else(|| header::missing(Field::SessionId))
}

/// The session that a message names, if it names one.
pub(super) fn named_session(headers: &Headers<'_>) -> Result<Option<SessionId>, Malformed> {
    headers.parsed(Field::SessionId, |value| SessionId::from_bytes(trim(value)))
}

/// The name as it came; only its length is ever refused, and only in strict (Q48).
pub(super) fn content_name<'a>(headers: &Headers<'a>) -> Result<Option<ContentName<'a>>, Malformed> {
    let Some(value) = headers.first(Field::ContentName)? else { return Ok(None) };
    let name = ContentName::from_bytes(value).map_err(|_| header::invalid(Field::ContentName))?;
    if headers.conformance.is_strict() && name.length() > MAX_CONTENT_NAME {
        return Err(header::invalid(Field::ContentName));
    }
    Ok(Some(name))
}

pub(super) fn put_content_name(headers: &mut HeaderMap, name: Option<&ContentName<'_>>) {
    if let Some(name) = name {
        header::put(headers, header::CONTENT_NAME, name);
    }
}
