//! `kill -9` at any moment: every acknowledged byte is there afterwards, and nothing else is.

use std::fs::{self, File};
use std::io::Write;
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
    let file = entity(3 << 20);
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
        let part = fs::metadata(&server.state_files("part")[0]).unwrap();
        assert_eq!(part.len(), next as u64, "what was never acknowledged is gone");
        // A fragment far ahead makes the server tell where it stands.
        let told = session.fragment(&file, file.len() - 1, file.len());
        assert_eq!((told.status, told.received()), (416, next as u64));
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
    assert_eq!(server.state_files("part").len(), 0);
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
fn publishing_is_repeated_where_a_crash_came_between() {
    let mut server = Server::start(&[]);
    let file = entity(1000);
    let mut session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&file, 0, 1000).status, 200);
    server.kill();
    // The moment at which the process dies: the name is there, but nobody has noted it down.
    fs::hard_link(&server.state_files("part")[0], server.root().join("a.bin")).unwrap();
    server.restart();
    session.address = server.address;
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
}

#[test]
fn what_belongs_to_no_session_is_deleted() {
    let mut server = Server::start(&[]);
    server.kill();
    let state = server.root().join(".bits");
    let id = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
    for name in [&*format!("{id}.part"), &*format!("{id}.new"), &*format!("{id}.link"), "notes.part"] {
        fs::write(state.join(name), "bytes").unwrap();
    }
    server.restart();
    assert_eq!(server.state_files("part"), [state.join("notes.part")], "what is not ours stays");
    assert_eq!(server.state_files("new").len() + server.state_files("link").len(), 0);
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
    assert_eq!(server.state_files("part").len(), 1);
}

#[test]
fn the_timeout_goes_on_while_no_server_runs() {
    let mut server = Server::start(&["--session-timeout", "7200"]);
    let _sessions = ["/old.bin", "/new.bin"].map(|path| Session::create(server.address, path));
    server.kill();
    let old =
        server.state_files("json").into_iter().find(|json| fs::read_to_string(json).unwrap().contains("old"));
    let three_hours_ago = SystemTime::now() - Duration::from_secs(3 * 3_600);
    File::open(old.unwrap()).unwrap().set_modified(three_hours_ago).unwrap();
    server.restart();
    eventually("the old one is deleted", || server.state_files("json").len() == 1);
    let left = fs::read_to_string(&server.state_files("json")[0]).unwrap();
    assert!(left.contains("new") && server.state_files("part").len() == 1, "{left}");
}
