//! The body of a request on its way to the disk, in constant memory.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bits_proto::server::{Refusal, Report, Store};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::refusal::refusal;
use crate::storage::write_all;

/// How many bytes are written at a time. An upload holds little more in memory.
const WRITE_SIZE: usize = 256 * 1024;

/// How many chunks wait to be written at most. Each keeps the whole buffer in memory that it was read into, be it a byte
/// long: without this, a client that sends single bytes takes thousands of times what it sends.
const MAX_CHUNKS: usize = 64;

/// How long a client may be silent within a body. It comes back, and goes on from there.
const SILENCE: Duration = Duration::from_secs(60);

/// How many bytes an upload gives back to a full disk, so that there is room to save where it stands.
const ROOM: u64 = 64 * 1024;

/// How the body ended.
enum End {
    /// It is whole, or the connection broke, or a newer exchange has taken its place: what is stored counts.
    Over,
    /// The client is silent, or the server stops: the client shall come back.
    GivenUp,
    Failed(Refusal),
}

/// Stores the part of a fragment's body that is new; what is reported stored is on the disk.
pub(crate) async fn store(
    file: File,
    store: &Store,
    body: &mut Body,
    superseded: &CancellationToken,
    stopping: &CancellationToken,
) -> Report {
    let mut writer = Writer {
        file: Arc::new(file),
        start: store.range.start,
        at: store.range.start,
        pending: Vec::new(),
        size: 0,
    };
    let end = copy(&mut writer, store, body, superseded, stopping).await;
    let end = match writer.finish().await {
        Ok(()) => end,
        Err(error) => End::Failed(refusal(&error)),
    };
    if let End::Failed(Refusal::DiskFull) = end {
        writer.make_room().await;
    }
    let stored = writer.at - store.range.start;
    match end {
        End::Over => Report::Stored(stored),
        End::GivenUp => Report::Failed { stored, refusal: Refusal::Busy },
        End::Failed(refusal) => Report::Failed { stored, refusal },
    }
}

async fn copy(
    writer: &mut Writer,
    store: &Store,
    body: &mut Body,
    superseded: &CancellationToken,
    stopping: &CancellationToken,
) -> End {
    let mut skip = store.skip;
    loop {
        let frame = tokio::select! {
            biased;
            () = superseded.cancelled() => return End::Over,
            () = stopping.cancelled() => return End::GivenUp,
            frame = timeout(SILENCE, body.frame()) => frame,
        };
        let mut chunk = match frame {
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            // Broken connections are the client's affair: it comes back.
            Ok(None | Some(Err(_))) => return End::Over,
            Err(_silent) => return End::GivenUp,
        };
        let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
        drop(chunk.split_to(skipped));
        skip -= skipped as u64;
        let room = store.range.end - writer.at - writer.size as u64;
        chunk.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        if let Err(error) = writer.write(chunk).await {
            return End::Failed(refusal(&error));
        }
    }
}

/// Collects small chunks, and writes them together on a thread that may block.
struct Writer {
    file: Arc<File>,
    start: u64,
    /// What is before this is written.
    at: u64,
    pending: Vec<Bytes>,
    size: usize,
}

impl Writer {
    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.size += chunk.len();
        self.pending.push(chunk);
        if self.size >= WRITE_SIZE || self.pending.len() >= MAX_CHUNKS { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.size = 0;
        let (file, chunks, at) = (Arc::clone(&self.file), std::mem::take(&mut self.pending), self.at);
        let (written, done) = spawn_blocking(move || write_all(&file, &chunks, at)).await?;
        self.at += written;
        done
    }

    /// Writes the rest, and waits until everything is on the disk. If that fails, nothing is known of it.
    async fn finish(&mut self) -> io::Result<()> {
        let flushed = self.flush().await;
        let file = Arc::clone(&self.file);
        match spawn_blocking(move || file.sync_data()).await? {
            Ok(()) => flushed,
            Err(error) => {
                self.at = self.start;
                Err(error)
            }
        }
    }

    /// Gives back the last of what was written. The client sends it again.
    async fn make_room(&mut self) {
        let at = self.at.saturating_sub(ROOM).max(self.start);
        let file = Arc::clone(&self.file);
        // Whether or not that works, fewer bytes are reported than are there.
        let _shorter = spawn_blocking(move || file.set_len(at).and_then(|()| file.sync_all())).await;
        self.at = at;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::{StreamExt, stream};

    use super::*;

    /// A buffer of the web server, and how many of them there are.
    struct Buffer(Arc<AtomicUsize>);

    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            b"x"
        }
    }

    impl Drop for Buffer {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn single_bytes_are_written_before_their_buffers_fill_the_memory() {
        let (buffers, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&buffers), Arc::clone(&most));
        let chunks = stream::iter(0..10_000).map(move |_| {
            let (buffers, most) = &counts;
            most.fetch_max(1 + buffers.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            Ok::<_, Infallible>(Bytes::from_owner(Buffer(Arc::clone(buffers))))
        });
        let (file, never) = (tempfile::tempfile().unwrap(), CancellationToken::new());
        let written = file.try_clone().unwrap();
        let task = Store { skip: 0, range: 0..10_000, total: 10_000 };
        let report = store(file, &task, &mut Body::from_stream(chunks), &never, &never).await;
        assert_eq!(report, Report::Stored(10_000));
        assert_eq!(written.metadata().unwrap().len(), 10_000);
        let most = most.load(Ordering::SeqCst);
        assert!(most <= 2 * MAX_CHUNKS, "{most} buffers at once");
    }
}
