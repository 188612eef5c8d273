//! The places of a session.

use crate::machine::transition::catalogue;

catalogue! {
    /// The place of a session: its [`State`](crate::server::State), and what the exchange at work was asked to do.
    pub enum Place {
        /// [`Open`](crate::server::Output::Open) is asked for.
        Opening,
        /// No Fragment was ever seen; nobody is at work (`STATE_RECEIVE_FRAGMENTS`, like the next six).
        Fresh,
        /// Fragments were seen, but none that could be read; nobody is at work.
        Unread,
        /// A Fragment was seen, and bytes are missing; nobody is at work.
        Receiving,
        /// A Fragment was seen, of an entity that is larger than the server takes; nobody is at work.
        Oversized,
        /// [`Store`](crate::server::Output::Store) is asked for, of bytes before the last one.
        Storing,
        /// `Store` is asked for, to the last byte.
        StoringLast,
        /// As [`Storing`](Self::Storing), and a newer exchange has asked for its end.
        GivingWay,
        /// As [`StoringLast`](Self::StoringLast), and a newer exchange has asked for its end.
        GivingWayLast,
        /// [`Notify`](crate::server::Output::Notify) is asked for, for a Fragment (`STATE_NOTIFY`, like the next six).
        Notifying,
        /// `Notify` is asked for, for the Fragment that says that the entity is empty.
        NotifyingEmpty,
        /// `Notify` is asked for, for the Close of an empty entity.
        NotifyingOnClose,
        /// Every byte is there, and the server application has not taken them; nobody is at work.
        Unnotified,
        /// As [`Unnotified`](Self::Unnotified), and the entity is empty.
        UnnotifiedEmpty,
        /// Every byte is there, and the server application answered 403, which is final; nobody is at work.
        Denied,
        /// As [`Denied`](Self::Denied), and the entity is empty.
        DeniedEmpty,
        /// The upload waits for its Close, which publishes; nobody is at work (`STATE_WAIT_FOR_CLOSE`, like the next).
        Complete,
        /// The upload waits for its Close, which discards: the server application has the entity, and wants it nowhere
        /// else (C42).
        Kept,
        /// As [`Complete`](Self::Complete), and a task that was publishing died: the result is unknown.
        Doubtful,
        /// [`Publish`](crate::server::Output::Publish) is asked for (`STATE_COMPLETE`, like the next three).
        Publishing,
        /// As [`Publishing`](Self::Publishing), of a [`Doubtful`](Self::Doubtful) one.
        Republishing,
        /// [`Discard`](crate::server::Output::Discard) is asked for, for the Close of a [`Kept`](Self::Kept) entity.
        Discarding,
        /// `Discard` is asked for, since the entity was missing when it was to be published (C20).
        DiscardingLost,
        /// `Discard` is asked for, for a Cancel (`STATE_CANCEL`). If that fails, the upload is where it was before, but for a
        /// [`Doubtful`](Self::Doubtful) one: it is [`Complete`](Self::Complete), as its bytes may have been deleted.
        Cancelling,
        /// `Discard` is asked for, since the server gave the session up: it is over.
        Expiring,
        /// The task that was to [open](crate::server::Output::Open) it died: it is due to be discarded.
        Unopened,
        /// [Ended](crate::server::Ending::Refused): it may not be opened.
        Refused,
        /// [Ended](crate::server::Ending::Closed) by its client.
        Closed,
        /// [Ended](crate::server::Ending::Cancelled) by its client.
        Cancelled,
        /// [Ended](crate::server::Ending::Lost): the entity is missing.
        Lost,
        /// [Ended](crate::server::Ending::Expired): the server gave it up.
        Expired,
    }
}

impl Place {
    /// An exchange is at work.
    pub const WORKING: &[Self] = &[
        Self::Opening,
        Self::Storing,
        Self::StoringLast,
        Self::GivingWay,
        Self::GivingWayLast,
        Self::Notifying,
        Self::NotifyingEmpty,
        Self::NotifyingOnClose,
        Self::Publishing,
        Self::Republishing,
        Self::Discarding,
        Self::DiscardingLost,
        Self::Cancelling,
        Self::Expiring,
    ];

    /// Nobody is at work, and the session is open.
    pub const IDLE: &[Self] = &[
        Self::Fresh,
        Self::Unread,
        Self::Receiving,
        Self::Oversized,
        Self::Unnotified,
        Self::UnnotifiedEmpty,
        Self::Denied,
        Self::DeniedEmpty,
        Self::Complete,
        Self::Kept,
        Self::Doubtful,
    ];

    /// The session is over, or was never begun.
    pub const ENDED: &[Self] =
        &[Self::Unopened, Self::Refused, Self::Closed, Self::Cancelled, Self::Lost, Self::Expired];
}
