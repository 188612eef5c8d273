//! The states of a session, and of the exchanges that work on it.

use std::fmt;

use crate::packet::{Ack, ErrorAck, FragmentAck, FragmentStatus};
use crate::server::{Directory, Notified};
use crate::vocabulary::{ContentRange, Guid, ReplyUrl, SessionId};

/// The state of a session (`BITSSessionWrapper.State`, §3.2.1.4).
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening",
            Self::Receiving => "receiving",
            Self::Notifying => "waiting for the server application",
            Self::WaitingForClose => "waiting for Close-Session",
            Self::Ended(ending) => return ending.fmt(f),
        })
    }
}

/// The end of a session.
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
    /// The entity had vanished when it was to be published, or when the server started again.
    Lost,
    /// A newer session of the same owner for the same destination took its place ([Q57]).
    ///
    /// [Q57]: crate::manual::tolerances#q57
    Replaced,
    /// The session made no progress for too long, or the server gave it up.
    Expired,
}

impl Ending {
    /// Whether repeats of the client are answered for a while.
    pub(super) const fn is_remembered(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled | Self::Replaced)
    }

    /// Whether the server ended it by itself, so that its bytes may still be there.
    pub(super) const fn is_unasked(self) -> bool {
        matches!(self, Self::Replaced | Self::Expired)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
        })
    }
}

/// What is known of the size of an entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) enum Size {
    /// No Fragment was ever seen: a Close means an empty entity (C13).
    Unseen,
    /// A Fragment was seen, but none that could be read: the entity has bytes (C70, Q64).
    Unreadable,
    /// A Fragment told it.
    Known(u64),
}

impl Size {
    pub(super) const fn known(self) -> Option<u64> {
        match self {
            Self::Known(total) => Some(total),
            Self::Unseen | Self::Unreadable => None,
        }
    }
}

/// What an exchange is asked to do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(in crate::server) enum Step {
    Open,
    /// What is new of this range.
    Store {
        range: ContentRange,
    },
    Notify(Wanted),
    Publish,
    Discard(Ending),
    /// Discard what was opened for a Create that could not be saved; then answer it.
    Undo(Answer),
    /// Delete the record, and then answer; or end, where nobody waits for an answer.
    Forget(Option<Answer>),
    Respond(Answer),
    /// Nothing: an exchange without a client is over.
    Done,
}

/// An Ack that waits for something, or for being fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "Ack", from = "Ack")
)]
pub(in crate::server) enum Answer {
    /// Where a Fragment's client goes on, and no reply: nearly all answers are this.
    Offset { status: FragmentStatus, session: Guid, next: u64 },
    /// Any other.
    Other(Box<Ack<'static>>),
}

impl Answer {
    pub(super) fn is_of_create(&self) -> bool {
        matches!(self, Self::Other(ack) if matches!(**ack, Ack::CreateSession(_)))
    }
}

impl From<Ack<'static>> for Answer {
    fn from(ack: Ack<'static>) -> Self {
        if let Ack::Fragment(FragmentAck {
            status,
            session_id: Some(id),
            received: Some(next),
            reply_url: None,
        }) = ack
        {
            // Only an id that the server has written is its GUID to the letter.
            if let Some(session) = id.guid().filter(|&guid| SessionId::from(guid).as_bytes() == id.as_bytes())
            {
                return Self::Offset { status, session, next };
            }
        }
        Self::Other(Box::new(ack))
    }
}

impl From<Answer> for Ack<'static> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Offset { status, session, next } => Ack::Fragment(FragmentAck {
                status,
                session_id: Some(session.into()),
                received: Some(next),
                reply_url: None,
            }),
            Answer::Other(ack) => *ack,
        }
    }
}

#[cfg(feature = "arbitrary")]
impl<'u> arbitrary::Arbitrary<'u> for Answer {
    fn arbitrary(u: &mut arbitrary::Unstructured<'u>) -> arbitrary::Result<Self> {
        Ok(Ack::arbitrary(u)?.into_owned().into())
    }
}

/// What a client wants of a session, without the head that said so; or what the server wants itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(in crate::server) enum Wanted {
    Fragment(Option<ContentRange>),
    Close,
    Cancel,
    /// A Fragment that cannot be read: the status of its answer.
    Unreadable(u16),
    /// The session is to end.
    End(Ending),
    /// The record is to be saved.
    Save,
}

/// The one exchange that works on a session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(in crate::server) struct AtWork {
    pub(super) serial: u64,
    pub(super) step: Step,
    /// Whether the record is to be saved before the step.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) saving: bool,
    /// Whether a newer exchange has asked for its end.
    pub(super) superseded: bool,
}

/// The newest exchange, whose turn has not begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(in crate::server) struct Waiting {
    pub(super) serial: u64,
    pub(super) wanted: Wanted,
}

/// The last exchange that finished its work, until its task fetches the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(in crate::server) struct Answered {
    pub(super) serial: u64,
    /// None where no client waits for one.
    pub(super) answer: Option<Answer>,
}

/// What a session knows of its server application's answer. Boxed: most sessions have none, and there are many.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(in crate::server) enum Notification {
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

    pub(super) const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Whether a Close publishes the entity: without an application, yes; else only if it said so (C42).
    pub(super) fn copies_to_destination(&self) -> bool {
        match self {
            Self::Taken(notified) => notified.copy_to_destination,
            Self::Due | Self::Refused(_) => true,
        }
    }
}
