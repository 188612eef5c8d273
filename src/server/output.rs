//! The work that a session asks the task of an exchange to do.

use std::ops::Range;

use super::session::Record;
use crate::packet::Ack;

/// The work that a task must do for its exchange. Do it, report it, and ask for the next, until [`Respond`](Self::Respond)
/// or [`Done`](Self::Done).
///
/// This task keeps one upload in a file, and its record in memory:
///
/// ```
/// use std::fs::{self, OpenOptions};
/// use std::io::{self, Read, Write};
/// use std::path::Path;
///
/// use bits_proto::server::{Output, Record, Refusal, Report};
///
/// /// Does the work of an output that is not the last one.
/// fn work(
///     output: Output,
///     body: &mut impl Read,
///     part: &Path,
///     destination: &Path,
///     record: &mut Option<Box<Record>>,
/// ) -> io::Result<Report> {
///     Ok(match output {
///         Output::Admit => Report::Admitted,
///         Output::Open if destination.exists() => Report::Failed(Refusal::DestinationExists),
///         Output::Open => fs::write(part, "").map(|()| Report::Opened)?,
///         Output::Store(mut store) => {
///             let mut file = OpenOptions::new().append(true).open(part)?;
///             file.set_len(store.range().start)?; // cut off what was never acknowledged
///             let mut piece = [0; 16 * 1024];
///             // However the body ends, what was written by then counts.
///             while let Ok(length @ 1..) = body.read(&mut piece) {
///                 file.write_all(store.clip(&piece[..length]))?;
///             }
///             file.sync_data()?;
///             Report::Stored(store.clipped())
///         }
///         Output::Publish { .. } if !part.exists() => Report::Failed(Refusal::EntityMissing),
///         Output::Publish { .. } => fs::rename(part, destination).map(|()| Report::Published)?,
///         Output::Discard => fs::remove_file(part).map(|()| Report::Discarded)?,
///         Output::Save(new) => {
///             *record = Some(new);
///             Report::Saved
///         }
///         Output::Forget => {
///             *record = None;
///             Report::Forgotten
///         }
///         Output::Notify { .. } => Report::Failed(Refusal::Internal), // no application here
///         Output::Respond(_) | Output::Done => unreachable!("these are the end"),
///     })
/// }
/// # let folder = std::env::temp_dir().join(format!("bits-proto-output-{}", std::process::id()));
/// # fs::create_dir_all(&folder)?;
/// # let (part, destination) = (folder.join("part"), folder.join("destination"));
/// # let mut record = None;
/// # let mut body = &b"ab01234567"[..];
/// # let mut work = |output| work(output, &mut body, &part, &destination, &mut record);
/// # assert_eq!(work(Output::Open)?, Report::Opened);
/// # let store = bits_proto::server::Store::new(2, 0..6, 8);
/// # assert_eq!(work(Output::Store(store))?, Report::Stored(6));
/// # assert_eq!(work(Output::Publish { size: 6 })?, Report::Published);
/// # assert_eq!(work(Output::Publish { size: 6 })?, Report::Failed(Refusal::EntityMissing));
/// # assert_eq!(work(Output::Open)?, Report::Failed(Refusal::DestinationExists));
/// # assert_eq!(fs::read(&destination)?, b"012345");
/// # fs::remove_dir_all(folder)?;
///
/// // An error of the file system is a report as well: `work(…).unwrap_or_else(Report::from)`.
/// let report = Report::from(io::Error::from(io::ErrorKind::StorageFull));
/// assert_eq!(report, Report::Failed(Refusal::DiskFull));
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the session waits until this is done and reported"]
#[expect(clippy::exhaustive_enums, reason = "a server must do every one of these")]
pub enum Output<O = ()> {
    /// Decide whether the client of a Ping may upload here (§3.2.5.2.3). Report [`Admitted`](super::Report::Admitted), or
    /// [`Failed`](super::Report::Failed).
    Admit,
    /// Decide whether the upload may start, and make an empty place for its bytes, under the name
    /// [`Exchange::session`](super::Exchange::session). Report [`Opened`](super::Report::Opened), or `Failed`.
    Open,
    /// Store a part of the request's body, so that it lasts. Report [`Stored`](super::Report::Stored), or
    /// [`StoredPart`](super::Report::StoredPart).
    Store(Store),
    /// Tell the server application that the entity is complete. Report [`Notified`](super::Report::Notified), or `Failed`: the
    /// outcome of a [`Notification`](crate::notify::Notification) converts into either.
    Notify {
        /// The size of the entity, in bytes.
        size: u64,
    },
    /// Write the record durably under [`Record::id`], in place of the one before, and wait for that without a time limit of
    /// your own. Report [`Saved`](super::Report::Saved), or `Failed`.
    Save(Box<Record<O>>),
    /// Move the entity to its destination, the whole of it or nothing, even if the process dies. Report
    /// [`Published`](super::Report::Published), or `Failed`.
    ///
    /// First look whether the bytes are there. If they are not, report
    /// [`EntityMissing`](super::Refusal::EntityMissing): a task that died may have published them.
    Publish {
        /// The size of the entity, in bytes.
        size: u64,
    },
    /// Delete the bytes of the upload; that there are none is a success. Report [`Discarded`](super::Report::Discarded),
    /// or `Failed`.
    Discard,
    /// Delete the record; that there is none is a success. Report [`Forgotten`](super::Report::Forgotten), or `Failed`.
    Forget,
    /// Send this Ack. The exchange is over; there is no report.
    Respond(Ack<'static>),
    /// The exchange is over, and no client waits for an answer; there is no report.
    Done,
}

/// The part of a request's body to store, and its place in the entity.
///
/// It clips the body, so that no driver computes with offsets:
///
/// ```
/// use bits_proto::server::Store;
///
/// // The client repeats two bytes that are stored already, and then brings six new ones.
/// let mut store = Store::new(2, 4..10, 20);
/// let mut file = Vec::new();
/// for piece in [&b"ab01"[..], b"23456789"] {
///     file.extend_from_slice(store.clip(piece));
/// }
/// assert_eq!(file, b"012345");
/// assert_eq!(store.clipped(), 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    skip: u64,
    range: Range<u64>,
    total: u64,
    /// The number of bytes of the body that were seen.
    seen: u64,
}

impl Store {
    /// The bytes of a body after the first `skip`, at `range` of an entity of `total` bytes. Sessions make it; so do tests of
    /// a driver.
    #[must_use]
    pub const fn new(skip: u64, range: Range<u64>, total: u64) -> Self {
        Self { skip, range, total, seen: 0 }
    }

    /// The bytes at the start of the body that are stored already.
    #[must_use]
    pub const fn skip(&self) -> u64 {
        self.skip
    }

    /// The place in the entity of the bytes that follow them.
    #[must_use]
    pub const fn range(&self) -> &Range<u64> {
        &self.range
    }

    /// The size of the whole entity, in bytes.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The number of bytes to store.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// Takes the next piece of the body, and returns the part of it to write next: without what is stored already, and
    /// without what is past the end.
    pub fn clip<'b>(&mut self, piece: &'b [u8]) -> &'b [u8] {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let within =
            |at: u64| usize::try_from(at.saturating_sub(self.seen).min(length)).unwrap_or(piece.len());
        let part = within(self.skip)..within(self.skip.saturating_add(self.length()));
        self.seen = self.seen.saturating_add(length);
        piece.get(part).unwrap_or_default()
    }

    /// The number of bytes that [`clip`](Self::clip) has returned so far: what to report once they are written.
    #[must_use]
    pub fn clipped(&self) -> u64 {
        self.seen.saturating_sub(self.skip).min(self.length())
    }

    /// Whether [`clip`](Self::clip) has returned everything: the rest of the body, if there is any, is not wanted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.clipped() == self.length()
    }
}
