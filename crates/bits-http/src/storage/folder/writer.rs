//! Bytes on their way to the disk, in constant memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bits_proto::server::Refusal;
use bytes::Bytes;

use super::{blocking, fail_point};
use crate::storage::{Failure, Writer};

/// How many bytes are written at a time. An upload holds little more in memory.
const WRITE_SIZE: usize = 256 * 1024;

/// How many chunks wait to be written at most. Each keeps the whole buffer in memory that it was read into, be it a byte
/// long: without this, a client that sends single bytes takes thousands of times what it sends.
const MAX_CHUNKS: usize = 64;

/// How many bytes an upload gives back to a full disk, so that there is room to save where it stands.
const ROOM: u64 = 64 * 1024;

/// Appends to the bytes of an upload in a [`Folder`](super::Folder).
#[derive(Debug)]
pub struct FolderWriter {
    file: Arc<File>,
    start: u64,
    /// What is before this is written.
    at: u64,
    pending: Vec<Bytes>,
    size: usize,
    failed: Option<Failure>,
}

impl FolderWriter {
    pub(super) fn new(file: File, start: u64) -> Self {
        Self { file: Arc::new(file), start, at: start, pending: Vec::new(), size: 0, failed: None }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.size = 0;
        let (file, chunks, at) = (Arc::clone(&self.file), std::mem::take(&mut self.pending), self.at);
        let (written, done) = blocking(move || Ok(write_all(&file, &chunks, at))).await?;
        self.at += written;
        done.map_err(|error| {
            let failure = Failure::from(error);
            self.failed = Some(failure.clone());
            failure
        })
    }
}

impl Writer for FolderWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.size += bytes.len();
        self.pending.push(bytes);
        if self.size >= WRITE_SIZE || self.pending.len() >= MAX_CHUNKS { self.flush().await } else { Ok(()) }
    }

    async fn finish(self) -> (u64, Result<(), Failure>) {
        let Self { file, start, at, pending, failed, .. } = self;
        // The rest is written and synced in one go.
        let finished = blocking(move || {
            let (written, done) = match failed {
                Some(failed) => (0, Err(failed)),
                None => {
                    let (written, done) = write_all(&file, &pending, at);
                    (written, done.map_err(Failure::from))
                }
            };
            fail_point::reach("the bytes are written");
            let counted = last(&file, start, at + written, done);
            fail_point::reach("the bytes last");
            Ok(counted)
        });
        finished.await.unwrap_or_else(|failure| (0, Err(failure)))
    }
}

/// Makes what was written last. What is not counted is cut off.
fn last(file: &File, start: u64, mut at: u64, done: Result<(), Failure>) -> (u64, Result<(), Failure>) {
    if let Err(failure) = &done {
        if failure.refusal() == Refusal::DiskFull {
            at = at.saturating_sub(ROOM).max(start);
        }
        // If that fails, the next writer cuts it off.
        let _or_later = file.set_len(at);
    }
    match file.sync_data() {
        Ok(()) => (at - start, done),
        Err(error) => {
            // Nothing is known of what was written: it must not be there after a crash.
            let _best_effort = file.set_len(start).and_then(|()| file.sync_all());
            (0, Err(Failure::internal(format!("the bytes could not be made to last: {error}"))))
        }
    }
}

/// Writes one after another; how many bytes were written before an error is told too.
fn write_all(file: &File, chunks: &[Bytes], mut at: u64) -> (u64, io::Result<()>) {
    let start = at;
    for chunk in chunks {
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            match file.write_at(rest, at) {
                Ok(0) => return (at - start, Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    at += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (at - start, Err(error)),
            }
        }
    }
    (at - start, Ok(()))
}
