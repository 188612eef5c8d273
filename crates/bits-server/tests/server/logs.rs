//! The log at the default level: a line for each refusal, and for each connection without a request.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::harness::{Server, entity, eventually};
use crate::http1::{Session, connect, request};

/// The lines that have all of these words.
fn lines(server: &Server, words: &[&str]) -> Vec<String> {
    let log = server.log();
    log.lines().filter(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned).collect()
}

#[test]
fn a_refusal_says_who_what_and_why_in_one_line() {
    let server = Server::start(&["--serve", "--max-upload-size", "40", "--max-fragment-size", "10"]);
    std::fs::write(server.root().join("there"), "").unwrap();
    std::fs::create_dir(server.root().join("folder")).unwrap();
    for (path, words) in [
        ("/there", &["destination exists", "--allow-overwrites"][..]),
        ("/no/folder", &["folder of the destination does not exist", "--create-dirs"]),
        ("/folder", &["is a directory"]),
        ("/NUL", &["that name is not allowed"]),
        ("/a%5Cb", &["that name is not allowed"]),
        ("/.bits-1/x", &["reserved for the server"]),
    ] {
        let refused = Session::try_create(server.address, path, &[]).err().unwrap();
        assert!(refused.status >= 400);
        let who = ["answered", "client=127.0.0.1", "Create-Session", &*format!("path={path:?}")];
        server.logs(&[&who[..], words].concat());
        assert_eq!(lines(&server, &[&format!("path={path:?}")]).len(), 1, "one line");
    }
    let session = Session::create(server.address, "/large");
    for (size, start, end, status, why) in [
        (41, 0, 5, 500, "The file is larger than the server accepts"),
        (40, 0, 20, 413, "the fragment is larger than the server accepts"),
        (40, 20, 25, 416, "bytes before these are missing"),
    ] {
        let session = Session::create(server.address, &format!("/large-{status}"));
        assert_eq!(session.fragment(&entity(size), start, end).status, status);
        server.logs(&["Fragment", &format!("status={status}"), &session.path, why]);
    }
    session.close();
    assert_eq!(session.fragment(b"x", 0, 1).status, 500);
    server.logs(&["Fragment", "/large\"", "does not know the session"]);
    for (method, path, status, why) in [
        ("DELETE", "/odd-1", 405, "another method"),
        ("PROPFIND", "/odd-2", 405, "another method"),
        ("POST", "/odd-3", 405, "another method"),
        ("OPTIONS", "/odd-4", 405, "another method"),
        ("GET", "/odd-5", 404, "no such file"),
    ] {
        assert_eq!(request(server.address, method, path, &[], b"").status, status, "{method}");
        let path = format!("path={path:?}");
        server.logs(&["refused", "client=127.0.0.1", &format!("method={method}"), &path, why]);
        assert_eq!(lines(&server, &[&path]).len(), 1, "one line");
    }
}

#[test]
fn a_connection_without_a_request_leaves_a_line() {
    let server = Server::start(&["--idle-timeout", "1"]);
    let ended = |words: &[&str], count: usize| {
        let words = [&["client=127.0.0.1"][..], words].concat();
        eventually(&format!("{count} lines with {words:?}"), || lines(&server, &words).len() == count);
    };
    drop(connect(server.address));
    ended(&["a connection ended before a request", "it was closed"], 1);
    // A head that breaks off, and one that never comes.
    let mut half = connect(server.address);
    half.write_all(b"BITS_POST /a HTTP/1.1\r\nHost:").unwrap();
    half.shutdown(Shutdown::Both).unwrap();
    ended(&["a connection ended before a request"], 2);
    let mut silent = connect(server.address);
    silent.write_all(b"BITS_POST /a HTTP/1.1\r\n").unwrap();
    let _closed = silent.read_to_end(&mut Vec::new());
    ended(&["a connection ended before a request", "read header"], 1);
    for garbage in ["\x16\x03\x01\x02\0\x01", "GET\r\n\r\n", "GET / HTTP/1.1\r\n bad\r\n\r\n"] {
        let mut stream = connect(server.address);
        stream.write_all(garbage.as_bytes()).unwrap();
        let _answered = stream.read_to_end(&mut Vec::new());
    }
    ended(&["a request was refused"], 3);
    // One that is answered has a line of its own, and no other.
    let before = server.log().lines().count();
    Session::create(server.address, "/a");
    eventually("it is logged", || server.log().lines().count() > before);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(server.log().lines().count(), before + 1, "{}", server.log());
}

#[test]
fn json_is_an_object_a_line() {
    let server = Server::start(&["--log-format", "json", "--user", "Aladdin:open sesame"]);
    let aladdin = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let path = "/quote\"s%0A";
    assert!(Session::try_create(server.address, path, &[aladdin]).is_err());
    assert!(Session::try_create(server.address, "/a", &[]).is_err());
    server.logs(&["quote"]);
    server.logs(&["no name and password"]);
    let log = server.log();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = lines.iter().find(|line| line["message"] == "answered").unwrap();
    assert_eq!((&answered["packet"], &answered["status"]), (&"Create-Session".into(), &403.into()));
    assert_eq!((&answered["path"], &answered["owner"]), (&path.into(), &"Aladdin".into()));
    assert_eq!(answered["level"], "INFO");
    let refused = lines.iter().find(|line| line["message"] == "refused").unwrap();
    assert_eq!((&refused["client"], &refused["status"]), (&"127.0.0.1".into(), &401.into()));
}
