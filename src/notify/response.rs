//! A server application's answer (§2.2.13).

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{Response, StatusCode};

use crate::header::{self, Headers};
use crate::packet::Conformance;
use crate::packet::Malformed;
use crate::packet::{Payload, ResponseHead, check_version, content_length, error_code, put_error_code};
use crate::vocabulary::Hresult;
use crate::vocabulary::ReplyUrl;
use crate::vocabulary::digits::trim;
use crate::vocabulary::reference;

/// A server application's answer (§2.2.13), as one on IIS gives it:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload-reply/07-notification.resp")]
/// ```
///
/// An application makes one of the [request](super::NotificationRequest#answers) that it answers.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct NotificationResponse<'a> {
    /// The status: a success says that the application took the entity.
    #[cfg_attr(feature = "serde", serde(with = "crate::packet::status_as_number"))]
    pub status: StatusCode,
    /// The error code, if the status is an error and does not say everything.
    pub code: Option<Hresult>,
    /// The address of the reply, if the application serves it itself: an absolute URL.
    pub static_response_url: Option<ReplyUrl<'a>>,
    /// Whether the entity shall be published at its destination ([C42](crate::manual::decisions#c42)).
    pub copy_to_destination: bool,
    /// The length of the body in bytes; `None` where HTTP frames it without a length ([C49](crate::manual::decisions#c49)).
    pub content_length: Option<u64>,
}

impl<'a> NotificationResponse<'a> {
    /// Reads the head of an application's answer. Of an error, only the status and the code are read.
    /// [`Conformance::Interop`] takes every version of HTTP.
    ///
    /// # Errors
    /// [`Malformed`] for an answer that breaks the rules.
    pub fn decode(head: impl Into<ResponseHead<'a>>, conformance: Conformance) -> Result<Self, Malformed> {
        let head = head.into();
        let headers = Headers::new(head.headers, conformance);
        if conformance.is_strict() {
            check_version(head.version, conformance)?;
        }
        let answer = Self { code: error_code(&headers, &mut |_| {})?, ..Self::new(head.status) };
        if !head.status.is_success() {
            return Ok(Self { content_length: None, ..answer });
        }
        Ok(Self {
            static_response_url: static_response_url(&headers)?,
            copy_to_destination: headers.first(header::BITS_COPY_FILE_TO_DESTINATION)?.is_some(),
            content_length: length(&headers)?,
            ..answer
        })
    }

    /// An answer of a status alone.
    pub(super) const fn new(status: StatusCode) -> Self {
        Self {
            status,
            code: None,
            static_response_url: None,
            copy_to_destination: false,
            content_length: Some(0),
        }
    }

    /// The response on the wire. The [`Payload`] is the reply, and not the entity; a success has no error code, and an
    /// error nothing else.
    #[must_use]
    pub fn to_response(&self) -> Response<Payload> {
        let mut headers = HeaderMap::new();
        if self.status.is_success() {
            if let Some(url) = &self.static_response_url {
                header::put(&mut headers, header::BITS_STATIC_RESPONSE_URL, url);
            }
            if self.copy_to_destination {
                let yes = HeaderValue::from_static("true");
                header::put(&mut headers, header::BITS_COPY_FILE_TO_DESTINATION, yes);
            }
        } else if let Some(code) = self.code {
            put_error_code(&mut headers, code);
        }
        if let Some(length) = self.content_length {
            header::put_decimal(&mut headers, CONTENT_LENGTH, length);
        }
        let mut response = Response::new(match self.content_length {
            None | Some(0) => Payload::Empty,
            Some(length) => Payload::Range(0..length),
        });
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }

    /// The same answer with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> NotificationResponse<'static> {
        NotificationResponse {
            status: self.status,
            code: self.code,
            static_response_url: self.static_response_url.map(ReplyUrl::into_owned),
            copy_to_destination: self.copy_to_destination,
            content_length: self.content_length,
        }
    }
}

/// An empty URL is none (§3.3.5.2.4), and a relative one is illegal: there is nothing to resolve it against.
fn static_response_url<'a>(headers: &Headers<'a>) -> Result<Option<ReplyUrl<'a>>, Malformed> {
    let name = header::BITS_STATIC_RESPONSE_URL;
    let Some(value) = headers.first(name.clone())?.map(trim).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    ReplyUrl::from_bytes(value).ok().filter(is_absolute).map(Some).ok_or_else(|| header::invalid(name))
}

/// Whether a reply can be found at this URL, whoever resolves it.
pub(super) fn is_absolute(url: &ReplyUrl<'_>) -> bool {
    reference::absolute_url(&reference::normalise(url.as_bytes())).is_some()
}

fn length(headers: &Headers<'_>) -> Result<Option<u64>, Malformed> {
    if headers.contains(TRANSFER_ENCODING) { Ok(None) } else { content_length(headers) }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for NotificationResponse<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let status = StatusCode::from_u16(u.int_in_range(200..=599)?);
        Ok(Self {
            status: status.map_err(|_| arbitrary::Error::IncorrectFormat)?,
            code: u.arbitrary()?,
            static_response_url: u.arbitrary()?,
            copy_to_destination: u.arbitrary()?,
            content_length: u.arbitrary()?,
        })
    }
}
