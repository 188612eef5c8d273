//! The program under test, and the folder that it serves.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
pub(crate) use testing::machine::{DEADLINE, Mount, entity, eventually, free_address};

/// The name of the file that has the log.
const LOG: &str = "log";

/// A folder, and a server that is started for it.
pub(crate) struct Server {
    folder: TempDir,
    root: PathBuf,
    options: Vec<String>,
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        Self::start_in(folder, root, options)
    }

    /// Starts it by another program, which becomes it.
    pub(crate) fn start_under(program: &[&str], options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        Self::start_by(program, folder, root, options)
    }

    /// Serves `root`, which is somewhere in `folder`.
    pub(crate) fn start_in(folder: TempDir, root: PathBuf, options: &[&str]) -> Self {
        Self::start_by(&[], folder, root, options)
    }

    fn start_by(program: &[&str], folder: TempDir, root: PathBuf, options: &[&str]) -> Self {
        let options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
        let (child, stdout, address) = spawn(program, &root, &options, &folder.path().join(LOG));
        Self { folder, root, options, child, stdout, address }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder in which the root is.
    pub(crate) fn outside(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn published(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.root.join(name)).ok()
    }

    /// The bytes of unfinished uploads, which are hidden beside their destinations.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let (mut parts, mut folders) = (Vec::new(), vec![self.root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                if name.starts_with(".bits-") && path.is_dir() {
                    // It may be gone already.
                    parts.extend(
                        fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()),
                    );
                } else if path.is_dir() && !path.is_symlink() && name != ".bits" {
                    folders.push(path);
                }
            }
        }
        parts
    }

    /// What it has logged since the first start, at the default level.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// Waits until a line of the log has all of these words in it.
    pub(crate) fn logs(&self, words: &[&str]) {
        let has = |line: &str| words.iter().all(|word| line.contains(word));
        eventually(&format!("a line with {words:?}"), || self.log().lines().any(has));
    }

    /// The files of the state folder with this extension.
    pub(crate) fn state_files(&self, extension: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root.join(".bits")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again after the end, on another port.
    pub(crate) fn restart(&mut self) {
        (self.child, self.stdout, self.address) =
            spawn(&[], &self.root, &self.options, &self.folder.path().join(LOG));
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -TERM`, and what comes of it.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let done = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What else it printed, after its end.
    pub(crate) fn rest_of_output(&mut self) -> String {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.stdout, &mut rest).unwrap();
        rest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped_already = self.child.wait();
        if std::thread::panicking() {
            println!("the server's log:\n{}", self.log());
        }
    }
}

/// How a server ends that cannot start, and the one line that it says why with.
pub(crate) fn refused(options: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bits-server"))
        .args(["--log-level", "off"])
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + DEADLINE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = child.wait_with_output().unwrap();
    assert!(ended.stdout.is_empty(), "{options:?}: it does not listen");
    let line = String::from_utf8(ended.stderr).unwrap();
    assert!(line.starts_with("bits-server: ") && line.lines().count() == 1, "{options:?}: {line}");
    (ended.status.code(), line)
}

fn spawn(
    program: &[&str],
    root: &Path,
    options: &[String],
    log: &Path,
) -> (Child, BufReader<ChildStdout>, SocketAddr) {
    let log = File::options().create(true).append(true).open(log).unwrap();
    let words = [program, &[env!("CARGO_BIN_EXE_bits-server"), "--root"]].concat();
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .arg(root)
        .args(["--listen", "127.0.0.1:0"])
        .args(options)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on http").map(|rest| rest.trim_start_matches('s'));
    let address = address.and_then(|rest| rest.strip_prefix("://")?.strip_suffix('\n'));
    (child, stdout, address.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap())
}
