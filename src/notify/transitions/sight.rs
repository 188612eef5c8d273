//! The outputs that the caller of a notification sees.

use crate::notify::state::Timer;

/// The setting for which a row holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// The conformance is [`Interop`](crate::Conformance::Interop).
    Interop,
    /// The conformance is [`Strict`](crate::Conformance::Strict).
    Strict,
    /// There is no place for a [reply](crate::notify::Notification::with_stored_reply).
    NoPlace,
    /// There is one, and the entity is notified by reference.
    ByReference,
    /// There is one, the entity is notified by value, and a body of no bytes is no reply.
    ByValue,
    /// There is one, the entity is notified by value, and a body of no bytes is a reply: every upload is to
    /// [have one](crate::notify::ConfigBuilder::expect_reply), and the application answers 200 (C45).
    Expecting,
}

/// What the caller of a notification gets to see: the kind of an [`Output`](crate::notify::Output), and of an
/// [`Outcome`](crate::notify::Outcome).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Sight {
    /// [`Output::Transmit`](crate::notify::Output::Transmit).
    Transmit,
    /// [`Output::FindResponseFile`](crate::notify::Output::FindResponseFile).
    FindResponseFile,
    /// [`Output::StoreBody`](crate::notify::Output::StoreBody).
    StoreBody,
    /// [`Output::Discard`](crate::notify::Output::Discard).
    Discard,
    /// [`Output::Abort`](crate::notify::Output::Abort).
    Abort,
    /// [`Output::Done`](crate::notify::Output::Done), like all that follow: taken, with [`Reply::None`](crate::notify::Reply::None).
    Taken,
    /// Taken, with [`Reply::Static`](crate::notify::Reply::Static).
    TakenWithUrl,
    /// Taken, with [`Reply::File`](crate::notify::Reply::File).
    TakenWithFile,
    /// Taken, with [`Reply::Body`](crate::notify::Reply::Body).
    TakenWithBody,
    /// [`Failure::Refused`](crate::notify::Failure::Refused).
    Refused,
    /// [`Failure::Malformed`](crate::notify::Failure::Malformed).
    Malformed,
    /// [`Failure::ReplyTooLarge`](crate::notify::Failure::ReplyTooLarge).
    ReplyTooLarge,
    /// [`Failure::Transport`](crate::notify::Failure::Transport).
    Transport,
    /// [`Failure::Timeout`](crate::notify::Failure::Timeout) of this timer.
    Timeout(Timer),
    /// [`Failure::Server`](crate::notify::Failure::Server).
    Server,
}
