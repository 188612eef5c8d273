//! The states of a notification, and its timers.

use std::fmt;

/// The state of a notification (§3.3.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum State {
    /// The notification is on its way, or the application has not answered yet (`STATE_SEND_HEADERS`,
    /// `STATE_SEND_DATA`, `STATE_RECEIVE_HEADERS`).
    Exchanging,
    /// The application took the entity, and the caller looks for its response file.
    LookingForReply,
    /// The application took the entity, and the body of its answer is its reply (`STATE_RECEIVE_DATA`).
    ReceivingReply,
    /// It is over (`STATE_COMPLETE`, `STATE_ERROR`).
    Done,
}

/// The state for a person: `looking for the reply`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exchanging => "exchanging",
            Self::LookingForReply => "looking for the reply",
            Self::ReceivingReply => "receiving the reply",
            Self::Done => "done",
        })
    }
}

/// The timers of a notification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Timer {
    /// Sending the notification takes too long (§3.3.2.1).
    Send,
    /// The head of the answer takes too long (§3.3.2.3).
    Head,
    /// The whole answer takes too long (§3.3.2.2).
    Response,
}

/// The timer for a person: `the send timer`.
impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "the send timer",
            Self::Head => "the timer of the answer's head",
            Self::Response => "the response timer",
        })
    }
}

/// The stage of a notification, with what is known there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Exchanging,
    Looking(Answer),
    Receiving(Answer),
    Done,
}

/// The answer of an application that took the entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) copy_to_destination: bool,
    /// The length of the body, as far as the head tells it.
    pub(super) announced: Option<u64>,
    /// How much of the body has come.
    pub(super) received: u64,
    pub(super) end: End,
    /// Whether the body is not what clients shall get.
    pub(super) encoded: bool,
    /// Whether a body of no bytes is a reply.
    pub(super) empty_is_reply: bool,
}

impl Answer {
    /// So many more bytes of the body have come.
    pub(super) const fn take(&mut self, bytes: u64) {
        self.received = self.received.saturating_add(bytes);
    }

    /// How the body ends that the transport says ends like this. Some transports cannot tell a broken connection from a
    /// body that has ended.
    pub(super) fn ending(&self, told: End) -> End {
        let whole = self.announced.is_none_or(|length| length == self.received);
        if told == End::Whole && !whole { End::BrokenOff } else { told }
    }
}

/// The end of the body of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    NotYet,
    Whole,
    BrokenOff,
}
