//! A folder of this machine.

mod anchor;
mod boot;
mod contents;
mod count;
mod disk;
mod durability;
mod entry;
mod fail_point;
mod group;
mod lasting;
mod path;
mod place;
mod quota;
mod records;
mod spare;
mod synced;
mod take_over;
#[cfg(test)]
mod tests;
mod tree;
mod upload;
mod writer;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bits_proto::Guid;
use rustix::fs::{Mode, OFlags, fstat, openat};
use rustix::process::geteuid;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Counting, Destination, Failure, Held, Quota, Span, Storage};
use anchor::Anchor;
use boot::Boot;
pub use contents::FolderReader;
pub use durability::Durability;
use group::Groups;
use lasting::Lasting;
use quota::{Below, Quotas};
use spare::Spare;
pub use writer::FolderWriter;

/// A folder where uploads are published, and a folder for what is remembered of them.
///
/// `/a/b.bin` is published as `a/b.bin` below the root, by one rename: whoever watches the folder sees it appear under its name
/// complete, as one `MOVED_TO`. Until then the bytes are in a hidden folder beside it, `a/.bits-1A2B3C4D`, so that this holds for every
/// file system that is mounted below the root, and the file has the owner, group, mode and ACL of one that the server's
/// user makes in `a` by hand.
///
/// # What is refused
///
/// - Links are never followed below the root, and nothing is reached by its path: names are entered one by one.
/// - `.bits` and `.bits-…` are the server's own names, in any case of letters. A folder with a file `.bits-state` in it is the state
///   of a server, and is never entered on behalf of a client.
/// - Names that mean something else on another system: devices and streams of Windows, `..`, control characters.
/// - What cannot be published is refused when the upload begins: a folder that may not be written, a name or a path that is too long.
///
/// # The state folder
///
/// | file | contents |
/// |---|---|
/// | `.bits-state` | the mark of a state folder, with room in reserve: so an upload can be cancelled on a full disk |
/// | `ID.json` | the records of a session: a line for each time that it was saved, of which the last one counts |
/// | `ID.place` | a link that is never followed: where the bytes are, below the root |
/// | `ID.gone` | the same, while the hidden folder is being deleted |
/// | `ID.reply` | a server application's reply |
/// | `ID.new` | a record, while it takes the place of a file that has grown long |
/// | `control` | a socket of the program, if it has one |
///
/// It must belong to the server's user and be closed to everybody else, since who reads the ids of sessions can write into them. Other
/// things in it are left alone. One server alone uses a root or a state folder: it locks the folder itself.
///
/// A root or state that vanishes while the server runs is an error of the server, until it is back.
#[derive(Clone, Debug)]
pub struct Folder(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    root: Anchor,
    state: Anchor,
    create_dirs: bool,
    keep_free: u64,
    quotas: Option<Arc<Quotas>>,
    spare: Spare,
    durability: Durability,
    /// Whether servers of other machines use the folder, too.
    is_shared: bool,
    boot: Boot,
    groups: Groups,
    lasting: Lasting,
}

/// Configures a [`Folder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `open`"]
pub struct FolderBuilder {
    root: PathBuf,
    state: Option<PathBuf>,
    create_dirs: bool,
    keep_free: u64,
    quota: Option<Quota>,
    shared: bool,
    durability: Durability,
}

impl Folder {
    /// Opens the folder `root` with the defaults of [`builder`](Self::builder).
    ///
    /// # Errors
    /// As [`FolderBuilder::open`].
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        Self::builder(root).open()
    }

    /// Begins to configure a folder. By default its state is in `.bits` below the root, no folders are made, and no room is kept free.
    pub fn builder(root: impl Into<PathBuf>) -> FolderBuilder {
        FolderBuilder {
            root: root.into(),
            state: None,
            create_dirs: false,
            keep_free: 0,
            quota: None,
            shared: false,
            durability: Durability::default(),
        }
    }

    /// The bytes that this user may still write on the file system of the root.
    ///
    /// # Errors
    /// The root has vanished.
    pub fn free(&self) -> io::Result<u64> {
        tree::free(&self.0.root.get()?.folder)
    }

    /// Whether a destination names a file that a client may make, in whatever folder.
    #[must_use]
    pub fn is_allowed(destination: &str) -> bool {
        tree::parse(destination).is_ok()
    }

    /// The file that a destination names, whether it exists or not; `None`: the destination names none. Who opens it by this path follows
    /// links.
    #[must_use]
    pub fn path(&self, destination: &str) -> Option<PathBuf> {
        let path = tree::parse(destination).ok()?;
        Some(self.0.root.path().join(path.to_string()))
    }

    /// A descriptor of the state folder, for what a program wants to have beside the sessions: a socket of the name `control`, say,
    /// which is left alone.
    ///
    /// # Errors
    /// The state folder has vanished.
    pub fn state(&self) -> io::Result<OwnedFd> {
        self.0.state.get()?.folder.try_clone()
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.0)
    }
}

impl FolderBuilder {
    /// Keeps the state in this folder. It is made if it is missing.
    pub fn state(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = Some(path.into());
        self
    }

    /// Makes the folders that a destination lacks. Else the upload is refused.
    pub fn create_dirs(mut self, create: bool) -> Self {
        self.create_dirs = create;
        self
    }

    /// Refuses uploads that would leave fewer free bytes than these on their file system.
    pub fn keep_free(mut self, bytes: u64) -> Self {
        self.keep_free = bytes;
        self
    }

    /// Refuses uploads that would make the folder, or a part of it, hold more than this. By default there is no such bound.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Lets servers of several processes or machines use the folder, which is on a file system that they share. Their turns are
    /// [`Leases`](crate::leases::Leases), with a directory that keeps [`Records`](crate::storage::Keep::Records): a file system of a
    /// network does not promise that what it holds after a crash is what was written.
    ///
    /// A [quota](Self::quota) is refused, because each server would count by itself: it is given to the turns, by
    /// [`Leases::with_quota`](crate::leases::Leases::with_quota). So is another [durability](Self::durability) than the default, because
    /// servers do not learn of power cuts of one another.
    ///
    /// Whoever takes over from a process that died or sleeps copies the bytes (or reflinks them, where the file system can) and drops the
    /// old ones, because a process that wakes up has them still open.
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// When things are made to last; by default before each Fragment is acknowledged.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Opens the folders and locks them.
    ///
    /// # Errors
    /// The root is not there or no folder, another server uses it, or the state folder cannot be made, belongs to somebody else or
    /// is open to others.
    pub fn open(self) -> io::Result<Folder> {
        if self.shared && self.quota.is_some() {
            // Each server would count by itself.
            return Err(io::Error::other("servers that share a folder keep a quota by their leases"));
        }
        if self.shared && self.durability != Durability::default() {
            return Err(io::Error::other("servers that share a folder sync each Fragment"));
        }
        let unusable = |path: &Path, why: &dyn std::fmt::Display| {
            io::Error::other(format!("{} cannot be used: {why}", path.display()))
        };
        // Not made here: a slip in its name should not go unnoticed.
        match fs::metadata(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(unusable(&self.root, &format_args!("{error}: make it, or name another one")));
            }
            Err(error) => return Err(unusable(&self.root, &error)),
            Ok(found) if !found.is_dir() => return Err(unusable(&self.root, &"the root must be a folder")),
            Ok(_) => {}
        }
        // Whole, since server applications are told of it, and the program may change its working directory.
        let path = self.root.canonicalize().map_err(|error| unusable(&self.root, &error))?;
        let root = Anchor::open(&path, true, self.shared, |_| Ok(()))
            .map_err(|error| unusable(&self.root, &error))?;
        let given = self.state.unwrap_or_else(|| self.root.join(".bits"));
        if given.canonicalize().is_ok_and(|given| given == path) {
            return Err(unusable(&given, &"the state folder must not be the root itself"));
        }
        let state = open_state(&given, self.shared).map_err(|error| unusable(&given, &error))?;
        // Another mount of it, perhaps.
        if state.get()?.identity == root.get()?.identity {
            return Err(unusable(&given, &"the state folder must not be the root itself"));
        }
        let boot = Boot::read(&state.get()?.folder).map_err(|error| unusable(&given, &error))?;
        let spare = Spare::default();
        // Servers that share a folder keep their records elsewhere.
        if !self.shared {
            spare.reserve(&state.get()?.folder);
        }
        let quotas = self.quota.map(Quotas::new);
        if let Some(quotas) = &quotas {
            quotas.begin(Below { root: &root.get()?, state: state.get()?.identity });
        }
        Ok(Folder(Arc::new(Shared {
            boot,
            durability: self.durability,
            is_shared: self.shared,
            groups: Groups::default(),
            lasting: Lasting::default(),
            root,
            state,
            create_dirs: self.create_dirs,
            keep_free: self.keep_free,
            quotas,
            spare,
        })))
    }
}

impl Shared {
    /// Makes the names in a folder last.
    fn sync(&self, folder: &OwnedFd) -> io::Result<()> {
        if self.durability == Durability::Never { Ok(()) } else { Ok(self.groups.sync(folder)?) }
    }
}

/// Opens the state folder, which is made if it is missing, and marks it.
fn open_state(given: &Path, shared: bool) -> io::Result<Anchor> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(given)?;
    // The last part of the path is not resolved: a link in its place is refused.
    let parent = match given.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(io::Error::other("it has no parent folder")),
    };
    let name = given.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
    let path = parent.canonicalize()?.join(name);
    mark(&Anchor::open(&path, false, shared, private)?.get()?.folder)?;
    // From now on, only a folder with the mark takes its place.
    Anchor::open(&path, false, shared, |folder| {
        private(folder)?;
        tree::read(folder, tree::MARKER).map(drop).map_err(|_| io::Error::other("it is no state folder"))
    })
}

/// Whoever reads the ids of sessions can write into them.
fn private(folder: &OwnedFd) -> io::Result<()> {
    let stat = fstat(folder)?;
    if stat.st_uid != geteuid().as_raw() {
        return Err(io::Error::other(format!(
            "it belongs to the user {}, and not to the server's",
            stat.st_uid
        )));
    }
    match stat.st_mode & 0o077 {
        0 => Ok(()),
        _ => Err(io::Error::other("others may enter it: chmod go= takes that away")),
    }
}

fn mark(folder: &OwnedFd) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    openat(folder, tree::MARKER, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(())
}

impl Storage for Folder {
    type Writer = FolderWriter;

    async fn open(&self, id: Guid, destination: &Destination<'_>) -> Result<(), Failure> {
        let (shared, path, overwrites) = (self.shared(), destination.path.to_owned(), destination.overwrites);
        blocking(move || shared.open(id, &path, overwrites)).await
    }

    async fn writer(&self, id: Guid, span: Span) -> Result<FolderWriter, Failure> {
        let shared = self.shared();
        Ok(blocking(move || shared.writer(id, span)).await?.settle())
    }

    async fn publish(
        &self,
        id: Guid,
        destination: &Destination<'_>,
        size: u64,
        fence: u64,
    ) -> Result<(), Failure> {
        let (shared, path, overwrites) = (self.shared(), destination.path.to_owned(), destination.overwrites);
        blocking(move || shared.publish(id, &path, overwrites, size, fence)).await
    }

    async fn discard(&self, id: Guid, fence: u64) -> Result<(), Failure> {
        let shared = self.shared();
        blocking(move || shared.discard(id, fence)).await
    }

    async fn held(&self, id: Guid, _place: &[u8], fence: u64) -> Result<Held, Failure> {
        let shared = self.shared();
        blocking(move || shared.held(id, fence)).await
    }

    /// In one go, since changing threads takes longer than looking.
    async fn held_each(&self, uploads: Vec<(Guid, Vec<u8>)>) -> Vec<Result<Held, Failure>> {
        let (shared, count) = (self.shared(), uploads.len());
        let ids: Vec<_> = uploads.into_iter().map(|(id, _)| id).collect();
        let each = blocking(move || Ok(shared.held_each(&ids)));
        each.await.unwrap_or_else(|failure| vec![Err(failure); count])
    }

    async fn cut(&self, id: Guid, length: u64) -> Result<(), Failure> {
        let shared = self.shared();
        blocking(move || shared.cut(id, length)).await
    }

    async fn sweep(&self, known: &[Guid]) -> Result<Vec<String>, Failure> {
        let (shared, known) = (self.shared(), known.iter().copied().collect());
        blocking(move || shared.sweep(&known)).await
    }

    fn top_folder(&self, path: &str) -> Option<String> {
        tree::parse(path).ok()?.top().map(str::to_owned)
    }

    fn count(&self, folder: &str) -> Counting {
        let (shared, folder) = (self.shared(), folder.to_owned());
        Box::pin(blocking(move || shared.count(&folder)))
    }
}

/// Works on a thread that may block, and waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    joined(begun(work)).await
}

/// Begins work on a thread that may block.
fn begun<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> JoinHandle<Result<T, Failure>> {
    spawn_blocking(fail_point::carried(work))
}

/// Waits for work that has begun.
async fn joined<T>(work: JoinHandle<Result<T, Failure>>) -> Result<T, Failure> {
    work.await.unwrap_or_else(|error| Err(Failure::internal(error.to_string())))
}
