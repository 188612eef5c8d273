//! The Ack that says no.

use http::StatusCode;
use http::header::HeaderMap;

use super::fragment::{put_received, received};
use super::request::named_session;
use crate::header::{self, Headers};
use crate::packet::Conformance;
use crate::packet::Malformed;
use crate::vocabulary::SessionId;
use crate::vocabulary::{ErrorContext, Hresult};

/// Answers any request with an error (§2.2.1.2).
///
/// The code goes out as `BITS-Error` and `BITS-Error-Code` alike, and is read from either (C01).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct ErrorAck {
    /// The status. One server says its errors with a 2xx (Q12); ours never does.
    #[cfg_attr(feature = "serde", serde(with = "status_as_number"))]
    pub status: StatusCode,
    /// The error, where the status alone does not say it (note `<4>`).
    pub code: Option<Hresult>,
    /// Where the error arose; with a code only.
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

    pub(super) fn decode(
        headers: &Headers<'_>,
        status: StatusCode,
        code: Option<Hresult>,
    ) -> Result<Self, Malformed> {
        Ok(Self {
            status,
            code,
            context: headers
                .first(header::BITS_ERROR_CONTEXT)?
                .filter(|_| code.is_some())
                .and_then(|value| ErrorContext::parse(value, headers.conformance)),
            session_id: named_session(headers)?,
            // The error matters more than a bad offset beside it, but strict passes over nothing (Q07, Q21).
            received: received(headers).or_else(|bad| match headers.conformance {
                Conformance::Interop => Ok(None),
                Conformance::Strict => Err(bad),
            })?,
        })
    }

    pub(super) fn encode(&self, headers: &mut HeaderMap) {
        put_received(headers, self.received);
        if let Some(session_id) = self.session_id {
            header::put_text(headers, header::BITS_SESSION_ID, session_id.to_string());
        }
        if let Some(code) = self.code {
            put_error_code(headers, code);
            if let Some(context) = self.context {
                header::put_text(headers, header::BITS_ERROR_CONTEXT, context.to_string());
            }
        }
    }
}

/// The code under both of its names (C01).
pub(crate) fn put_error_code(headers: &mut HeaderMap, code: Hresult) {
    header::put_text(headers, header::BITS_ERROR, code.to_string());
    header::put_text(headers, header::BITS_ERROR_CODE, code.to_string());
}

/// The error code of a response; `BITS-Error` wins, and strict knows no other (Q13). Garbage reads as absent.
pub(crate) fn error_code(headers: &Headers<'_>) -> Result<Option<Hresult>, Malformed> {
    let read = |name| -> Result<Option<Hresult>, Malformed> {
        Ok(headers.first(name)?.and_then(|value| Hresult::parse(value, headers.conformance)))
    };
    match (read(header::BITS_ERROR)?, headers.conformance) {
        (None, Conformance::Interop) => read(header::BITS_ERROR_CODE),
        (code, _) => Ok(code),
    }
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
