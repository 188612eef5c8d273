//! Wrong passwords, slowed down: those of one address are answered one after another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, Semaphore};
use tokio::time::sleep;

use crate::peer::Peer;

/// How long the answer to a wrong password takes.
const EACH: Duration = Duration::from_secs(1);

/// How many attempts of an address wait at most. More are not even looked at.
const MOST: usize = 20;

/// Takes care of who brings passwords that are wrong, or that take long to look at.
#[derive(Debug)]
pub(crate) struct Guard {
    queues: Mutex<HashMap<Peer, Arc<Queue>>>,
    /// Slow hashes are computed on few processors at a time, so that uploads go on meanwhile.
    slow: Semaphore,
}

/// The attempts of one address.
#[derive(Debug, Default)]
struct Queue {
    turn: Turn<()>,
}

impl Guard {
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { queues: Mutex::default(), slow: Semaphore::new(processors.div_ceil(2)) }
    }

    /// Looks at an attempt when it is its turn: those of one address come one after another. `slow` says whether the password is
    /// right. `None`: too many wait already.
    pub(crate) async fn look(&self, peer: Peer, slow: impl FnOnce() -> bool) -> Option<bool> {
        // Dropped last, whatever happens.
        let _leave = Leave { guard: self, peer };
        let queue = {
            let mut queues = self.queues();
            let queue = queues.entry(peer).or_default();
            // One in the map, and one for each attempt.
            if Arc::strong_count(queue) > MOST {
                return None;
            }
            Arc::clone(queue)
        };
        let turn = queue.turn.lock().await;
        let right = {
            // Never closed.
            let _processor = self.slow.acquire().await;
            tokio::task::block_in_place(slow)
        };
        if !right {
            sleep(EACH).await;
        }
        drop(turn);
        Some(right)
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Peer, Arc<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets an address of which nothing waits any more.
struct Leave<'g> {
    guard: &'g Guard,
    peer: Peer,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut queues = self.guard.queues();
        if queues.get(&self.peer).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn attempts_of_an_address_wait_for_one_another_and_too_many_are_not_looked_at() {
        let (guard, begin) = (Arc::new(Guard::new()), Instant::now());
        let one = Peer::from(std::net::IpAddr::from([192, 0, 2, 1]));
        let look = |peer, right| {
            let guard = Arc::clone(&guard);
            tokio::spawn(async move { guard.look(peer, || right).await })
        };
        let first = [look(one, false), look(one, false), look(Peer::Local, false)];
        for wrong in first {
            assert_eq!(wrong.await.unwrap(), Some(false));
        }
        assert!(begin.elapsed() >= EACH * 2 && begin.elapsed() < EACH * 3, "{:?}", begin.elapsed());
        assert!(guard.queues().is_empty());
        let many: Vec<_> = (0..MOST + 10).map(|_| look(one, false)).collect();
        sleep(Duration::from_millis(300)).await;
        assert_eq!(many.iter().filter(|attempt| attempt.is_finished()).count(), 10);
        assert_eq!(look(one, true).await.unwrap(), None);
        assert_eq!(look(Peer::Local, true).await.unwrap(), Some(true));
        // Whoever goes away leaves its place.
        for attempt in many {
            attempt.abort();
            let _gone = attempt.await;
        }
        assert_eq!(look(one, true).await.unwrap(), Some(true));
        assert!(guard.queues().is_empty());
    }
}
