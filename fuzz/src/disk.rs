//! The storage of a server, in memory: what lasts when its process dies.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bits_proto::Guid;
use bits_proto::server::{
    Directory, Held, Keep, Notified, Output, Record, Refusal, Report, Restored, Sessions,
};

/// The bytes of unfinished uploads, the records of their sessions, and the entities that were published.
pub struct Disk<O> {
    pub parts: BTreeMap<Guid, Vec<u8>>,
    pub records: BTreeMap<Guid, Record<O>>,
    pub published: Vec<(Guid, Vec<u8>)>,
}

impl<O> Default for Disk<O> {
    fn default() -> Self {
        Self { parts: BTreeMap::new(), records: BTreeMap::new(), published: Vec::new() }
    }
}

impl<O: Clone + Ord + std::fmt::Debug> Disk<O> {
    /// Does what an exchange of this session was asked to do, and returns the report of it.
    pub fn work(&mut self, id: Guid, output: &Output<O>, body: &[u8]) -> Report {
        match output {
            Output::Admit => Report::Admitted,
            Output::Open => {
                assert!(self.parts.insert(id, Vec::new()).is_none(), "the name of the session is taken");
                Report::Opened
            }
            Output::Store(store) => {
                let mut store = store.clone();
                let Some(part) = self.parts.get_mut(&id) else {
                    return Report::Failed(Refusal::EntityMissing);
                };
                assert!(part.len() as u64 >= store.range().start, "a hole");
                // What was written and not reported is cut back.
                part.truncate(store.range().start as usize);
                part.extend_from_slice(store.clip(body));
                Report::Stored(store.clipped())
            }
            Output::Notify { size } => {
                if let Some(part) = self.parts.get(&id) {
                    assert_eq!(part.len() as u64, *size, "the application is told of half an entity");
                }
                Report::Notified(Notified { copy_to_destination: true, reply_url: None })
            }
            Output::Save(record) => {
                assert_eq!(record.id(), id, "the record of another session");
                self.records.insert(id, (**record).clone());
                Report::Saved
            }
            Output::Publish { size } => {
                let Some(part) = self.parts.remove(&id) else {
                    return Report::Failed(Refusal::EntityMissing);
                };
                assert_eq!(part.len() as u64, *size, "half an entity is published");
                assert!(self.count(id) == 0, "published twice");
                self.published.push((id, part));
                Report::Published
            }
            Output::Discard => {
                self.parts.remove(&id);
                Report::Discarded
            }
            Output::Forget => {
                self.records.remove(&id);
                Report::Forgotten
            }
            Output::Respond(_) | Output::Done => unreachable!("the exchange is over"),
        }
    }

    /// How often the entity of a session was published.
    pub fn count(&self, id: Guid) -> usize {
        self.published.iter().filter(|(published, _)| *published == id).count()
    }

    /// The process died and starts again: the table of the sessions that were kept. Their records are `age` old. A storage
    /// that `tells` knows which of them it published.
    pub fn restart(&mut self, now: Instant, directory: Directory, age: Duration, tells: bool) -> Sessions<O> {
        let saves = matches!(directory.keep(), Keep::Records | Keep::RecordsWithoutOffset);
        if !saves {
            self.parts.clear();
        }
        // No client was told of these.
        self.parts.retain(|id, _| self.records.contains_key(id));
        let mut sessions = Sessions::new(directory);
        for (&id, record) in &self.records {
            let was_published = self.published.iter().any(|(published, _)| *published == id);
            let held = match self.parts.get(&id) {
                Some(part) => Held::Bytes(part.len() as u64),
                None if tells && was_published => Held::Published,
                None => Held::Nothing,
            };
            match sessions.restore(now, record.clone(), age, held).expect("a record of its own making") {
                Restored::Open(length) => {
                    let part = self.parts.get_mut(&id).expect("a session without a place goes on");
                    assert!(length <= part.len() as u64, "bytes that nobody holds");
                    part.truncate(length as usize);
                }
                Restored::Ended => drop(self.parts.remove(&id)),
            }
        }
        sessions
    }
}
