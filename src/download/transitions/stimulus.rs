//! The inputs that a download meets.

use crate::machine::transition::catalogue;

catalogue! {
    /// What a download meets: the head of an answer, its body, or neither; a timer; a command.
    pub enum Stimulus {
        /// What was asked for. To HEAD: 200 with the length of the entity. To GET: 200 or 206, and there are bytes to fetch.
        Success,
        /// 200 to HEAD, without a length.
        SuccessWithoutLength,
        /// 405 or 501 to HEAD.
        HeadNotKnown,
        /// The entity, which is wanted as a whole, is told to have no bytes: with 200, or with 416 and `bytes */0`.
        Empty,
        /// The length, now told first, does not suit: a range that is wanted ends behind it, or it is more than is allowed. Of
        /// several ranges, 416 with `bytes */0` tells so.
        UnsuitableLength,
        /// 200 or 206 with another `ETag` or `Last-Modified` than before.
        Changed,
        /// 200, though a part was asked for.
        WholeInstead,
        /// 206 with other bytes than were asked for, or with no parts, where several ranges were.
        OtherRange,
        /// 200 or 206 with another length than before.
        LengthChanged,
        /// 200 or 206 whose headers break the rules in another way: `Content-Encoding`, say.
        Invalid,
        /// 416, and the entity is not empty.
        NotSatisfiable,
        /// 401 or 407.
        Unauthorized,
        /// A status that may pass: 408, 429, 503, say.
        Transient,
        /// A status that will not pass: 403, or a redirection, say.
        Fatal,
        /// 1xx: the answer is still to come.
        Interim,
        /// Some bytes of the body were stored, and more of it is to come.
        StoredSome,
        /// The last byte of the body was stored, and others are missing.
        Stored,
        /// The last byte of the body was stored, and no other is missing.
        StoredLast,
        /// [`handle_body_end`](crate::download::Download::handle_body_end): the body, or the connection, has ended too early.
        BodyEnd,
        /// [`handle_body_error`](crate::download::Download::handle_body_error): the parts are not those that were asked for.
        BodyError,
        /// The connection broke.
        Interrupted,
        /// [`Timer::Request`](crate::download::Timer::Request) goes off.
        RequestTimer,
        /// [`Timer::Response`](crate::download::Timer::Response) goes off.
        ResponseTimer,
        /// The request has left.
        Sent,
        /// [`Timer::Retry`](crate::download::Timer::Retry) goes off.
        RetryTimer,
        /// [`Timer::Pace`](crate::download::Timer::Pace) goes off.
        PaceTimer,
        /// [`Timer::GiveUp`](crate::download::Timer::GiveUp) goes off.
        GiveUpTimer,
        /// [`suspend`](crate::download::Download::suspend), gracefully.
        SuspendGracefully,
        /// `suspend`, at once.
        SuspendAtOnce,
        /// [`resume`](crate::download::Download::resume).
        Resume,
        /// [`cancel`](crate::download::Download::cancel).
        Cancel,
        /// [`authenticate`](crate::download::Download::authenticate) with credentials.
        Authenticate,
        /// `authenticate` without any.
        AuthenticateNone,
        /// [`set_rate`](crate::download::Download::set_rate): as fast as it goes.
        SetRate,
        /// `set_rate`: so slow that a GET under way asks for too much.
        SlowDown,
        /// Anything of an exchange that is over or was given up, or a second answer.
        Stale,
    }
}

impl Stimulus {
    /// The head of an answer.
    pub const HEADS: &[Self] = &[
        Self::Success,
        Self::SuccessWithoutLength,
        Self::HeadNotKnown,
        Self::Empty,
        Self::UnsuitableLength,
        Self::Changed,
        Self::WholeInstead,
        Self::OtherRange,
        Self::LengthChanged,
        Self::Invalid,
        Self::NotSatisfiable,
        Self::Unauthorized,
        Self::Transient,
        Self::Fatal,
        Self::Interim,
    ];

    /// A success that is none (§3.6.5.2.4.2).
    pub const VIOLATIONS: &[Self] =
        &[Self::WholeInstead, Self::OtherRange, Self::LengthChanged, Self::Invalid];

    /// What comes of a body alone.
    pub const OF_BODY: &[Self] = &[Self::StoredSome, Self::Stored, Self::StoredLast, Self::BodyError];

    /// What may become of a request or of a body.
    pub const OF_EXCHANGE: &[Self] =
        &[Self::BodyEnd, Self::Interrupted, Self::RequestTimer, Self::ResponseTimer, Self::Sent];

    /// The commands that can be misused.
    pub const COMMANDS: &[Self] = &[
        Self::SuspendGracefully,
        Self::SuspendAtOnce,
        Self::Resume,
        Self::Cancel,
        Self::Authenticate,
        Self::AuthenticateNone,
    ];
}
