//! Where a session stands.

use super::directory::Directory;
use super::input::Notified;
use crate::packet::ErrorAck;
use crate::vocabulary::ContentRange;
use crate::vocabulary::ReplyUrl;

/// Where a session stands (`BITSSessionWrapper.State`, §3.2.1.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum State {
    /// The caller has not yet said whether the upload may start.
    Opening,
    /// Bytes are missing (`STATE_RECEIVE_FRAGMENTS`).
    Receiving,
    /// All bytes are there, but the server application has not taken them (`STATE_NOTIFY`).
    Notifying,
    /// All bytes are there and the application, if any, has taken them (`STATE_WAIT_FOR_CLOSE`).
    WaitingForClose,
    /// The session is over.
    Ended(Ending),
}

impl State {
    /// Where a session stands once its last byte is there.
    pub(super) const fn complete(directory: &Directory) -> Self {
        if directory.notifies() { Self::Notifying } else { Self::WaitingForClose }
    }
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Ending {
    /// The caller did not let the upload start.
    Refused,
    /// The client closed it: the entity was published, or the application has it.
    Closed,
    /// The client cancelled it.
    Cancelled,
    /// The entity had vanished when it was to be published.
    Lost,
    /// The session made no progress for too long, or the server gave it up.
    Expired,
}

/// What the exchange at work was asked to do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum Step {
    Open,
    Store { skip: u64, length: u64, total: u64, range: ContentRange },
    Notify(Wanted),
    Publish,
    Discard(Ending),
}

/// What a client wants of a session, without the head that said so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum Wanted {
    Fragment(Option<ContentRange>),
    Close,
    Cancel,
}

/// The one exchange that works on a session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) struct AtWork {
    pub(super) serial: u32,
    pub(super) step: Step,
    /// Whether a newer exchange has asked for its end.
    pub(super) superseded: bool,
}

/// The newest exchange, which waits for the one at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) struct Waiting {
    pub(super) serial: u32,
    pub(super) wanted: Wanted,
}

/// What a session knows of its server application's answer. Boxed: most sessions have none, and there are many.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum Notification {
    /// Not asked, or to be asked again.
    Due,
    /// Never to be asked again.
    Refused(Box<ErrorAck>),
    /// It took the entity.
    Taken(Box<Notified>),
}

impl Notification {
    pub(super) fn reply_url(&self) -> Option<&ReplyUrl<'static>> {
        match self {
            Self::Taken(notified) => notified.reply_url.as_ref(),
            Self::Due | Self::Refused(_) => None,
        }
    }

    /// Whether a Close publishes the entity: without an application, yes; else only if it said so (C42).
    pub(super) fn copies_to_destination(&self) -> bool {
        match self {
            Self::Taken(notified) => notified.copy_to_destination,
            Self::Due | Self::Refused(_) => true,
        }
    }
}
