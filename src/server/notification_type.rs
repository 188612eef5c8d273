//! The ways to notify a server application.

use super::notification_url::NotificationUrl;

/// Whether and how a server application is notified of complete entities (`NotificationType`, §3.2.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "MC-BUP has these three")]
pub enum NotificationType {
    /// There is no application: a closed upload is published at its destination. The default.
    #[default]
    None,
    /// The application is told where the entity is (`NOTIFICATION_BY_REFERENCE`): it must see the same files.
    ByReference(NotificationUrl),
    /// The application is sent the entity (`NOTIFICATION_BY_VALUE`).
    ByValue(NotificationUrl),
}

impl NotificationType {
    /// The address of the application, if there is one.
    #[must_use]
    pub const fn url(&self) -> Option<&NotificationUrl> {
        match self {
            Self::None => None,
            Self::ByReference(url) | Self::ByValue(url) => Some(url),
        }
    }
}
