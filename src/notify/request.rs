//! The notification of a server application (§2.2.12).

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName};
use http::{Method, Uri};

use super::data_file::{DataFilePath, DataFiles};
use super::destination_url::DestinationUrl;
use crate::header::{self, Headers};
use crate::packet::Conformance;
use crate::packet::Malformed;
use crate::packet::{Payload, RequestHead, check_no_body, check_version, content_length};
use crate::vocabulary::digits::trim;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

/// Tells a server application that an entity is complete (§2.2.12), as IIS does:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload-reply/06-notification.req")]
/// ```
///
/// A server application reads one with [`Application::read`](super::Application::read), and makes its
/// [answer](#answers) of it:
///
/// ```
/// use bits_proto::notify::{Application, Delivery};
/// use http::StatusCode;
///
/// let head = http::Request::post("/orders")
///     .header("BITS-Original-Request-URL", "http://server/upload/order.xml")
///     .header("BITS-Request-DataFile-Name", r"C:\uploads\requestfile.bin")
///     .header("BITS-Response-DataFile-Name", r"C:\uploads\responsefile.bin")
///     .header("Content-Length", "0")
///     .body(())?;
/// let Some(notification) = Application::default().read(&head)? else { panic!("not a notification") };
/// assert_eq!(notification.destination.to_string(), "http://server/upload/order.xml");
/// let Delivery::ByReference(files) = &notification.delivery else { panic!("by reference") };
/// assert_eq!(files.request.as_str(), Some(r"C:\uploads\requestfile.bin"));
///
/// // The application worked on the file, wrote its reply to the other one, and wants the file published.
/// let answer = notification.reply_in_file()?.and_copy_to_destination().to_response();
/// assert_eq!(answer.status(), 200);
/// assert_eq!(answer.headers()["bits-copy-file-to-destination"], "true");
/// // Or the file is no order: the client sees 403, and does not come back.
/// let answer = notification.refuse(StatusCode::FORBIDDEN, None)?.to_response();
/// assert_eq!(answer.status(), 403);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct NotificationRequest<'a> {
    /// The destination of the entity.
    pub destination: DestinationUrl<'a>,
    /// The way in which the application gets it.
    pub delivery: Delivery<'a>,
}

/// The way in which a server application gets the entity.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_enums, reason = "MC-BUP has these two")]
pub enum Delivery<'a> {
    /// In a file that both see.
    ByReference(DataFiles<'a>),
    /// In the body of the notification.
    ByValue {
        /// Its size in bytes; less than 2^63.
        size: u64,
    },
}

/// C06: the name of the captures, and the name of MC-BUP's prose.
const REQUEST_FILE: [HeaderName; 2] =
    [header::BITS_REQUEST_DATAFILE_NAME, header::BITS_REQUEST_DATAENTITY_NAME];
const RESPONSE_FILE: [HeaderName; 2] =
    [header::BITS_RESPONSE_DATAFILE_NAME, header::BITS_RESPONSE_DATAENTITY_NAME];

impl<'a> NotificationRequest<'a> {
    /// Reads a request's head. `Ok(None)`: it is no notification, but another handler's.
    ///
    /// # Errors
    /// [`Malformed`] for a notification that breaks the rules.
    pub fn decode(
        head: impl Into<RequestHead<'a>>,
        conformance: Conformance,
    ) -> Result<Option<Self>, Malformed> {
        let head = head.into();
        let headers = Headers::new(head.headers, conformance);
        let named = |name: &HeaderName| headers.contains(name.clone());
        let is_notification =
            named(&header::BITS_ORIGINAL_REQUEST_URL) || REQUEST_FILE.iter().chain(&RESPONSE_FILE).any(named);
        if head.method != Method::POST || !is_notification {
            return Ok(None);
        }
        check_version(head.version, conformance)?;
        Ok(Some(Self { destination: destination(&headers)?, delivery: delivery(&headers)? }))
    }

    /// The request on the wire, for a back-end client that sends it to `target`, the whole URL of the application.
    ///
    /// `Host` is left to the HTTP library.
    #[must_use]
    pub fn to_http(&self, target: &Uri) -> http::Request<Payload> {
        let payload = match self.delivery {
            Delivery::ByValue { size } if size > 0 => Payload::Range(0..size),
            Delivery::ByValue { .. } | Delivery::ByReference(_) => Payload::Empty,
        };
        let mut headers = HeaderMap::new();
        header::put(&mut headers, header::BITS_ORIGINAL_REQUEST_URL, &self.destination);
        if let Delivery::ByReference(files) = &self.delivery {
            header::put(&mut headers, header::BITS_REQUEST_DATAFILE_NAME, &files.request);
            header::put(&mut headers, header::BITS_RESPONSE_DATAFILE_NAME, &files.response);
        }
        header::put_decimal(&mut headers, CONTENT_LENGTH, payload.len());
        let mut request = http::Request::new(payload);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.clone();
        *request.headers_mut() = headers;
        request
    }

    /// The same notification with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> NotificationRequest<'static> {
        NotificationRequest {
            destination: self.destination.into_owned(),
            delivery: self.delivery.into_owned(),
        }
    }
}

impl Delivery<'_> {
    /// The same with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> Delivery<'static> {
        match self {
            Self::ByReference(files) => Delivery::ByReference(files.into_owned()),
            Self::ByValue { size } => Delivery::ByValue { size },
        }
    }
}

fn destination<'a>(headers: &Headers<'a>) -> Result<DestinationUrl<'a>, Malformed> {
    let name = header::BITS_ORIGINAL_REQUEST_URL;
    let destination = headers.parsed(name.clone(), |value| DestinationUrl::from_bytes(trim(value)))?;
    let destination = destination.ok_or_else(|| header::missing(name.clone()))?;
    if headers.conformance.is_strict() && destination.to_uri().is_err() {
        return Err(header::invalid(name));
    }
    Ok(destination)
}

/// Both files say that there is no body, neither that the body is the entity (§3.4.5.2).
fn delivery<'a>(headers: &Headers<'a>) -> Result<Delivery<'a>, Malformed> {
    match (file(headers, &REQUEST_FILE)?, file(headers, &RESPONSE_FILE)?) {
        (Some(request), Some(response)) => {
            check_no_body(headers)?;
            Ok(Delivery::ByReference(DataFiles { request, response }))
        }
        (None, None) => size(headers).map(|size| Delivery::ByValue { size }),
        (Some(_), None) => Err(header::missing(header::BITS_RESPONSE_DATAFILE_NAME)),
        (None, Some(_)) => Err(header::missing(header::BITS_REQUEST_DATAFILE_NAME)),
    }
}

/// A file under either of its names; the one that is sent wins.
fn file<'a>(headers: &Headers<'a>, names: &[HeaderName; 2]) -> Result<Option<DataFilePath<'a>>, Malformed> {
    for name in names {
        let path = headers.parsed(name.clone(), |value| DataFilePath::from_bytes(trim(value)))?;
        if path.is_some() {
            return Ok(path);
        }
    }
    Ok(None)
}

/// As for a Fragment, only a length says that a body is whole.
fn size(headers: &Headers<'_>) -> Result<u64, Malformed> {
    match content_length(headers)? {
        None => Err(Malformed::LengthRequired),
        Some(_) if headers.contains(http::header::TRANSFER_ENCODING) => Err(Malformed::LengthRequired),
        Some(size) if size > MAX_ENTITY_SIZE => Err(header::invalid(CONTENT_LENGTH)),
        Some(size) => Ok(size),
    }
}
