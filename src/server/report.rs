//! The reports of a task: what came of the work that it was asked to do.

use std::{fmt, io};

use http::StatusCode;

use crate::vocabulary::Hresult;
use crate::vocabulary::ReplyUrl;

/// The result of an [`Output`](super::Output), told to [`Sessions::handle_report`](super::Sessions::handle_report).
///
/// A report that does not belong to the output changes nothing: the output comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// [`Admit`](super::Output::Admit): the client may upload here.
    Admitted,
    /// [`Open`](super::Output::Open): there is room for the upload.
    Opened,
    /// [`Store`](super::Output::Store): this many bytes of the range, from its start, are stored durably. They are fewer than
    /// the range if the body ended early or the task was told to stop; they count all the same.
    Stored(u64),
    /// `Store`: this many bytes are stored durably, and then it failed.
    StoredPart(u64, Refusal),
    /// [`Notify`](super::Output::Notify): the server application took the entity.
    Notified(Notified),
    /// [`Save`](super::Output::Save): the record is stored durably.
    Saved,
    /// [`Publish`](super::Output::Publish): the entity is at its destination, and nothing else is left of the upload.
    Published,
    /// [`Discard`](super::Output::Discard): no byte is left of the upload.
    Discarded,
    /// [`Forget`](super::Output::Forget): the record is gone.
    Forgotten,
    /// It failed. For a `Store`, no byte of the range is stored.
    Failed(Refusal),
}

impl From<io::Error> for Report {
    fn from(error: io::Error) -> Self {
        Self::Failed(Refusal::from(&error))
    }
}

/// The answer of a server application to a notification (§2.2.13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "the caller builds it")]
pub struct Notified {
    /// Whether the entity is published at its destination when the session is closed
    /// (`BITS-Copy-File-To-Destination`, [C42](crate::manual::decisions#c42)). If not, it is discarded then.
    pub copy_to_destination: bool,
    /// The address of the reply, if there is one.
    #[cfg_attr(feature = "arbitrary", arbitrary(with = crate::vocabulary::arbitrary_reply_url))]
    pub reply_url: Option<ReplyUrl<'static>>,
}

/// The reason why a task did not do what a session asked for. It decides the answer to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Refusal {
    /// The client may not write there: 403, `E_ACCESSDENIED`.
    AccessDenied,
    /// The destination exists and may not be overwritten: 403, `E_ACCESSDENIED` ([C14](crate::manual::decisions#c14)).
    DestinationExists,
    /// The destination is a directory: 400, `E_INVALIDARG`.
    IsDirectory,
    /// The folder of the destination does not exist: 404.
    NoSuchFolder,
    /// The entity is not there any more: 404 ([C20](crate::manual::decisions#c20)), and the session ends.
    EntityMissing,
    /// The body was not as its head announced: 400, `E_INVALIDARG`.
    BadBody,
    /// Too many sessions: 503. A client comes back later.
    Busy,
    /// The disk is full: 500, `ERROR_DISK_FULL`.
    DiskFull,
    /// The place cannot take an entity of this size: 500, `BG_E_TOO_LARGE`.
    TooLarge,
    /// Anything else that went wrong in the server: 500. A client comes back later.
    Internal,
    /// The server application said no: its status, its code if it gave one, context 0x7 ([C22]). 403 is final: the
    /// application is not notified again.
    ///
    /// [C22]: crate::manual::decisions#c22
    Application {
        /// The application's status. One that is not an error is answered as 500.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::machine::as_text::status"))]
        status: StatusCode,
        /// The application's code. If it gave no failure code, the client gets [`Hresult::from_http_status`] beside an error
        /// status, and `E_INVALIDARG` beside any other ([C21](crate::manual::decisions#c21)).
        code: Option<Hresult>,
    },
    /// The server application did not answer in time: 408, context 0x7 ([C21](crate::manual::decisions#c21)).
    ApplicationTimeout,
}

/// The refusal that corresponds to an error of a file system.
///
/// [`NotFound`](io::ErrorKind::NotFound) is [`NoSuchFolder`](Refusal::NoSuchFolder), as it is when a file is made. Where the
/// bytes of an upload are missing, report [`EntityMissing`](Refusal::EntityMissing) yourself.
impl From<&io::Error> for Refusal {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::AccessDenied,
            io::ErrorKind::AlreadyExists => Self::DestinationExists,
            io::ErrorKind::IsADirectory => Self::IsDirectory,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NoSuchFolder,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Internal,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessDenied => f.write_str("the client may not write there"),
            Self::DestinationExists => f.write_str("the destination exists"),
            Self::IsDirectory => f.write_str("the destination is a directory"),
            Self::NoSuchFolder => f.write_str("the folder of the destination does not exist"),
            Self::EntityMissing => f.write_str("the bytes of the upload are gone"),
            Self::BadBody => f.write_str("the body is not as its head announced"),
            Self::Busy => f.write_str("there are too many sessions"),
            Self::DiskFull => f.write_str("the disk is full"),
            Self::TooLarge => f.write_str("the upload is too large for its place"),
            Self::Internal => f.write_str("something went wrong in the server"),
            Self::Application { status, code: None } => {
                write!(f, "the server application said {}", status.as_u16())
            }
            Self::Application { status, code: Some(code) } => {
                write!(f, "the server application said {} ({code})", status.as_u16())
            }
            Self::ApplicationTimeout => f.write_str("the server application did not answer in time"),
        }
    }
}

/// The bytes that storage holds of an upload when its record is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "storage holds bytes, or it does not, or it knows that it published them"
)]
pub enum Held {
    /// This many bytes, from the start of the entity; 0 if there is an empty place for them.
    Bytes(u64),
    /// Nothing: there is no place for the upload any more.
    Nothing,
    /// The entity was published. For storage that can tell.
    Published,
}
