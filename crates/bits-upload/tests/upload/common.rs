//! Support for the tests: the program as a user runs it, and a server that behaves as badly as told.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) use test_server::{Fault, Server};
use testing::machine::entity;

/// Named once, so that it looks unused in no file.
const _: Fault = Fault::None;

/// A folder with a file to upload, gone when the test ends.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    pub(crate) bytes: Vec<u8>,
}

impl Desk {
    pub(crate) fn with_bytes(bytes: Vec<u8>) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), bytes };
        fs::write(desk.file(), &desk.bytes).unwrap();
        desk
    }

    /// A file in which no byte is like its neighbours.
    pub(crate) fn with_size(size: usize) -> Self {
        Self::with_bytes(entity(size))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path("source.bin")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("upload.state")
    }

    /// The program: impatient, and deaf to the proxies, passwords and tickets of this machine.
    pub(crate) fn command(&self, options: &[&str], url: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bits-upload"));
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.env_remove("BITS_UPLOAD_PASSWORD").env("KRB5CCNAME", self.path("no tickets"));
        command.args(["--retry-min", "0.02", "--retry-max", "0.2"]).args(options);
        command.arg(self.file()).arg(url).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, options: &[&str], url: &str) -> Ended {
        Ended::of(self.command(options, url).spawn().unwrap())
    }
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// A program that hangs is a failed test, not a hung one.
    pub(crate) fn of(mut child: Child) -> Self {
        let deadline = Instant::now() + Duration::from_secs(60);
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("the program hangs: {:?}", child.wait_with_output().unwrap());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    #[track_caller]
    pub(crate) fn succeeded(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
    }

    /// It ended with this status, and one line that has all of these words in it.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "one line: {self:?}");
        assert!(self.stderr.starts_with("bits-upload: "), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} in {self:?}");
        }
    }
}
