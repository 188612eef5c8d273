//! Where the reply goes: written aside, and there once it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::beside::beside;
use crate::problem::Problem;

#[derive(Debug)]
pub(crate) struct ReplyFile {
    path: PathBuf,
    part: PathBuf,
}

/// Where a reply is until it is whole.
pub(crate) fn part(path: &Path) -> PathBuf {
    beside(path, ".part")
}

impl ReplyFile {
    /// Tries it out: after the upload it is too late to learn that it cannot be written.
    pub(crate) fn prepare(path: &Path) -> Result<Self, Problem> {
        let file = Self { path: path.to_owned(), part: part(path) };
        file.create().map(|_| file).map_err(Problem::failed)
    }

    pub(crate) fn create(&self) -> Result<File, String> {
        File::create(&self.part).map_err(|error| self.unwritable(&error))
    }

    pub(crate) fn finish(&self, part: &File) -> Result<(), String> {
        part.sync_all()
            .and_then(|()| fs::rename(&self.part, &self.path))
            .map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> String {
        format!("{} cannot be written: {error}", self.path.display())
    }
}

/// What is not whole is of no use.
impl Drop for ReplyFile {
    fn drop(&mut self) {
        let _was_renamed = fs::remove_file(&self.part);
    }
}
