//! Bytes on their way to an object store: parts where they suffice, crumbs and a tail where they do not.

use std::collections::VecDeque;
use std::sync::Arc;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;
use object_store::WriteMultipart;
use tokio::sync::OwnedSemaphorePermit;

use super::place::{Crumb, Place};
use super::{MAX_PARTS, MIB, Shared, failure, taken_over};
use crate::storage::{Failure, Span, Writer};

/// The size of the pieces in which an upload without a buffer puts its bytes, and of a tail that is kept beside the record at most.
const CRUMB: usize = 256 * 1024;
const TAIL: usize = 64 * 1024;

/// Appends to an upload of [`Objects`](super::Objects).
#[derive(Debug)]
pub struct ObjectWriter(To);

#[derive(Debug)]
enum To {
    Upload(Box<Appending>),
    Reply(Box<WriteMultipart>, u64),
}

struct Appending {
    shared: Arc<Shared>,
    id: Guid,
    fence: u64,
    start: u64,
    /// What is stored so far.
    place: Place,
    memory: VecDeque<Bytes>,
    in_memory: usize,
    crumbs: u64,
    buffer: Option<OwnedSemaphorePermit>,
    failed: Option<Failure>,
    is_new_upload: bool,
}

impl ObjectWriter {
    pub(super) async fn begin(shared: Arc<Shared>, id: Guid, span: Span) -> Result<Self, Failure> {
        let Span { start, total, fence, .. } = span;
        let mut place = shared.place(id, fence)?;
        place.cut(start)?;
        if place.part_size == 0 {
            place.part_size = shared.part_size_for(total)?;
        }
        let mut is_new_upload = false;
        if total > place.part_size && place.upload.is_none() {
            place.staged = shared.stages(&place, total)?;
            place.upload = Some(shared.begin_upload(id, &place).await?);
            is_new_upload = true;
        }
        // The place that was saved says that they are in parts.
        let gathered = std::mem::take(&mut place.gathered);
        if !gathered.is_empty() {
            let (cleaning, folder) = (Arc::clone(&shared), shared.folder(id));
            let objects = gathered.into_iter().map(|name| folder.clone().join(name)).collect();
            tokio::spawn(async move { cleaning.delete(objects).await });
        }
        shared.remember(id, fence, place.clone())?;
        let buffer = Arc::clone(&shared.buffers).try_acquire_owned().ok();
        // The tail goes on in memory.
        let tail = std::mem::take(&mut place.tail);
        let in_memory = tail.len();
        let memory = VecDeque::from([tail]);
        Ok(Self(To::Upload(Box::new(Appending {
            shared,
            id,
            fence,
            start,
            place,
            memory,
            in_memory,
            crumbs: 0,
            buffer,
            failed: None,
            is_new_upload,
        }))))
    }

    pub(super) fn reply(upload: WriteMultipart) -> Self {
        Self(To::Reply(Box::new(upload), 0))
    }
}

impl Shared {
    fn part_size_for(&self, total: u64) -> Result<u64, Failure> {
        let needed = total.div_ceil(MAX_PARTS - 1);
        if needed <= self.part_size {
            return Ok(self.part_size);
        }
        let size = needed.div_ceil(MIB).saturating_mul(MIB);
        match size <= self.max_part_size {
            true => Ok(size),
            false => {
                Err(Failure::new(Refusal::TooLarge, "the entity would have more parts than a store takes"))
            }
        }
    }
}

impl Appending {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.in_memory += bytes.len();
        self.memory.push_back(bytes);
        let done = self.drain().await;
        self.failed = done.as_ref().err().cloned();
        done
    }

    /// Puts what makes a part; or, without a buffer, what makes a crumb.
    async fn drain(&mut self) -> Result<(), Failure> {
        loop {
            let part = self.place.part_size;
            let waiting = self.place.short() + self.in_memory as u64;
            if self.place.upload.is_some() && waiting >= part {
                let from_memory = part.saturating_sub(self.place.short());
                let memory = self.take(usize::try_from(from_memory).unwrap_or(usize::MAX));
                self.put_part(memory, part).await?;
            } else if self.buffer.is_none() && self.in_memory >= CRUMB {
                self.put_crumb().await?;
            } else {
                return Ok(());
            }
        }
    }

    async fn put_part(&mut self, memory: Vec<Bytes>, bytes: u64) -> Result<(), Failure> {
        self.still_ours()?;
        self.shared.put_part(self.id, &mut self.place, memory.clone(), bytes).await.inspect_err(|_| {
            self.put_back(memory);
        })
    }

    async fn put_crumb(&mut self) -> Result<(), Failure> {
        self.still_ours()?;
        let name = format!("{}-{}", self.fence, self.crumbs);
        self.crumbs += 1;
        let length = self.in_memory as u64;
        let memory = self.take(usize::MAX);
        if let Err(failure) = self.shared.put_crumb(self.id, &name, memory.clone()).await {
            self.put_back(memory);
            return Err(failure);
        }
        self.place.crumbs.push(Crumb { name, range: 0..length });
        Ok(())
    }

    fn still_ours(&self) -> Result<(), Failure> {
        match self.shared.known().get(&self.id) {
            Some(known) if known.fence <= self.fence => Ok(()),
            _ => Err(taken_over()),
        }
    }

    /// Takes this many bytes out of memory.
    fn take(&mut self, mut bytes: usize) -> Vec<Bytes> {
        let mut taken = Vec::new();
        while bytes > 0 {
            let Some(mut piece) = self.memory.pop_front() else { break };
            if piece.len() > bytes {
                self.memory.push_front(piece.split_off(bytes));
            }
            bytes -= piece.len();
            self.in_memory -= piece.len();
            taken.push(piece);
        }
        taken
    }

    fn put_back(&mut self, taken: Vec<Bytes>) {
        for piece in taken.into_iter().rev() {
            self.in_memory += piece.len();
            self.memory.push_front(piece);
        }
    }

    /// What is in memory becomes a crumb, or the tail. What cannot be put does not count, but for what fits into the tail.
    async fn finish(mut self) -> (u64, Result<(), Failure>) {
        let mut done = self.failed.take().map_or(Ok(()), Err);
        if done.is_ok() && self.in_memory > TAIL {
            done = self.put_crumb().await;
        }
        let tail: Vec<u8> = self.take(TAIL).concat();
        self.place.tail = tail.into();
        let stored = self.place.length().saturating_sub(self.start);
        match self.shared.remember(self.id, self.fence, self.place) {
            Ok(()) => (stored, done),
            Err(failure) => (0, Err(failure)),
        }
    }
}

impl Writer for ObjectWriter {
    fn must_save(&self) -> bool {
        matches!(&self.0, To::Upload(appending) if appending.is_new_upload)
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        match &mut self.0 {
            To::Upload(appending) => appending.write(bytes).await,
            To::Reply(upload, written) => {
                upload.wait_for_capacity(1).await.map_err(|error| failure(&error))?;
                *written += bytes.len() as u64;
                upload.put(bytes);
                Ok(())
            }
        }
    }

    async fn finish(self) -> (u64, Result<(), Failure>) {
        match self.0 {
            To::Upload(appending) => appending.finish().await,
            To::Reply(upload, written) => match upload.finish().await {
                Ok(_) => (written, Ok(())),
                Err(error) => (0, Err(failure(&error))),
            },
        }
    }
}

impl std::fmt::Debug for Appending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appending")
            .field("fence", &self.fence)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}
