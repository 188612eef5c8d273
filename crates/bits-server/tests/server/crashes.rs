//! `kill -9` at any moment: every acknowledged byte is there afterwards, and nothing else is.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::harness::{Server, entity, eventually};
use crate::http1::Session;

fn after_restart(server: &mut Server, session: &mut Session) {
    server.kill();
    server.restart();
    session.address = server.address;
}

#[test]
fn an_upload_goes_on_after_kills_between_and_within_fragments() {
    let mut server = Server::start(&[]);
    let file = entity(4 << 20);
    let mut session = Session::create(server.address, "/a.bin");
    after_restart(&mut server, &mut session);
    let mut next = 0;
    for round in 0_usize..6 {
        let end = (next + 400_000).min(file.len());
        assert_eq!(session.fragment(&file, next, end).received(), end as u64, "{round}");
        next = end;
        // Another fragment is on its way.
        let sent = round * 70_000;
        let mut stream = session.begin_fragment(&file, next, (next + 500_000).min(file.len()), sent);
        stream.flush().unwrap();
        std::thread::sleep(Duration::from_millis(round as u64 * 7));
        after_restart(&mut server, &mut session);
        // A fragment far ahead makes the server tell where it stands. What is on the disk counts, told or not.
        let told = session.fragment(&file, file.len() - 1, file.len());
        assert_eq!(told.status, 416);
        let part = fs::metadata(&server.parts()[0]).unwrap();
        assert!(
            part.len() == told.received() && told.received() >= next as u64,
            "{} {next}",
            told.received()
        );
        next = told.received() as usize;
    }
    assert_eq!(session.fragment(&file, next, file.len()).status, 200);
    after_restart(&mut server, &mut session);
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
}

#[test]
fn a_close_whose_ack_was_lost_is_a_success_after_a_restart() {
    let mut server = Server::start(&[]);
    let file = entity(1000);
    let mut session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&file, 0, 1000).status, 200);
    assert_eq!(session.close().status, 200);
    // Whoever takes the file away must not find it again.
    fs::remove_file(server.root().join("a.bin")).unwrap();
    for _ in 0..2 {
        after_restart(&mut server, &mut session);
        assert_eq!(session.close().status, 200);
        assert_eq!(session.close().status, 200);
        assert_eq!(server.published("a.bin"), None);
    }
    assert_eq!(server.parts().len(), 0);
}

#[test]
fn what_was_closed_does_not_count_after_a_restart() {
    let mut server = Server::start(&["--sessions-per-owner", "1"]);
    for name in ["/empty.bin", "/a.bin", "/b.bin"] {
        let mut session = Session::create(server.address, name);
        if name == "/a.bin" {
            assert_eq!(session.fragment(b"x", 0, 1).status, 200);
        }
        assert_eq!(session.close().status, 200);
        after_restart(&mut server, &mut session);
        assert_eq!(session.close().status, 200);
    }
}

#[test]
fn an_upload_that_was_published_when_the_server_died_is_not_published_again() {
    for options in [&[][..], &["--allow-overwrites"]] {
        let mut server = Server::start(options);
        let mut session = Session::create(server.address, "/a.bin");
        assert_eq!(session.fragment(b"old", 0, 3).status, 200);
        let before = server.root().with_file_name("before");
        copy(&server.root().join(".bits"), &before);
        let part = server.parts().remove(0);
        assert_eq!(session.close().status, 200);
        server.kill();
        // The moment at which the process died: the intent is saved, the file is moved, and nothing else is done.
        let hidden = part.parent().unwrap();
        fs::create_dir(hidden).unwrap();
        fs::set_permissions(hidden, fs::Permissions::from_mode(0o700)).unwrap();
        let note = fs::read_dir(&before).unwrap().map(|entry| entry.unwrap().path());
        let note = note.filter(|path| path.extension().is_some_and(|kind| kind == "place")).last().unwrap();
        copy(&note, &server.root().join(".bits"));
        // A consumer has taken the file away, and somebody has put a newer one there.
        fs::write(server.root().join("a.bin"), "newer").unwrap();
        server.restart();
        session.address = server.address;
        assert_eq!(session.close().status, 200);
        assert_eq!(server.published("a.bin").unwrap(), b"newer");
        assert_eq!(server.parts().len() + server.state_files("place").len(), 0);
        assert!(!hidden.exists());
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

#[test]
fn what_belongs_to_no_session_is_deleted() {
    let mut server = Server::start(&[]);
    server.kill();
    let state = server.root().join(".bits");
    let id = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
    for name in [&*format!("{id}.reply"), &*format!("{id}.new"), "notes.part"] {
        fs::write(state.join(name), "bytes").unwrap();
    }
    server.restart();
    assert_eq!(server.state_files("part"), [state.join("notes.part")], "what is not ours stays");
    assert_eq!(server.state_files("new").len() + server.state_files("reply").len(), 0);
}

#[test]
fn a_session_that_cannot_be_read_is_ignored_and_kept() {
    let mut server = Server::start(&[]);
    let _session = Session::create(server.address, "/a.bin");
    server.kill();
    let saved = server.state_files("json").remove(0);
    fs::write(&saved, "{").unwrap();
    server.restart();
    assert_eq!(fs::read(&saved).unwrap(), b"{");
    assert_eq!(server.parts().len(), 1);
}

#[test]
fn the_timeout_goes_on_while_no_server_runs() {
    let mut server = Server::start(&["--session-timeout", "60"]);
    let _sessions = ["/old.bin", "/new.bin"].map(|path| Session::create(server.address, path));
    server.kill();
    let old =
        server.state_files("json").into_iter().find(|json| fs::read_to_string(json).unwrap().contains("old"));
    let three_hours_ago = SystemTime::now() - Duration::from_secs(3 * 3_600);
    File::open(old.unwrap()).unwrap().set_modified(three_hours_ago).unwrap();
    server.restart();
    eventually("the old one is deleted", || server.state_files("json").len() == 1);
    let left = fs::read_to_string(&server.state_files("json")[0]).unwrap();
    assert!(left.contains("new") && server.parts().len() == 1, "{left}");
}
