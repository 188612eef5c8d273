//! Gathering: crumbs become a part, or a whole object.

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{Error, ObjectStoreExt, PutPayload};

use super::place::{Crumb, Place};
use super::{Shared, failure};
use crate::storage::Failure;

/// How many crumbs are read at a time.
const READING: usize = 8;

impl Shared {
    /// Reads crumbs, in their order.
    pub(super) async fn read(&self, id: Guid, crumbs: Vec<Crumb>) -> Result<Vec<Bytes>, Failure> {
        let folder = self.folder(id);
        let crumbs = stream::iter(crumbs).map(|Crumb { name, range }| {
            let object = folder.clone().join(name);
            async move { self.store.get_range(&object, range).await }
        });
        crumbs.buffered(READING).try_collect().await.map_err(|error| match error {
            Error::NotFound { .. } => Failure::new(Refusal::EntityMissing, "bytes of the upload are gone"),
            error => failure(&error),
        })
    }

    /// Puts the next part: from the crumbs of the place, and then from memory.
    pub(super) async fn put_part(
        &self,
        id: Guid,
        place: &mut Place,
        memory: Vec<Bytes>,
        bytes: u64,
    ) -> Result<(), Failure> {
        let missing = || Failure::internal("an upload has parts and no multipart upload");
        let upload = place.upload.clone().ok_or_else(missing)?;
        let in_memory: u64 = memory.iter().map(|piece| piece.len() as u64).sum();
        let mut after = place.clone();
        let crumbs = after.take_crumbs(bytes.saturating_sub(in_memory));
        // What is in memory already is counted by the buffers.
        let _permit = match crumbs.is_empty() {
            true => None,
            false => self.gathering.acquire().await.ok(),
        };
        let mut pieces = self.read(id, crumbs).await?;
        pieces.extend(memory);
        let part = self
            .parts
            .put_part(&self.parts_key(id, place), &upload, place.parts.len(), PutPayload::from_iter(pieces))
            .await
            .map_err(|error| match error {
                // Completed by a process that slept, or aborted by somebody.
                Error::NotFound { .. } => {
                    Failure::new(Refusal::EntityMissing, "the multipart upload of the upload is gone")
                }
                error => failure(&error),
            })?;
        after.parts.push(part.content_id);
        *place = after;
        Ok(())
    }

    /// Puts a crumb.
    pub(super) async fn put_crumb(&self, id: Guid, name: &str, pieces: Vec<Bytes>) -> Result<(), Failure> {
        let object = self.folder(id).join(name);
        let put = self.store.put(&object, PutPayload::from_iter(pieces)).await;
        put.map(drop).map_err(|error| failure(&error))
    }
}
