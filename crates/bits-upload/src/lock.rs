//! Of two runs with the same state, one goes on: both would write into one session, and neither notice.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};

use crate::beside::beside;
use crate::problem::Problem;

/// A file beside the state that is locked while the program runs. The operating system unlocks it, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

/// The file that is locked for a state.
pub(crate) fn path(state: &Path) -> PathBuf {
    beside(state, ".lock")
}

impl Lock {
    /// The lock of this state.
    pub(crate) fn of(state: &Path) -> Result<Self, Problem> {
        let path = path(state);
        let unusable =
            |error: io::Error| Problem::failed(format_args!("{} cannot be locked: {error}", path.display()));
        loop {
            let file =
                OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
            match FileExt::try_lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Problem::failed(format_args!(
                        "another run goes on with {}: wait for its end, or name another file for --state",
                        state.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
            if is_there(&file, &path).map_err(unusable)? {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

/// Nothing is left behind.
impl Drop for Lock {
    fn drop(&mut self) {
        if cfg!(unix) {
            let _locked_all_the_same = fs::remove_file(&self.path);
        }
    }
}

/// Whether the file is still under this name. Else the run that it belonged to has removed it.
#[cfg(unix)]
fn is_there(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let locked = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (locked.dev(), locked.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_there(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}
