//! Staging: an entity is put together below `.bits`, where it can be read, and is copied to its destination.

use bits_proto::Guid;
use bits_proto::server::Refusal;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt, PutMultipartOptions};

use super::place::Place;
use super::publish::{attributes, refused};
use super::{MIB, Shared, failure};
use crate::storage::Failure;

/// How much is compared at a time.
const COMPARED: u64 = 4 * MIB;

impl Shared {
    /// Whether an entity of several parts is put together apart from its destination.
    ///
    /// # Errors
    /// It could not be published.
    pub(super) fn stages(&self, place: &Place, total: u64) -> Result<bool, Failure> {
        let too_large = |why| Failure::new(Refusal::TooLarge, why);
        let staged = self.stages_all || (!place.overwrites && self.if_absent.is_none());
        if staged && !place.overwrites && !self.copies_if_absent {
            return Err(too_large(
                "the object store cannot publish a file of more than a part without overwriting",
            ));
        }
        match staged && total > self.max_copy {
            true => Err(too_large("the file is larger than what the object store copies in one step")),
            false => Ok(staged),
        }
    }

    /// The key on which the parts of an upload are put together.
    pub(super) fn parts_key(&self, id: Guid, place: &Place) -> Path {
        match place.staged {
            true => self.folder(id).join("whole"),
            false => Path::from(&*place.key),
        }
    }

    pub(super) async fn begin_upload(&self, id: Guid, place: &Place) -> Result<String, Failure> {
        let key = self.parts_key(id, place);
        let begun = match self.marks_parts {
            true => {
                let attributes = attributes(place);
                let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
                self.parts.create_multipart_opts(&key, options).await
            }
            false => self.parts.create_multipart(&key).await,
        };
        begun.map_err(|error| failure(&error))
    }

    /// Lets the store forget the parts of an upload, unless they were put together.
    pub(super) async fn abort(&self, id: Guid, place: Place) -> Result<(), Failure> {
        let key = self.parts_key(id, &place);
        let is_whole = place.staged && self.whole(&key).await?.is_some();
        let Some(upload) = place.upload.filter(|_| !is_whole) else { return Ok(()) };
        match self.parts.abort_multipart(&key, &upload).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Puts an entity together, unless that was done.
    pub(super) async fn put_together(
        &self,
        id: Guid,
        place: Place,
        fence: u64,
    ) -> Result<ObjectMeta, Failure> {
        let (key, size) = (self.parts_key(id, &place), place.length());
        let mut whole = self.whole(&key).await?;
        if whole.is_none() {
            let done = self.complete(id, &key, place, fence).await;
            // A process that slept may have done it.
            whole = self.whole(&key).await?;
            if whole.is_none() {
                done?;
            }
        }
        match whole {
            Some(whole) if whole.size == size => Ok(whole),
            Some(_) => Err(Failure::internal("an entity was put together of other bytes")),
            None => Err(Refusal::EntityMissing.into()),
        }
    }

    /// Copies what was put together to its destination.
    pub(super) async fn copy_out(&self, id: Guid, key: &Path, place: &Place) -> Result<(), Failure> {
        let from = self.parts_key(id, place);
        let copied = match place.overwrites {
            // A repeat after a lost answer does not publish it again.
            true if self.is_published(id, key, place).await? => return Ok(()),
            true => self.store.copy(&from, key).await,
            false => self.store.copy_if_not_exists(&from, key).await,
        };
        copied.map_err(|error| refused(&error))
    }

    /// Whether the object on the destination's key is this upload's. It has the upload's mark; or, where copies have none, the bytes of
    /// what was put together.
    pub(super) async fn is_published(&self, id: Guid, key: &Path, place: &Place) -> Result<bool, Failure> {
        match self.look(key, &place.mark).await? {
            None => Ok(false),
            Some((_, true)) => Ok(true),
            Some((found, false)) if place.staged && !self.marks_copies => {
                match self.whole(&self.parts_key(id, place)).await? {
                    Some(whole) => self.are_equal(&whole, &found).await,
                    None => Ok(false),
                }
            }
            Some(_) => Ok(false),
        }
    }

    pub(super) async fn whole(&self, key: &Path) -> Result<Option<ObjectMeta>, Failure> {
        match self.store.head(key).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn are_equal(&self, one: &ObjectMeta, other: &ObjectMeta) -> Result<bool, Failure> {
        if one.size != other.size {
            return Ok(false);
        }
        let mut at = 0;
        while at < one.size {
            let range = at..one.size.min(at + COMPARED);
            let read = |object: &ObjectMeta| {
                let (location, range) = (object.location.clone(), range.clone());
                async move { self.store.get_range(&location, range).await }
            };
            let (ours, theirs) =
                futures_util::try_join!(read(one), read(other)).map_err(|error| failure(&error))?;
            if ours != theirs {
                return Ok(false);
            }
            at = range.end;
        }
        Ok(true)
    }
}
