//! A clock of a test's own, which jumps when it is told to: faketime, before the programs.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Where Debian has it.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// The time of day for the programs that are started under it. Time itself goes on as everywhere: a jump is no sleep.
#[derive(Debug)]
pub struct Clock {
    library: &'static str,
    folder: TempDir,
}

impl Clock {
    /// A clock that is right. `None`, and a note, where faketime is not installed.
    pub fn start() -> Option<Self> {
        let Some(library) = LIBRARIES.into_iter().find(|library| Path::new(library).exists()) else {
            println!("skipped: faketime is not here: apt-get install faketime");
            return None;
        };
        let clock = Self { library, folder: tempfile::tempdir().unwrap() };
        clock.jump("+0");
        Some(clock)
    }

    /// Jumps so far from the right time: `+20d`, say.
    pub fn jump(&self, from_right: &str) {
        // In one step, since it is read all the time.
        let new = self.folder.path().join("new");
        fs::write(&new, from_right).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// What puts a program under it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            // Files have the times that they had.
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }
}
