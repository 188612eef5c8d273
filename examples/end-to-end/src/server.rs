//! `bits-server`, and the folder that it serves.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::message::Connection;
use crate::port::Port;
use crate::programs;

/// The program at work. Dropped, it is killed, and its folder is deleted.
pub struct Server {
    folder: TempDir,
    root: PathBuf,
    options: Vec<String>,
    port: Port,
    metrics: Port,
    child: Child,
    scheme: &'static str,
}

impl Server {
    pub fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        Self::start_in(folder, root, options)
    }

    /// Serves `root`, which is somewhere in `folder`.
    pub fn start_in(folder: TempDir, root: PathBuf, options: &[&str]) -> Self {
        let (port, metrics) = (Port::reserve(), Port::reserve());
        let mut options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
        options.extend(["--listen".to_owned(), port.address.to_string()]);
        options.extend(["--metrics".to_owned(), metrics.address.to_string()]);
        options.extend(["--root".to_owned(), root.to_str().unwrap().to_owned()]);
        let scheme = if options.iter().any(|option| option == "--tls-cert") { "https" } else { "http" };
        let log = File::create(folder.path().join("server.log")).unwrap();
        let child = spawn(&options, log, &format!("{scheme}://{}", port.address));
        Self { folder, root, options, port, metrics, child, scheme }
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
        names(&self.root).into_iter().filter(|name| name != ".bits").collect()
    }

    /// What the state folder holds of uploads that have not ended.
    pub fn leftovers(&self) -> Vec<String> {
        let remembered = |name: &String| name == "lock" || name.ends_with(".closed");
        names(&self.root.join(".bits")).into_iter().filter(|name| !remembered(name)).collect()
    }

    /// How many sessions this server folder remembers as closed.
    pub fn closed(&self) -> usize {
        names(&self.root.join(".bits")).iter().filter(|name| name.ends_with(".closed")).count()
    }

    /// The value of a line of the metrics; zero if there is no such line.
    pub fn metric(&self, name: &str) -> u64 {
        let answer = Connection::open(self.metrics.address).request("GET", "/metrics", &[], b"");
        let text = String::from_utf8(answer.body).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// How many packets of this type were answered, with any status, since the server was started.
    pub fn packets(&self, packet: &str) -> u64 {
        let answer = Connection::open(self.metrics.address).request("GET", "/metrics", &[], b"");
        let text = String::from_utf8(answer.body).unwrap();
        let start = format!("bits_packets_total{{type=\"{packet}\",");
        let lines = text.lines().filter(|line| line.starts_with(&start));
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
        self.child = spawn(&self.options, log, &self.url(""));
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
            let last = lines.len().saturating_sub(100);
            println!("the end of the server's log:\n{}", lines[last..].join("\n"));
        }
    }
}

fn spawn(options: &[String], log: File, origin: &str) -> Child {
    let mut child = Command::new(programs::server())
        .args(options)
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
