//! Sessions that ended, remembered for a while.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::directory::Directory;
use super::exchange::Exchange;
use super::guid_hash::BuildGuidHasher;
use super::session::Session;
use super::state::{Ending, Waiting, Wanted};
use crate::vocabulary::Guid;

/// Sessions that ended, remembered for a while and in bounded number (C17).
///
/// Every one lives equally long, so the order of their ends is the order of their deadlines.
#[derive(Debug)]
pub(super) struct Tombstones<O> {
    known: HashMap<Guid, Tombstone<O>, BuildGuidHasher>,
    order: VecDeque<(Instant, Guid)>,
}

#[derive(Debug)]
pub(super) struct Tombstone<O> {
    pub(super) ending: Ending,
    pub(super) owner: O,
    /// The exchange that waited for the session's end.
    waiting: Option<Box<Waiting>>,
    deadline: Instant,
}

impl<O> Tombstone<O> {
    /// What this exchange wanted of the session, if it waited for its turn until the end.
    pub(super) fn wanted_by(&self, exchange: Exchange) -> Option<Wanted> {
        let waiting = self.waiting.as_deref().filter(|waiting| waiting.serial == exchange.serial());
        waiting.map(|waiting| waiting.wanted)
    }
}

impl<O> Tombstones<O> {
    pub(super) fn new() -> Self {
        Self { known: HashMap::default(), order: VecDeque::new() }
    }

    pub(super) fn insert(
        &mut self,
        now: Instant,
        ending: Ending,
        session: Session<O>,
        directory: &Directory,
    ) {
        let Session { id, owner, waiting, .. } = session;
        let Some(deadline) = now.checked_add(directory.tombstone_lifetime) else { return };
        if directory.max_tombstones == 0 {
            return;
        }
        while self.order.len() >= directory.max_tombstones {
            self.remove_oldest();
        }
        if self.known.insert(id, Tombstone { ending, owner, waiting, deadline }).is_none() {
            self.order.push_back((deadline, id));
        }
    }

    pub(super) fn get(&self, now: Instant, id: Guid) -> Option<&Tombstone<O>> {
        self.known.get(&id).filter(|tombstone| tombstone.deadline > now)
    }

    pub(super) fn contains(&self, id: Guid) -> bool {
        self.known.contains_key(&id)
    }

    pub(super) fn remove_due(&mut self, now: Instant) {
        while self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.remove_oldest();
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.order.front().map(|(deadline, _)| *deadline)
    }

    fn remove_oldest(&mut self) {
        if let Some((_, id)) = self.order.pop_front() {
            self.known.remove(&id);
        }
    }
}
