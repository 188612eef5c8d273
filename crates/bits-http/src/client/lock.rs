//! The lock of a state. Two uploads with one state would write into one session, and neither would notice.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};

use super::files::expect_plain;

/// A file beside the state, locked while the upload runs. The operating system unlocks it however the program ends.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Locks a file. `None`: another run has locked it.
    pub(super) fn take(path: PathBuf) -> io::Result<Option<Self>> {
        loop {
            let file = open(&path)?;
            match FileExt::try_lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if is_there(&file, &path)? {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

/// A link is not followed: it would create a file wherever it points.
fn open(path: &Path) -> io::Result<File> {
    loop {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return opened,
        }
        expect_plain(path)?;
        match OpenOptions::new().write(true).open(path) {
            // The run that it belonged to has just removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened,
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
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (locked.dev(), locked.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_there(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}
