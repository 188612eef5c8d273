//! `--user-dirs`: each user has a folder, a quota, and perhaps the right to read.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Server, entity, eventually};
use crate::http1::{Session, request};

// `Aladdin:open sesame` and `test:123`, as RFC 7617 encodes them.
const ALADDIN: (&str, &str) = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
const TEST: (&str, &str) = ("Authorization", "Basic dGVzdDoxMjM=");

const USERS: [&str; 5] = ["--user", "Aladdin:open sesame", "--user", "test:123", "--user-dirs"];

fn create(server: &Server, path: &str, user: (&str, &str)) -> Result<Session, u16> {
    Session::try_create(server.address, path, &[user]).map_err(|refused| refused.status)
}

fn upload(server: &Server, path: &str, user: (&str, &str), file: &[u8]) -> Result<(), u16> {
    let session = create(server, path, user)?;
    match session.fragment(file, 0, file.len()).status {
        200 => assert_eq!(session.close().status, 200),
        status => {
            assert_eq!(session.cancel().status, 200);
            return Err(status);
        }
    }
    Ok(())
}

#[test]
fn each_user_writes_into_a_folder_of_its_own_and_reads_from_it() {
    let server = Server::start(&[&USERS[..], &["--serve", "--create-dirs"]].concat());
    assert_eq!(upload(&server, "/a%20b", ALADDIN, b"of Aladdin"), Ok(()));
    assert_eq!(upload(&server, "/a%20b", TEST, b"of test"), Ok(()));
    assert_eq!(upload(&server, "/deep/er", TEST, b"x"), Ok(()));
    assert_eq!(server.published("Aladdin/a b").unwrap(), b"of Aladdin");
    assert_eq!(server.published("test/a b").unwrap(), b"of test");
    assert!(server.published("test/deep/er").is_some());
    fs::write(server.root().join("of-nobody"), "secret").unwrap();
    let get = |path: &str, user| request(server.address, "GET", path, &[user], b"");
    assert_eq!(get("/a%20b", ALADDIN).body, b"of Aladdin");
    assert_eq!(get("/a%20b", TEST).body, b"of test");
    let around = [
        "/of-nobody",
        "/../Aladdin/a%20b",
        "/%2e%2e/Aladdin/a%20b",
        "/..%2fAladdin%2fa%20b",
        "/..%5cAladdin%5ca%20b",
        "//Aladdin/a%20b",
        "/Aladdin/a%20b",
    ];
    for path in around {
        assert_eq!(get(path, TEST).status, 404, "{path}");
        assert!(
            upload(&server, path, TEST, b"y").is_err() || path == "/of-nobody" || path == "/Aladdin/a%20b",
            "{path}"
        );
    }
    assert_eq!(server.published("Aladdin/a b").unwrap(), b"of Aladdin");
    assert_eq!(
        request(server.address, "BITS_POST", "*", &[TEST, ("BITS-Packet-Type", "Ping")], b"").status,
        400
    );
    let target = format!("http://{}/absolute", server.address);
    assert_eq!(upload(&server, &target, TEST, b"z"), Ok(()));
    assert!(server.published("test/absolute").is_some());
}

#[test]
fn each_user_has_a_quota() {
    let quotas = ["--quota", "1000", "--user-quota", "Aladdin=2000"];
    let server = Server::start(&[&USERS[..], &quotas].concat());
    assert_eq!(upload(&server, "/a", TEST, &entity(600)), Ok(()));
    let full = create(&server, "/b", TEST).ok().unwrap();
    let refused = full.fragment(&entity(401), 0, 401);
    assert_eq!((refused.status, refused.header("bits-error-code")), (500, "0x80070070"));
    server.logs(&["Fragment", "test", "quota of 1000 bytes"]);
    assert_eq!(full.cancel().status, 200);
    assert_eq!(upload(&server, "/a", ALADDIN, &entity(2000)), Ok(()));
    assert!(create(&server, "/b", ALADDIN).is_err(), "nothing is left");
    assert_eq!(upload(&server, "/b", TEST, &entity(400)), Ok(()));
    // Consumers make room.
    fs::remove_file(server.root().join("Aladdin/a")).unwrap();
    assert_eq!(upload(&server, "/b", ALADDIN, &entity(1500)), Ok(()));
}

#[test]
fn without_user_dirs_the_quota_is_that_of_the_root() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("there"), entity(1000)).unwrap();
    let server = Server::start_in(folder, root, &["--quota", "1KiB"]);
    let session = Session::create(server.address, "/a");
    assert_eq!(session.fragment(&entity(25), 0, 25).status, 500);
    let session = Session::create(server.address, "/b");
    assert_eq!(session.fragment(&entity(24), 0, 24).status, 200);
}

#[test]
fn only_readers_read() {
    let server = Server::start(&[&USERS[..], &["--serve", "--reader", "test"]].concat());
    assert_eq!(upload(&server, "/a", TEST, b"x"), Ok(()));
    assert_eq!(upload(&server, "/a", ALADDIN, b"x"), Ok(()));
    for (user, expected) in [(TEST, 200), (ALADDIN, 403)] {
        for method in ["GET", "HEAD"] {
            assert_eq!(request(server.address, method, "/a", &[user], b"").status, expected);
        }
    }
    server.logs(&["refused", "status=403", "may not read"]);
}

#[test]
fn users_that_come_with_a_reload_get_their_folders() {
    let folder = TempDir::new().unwrap();
    let users = folder.path().join("users");
    fs::write(&users, "Aladdin:open sesame\n").unwrap();
    let server = Server::start(&["--user-dirs", "--users-file", users.to_str().unwrap()]);
    let reload = || {
        assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
    };
    fs::write(&users, "Aladdin:open sesame\n../test:123\n").unwrap();
    reload();
    server.logs(&["ERROR", "../test", "can have no folder"]);
    assert!(create(&server, "/a", ALADDIN).is_ok(), "the users stay as they were");
    fs::write(&users, "Aladdin:open sesame\ntest:123\n").unwrap();
    reload();
    eventually("the new user may upload", || create(&server, "/a", TEST).is_ok());
    assert!(server.root().join("test").is_dir());
}

#[test]
fn the_application_is_told_the_url_that_the_client_knows() {
    let application = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", application.local_addr().unwrap());
    let told = std::thread::spawn(move || {
        let (mut stream, _) = application.accept().unwrap();
        let request = crate::http1::read_request(&stream).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nBITS-Copy-File-To-Destination: 1\r\nContent-Length: 5\r\n\r\nreply";
        std::io::Write::write_all(&mut stream, answer).unwrap();
        request.header("bits-original-request-url").to_owned()
    });
    let options = ["--serve", "--notify", "by-value", "--notification-url", &url];
    let server = Server::start(&[&USERS[..], &options].concat());
    let session = create(&server, "/a", TEST).ok().unwrap();
    let ack = session.fragment(b"x", 0, 1);
    assert_eq!(told.join().unwrap(), "http://server/a");
    // So is the client, where its reply is.
    let reply = format!("/{}", ack.header("bits-reply-url"));
    assert_eq!(request(server.address, "GET", &reply, &[TEST], b"").body, b"reply");
    assert_eq!(request(server.address, "GET", &reply, &[ALADDIN], b"").status, 404);
    assert_eq!(session.close().status, 200);
    assert_eq!(server.published("test/a").unwrap(), b"x");
}
