//! Some bytes of a file as the body of a request, read as they go.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc::UnboundedSender;

/// How much of the file is in memory at once.
const CHUNK: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct FileBody {
    file: Arc<File>,
    next: u64,
    end: u64,
    handed_over: u64,
    told: UnboundedSender<u64>,
}

impl FileBody {
    /// These bytes; `told` gets how many of them have been handed over, again and again.
    pub(crate) fn new(file: Arc<File>, range: Range<u64>, told: UnboundedSender<u64>) -> Self {
        Self { file, next: range.start, end: range.end, handed_over: 0, told }
    }

    fn remaining(&self) -> u64 {
        self.end.saturating_sub(self.next)
    }

    fn read(&mut self) -> io::Result<Bytes> {
        if self.told.is_closed() {
            return Err(io::Error::other("the exchange is over: the connection goes with it"));
        }
        // From its own place: bodies of exchanges that were given up share the file.
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(self.next))?;
        let length = usize::try_from(self.remaining().min(CHUNK)).map_err(io::Error::other)?;
        let mut chunk = vec![0; length];
        file.read_exact(&mut chunk)?;
        let length = self.remaining().min(CHUNK);
        self.next = self.next.saturating_add(length);
        self.handed_over = self.handed_over.saturating_add(length);
        let _exchange_is_over = self.told.send(self.handed_over);
        Ok(chunk.into())
    }
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(self.read().map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}
