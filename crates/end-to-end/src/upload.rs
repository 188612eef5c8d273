//! `bits-upload`, at work and ended.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testing::machine::DEADLINE;

use crate::programs;

/// The program at work. Dropped, it is killed.
#[derive(Debug)]
pub struct Upload {
    child: Child,
    /// Files and not pipes: nobody has to read them while the program runs.
    stdout: File,
    stderr: File,
}

impl Upload {
    /// Impatient, unless the options say otherwise, and deaf to the proxies of this machine.
    pub fn start(folder: &Path, source: &Path, options: &[&str], url: &str) -> Self {
        Self::start_in(folder, source, options, url, &[])
    }

    /// The same with more variables in the environment.
    pub(crate) fn start_in(
        folder: &Path,
        source: &Path,
        options: &[&str],
        url: &str,
        environment: &[(&str, String)],
    ) -> Self {
        let mut command = Command::new(programs::upload());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        for (option, value) in [("--retry-min", "0.02"), ("--retry-max", "0.2")] {
            if !options.contains(&option) {
                command.args([option, value]);
            }
        }
        let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let child = command
            .args(options)
            .args([source.as_os_str(), url.as_ref()])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self { child, stdout, stderr }
    }

    /// Waits until the program ends. One that hangs is a failed test, not a hung one.
    pub fn wait(mut self) -> Ended {
        let deadline = Instant::now() + DEADLINE;
        while self.is_running() {
            if Instant::now() > deadline {
                self.kill();
                panic!("the program hangs: {:?}", self.ended());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.ended()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it has printed so far.
    pub fn printed(&mut self) -> String {
        text(&mut self.stdout)
    }

    fn ended(&mut self) -> Ended {
        let code = self.child.wait().unwrap().code();
        Ended { code, stdout: text(&mut self.stdout), stderr: text(&mut self.stderr) }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

fn text(file: &mut File) -> String {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    /// None after a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The server has the file, and there is nothing to complain about.
    #[track_caller]
    pub fn succeeded(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
    }

    /// It ended with this status, and one line that has all of these words in it.
    #[track_caller]
    pub fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "one line: {self:?}");
        assert!(self.stderr.starts_with("bits-upload: "), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} in {self:?}");
        }
    }
}
