//! The open sessions, and the order in which they expire.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::time::Instant;

use super::deadlines::{Deadlines, Tick};
use super::directory::Directory;
use super::guid_hash::BuildGuidHasher;
use super::session::Session;
use crate::vocabulary::Guid;

/// The open sessions: by id, by owner, and by deadline.
#[derive(Debug)]
pub(super) struct OpenSessions<O> {
    open: HashMap<u64, Box<Entry<O>>, BuildGuidHasher>,
    deadlines: Deadlines,
    owners: BTreeMap<O, usize>,
}

/// Boxed, so that growing the table moves little.
#[derive(Debug)]
struct Entry<O> {
    session: Session<O>,
    /// Where the session is queued: under its deadline, or under an earlier one that it has outlived.
    queued: Option<Tick>,
}

/// An id in half its size: as the key of a table it saves memory, and the session itself tells the whole. Two random ids
/// of a million have the same key once in forty million tables; the second is then refused, and its client comes back.
fn key(id: Guid) -> u64 {
    BuildGuidHasher.hash_one(id)
}

impl<O: Clone + Ord> OpenSessions<O> {
    pub(super) fn new() -> Self {
        Self { open: HashMap::default(), deadlines: Deadlines::default(), owners: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// How many sessions an owner has.
    pub(super) fn owned(&self, owner: &O) -> usize {
        self.owners.get(owner).copied().unwrap_or_default()
    }

    /// Whether an id is taken, or cannot be told from one that is.
    pub(super) fn is_taken(&self, id: Guid) -> bool {
        self.open.contains_key(&key(id))
    }

    pub(super) fn get(&self, id: Guid) -> Option<&Session<O>> {
        self.open.get(&key(id)).map(|entry| &entry.session).filter(|session| session.id == id)
    }

    pub(super) fn get_mut(&mut self, id: Guid) -> Option<&mut Session<O>> {
        self.open.get_mut(&key(id)).map(|entry| &mut entry.session).filter(|session| session.id == id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Session<O>> {
        self.open.values().map(|entry| &entry.session)
    }

    /// Adds a session whose id is not taken.
    pub(super) fn insert(&mut self, session: Session<O>) {
        let key = key(session.id);
        let queued = session.deadline.map(|deadline| self.deadlines.insert(deadline, key));
        let owned = self.owners.entry(session.owner.clone()).or_default();
        *owned = owned.saturating_add(1);
        self.open.insert(key, Box::new(Entry { session, queued }));
    }

    pub(super) fn remove(&mut self, id: Guid) -> Option<Session<O>> {
        let key = key(id);
        self.open.get(&key).filter(|entry| entry.session.id == id)?;
        let Entry { session, queued } = *self.open.remove(&key)?;
        if let Some(tick) = queued {
            self.deadlines.remove(tick, key);
        }
        if let Some(owned) = self.owners.get_mut(&session.owner) {
            *owned = owned.saturating_sub(1);
            if *owned == 0 {
                self.owners.remove(&session.owner);
            }
        }
        Some(session)
    }

    /// When the next session may expire.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.poll_timeout()
    }

    /// The session that expires first, whether its time has come or not.
    pub(super) fn first(&self) -> Option<Guid> {
        let first = self.deadlines.first_key().or_else(|| self.open.keys().next().copied())?;
        self.open.get(&first).map(|entry| entry.session.id)
    }

    /// The session whose deadline passed first. A session on which an exchange works has a new one.
    pub(super) fn first_expired(&mut self, now: Instant, directory: &Directory) -> Option<Guid> {
        while let Some((tick, key)) = self.deadlines.first_due(now) {
            let Some(entry) = self.open.get_mut(&key) else {
                self.deadlines.remove(tick, key);
                continue;
            };
            if entry.session.at_work.is_some() {
                entry.session.prolong(now, directory);
            }
            match entry.session.deadline {
                // It has outlived the deadline that it was queued under.
                Some(deadline) if self.deadlines.tick(deadline) > tick => {
                    self.deadlines.remove(tick, key);
                    entry.queued = Some(self.deadlines.insert(deadline, key));
                }
                Some(_) => return Some(entry.session.id),
                None => {
                    self.deadlines.remove(tick, key);
                    entry.queued = None;
                }
            }
        }
        None
    }
}
