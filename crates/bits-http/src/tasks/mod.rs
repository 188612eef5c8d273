//! Turn taking among tasks and threads, on the standard library alone: no runtime, and one clock.
//!
//! One exchange works on a session at a time, and the newest request wins. [`Tasks`] share a table of sessions, and stop and wake
//! tasks as needed. A [`Task`] is one exchange:
//!
//! ```text
//!   tasks.begin(head, …) ──▶ task.next() ──▶ do it ──▶ task.report(…) ──▶ task.next() ──▶ …
//!                              │               └ task.stopped(): stop reading the body,
//!                              │                 and report what is stored
//!                              └ waits for its turn; Respond and Done are the end
//! ```
//!
//! # Async
//!
//! ```
//! # use std::time::Instant;
//! use bits_http::tasks::Tasks;
//! use bits_proto::server::{Directory, Keep, Output, Report, Sessions};
//!
//! # async fn serve(head: http::Request<()>) -> Option<http::Response<()>> {
//! let directory = Directory::builder().keep(Keep::Nothing).build().ok()?;
//! let tasks: Tasks = Tasks::new(Sessions::new(directory), Instant::now);
//! let task = tasks.begin(&head, &(), || [4; 16])?;
//! loop {
//!     let report = match task.next().await {
//!         Output::Open => Report::Opened,
//!         Output::Respond(ack) => return Some(ack.to_response()),
//!         // …
//! #       _ => return None,
//!     };
//!     task.report(report);
//! }
//! # }
//! ```
//!
//! The future of [`next`](Task::next) can be dropped and made anew at any time.
//!
//! # Threads
//!
//! The same with [`next_blocking`](Task::next_blocking). A thread that reads a body cannot wait for two things: give
//! [`on_stop`](Task::on_stop) a waker that shuts down the read half of its socket. The older client is still answered.
//!
//! # The turn belongs to what works
//!
//! Dropping the last handle of a task reports that it died, so that an upload is never locked. But work on another thread goes on
//! when the future that waits for it is dropped, and an older save that comes late would overwrite a newer one. So move a [`Hold`]
//! into such work: the turn ends when the task and all of its holds are gone.

mod parker;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bits_proto::packet::RequestHead;
use bits_proto::server::{Exchange, Output, Report, Sessions, Signal};

use self::parker::Parker;

/// A table of sessions that many tasks share. Clones share the same table.
pub struct Tasks<O: Clone + Ord = ()>(Arc<Shared<O>>);

struct Shared<O: Clone + Ord> {
    table: Mutex<Table<O>>,
    /// A task that is dropped must say when, and has no argument for it.
    clock: fn() -> Instant,
}

struct Table<O: Clone + Ord> {
    sessions: Sessions<O>,
    slots: HashMap<Exchange, Slot>,
}

/// The wakers of one task.
#[derive(Debug, Default)]
struct Slot {
    turn: Option<Waker>,
    /// Of the future that waits to be stopped, and of whoever wants to be told besides.
    stop: [Option<Waker>; 2],
}

/// The place of a waker in its slot.
const FUTURE: usize = 0;
const CALLER: usize = 1;

/// One exchange. It is abandoned when the task and all of its [`Hold`]s are gone.
#[must_use = "a task that is dropped is an exchange that is abandoned"]
pub struct Task<O: Clone + Ord = ()>(Arc<Guard<O>>);

/// Keeps the turn of a task: moved into work that goes on when the task is dropped.
#[must_use = "the turn may end when it is dropped"]
pub struct Hold<O: Clone + Ord = ()> {
    _guard: Arc<Guard<O>>,
}

/// Says that the exchange is over when it is dropped.
struct Guard<O: Clone + Ord> {
    shared: Arc<Shared<O>>,
    exchange: Exchange,
}

impl<O: Clone + Ord> Shared<O> {
    /// The machines never panic, so the table is sound even if a thread that held it did.
    fn table(&self) -> MutexGuard<'_, Table<O>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the table, and then wakes those tasks that it says. A waker is foreign code: it is neither woken nor dropped
    /// under the lock.
    fn with<T>(&self, work: impl FnOnce(&mut Table<O>, Instant) -> T) -> T {
        let mut wakers = Vec::new();
        let mut table = self.table();
        let done = work(&mut table, (self.clock)());
        while let Some(signal) = table.sessions.poll_signal() {
            let Some(slot) = table.slots.get_mut(&signal.exchange()) else { continue };
            match signal {
                Signal::Stop(_) => wakers.extend(slot.stop.iter_mut().filter_map(Option::take)),
                Signal::Ready(_) => wakers.extend(slot.turn.take()),
            }
        }
        drop(table);
        wakers.into_iter().for_each(Waker::wake);
        done
    }
}

impl<O: Clone + Ord> Tasks<O> {
    /// Shares a table. The clock is `Instant::now`, except in tests.
    #[must_use]
    pub fn new(sessions: Sessions<O>, clock: fn() -> Instant) -> Self {
        Self(Arc::new(Shared { table: Mutex::new(Table { sessions, slots: HashMap::new() }), clock }))
    }

    /// Begins the exchange of a request. `None` means that the request is not of this protocol.
    ///
    /// The arguments are those of [`Sessions::handle_request`].
    pub fn begin<'h>(
        &self,
        head: impl Into<RequestHead<'h>>,
        owner: &'h O,
        random: impl FnOnce() -> [u8; 16],
    ) -> Option<Task<O>> {
        self.task(|table, now| table.sessions.handle_request(now, head, owner, random))
    }

    /// Returns a task that no client waits for: the end of a session that made no progress for too long. Drive it until
    /// [`Output::Done`]. Call this at [`Sessions::poll_timeout`], or once a second, until it returns `None`.
    pub fn expired(&self) -> Option<Task<O>> {
        self.task(|table, now| table.sessions.poll_expired(now))
    }

    /// Looks at the table, or changes it. All other tasks wait meanwhile: do no work in it.
    pub fn with<T>(&self, look: impl FnOnce(&mut Sessions<O>) -> T) -> T {
        self.0.with(|table, _| look(&mut table.sessions))
    }

    /// The lock under which an exchange begins is the one under which it can be told to stop.
    fn task(&self, begin: impl FnOnce(&mut Table<O>, Instant) -> Option<Exchange>) -> Option<Task<O>> {
        let exchange = self.0.with(|table, now| {
            let exchange = begin(table, now)?;
            table.slots.insert(exchange, Slot::default());
            Some(exchange)
        })?;
        Some(Task(Arc::new(Guard { shared: Arc::clone(&self.0), exchange })))
    }
}

impl<O: Clone + Ord> Task<O> {
    /// The exchange.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        self.0.exchange
    }

    /// Returns the next work, when the turn of the task has come. The same work is returned until it is reported.
    pub async fn next(&self) -> Output<O> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Polls [`next`](Self::next). The last waker is woken.
    pub fn poll_next(&self, context: &Context<'_>) -> Poll<Output<O>> {
        let mut waker = Some(context.waker().clone());
        self.0.shared.with(|table, now| match table.sessions.poll_output(now, self.0.exchange) {
            Some(output) => Poll::Ready(output),
            None => {
                let slot = table.slots.entry(self.0.exchange).or_default();
                // The one before is dropped after the lock.
                std::mem::swap(&mut slot.turn, &mut waker);
                Poll::Pending
            }
        })
    }

    /// [`next`](Self::next) for a thread.
    pub fn next_blocking(&self) -> Output<O> {
        let (parker, waker) = Parker::new();
        let context = Context::from_waker(&waker);
        loop {
            match self.poll_next(&context) {
                Poll::Ready(output) => return output,
                Poll::Pending => parker.park(),
            }
        }
    }

    /// Reports the result of the work.
    pub fn report(&self, report: Report) {
        self.0.shared.with(|table, now| table.sessions.handle_report(now, self.0.exchange, report));
    }

    /// Whether a newer exchange wants to take over: stop reading the body, and report what is stored.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.shared.table().sessions.is_superseded(self.0.exchange)
    }

    /// Is ready when a newer exchange wants to take over.
    pub const fn stopped(&self) -> Stopped<'_, O> {
        Stopped(self)
    }

    /// Sets the waker that is woken when a newer exchange wants to take over, in place of an earlier one. If it wants to already, the
    /// waker is woken at once, and this returns `true`. A thread that reads a socket sets one that shuts down the read half.
    pub fn on_stop(&self, waker: &Waker) -> bool {
        let stopped = self.wait_for_stop(CALLER, waker.clone());
        if stopped {
            waker.wake_by_ref();
        }
        stopped
    }

    /// Keeps the turn of this task until it is dropped as well.
    pub fn hold(&self) -> Hold<O> {
        Hold { _guard: Arc::clone(&self.0) }
    }

    /// Returns whether the task should stop already; if not, the waker is woken then.
    fn wait_for_stop(&self, place: usize, waker: Waker) -> bool {
        let mut waker = Some(waker);
        let mut table = self.0.shared.table();
        let stopped = table.sessions.is_superseded(self.0.exchange);
        if !stopped {
            let slot = table.slots.entry(self.0.exchange).or_default();
            if let Some(kept) = slot.stop.get_mut(place) {
                std::mem::swap(kept, &mut waker);
            }
        }
        drop(table);
        // The one before, or this one: foreign code, without the lock.
        drop(waker);
        stopped
    }
}

/// Is ready when a task should stop.
#[must_use = "a future does nothing before it is polled"]
pub struct Stopped<'t, O: Clone + Ord>(&'t Task<O>);

impl<O: Clone + Ord> Future for Stopped<'_, O> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.0.wait_for_stop(FUTURE, context.waker().clone()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl<O: Clone + Ord> Drop for Guard<O> {
    fn drop(&mut self) {
        let wakers = self.shared.with(|table, now| {
            table.sessions.handle_abandoned(now, self.exchange);
            table.slots.remove(&self.exchange)
        });
        drop(wakers);
    }
}

impl<O: Clone + Ord> Clone for Tasks<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O: Clone + Ord> fmt::Debug for Tasks<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl<O: Clone + Ord> fmt::Debug for Task<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.0.exchange).finish()
    }
}

impl<O: Clone + Ord> fmt::Debug for Hold<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").finish_non_exhaustive()
    }
}

impl<O: Clone + Ord> fmt::Debug for Stopped<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stopped").field(self.0).finish()
    }
}
