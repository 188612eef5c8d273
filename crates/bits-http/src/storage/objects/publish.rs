//! Publishing: one step of the store, and what is found after one that died.

use bits_proto::Guid;
use bits_proto::server::Refusal;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Attributes, Error, PutMode, PutOptions, PutPayload, UpdateVersion};

use super::place::Place;
use super::{MARK, MAX_PARTS, Shared, failure};
use crate::storage::{Failure, Held};

/// How often an upload tries to replace what others put under its name meanwhile.
const TRIES: usize = 8;

impl Shared {
    pub(super) async fn publish(&self, id: Guid, size: u64, fence: u64) -> Result<(), Failure> {
        let place = self.place(id, fence)?;
        let key = Path::from(&*place.key);
        if place.length() != size {
            return Err(match place.length() < size {
                true => Failure::new(Refusal::EntityMissing, "fewer bytes are there than were stored"),
                false => Failure::internal("more bytes are there than were stored"),
            });
        }
        let done = match (&place.upload, place.staged) {
            (None, _) => self.put_whole(id, &key, place.clone()).await,
            (Some(_), false) => self.complete(id, &key, place.clone(), fence).await,
            (Some(_), true) => match self.put_together(id, place.clone(), fence).await {
                Ok(_) => self.copy_out(id, &key, &place).await,
                Err(failure) => Err(failure),
            },
        };
        if let Err(refused) = done {
            // A process that died, or an answer that was lost, may have published it.
            let is_doubtful = matches!(
                refused.refusal(),
                Refusal::DestinationExists | Refusal::EntityMissing | Refusal::Internal
            );
            if !is_doubtful || !matches!(self.is_published(id, &key, &place).await, Ok(true)) {
                return Err(refused);
            }
        }
        self.known().remove(&id);
        // It is published, whatever comes of this: what is left is swept.
        let _swept_later = self.clean(id).await;
        Ok(())
    }

    /// An entity that fits into one part is put at once. Where it may overwrite, it replaces the object that was there a moment ago and no
    /// other, so that a repeat after a lost answer does not publish it again.
    async fn put_whole(&self, id: Guid, key: &Path, mut place: Place) -> Result<(), Failure> {
        let _permit = self.gathering.acquire().await;
        let crumbs = place.take_crumbs(place.short());
        let mut pieces = self.read(id, crumbs).await?;
        pieces.push(place.tail.clone());
        let (whole, mut mode) = (PutPayload::from_iter(pieces), PutMode::Create);
        for _ in 0..TRIES {
            if place.overwrites {
                mode = match self.look(key, &place.mark).await? {
                    Some((_, true)) => return Ok(()),
                    Some((found, false)) => {
                        PutMode::Update(UpdateVersion { e_tag: found.e_tag, version: found.version })
                    }
                    None => PutMode::Create,
                };
            }
            let options =
                PutOptions { mode: mode.clone(), attributes: attributes(&place), ..PutOptions::default() };
            match self.store.put_opts(key, whole.clone(), options).await {
                Ok(_) => return Ok(()),
                // Somebody was quicker, or it was this upload, and the answer was lost.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. })
                    if place.overwrites => {}
                Err(error) => return Err(refused(&error)),
            }
        }
        Err(Failure::internal("others publish under the same name all the time"))
    }

    /// The rest is the last part, and then the multipart upload is completed.
    pub(super) async fn complete(
        &self,
        id: Guid,
        key: &Path,
        mut place: Place,
        fence: u64,
    ) -> Result<(), Failure> {
        let rest = place.length().saturating_sub(place.in_parts());
        if rest > 0 {
            let tail = vec![std::mem::take(&mut place.tail)];
            let (in_parts, whole) = (place.in_parts(), place.part_size);
            self.put_part(id, &mut place, tail, rest).await?;
            debug_assert!(rest < whole || in_parts + rest == place.in_parts());
        }
        if fence < self.known().get(&id).map_or(0, |known| known.fence) {
            return Err(super::taken_over());
        }
        let store = match (place.overwrites || place.staged, &self.if_absent) {
            (false, Some(if_absent)) => if_absent,
            (false, None) => return Err(Failure::internal("the store cannot publish without overwriting")),
            (true, _) => &self.parts,
        };
        let upload = place.upload.clone().unwrap_or_default();
        let parts = place.parts.iter().map(|part| PartId { content_id: part.clone() }).collect();
        store.complete_multipart(key, &upload, parts).await.map(drop).map_err(|error| refused(&error))
    }

    /// What there is of an upload whose process died.
    pub(super) async fn held(&self, id: Guid, place: &Place) -> Result<Held, Failure> {
        if self.is_published(id, &Path::from(&*place.key), place).await? {
            return Ok(Held::Published);
        }
        let key = self.parts_key(id, place);
        if place.staged && self.whole(&key).await?.is_some() {
            return Ok(Held::Bytes(place.length()));
        }
        if let (true, Some(upload)) = (self.probes, &place.upload) {
            // A part with the highest number belongs to no object: only the store's answer counts.
            let last = usize::try_from(MAX_PARTS - 1).unwrap_or(usize::MAX);
            match self.parts.put_part(&key, upload, last, PutPayload::from_static(b"?")).await {
                Ok(_) => {}
                // It was completed, and somebody has taken the object away.
                Err(Error::NotFound { .. }) => return Ok(Held::Nothing),
                Err(error) => return Err(failure(&error)),
            }
        }
        Ok(Held::Bytes(place.length()))
    }
}

/// What the published object carries.
pub(super) fn attributes(place: &Place) -> Attributes {
    Attributes::from_iter([(MARK, place.mark.clone())])
}

pub(super) fn refused(error: &Error) -> Failure {
    let refusal = match error {
        Error::AlreadyExists { .. } | Error::Precondition { .. } => Refusal::DestinationExists,
        Error::NotFound { .. } => Refusal::EntityMissing,
        Error::NotSupported { .. } => {
            return Failure::internal(format!("the store cannot publish without overwriting: {error}"));
        }
        // A process that slept has put another part in the place of one of ours, or the store has deleted parts that were too old.
        error if is_without_parts(error) => Refusal::EntityMissing,
        _ => return failure(error),
    };
    Failure::new(refusal, error.to_string())
}

/// Whether the store says that it has not the parts that are to be put together. The crate knows no error for it.
fn is_without_parts(error: &Error) -> bool {
    let mut causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.any(|cause| {
        let text = cause.to_string();
        ["InvalidPart", "InvalidBlockList"].iter().any(|code| text.contains(&format!("<Code>{code}</Code>")))
    })
}
