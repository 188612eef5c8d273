//! The places of a download.

use crate::machine::transition::catalogue;

catalogue! {
    /// Where a download stands: its [`State`](crate::download::State), what its request asked for, and what is here of the
    /// answer.
    pub enum Place {
        /// A HEAD is on its way (`STATE_SIZE`).
        Measuring,
        /// A GET for the whole, or for one range, is on its way (`STATE_DOWNLOAD`, like the next three).
        Asking,
        /// A GET for several ranges is on its way.
        AskingSeveral,
        /// The head of the answer is here, and the bytes of the whole, or of one range, come.
        Receiving,
        /// The same, and several ranges come.
        ReceivingSeveral,
        /// As [`Measuring`](Self::Measuring); after the answer, the download is suspended (`SUSPENDED`, like the next four).
        SuspendingMeasuring,
        /// As [`Asking`](Self::Asking); after the answer, the download is suspended.
        SuspendingAsking,
        /// As [`AskingSeveral`](Self::AskingSeveral); after the answer, the download is suspended.
        SuspendingAskingSeveral,
        /// As [`Receiving`](Self::Receiving); after the body, the download is suspended.
        SuspendingReceiving,
        /// As [`ReceivingSeveral`](Self::ReceivingSeveral); after the body, the download is suspended.
        SuspendingReceivingSeveral,
        /// The download waits, and then tries again.
        Waiting,
        /// The next GET waits for the pace.
        Pacing,
        /// Credentials are wanted.
        NeedsCredentials,
        /// Suspended (`STATE_SUSPEND`).
        Suspended,
        /// Failed; it can be resumed (`STATE_SUSPEND` with an error).
        Failed,
        /// Over: every byte is here (`STATE_COMPLETE`).
        Completed,
        /// Over: given up (`STATE_COMPLETE`).
        Cancelled,
    }
}

impl Place {
    /// An exchange is under way, and after it the next one.
    pub const UNDER_WAY: &[Self] =
        &[Self::Measuring, Self::Asking, Self::AskingSeveral, Self::Receiving, Self::ReceivingSeveral];

    /// An exchange is under way, and after it the download is suspended.
    pub const SUSPENDING: &[Self] = &[
        Self::SuspendingMeasuring,
        Self::SuspendingAsking,
        Self::SuspendingAskingSeveral,
        Self::SuspendingReceiving,
        Self::SuspendingReceivingSeveral,
    ];

    /// A request is on its way: the head of its answer is still to come.
    pub const UNANSWERED: &[Self] = &[
        Self::Measuring,
        Self::Asking,
        Self::AskingSeveral,
        Self::SuspendingMeasuring,
        Self::SuspendingAsking,
        Self::SuspendingAskingSeveral,
    ];

    /// The head of the answer is here, and its body comes.
    pub const ANSWERED: &[Self] = &[
        Self::Receiving,
        Self::ReceivingSeveral,
        Self::SuspendingReceiving,
        Self::SuspendingReceivingSeveral,
    ];

    /// Nothing is on its way, and the download is not over.
    pub const RESTING: &[Self] =
        &[Self::Waiting, Self::Pacing, Self::NeedsCredentials, Self::Suspended, Self::Failed];

    /// The download is over.
    pub const OVER: &[Self] = &[Self::Completed, Self::Cancelled];
}
