//! The inputs that a notification meets.

use crate::machine::transition::catalogue;

catalogue! {
    /// What a notification meets: what becomes of the exchange, of the response file, of the time.
    pub enum Stimulus {
        /// The caller [asks what to do](crate::notify::Notification::poll_output).
        Poll,
        /// The last byte of the request has left.
        Sent,
        /// A success, with a body that could be the reply.
        Success,
        /// A success, without a body.
        SuccessEmpty,
        /// A success, with a body that is encoded.
        SuccessEncoded,
        /// A success, which announces more bytes than a reply may have.
        SuccessTooLarge,
        /// A success that names a URL of the application's own, and has a body.
        StaticUrl,
        /// The same, without a body.
        StaticUrlEmpty,
        /// A status of error; or one of success, and a code of failure; or one that no answer may have (100 to 199).
        Refused,
        /// An answer that breaks the rules (§3.3.5.3.2).
        Malformed,
        /// The response file is there.
        FileThere,
        /// There is no response file.
        NoFile,
        /// Bytes of the body, and all in all no more than a reply may have.
        Body,
        /// Bytes of the body, and all in all more than a reply may have.
        BodyTooLarge,
        /// The end of the body, with as many bytes as were announced, if any number was.
        BodyEnd,
        /// The end of the body, with another number of bytes than was announced.
        BodyCut,
        /// The connection broke, or could not be made.
        TransportError,
        /// This server cannot read the entity, or not store the reply; or gives the notification up.
        Failure,
        /// [`Timer::Send`](crate::notify::Timer::Send) goes off.
        SendTimer,
        /// [`Timer::Head`](crate::notify::Timer::Head) goes off.
        HeadTimer,
        /// [`Timer::Response`](crate::notify::Timer::Response) goes off.
        ResponseTimer,
        /// [`handle_timeout`](crate::notify::Notification::handle_timeout), before a timer goes off or when none runs.
        NoTimer,
    }
}

impl Stimulus {
    /// Every head of an answer.
    pub const HEADS: &[Self] = &[
        Self::Success,
        Self::SuccessEmpty,
        Self::SuccessEncoded,
        Self::SuccessTooLarge,
        Self::StaticUrl,
        Self::StaticUrlEmpty,
        Self::Refused,
        Self::Malformed,
    ];

    /// What is told of the response file.
    pub const OF_FILE: &[Self] = &[Self::FileThere, Self::NoFile];

    /// What is told of the body.
    pub const OF_BODY: &[Self] = &[Self::Body, Self::BodyTooLarge, Self::BodyEnd, Self::BodyCut];

    /// A timer goes off.
    pub const TIMERS: &[Self] = &[Self::SendTimer, Self::HeadTimer, Self::ResponseTimer];
}
