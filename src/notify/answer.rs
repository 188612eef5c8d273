//! The answers that a server application may give.

use http::StatusCode;

use super::request::{Delivery, NotificationRequest};
use super::response::{NotificationResponse, is_absolute};
use crate::vocabulary::Hresult;
use crate::vocabulary::ReplyUrl;
use crate::vocabulary::limits::{MAX_ENTITY_SIZE, MAX_REPLY_URL};

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
    /// The URL is relative, or none of `http` or `https` (C41).
    #[error("the URL of a static reply is an absolute http or https URL")]
    RelativeUrl,
    /// The URL is over 2,200 characters: the server would refuse the upload.
    #[error("the URL of a reply is at most 2,200 characters long")]
    UrlTooLong,
    /// The status is none of an error, so it refuses nothing.
    #[error("a refusal has a status from 300 to 599")]
    NoError,
    /// The code says success.
    #[error("the error code of a refusal is a failure")]
    NoFailure,
}

/// # Answers
///
/// Whoever has not finished with the entity, or with its reply, must not answer yet: the server takes the answer's head
/// for the end of the work. And one that answers late may be asked again: an application is notified of an entity *at
/// least* once.
impl NotificationRequest<'_> {
    /// The application took the entity, and has no reply.
    #[must_use]
    pub const fn accept(&self) -> NotificationResponse<'static> {
        NotificationResponse::new(StatusCode::OK)
    }

    /// The application took the entity, and has written its reply to the response file
    /// (`captures/upload-reply/07-notification.resp`).
    ///
    /// # Errors
    /// [`InvalidAnswer::NoResponseFile`]: the notification was by value.
    pub const fn reply_in_file(&self) -> Result<NotificationResponse<'static>, InvalidAnswer> {
        match self.delivery {
            Delivery::ByReference(_) => Ok(self.accept()),
            Delivery::ByValue { .. } => Err(InvalidAnswer::NoResponseFile),
        }
    }

    /// The application took the entity, and sends its reply of `size` bytes as the body of the answer. Servers may take
    /// one of no bytes for none (C45).
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

    /// The application does not take the entity. The client sees the status and the code; after 306 and 308 to 399,
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
    /// (`BITS-Copy-File-To-Destination`, C42). Without it the server deletes the entity then.
    #[must_use]
    pub fn and_copy_to_destination(self) -> Self {
        Self { copy_to_destination: true, ..self }
    }
}
