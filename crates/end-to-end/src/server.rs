//! A server, and the folder that it serves.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::clock::Clock;
use crate::connection::Connection;
use crate::port::Port;
use crate::programs;
use crate::tmpfs;

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The program `bits-server`.
    Program,
    /// The server in forty lines that the README of bits-http shows.
    Readme,
}

/// What the server of the README does without being told.
const OF_BOTH: [&str; 1] = ["--create-dirs"];

/// Makes tests of functions that take a [`Kind`]: one with each server.
#[macro_export]
macro_rules! with_both_servers {
    ($($test:ident)*) => {
        mod with_bits_server {
            $(#[test] fn $test() { super::$test($crate::Kind::Program); })*
        }
        mod with_the_server_of_the_readme {
            $(#[test] fn $test() { super::$test($crate::Kind::Readme); })*
        }
    };
}

/// A server at work. Dropped, it is killed, and its folder is deleted.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    root: PathBuf,
    command: Vec<String>,
    port: Port,
    /// The server of the README has none.
    metrics: Option<Port>,
    child: Child,
    scheme: &'static str,
}

impl Server {
    /// `bits-server`.
    pub fn start(options: &[&str]) -> Self {
        Self::launch(Kind::Program, options, |_| vec![])
    }

    /// `bits-server` under a clock.
    pub fn start_under(clock: &Clock, options: &[&str]) -> Self {
        let variables = clock.environment().into_iter().map(|(name, value)| format!("{name}={value}"));
        let launcher = std::iter::once("env".to_owned()).chain(variables).collect();
        Self::launch(Kind::Program, options, |_| launcher)
    }

    /// Either server, with what both can do.
    pub fn start_a(kind: Kind) -> Self {
        Self::launch(kind, &OF_BOTH, |_| vec![])
    }

    /// On a disk of its own, of this size. It is gone when the server ends.
    pub fn start_on_small_disk(kind: Kind, bytes: u64) -> Self {
        let mut server = Self::launch(kind, &OF_BOTH, |root| tmpfs::launcher(root, bytes));
        server.root = tmpfs::seen_from_outside(server.pid(), &server.root);
        server
    }

    fn launch(kind: Kind, options: &[&str], launcher: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        let (port, mut metrics) = (Port::reserve(), None);
        let (address, served) = (port.address.to_string(), root.to_str().unwrap().to_owned());
        let mut command = launcher(&root);
        match kind {
            Kind::Program => {
                let numbers = metrics.insert(Port::reserve()).address.to_string();
                command.push(programs::server().to_str().unwrap().to_owned());
                command.extend(options.iter().map(|option| option.to_string()));
                let places = ["--listen", &address, "--metrics", &numbers, "--root", &served];
                command.extend(places.map(str::to_owned));
            }
            Kind::Readme => {
                let program = programs::server_of_the_readme().to_str().unwrap().to_owned();
                command.extend([program, address, served]);
            }
        }
        let scheme = if options.contains(&"--tls-cert") { "https" } else { "http" };
        let log = File::create(folder.path().join("server.log")).unwrap();
        let log_file = folder.path().join("server.log");
        let child = spawn(&command, log, &log_file, &format!("{scheme}://{}", port.address));
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

    /// How many bytes it holds of uploads that are not published.
    pub fn stored(&self) -> u64 {
        let hidden = names(&self.root).into_iter().filter(|name| name.starts_with(".bits-"));
        let sizes = hidden.flat_map(|folder| {
            let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
            entries
                .filter_map(|entry| entry.metadata().ok())
                .map(|metadata| metadata.len())
                .collect::<Vec<_>>()
        });
        sizes.sum()
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
        let answer = Connection::open(self.metrics.as_ref().expect("this server has no metrics").address)
            .request("GET", "/metrics", &[], b"");
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
        self.child = spawn(&self.command, log, &self.log_file(), &self.url(""));
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

fn spawn(command: &[String], log: File, log_file: &Path, origin: &str) -> Child {
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said = || fs::read_to_string(log_file).unwrap_or_default();
    assert_eq!(line, format!("listening on {origin}\n"), "{command:?}: {}", said());
    child
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
