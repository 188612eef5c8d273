//! A server's message: the enum of all Acks, reading and writing one.

use std::sync::LazyLock;

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderValue, PRAGMA};
use http::{Response, StatusCode};

use super::error_ack::{error_code, error_context};
use super::head::{ResponseHead, check_version};
use super::request::{content_length, named_session};
use super::{
    CancelSessionAck, CloseSessionAck, CreateSessionAck, ErrorAck, FragmentAck, FragmentStatus, PacketType,
    PingAck,
};
use super::{DecodeError, Malformed};
use crate::header::{self, Field, Headers, Note};
use crate::packet::Conformance;
use crate::vocabulary::SessionId;
use crate::vocabulary::{ErrorContext, Hresult};

/// A server's message: the Ack of one of the requests, or an error (§2.2.3, §2.2.5, §2.2.7, §2.2.9, §2.2.11).
///
/// An Ack on the wire does not say which request it answers. The reader must know that.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol has these and no others; a new version has its own GUID"
)]
pub enum Ack<'a> {
    /// Names the new session.
    CreateSession(CreateSessionAck<'a>),
    /// Says that a server is there.
    Ping(PingAck),
    /// Says which byte the server wants next.
    Fragment(FragmentAck<'a>),
    /// Says that the entity is published.
    CloseSession(CloseSessionAck),
    /// Says that everything of the session is gone.
    CancelSession(CancelSessionAck),
    /// Says no.
    Error(ErrorAck),
}

impl<'a> Ack<'a> {
    /// Reads the head of a response to a request of type `answers`. `Ok(None)`: it is no Ack, but
    /// the page of a proxy, for example.
    ///
    /// A header that cannot be read never hides an error beside it ([C73](crate::manual::decisions#c73)).
    ///
    /// ```
    /// use bits_proto::packet::{Ack, PacketType};
    /// use bits_proto::{Conformance, Hresult};
    ///
    /// let head = http::Response::builder()
    ///     .status(500)
    ///     .header("BITS-Packet-Type", "Ack")
    ///     .header("BITS-Error-Code", "0x8020001F")
    ///     .header("BITS-Error-Context", "0x5")
    ///     .body(())?;
    /// let ack = Ack::decode(&head, PacketType::Fragment, Conformance::Interop)?;
    /// let Some(Ack::Error(error)) = ack else { panic!("{ack:?}") };
    /// assert_eq!(error.code, Some(Hresult::BG_E_SESSION_NOT_FOUND));
    ///
    /// let page = http::Response::builder().status(502).header("Content-Type", "text/html").body(())?;
    /// assert_eq!(Ack::decode(&page, PacketType::Fragment, Conformance::Interop)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A [`DecodeError`] for an Ack that breaks the rules: a protocol error of the server.
    pub fn decode(
        head: impl Into<ResponseHead<'a>>,
        answers: PacketType,
        conformance: Conformance,
    ) -> Result<Option<Self>, DecodeError> {
        Self::decode_noting(head, answers, conformance, |_| {})
    }

    /// Reads a head as [`decode`](Self::decode) does, and calls `ignored` for each header that is ignored because it cannot be
    /// read: a host or a reply URL ([Q23] to [Q25]), and any header beside an error ([C73]).
    ///
    /// ```
    /// use bits_proto::packet::{Ack, PacketType};
    /// use bits_proto::{Conformance, Malformed};
    ///
    /// let head = http::Response::builder()
    ///     .header("BITS-Packet-Type", "Ack")
    ///     .header("BITS-Session-Id", "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}")
    ///     .header("BITS-Host-Id", "http://another.example/")
    ///     .body(())?;
    /// let mut ignored = Vec::new();
    /// let (answers, conformance) = (PacketType::CreateSession, Conformance::Interop);
    /// let ack = Ack::decode_noting(&head, answers, conformance, |fault| ignored.push(fault))?;
    /// assert!(matches!(ack, Some(Ack::CreateSession(ack)) if ack.host.is_none()));
    /// assert_eq!(ignored, [Malformed::HeaderInvalid("BITS-Host-Id")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`decode`](Self::decode).
    ///
    /// [Q23]: crate::manual::tolerances#q23
    /// [Q25]: crate::manual::tolerances#q25
    /// [C73]: crate::manual::decisions#c73
    pub fn decode_noting(
        head: impl Into<ResponseHead<'a>>,
        answers: PacketType,
        conformance: Conformance,
        mut ignored: impl FnMut(Malformed),
    ) -> Result<Option<Self>, DecodeError> {
        let head = head.into();
        let headers = Headers::new(head.headers, conformance);
        decode(head, &headers, answers, &mut ignored)
            .map_err(|malformed| DecodeError::new(malformed, head.headers))
    }

    /// The status on the wire.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Fragment(ack) => ack.http_status(),
            Self::Error(ack) => ack.status,
            _ => StatusCode::OK,
        }
    }

    /// The session that the Ack names.
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::CreateSession(ack) => Some(ack.session_id),
            Self::Ping(_) => None,
            Self::Fragment(ack) => ack.session_id,
            Self::CloseSession(ack) => ack.session_id,
            Self::CancelSession(ack) => ack.session_id,
            Self::Error(ack) => ack.session_id,
        }
    }

    /// The response on the wire. It has no body, and must not be cached.
    #[must_use]
    pub fn to_response(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = self.status();
        *response.headers_mut() = self.headers();
        response
    }

    fn headers(&self) -> HeaderMap {
        if let Self::Fragment(ack @ FragmentAck { session_id: Some(_), received: Some(_), .. }) = self {
            let mut headers = FRAGMENT.clone();
            ack.encode(&mut headers);
            return headers;
        }
        let mut headers = common();
        match self {
            Self::CreateSession(ack) => ack.encode(&mut headers),
            Self::Fragment(ack) => ack.encode(&mut headers),
            Self::Error(ack) => ack.encode(&mut headers),
            Self::Ping(_) => {}
            Self::CloseSession(_) | Self::CancelSession(_) => {
                if let Some(id) = self.session_id() {
                    header::put_text(&mut headers, header::BITS_SESSION_ID, id.as_bytes());
                }
            }
        }
        header::put(&mut headers, CONTENT_LENGTH, header::ZERO);
        headers
    }

    /// The same packet with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> Ack<'static> {
        match self {
            Self::CreateSession(ack) => Ack::CreateSession(ack.into_owned()),
            Self::Ping(ack) => Ack::Ping(ack),
            Self::Fragment(ack) => Ack::Fragment(ack.into_owned()),
            Self::CloseSession(ack) => Ack::CloseSession(ack),
            Self::CancelSession(ack) => Ack::CancelSession(ack),
            Self::Error(ack) => Ack::Error(ack),
        }
    }
}

/// The headers of every Ack but its length, which is its last.
fn common() -> HeaderMap {
    // The most that an Ack has: the map never grows.
    let mut headers = HeaderMap::with_capacity(12);
    header::put(&mut headers, PRAGMA, HeaderValue::from_static("no-cache"));
    header::put(&mut headers, CACHE_CONTROL, HeaderValue::from_static("no-store"));
    header::put(&mut headers, header::BITS_PACKET_TYPE, PacketType::Ack.to_value());
    headers
}

/// The headers of a Fragment's Ack, with values to be replaced: nearly all Acks are this one, and to copy a map and to
/// replace two values costs half of what it costs to fill one.
static FRAGMENT: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = common();
    for name in [header::BITS_RECEIVED_CONTENT_RANGE, header::BITS_SESSION_ID, CONTENT_LENGTH] {
        header::put(&mut headers, name, header::ZERO);
    }
    headers
});

/// The status and the code are read first: nothing else can make an error less than one (C73).
fn decode<'a>(
    head: ResponseHead<'a>,
    headers: &Headers<'a>,
    answers: PacketType,
    note: Note<'_>,
) -> Result<Option<Ack<'a>>, Malformed> {
    let strict = headers.conformance.is_strict();
    let code = error_code(headers, note)?;
    if !is_ack(head.status, headers, answers, code, note)? {
        return Ok(None);
    }
    let outcome = outcome(head.status, headers.conformance, answers, code)?;
    if strict || matches!(outcome, Outcome::Success(_)) {
        check_version(head.version, headers.conformance)?;
    }
    // No Ack has a body (§2.2.3.1 and its likes); in interop one is the transport's to drain (Q18).
    if strict && content_length(headers)?.is_some_and(|length| length > 0) {
        return Err(Malformed::BodyNotAllowed);
    }
    match outcome {
        Outcome::Error(code) => ErrorAck::decode(headers, head.status, code, answers, note).map(Ack::Error),
        Outcome::Success(FragmentStatus::OutOfStep) => out_of_step(head, headers, answers, code, note),
        Outcome::Success(status) => success(headers, answers, status, note),
    }
    .map(Some)
}

/// A success names its type, or is none of this protocol's (Q16). An error is one by its type or by its error code.
fn is_ack(
    status: StatusCode,
    headers: &Headers<'_>,
    answers: PacketType,
    code: Option<Hresult>,
    note: Note<'_>,
) -> Result<bool, Malformed> {
    let packet_type = headers.dispensable(Field::PacketType, note)?.and_then(PacketType::parse);
    match (packet_type, headers.conformance) {
        (Some(PacketType::Ack), _) => Ok(true),
        (Some(echo), Conformance::Interop) if echo == answers => Ok(true),
        (_, Conformance::Interop) => Ok(!status.is_success() && code.is_some()),
        (_, Conformance::Strict) if status.is_success() => Err(header::missing(Field::PacketType)),
        (_, Conformance::Strict) => Ok(false),
    }
}

enum Outcome {
    Success(FragmentStatus),
    Error(Option<Hresult>),
}

/// Any 2xx is a success in interop, and 200 in strict (C23, Q01). A 416 to a Fragment says where to go on (Q11).
fn outcome(
    status: StatusCode,
    conformance: Conformance,
    answers: PacketType,
    code: Option<Hresult>,
) -> Result<Outcome, Malformed> {
    if status.is_success() {
        return match (code, conformance) {
            // One server says "too large" on a 2xx; a Ping's answer is its status (Q12).
            (Some(code), Conformance::Interop) if code.is_failure() && answers != PacketType::Ping => {
                Ok(Outcome::Error(Some(code)))
            }
            (_, Conformance::Interop) => Ok(Outcome::Success(FragmentStatus::Accepted)),
            (None, Conformance::Strict) if status == StatusCode::OK => {
                Ok(Outcome::Success(FragmentStatus::Accepted))
            }
            (_, Conformance::Strict) => Err(Malformed::UnexpectedStatus),
        };
    }
    let out_of_step = match conformance {
        _ if status != StatusCode::RANGE_NOT_SATISFIABLE || answers != PacketType::Fragment => false,
        Conformance::Interop => code != Some(Hresult::BG_E_SESSION_NOT_FOUND),
        Conformance::Strict => code.is_none_or(|code| code == Hresult::S_OK),
    };
    Ok(if out_of_step { Outcome::Success(FragmentStatus::OutOfStep) } else { Outcome::Error(code) })
}

/// A server application may say 416 as well, which is an error like its others (C22).
fn out_of_step<'a>(
    head: ResponseHead<'a>,
    headers: &Headers<'a>,
    answers: PacketType,
    code: Option<Hresult>,
    note: Note<'_>,
) -> Result<Ack<'a>, Malformed> {
    match error_context(headers, code, note)? {
        Some(ErrorContext::REMOTE_APPLICATION) => {
            ErrorAck::decode(headers, head.status, code, answers, note).map(Ack::Error)
        }
        _ => success(headers, answers, FragmentStatus::OutOfStep, note),
    }
}

/// The session that an Ack names, if it names one (Q02); strict wants a GUID (§2.2.1.2, Q04).
pub(super) fn acknowledged_session(headers: &Headers<'_>) -> Result<Option<SessionId>, Malformed> {
    let id = named_session(headers)?;
    if headers.conformance.is_strict() && id.is_some_and(|id| id.guid().is_none()) {
        return Err(header::invalid(Field::SessionId));
    }
    Ok(id)
}

fn success<'a>(
    headers: &Headers<'a>,
    answers: PacketType,
    status: FragmentStatus,
    note: Note<'_>,
) -> Result<Ack<'a>, Malformed> {
    match answers {
        PacketType::CreateSession => CreateSessionAck::decode(headers, note).map(Ack::CreateSession),
        PacketType::Fragment => FragmentAck::decode(headers, status, note).map(Ack::Fragment),
        PacketType::CloseSession => {
            acknowledged_session(headers).map(|session_id| Ack::CloseSession(CloseSessionAck { session_id }))
        }
        PacketType::CancelSession => acknowledged_session(headers)
            .map(|session_id| Ack::CancelSession(CancelSessionAck { session_id })),
        // It belongs to no session, so whatever it names is not looked at (C04).
        PacketType::Ping | PacketType::Ack => Ok(Ack::Ping(PingAck)),
    }
}
