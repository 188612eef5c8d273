//! What a notification asks its caller to do.

use std::time::Duration;

use http::Request;

use super::outcome::Outcome;
use crate::packet::Payload;

/// What the caller must do, in this order.
#[derive(Debug)]
#[must_use = "the notification goes on once this is done"]
#[expect(clippy::exhaustive_enums, reason = "a back-end client must do every one of these")]
#[expect(clippy::large_enum_variant, reason = "the request is the first of a handful")]
pub enum Output {
    /// Send this request, and report what comes of it.
    Transmit(Transmit),
    /// The application was told where to put its reply: look whether it did, and tell
    /// [`handle_response_file`](super::Notification::handle_response_file). Leave the body of the answer where it is
    /// until then.
    FindResponseFile,
    /// Store the body of the answer, apart from the response file: it may be the reply. Report what comes of it with
    /// [`handle_body`](super::Notification::handle_body) and
    /// [`handle_body_end`](super::Notification::handle_body_end).
    StoreBody {
        /// How many bytes it may have at most. Reported to have more, the notification fails.
        limit: u64,
    },
    /// What else the application says is of no interest: read its answer to the end and forget it, or close the
    /// connection. There is no report.
    Discard,
    /// Give up the exchange: close its connection. There is no report.
    Abort,
    /// It is over. Hand the outcome to the session, as the [`Report`](crate::server::Report) that it converts into. A
    /// body that was stored is the reply if the outcome says so; if not, delete it.
    Done(Outcome),
}

/// A notification to send.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transmit {
    /// The request, its target the whole URL. Add `Host` and what else your HTTP library wants; send exactly the bytes
    /// of the [`Payload`]. Follow no redirection.
    pub request: Request<Payload>,
    /// How long sending may take. The notification keeps this time itself, and the others too.
    pub send_timeout: Duration,
    /// How long the head of the answer may take after that.
    pub head_timeout: Duration,
    /// How long the whole answer may take after that.
    pub response_timeout: Duration,
}
