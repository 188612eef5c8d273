//! Uploads in an object store.

#[cfg(feature = "azure")]
mod azure;
mod builder;
#[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
mod cloud;
mod contents;
mod count;
mod gather;
#[cfg(feature = "gcs")]
mod gcs;
mod place;
mod publish;
#[cfg(feature = "s3")]
mod s3;
mod stage;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bits_proto::Guid;
use bits_proto::server::Refusal;
use futures_util::TryStreamExt;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{Attribute, Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::sync::Semaphore;

use self::place::Place;
use super::{Counting, Destination, Failure, Held, Span, Storage};
pub use builder::ObjectsBuilder;
pub use contents::ObjectReader;
pub use writer::ObjectWriter;

/// The folder of the storage's own objects, below the prefix.
const OWN: &str = ".bits";

/// The attribute by which a published object is known again. Azure takes letters, digits and underscores alone; proxies drop headers with
/// underscores.
const MARK: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("bitsupload"));

/// How many parts an entity has at most. S3 takes 10,000.
const MAX_PARTS: u64 = 10_000;

/// Of so many parts that fit into memory, one is for gathering crumbs, or a whole object.
const GATHERING: usize = 4;

const MIB: u64 = 1024 * 1024;

/// A storage in an object store: S3 and what speaks it, or any store of the crate [`object_store`] that has multipart uploads.
///
/// `/a/b.bin` is published as the object `a/b.bin` below the prefix, complete, in one step. Until then its bytes are in parts of one multipart
/// upload on that key, and what is short of a part in small objects below `.bits/`, and in the [place](Storage::place). So every process
/// that has the session's record can go on.
///
/// It needs turns that save the place with each record: [`Leases`](crate::leases::Leases), or
/// [`Records`](crate::storage::Records) with [`Keep::Records`](crate::storage::Keep::Records) in one process.
///
/// # Which promise holds where
///
/// An upload that fits into one part is put in one request, under a condition, in every store: it never overwrites what it must not, and is
/// published once. A larger one:
///
/// | store | may overwrite | must not overwrite | at most |
/// |---|---|---|---|
/// | [S3](Objects::s3) | completed on its key: once | completed on its key under a condition: overwrites nothing, once | 10,000 parts of 64 MiB |
/// | S3, [staged](ObjectsBuilder::stages) | copied: once | copied under a condition: overwrites nothing, once | 5 GiB |
/// | [Azure](Objects::azure) | copied: once | copied under a condition: overwrites nothing, once | 10,000 parts of 64 MiB |
/// | [Google](Objects::gcs) | completed on its key: once | copied under a condition: overwrites nothing, once | 10,000 parts of 64 MiB |
/// | another one of the crate | completed on its key: once | as the builder says ([completed](ObjectsBuilder::completes_if_absent), [copied](ObjectsBuilder::copies_if_absent)); else refused at the first Fragment | 10,000 parts of 64 MiB |
/// | a local directory | – | – | use [`Folder`](crate::storage::Folder) |
///
/// S3 stands for what speaks it and takes `If-None-Match` on puts and completions, and `If-Match` on puts. A local directory as the
/// crate has it knows neither parts that another process goes on with, nor attributes, nor conditional replacing.
///
/// Once means: a process that dies while it publishes leaves an object that is known again, by an attribute (`bitsupload`); or, where a
/// copy has none, by its bytes. Nobody publishes it a second time. Three things are known to weaken that:
///
/// - Where somebody takes the object away before the next process has looked, an upload of one part is published again, because nothing is
///   left to know it by. A larger one is not, because its multipart upload, or what was put together, is gone.
/// - A copy that may overwrite has no condition. A process that sleeps between its look at the destination and the copy publishes
///   a second time, if it wakes up before another process has deleted what was put together.
/// - A process that slept may put a part in the place of one that another process has put since. Such an upload cannot be completed: it is
///   [lost](bits_proto::server::Refusal::EntityMissing), and its client starts over. Where an entity tag is a digest, the same bytes do no
///   harm; with SSE-KMS or SSE-C in S3 it is none, so that they do.
///
/// A process that slept and wakes up after its session was taken over can put no other bytes into it: crumbs have the number of the
/// claim in their names, parts are completed by the names that the store gave them, and a multipart upload is completed once.
///
/// # Memory
///
/// Uploads gather parts in memory, as long as there is [room](ObjectsBuilder::memory); others put what they receive into the
/// store in small pieces, and gather them there.
///
/// # What is left behind
///
/// Objects below `.bits/` that no session knows any longer are deleted by [`sweep`](Storage::sweep) and
/// [`stored`](Storage::stored). A multipart upload is saved before its first byte is put. A process that dies between its beginning and
/// that leaves one without parts, which nobody finds, because the crate cannot list them; it costs nothing. A rule of the bucket's
/// should abort incomplete multipart uploads that are older than a session may be.
#[derive(Clone)]
pub struct Objects(Arc<Shared>);

pub(super) struct Shared {
    store: Arc<dyn ObjectStore>,
    parts: Arc<dyn MultipartStore>,
    /// Completes multipart uploads only where their key does not exist.
    if_absent: Option<Arc<dyn MultipartStore>>,
    /// Whether every entity of several parts is put together apart from its destination.
    stages_all: bool,
    /// Whether the store copies to a key that does not exist and to no other.
    copies_if_absent: bool,
    /// How many bytes the store copies in one step.
    max_copy: u64,
    /// Whether a multipart upload has attributes, and whether copies have those of what was copied.
    marks_parts: bool,
    marks_copies: bool,
    /// Whether a part that is not completed may be put anywhere.
    probes: bool,
    prefix: Path,
    part_size: u64,
    max_part_size: u64,
    buffers: Arc<Semaphore>,
    gathering: Semaphore,
    known: Mutex<HashMap<Guid, Known>>,
}

/// An upload that this process works on.
#[derive(Clone, Debug)]
struct Known {
    fence: u64,
    place: Place,
}

impl Objects {
    /// Whether the store can be used: for a check of health.
    ///
    /// # Errors
    /// It cannot.
    pub async fn check(&self) -> Result<(), Failure> {
        // Not the head of an object: that one is missing, and that the bucket is, look the same.
        let nothing = self.0.own().join("health");
        let listed = self.0.store.list(Some(&nothing)).try_next().await;
        listed.map(drop).map_err(|error| failure(&error))
    }
}

impl Shared {
    fn own(&self) -> Path {
        self.prefix.clone().join(OWN)
    }

    /// The folder of the objects of an upload. Braces are no good characters for a key.
    fn folder(&self, id: Guid) -> Path {
        self.own().join(id.to_string().trim_matches(['{', '}']))
    }

    /// The key of a destination.
    fn key(&self, path: &str) -> Result<Path, Failure> {
        let whole = Self::relative(path)?.parts().fold(self.prefix.clone(), |whole, part| whole.join(part));
        match whole.as_ref().len() > 900 {
            true => Err(Failure::new(Refusal::AccessDenied, "the name is too long for an object store")),
            false => Ok(whole),
        }
    }

    /// The key of a destination below the prefix: what a stranger sent, so what is known to be good is taken, and nothing else.
    fn relative(path: &str) -> Result<Path, Failure> {
        let illegal = |why: String| Failure::new(Refusal::AccessDenied, why);
        let relative = path.strip_prefix('/').unwrap_or(path);
        if relative.is_empty() || relative.ends_with('/') {
            return Err(Refusal::IsDirectory.into());
        }
        let key = Path::from_url_path(relative).map_err(|error| illegal(error.to_string()))?;
        let own = |name: &str| name.to_ascii_lowercase().starts_with(OWN);
        if key.parts().any(|part| own(part.as_ref())) || key.as_ref().chars().any(char::is_control) {
            return Err(illegal("the name is not for clients".to_owned()));
        }
        Ok(key)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Guid, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of an upload, for whoever comes with this fence.
    fn place(&self, id: Guid, fence: u64) -> Result<Place, Failure> {
        let mut known = self.known();
        let known = known.get_mut(&id).ok_or(Refusal::EntityMissing)?;
        if fence < known.fence {
            return Err(taken_over());
        }
        known.fence = fence;
        Ok(known.place.clone())
    }

    /// Remembers a place, unless somebody newer was there.
    fn remember(&self, id: Guid, fence: u64, place: Place) -> Result<(), Failure> {
        let mut all = self.known();
        match all.get(&id) {
            Some(known) if known.fence > fence => Err(taken_over()),
            _ => {
                all.insert(id, Known { fence, place });
                Ok(())
            }
        }
    }

    /// Looks at an object; `None`: it is not there. Whether it is the one with this mark.
    async fn look(&self, key: &Path, mark: &str) -> Result<Option<(ObjectMeta, bool)>, Failure> {
        match self.store.get_opts(key, GetOptions { head: true, ..GetOptions::default() }).await {
            Ok(found) => {
                let is_marked = found.attributes.get(&MARK).is_some_and(|value| value.as_ref() == mark);
                Ok(Some((found.meta, is_marked)))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Deletes all objects of an upload.
    async fn clean(&self, id: Guid) -> Result<(), Failure> {
        let folder = self.folder(id);
        let found: Vec<Path> = (self.store.list(Some(&folder)).map_ok(|found| found.location).try_collect())
            .await
            .map_err(|error| failure(&error))?;
        self.delete(found).await
    }

    async fn delete(&self, objects: Vec<Path>) -> Result<(), Failure> {
        for object in objects {
            match self.store.delete(&object).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        Ok(())
    }

    /// The sessions of which there are objects.
    async fn ids(&self) -> Result<(BTreeSet<Guid>, Vec<String>), Failure> {
        let own = self.own();
        let mut found = self.store.list(Some(&own));
        let (mut ids, mut foreign) = (BTreeSet::new(), Vec::new());
        while let Some(object) = found.try_next().await.map_err(|error| failure(&error))? {
            let id = (object.location.prefix_match(&own)).and_then(|mut parts| {
                parts.next().and_then(|part| Guid::parse(part.as_ref().as_bytes()).ok())
            });
            match id {
                Some(id) => drop(ids.insert(id)),
                None => foreign.push(object.location.to_string()),
            }
        }
        Ok((ids, foreign))
    }
}

fn taken_over() -> Failure {
    Failure::new(Refusal::Busy, "another process has taken over")
}

/// What is wrong with a store is the server's own affair.
fn failure(error: &Error) -> Failure {
    Failure::internal(format!("the object store failed: {error}"))
}

impl Storage for Objects {
    type Writer = ObjectWriter;

    async fn open(&self, id: Guid, destination: &Destination<'_>) -> Result<(), Failure> {
        let key = self.0.key(destination.path)?;
        if !destination.overwrites && self.0.look(&key, "").await?.is_some() {
            return Err(Refusal::DestinationExists.into());
        }
        let mark = crate::server::random()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let (key, overwrites) = (key.to_string(), destination.overwrites);
        self.0
            .known()
            .insert(id, Known { fence: 0, place: Place { key, overwrites, mark, ..Place::default() } });
        Ok(())
    }

    async fn writer(&self, id: Guid, span: Span) -> Result<ObjectWriter, Failure> {
        ObjectWriter::begin(Arc::clone(&self.0), id, span).await
    }

    async fn publish(
        &self,
        id: Guid,
        _destination: &Destination<'_>,
        size: u64,
        fence: u64,
    ) -> Result<(), Failure> {
        let shared = Arc::clone(&self.0);
        // Run to its end, whoever waits for it.
        let done = tokio::spawn(async move { shared.publish(id, size, fence).await });
        done.await.map_err(|error| Failure::internal(error.to_string()))?
    }

    async fn discard(&self, id: Guid, fence: u64) -> Result<(), Failure> {
        let place = match self.0.place(id, fence) {
            Ok(place) => Some(place),
            Err(failure) if failure.refusal() == Refusal::EntityMissing => None,
            Err(failure) => return Err(failure),
        };
        if let Some(place) = place {
            self.0.abort(id, place).await?;
        }
        self.0.clean(id).await?;
        self.0.known().remove(&id);
        Ok(())
    }

    async fn held(&self, id: Guid, place: &[u8], fence: u64) -> Result<Held, Failure> {
        if place.is_empty() {
            return Ok(Held::Nothing);
        }
        let place = Place::from_bytes(place)?;
        self.0.remember(id, fence, place.clone())?;
        self.0.held(id, &place).await
    }

    async fn resume(&self, id: Guid, place: &[u8], fence: u64) -> Result<(), Failure> {
        // A session that has ended may have none.
        if place.is_empty() {
            return Ok(());
        }
        self.0.remember(id, fence, Place::from_bytes(place)?)
    }

    async fn rest(&self, id: Guid, fence: u64) {
        let mut known = self.0.known();
        if known.get(&id).is_some_and(|known| known.fence <= fence) {
            known.remove(&id);
        }
    }

    async fn cut(&self, id: Guid, length: u64) -> Result<(), Failure> {
        match self.0.known().get_mut(&id) {
            Some(known) if known.place.length() > length => known.place.cut(length),
            _ => Ok(()),
        }
    }

    async fn place(&self, id: Guid) -> Vec<u8> {
        self.0.known().get(&id).map(|known| known.place.to_bytes()).unwrap_or_default()
    }

    async fn stored(&self) -> Result<Vec<Guid>, Failure> {
        Ok(self.0.ids().await?.0.into_iter().collect())
    }

    async fn sweep(&self, known: &[Guid]) -> Result<Vec<String>, Failure> {
        let (ids, foreign) = self.0.ids().await?;
        for id in ids.into_iter().filter(|id| !known.contains(id)) {
            self.0.clean(id).await?;
        }
        Ok(foreign)
    }

    fn top_folder(&self, path: &str) -> Option<String> {
        let key = Shared::relative(path).ok()?;
        let top = key.parts().next().filter(|_| key.parts().nth(1).is_some());
        top.map(|top| top.as_ref().to_owned())
    }

    fn count(&self, folder: &str) -> Counting {
        let (shared, folder) = (Arc::clone(&self.0), folder.to_owned());
        Box::pin(async move { shared.count(&folder).await })
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects")
            .field("store", &self.0.store)
            .field("prefix", &self.0.prefix)
            .finish_non_exhaustive()
    }
}
