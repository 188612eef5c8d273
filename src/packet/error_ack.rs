//! The Ack that says no.

use http::StatusCode;
use http::header::HeaderMap;

use super::ack::acknowledged_session;
use super::fragment::{put_received, received};
use super::head::ResponseHead;
use super::request::named_session;
use crate::header::{self, Field, Headers, Note};
use crate::packet::Conformance;
use crate::packet::{Malformed, PacketType};
use crate::vocabulary::SessionId;
use crate::vocabulary::{ErrorContext, Hresult};

/// Answers any request with an error (§2.2.1.2). No capture shows one; ours for a session that is not known is
///
/// ```text
/// HTTP/1.1 500 Internal Server Error
/// Pragma: no-cache
/// Cache-Control: no-store
/// BITS-Packet-Type: Ack
/// BITS-Session-Id: {A0FF5911-4144-45B3-BF27-27AFC8EC8A67}
/// BITS-Error: 0x8020001F
/// BITS-Error-Code: 0x8020001F
/// BITS-Error-Context: 0x5
/// Content-Length: 0
/// ```
///
/// The code goes out as `BITS-Error` and `BITS-Error-Code` alike, and is read from either ([C01]).
///
/// [C01]: crate::manual::decisions#c01
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct ErrorAck {
    /// The status. One server sends errors with a 2xx ([Q12](crate::manual::tolerances#q12)); ours never does.
    #[cfg_attr(feature = "serde", serde(with = "status_as_number"))]
    pub status: StatusCode,
    /// The error, where the status alone does not say it (note `<4>`).
    pub code: Option<Hresult>,
    /// The origin of the error; with a code only.
    pub context: Option<ErrorContext>,
    /// The session, if the request named one.
    pub session_id: Option<SessionId>,
    /// The offset of the next byte that the server wants, if it answers a Fragment and knows the session.
    pub received: Option<u64>,
}

impl ErrorAck {
    /// An error with a code and a context.
    #[must_use]
    pub const fn new(status: StatusCode, code: Hresult, context: ErrorContext) -> Self {
        Self { status, code: Some(code), context: Some(context), session_id: None, received: None }
    }

    /// An error that its status says in full (note `<4>`).
    #[must_use]
    pub const fn status_only(status: StatusCode) -> Self {
        Self { status, code: None, context: None, session_id: None, received: None }
    }

    /// The error matters more than a bad header beside it (C73), but strict passes over nothing (Q07, Q21).
    pub(super) fn decode(
        headers: &Headers<'_>,
        status: StatusCode,
        code: Option<Hresult>,
        answers: PacketType,
        note: Note<'_>,
    ) -> Result<Self, Malformed> {
        // §2.2.3.2: only a success chooses a protocol.
        if headers.conformance.is_strict() && headers.contains(Field::Protocol) {
            return Err(header::not_allowed(Field::Protocol));
        }
        let context = error_context(headers, code, note)?;
        let session_id = match answers {
            // It belongs to no session (C04), so that what it names cannot be wrong.
            PacketType::Ping => named_session(headers).unwrap_or_default(),
            _ => headers.or_noted(acknowledged_session(headers), note)?,
        };
        let received = headers.or_noted(received(headers), note)?;
        Ok(Self { status, code, context, session_id, received })
    }

    /// What is left of an error where strict refuses a header of it: its status, and what can be read of its code and its
    /// context ([C73](crate::manual::decisions#c73)).
    pub(crate) fn readable(head: ResponseHead<'_>, conformance: Conformance) -> Self {
        let headers = Headers::new(head.headers, conformance);
        let code = error_code(&headers, &mut |_| {}).unwrap_or_default();
        let context = error_context(&headers, code, &mut |_| {}).unwrap_or_default();
        Self { code, context, ..Self::status_only(head.status) }
    }

    pub(super) fn encode(&self, headers: &mut HeaderMap) {
        put_received(headers, self.received);
        if let Some(session_id) = self.session_id {
            header::put_text(headers, header::BITS_SESSION_ID, session_id.as_bytes());
        }
        if let Some(code) = self.code {
            put_error_code(headers, code);
            if let Some(context) = self.context {
                header::put_text(headers, header::BITS_ERROR_CONTEXT, context.text().as_bytes());
            }
        }
    }
}

/// The code under both of its names (C01).
pub(crate) fn put_error_code(headers: &mut HeaderMap, code: Hresult) {
    header::put_text(headers, header::BITS_ERROR, code.text().as_bytes());
    header::put_text(headers, header::BITS_ERROR_CODE, code.text().as_bytes());
}

/// The error code of a response; `BITS-Error` wins, and strict knows no other (Q13). Garbage reads as absent.
pub(crate) fn error_code(headers: &Headers<'_>, note: Note<'_>) -> Result<Option<Hresult>, Malformed> {
    let mut read = |name| -> Result<Option<Hresult>, Malformed> {
        let value = headers.dispensable(name, note)?;
        Ok(value.and_then(|value| Hresult::parse(value, headers.conformance)))
    };
    match (read(Field::Error)?, headers.conformance) {
        (None, Conformance::Interop) => read(Field::ErrorCode),
        (code, _) => Ok(code),
    }
}

/// The origin of the error, if there is one. Garbage reads as absent (Q15); strict knows two contexts (§2.2.1.2).
pub(super) fn error_context(
    headers: &Headers<'_>,
    code: Option<Hresult>,
    note: Note<'_>,
) -> Result<Option<ErrorContext>, Malformed> {
    let value = headers.dispensable(Field::ErrorContext, note)?.filter(|_| code.is_some());
    let context = value.and_then(|value| ErrorContext::parse(value, headers.conformance));
    if headers.conformance.is_strict() && context.is_some_and(|context| context.name().is_none()) {
        return Err(header::invalid(Field::ErrorContext));
    }
    Ok(context)
}

#[cfg(feature = "serde")]
pub(crate) mod status_as_number {
    use http::StatusCode;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(status.as_u16())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
        StatusCode::from_u16(u16::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for ErrorAck {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let status = StatusCode::from_u16(u.int_in_range(300..=599)?);
        let code: Option<Hresult> = u.arbitrary()?;
        Ok(Self {
            status: status.map_err(|_| arbitrary::Error::IncorrectFormat)?,
            code,
            context: if code.is_some() { u.arbitrary()? } else { None },
            session_id: u.arbitrary()?,
            received: u.arbitrary()?,
        })
    }
}
