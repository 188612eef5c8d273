//! The quota of the folder, or of each folder right below the root: it counts what is published there, and what is promised to
//! uploads.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bits_proto::Guid;
use bits_proto::server::Refusal;
use rustix::fs::{self, AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::anchor::{FOLDER, Identity, Opened};
use super::path::FilePath;
use super::tree;
use crate::storage::Failure;

/// How long a count is believed. Files come by other ways, too, and consumers take them away.
const BELIEVED: Duration = Duration::from_secs(10);

/// How many folders deep files are counted. Clients make none that are deeper.
const MAX_DEPTH: usize = 128;

type OfFolder = Arc<dyn Fn(&str) -> Option<u64> + Send + Sync>;

/// How many bytes a [`Folder`](super::Folder) may hold.
///
/// All files count, whoever made them, and unfinished uploads count with the size that they will have. An upload that does not fit is
/// refused at its first fragment, and one that comes when nothing is left at Create.
#[derive(Clone)]
pub struct Quota(Kind);

#[derive(Clone)]
enum Kind {
    All(u64),
    Folders(OfFolder),
}

impl Quota {
    /// So many bytes below the root.
    #[must_use]
    pub const fn of_all(bytes: u64) -> Self {
        Self(Kind::All(bytes))
    }

    /// So many bytes in each folder right below the root, by its name; `None`: any number. It must not block.
    pub fn of_folders(bytes: impl Fn(&str) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Kind::Folders(Arc::new(bytes)))
    }

    /// What a path counts for: the folder's name, which is empty for the root, and what that may hold.
    fn of(&self, path: &FilePath) -> Option<(String, u64)> {
        match &self.0 {
            Kind::All(bytes) => Some((String::new(), *bytes)),
            Kind::Folders(of_folder) => {
                let folder = path.folders.first()?;
                of_folder(folder).map(|bytes| (folder.clone(), bytes))
            }
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::All(bytes) => f.debug_tuple("Quota").field(bytes).finish(),
            Kind::Folders(_) => f.write_str("Quota(..)"),
        }
    }
}

/// What is held, and what is promised.
#[derive(Debug)]
pub(super) struct Quotas {
    quota: Quota,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counted: HashMap<String, Counted>,
    promised: HashMap<Guid, Promise>,
}

#[derive(Debug)]
struct Counted {
    at: Instant,
    published: u64,
    /// The paths of unfinished uploads, below the root, and how many bytes they have.
    parts: Vec<(String, u64)>,
}

/// What is promised to an upload.
#[derive(Debug)]
struct Promise {
    folder: String,
    quota: u64,
    part: String,
    total: u64,
}

impl Quotas {
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, state: Mutex::default() }
    }

    /// Decides whether an upload may have `total` bytes, and promises them.
    ///
    /// `part` is the path of its bytes below the root. A folder that is not made yet is known from the destination alone: so what
    /// was promised first says which folder it is.
    pub(super) fn admit(
        &self,
        root: &Opened,
        state: &Opened,
        upload: (Guid, &str),
        path: &FilePath,
        total: u64,
    ) -> Result<(), Failure> {
        let (id, part) = upload;
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let promised = known.promised.get(&id).map(|promise| (promise.folder.clone(), promise.quota));
        let Some((folder, quota)) = promised.or_else(|| self.quota.of(path)) else { return Ok(()) };
        if known.promised.get(&id).is_some_and(|promise| total > 0 && promise.total >= total) {
            return Ok(());
        }
        for believed in [BELIEVED, Duration::ZERO] {
            if known.counted.get(&folder).is_none_or(|counted| counted.at.elapsed() >= believed) {
                let counted = count(&root.folder, state.identity, &folder)?;
                known.counted.insert(folder.clone(), counted);
            }
            // An upload whose size is unknown begins only where something is left.
            let held = known.held(&folder, id, part);
            if held.checked_add(total.max(1)).is_some_and(|held| held <= quota) {
                known.promised.insert(id, Promise { folder, quota, part: part.to_owned(), total });
                return Ok(());
            }
        }
        Err(Failure::new(
            Refusal::DiskFull,
            format!("the quota of {quota} bytes does not have that much left"),
        ))
    }

    /// An upload has ended: published, or not.
    pub(super) fn ended(&self, id: Guid, published: bool) {
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(promise) = known.promised.remove(&id) else { return };
        if let Some(counted) = known.counted.get_mut(&promise.folder) {
            counted.parts.retain(|(part, _)| *part != promise.part);
            if published {
                counted.published = counted.published.saturating_add(promise.total);
            }
        }
    }
}

impl State {
    /// The bytes that a folder has or will have, without those of one upload.
    fn held(&self, folder: &str, id: Guid, part: &str) -> u64 {
        let promises = || self.promised.values().filter(|promise| promise.folder == folder);
        let (published, parts) = match self.counted.get(folder) {
            Some(counted) => (counted.published, &*counted.parts),
            None => (0, &[][..]),
        };
        let known: HashSet<&str> = promises().map(|promise| &*promise.part).chain([part]).collect();
        let unknown = parts.iter().filter(|(part, _)| !known.contains(&**part)).map(|(_, bytes)| *bytes);
        let own = self.promised.get(&id).map_or(0, |promise| promise.total);
        let promised = promises().map(|promise| promise.total).fold(0, u64::saturating_add);
        unknown.fold(published.saturating_add(promised - own), u64::saturating_add)
    }
}

fn count(root: &OwnedFd, state: Identity, folder: &str) -> io::Result<Counted> {
    let mut counted = Counted { at: Instant::now(), published: 0, parts: Vec::new() };
    let folders: &[String] = if folder.is_empty() { &[] } else { &[folder.to_owned()] };
    let below = tree::descend(root, state, folders)?;
    if below.depth == folders.len() {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        add(&below.folder, state, &prefix, 0, &mut counted)?;
    }
    Ok(counted)
}

/// Adds the files of a folder. What cannot be looked into counts nothing: it is not the server's.
fn add(
    folder: &OwnedFd,
    state: Identity,
    prefix: &str,
    depth: usize,
    counted: &mut Counted,
) -> io::Result<()> {
    for entry in fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "." || name == ".." || depth > MAX_DEPTH {
            continue;
        }
        let stat = match fs::statat(folder.as_fd(), entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::ACCESS) => continue,
            Err(error) => return Err(error.into()),
        };
        let path = format!("{prefix}{name}");
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let below = match fs::openat(folder.as_fd(), entry.file_name(), FOLDER, Mode::empty()) {
                    Ok(below) => below,
                    Err(Errno::NOENT | Errno::ACCESS | Errno::LOOP | Errno::NOTDIR) => continue,
                    Err(error) => return Err(error.into()),
                };
                if Identity::of(&stat) != state {
                    add(&below, state, &format!("{path}/"), depth + 1, counted)?;
                }
            }
            FileType::RegularFile => {
                let bytes = u64::try_from(stat.st_size).unwrap_or_default();
                match prefix.trim_end_matches('/').rsplit('/').next() {
                    Some(hidden) if hidden.starts_with(".bits-") => counted.parts.push((path, bytes)),
                    _ => counted.published = counted.published.saturating_add(bytes),
                }
            }
            _ => {}
        }
    }
    Ok(())
}
