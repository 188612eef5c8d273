//! What a server's task tells a session: what arrived, and what was done.

use http::{StatusCode, Uri};

use crate::packet::Request;
use crate::vocabulary::Hresult;
use crate::vocabulary::ReplyUrl;

/// A request that arrived.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the caller builds it")]
pub struct Arrival<'r, O = ()> {
    /// The packet.
    pub request: &'r Request<'r>,
    /// The request's target: where the client wants the entity. Its path names the destination (and in strict its
    /// query too); the host does not count, as a Host-Id changes it.
    pub target: &'r Uri,
    /// Who asks: the caller's authenticated user, or whatever tells owners apart.
    pub owner: &'r O,
}

/// What a task did with an [`Output`](super::Output), told to [`Session::handle_report`](super::Session::handle_report).
///
/// A report that does not belong to the step that was asked for changes nothing: the step comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// [`Open`](super::Output::Open): there is room for the upload.
    Opened,
    /// [`Store`](super::Output::Store): so many bytes of the range, from its start, are stored. All of them; or fewer,
    /// where the body ended early or the exchange was asked to stop: what was stored counts all the same.
    Stored(u64),
    /// [`Notify`](super::Output::Notify): the server application took the entity.
    Notified(Notified),
    /// [`Publish`](super::Output::Publish): the entity is at its destination, and nothing else is left of the upload.
    Published,
    /// [`Discard`](super::Output::Discard): nothing is left of the upload.
    Discarded,
    /// The step failed; of a [`Store`](super::Output::Store), so many bytes were stored before it did.
    Failed {
        /// How many bytes of a range were stored; 0 for every other step.
        stored: u64,
        /// Why, and so what the client is told.
        refusal: Refusal,
    },
    /// The task ends without having done its step, and will not report again. A `Drop` guard tells this, so that a
    /// task that was killed never locks an upload out.
    Abandoned,
}

/// What a server application said to a notification (§2.2.13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "the caller builds it")]
pub struct Notified {
    /// Whether the entity is published at its destination when the session is closed
    /// (`BITS-Copy-File-To-Destination`, C42). If not, it is discarded then.
    pub copy_to_destination: bool,
    /// Where the reply is, if there is one.
    #[cfg_attr(feature = "arbitrary", arbitrary(with = crate::vocabulary::arbitrary_reply_url))]
    pub reply_url: Option<ReplyUrl<'static>>,
}

/// Why a task did not do what a session asked for; it decides what the client is told (`protocol.md` section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The client may not write there: 403, `E_ACCESSDENIED`.
    AccessDenied,
    /// The destination exists and may not be overwritten: 403, `E_ACCESSDENIED` (C14).
    DestinationExists,
    /// The destination is a directory: 400, `E_INVALIDARG`.
    IsDirectory,
    /// The folder of the destination does not exist: 404.
    NoSuchFolder,
    /// The entity is not there any more: 404 (C20), and the session ends.
    EntityMissing,
    /// The body was longer or otherwise not as its head announced: 400, `E_INVALIDARG`.
    BadBody,
    /// Too many sessions: 503. A client comes back later.
    Busy,
    /// The disk is full: 500, `ERROR_DISK_FULL`.
    DiskFull,
    /// Anything else that went wrong in the server: 500. A client comes back later.
    Internal,
    /// The server application said no: its status, its code if it gave one, context 0x7 (C22). 403 is final: the
    /// application is not notified again.
    Application {
        /// The application's status. One that is no error is answered as 500: the application broke the rules.
        status: StatusCode,
        /// The application's code; [`Hresult::from_http_status`] where it gave none.
        code: Option<Hresult>,
    },
    /// The server application did not answer in time: 408, context 0x7 (C21).
    ApplicationTimeout,
}
