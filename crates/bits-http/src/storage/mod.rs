//! Places for the bytes of uploads, and for the records of their sessions.
//!
//! A [`Storage`] holds bytes: those of unfinished uploads, under the session's id, until they are published. [`Records`]
//! hold what is remembered of sessions. [`Folder`] is both, in a folder of this machine; [`Memory`] is both, in memory.
//!
//! ```text
//!            open            writer, write…, finish            publish
//!   nothing ─────▶ no bytes ───────────────────────▶ bytes ─────────────▶ the destination
//!                      └──────────── discard ───────────┴──────▶ nothing
//! ```
//!
//! # Rules
//!
//! A server may die between any two calls, and within each. So:
//!
//! 1. The bytes that [`Writer::finish`] counts are stored as durably as this storage promises. Bytes that it does not count are cut
//!    back: by this writer, or by the next one, which is told where it starts.
//! 2. [`Storage::publish`] moves: afterwards the bytes are no longer held. It looks whether the bytes are there before it
//!    looks at the destination, and returns [`EntityMissing`](bits_proto::server::Refusal::EntityMissing) if they are not: after a crash,
//!    this is how a session learns that it was published.
//! 3. [`Storage::discard`] succeeds if there is nothing to delete.
//! 4. The caller runs the future of a call to its end. A future that is dropped leaves an upload in an unknown state.
//!
//! # Fences
//!
//! If processes share sessions, one that slept may wake up and write. Each claim of a session has a number that grows,
//! the fence. A shared storage refuses every call with a lower fence than the highest that it has seen
//! ([`Busy`](bits_proto::server::Refusal::Busy)), and stores that fence durably before it answers. A storage of one process can ignore
//! fences, because sessions take turns.
//!
//! Where a writer cannot be stopped (an open file on a shared file system), [`Storage::held`] with a new fence copies the
//! bytes and drops the old ones, because the old writer still has them open.
//!
//! # Which promise holds where
//!
//! Publishing is one step of the storage. On a file system it is a rename, exactly once, with and without overwriting. In an object store
//! it is a put, the completion of a multipart upload, or a copy: `Objects` has a table of what each store can promise.

mod failure;
#[cfg(feature = "folder")]
mod folder;
mod memory;
#[cfg(feature = "object-store")]
mod objects;
pub(crate) mod quota;
mod records;

use std::future::Future;
use std::pin::Pin;

use bits_proto::Guid;
use bytes::Bytes;

pub use bits_proto::server::{Held, Keep};
pub use failure::Failure;
#[cfg(feature = "folder")]
pub use folder::{Durability, Folder, FolderBuilder, FolderReader, FolderWriter};
pub use memory::{Memory, MemoryReader, MemoryWriter};
#[cfg(feature = "object-store")]
pub use objects::{ObjectReader, ObjectWriter, Objects, ObjectsBuilder};
pub use quota::Quota;
pub use records::{Kept, Listed, Record, Records};

/// Where an upload is to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the caller builds it")]
pub struct Destination<'d> {
    /// The path of the request's target, as the client sent it: percent-encoded, without a query.
    pub path: &'d str,
    /// Whether a file that is there already is replaced.
    pub overwrites: bool,
}

/// A [count](Storage::count) of what is published. It looks at nothing before it is polled, and goes on without whoever asked for it.
pub type Counting = Pin<Box<dyn Future<Output = Result<u64, Failure>> + Send>>;

/// The part of an entity that a writer is to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the caller builds it")]
pub struct Span {
    /// The first byte. The storage holds exactly this many bytes that count.
    pub start: u64,
    /// The byte after the last one. The writer is given no more.
    pub end: u64,
    /// The size of the whole entity.
    pub total: u64,
    /// The claim's number. See [the module](self#fences).
    pub fence: u64,
}

/// A place for the bytes of uploads: a folder, a bucket, memory. See [the module](self) for its rules.
pub trait Storage: Send + Sync + 'static {
    /// Stores a part of one upload.
    type Writer: Writer;

    /// Decides whether an upload may start, and makes an empty place for its bytes.
    ///
    /// Refuse what can be refused now, before the client sends everything: a name that cannot be made, a destination that
    /// exists, no room.
    fn open(
        &self,
        id: Guid,
        destination: &Destination<'_>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Takes over the writing from `span.start` on, and cuts off what is held beyond it.
    fn writer(&self, id: Guid, span: Span) -> impl Future<Output = Result<Self::Writer, Failure>> + Send;

    /// Moves the entity of `size` bytes to its destination: all of it, or nothing.
    fn publish(
        &self,
        id: Guid,
        destination: &Destination<'_>,
        size: u64,
        fence: u64,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Deletes the bytes of an upload, and the reply to it.
    fn discard(&self, id: Guid, fence: u64) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Returns what is held of an upload, after a crash or a take-over. Every byte that is held counts, and from now on nothing with
    /// a lower fence writes.
    ///
    /// `place` is what [`place`](Self::place) returned when the session was last saved.
    fn held(&self, id: Guid, place: &[u8], fence: u64) -> impl Future<Output = Result<Held, Failure>> + Send;

    /// Says of each of these uploads what [`held`](Self::held) says of one, in their order and with the fence 0. Called at a start, which
    /// may find a hundred thousand of them: for a storage that looks at many faster than at one after another.
    fn held_each(
        &self,
        uploads: Vec<(Guid, Vec<u8>)>,
    ) -> impl Future<Output = Vec<Result<Held, Failure>>> + Send {
        async move {
            let mut each = Vec::with_capacity(uploads.len());
            for (id, place) in uploads {
                each.push(self.held(id, &place, 0).await);
            }
            each
        }
    }

    /// Goes on with an upload that another process gave back in order, at the beginning of a claim. The place is as it was saved, and
    /// nothing need be looked at. Called only by turns of several processes.
    fn resume(&self, id: Guid, place: &[u8], fence: u64) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = (id, place, fence);
        std::future::ready(Ok(()))
    }

    /// The claim with this fence is over: the storage may forget what it keeps of the place in memory. Called only by turns of several
    /// processes.
    fn rest(&self, id: Guid, fence: u64) -> impl Future<Output = ()> + Send {
        let _ = (id, fence);
        std::future::ready(())
    }

    /// Cuts an upload back to `length` bytes.
    fn cut(&self, id: Guid, length: u64) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Returns what the storage needs to find the bytes of an upload: the id of a multipart upload and its parts, a tail that
    /// is too short for a part. It is saved in the same step as the session. Most storages need nothing.
    fn place(&self, id: Guid) -> impl Future<Output = Vec<u8>> + Send {
        let _ = id;
        std::future::ready(Vec::new())
    }

    /// Returns the sessions of which a shared storage holds something, so that processes can [discard](Self::discard) what belongs to
    /// no session. Most storages need not implement it, because they delete an upload when it ends.
    fn stored(&self) -> impl Future<Output = Result<Vec<Guid>, Failure>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Deletes the bytes of all uploads but these, which nobody can go on with. Returns the names of things that are
    /// not the storage's own; they are left alone.
    fn sweep(&self, known: &[Guid]) -> impl Future<Output = Result<Vec<String>, Failure>> + Send;

    /// The name of the folder right below the root that a destination leads into, as a [`Quota`] of folders knows it; `None`: it leads
    /// right into the root, or nowhere.
    fn top_folder(&self, path: &str) -> Option<String> {
        let _ = path;
        None
    }

    /// Counts the bytes of all files that are published in this folder right below the root, or in all, where it has no name; whoever
    /// made them. Bytes of unfinished uploads are left out. What was published before the count is polled first, is in it; what is published
    /// meanwhile may be. Needed where [turns](crate::leases::Leases::with_quota) keep a quota.
    fn count(&self, folder: &str) -> Counting {
        let _ = folder;
        Box::pin(std::future::ready(Err(Failure::internal("the storage cannot count, which a quota needs"))))
    }
}

/// Appends to an upload. However it ends, the storage holds what [`finish`](Self::finish) counts, and no more.
pub trait Writer: Send + 'static {
    /// Whether the [place](Storage::place) has changed so that it must be saved before the first byte is written: it names a multipart
    /// upload that nobody would find otherwise.
    fn must_save(&self) -> bool {
        false
    }

    /// Takes the next bytes. They may wait in memory, but not many of them.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Stores durably what was written. Returns how many bytes count, and why not all of them.
    fn finish(self) -> impl Future<Output = (u64, Result<(), Failure>)> + Send;
}

/// Gives out bytes again: published files, entities for a server application, replies. A service that notifies an
/// application or serves files needs it.
pub trait Contents: Storage {
    /// A file that is open.
    type Reader: Reader;

    /// Opens a published file.
    fn published(&self, path: &str) -> impl Future<Output = Result<Self::Reader, Failure>> + Send;

    /// Opens the bytes of an upload that is complete and not published yet.
    fn entity(&self, id: Guid) -> impl Future<Output = Result<Self::Reader, Failure>> + Send;

    /// Opens the reply to an upload.
    fn reply(&self, id: Guid) -> impl Future<Output = Result<Self::Reader, Failure>> + Send;

    /// Stores a reply, in place of an earlier one.
    fn write_reply(&self, id: Guid) -> impl Future<Output = Result<Self::Writer, Failure>> + Send;

    /// Deletes the reply to an upload, if there is one.
    fn remove_reply(&self, id: Guid) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The files that a server application is told of by reference: the entity, and where it may put its reply. `None`:
    /// there are no files.
    fn files(&self, id: Guid) -> impl Future<Output = Option<[std::path::PathBuf; 2]>> + Send {
        let _ = id;
        std::future::ready(None)
    }
}

/// A file that is open. What was written or published meanwhile does not change what is read.
pub trait Reader: Send + Sync + 'static {
    /// How many bytes it has.
    fn size(&self) -> u64;

    /// Its entity tag, quoted, if it has one.
    fn etag(&self) -> Option<String>;

    /// When it was last modified.
    fn modified(&self) -> Option<std::time::SystemTime>;

    /// Reads a range of it: exactly this many bytes.
    fn read(&self, range: std::ops::Range<u64>) -> impl Future<Output = Result<Bytes, Failure>> + Send;
}
