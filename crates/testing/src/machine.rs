//! The machine, as tests use it: ports, mounts, bytes that differ everywhere, and patience.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take. The machine may be busy with much else.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until something holds, which it must soon.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// The address of a port that nobody has at this moment.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Bytes that differ everywhere, so that a mistake in an offset shows. Each size has its own.
pub fn entity(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ size as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// Something mounted, while this lives.
#[derive(Debug)]
pub struct Mount(PathBuf);

impl Mount {
    /// Mounts with these arguments. `None` where nobody may mount anything: what needs it is skipped, and says so.
    pub fn new(arguments: &[&OsStr], at: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(arguments).arg(at).output();
        let mounted = mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()));
        if mounted.is_none() {
            println!("skipped: nothing can be mounted here");
        }
        mounted
    }

    /// A disk of its own, in memory.
    pub fn tmpfs(at: &Path, options: &str) -> Option<Self> {
        Self::new(&["-t", "tmpfs", "-o", options, "tmpfs"].map(OsStr::new), at)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _best_effort = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
