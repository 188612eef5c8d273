//! The inputs that a session meets.

use crate::machine::transition::catalogue;

catalogue! {
    /// What a session meets: a request, a report of the exchange at work, or another exchange.
    ///
    /// Of a Fragment, *next* is the offset that the server wants.
    pub enum Stimulus {
        /// A Fragment: FIRST = next, short of the last byte.
        Next,
        /// A Fragment: FIRST = next, to the last byte.
        Last,
        /// A Fragment: FIRST < next ≤ LAST, short of the last byte.
        Overlap,
        /// A Fragment: FIRST < next ≤ LAST, to the last byte.
        OverlapLast,
        /// A Fragment: LAST < next. Of an entity that is known to be empty: the Fragment that says so.
        Repeat,
        /// A Fragment: FIRST > next.
        Gap,
        /// A Fragment with another total than those before.
        OtherTotal,
        /// A Fragment that says that the entity is empty (`*/0`), which was not known (C13). Strict's decoder lets none
        /// pass.
        Empty,
        /// A Fragment with more bytes than the server takes at once.
        FragmentTooLarge,
        /// A Fragment with a greater total than the server takes.
        EntityTooLarge,
        /// A Fragment whose head cannot be read.
        Unreadable,
        /// A Close-Session.
        Close,
        /// A Cancel-Session.
        Cancel,
        /// Any of these, from another owner.
        OtherOwner,
        /// Any of these, for another destination.
        OtherDestination,
        /// A Ping or a Create-Session that was routed to a session by mistake.
        Misrouted,
        /// The exchange at work reports [`Opened`](crate::server::Report::Opened).
        Opened,
        /// It reports [`Stored`](crate::server::Report::Stored), everything.
        StoredWhole,
        /// It reports `Stored`, a part or nothing.
        StoredPart,
        /// It reports [`Notified`](crate::server::Report::Notified): the entity is to be published.
        Taken,
        /// It reports `Notified`: the entity is not to be published.
        TakenAndKept,
        /// It reports `Notified`, with a reply's URL of more than 2,200 characters.
        ReplyTooLong,
        /// It reports [`Published`](crate::server::Report::Published).
        Published,
        /// It reports [`Discarded`](crate::server::Report::Discarded).
        Discarded,
        /// It reports [`StoredPart`](crate::server::Report::StoredPart), a part stored.
        FailedPart,
        /// It reports `StoredPart`, everything stored.
        FailedWhole,
        /// It reports [`Failed`](crate::server::Report::Failed), for any other reason than the next two.
        Failed,
        /// It reports `Failed`: [the entity is missing](crate::server::Refusal::EntityMissing).
        FailedMissing,
        /// It reports `Failed`: the server application answered 403.
        FailedForbidden,
        /// It is abandoned.
        Abandoned,
        /// It polls.
        Poll,
        /// The newest exchange, which waits, polls; or reports anything.
        WaitingPoll,
        /// The newest exchange, which waits, is abandoned.
        WaitingAbandoned,
        /// An exchange that is over, or was given up, polls, reports anything, or is abandoned.
        Stale,
        /// The server [evicts](crate::server::Session::evict) the session.
        Evict,
        /// The time of the session is [over](crate::server::Session::expire).
        Expire,
    }
}

impl Stimulus {
    /// The Fragments of the owner, for the destination.
    pub const FRAGMENTS: &[Self] = &[
        Self::Next,
        Self::Last,
        Self::Overlap,
        Self::OverlapLast,
        Self::Repeat,
        Self::Gap,
        Self::OtherTotal,
        Self::Empty,
        Self::FragmentTooLarge,
        Self::EntityTooLarge,
        Self::Unreadable,
    ];

    /// The requests of the owner, for the destination.
    pub const REQUESTS: &[Self] = &[
        Self::Next,
        Self::Last,
        Self::Overlap,
        Self::OverlapLast,
        Self::Repeat,
        Self::Gap,
        Self::OtherTotal,
        Self::Empty,
        Self::FragmentTooLarge,
        Self::EntityTooLarge,
        Self::Unreadable,
        Self::Close,
        Self::Cancel,
    ];

    /// The failures that the exchange at work reports.
    pub const FAILURES: &[Self] = &[Self::Failed, Self::FailedMissing, Self::FailedForbidden];

    /// Whatever the exchange at work does.
    pub const AT_WORK: &[Self] = &[
        Self::Opened,
        Self::StoredWhole,
        Self::StoredPart,
        Self::Taken,
        Self::TakenAndKept,
        Self::ReplyTooLong,
        Self::Published,
        Self::Discarded,
        Self::FailedPart,
        Self::FailedWhole,
        Self::Failed,
        Self::FailedMissing,
        Self::FailedForbidden,
        Self::Abandoned,
        Self::Poll,
    ];
}
