//! The quota of the folder, or of each folder right below the root: it counts what is published there, and what is promised to
//! uploads.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::Guid;

use super::anchor::{Identity, Opened};
use super::count::{Found, count};
use super::path::FilePath;
use crate::storage::quota::{PATIENCE, believed_for, full, uncounted};
use crate::storage::{Failure, Quota};

/// What is held, and what is promised.
#[derive(Debug)]
pub(super) struct Quotas {
    quota: Quota,
    state: Mutex<State>,
    /// A count has come to its end.
    counted: Condvar,
    patience: Duration,
}

#[derive(Debug, Default)]
struct State {
    folders: HashMap<String, Folder>,
    promised: HashMap<Guid, Promise>,
    /// The files of all that are promised.
    files: HashSet<Identity>,
}

/// What is known of a folder that has a quota.
#[derive(Debug, Default)]
struct Folder {
    last: Option<Count>,
    /// When the count began that failed last, and why.
    failed: Option<(Instant, String)>,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct Count {
    begun: Instant,
    done: Instant,
    found: Found,
}

/// What has ended while files are counted. Nobody knows whether its file was counted before, after, or not at all.
#[derive(Debug, Default)]
struct UnderWay {
    /// Files that were published, which the count passes over from now on, and how many bytes they have.
    published: HashMap<Identity, u64>,
    parts: HashSet<String>,
}

/// What is promised to an upload.
#[derive(Debug)]
struct Promise {
    folder: String,
    quota: u64,
    part: String,
    file: Identity,
    total: u64,
}

/// An upload that asks for room: where its bytes are below the root, and the file that they are in.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    pub(super) id: Guid,
    pub(super) part: &'a str,
    pub(super) file: Identity,
    pub(super) total: u64,
}

/// The folders that are counted: the root, and the state in it that is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Below<'a> {
    pub(super) root: &'a Arc<Opened>,
    pub(super) state: Identity,
}

impl Quotas {
    pub(super) fn new(quota: Quota) -> Arc<Self> {
        Self::with_patience(quota, PATIENCE)
    }

    fn with_patience(quota: Quota, patience: Duration) -> Arc<Self> {
        Arc::new(Self { quota, state: Mutex::default(), counted: Condvar::new(), patience })
    }

    /// Begins to count, where it is known already what.
    pub(super) fn begin(self: &Arc<Self>, below: Below<'_>) {
        if self.quota.is_of_all() {
            self.begin_count(&mut self.state(), below, "");
        }
    }

    /// Decides whether an upload may have so many bytes, and promises them.
    ///
    /// A folder that is not made yet is known from the destination alone: so what was promised first says which folder it is.
    pub(super) fn admit(
        self: &Arc<Self>,
        below: Below<'_>,
        asking: &Asking<'_>,
        path: &FilePath,
    ) -> Result<(), Failure> {
        let Asking { id, part, file, total } = *asking;
        let mut state = self.state();
        let promised = state.promised.get(&id).map(|promise| (promise.folder.clone(), promise.quota));
        let Some((folder, quota)) = promised.or_else(|| self.quota.of(path.top())) else { return Ok(()) };
        if state.promised.get(&id).is_some_and(|promise| total > 0 && promise.total >= total) {
            return Ok(());
        }
        let (asked, mut refuses) = (Instant::now(), false);
        loop {
            let known = state.folders.entry(folder.clone()).or_default();
            if known
                .last
                .as_ref()
                .is_some_and(|last| if refuses { last.begun >= asked } else { last.is_believed() })
            {
                // An upload whose size is unknown begins only where something is left.
                let held = state.held(&folder, id, part);
                if held.checked_add(total.max(1)).is_some_and(|held| held <= quota) {
                    let promise = Promise { folder, quota, part: part.to_owned(), file, total };
                    state.promise(id, promise);
                    return Ok(());
                }
                if refuses {
                    return Err(full(quota));
                }
                refuses = true;
                continue;
            }
            if let Some((_, why)) = known.failed.as_ref().filter(|(begun, _)| *begun >= asked) {
                return Err(Failure::internal(why.clone()));
            }
            self.begin_count(&mut state, below, &folder);
            let Some(left) = self.patience.checked_sub(asked.elapsed()) else {
                return Err(uncounted());
            };
            let waited = self.counted.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
        }
    }

    /// An upload has ended: published, or not.
    pub(super) fn ended(&self, id: Guid, published: bool) {
        let mut state = self.state();
        let Some(promise) = state.promised.remove(&id) else { return };
        state.files.remove(&promise.file);
        let Some(known) = state.folders.get_mut(&promise.folder) else { return };
        if let Some(last) = &mut known.last {
            last.found.parts.retain(|(part, _)| *part != promise.part);
            if published {
                last.found.published = last.found.published.saturating_add(promise.total);
            }
        }
        if let Some(under_way) = &mut known.under_way {
            under_way.parts.insert(promise.part);
            if published {
                under_way.published.insert(promise.file, promise.total);
            }
        }
    }

    /// Has a thread count the files of a folder, unless one does.
    fn begin_count(self: &Arc<Self>, state: &mut State, below: Below<'_>, folder: &str) {
        let known = state.folders.entry(folder.to_owned()).or_default();
        if known.under_way.is_some() {
            return;
        }
        known.under_way = Some(UnderWay::default());
        let begun = Instant::now();
        let (quotas, root, name) = (Arc::clone(self), Arc::clone(below.root), folder.to_owned());
        let counts = move || {
            let is_known = |file| quotas.state().is_known(&name, file);
            let found = count(&root.folder, below.state, &name, &is_known);
            quotas.end_count(&name, begun, found);
        };
        if let Err(error) = thread::Builder::new().name("quota".to_owned()).spawn(counts) {
            known.under_way = None;
            known.failed = Some((begun, error.to_string()));
        }
    }

    fn end_count(&self, folder: &str, begun: Instant, found: io::Result<Found>) {
        let mut state = self.state();
        let known = state.folders.entry(folder.to_owned()).or_default();
        let meanwhile = known.under_way.take().unwrap_or_default();
        match found {
            Ok(mut found) => {
                found.parts.retain(|(part, _)| !meanwhile.parts.contains(part));
                found.published =
                    meanwhile.published.into_values().fold(found.published, u64::saturating_add);
                known.last = Some(Count { begun, done: Instant::now(), found });
            }
            Err(error) => known.failed = Some((begun, error.to_string())),
        }
        self.counted.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn is_believed(&self) -> bool {
        let took = self.done.saturating_duration_since(self.begun);
        self.done.elapsed() < believed_for(took)
    }
}

impl State {
    fn promise(&mut self, id: Guid, promise: Promise) {
        self.files.insert(promise.file);
        self.promised.insert(id, promise);
    }

    /// Whether a file is accounted for, so that a count passes it over.
    fn is_known(&self, folder: &str, file: Identity) -> bool {
        let is_published = |known: &Folder| {
            known.under_way.as_ref().is_some_and(|under_way| under_way.published.contains_key(&file))
        };
        self.files.contains(&file) || self.folders.get(folder).is_some_and(is_published)
    }

    /// The bytes that a folder has or will have, without those of one upload.
    fn held(&self, folder: &str, id: Guid, part: &str) -> u64 {
        let promises = || self.promised.values().filter(|promise| promise.folder == folder);
        let last = self.folders.get(folder).and_then(|known| known.last.as_ref());
        let (published, parts) = match last {
            Some(last) => (last.found.published, &*last.found.parts),
            None => (0, &[][..]),
        };
        let known: HashSet<&str> = promises().map(|promise| &*promise.part).chain([part]).collect();
        let unknown = parts.iter().filter(|(part, _)| !known.contains(&**part)).map(|(_, bytes)| *bytes);
        let own = self.promised.get(&id).map_or(0, |promise| promise.total);
        let promised = promises().map(|promise| promise.total).fold(0, u64::saturating_add);
        unknown.fold(published.saturating_add(promised - own), u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use bits_proto::server::Refusal;

    use super::*;

    #[test]
    fn a_client_comes_back_while_counting_takes_long() {
        let folder = tempfile::tempdir().unwrap();
        let root = super::super::anchor::Anchor::open(folder.path(), true, false, |_| Ok(())).unwrap();
        let root = root.get().unwrap();
        let quotas = Quotas::with_patience(Quota::of_all(100), Duration::from_millis(20));
        quotas.state().folders.entry(String::new()).or_default().under_way = Some(UnderWay::default());
        let below = Below { root: &root, state: root.identity };
        let asking = Asking { id: Guid::NIL, part: "", file: root.identity, total: 10 };
        let path = FilePath { folders: Vec::new(), name: "a".to_owned() };
        assert_eq!(quotas.admit(below, &asking, &path).unwrap_err().refusal(), Refusal::Busy);
        quotas.end_count("", Instant::now(), Ok(Found::default()));
        quotas.admit(below, &asking, &path).unwrap();
    }
}
