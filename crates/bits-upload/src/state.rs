//! What it takes to go on after a kill, in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bits_proto::client::Snapshot;
use http::Uri;

use crate::beside::beside;
use crate::lock::Lock;
use crate::problem::Problem;

/// The file of `--state`, if there shall be one.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: Option<PathBuf>,
    _lock: Option<Lock>,
}

impl StateFile {
    /// For this run alone.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, Problem> {
        let lock = path.as_deref().map(Lock::of).transpose()?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) const fn is_kept(&self) -> bool {
        self.path.is_some()
    }

    /// The upload that an earlier run left behind.
    pub(crate) fn load(&self, destination: &Uri) -> Result<Option<Snapshot>, Problem> {
        let Some(path) = &self.path else { return Ok(None) };
        let shown = path.display();
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Problem::failed(format_args!("{shown} cannot be read: {error}"))),
        };
        let snapshot: Snapshot = serde_json::from_slice(&bytes).map_err(|error| unusable(path, error))?;
        if destination != snapshot.destination() {
            return Err(Problem::failed(format_args!(
                "{shown} belongs to an upload to another address: name another file for --state, or delete this one"
            )));
        }
        Ok(Some(snapshot))
    }

    /// The whole of it or nothing: whenever the program or the machine dies, a good one is there.
    pub(crate) fn save(&self, snapshot: &Snapshot) -> Result<(), Problem> {
        let Some(path) = &self.path else { return Ok(()) };
        let saved =
            serde_json::to_vec(snapshot).map_err(io::Error::from).and_then(|bytes| replace(path, &bytes));
        saved.map_err(|error| {
            let path = path.display();
            Problem::failed(format_args!(
                "{path} cannot be written: {error}; the same command goes on once it can"
            ))
        })
    }

    /// There is nothing to go on with any more.
    pub(crate) fn remove(&self) {
        if let Some(path) = &self.path {
            let _was_none = fs::remove_file(path);
        }
    }
}

/// The file is there, and of no use.
pub(crate) fn unusable(path: &Path, error: impl std::fmt::Display) -> Problem {
    let path = path.display();
    Problem::failed(format_args!("{path} is no state of an upload ({error}): delete it to start over"))
}

/// Where a state is written before it takes its place.
pub(crate) fn aside(path: &Path) -> PathBuf {
    beside(path, ".new")
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path);
    let written = private(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    let replaced = written.and_then(|()| fs::rename(&aside, path));
    if replaced.is_err() {
        let _none_was_made = fs::remove_file(&aside);
    }
    replaced
}

/// Who knows a session's id can write into the session.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
