//! Commands to an upload under way, from anywhere else.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::num::NonZeroU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Commands to an upload under way, from another task or thread. All clones command the same uploads.
///
/// ```
/// use bits_http::client::{Config, Control};
///
/// let control = Control::default();
/// let config = Config::new().control(control.clone());
/// // Later, elsewhere: the state stays, and the next upload with it goes on.
/// control.suspend();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    told: Mutex<Told>,
    changed: Condvar,
    followers: Mutex<Vec<Control>>,
}

#[derive(Debug, Default)]
struct Told {
    commands: VecDeque<Command>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Suspend,
    Cancel,
    Rate(Option<NonZeroU64>),
}

impl Control {
    /// Ends the upload at once. Its session stays, and an upload with the same state goes on in it.
    pub fn suspend(&self) {
        self.tell(Command::Suspend);
    }

    /// Ends the upload, and has the server delete its bytes.
    pub fn cancel(&self) {
        self.tell(Command::Cancel);
    }

    /// Changes the rate limit, in bytes a second, from the next fragment on. `None` removes it.
    pub fn set_rate(&self, bytes_a_second: Option<NonZeroU64>) {
        self.tell(Command::Rate(bytes_a_second));
    }

    /// Returns another control that gets every command of this one from now on. A command ends one upload: for several uploads at
    /// once, give each a follower.
    #[must_use]
    pub fn follower(&self) -> Self {
        let follower = Self::default();
        self.shared.followers.lock().unwrap_or_else(PoisonError::into_inner).push(follower.clone());
        follower
    }

    /// Blocks until this time, or until a command comes. A blocking [`Transport`](super::Transport) waits with it.
    pub fn wait_until(&self, time: Instant) {
        let mut told = self.told();
        while told.commands.is_empty() {
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            told = self.shared.changed.wait_timeout(told, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether a command wants the upload to end, so that a request under way is of no use.
    pub(super) fn says_stop(&self) -> bool {
        self.told().says_stop()
    }

    /// Waits until the upload shall end.
    pub(super) async fn stop(&self) {
        poll_fn(|context| {
            let mut told = self.told();
            if told.says_stop() {
                return Poll::Ready(());
            }
            told.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(super) fn poll(&self, context: &Context<'_>) -> Option<Command> {
        let mut told = self.told();
        let command = told.commands.pop_front();
        if command.is_none() {
            told.waker = Some(context.waker().clone());
        }
        command
    }

    fn tell(&self, command: Command) {
        let waker = {
            let mut told = self.told();
            told.commands.push_back(command);
            told.waker.take()
        };
        self.shared.changed.notify_all();
        for follower in self.shared.followers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            follower.tell(command);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.shared.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn says_stop(&self) -> bool {
        self.commands.iter().any(|command| matches!(command, Command::Suspend | Command::Cancel))
    }
}
