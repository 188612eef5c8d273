//! A file to upload, and who uploads it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::clock::Clock;
use crate::contents::write_file;
use crate::upload::{Ended, Upload};

/// A folder with a file to upload, gone when the test ends.
#[derive(Debug)]
pub struct Desk {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Desk {
    /// With a file of random bytes.
    pub fn with_file(size: u64) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        write_file(&desk.source(), size, size);
        desk
    }

    /// Whose uploads are under a clock.
    pub fn under(self, clock: &Clock) -> Self {
        Self { environment: clock.environment(), ..self }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file to upload.
    pub fn source(&self) -> PathBuf {
        self.path("source.bin")
    }

    /// The file of `--state upload.state`.
    pub fn state(&self) -> PathBuf {
        self.path("upload.state")
    }

    /// Starts to upload the file.
    pub fn upload(&self, options: &[&str], url: &str) -> Upload {
        Upload::start_in(self.folder(), &self.source(), options, url, &self.environment)
    }

    /// Uploads the file, and waits until the program ends.
    pub fn run(&self, options: &[&str], url: &str) -> Ended {
        self.upload(options, url).wait()
    }
}
