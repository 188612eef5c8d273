//! The bodies that a server sends: nothing, or parts of a file as fast as they are read.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bits_proto::download::Segment;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::contents::DynReader;
use crate::storage::Failure;

/// The number of bytes that are read at a time.
const READ_SIZE: u64 = 256 * 1024;

/// The body of a response, or of a notification.
pub struct Body(Inner);

enum Inner {
    Bytes(Option<Bytes>),
    File(File),
}

struct File {
    reader: Arc<dyn DynReader>,
    segments: VecDeque<Segment>,
    left: u64,
    reading: Option<Reading>,
    /// Called when the last byte is on its way.
    sent: Option<Box<dyn FnOnce() + Send>>,
}

type Reading = Pin<Box<dyn Future<Output = Result<Bytes, Failure>> + Send>>;

impl Body {
    /// Nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Inner::Bytes(None))
    }

    /// Ranges of a file, and text between them.
    pub(super) fn segments(reader: Arc<dyn DynReader>, segments: impl IntoIterator<Item = Segment>) -> Self {
        let segments: VecDeque<_> = segments.into_iter().collect();
        let left = segments.iter().map(length).sum();
        Self(Inner::File(File { reader, segments, left, reading: None, sent: None }))
    }

    /// A range of a file; `sent` is called when the last byte is on its way.
    pub(super) fn range(
        reader: Arc<dyn DynReader>,
        range: Range<u64>,
        sent: impl FnOnce() + Send + 'static,
    ) -> Self {
        let left = range.end.saturating_sub(range.start);
        let segments = VecDeque::from([Segment::Entity(range)]);
        Self(Inner::File(File { reader, segments, left, reading: None, sent: Some(Box::new(sent)) }))
    }
}

fn length(segment: &Segment) -> u64 {
    match segment {
        Segment::Text(text) => text.len() as u64,
        Segment::Entity(range) => range.end.saturating_sub(range.start),
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Inner::Bytes(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("size", &http_body::Body::size_hint(self)).finish_non_exhaustive()
    }
}

impl File {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        if self.reading.is_none() {
            match self.segments.pop_front() {
                None => return Poll::Ready(None),
                Some(Segment::Text(text)) => {
                    self.took(text.len() as u64);
                    return Poll::Ready(Some(Ok(text)));
                }
                Some(Segment::Entity(range)) => {
                    let end = range.end.min(range.start.saturating_add(READ_SIZE));
                    if end < range.end {
                        self.segments.push_front(Segment::Entity(end..range.end));
                    }
                    let reader = Arc::clone(&self.reader);
                    let start = range.start;
                    self.reading = Some(Box::pin(async move { reader.read(start..end).await }));
                }
            }
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(reading.as_mut().poll(context));
        self.reading = None;
        match &read {
            Ok(bytes) => self.took(bytes.len() as u64),
            Err(_) => self.segments.clear(),
        }
        Poll::Ready(Some(read))
    }

    fn took(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
        if self.left == 0 {
            if let Some(sent) = self.sent.take() {
                sent();
            }
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Poll::Ready(match &mut self.get_mut().0 {
            Inner::Bytes(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Inner::File(file) => ready!(file.poll(context)).map(|read| read.map(Frame::data)),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Bytes(bytes) => bytes.is_none(),
            Inner::File(file) => file.left == 0 && file.reading.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Inner::Bytes(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Inner::File(file) => file.left,
        })
    }
}
