//! The snapshot of a notification.

use std::time::Instant;

use http::Uri;

use super::config::Config;
use super::notification::Notification;
use super::output::Output;
use super::request::NotificationRequest;
use super::state::{Stage, State};
use crate::machine::RestoreError;
use crate::vocabulary::ReplyUrl;
use crate::vocabulary::reference::is_http;

/// The version of the form in which notifications are stored.
const VERSION: u32 = 1;

/// A [`Notification`] at rest: plain data, with the feature `serde` for any of its formats.
///
/// The exchange under way is not part of it. A restored notification is sent again, because the result of the first one is
/// unknown: an application is notified *at least* once. It is also sent again if [`Output::Done`](super::Output::Done) was not
/// taken, because the session was not told. Once that was taken, the restored notification is over and has no output.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    version: u32,
    url: String,
    request: NotificationRequest<'static>,
    stored_reply: Option<ReplyUrl<'static>>,
    rest: Rest,
}

/// The stage of a stored notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Rest {
    /// It is sent, again if it was sent before.
    Exchanging,
    Done,
}

impl Snapshot {
    /// The whole URL of the application.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The notification that the application gets.
    #[must_use]
    pub const fn request(&self) -> &NotificationRequest<'static> {
        &self.request
    }

    /// The state of the restored notification.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.rest {
            Rest::Exchanging => State::Exchanging,
            Rest::Done => State::Done,
        }
    }
}

impl Notification {
    /// Returns the notification as plain data, in any state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let untold = self.outputs.iter().any(|output| matches!(output, Output::Done(_)));
        let rest = match self.stage {
            Stage::Done if !untold => Rest::Done,
            _ => Rest::Exchanging,
        };
        Snapshot {
            version: VERSION,
            url: self.target.to_string(),
            request: self.request.clone(),
            stored_reply: self.stored_reply.clone(),
            rest,
        }
    }

    /// Restores a notification from a snapshot. Unless it was over, it is sent, and its timers begin anew: how long it was
    /// stored makes no difference.
    ///
    /// # Errors
    /// [`RestoreError`] for a snapshot of a later version, or one that no notification can have made.
    pub fn restore(now: Instant, snapshot: Snapshot, config: Config) -> Result<Self, RestoreError> {
        if snapshot.version != VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        let url = snapshot.url.parse::<Uri>().ok().filter(is_http);
        let url = url.ok_or(RestoreError::Inconsistent("the URL of the application"))?;
        if snapshot.request.destination.to_uri().is_err() {
            return Err(RestoreError::Inconsistent("the destination"));
        }
        let mut notification = Self::at_rest(url, snapshot.request, snapshot.stored_reply, config);
        if snapshot.rest == Rest::Exchanging {
            notification.begin(now);
        }
        Ok(notification)
    }
}
