//! Objects that are read again: published ones, entities for a server application, replies.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart};

use super::place::Crumb;
use super::{MIB, ObjectWriter, Objects, Shared, failure};
use crate::storage::{Contents, Failure, Reader};

/// An object of [`Objects`], or an upload that is not published yet.
#[derive(Debug)]
pub struct ObjectReader(From);

enum From {
    Object(Arc<dyn ObjectStore>, ObjectMeta),
    Upload { shared: Arc<Shared>, id: Guid, crumbs: Vec<Crumb>, tail: Bytes },
}

impl Reader for ObjectReader {
    fn size(&self) -> u64 {
        match &self.0 {
            From::Object(_, found) => found.size,
            From::Upload { crumbs, tail, .. } => {
                crumbs.iter().map(Crumb::length).sum::<u64>() + tail.len() as u64
            }
        }
    }

    fn etag(&self) -> Option<String> {
        match &self.0 {
            From::Object(_, found) => found.e_tag.clone().filter(|etag| etag.starts_with('"')),
            From::Upload { .. } => None,
        }
    }

    fn modified(&self) -> Option<SystemTime> {
        match &self.0 {
            From::Object(_, found) => Some(found.last_modified.into()),
            From::Upload { .. } => None,
        }
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, Failure> {
        match &self.0 {
            From::Object(store, found) => {
                let options = GetOptions {
                    range: Some(GetRange::Bounded(range)),
                    // Another object under this name is another file.
                    if_match: found.e_tag.clone(),
                    ..GetOptions::default()
                };
                let read = async { store.get_opts(&found.location, options).await?.bytes().await };
                read.await.map_err(|error| failure(&error))
            }
            From::Upload { shared, id, crumbs, tail } => read(shared, *id, crumbs, tail, range).await,
        }
    }
}

/// Reads a range of what is not published yet.
async fn read(
    shared: &Shared,
    id: Guid,
    crumbs: &[Crumb],
    tail: &Bytes,
    range: Range<u64>,
) -> Result<Bytes, Failure> {
    let (mut wanted, mut at) = (Vec::new(), 0);
    for Crumb { name, range: crumb } in crumbs {
        let length = crumb.end - crumb.start;
        let (from, to) = (range.start.max(at), range.end.min(at + length));
        if from < to {
            let range = crumb.start + (from - at)..crumb.start + (to - at);
            wanted.push(Crumb { name: name.clone(), range });
        }
        at += length;
    }
    let mut pieces = shared.read(id, wanted).await?;
    let within = |place: u64| usize::try_from(place.saturating_sub(at)).unwrap_or(usize::MAX).min(tail.len());
    pieces.push(tail.slice(within(range.start)..within(range.end)));
    Ok(pieces.concat().into())
}

impl Objects {
    async fn object(&self, key: &Path) -> Result<ObjectReader, Failure> {
        match self.0.store.head(key).await {
            Ok(found) => Ok(ObjectReader(From::Object(Arc::clone(&self.0.store), found))),
            Err(Error::NotFound { .. }) => Err(Refusal::NoSuchFolder.into()),
            Err(error) => Err(failure(&error)),
        }
    }

    fn reply_key(&self, id: Guid) -> Path {
        self.0.folder(id).join("reply")
    }
}

impl Contents for Objects {
    type Reader = ObjectReader;

    async fn published(&self, path: &str) -> Result<ObjectReader, Failure> {
        self.object(&self.0.key(path)?).await
    }

    /// An entity of more than a part can be read before it is published only where it is [staged](super::ObjectsBuilder::stages).
    async fn entity(&self, id: Guid) -> Result<ObjectReader, Failure> {
        let known = self.0.known().get(&id).cloned().ok_or(Refusal::EntityMissing)?;
        let (place, shared) = (known.place, Arc::clone(&self.0));
        match (&place.upload, place.staged) {
            (None, _) => {
                let (crumbs, tail) = (place.crumbs, place.tail);
                Ok(ObjectReader(From::Upload { shared, id, crumbs, tail }))
            }
            (Some(_), true) => {
                let whole = shared.put_together(id, place, known.fence).await?;
                Ok(ObjectReader(From::Object(Arc::clone(&shared.store), whole)))
            }
            (Some(_), false) => Err(Failure::internal("no object store gives out the parts of an upload")),
        }
    }

    async fn reply(&self, id: Guid) -> Result<ObjectReader, Failure> {
        self.object(&self.reply_key(id)).await
    }

    async fn write_reply(&self, id: Guid) -> Result<ObjectWriter, Failure> {
        let upload = self.0.store.put_multipart(&self.reply_key(id)).await;
        let upload = upload.map_err(|error| failure(&error))?;
        let chunk = usize::try_from(8 * MIB).unwrap_or(usize::MAX);
        Ok(ObjectWriter::reply(WriteMultipart::new_with_chunk_size(upload, chunk)))
    }

    async fn remove_reply(&self, id: Guid) -> Result<(), Failure> {
        self.0.delete(vec![self.reply_key(id)]).await
    }
}

impl std::fmt::Debug for From {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Object(..) => "Object",
            Self::Upload { .. } => "Upload",
        })
    }
}
