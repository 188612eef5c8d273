//! Ranges of files as bodies, read as fast as they are sent.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bits_proto::download::Segment;
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::task::spawn_blocking;

/// How many bytes are read at a time.
const READ_SIZE: u64 = 256 * 1024;

/// A range of a file.
pub(crate) fn file(file: File, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> {
    segments(file, vec![Segment::Entity(range)])
}

/// Ranges of a file, and text between them.
pub(crate) fn segments(file: File, mut segments: Vec<Segment>) -> impl Stream<Item = io::Result<Bytes>> {
    segments.reverse();
    stream::try_unfold((Arc::new(file), segments), |(file, mut segments)| async move {
        let chunk = match segments.pop() {
            None => return Ok(None),
            Some(Segment::Text(text)) => text,
            Some(Segment::Entity(range)) => {
                let end = range.end.min(range.start + READ_SIZE);
                if end < range.end {
                    segments.push(Segment::Entity(end..range.end));
                }
                read(Arc::clone(&file), range.start..end).await?
            }
        };
        Ok(Some((chunk, (file, segments))))
    })
}

async fn read(file: Arc<File>, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    spawn_blocking(move || {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    })
    .await?
}
