//! `bits-server` as its users start it: killed, stopped, and started again.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A server. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    options: Vec<String>,
    environment: Vec<(&'static str, String)>,
    child: Child,
    address: SocketAddr,
    log: File,
}

impl Server {
    /// Starts one with these options: the program that `BITS_SERVER` names, or the one that is built for tests.
    #[must_use]
    pub fn start(options: &[String], environment: Vec<(&'static str, String)>) -> Self {
        let log = tempfile::tempfile().unwrap();
        let (child, address) = spawn(options, &environment, &log);
        Self { options: options.to_vec(), environment, child, address, log }
    }

    /// Starts one that may not be able to. Returns what it said, if it ended at once.
    ///
    /// # Errors
    /// What it said.
    pub fn try_start(options: &[String], environment: Vec<(&'static str, String)>) -> Result<Self, String> {
        let log = tempfile::tempfile().unwrap();
        match try_spawn(options, &environment, &log) {
            Ok((child, address)) => Ok(Self { options: options.to_vec(), environment, child, address, log }),
            Err(()) => Err(read(&log)),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again; on another port, unless its options name one.
    pub fn restart(&mut self) {
        (self.child, self.address) = spawn(&self.options, &self.environment, &self.log);
    }

    /// `kill -STOP`: nothing in it moves.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// `kill -CONT`.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// The time that its processor has worked for it, in hundredths of a second.
    #[must_use]
    pub fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// A line of `/proc/PID/status`, in bytes.
    #[must_use]
    pub fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':')).unwrap();
        value.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Forgets the most memory that it ever had (`VmHWM`).
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// What it has logged, since it was started first.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.log)
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

fn read(log: &File) -> String {
    let mut text = String::new();
    let mut log = log.try_clone().unwrap();
    log.seek(SeekFrom::Start(0)).unwrap();
    log.read_to_string(&mut text).unwrap();
    text
}

fn spawn(options: &[String], environment: &[(&'static str, String)], log: &File) -> (Child, SocketAddr) {
    try_spawn(options, environment, log)
        .unwrap_or_else(|()| panic!("bits-server does not start: {}", read(log)))
}

fn try_spawn(
    options: &[String],
    environment: &[(&'static str, String)],
    log: &File,
) -> Result<(Child, SocketAddr), ()> {
    let named = std::env::var_os("BITS_SERVER");
    let mut command = named.map_or_else(|| Command::new(end_to_end::programs::server()), Command::new);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    let mut child = command
        .args(options)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone().unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    match line.trim().rsplit("//").next().unwrap().parse() {
        Ok(address) => Ok((child, address)),
        Err(_) => {
            child.wait().unwrap();
            Err(())
        }
    }
}
