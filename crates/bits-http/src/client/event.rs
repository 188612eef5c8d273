//! The events of an upload that is under way.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};

/// An event of an upload that is under way.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// The upload begins, or goes on where an earlier run left it.
    Begun {
        /// The number of bytes that the server has acknowledged already.
        from: u64,
        /// The size of the entity in bytes.
        total: u64,
    },
    /// Bytes were handed to the network.
    Sent {
        /// The end of what was handed over, as an offset.
        sent: u64,
        /// The size of the entity in bytes.
        total: u64,
    },
    /// A request goes out.
    Request(&'e Request<()>),
    /// An answer came in.
    Response(&'e Response<()>),
    /// An event of the protocol: progress, waits, restarts, other hosts.
    Protocol {
        /// The event.
        event: &'e bits_proto::client::Event,
        /// The last error of a connection since the last progress, if there was one.
        trouble: Option<&'e str>,
    },
    /// The reply was not fetched yet, for this reason. It is tried again.
    ReplyDelayed(&'e str),
    /// The reply was fetched, and has this many bytes.
    ReplyFetched(u64),
    /// The upload failed, and the server is asked to delete its bytes.
    Withdrawing,
}

type Listener = Box<dyn FnMut(Event<'_>) + Send>;

/// Who listens. Bodies tell of themselves, on whatever thread sends them.
#[derive(Clone, Default)]
pub(super) struct Events {
    listener: Option<Arc<Mutex<Listener>>>,
}

impl Events {
    pub(super) fn to(listener: Listener) -> Self {
        Self { listener: Some(Arc::new(Mutex::new(listener))) }
    }

    pub(super) fn tell(&self, event: Event<'_>) {
        if let Some(listener) = &self.listener {
            (listener.lock().unwrap_or_else(PoisonError::into_inner))(event);
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("heard", &self.listener.is_some()).finish()
    }
}
