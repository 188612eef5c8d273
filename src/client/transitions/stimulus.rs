//! The inputs that an upload meets.

use crate::machine::transition::catalogue;

catalogue! {
    /// What an upload meets: the answer to the packet on its way, or none; a timer; a command.
    pub enum Stimulus {
        /// The packet did what it should. Of a Fragment: everything is acknowledged, and what is missing, if anything is,
        /// fits into one more.
        Success,
        /// The same, of a Fragment, and what is missing does not fit into one more.
        SuccessAndMore,
        /// As [`Success`](Self::Success), and the Ack for Create-Session names another host.
        SuccessNamingHost,
        /// As `Success`, and the Ack for a Fragment names a reply.
        SuccessNamingReply,
        /// As `Success`, and the pace does not let the next Fragment go yet.
        SuccessPaced,
        /// 416; the server wants the first byte.
        OutOfStep,
        /// 416, and no offset.
        OutOfStepBlind,
        /// 413, for a Fragment of more than 5 KiB.
        FragmentTooLarge,
        /// 413, for a Fragment of 5 KiB.
        FragmentTooLargeAtFloor,
        /// `BG_E_SESSION_NOT_FOUND`.
        SessionNotFound,
        /// 401 or 407.
        Unauthorized,
        /// A status that may pass, and no code: 503, say.
        Transient,
        /// An error that will not pass: 403, say.
        Fatal,
        /// A 2xx that is no Ack: a login page, say.
        NoAck,
        /// A 2xx that is no Ack, and empty.
        EmptyNoAck,
        /// The connection broke before a byte of the request left.
        Unsent,
        /// The connection broke; the request may have arrived.
        Interrupted,
        /// [`Timer::Request`](crate::client::Timer::Request) goes off.
        RequestTimer,
        /// [`Timer::Response`](crate::client::Timer::Response) goes off.
        ResponseTimer,
        /// The request has left.
        Sent,
        /// [`Timer::Retry`](crate::client::Timer::Retry) goes off.
        RetryTimer,
        /// [`Timer::Pace`](crate::client::Timer::Pace) goes off.
        PaceTimer,
        /// [`Timer::HostFallback`](crate::client::Timer::HostFallback) goes off.
        HostFallbackTimer,
        /// [`Timer::GiveUp`](crate::client::Timer::GiveUp) goes off.
        GiveUpTimer,
        /// [`suspend`](crate::client::Upload::suspend), gracefully.
        SuspendGracefully,
        /// `suspend`, at once.
        SuspendAtOnce,
        /// [`resume`](crate::client::Upload::resume).
        Resume,
        /// [`cancel`](crate::client::Upload::cancel).
        Cancel,
        /// [`source_changed`](crate::client::Upload::source_changed).
        SourceChanged,
        /// [`authenticate`](crate::client::Upload::authenticate) with credentials.
        Authenticate,
        /// `authenticate` without any.
        AuthenticateNone,
        /// [`reply_fetched`](crate::client::Upload::reply_fetched).
        ReplyFetched,
        /// [`reply_failed`](crate::client::Upload::reply_failed).
        ReplyFailed,
        /// [`set_rate`](crate::client::Upload::set_rate): as fast as it goes.
        SetRate,
        /// An answer, an error or the sending of an exchange that is over or was given up.
        Stale,
    }
}

impl Stimulus {
    /// Whatever becomes of the packet on its way.
    pub const OF_PACKET: &[Self] = &[
        Self::Success,
        Self::SuccessAndMore,
        Self::SuccessNamingHost,
        Self::SuccessNamingReply,
        Self::SuccessPaced,
        Self::OutOfStep,
        Self::OutOfStepBlind,
        Self::FragmentTooLarge,
        Self::FragmentTooLargeAtFloor,
        Self::SessionNotFound,
        Self::Unauthorized,
        Self::Transient,
        Self::Fatal,
        Self::NoAck,
        Self::EmptyNoAck,
        Self::Unsent,
        Self::Interrupted,
        Self::RequestTimer,
        Self::ResponseTimer,
        Self::Sent,
    ];

    /// The commands that can be misused.
    pub const COMMANDS: &[Self] = &[
        Self::SuspendGracefully,
        Self::SuspendAtOnce,
        Self::Resume,
        Self::Cancel,
        Self::SourceChanged,
        Self::Authenticate,
        Self::AuthenticateNone,
        Self::ReplyFetched,
        Self::ReplyFailed,
    ];

    /// What says that the request is invalid, to whatever is no Fragment.
    pub const REFUSALS: &[Self] = &[
        Self::Fatal,
        Self::OutOfStep,
        Self::OutOfStepBlind,
        Self::FragmentTooLarge,
        Self::FragmentTooLargeAtFloor,
    ];
}
