//! The sessions of a table: by id, by owner, by destination, and by deadline.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use super::deadlines::{Deadlines, Tick};
use super::guid_hash::BuildGuidHasher;
use crate::server::Session;
use crate::server::arrival::path;
use crate::vocabulary::Guid;

/// The sessions of a table: open ones, and those that ended and are remembered.
#[derive(Debug)]
pub(super) struct Shelf<O> {
    entries: HashMap<u64, Box<Entry<O>>, BuildGuidHasher>,
    deadlines: Deadlines,
    /// The number of open sessions that each owner has.
    owners: BTreeMap<O, usize>,
    open: usize,
    /// Those that ended, the oldest end first; some may have gone.
    ended: VecDeque<Guid>,
    /// The open session of each owner and destination, where a newer one replaces it.
    destinations: BTreeMap<(O, Box<str>), Guid>,
}

/// Whether a session goes on after it was worked on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Open,
    /// The work ended it.
    Ending,
    /// It had ended before.
    Ended,
}

/// Boxed, so that growing the table moves little.
#[derive(Debug)]
struct Entry<O> {
    session: Session<O>,
    /// Where the session is queued: under its deadline, or under an earlier one that it has outlived; nowhere if its
    /// time came while an exchange worked on it.
    queued: Option<Tick>,
}

impl<O> Default for Shelf<O> {
    fn default() -> Self {
        Self {
            entries: HashMap::default(),
            deadlines: Deadlines::default(),
            owners: BTreeMap::new(),
            open: 0,
            ended: VecDeque::new(),
            destinations: BTreeMap::new(),
        }
    }
}

/// An id in half its size: as the key of a table it saves memory, and the session itself tells the whole. Two random ids
/// of a million have the same key once in forty million tables; the second is then refused, and its client comes back.
fn key(id: Guid) -> u64 {
    let [one, other] = id.halves();
    // Times an odd number, so that two halves that are alike do not cancel each other out. The hash of the table spreads it.
    one.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ other
}

impl<O: Clone + Ord> Shelf<O> {
    /// The number of sessions that are open.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    /// The number of open sessions that an owner has.
    pub(super) fn owned(&self, owner: &O) -> usize {
        self.owners.get(owner).copied().unwrap_or_default()
    }

    /// Whether an id is taken, or cannot be told from one that is.
    pub(super) fn is_taken(&self, id: Guid) -> bool {
        self.entries.contains_key(&key(id))
    }

    pub(super) fn get(&self, id: Guid) -> Option<&Session<O>> {
        self.entries.get(&key(id)).map(|entry| &entry.session).filter(|session| session.id() == id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Session<O>> {
        self.entries.values().map(|entry| &entry.session)
    }

    /// Adds a session whose id is not taken.
    pub(super) fn insert(&mut self, session: Session<O>) {
        let (id, key) = (session.id(), key(session.id()));
        if session.has_ended() {
            self.ended.push_back(id);
        } else {
            let owned = self.owners.entry(session.owner().clone()).or_default();
            *owned = owned.saturating_add(1);
            self.open = self.open.saturating_add(1);
        }
        let mut entry = Entry { session, queued: None };
        entry.requeue(key, &mut self.deadlines);
        self.entries.insert(key, Box::new(entry));
    }

    /// Works on a session; tells whether it goes on.
    pub(super) fn update<T>(
        &mut self,
        id: Guid,
        work: impl FnOnce(&mut Session<O>) -> T,
    ) -> Option<(T, Standing)> {
        let key = key(id);
        let entry = self.entries.get_mut(&key).filter(|entry| entry.session.id() == id)?;
        let (was_open, deadline) = (!entry.session.has_ended(), entry.session.deadline());
        let done = work(&mut entry.session);
        // A later deadline is looked at when the earlier one has come.
        if entry.queued.is_none() || entry.session.deadline() < deadline {
            entry.requeue(key, &mut self.deadlines);
        }
        if !entry.session.has_ended() {
            return Some((done, Standing::Open));
        }
        if !was_open {
            return Some((done, Standing::Ended));
        }
        let (owner, destination) = (entry.session.owner().clone(), entry.session.destination());
        if !self.destinations.is_empty() {
            let place = (owner.clone(), path(destination).into());
            if self.destinations.get(&place) == Some(&id) {
                self.destinations.remove(&place);
            }
        }
        self.close(&owner);
        self.ended.push_back(id);
        Some((done, Standing::Ending))
    }

    pub(super) fn remove(&mut self, id: Guid) -> Option<Session<O>> {
        let key = key(id);
        self.entries.get(&key).filter(|entry| entry.session.id() == id)?;
        let Entry { session, queued } = *self.entries.remove(&key)?;
        if let Some(tick) = queued {
            self.deadlines.remove(tick, key);
        }
        if !session.has_ended() {
            self.close(session.owner());
        }
        Some(session)
    }

    /// One session less is open.
    fn close(&mut self, owner: &O) {
        self.open = self.open.saturating_sub(1);
        if let Some(owned) = self.owners.get_mut(owner) {
            *owned = owned.saturating_sub(1);
            if *owned == 0 {
                self.owners.remove(owner);
            }
        }
    }

    /// The session that ended first, if more than `most` are remembered.
    pub(super) fn excess(&mut self, most: usize) -> Option<Guid> {
        // Those that have gone already leave the queue from its front.
        while self.ended.front().is_some_and(|&id| self.get(id).is_none_or(|session| !session.has_ended())) {
            self.ended.pop_front();
        }
        let remembered = self.entries.len().saturating_sub(self.open);
        if remembered > most { self.ended.pop_front() } else { None }
    }

    /// Says that a session is the one of its owner for its destination; returns the one that was.
    pub(super) fn claim_destination(&mut self, id: Guid) -> Option<Guid> {
        let session = self.get(id)?;
        let place = (session.owner().clone(), path(session.destination()).into());
        self.destinations.insert(place, id).filter(|older| *older != id)
    }

    /// When the next session may be due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.poll_timeout()
    }

    /// The session whose deadline passed first, of those on which no exchange works.
    pub(super) fn first_due(&mut self, now: Instant) -> Option<Guid> {
        while let Some((tick, key)) = self.deadlines.first_due(now) {
            let Some(entry) = self.entries.get_mut(&key) else {
                self.deadlines.remove(tick, key);
                continue;
            };
            match entry.session.deadline() {
                Some(deadline)
                    if entry.session.at_work().is_none() && self.deadlines.tick(deadline) <= tick =>
                {
                    return Some(entry.session.id());
                }
                // It has outlived the deadline that it was queued under, or is queued again when its exchange is over.
                _ => {
                    self.deadlines.remove(tick, key);
                    entry.queued = None;
                    entry.requeue(key, &mut self.deadlines);
                }
            }
        }
        None
    }
}

impl<O> Entry<O> {
    /// Queues the session under its deadline, if it is queued nowhere or under a later one.
    fn requeue(&mut self, key: u64, deadlines: &mut Deadlines) {
        let Some(deadline) = self.session.deadline().filter(|_| self.session.at_work().is_none()) else {
            return;
        };
        let tick = deadlines.tick(deadline);
        match self.queued {
            Some(queued) if queued <= tick => return,
            Some(queued) => deadlines.remove(queued, key),
            None => {}
        }
        self.queued = Some(deadlines.insert(deadline, key));
    }
}
