//! The same upload, on the thread that calls.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use http::Uri;

use super::config::Config;
use super::error::Error;
use super::source::Source;
use super::transport::Transport;
use super::upload::{Completed, upload};

/// [`upload`] as a blocking function. It needs no runtime, unless the transport does.
///
/// # Errors
/// As [`upload`].
pub fn upload_blocking<T: Transport>(
    source: impl Source,
    destination: Uri,
    transport: &T,
    config: Config,
) -> Result<Completed, Error> {
    let mut upload = pin!(upload(source, destination, transport, config));
    let waker = Waker::from(Arc::new(Caller(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        // A blocking transport is ready at once, since its futures never wait.
        match upload.as_mut().poll(&mut context) {
            Poll::Ready(ended) => return ended,
            Poll::Pending => thread::park(),
        }
    }
}

struct Caller(Thread);

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
