//! The file of a reply: written aside, and there once it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::files::{beside, create_anew};

#[derive(Debug)]
pub(super) struct ReplyFile {
    path: PathBuf,
    part: PathBuf,
}

impl ReplyFile {
    /// The place of the reply until it is whole.
    pub(super) fn part(path: &Path) -> PathBuf {
        beside(path, ".part")
    }

    /// Tries it out: after the upload it is too late to learn that it cannot be written.
    pub(super) fn prepare(path: &Path) -> Result<Self, String> {
        let file = Self { path: path.to_owned(), part: Self::part(path) };
        file.create().map(|_| file)
    }

    pub(super) fn create(&self) -> Result<File, String> {
        create_anew(&self.part).map_err(|error| self.unwritable(&error))
    }

    pub(super) fn finish(&self, part: &File) -> Result<(), String> {
        part.sync_all()
            .and_then(|()| fs::rename(&self.part, &self.path))
            .map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> String {
        format!("{} cannot be written: {error}", self.path.display())
    }
}

/// A reply that is not whole is of no use.
impl Drop for ReplyFile {
    fn drop(&mut self) {
        let _was_renamed = fs::remove_file(&self.part);
    }
}
