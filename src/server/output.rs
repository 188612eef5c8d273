//! What a session asks its task to do.

use std::ops::Range;

use super::exchange::Exchange;
use crate::packet::Ack;

/// What a task must do next for its exchange. Do it, report it, and the report returns the next one, until
/// [`Respond`](Self::Respond) ends the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the exchange waits until this is done and reported"]
#[expect(clippy::exhaustive_enums, reason = "a server must do every one of these")]
pub enum Output {
    /// Decide whether the upload may start, and make room for it under [`Exchange::session`]. Report
    /// [`Opened`](super::Report::Opened), or [`Failed`](super::Report::Failed) with the reason why not.
    Open,
    /// Store a part of the request's body. Report [`Stored`](super::Report::Stored) once it cannot be lost any more.
    Store(Store),
    /// Tell the server application that the entity is complete. Report [`Notified`](super::Report::Notified), or
    /// [`Failed`](super::Report::Failed): what a [`Notification`](crate::notify::Notification) comes to.
    Notify,
    /// Put the entity at its destination: the whole of it or nothing, even if the process dies. Then release what else
    /// the upload has. Report [`Published`](super::Report::Published).
    Publish,
    /// Delete everything of the upload. Report [`Discarded`](super::Report::Discarded).
    Discard,
    /// Save the session if it shall outlive the process, then send this Ack. The exchange is over; there is no report.
    Respond(Ack<'static>),
    /// Ask another exchange's task to stop storing and to report how far it came; then [poll](super::Session::poll). A
    /// client that comes back to the session does so because it gave up on the older request.
    Abort(Exchange),
    /// Wait until another exchange of the session has reported, then [poll](super::Session::poll).
    Wait,
}

/// Which part of a request's body to store, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "all there is to say")]
pub struct Store {
    /// How many bytes at the start of the body are stored already: read them and pass over them.
    pub skip: u64,
    /// Where in the entity the rest of the body goes, to the end of the body.
    pub range: Range<u64>,
    /// The size of the whole entity.
    pub total: u64,
}
