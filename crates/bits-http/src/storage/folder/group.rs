//! Syncs of folders. Those that come while another one runs are done together, since one sync makes all names in a folder last.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs;
use rustix::io::{Errno, Result};

use super::anchor::Identity;

/// The folders that are synced just now.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<HashMap<Identity, Arc<Group>>>);

/// Those who want one folder synced.
#[derive(Debug, Default)]
struct Group {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_running: bool,
    /// Those who have come since the sync that runs began.
    next: Arc<Batch>,
}

/// One sync: what came of it.
#[derive(Debug, Default)]
struct Batch(Mutex<Option<Result<()>>>);

impl Groups {
    /// Returns when the names that are in the folder now last.
    pub(super) fn sync(&self, folder: &OwnedFd) -> Result<()> {
        self.sync_by(Identity::of(&fs::fstat(folder)?), || super::disk::sync_folder(folder))
    }

    fn sync_by(&self, identity: Identity, sync: impl FnOnce() -> Result<()>) -> Result<()> {
        let group = Arc::clone(locked(&self.0).entry(identity).or_default());
        let done = group.sync(sync);
        let mut groups = locked(&self.0);
        // The map's own, and this one: nobody else waits.
        if groups.get(&identity).is_some_and(|kept| Arc::ptr_eq(kept, &group) && Arc::strong_count(kept) == 2)
        {
            groups.remove(&identity);
        }
        done
    }
}

impl Group {
    fn sync(&self, sync: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut state = locked(&self.state);
        let batch = Arc::clone(&state.next);
        while state.is_running && batch.result().is_none() {
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(result) = batch.result() {
            return result;
        }
        state.is_running = true;
        // Whoever comes from now on has changed something that this sync may miss.
        state.next = Arc::default();
        drop(state);
        let running = Running { group: self, batch: &batch };
        let result = sync();
        running.end(result);
        result
    }
}

impl Batch {
    fn result(&self) -> Option<Result<()>> {
        *locked(&self.0)
    }
}

/// A sync that runs. One that panics has failed.
struct Running<'g> {
    group: &'g Group,
    batch: &'g Batch,
}

impl Running<'_> {
    fn end(self, result: Result<()>) {
        *locked(&self.batch.0) = Some(result);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        locked(&self.batch.0).get_or_insert(Err(Errno::IO));
        locked(&self.group.state).is_running = false;
        self.group.done.notify_all();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn folder() -> Identity {
        Identity::of(&fs::stat("/").unwrap())
    }

    #[test]
    fn syncs_that_come_while_one_runs_are_done_together() {
        let (groups, synced) = (Groups::default(), AtomicUsize::new(0));
        let ((began, begun), (go_on, wait)) = (channel(), channel::<()>());
        thread::scope(|scope| {
            let groups = &groups;
            scope.spawn(move || {
                groups.sync_by(folder(), || {
                    began.send(()).unwrap();
                    wait.recv().map_err(|_| Errno::IO)
                })
            });
            begun.recv().unwrap();
            let others: Vec<_> = (0..20)
                .map(|_| {
                    scope.spawn(|| {
                        groups.sync_by(folder(), || {
                            synced.fetch_add(1, Ordering::SeqCst);
                            Ok(())
                        })
                    })
                })
                .collect();
            // All of them wait for the one that runs, because it may have missed their names.
            let waits = || locked(&groups.0).get(&folder()).map_or(0, Arc::strong_count);
            while waits() < 22 {
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(synced.load(Ordering::SeqCst), 0);
            go_on.send(()).unwrap();
            assert!(others.into_iter().all(|other| other.join().unwrap() == Ok(())));
        });
        assert_eq!(synced.load(Ordering::SeqCst), 1);
        assert!(locked(&groups.0).is_empty());
    }

    #[test]
    fn a_sync_that_fails_fails_for_all_and_the_next_one_tries_again() {
        let groups = Groups::default();
        assert_eq!(groups.sync_by(folder(), || Err(Errno::IO)), Err(Errno::IO));
        assert_eq!(groups.sync_by(folder(), || Ok(())), Ok(()));
    }
}
