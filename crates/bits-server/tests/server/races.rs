//! Connections that break or hang, and the client that comes back.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{Server, entity, eventually};
use crate::http1::{Session, read_response};

/// A fragment of the only upload that hangs after 600,000 bytes. Some of them are on the disk: it is at work.
fn hung_fragment(server: &Server, session: &Session, file: &[u8]) -> TcpStream {
    let hung = session.begin_fragment(file, 0, 1 << 20, 600_000);
    let has_bytes = |path: &PathBuf| path.metadata().is_ok_and(|part| part.len() > 0);
    eventually("its bytes are written", || server.parts().iter().any(has_bytes));
    hung
}

#[test]
fn a_hung_connection_is_superseded_within_a_second() {
    let server = Server::start(&[]);
    let file = entity(1 << 20);
    let session = Session::create(server.address, "/a.bin");
    let hung = hung_fragment(&server, &session, &file);
    let begin = Instant::now();
    assert_eq!(session.fragment(&file, 0, 1 << 20).received(), 1 << 20);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
    drop(hung);
}

#[test]
fn a_cancel_stops_a_hung_fragment() {
    let server = Server::start(&[]);
    let file = entity(1 << 20);
    let session = Session::create(server.address, "/a.bin");
    let hung = hung_fragment(&server, &session, &file);
    let begin = Instant::now();
    assert_eq!(session.cancel().status, 200);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(server.parts().len(), 0);
    drop(hung);
}

#[test]
fn the_bytes_of_a_broken_connection_count() {
    let server = Server::start(&[]);
    let file = entity(1 << 20);
    let session = Session::create(server.address, "/a.bin");
    drop(session.begin_fragment(&file, 0, 1 << 20, 600_000));
    // Nobody asks before: a newer request would put an end to it.
    let part = server.parts().remove(0);
    eventually("600,000 bytes are stored", || part.metadata().unwrap().len() == 600_000);
    let told = session.fragment(&file, file.len() - 1, file.len());
    assert_eq!((told.status, told.received()), (416, 600_000));
    assert_eq!(session.fragment(&file, 600_000, 1 << 20).received(), 1 << 20);
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
}

#[test]
fn a_repeat_of_what_is_stored_changes_nothing() {
    let server = Server::start(&[]);
    let file = entity(20_000);
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&file, 0, 10_000).received(), 10_000);
    let other = vec![0; 20_000];
    assert_eq!(session.fragment(&other, 0, 10_000).received(), 10_000);
    let overlapping: Vec<_> = other[..10_000].iter().chain(&file[10_000..]).copied().collect();
    assert_eq!(session.fragment(&overlapping, 5_000, 20_000).received(), 20_000);
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
}

#[test]
fn a_server_that_is_told_to_stop_sends_clients_away_and_keeps_their_bytes() {
    let mut server = Server::start(&[]);
    let file = entity(1 << 20);
    let mut session = Session::create(server.address, "/a.bin");
    let hung = hung_fragment(&server, &session, &file);
    let begin = Instant::now();
    assert!(server.terminate().success());
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    let answer = read_response(&hung, "BITS_POST");
    // On a busy machine some of the 600,000 are still on their way.
    let kept = usize::try_from(answer.received()).unwrap();
    assert!(answer.status == 503 && (1..=600_000).contains(&kept), "{answer:?}");
    assert_eq!(server.rest_of_output(), "", "one line is all that it prints");
    server.restart();
    session.address = server.address;
    assert_eq!(session.fragment(&file, kept, 1 << 20).received(), 1 << 20);
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
}

#[test]
fn a_disk_that_hangs_does_not_keep_a_server_that_is_told_to_stop() {
    let mut server = Server::start(&[]);
    let session = Session::create(server.address, "/a.bin");
    // A pipe that nobody reads: whoever opens it waits, and cannot be stopped.
    let part = server.parts().remove(0);
    fs::remove_file(&part).unwrap();
    assert!(Command::new("mkfifo").arg(&part).status().unwrap().success());
    let hung = session.begin_fragment(&entity(10), 0, 10, 10);
    eventually("it waits for the disk", || waits_for_a_pipe(server.pid()));
    assert!(server.terminate().success());
    drop(hung);
}

/// Whether a thread of the process waits for the other end of a pipe; `true` where the kernel tells nobody what threads
/// wait for.
fn waits_for_a_pipe(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|thread| thread.unwrap().path());
    let waits: Vec<_> = threads.filter_map(|thread| fs::read_to_string(thread.join("wchan")).ok()).collect();
    waits.iter().any(|wait| wait == "wait_for_partner") || waits.iter().all(|wait| wait == "0")
}
