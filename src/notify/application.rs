//! The server application's side.

use http::{Response, StatusCode};

use super::request::NotificationRequest;
use super::response::NotificationResponse;
use crate::packet::Conformance;
use crate::packet::Malformed;
use crate::packet::{Payload, RequestHead};
use crate::vocabulary::Hresult;

/// A server application (§3.4): reads notifications, each of which [answers](NotificationRequest#answers) are made from.
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

    /// Reads the head of a request. `Ok(None)`: it is another `POST`, or none at all.
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
