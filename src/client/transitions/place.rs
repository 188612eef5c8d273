//! The places of an upload.

use crate::machine::transition::catalogue;

catalogue! {
    /// Where an upload stands: its [`State`](crate::client::State), which packet is on its way, and what for.
    pub enum Place {
        /// A Ping is on its way, before there is a session (`STATE_PING`, like the next two).
        PingingFirst,
        /// A Ping is on its way; then goes what was interrupted.
        Pinging,
        /// A Ping is on its way; if it is answered, the upload starts over, since the server is out of step and does not
        /// say where it stands (Q06).
        PingingInDoubt,
        /// Create-Session is on its way (`STATE_CREATE_SESSION`).
        Creating,
        /// A Fragment is on its way, short of the last byte (`STATE_FRAGMENT`, like the next).
        Sending,
        /// A Fragment is on its way, to the last byte.
        SendingLast,
        /// Close-Session is on its way (`STATE_COMPLETE`, like the next).
        Closing,
        /// Close-Session is on its way, and the result of an earlier one is unknown (C17).
        ClosingAgain,
        /// Cancel-Session is on its way, since the upload was cancelled or its source has changed (`STATE_CANCEL`).
        Leaving,
        /// The upload was cancelled, or its source has changed, while Create-Session is on its way: what it makes must be
        /// cancelled.
        LeavingCreate,
        /// The same, while Close-Session is on its way.
        LeavingClose,
        /// The same, while Close-Session is on its way, and the result of an earlier one is unknown.
        LeavingCloseAgain,
        /// Cancel-Session is on its way; a new session is to take this one's place.
        StartingOver,
        /// A packet is on its way, and once it is answered the upload is suspended.
        Suspending,
        /// The upload waits, and then sends the same packet again.
        Waiting,
        /// The upload waits, and then sends a Ping.
        WaitingToPing,
        /// The upload waits, and then sends a Ping [in doubt](Self::PingingInDoubt).
        WaitingInDoubt,
        /// The next Fragment waits for the pace.
        Pacing,
        /// Credentials are wanted.
        NeedsCredentials,
        /// The caller fetches the reply (`STATE_GET_REPLY`).
        NeedsReply,
        /// Suspended (`STATE_SUSPEND`).
        Suspended,
        /// Failed; it can be resumed (`STATE_ERROR`).
        Failed,
        /// Failed, since the source has changed.
        Withdrawn,
        /// Over: the entity is published.
        Completed,
        /// Over: given up.
        Cancelled,
    }
}

impl Place {
    /// A packet is on its way.
    pub const UNDER_WAY: &[Self] = &[
        Self::PingingFirst,
        Self::Pinging,
        Self::PingingInDoubt,
        Self::Creating,
        Self::Sending,
        Self::SendingLast,
        Self::Closing,
        Self::ClosingAgain,
        Self::Leaving,
        Self::LeavingCreate,
        Self::LeavingClose,
        Self::LeavingCloseAgain,
        Self::StartingOver,
        Self::Suspending,
    ];

    /// Nothing is on its way, and the upload is not over.
    pub const RESTING: &[Self] = &[
        Self::Waiting,
        Self::WaitingToPing,
        Self::WaitingInDoubt,
        Self::Pacing,
        Self::NeedsCredentials,
        Self::NeedsReply,
        Self::Suspended,
        Self::Failed,
        Self::Withdrawn,
    ];

    /// The upload is over.
    pub const OVER: &[Self] = &[Self::Completed, Self::Cancelled];
}
