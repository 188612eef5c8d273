//! A storage in memory, with its records: for tests, and as an example of a storage.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;

use super::{
    Contents, Counting, Destination, Failure, Held, Keep, Kept, Listed, Reader, Record, Records, Span,
    Storage, Writer,
};

/// Uploads, published files and records in memory. What it holds is lost when the last clone of it is dropped.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<Guid, Part>,
    published: BTreeMap<String, Bytes>,
    replies: BTreeMap<Guid, Bytes>,
    records: BTreeMap<Guid, (Record, Instant)>,
}

#[derive(Debug, Default)]
struct Part {
    bytes: Vec<u8>,
    fence: u64,
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is published under this path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<Bytes> {
        self.state().published.get(path).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The part of whoever comes with this fence, unless somebody with a higher one was there.
    fn part(&mut self, id: Guid, fence: u64) -> Result<&mut Part, Failure> {
        let part = self.parts.get_mut(&id).ok_or(Refusal::EntityMissing)?;
        if fence < part.fence {
            return Err(Failure::new(Refusal::Busy, "another process has taken over"));
        }
        part.fence = fence;
        Ok(part)
    }
}

impl Storage for Memory {
    type Writer = MemoryWriter;

    async fn open(&self, id: Guid, destination: &Destination<'_>) -> Result<(), Failure> {
        let mut state = self.state();
        if !destination.overwrites && state.published.contains_key(destination.path) {
            return Err(Refusal::DestinationExists.into());
        }
        state.parts.insert(id, Part::default());
        Ok(())
    }

    async fn writer(&self, id: Guid, span: Span) -> Result<MemoryWriter, Failure> {
        let mut state = self.state();
        let part = state.part(id, span.fence)?;
        let start = usize::try_from(span.start).map_err(|_| Refusal::DiskFull)?;
        if part.bytes.len() < start {
            return Err(Refusal::EntityMissing.into());
        }
        part.bytes.truncate(start);
        Ok(MemoryWriter { memory: self.clone(), to: To::Part(id, span.fence), bytes: Vec::new() })
    }

    async fn publish(
        &self,
        id: Guid,
        destination: &Destination<'_>,
        size: u64,
        fence: u64,
    ) -> Result<(), Failure> {
        let mut state = self.state();
        let part = state.part(id, fence)?;
        if part.bytes.len() as u64 != size {
            return Err(Failure::internal("the upload has another size than the session says"));
        }
        if !destination.overwrites && state.published.contains_key(destination.path) {
            return Err(Refusal::DestinationExists.into());
        }
        let bytes = state.parts.remove(&id).unwrap_or_default().bytes;
        state.published.insert(destination.path.to_owned(), bytes.into());
        Ok(())
    }

    async fn discard(&self, id: Guid, _fence: u64) -> Result<(), Failure> {
        let mut state = self.state();
        state.parts.remove(&id);
        state.replies.remove(&id);
        Ok(())
    }

    async fn held(&self, id: Guid, _place: &[u8], fence: u64) -> Result<Held, Failure> {
        let mut state = self.state();
        Ok(match state.parts.get_mut(&id) {
            Some(part) => {
                part.fence = part.fence.max(fence);
                Held::Bytes(part.bytes.len() as u64)
            }
            None => Held::Nothing,
        })
    }

    async fn cut(&self, id: Guid, length: u64) -> Result<(), Failure> {
        if let Some(part) = self.state().parts.get_mut(&id) {
            part.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    async fn sweep(&self, known: &[Guid]) -> Result<Vec<String>, Failure> {
        self.state().parts.retain(|id, _| known.contains(id));
        Ok(Vec::new())
    }

    fn top_folder(&self, path: &str) -> Option<String> {
        path.trim_start_matches('/').split_once('/').map(|(top, _)| top.to_owned())
    }

    fn count(&self, folder: &str) -> Counting {
        let (memory, folder) = (self.clone(), folder.to_owned());
        Box::pin(async move {
            let is_below =
                |path: &str| folder.is_empty() || memory.top_folder(path).as_ref() == Some(&folder);
            let state = memory.state();
            let below = state.published.iter().filter(|(path, _)| is_below(path));
            Ok(below.map(|(_, bytes)| bytes.len() as u64).sum())
        })
    }
}

/// Writes into a [`Memory`].
#[derive(Debug)]
pub struct MemoryWriter {
    memory: Memory,
    to: To,
    bytes: Vec<u8>,
}

#[derive(Debug)]
enum To {
    Part(Guid, u64),
    Reply(Guid),
}

impl Writer for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self) -> (u64, Result<(), Failure>) {
        let written = self.bytes.len() as u64;
        let mut state = self.memory.state();
        match self.to {
            To::Part(id, fence) => match state.part(id, fence) {
                Ok(part) => part.bytes.extend(self.bytes),
                Err(failure) => return (0, Err(failure)),
            },
            To::Reply(id) => {
                state.replies.insert(id, self.bytes.into());
            }
        }
        (written, Ok(()))
    }
}

/// A file of a [`Memory`].
#[derive(Clone, Debug)]
pub struct MemoryReader(Bytes);

impl Reader for MemoryReader {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn etag(&self) -> Option<String> {
        None
    }

    fn modified(&self) -> Option<SystemTime> {
        None
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, Failure> {
        let place = |at: u64| usize::try_from(at).ok().filter(|at| *at <= self.0.len());
        match (place(range.start), place(range.end)) {
            (Some(start), Some(end)) if start <= end => Ok(self.0.slice(start..end)),
            _ => Err(Failure::internal("a range that is not in the file")),
        }
    }
}

impl Contents for Memory {
    type Reader = MemoryReader;

    async fn published(&self, path: &str) -> Result<MemoryReader, Failure> {
        self.file(path).map(MemoryReader).ok_or(Refusal::NoSuchFolder.into())
    }

    async fn entity(&self, id: Guid) -> Result<MemoryReader, Failure> {
        let bytes = self.state().parts.get(&id).map(|part| Bytes::copy_from_slice(&part.bytes));
        bytes.map(MemoryReader).ok_or(Refusal::EntityMissing.into())
    }

    async fn reply(&self, id: Guid) -> Result<MemoryReader, Failure> {
        self.state().replies.get(&id).cloned().map(MemoryReader).ok_or(Refusal::NoSuchFolder.into())
    }

    async fn write_reply(&self, id: Guid) -> Result<MemoryWriter, Failure> {
        Ok(MemoryWriter { memory: self.clone(), to: To::Reply(id), bytes: Vec::new() })
    }

    async fn remove_reply(&self, id: Guid) -> Result<(), Failure> {
        self.state().replies.remove(&id);
        Ok(())
    }
}

impl Records for Memory {
    fn keep(&self) -> Keep {
        Keep::RecordsWithoutOffset
    }

    async fn save(&self, id: Guid, record: Record) -> Result<(), Failure> {
        self.state().records.insert(id, (record, Instant::now()));
        Ok(())
    }

    async fn forget(&self, id: Guid) -> Result<(), Failure> {
        self.state().records.remove(&id);
        Ok(())
    }

    async fn list(&self) -> Result<Listed, Failure> {
        let state = self.state();
        let kept = state.records.iter().map(|(id, (record, saved))| Kept {
            id: *id,
            record: record.clone(),
            age: saved.elapsed(),
        });
        Ok(Listed { kept: kept.collect(), unreadable: Vec::new() })
    }
}
