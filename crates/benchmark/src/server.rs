//! The servers that are measured: started, looked at, and ended.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::options::Options;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bits,
    Bare,
    /// The bare handler, with an empty request before and after each upload: as many requests as an upload of BITS has.
    BareThrice,
    Rustus,
}

/// A server at work. Dropped, it is killed, and its folder is deleted.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    child: Child,
    folder: TempDir,
}

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(120);

impl Server {
    pub(crate) fn start(kind: Kind, options: &Options) -> Self {
        let folder = TempDir::new_in(&options.place).unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let (child, address) = spawn(kind, options, &folder.path().join("root"));
        Self { kind, address, child, folder }
    }

    /// Kills it and starts it again. Returns how long it took until it listened.
    pub(crate) fn restart(&mut self, options: &Options) -> Duration {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let begin = Instant::now();
        (self.child, self.address) = spawn(self.kind, options, &self.root());
        begin.elapsed()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Deletes what was stored, except for what the server keeps for itself.
    pub(crate) fn clear(&self) {
        for entry in fs::read_dir(self.root()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
    }

    /// The time that its processors have worked for it.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // Hundredths of a second, on every Linux.
        let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// The most memory that it has had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

fn spawn(kind: Kind, options: &Options, root: &Path) -> (Child, SocketAddr) {
    match kind {
        Kind::Bits => {
            let mut command = Command::new(&options.server);
            command.arg("--root").arg(root).args(&options.server_options).args([
                "--listen=127.0.0.1:0",
                "--connections-per-address=10000",
                "--sessions-per-address=1000000",
                "--max-sessions=1000000",
                "--log-level=warn",
            ]);
            listening(command)
        }
        Kind::Bare | Kind::BareThrice => {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.arg("--bare").arg(root);
            listening(command)
        }
        Kind::Rustus => {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let program = options.rustus.as_ref().unwrap();
            let mut command = Command::new(program);
            command.args(["--host=127.0.0.1", "--log-level=OFF", "--max-body-size=20000000"]);
            command.arg(format!("--port={port}")).arg("--data-dir").arg(root).arg("--info-dir").arg(root);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let (child, address) = (child.spawn().unwrap(), SocketAddr::from(([127, 0, 0, 1], port)));
            let begin = Instant::now();
            while TcpStream::connect(address).is_err() {
                assert!(begin.elapsed() < PATIENCE, "rustus does not listen");
                thread::sleep(Duration::from_millis(5));
            }
            (child, address)
        }
    }
}

/// Starts a program that says where it listens.
fn listening(mut command: Command) -> (Child, SocketAddr) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").expect(&line).parse().unwrap();
    (child, address)
}
