//! `--sync`: what the program asks the disk for before it acknowledges something.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Server, entity};
use crate::http1::Session;

/// The system calls that make something last.
const SYNCS: &str = "trace=fsync,fdatasync,syncfs,sync,msync,sync_file_range";

/// What was asked for at each step of an upload, a line for each system call and its file.
#[derive(Debug)]
struct Syncs {
    create: Vec<String>,
    first_fragment: Vec<String>,
    last_fragment: Vec<String>,
    close: Vec<String>,
}

fn lines(trace: &Path) -> Vec<String> {
    fs::read_to_string(trace).unwrap().lines().map(str::to_owned).collect()
}

/// Uploads a file, which must work.
fn upload(when: &str, tracer: &[&str], trace: &Path) -> Syncs {
    let server = Server::start_under(tracer, &["--sync", when]);
    let file = entity(10);
    let mut seen = lines(trace).len();
    let mut more = || {
        let new = lines(trace).split_off(seen);
        seen += new.len();
        new
    };
    let session = Session::create(server.address, "/a.bin");
    let create = more();
    assert_eq!(session.fragment(&file, 0, 5).status, 200, "{when}");
    let first_fragment = more();
    assert_eq!(session.fragment(&file, 5, 10).status, 200, "{when}");
    let last_fragment = more();
    assert_eq!(session.close().status, 200, "{when}");
    assert_eq!(server.published("a.bin"), Some(file), "{when}");
    Syncs { create, first_fragment, last_fragment, close: more() }
}

/// Whether the bytes of the entity were synced: its part has the name of the file.
fn of_bytes(lines: &[String]) -> bool {
    lines.iter().any(|line| line.contains("/a.bin>"))
}

/// Without such attributes each Fragment is synced, unless nothing is.
fn has_attributes(folder: &Path) -> bool {
    let file = fs::File::create(folder.join("attributes")).unwrap();
    rustix::fs::fsetxattr(&file, "user.bits-test", b"", rustix::fs::XattrFlags::empty()).is_ok()
}

#[test]
fn each_fragment_whole_files_or_nothing_is_synced_before_it_is_acknowledged() {
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace");
    fs::write(&trace, "").unwrap();
    // Beside the program, which keeps its number.
    let strace = ["strace", "-D", "-f", "-y", "-qq", "-e", SYNCS, "-e", "signal=none", "-o"];
    let strace = [&strace[..], &[trace.to_str().unwrap()]].concat();
    if !Command::new("strace").args(&strace[1..]).arg("true").status().is_ok_and(|done| done.success()) {
        println!("skipped: strace does not work here: apt-get install strace");
        for when in ["fragment", "close", "none"] {
            upload(when, &[], &trace);
        }
        return;
    }
    let [fragment, close, none] = ["fragment", "close", "none"].map(|when| upload(when, &strace, &trace));
    // Without a byte there is nothing to lose. The first one makes all of the session last.
    assert!(fragment.create.is_empty(), "{fragment:?}");
    assert!(of_bytes(&fragment.first_fragment) && of_bytes(&fragment.last_fragment), "{fragment:?}");
    assert!(fragment.first_fragment.iter().any(|line| line.contains(".json>")), "{fragment:?}");
    assert_eq!(fragment.last_fragment.len(), 1, "a later Fragment costs one sync: {fragment:?}");
    assert!(!fragment.close.is_empty(), "that it is published lasts: {fragment:?}");
    assert!(of_bytes(&close.last_fragment) && !close.close.is_empty(), "{close:?}");
    if has_attributes(folder.path()) {
        assert!(!of_bytes(&close.first_fragment), "{close:?}");
    }
    // What is known of sessions is not synced either.
    let all = [none.create, none.first_fragment, none.last_fragment, none.close].concat();
    assert!(all.is_empty(), "{all:?}");
}
