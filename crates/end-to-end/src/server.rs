//! `bits-server`, and the folder that it serves.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::connection::Connection;
use crate::port::Port;
use crate::programs;
use crate::tmpfs;

/// The program at work. Dropped, it is killed, and its folder is deleted.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    root: PathBuf,
    command: Vec<String>,
    port: Port,
    metrics: Port,
    child: Child,
    scheme: &'static str,
}

impl Server {
    pub fn start(options: &[&str]) -> Self {
        Self::launch(options, |_| vec![])
    }

    /// On a disk of its own, of this size. It is gone when the server ends.
    pub fn start_on_small_disk(bytes: u64, options: &[&str]) -> Self {
        let mut server = Self::launch(options, |root| tmpfs::launcher(root, bytes));
        server.root = tmpfs::seen_from_outside(server.pid(), &server.root);
        server
    }

    fn launch(options: &[&str], launcher: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        let mut command = launcher(&root);
        command.push(programs::server().to_str().unwrap().to_owned());
        let (port, metrics) = (Port::reserve(), Port::reserve());
        command.extend(options.iter().map(|option| option.to_string()));
        command.extend(["--listen".to_owned(), port.address.to_string()]);
        command.extend(["--metrics".to_owned(), metrics.address.to_string()]);
        command.extend(["--root".to_owned(), root.to_str().unwrap().to_owned()]);
        let scheme = if options.contains(&"--tls-cert") { "https" } else { "http" };
        let log = File::create(folder.path().join("server.log")).unwrap();
        let child = spawn(&command, log, &format!("{scheme}://{}", port.address));
        Self { folder, root, command, port, metrics, child, scheme }
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file is once it is published.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The names of all that is published.
    pub fn published(&self) -> Vec<String> {
        names(&self.root).into_iter().filter(|name| !name.starts_with(".bits")).collect()
    }

    /// What is kept of uploads that have not ended: notes and replies in the state folder, and hidden folders.
    pub fn leftovers(&self) -> Vec<String> {
        let state = names(&self.root.join(".bits")).into_iter();
        let mut found: Vec<_> = state
            .filter(|name| name != ".bits-state" && name != "control" && !name.ends_with(".json"))
            .collect();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for name in names(&folder) {
                let path = folder.join(&name);
                match path.is_dir() && !path.is_symlink() {
                    true if name.starts_with(".bits-") => found.push(name),
                    true if name != ".bits" => folders.push(path),
                    _ => {}
                }
            }
        }
        found
    }

    /// How many sessions are remembered as ended: their records are there, and no bytes are.
    pub fn closed(&self) -> usize {
        let state = names(&self.root.join(".bits"));
        let ended = |name: &&String| {
            name.strip_suffix(".json").is_some_and(|id| !state.contains(&format!("{id}.place")))
        };
        state.iter().filter(ended).count()
    }

    /// The value of a line of the metrics; zero if there is no such line.
    pub fn metric(&self, name: &str) -> u64 {
        self.sum_of_metrics(&format!("{name} "))
    }

    /// How many packets of this type were answered, with any status, since the server was started.
    pub fn packets(&self, packet: &str) -> u64 {
        self.sum_of_metrics(&format!("bits_packets_total{{type=\"{packet}\","))
    }

    fn sum_of_metrics(&self, beginning: &str) -> u64 {
        let answer = Connection::open(self.metrics.address).request("GET", "/metrics", &[], b"");
        let text = String::from_utf8(answer.body).unwrap();
        let lines = text.lines().filter(|line| line.starts_with(beginning));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again after the end, on the same port.
    pub fn restart(&mut self) {
        let log = OpenOptions::new().append(true).open(self.log_file()).unwrap();
        self.child = spawn(&self.command, log, &self.url(""));
    }

    /// What it has logged since the first start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped_already = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = lines.len().saturating_sub(40);
            println!("the end of the server's log:\n{}", lines[last..].join("\n"));
        }
    }
}

fn spawn(command: &[String], log: File, origin: &str) -> Child {
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, format!("listening on {origin}\n"));
    child
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
