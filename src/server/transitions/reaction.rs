//! The work and the answers that a session reacts with.

use crate::vocabulary::Hresult;

/// The setting for which a row holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// The conformance is [`Interop`](crate::Conformance::Interop).
    Interop,
    /// The conformance is [`Strict`](crate::Conformance::Strict).
    Strict,
    /// A server application is notified.
    Application,
    /// No server application is notified.
    NoApplication,
}

/// The kind of [`Output`](crate::server::Output) that the exchange gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Reaction {
    /// [`Store`](crate::server::Output::Store), of what is new.
    Store,
    /// [`Notify`](crate::server::Output::Notify).
    Notify,
    /// [`Publish`](crate::server::Output::Publish).
    Publish,
    /// [`Discard`](crate::server::Output::Discard).
    Discard,
    /// The step that was asked for already.
    Again,
    /// Nothing yet; and [`Signal::Stop`](crate::server::Signal::Stop) for the exchange at work, once.
    Stop,
    /// Nothing yet.
    Wait,
    /// [`Done`](crate::server::Output::Done).
    Done,
    /// 200, the Ack for Create-Session.
    Created,
    /// 200, the Ack for a Fragment, with the offset.
    Accepted,
    /// 416, the Ack for a Fragment, with the offset.
    OutOfStep,
    /// 200, the Ack for Close-Session.
    Closed,
    /// 200, the Ack for Cancel-Session.
    Cancelled,
    /// The error that the reported [`Refusal`](crate::server::Refusal) stands for.
    Refusal,
    /// The server application's 403 again, context 0x7.
    Denial,
    /// An error of the server itself: its status, and its code (context 0x5) unless the status says all.
    Error(u16, Option<Hresult>),
    /// Whatever the request gets whose turn has come.
    Due,
}

/// A [`Reaction`] as a table's row writes it, as a value and as Markdown.
macro_rules! reaction {
    (@text Error($status:literal)) => {
        stringify!($status)
    };
    (@text Error($status:literal $code:ident)) => {
        concat!(stringify!($status), " `", stringify!($code), "`")
    };
    (@text $kind:ident) => {
        concat!("[`", stringify!($kind), "`](Reaction::", stringify!($kind), ")")
    };
    (Error($status:literal)) => {
        Reaction::Error($status, None)
    };
    (Error($status:literal $code:ident)) => {
        Reaction::Error($status, Some(Hresult::$code))
    };
    ($kind:ident) => {
        Reaction::$kind
    };
}
pub(super) use reaction;
