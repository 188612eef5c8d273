//! The body of a request: some bytes of the source, read as they go.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::Bytes;

use super::buffers::Buffers;
use super::control::Control;
use super::event::{Event, Events};
use super::source::Source;

/// The body of a request: exactly [`len`](Body::len) bytes of the source, read as they go.
///
/// A blocking transport reads it by [`Read`]. With the feature `reqwest` it is an `http_body::Body`. If reading fails, close
/// the connection: the head has promised bytes that do not come.
pub struct Body {
    source: Arc<dyn Source>,
    next: u64,
    end: u64,
    total: u64,
    sending: Arc<Sending>,
    control: Control,
    buffers: Buffers,
    events: Events,
}

/// How far a body is, as the driver sees it.
#[derive(Debug, Default)]
pub(super) struct Sending {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    handed_over: u64,
    /// How much of it the driver knows.
    known: u64,
    waker: Option<Waker>,
    /// The exchange was given up.
    is_over: bool,
    source_error: Option<io::Error>,
}

impl Sending {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of bytes that were handed over, if they became more since the last time.
    pub(super) fn poll(&self, context: &Context<'_>) -> Option<u64> {
        let mut state = self.state();
        state.waker = Some(context.waker().clone());
        state.news()
    }

    /// The same, where nothing is waited for.
    pub(super) fn news(&self) -> Option<u64> {
        self.state().news()
    }

    pub(super) fn give_up(&self) {
        self.state().is_over = true;
    }

    /// Why the source could not be read.
    pub(super) fn source_error(&self) -> Option<io::Error> {
        self.state().source_error.take()
    }

    fn handed_over(&self, bytes: u64) {
        let waker = {
            let mut state = self.state();
            state.handed_over = state.handed_over.saturating_add(bytes);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    fn news(&mut self) -> Option<u64> {
        let is_new = self.handed_over > self.known;
        self.known = self.handed_over;
        is_new.then_some(self.known)
    }
}

/// What all bodies of an upload have in common.
#[derive(Clone)]
pub(super) struct Bodies {
    pub(super) source: Arc<dyn Source>,
    pub(super) total: u64,
    pub(super) control: Control,
    pub(super) buffers: Buffers,
    pub(super) events: Events,
}

impl Bodies {
    pub(super) fn body(&self, range: &Range<u64>, sending: &Arc<Sending>) -> Body {
        Body {
            source: Arc::clone(&self.source),
            next: range.start,
            end: range.end,
            total: self.total,
            sending: Arc::clone(sending),
            control: self.control.clone(),
            buffers: self.buffers.clone(),
            events: self.events.clone(),
        }
    }
}

impl Body {
    /// The number of bytes that are left.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end.saturating_sub(self.next)
    }

    /// Whether none are left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads as much as fits.
    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.sending.state().is_over || self.control.says_stop() {
            return Err(io::Error::other("the exchange is over: the connection goes with it"));
        }
        let most = usize::try_from(self.len()).map_or(buffer.len(), |left| left.min(buffer.len()));
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = match self.source.read_at(self.next, buffer) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was")),
            read => read,
        };
        let read = read.inspect_err(|error| {
            self.sending.state().source_error = Some(io::Error::new(error.kind(), error.to_string()));
        })?;
        let bytes = u64::try_from(read).map_err(io::Error::other)?;
        self.next = self.next.saturating_add(bytes);
        self.sending.handed_over(bytes);
        self.events.tell(Event::Sent { sent: self.next, total: self.total });
        Ok(read)
    }

    /// The next piece, for transports that take pieces; empty at the end. Its memory is used again once it is dropped.
    ///
    /// # Errors
    /// As of [`Read::read`].
    pub fn piece(&mut self) -> io::Result<Bytes> {
        let mut buffer = self.buffers.take();
        buffer.filled = self.read_some(&mut buffer.bytes)?;
        Ok(buffer.freeze())
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer)
    }
}

#[cfg(feature = "reqwest")]
impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> std::task::Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        if self.is_empty() {
            return std::task::Poll::Ready(None);
        }
        std::task::Poll::Ready(Some(self.piece().map(http_body::Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.len())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}
