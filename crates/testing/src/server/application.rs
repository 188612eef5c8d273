//! Directories with and without a server application.

use bits_proto::notify::NotificationType;

/// How a directory notifies its application, if it has one.
pub fn notified_if(has_one: bool) -> NotificationType {
    match has_one {
        true => NotificationType::ByReference("/bitsasp/test.REPLY".parse().unwrap()),
        false => NotificationType::None,
    }
}
