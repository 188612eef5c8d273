//! A server's storage, which checks that no byte is written twice and none is left out.

use std::collections::BTreeMap;

use bits_proto::Guid;
use bits_proto::server;

/// The bytes of every open session, and what was published.
#[derive(Debug, Default)]
pub struct Store {
    rooms: BTreeMap<Guid, Vec<u8>>,
    pub published: Vec<Vec<u8>>,
    pub discarded: usize,
}

impl Store {
    pub fn open(&mut self, session: Guid) {
        assert!(self.rooms.insert(session, Vec::new()).is_none(), "a session is opened twice");
    }

    /// Stores what came of a body, but no more than `most` bytes. Returns how many were stored.
    pub fn write(&mut self, session: Guid, mut store: server::Store, body: &[u8], most: usize) -> u64 {
        // A session that was lost has no room any more.
        let Some(room) = self.rooms.get_mut(&session) else { return 0 };
        assert_eq!(store.range().start, room.len() as u64, "a byte is stored twice, or one is left out");
        let end = usize::try_from(store.skip()).unwrap().saturating_add(most).min(body.len());
        room.extend_from_slice(store.clip(&body[..end]));
        assert!(room.len() as u64 <= store.total());
        store.clipped()
    }

    pub fn publish(&mut self, session: Guid) {
        self.published.extend(self.rooms.remove(&session));
    }

    pub fn discard(&mut self, session: Guid) {
        self.discarded += usize::from(self.rooms.remove(&session).is_some());
    }

    /// How many bytes of an open session are stored.
    pub fn stored(&self, session: Guid) -> Option<u64> {
        self.rooms.get(&session).map(|room| room.len() as u64)
    }

    pub fn clear(&mut self) {
        self.rooms.clear();
    }
}
