//! A thread that waits to be woken.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

/// How long a thread waits at most before it asks again: signals may be lost where somebody else polls them.
const INTERVAL: Duration = Duration::from_secs(1);

/// A thread that waits to be woken.
#[derive(Debug, Default)]
pub(super) struct Parker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    pub(super) fn new() -> (Arc<Self>, Waker) {
        let parker = Arc::new(Self::default());
        (Arc::clone(&parker), Waker::from(parker))
    }

    /// Waits until it is woken, or has been since it last waited; or for a second.
    pub(super) fn park(&self) {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(woken, INTERVAL, |woken| !*woken);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}
