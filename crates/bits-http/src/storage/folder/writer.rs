//! Bytes on their way to the disk, in constant memory.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::synced::{self, Sum};
use super::upload::internal;
use super::{Shared, begun, blocking, disk, fail_point, joined};
use crate::storage::{Failure, Writer};

/// How many bytes are written at a time. While they are written, as many again may come.
///
/// They are copied, so that a stack reads into the same buffer again: it would fetch a new one for each piece that is kept, which costs
/// more than the copy, and pieces of a byte would each keep a whole one.
const WRITE_SIZE: usize = 192 * 1024;

/// How many bytes an upload gives back to a full disk, so that there is room to save where it stands.
const ROOM: u64 = 64 * 1024;

/// What is done at the end, so that the bytes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// They are synced, and [marked](super::synced).
    Marked,
    Synced,
    /// All bytes of the upload are synced, and then marked.
    Whole,
    Nothing,
}

/// Appends to the bytes of an upload in a [`Folder`](super::Folder).
#[derive(Debug)]
pub struct FolderWriter {
    file: Arc<File>,
    ending: Ending,
    start: u64,
    /// How many bytes are still to come at most.
    left: u64,
    /// What has come and is not being written.
    pending: Vec<u8>,
    /// A buffer that was written.
    spare: Vec<u8>,
    written: Written,
    /// The work that goes on while more bytes come.
    writing: Option<JoinHandle<Result<Wrote, Failure>>>,
    failed: Option<Failure>,
    /// Whose bytes they are, and the folder that is told what is synced.
    upload: Option<(Guid, Arc<Shared>)>,
    /// What makes the names of the upload last, while its bytes come.
    settling: Option<JoinHandle<Result<(), Failure>>>,
}

/// What is before `at` is written.
#[derive(Clone, Debug)]
struct Written {
    at: u64,
    /// Of the bytes of this writer.
    sum: Sum,
}

/// How far a piece of work came, and what ended it.
#[derive(Debug)]
struct Wrote {
    written: Written,
    done: Result<(), Failure>,
    /// To be filled again.
    buffer: Vec<u8>,
}

impl FolderWriter {
    /// Appends what belongs there, or less.
    pub(super) fn new(file: File, part: Range<u64>, ending: Ending) -> Self {
        let start = part.start;
        Self {
            file: Arc::new(file),
            ending,
            start,
            left: part.end.saturating_sub(start),
            pending: Vec::new(),
            spare: Vec::new(),
            written: Written { at: start, sum: Sum::default() },
            writing: None,
            failed: None,
            upload: None,
            settling: None,
        }
    }

    /// Says that it is of this upload, and whom to tell what is synced.
    pub(super) fn of(mut self, id: Guid, shared: &Arc<Shared>) -> Self {
        // Until the next sync.
        shared.lasting.forget(id);
        self.upload = Some((id, Arc::clone(shared)));
        self
    }

    /// Has the names of the upload made to last, if they are not yet: it need not wait for the bytes, nor they for it.
    pub(super) fn settle(mut self) -> Self {
        let upload = self.upload.clone().filter(|(id, shared)| !shared.is_settled(*id));
        self.settling = upload.filter(|_| self.ending != Ending::Nothing).map(|(id, shared)| {
            begun(move || {
                let (_, state) = shared.opened()?;
                shared.settle(&state, id).map_err(|error| internal(&error))
            })
        });
        self
    }

    /// Keeps as many of the bytes as a piece of work takes, and returns the others.
    fn take<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.pending.capacity() == 0 {
            self.pending = std::mem::take(&mut self.spare);
            let expected = usize::try_from(self.left)
                .unwrap_or(WRITE_SIZE)
                .clamp(bytes.len().min(WRITE_SIZE), WRITE_SIZE);
            self.pending.reserve_exact(expected);
        }
        let (taken, others) = bytes.split_at(bytes.len().min(WRITE_SIZE.saturating_sub(self.pending.len())));
        self.pending.extend_from_slice(taken);
        self.left = self.left.saturating_sub(taken.len() as u64);
        others
    }

    /// The work that writes what is pending, and returns its buffer.
    fn work(&mut self) -> impl FnOnce() -> Wrote + Send + 'static {
        let (file, mut buffer) = (Arc::clone(&self.file), std::mem::take(&mut self.pending));
        let (mut written, sums) = (self.written.clone(), self.ending == Ending::Marked);
        move || {
            let done = written.write(&file, &buffer, sums).map_err(Failure::from);
            buffer.clear();
            Wrote { written, done, buffer }
        }
    }

    /// Waits for the work that goes on.
    async fn wait(&mut self) {
        let Some(writing) = self.writing.take() else { return };
        let done = match joined(writing).await {
            Ok(wrote) => {
                self.written = wrote.written;
                self.spare = wrote.buffer;
                wrote.done
            }
            Err(failure) => Err(failure),
        };
        self.failed = self.failed.take().or(done.err());
    }
}

impl Writer for FolderWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        let mut rest = &*bytes;
        while !rest.is_empty() && self.failed.is_none() {
            rest = self.take(rest);
            if self.pending.len() >= WRITE_SIZE {
                self.wait().await;
                if self.failed.is_none() {
                    let work = self.work();
                    self.writing = Some(begun(move || Ok(work())));
                }
            }
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    async fn finish(mut self) -> (u64, Result<(), Failure>) {
        self.wait().await;
        let (file, start, ending, failed) =
            (Arc::clone(&self.file), self.start, self.ending, self.failed.take());
        let (written, settling) = (self.written.clone(), self.settling.take());
        let work = self.work();
        // The rest is written and synced in one go.
        let finished = blocking({
            let file = Arc::clone(&file);
            move || {
                let (written, done) = match failed {
                    Some(failed) => (written, Err(failed)),
                    None => {
                        let wrote = work();
                        (wrote.written, wrote.done)
                    }
                };
                fail_point::reach("the bytes are written");
                let last = last(&file, start, &written, done, ending);
                fail_point::reach("the bytes last");
                Ok(last)
            }
        });
        let (counted, done) = finished.await.unwrap_or_else(|failure| (0, Err(failure)));
        let settled = match settling {
            Some(settling) => joined(settling).await,
            None => Ok(()),
        };
        if counted == 0 || ending == Ending::Nothing {
            return (counted, done);
        }
        match (settled, self.upload.take()) {
            (Ok(()), Some((id, shared))) => shared.lasting.synced(id, start + counted),
            (Ok(()), None) => {}
            // Nobody would find them after a power cut.
            (Err(failure), _) => {
                let undone = blocking(move || Ok(undone(&file, start, &failure)));
                return undone.await.unwrap_or_else(|failure| (0, Err(failure)));
            }
        }
        (counted, done)
    }
}

impl Written {
    fn write(&mut self, file: &File, bytes: &[u8], sums: bool) -> io::Result<()> {
        let (written, done) = disk::write(file, bytes, self.at);
        if sums {
            self.sum.add(bytes.get(..written).unwrap_or_default());
        }
        self.at += written as u64;
        done
    }
}

/// Makes what was written last. What is not counted is cut off.
fn last(
    file: &File,
    start: u64,
    written: &Written,
    done: Result<(), Failure>,
    ending: Ending,
) -> (u64, Result<(), Failure>) {
    let mut at = written.at;
    if let Err(failure) = &done {
        if failure.refusal() == Refusal::DiskFull {
            at = at.saturating_sub(ROOM).max(start);
        }
        // If that fails, the next writer cuts it off.
        let _or_later = disk::cut(file, at);
    }
    let lasts = match ending {
        _ if at == start => Ok(()),
        Ending::Nothing => Ok(()),
        Ending::Synced => disk::sync_data(file),
        Ending::Marked if at == written.at => {
            synced::mark(file, start, at, &written.sum).and_then(|_| disk::sync(file))
        }
        // The sum is of more than is left, or there is none.
        Ending::Marked | Ending::Whole => {
            disk::sync(file).and_then(|()| synced::mark_all(file, at)).and_then(|_| disk::sync(file))
        }
    };
    match lasts {
        Ok(()) => (at - start, done),
        Err(error) => undone(file, start, &error),
    }
}

/// Nothing is known of what was written: it must not be there after a crash.
fn undone(file: &File, start: u64, error: &dyn fmt::Display) -> (u64, Result<(), Failure>) {
    let _best_effort = disk::cut(file, start).and_then(|()| disk::sync(file));
    (0, Err(Failure::internal(format!("the bytes could not be made to last: {error}"))))
}
