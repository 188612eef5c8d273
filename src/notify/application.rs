//! The side of the server application: reading a notification, and the answers that it may give.

use http::{Response, StatusCode};

use super::request::{Delivery, NotificationRequest};
use super::response::{NotificationResponse, is_absolute};
use crate::packet::{Conformance, Malformed, Payload, RequestHead};
use crate::vocabulary::limits::{MAX_ENTITY_SIZE, MAX_REPLY_URL};
use crate::vocabulary::{Hresult, ReplyUrl};

/// Reads notifications, as a server application does (§3.4). A notification makes the [answers](NotificationRequest#answers)
/// to it.
///
/// ```
/// use bits_proto::notify::{Application, Delivery};
///
/// let application = Application::default();
/// let head = http::Request::post("/orders")
///     .header("BITS-Original-Request-URL", "http://server/upload/order.xml")
///     .header("Content-Length", "1234")
///     .body(())?;
/// let Some(notification) = application.read(&head)? else { panic!("another POST: not ours") };
/// assert_eq!(notification.delivery, Delivery::ByValue { size: 1234 });
/// // Read the 1,234 bytes of the body, make a reply of 56 bytes, and send it after this head:
/// let response = notification.reply_in_body(56)?.to_response();
/// assert_eq!(response.headers()["content-length"], "56");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Application {
    conformance: Conformance,
}

/// A notification that breaks the rules: the server's fault, not the application's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{malformed}")]
pub struct InvalidNotification {
    malformed: Malformed,
}

impl Application {
    /// An application that reads notifications this strictly.
    #[must_use]
    pub const fn new(conformance: Conformance) -> Self {
        Self { conformance }
    }

    /// Reads the head of a request. `Ok(None)` means that it is not a notification.
    ///
    /// # Errors
    /// [`InvalidNotification`] for a notification that breaks the rules; it knows how to answer.
    pub fn read<'h>(
        &self,
        head: impl Into<RequestHead<'h>>,
    ) -> Result<Option<NotificationRequest<'h>>, InvalidNotification> {
        NotificationRequest::decode(head, self.conformance)
            .map_err(|malformed| InvalidNotification { malformed })
    }
}

impl InvalidNotification {
    /// What is wrong.
    #[must_use]
    pub const fn malformed(&self) -> Malformed {
        self.malformed
    }

    /// The response to answer with: 411 where the length is missing, else 400, and `E_INVALIDARG` (§3.4.5.2).
    #[must_use]
    pub fn to_response(&self) -> Response<Payload> {
        let status = match self.malformed {
            Malformed::LengthRequired => StatusCode::LENGTH_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        };
        let code = Some(Hresult::E_INVALIDARG);
        NotificationResponse { code, ..NotificationResponse::new(status) }.to_response()
    }
}

/// An answer that a server application may not give: the application's fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAnswer {
    /// There is no response file: the notification was by value.
    #[error("a notification by value has no response file")]
    NoResponseFile,
    /// The reply of a notification by reference goes into its response file (§2.2.13.3).
    #[error("a notification by reference is not answered with a body")]
    NoBody,
    /// 2^63 bytes or more.
    #[error("a reply is smaller than 2^63 bytes")]
    ReplySize,
    /// The URL is relative, or none of `http` or `https` ([C41](crate::manual::decisions#c41)).
    #[error("the URL of a static reply is an absolute http or https URL")]
    RelativeUrl,
    /// The URL is over 2,200 characters: the server would refuse the upload.
    #[error("the URL of a reply is at most 2,200 characters long")]
    UrlTooLong,
    /// The status is not that of an error, so it refuses nothing.
    #[error("a refusal has a status from 300 to 599")]
    NoError,
    /// The code says success.
    #[error("the error code of a refusal is a failure")]
    NoFailure,
}

/// # Answers
///
/// Finish with the entity and with its reply before you answer: the server takes the head of the answer for the end of the
/// work. An application that answers late may be notified again: it is notified of each entity *at least* once.
impl NotificationRequest<'_> {
    /// The application took the entity, and has no reply.
    #[must_use]
    pub const fn accept(&self) -> NotificationResponse<'static> {
        NotificationResponse::new(StatusCode::OK)
    }

    /// The application took the entity, and has written its reply to the response file
    /// ([`upload-reply/07-notification.resp`](crate::manual::captures#upload-reply-07-notification-resp)).
    ///
    /// # Errors
    /// [`InvalidAnswer::NoResponseFile`]: the notification was by value.
    pub const fn reply_in_file(&self) -> Result<NotificationResponse<'static>, InvalidAnswer> {
        match self.delivery {
            Delivery::ByReference(_) => Ok(self.accept()),
            Delivery::ByValue { .. } => Err(InvalidAnswer::NoResponseFile),
        }
    }

    /// The application took the entity, and sends its reply of `size` bytes as the body of the answer. A server may take an
    /// empty reply for no reply ([C45](crate::manual::decisions#c45)).
    ///
    /// # Errors
    /// [`InvalidAnswer::NoBody`]: the notification was by reference. [`InvalidAnswer::ReplySize`]: 2^63 bytes or more.
    pub fn reply_in_body(&self, size: u64) -> Result<NotificationResponse<'static>, InvalidAnswer> {
        match self.delivery {
            Delivery::ByReference(_) => Err(InvalidAnswer::NoBody),
            Delivery::ByValue { .. } if size > MAX_ENTITY_SIZE => Err(InvalidAnswer::ReplySize),
            Delivery::ByValue { .. } => {
                Ok(NotificationResponse { content_length: Some(size), ..self.accept() })
            }
        }
    }

    /// The application took the entity, and serves its reply itself, at an absolute URL that clients can reach.
    ///
    /// # Errors
    /// [`InvalidAnswer::RelativeUrl`] or [`InvalidAnswer::UrlTooLong`].
    pub fn reply_at<'u>(&self, url: ReplyUrl<'u>) -> Result<NotificationResponse<'u>, InvalidAnswer> {
        if !is_absolute(&url) {
            return Err(InvalidAnswer::RelativeUrl);
        }
        if url.as_bytes().len() > MAX_REPLY_URL {
            return Err(InvalidAnswer::UrlTooLong);
        }
        Ok(NotificationResponse { static_response_url: Some(url), ..self.accept() })
    }

    /// The application does not take the entity. The client sees the status and the code; after 306, 309 to 399,
    /// 408, 409 and 5xx but 501 and 505 it comes back, and the application is notified again. 403 is final.
    ///
    /// # Errors
    /// [`InvalidAnswer::NoError`] or [`InvalidAnswer::NoFailure`].
    pub fn refuse(
        &self,
        status: StatusCode,
        code: Option<Hresult>,
    ) -> Result<NotificationResponse<'static>, InvalidAnswer> {
        if !(300..600).contains(&status.as_u16()) {
            return Err(InvalidAnswer::NoError);
        }
        if code.is_some_and(|code| !code.is_failure()) {
            return Err(InvalidAnswer::NoFailure);
        }
        Ok(NotificationResponse { code, ..NotificationResponse::new(status) })
    }
}

impl NotificationResponse<'_> {
    /// The same answer, and the entity shall be published at its destination when the client closes its session
    /// (`BITS-Copy-File-To-Destination`, [C42]). Without it the server deletes the entity then.
    ///
    /// [C42]: crate::manual::decisions#c42
    #[must_use]
    pub fn and_copy_to_destination(self) -> Self {
        Self { copy_to_destination: true, ..self }
    }
}
