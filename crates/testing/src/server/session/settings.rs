//! The servers that a session is driven in.

use bits_proto::Conformance;
use bits_proto::notify::NotificationType;
use bits_proto::server::transitions::Setting;
use bits_proto::server::{Directory, Keep};

/// What the server takes at most, in bytes.
pub(super) const MAX_ENTITY: u64 = 500;
pub(super) const MAX_FRAGMENT: u64 = 90;

/// What the server is told to be.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub(super) conformance: Conformance,
    pub(super) notification: bool,
}

impl Settings {
    pub fn all() -> impl Iterator<Item = Self> {
        let both = [Conformance::Interop, Conformance::Strict].into_iter();
        both.flat_map(|conformance| [false, true].map(|notification| Self { conformance, notification }))
    }

    pub fn has(self, setting: Setting) -> bool {
        match setting {
            Setting::Interop => !self.conformance.is_strict(),
            Setting::Strict => self.conformance.is_strict(),
            Setting::Application => self.notification,
            Setting::NoApplication => !self.notification,
            other => panic!("what is {other:?}?"),
        }
    }

    pub(super) fn directory(self) -> Directory {
        let application = NotificationType::ByReference("/application".parse().unwrap());
        let notification = if self.notification { application } else { NotificationType::None };
        let directory = Directory::builder().conformance(self.conformance).notification(notification);
        directory
            .max_upload_size(MAX_ENTITY)
            .max_fragment_size(MAX_FRAGMENT)
            .keep(Keep::Rows)
            .build()
            .unwrap()
    }
}
