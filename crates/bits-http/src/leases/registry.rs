//! The rows that this process holds, and those that it waits for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bits_proto::Guid;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::rows::Signal;

/// What is known of a row that this process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Held,
    /// Somebody newer wants it.
    Wanted,
    /// Somebody else has it.
    Lost,
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    held: Mutex<HashMap<(Guid, u64), Entry>>,
    waiting: Mutex<HashMap<Guid, Vec<Arc<Notify>>>>,
}

#[derive(Debug)]
struct Entry {
    standing: watch::Sender<Standing>,
    renewed: Instant,
}

/// A row that is held, and renewed while this lives.
#[derive(Debug)]
pub(super) struct Lease {
    registry: Arc<Registry>,
    id: Guid,
    number: u64,
    standing: watch::Receiver<Standing>,
}

/// A row that is waited for, while this lives.
#[derive(Debug)]
pub(super) struct Wait {
    registry: Arc<Registry>,
    id: Guid,
    signalled: Arc<Notify>,
}

impl Registry {
    pub(super) fn hold(self: &Arc<Self>, id: Guid, number: u64) -> Lease {
        let (sender, standing) = watch::channel(Standing::Held);
        lock(&self.held).insert((id, number), Entry { standing: sender, renewed: Instant::now() });
        Lease { registry: Arc::clone(self), id, number, standing }
    }

    pub(super) fn wait(self: &Arc<Self>, id: Guid) -> Wait {
        let signalled = Arc::new(Notify::new());
        lock(&self.waiting).entry(id).or_default().push(Arc::clone(&signalled));
        Wait { registry: Arc::clone(self), id, signalled }
    }

    /// Those that were not renewed for as long as this.
    pub(super) fn aging(&self, age: Duration) -> Vec<(Guid, u64)> {
        let held = lock(&self.held);
        held.iter().filter(|(_, entry)| entry.renewed.elapsed() >= age).map(|(key, _)| *key).collect()
    }

    /// These were asked for at `since`; those that were found are still held.
    pub(super) fn renewed(&self, asked: &[(Guid, u64)], found: &[(Guid, u64, u64)], since: Instant) {
        let mut held = lock(&self.held);
        let newest: HashMap<_, _> =
            found.iter().map(|&(id, number, newest)| ((id, number), newest)).collect();
        for key in asked {
            let Some(entry) = held.get_mut(key) else { continue };
            match newest.get(key) {
                Some(&newest) => {
                    entry.renewed = since;
                    if newest > key.1 {
                        entry.become_at_least(Standing::Wanted);
                    }
                }
                None => entry.become_at_least(Standing::Lost),
            }
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        for ((id, number), entry) in lock(&self.held).iter() {
            if *id == signal.id && *number < signal.newest {
                entry.become_at_least(Standing::Wanted);
            }
        }
        for waiting in lock(&self.waiting).get(&signal.id).into_iter().flatten() {
            waiting.notify_one();
        }
    }
}

impl Entry {
    fn become_at_least(&self, standing: Standing) {
        self.standing.send_if_modified(|known| {
            let changes = *known != standing && *known != Standing::Lost;
            if changes {
                *known = standing;
            }
            changes
        });
    }
}

impl Lease {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Is ready when somebody else wants the row, or has it.
    pub(super) async fn stopped(&self) {
        let mut standing = self.standing.clone();
        // The entry lives as long as this.
        let _never_fails = standing.wait_for(|standing| *standing != Standing::Held).await;
    }
}

impl Wait {
    /// Waits for a signal, no longer than this.
    pub(super) async fn signalled(&self, interval: Duration) {
        let _signal_or_not = timeout(interval, self.signalled.notified()).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.registry.held).remove(&(self.id, self.number));
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut waiting = lock(&self.registry.waiting);
        if let Some(others) = waiting.get_mut(&self.id) {
            others.retain(|other| !Arc::ptr_eq(other, &self.signalled));
            if others.is_empty() {
                waiting.remove(&self.id);
            }
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
