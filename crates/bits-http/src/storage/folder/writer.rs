//! Bytes on their way to the disk, in constant memory.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::lasting::Lasting;
use super::synced::{self, Sum};
use super::{blocking, disk, fail_point};
use crate::storage::{Failure, Writer};

/// How many bytes are written at a time. While they are written, as many again may come.
const WRITE_SIZE: usize = 128 * 1024;

/// How many chunks wait to be written at most. Each keeps the whole buffer in memory that it was read into, be it a byte
/// long: without this, a client that sends single bytes takes thousands of times what it sends.
const MAX_CHUNKS: usize = 64;

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
    pending: Vec<Bytes>,
    size: usize,
    written: Written,
    /// The work that goes on while more bytes come.
    writing: Option<JoinHandle<Result<Wrote, Failure>>>,
    failed: Option<Failure>,
    /// Is told what is synced.
    lasting: Option<(Guid, Lasting)>,
}

/// What is before `at` is written.
#[derive(Clone, Debug)]
struct Written {
    at: u64,
    /// Of the bytes of this writer.
    sum: Sum,
}

/// How far a piece of work came, and what ended it.
type Wrote = (Written, Result<(), Failure>);

impl FolderWriter {
    pub(super) fn new(file: File, start: u64, ending: Ending) -> Self {
        Self {
            file: Arc::new(file),
            ending,
            start,
            pending: Vec::new(),
            size: 0,
            written: Written { at: start, sum: Sum::default() },
            writing: None,
            failed: None,
            lasting: None,
        }
    }

    /// Says that it is of this upload, and whom to tell what is synced.
    pub(super) fn of(mut self, id: Guid, lasting: &Lasting) -> Self {
        // Until the next sync.
        lasting.forget(id);
        self.lasting = Some((id, lasting.clone()));
        self
    }

    /// The work that writes what is pending.
    fn work(&mut self) -> impl FnOnce() -> Wrote + Send + 'static {
        self.size = 0;
        let (file, chunks) = (Arc::clone(&self.file), std::mem::take(&mut self.pending));
        let (mut written, sums) = (self.written.clone(), self.ending == Ending::Marked);
        move || {
            let done = written.write(&file, &chunks, sums);
            (written, done.map_err(Failure::from))
        }
    }

    /// Waits for the work that goes on.
    async fn wait(&mut self) {
        let Some(writing) = self.writing.take() else { return };
        let done = match writing.await {
            Ok(Ok((written, done))) => {
                self.written = written;
                done
            }
            Ok(Err(failure)) => Err(failure),
            Err(error) => Err(Failure::internal(error.to_string())),
        };
        self.failed = self.failed.take().or(done.err());
    }
}

impl Writer for FolderWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.size += bytes.len();
        self.pending.push(bytes);
        if self.size >= WRITE_SIZE || self.pending.len() >= MAX_CHUNKS {
            self.wait().await;
            if self.failed.is_none() {
                let work = self.work();
                self.writing = Some(spawn_blocking(fail_point::carried(move || Ok(work()))));
            }
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    async fn finish(mut self) -> (u64, Result<(), Failure>) {
        self.wait().await;
        let (file, start, ending, failed) =
            (Arc::clone(&self.file), self.start, self.ending, self.failed.take());
        let (written, lasting) = (self.written.clone(), self.lasting.take());
        let work = self.work();
        // The rest is written and synced in one go.
        let finished = blocking(move || {
            let (written, done) = match failed {
                Some(failed) => (written, Err(failed)),
                None => work(),
            };
            fail_point::reach("the bytes are written");
            let counted = last(&file, start, &written, done, ending);
            if let (Some((id, lasting)), true) = (lasting, ending != Ending::Nothing && counted.0 > 0) {
                lasting.synced(id, start + counted.0);
            }
            fail_point::reach("the bytes last");
            Ok(counted)
        });
        finished.await.unwrap_or_else(|failure| (0, Err(failure)))
    }
}

impl Written {
    /// Writes one after another.
    fn write(&mut self, file: &File, chunks: &[Bytes], sums: bool) -> io::Result<()> {
        for chunk in chunks {
            let (written, done) = disk::write(file, chunk, self.at);
            if sums {
                self.sum.add(chunk.get(..written).unwrap_or_default());
            }
            self.at += written as u64;
            done?;
        }
        Ok(())
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
        Err(error) => {
            // Nothing is known of what was written: it must not be there after a crash.
            let _best_effort = disk::cut(file, start).and_then(|()| disk::sync(file));
            (0, Err(Failure::internal(format!("the bytes could not be made to last: {error}"))))
        }
    }
}
