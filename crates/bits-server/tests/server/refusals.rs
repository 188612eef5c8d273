//! Requests that the server refuses.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::harness::{Mount, Server, entity};
use crate::http1::{PROTOCOL, Session, connect, read_response, request, send_head};

// `Aladdin:open sesame` and `test:123`, as RFC 7617 encodes them.
const ALADDIN: (&str, &str) = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
const TEST: (&str, &str) = ("Authorization", "Basic dGVzdDoxMjM=");
const WRONG: (&str, &str) = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZSE=");

#[test]
fn wrong_and_missing_passwords() {
    let folder = TempDir::new().unwrap();
    let users = folder.path().join("users");
    fs::write(&users, "# those who may\n\ntest:123\n").unwrap();
    let users = users.to_str().unwrap();
    let server = Server::start(&["--user", "Aladdin:open sesame", "--users-file", users, "--serve"]);
    for headers in [&[][..], &[WRONG]] {
        let refused = Session::try_create(server.address, "/a.bin", headers).err().unwrap();
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").starts_with("Basic "));
        assert_eq!(refused.header("bits-packet-type"), "Ack");
        assert_eq!(request(server.address, "GET", "/a.bin", headers, b"").status, 401);
    }
    let session = Session::try_create(server.address, "/a.bin", &[ALADDIN]).ok().unwrap();
    let file = entity(10);
    let stranger = Session { headers: vec![(TEST.0.into(), TEST.1.into())], ..session.clone() };
    let refused = stranger.fragment(&file, 0, 10);
    assert_eq!((refused.status, refused.header("bits-error-code")), (403, "0x80070005"));
    assert_eq!(stranger.cancel().status, 403);
    assert_eq!(session.fragment(&file, 0, 10).status, 200);
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
}

#[test]
fn sessions_of_one_owner_are_limited() {
    let server =
        Server::start(&["--user", "Aladdin:open sesame", "--user", "test:123", "--sessions-per-owner", "1"]);
    let session = Session::try_create(server.address, "/a.bin", &[ALADDIN]).ok().unwrap();
    assert_eq!(Session::try_create(server.address, "/b.bin", &[ALADDIN]).err().unwrap().status, 503);
    assert!(Session::try_create(server.address, "/b.bin", &[TEST]).is_ok());
    assert_eq!(session.cancel().status, 200);
    assert!(Session::try_create(server.address, "/b.bin", &[ALADDIN]).is_ok());
}

#[test]
fn sessions_of_one_address_are_limited() {
    let server = Server::start(&["--sessions-per-address", "2"]);
    let sessions = ["/a.bin", "/b.bin"].map(|path| Session::create(server.address, path));
    assert_eq!(Session::try_create(server.address, "/c.bin", &[]).err().unwrap().status, 503);
    assert_eq!(sessions[0].cancel().status, 200);
    let third = Session::create(server.address, "/c.bin");
    assert_eq!(Session::try_create(server.address, "/d.bin", &[]).err().unwrap().status, 503);
    assert_eq!(third.close().status, 200);
    Session::create(server.address, "/d.bin");
}

#[test]
fn no_path_leads_outside() {
    let server = Server::start(&["--create-dirs", "--allow-overwrites", "--serve"]);
    fs::write(server.outside().join("secret"), "secret").unwrap();
    fs::create_dir(server.outside().join("elsewhere")).unwrap();
    symlink(server.outside(), server.root().join("up")).unwrap();
    symlink(server.outside().join("secret"), server.root().join("link")).unwrap();
    symlink(server.outside().join("new"), server.root().join("dangling")).unwrap();
    for path in [
        "/../secret",
        "/a/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        r"/..\secret",
        "/..%5csecret",
        "//secret",
        "/./secret",
        "/secret%00",
        "/C:/secret",
        "/c%3a/secret",
        "/NUL",
        "/con.txt",
        "/up/secret",
        "/up/new",
        "/up/elsewhere/new",
        "/.bits/x",
        "/.bits/.bits-state",
        "/.bits/deeper/x",
    ] {
        let refused = Session::try_create(server.address, path, &[]);
        let refused = refused.err().unwrap_or_else(|| panic!("{path} is taken"));
        assert_eq!(refused.status, 403, "{path}");
        let read = request(server.address, "GET", path, &[], b"");
        assert_eq!((read.status, &*read.body), (404, &b""[..]), "{path}");
    }
    // A link itself can be replaced, but is never followed.
    assert_eq!(request(server.address, "GET", "/link", &[], b"").status, 404);
    for name in ["link", "dangling"] {
        let session = Session::create(server.address, &format!("/{name}"));
        assert_eq!(session.fragment(b"upload", 0, 6).status, 200);
        assert_eq!(session.close().status, 200);
        assert!(server.root().join(name).symlink_metadata().unwrap().is_file());
    }
    assert_eq!(fs::read(server.outside().join("secret")).unwrap(), b"secret");
    assert!(!server.outside().join("new").exists());
}

#[test]
fn a_link_that_comes_later_is_not_followed_either() {
    let server = Server::start(&["--create-dirs"]);
    fs::create_dir(server.root().join("folder")).unwrap();
    let session = Session::create(server.address, "/folder/new");
    assert_eq!(session.fragment(b"upload", 0, 6).status, 200);
    // The hidden folder with the bytes in it goes with the folder, to where the link leads.
    fs::rename(server.root().join("folder"), server.outside().join("moved")).unwrap();
    symlink(server.outside().join("moved"), server.root().join("folder")).unwrap();
    assert_eq!(session.close().status, 500);
    assert!(!server.outside().join("moved/new").exists());
}

#[test]
fn existing_files_are_replaced_only_where_that_is_allowed() {
    for (options, status) in [(&[][..], 403), (&["--allow-overwrites"], 200)] {
        let server = Server::start(options);
        let early = Session::create(server.address, "/a.bin");
        assert_eq!(early.fragment(b"new", 0, 3).status, 200);
        fs::write(server.root().join("a.bin"), "old").unwrap();
        assert_eq!(early.close().status, status);
        let expected = if status == 200 { "new" } else { "old" };
        assert_eq!(server.published("a.bin").unwrap(), expected.as_bytes());
        let late = Session::try_create(server.address, "/a.bin", &[]);
        assert_eq!(late.err().map_or(200, |refused| refused.status), status);
    }
}

#[test]
fn folders() {
    let server = Server::start(&[]);
    fs::create_dir(server.root().join("folder")).unwrap();
    let refused = |path| Session::try_create(server.address, path, &[]).err().unwrap().status;
    assert_eq!(refused("/folder"), 400);
    assert_eq!(refused("/folder/"), 400);
    assert_eq!(refused("/"), 400);
    assert_eq!(refused("/missing/a.bin"), 404);
    assert!(Session::try_create(server.address, "/folder/a.bin", &[]).is_ok());

    let server = Server::start(&["--create-dirs"]);
    let session = Session::create(server.address, "/missing/deep/a.bin");
    assert!(!server.root().join("missing").exists(), "made when there is something to put in");
    assert_eq!(session.fragment(b"x", 0, 1).status, 200);
    assert_eq!(session.close().status, 200);
    assert_eq!(server.published("missing/deep/a.bin").unwrap(), b"x");
}

#[test]
fn limits_of_size() {
    let server = Server::start(&["--max-upload-size", "20KiB", "--max-fragment-size", "10KiB"]);
    let file = entity(20 * 1024 + 1);
    let session = Session::create(server.address, "/a.bin");
    let refused = session.fragment(&file, 0, 100);
    assert_eq!((refused.status, refused.header("bits-error-code")), (500, "0x80200020"));
    let file = &file[..20 * 1024];
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(file, 0, 10 * 1024 + 1).status, 413);
    assert_eq!(session.fragment(file, 0, 10 * 1024).status, 200);
    assert_eq!(session.fragment(file, 10 * 1024, 20 * 1024).status, 200);
}

#[test]
fn a_refused_body_is_not_asked_for() {
    let server = Server::start(&[]);
    let mut session = Session::create(server.address, "/a.bin");
    let expecting = |session: &Session| {
        let mut stream = connect(server.address);
        let headers = [
            ("BITS-Packet-Type", "Fragment"),
            ("BITS-Session-Id", &*session.id),
            ("Content-Range", "bytes 0-4/5"),
            ("Content-Length", "5"),
            ("Expect", "100-continue"),
        ];
        send_head(&mut stream, "BITS_POST", "/a.bin", &headers);
        stream
    };
    let mut stream = expecting(&session);
    assert_eq!(read_response(&stream, "BITS_POST").status, 100);
    stream.write_all(b"bytes").unwrap();
    assert_eq!(read_response(&stream, "BITS_POST").status, 200);
    session.id = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}".to_owned();
    let refused = read_response(&expecting(&session), "BITS_POST");
    assert_eq!((refused.status, refused.header("connection")), (500, "close"));
}

#[test]
fn method_override_and_strict_are_options() {
    let headers = [
        ("X-HTTP-Method-Override", "BITS_POST"),
        ("BITS-Packet-Type", "Create-Session"),
        ("BITS-Supported-Protocols", PROTOCOL),
    ];
    let server = Server::start(&[]);
    assert_eq!(request(server.address, "POST", "/a.bin", &headers, b"").status, 405);
    let server = Server::start(&["--allow-method-override"]);
    assert_eq!(request(server.address, "POST", "/a.bin", &headers, b"").status, 200);

    let server = Server::start(&["--strict"]);
    let file = entity(10);
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&file, 0, 5).status, 200);
    assert_eq!(session.fragment(&file, 0, 5).status, 416, "strict takes no repeats");
}

#[test]
fn a_full_disk_is_told_and_the_upload_goes_on_when_there_is_room() {
    let mount_point = TempDir::new().unwrap();
    let root = mount_point.path().to_owned();
    let options = ["-t", "tmpfs", "-o", "size=512k", "tmpfs"].map(OsStr::new);
    let Some(_mount) = Mount::new(&options, &root) else { return };
    fs::write(root.join("filler"), vec![0; 400 * 1024]).unwrap();
    let server = Server::start_in(TempDir::new().unwrap(), root.clone(), &[]);
    let file = entity(300 * 1024);
    let session = Session::create(server.address, "/a.bin");
    let refused = session.fragment(&file, 0, file.len());
    assert_eq!((refused.status, refused.header("bits-error-code")), (500, "0x80070070"));
    let next = refused.received() as usize;
    assert!(next < file.len());
    fs::remove_file(root.join("filler")).unwrap();
    assert_eq!(session.fragment(&file, next, file.len()).received(), file.len() as u64);
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
}

#[test]
fn sessions_are_limited_in_all() {
    let server = Server::start(&["--max-sessions", "2"]);
    let first = Session::create(server.address, "/a");
    Session::create(server.address, "/b");
    let refused = Session::try_create(server.address, "/c", &[]).err().unwrap();
    assert_eq!(refused.status, 503);
    server.logs(&["Create-Session", "path=\"/c\"", "--max-sessions would allow more"]);
    assert_eq!(first.cancel().status, 200);
    Session::create(server.address, "/c");
}

#[test]
fn an_upload_that_would_leave_too_little_room_is_told_at_once() {
    let server = Server::start(&["--keep-free", "8000000000GiB"]);
    let refused = Session::try_create(server.address, "/a", &[]).err().unwrap();
    // `ERROR_DISK_FULL`.
    assert_eq!((refused.status, refused.header("bits-error-code")), (500, "0x80070070"));
    server.logs(&["Create-Session", "bytes are free, which is too little"]);
    assert!(server.parts().is_empty());
}
