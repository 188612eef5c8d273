//! The events of a server, for logs, metrics and hooks.

use std::fmt;
use std::time::Duration;

use bits_proto::packet::{Ack, PacketType};
use bits_proto::server::Refusal;
use http::request::Parts;

use super::table::Leftover;
use super::turns::Upload;

/// An event of a server. The head of the request that it happened in has everything else: the client's address in its extensions,
/// if the server puts it there, and the file's name with the client, in `Content-Name`.
#[non_exhaustive]
pub enum Event<'e, O> {
    /// A record or something else was found at the start, and left alone.
    Found(&'e Leftover),
    /// An upload begins.
    Opened {
        /// The request.
        head: &'e Parts,
        /// The upload.
        upload: &'e Upload<O>,
    },
    /// Bytes were stored.
    Stored {
        /// The request.
        head: &'e Parts,
        /// The entity as it stands now.
        upload: &'e Upload<O>,
        /// The number of bytes that this request brought.
        bytes: u64,
    },
    /// A file is at its destination. This event comes once for each upload, but not if the server dies right before it.
    Published {
        /// The request.
        head: &'e Parts,
        /// The upload.
        upload: &'e Upload<O>,
    },
    /// The server application was notified of an upload.
    Notified {
        /// The request.
        head: &'e Parts,
        /// What came of it.
        outcome: Notified,
        /// The time that it took.
        took: Duration,
    },
    /// An upload made no progress for too long, and was deleted.
    Expired(&'e Upload<O>),
    /// A request of this protocol was answered.
    Answered(Answered<'e, O>),
    /// A request was refused by the function of [`owner`](super::Builder::owner).
    Unauthorized(&'e Parts),
    /// Something went wrong in the server itself, and why.
    Failed(&'e str),
}

/// The result of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notified {
    /// The application took the upload.
    Taken,
    /// It said no.
    Refused,
    /// It could not be reached, or its answer could not be used.
    Failed,
}

impl Notified {
    /// A word for it: `taken`, `refused`, `failed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A request of this protocol, and its answer.
#[non_exhaustive]
pub struct Answered<'e, O> {
    /// The request.
    pub head: &'e Parts,
    /// Who asked.
    pub owner: &'e O,
    /// The packet, if it can be read so far.
    pub packet: Option<PacketType>,
    /// The answer.
    pub ack: &'e Ack<'e>,
    /// The reason why it was refused, if it was. The client is not told as much.
    pub reason: Option<&'e str>,
    /// What the storage or the application refused, if one of them did.
    pub refusal: Option<Refusal>,
    /// The time that it took.
    pub took: Duration,
}

/// Without what is in the request: its query or its credentials may be secrets.
impl<O: fmt::Debug> fmt::Debug for Event<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(leftover) => f.debug_tuple("Found").field(leftover).finish(),
            Self::Opened { upload, .. } => f.debug_tuple("Opened").field(upload).finish(),
            Self::Stored { upload, bytes, .. } => {
                f.debug_struct("Stored").field("upload", upload).field("bytes", bytes).finish()
            }
            Self::Published { upload, .. } => f.debug_tuple("Published").field(upload).finish(),
            Self::Notified { outcome, took, .. } => f
                .debug_struct("Notified")
                .field("outcome", outcome)
                .field("took", took)
                .finish_non_exhaustive(),
            Self::Expired(upload) => f.debug_tuple("Expired").field(upload).finish(),
            Self::Answered(answered) => answered.fmt(f),
            Self::Unauthorized(_) => f.write_str("Unauthorized"),
            Self::Failed(why) => f.debug_tuple("Failed").field(why).finish(),
        }
    }
}

impl<O: fmt::Debug> fmt::Debug for Answered<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered")
            .field("owner", self.owner)
            .field("packet", &self.packet)
            .field("status", &self.ack.status())
            .field("reason", &self.reason)
            .field("took", &self.took)
            .finish_non_exhaustive()
    }
}
