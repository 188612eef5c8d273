//! The state of an upload, which outlives its program.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bits_proto::client::Snapshot;
use serde::{Deserialize, Serialize};

use super::cookies::Cookies;
use super::error::StateError;
use super::files::{beside, expect_plain, replace};
use super::lock::Lock;

/// A place for what an upload needs to go on after its program has ended: one record, replaced again and again.
///
/// [`StateFile`] is one. Another may be a row of a database. Keep records secret: everybody who reads one can write into the
/// upload's session.
pub trait State: Send {
    /// The record, if there is one.
    ///
    /// # Errors
    /// It cannot be read. The upload does not begin.
    fn load(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Replaces the record: all of it or nothing, also if the machine dies. It is asked for before each request.
    ///
    /// # Errors
    /// It cannot be stored. The upload ends.
    fn save(&mut self, record: &[u8]) -> io::Result<()>;

    /// Removes the record: the upload is over.
    fn remove(&mut self);
}

/// A state in a file, for one upload at a time.
///
/// The file is replaced as a whole. A lock beside it (`.lock`) keeps out a second upload with the same state. Neither of
/// them, nor the new version that is written beside it (`.new`), follows a link.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    _lock: Lock,
}

impl StateFile {
    /// Locks the state of this path, which need not be there.
    ///
    /// # Errors
    /// [`StateError::InUse`] if another upload has it; [`StateError::Unusable`] if it cannot be locked, or is no plain file.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StateError> {
        let path = path.into();
        let lock = expect_plain(&path).and_then(|()| Lock::take(Self::lock(&path)));
        match lock {
            Ok(Some(lock)) => Ok(Self { path, _lock: lock }),
            Ok(None) => Err(StateError::InUse),
            Err(error) => Err(StateError::Unusable(error)),
        }
    }

    /// The lock of a state.
    #[must_use]
    pub fn lock(path: &Path) -> PathBuf {
        beside(path, ".lock")
    }

    /// Where a state is written before it takes its place.
    #[must_use]
    pub fn aside(path: &Path) -> PathBuf {
        beside(path, ".new")
    }
}

impl State for StateFile {
    fn load(&mut self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&mut self, record: &[u8]) -> io::Result<()> {
        replace(&self.path, &Self::aside(&self.path), record)
    }

    fn remove(&mut self) {
        let _was_none = fs::remove_file(&self.path);
    }
}

/// What is stored.
#[derive(Serialize)]
struct Written<'w> {
    /// Seconds since 1970: how long the upload was at rest shows when it goes on.
    saved: u64,
    cookies: &'w Cookies,
    upload: &'w Snapshot,
}

/// What is read. A bare snapshot is what earlier versions wrote.
#[derive(Deserialize)]
#[serde(untagged)]
enum Read {
    Record {
        saved: u64,
        #[serde(default)]
        cookies: Cookies,
        upload: Box<Snapshot>,
    },
    Snapshot(Box<Snapshot>),
}

/// An upload that an earlier run left behind.
pub(super) struct Found {
    pub(super) snapshot: Snapshot,
    pub(super) cookies: Cookies,
    /// The time since it was stored, as far as the clocks of both runs can be believed.
    pub(super) at_rest: Duration,
}

/// The state of one upload, or none.
pub(super) struct Kept(Option<Box<dyn State>>);

impl Kept {
    pub(super) const fn new(state: Option<Box<dyn State>>) -> Self {
        Self(state)
    }

    pub(super) const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn load(&mut self) -> Result<Option<Found>, StateError> {
        let Some(state) = &mut self.0 else { return Ok(None) };
        let Some(bytes) = state.load().map_err(StateError::Unusable)? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes).map_err(|error| StateError::Invalid(error.to_string()))?;
        let found = match read {
            Read::Record { saved, cookies, upload } => {
                Found { snapshot: *upload, cookies, at_rest: since(saved) }
            }
            Read::Snapshot(snapshot) => {
                Found { snapshot: *snapshot, cookies: Cookies::default(), at_rest: Duration::ZERO }
            }
        };
        Ok(Some(found))
    }

    pub(super) fn save(&mut self, snapshot: &Snapshot, cookies: &Cookies) -> Result<(), StateError> {
        let Some(state) = &mut self.0 else { return Ok(()) };
        let record = Written { saved: now(), cookies, upload: snapshot };
        let bytes = serde_json::to_vec(&record).map_err(|error| StateError::Unwritable(error.into()))?;
        state.save(&bytes).map_err(StateError::Unwritable)
    }

    pub(super) fn remove(&mut self) {
        if let Some(state) = &mut self.0 {
            state.remove();
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.is_kept()).finish()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn since(saved: u64) -> Duration {
    Duration::from_secs(now().saturating_sub(saved))
}
