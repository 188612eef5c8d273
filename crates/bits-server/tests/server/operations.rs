//! The features that an operator uses: expiry, metrics, TLS, downloads.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::harness::{Server, entity, eventually, free_address};
use crate::http1::{Session, connect, read_response, request, send_ping};
use crate::tls::Certificate;

#[test]
fn an_abandoned_upload_is_deleted_at_the_timeout() {
    let server = Server::start(&["--session-timeout", "1.5"]);
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&entity(10), 0, 5).status, 200);
    assert_eq!(server.parts().len(), 1);
    eventually("the upload is deleted", || {
        server.parts().is_empty() && server.state_files("json").is_empty()
    });
    let refused = session.fragment(&entity(10), 5, 10);
    assert_eq!((refused.status, refused.header("bits-error-code")), (500, "0x8020001F"));
}

#[test]
fn metrics_count() {
    let address = free_address();
    let server = Server::start(&["--metrics", &address.to_string(), "--session-timeout", "1.5"]);
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&entity(10), 0, 10).status, 200);
    assert_eq!(request(server.address, "BITS_POST", "/a.bin", &[("BITS-Packet-Type", "x")], b"").status, 400);
    let metrics = || String::from_utf8(request(address, "GET", "/metrics", &[], b"").body).unwrap();
    let text = metrics();
    for line in [
        "bits_sessions_open 1",
        "bits_received_bytes_total 10",
        "bits_sessions_expired_total 0",
        r#"bits_packets_total{type="Create-Session",status="200"} 1"#,
        r#"bits_packets_total{type="Fragment",status="200"} 1"#,
        r#"bits_packets_total{type="invalid",status="400"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    eventually("the session expires", || metrics().contains("bits_sessions_expired_total 1\n"));
    assert!(metrics().contains("bits_sessions_open 0\n"));
}

#[test]
fn published_files_are_served_with_ranges_where_that_is_wanted() {
    let server = Server::start(&[]);
    fs::write(server.root().join("a.bin"), "0123456789").unwrap();
    assert_eq!(request(server.address, "GET", "/a.bin", &[], b"").status, 404);

    let server = Server::start(&["--serve"]);
    let file = entity(600_000);
    fs::write(server.root().join("a.bin"), &file).unwrap();
    let get = |range| request(server.address, "GET", "/a.bin", &[("Range", range)], b"");
    let whole = request(server.address, "GET", "/a.bin", &[], b"");
    assert!(whole.status == 200 && whole.body == file);
    assert!(whole.header("etag").starts_with('"') && !whole.header("last-modified").is_empty());
    let part = get("bytes=100-299999");
    assert!(part.status == 206 && part.body == file[100..300_000]);
    assert_eq!(part.header("content-range"), "bytes 100-299999/600000");
    let parts = get("bytes=0-1,-1");
    assert!(parts.header("content-type").starts_with("multipart/byteranges"));
    assert_eq!(get("bytes=600000-").status, 416);
    let head = request(server.address, "HEAD", "/a.bin", &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, "600000"));
    assert_eq!(request(server.address, "GET", "/missing", &[], b"").status, 404);
    assert_eq!(request(server.address, "DELETE", "/a.bin", &[], b"").status, 405);
}

#[test]
fn files_of_a_root_that_is_gone_for_a_while_are_not_said_to_be_deleted() {
    let server = Server::start(&["--serve"]);
    fs::write(server.root().join("a.bin"), "x").unwrap();
    let get = |path: &str| request(server.address, "GET", path, &[], b"").status;
    let away = server.outside().join("away");
    // The root, and then the state folder in it.
    for name in ["", ".bits"] {
        let place = server.root().join(name);
        fs::rename(&place, &away).unwrap();
        for method in ["GET", "HEAD"] {
            assert_eq!(request(server.address, method, "/a.bin", &[], b"").status, 500, "{method} {name}");
        }
        server.logs(&["ERROR", "something went wrong in the server", "cannot be used"]);
        fs::rename(&away, &place).unwrap();
        assert_eq!(get("/a.bin"), 200);
    }
    // What a client asks for that is no file is no error of the server.
    let failures = || server.log().matches("ERROR").count();
    eventually("each is logged", || failures() == 4);
    std::os::unix::fs::symlink("a.bin", server.root().join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(server.root().join("socket")).unwrap();
    fs::create_dir(server.root().join("folder")).unwrap();
    let long = format!("/{}", "x".repeat(300));
    for path in ["/link", "/socket", "/folder", "/link/b", "/a.bin/b", "/missing/b", &long, "/.bits/control"]
    {
        assert_eq!(get(path), 404, "{path}");
    }
    eventually("the last one is logged", || server.log().contains("/.bits/control"));
    assert_eq!(failures(), 4, "{}", server.log());
}

#[test]
fn host_ids_are_handed_out() {
    let server = Server::start(&["--host-id", "upload-2.example.org", "--host-id-fallback-timeout", "60"]);
    let headers = [
        ("BITS-Packet-Type", "Create-Session"),
        ("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}"),
    ];
    let ack = request(server.address, "BITS_POST", "/a.bin", &headers, b"");
    assert_eq!(ack.header("bits-host-id"), "upload-2.example.org");
    assert_eq!(ack.header("bits-host-id-fallback-timeout"), "60");
}

#[test]
fn tls() {
    let (folder, certificate) = (TempDir::new().unwrap(), Certificate::new());
    let (chain, key) = (certificate.write(folder.path()), certificate.write_key(folder.path()));
    let server = Server::start(&["--tls-cert", &chain, "--tls-key", &key]);
    let mut stream = certificate.connect(connect(server.address));
    send_ping(&mut stream);
    assert_eq!(read_response(&mut stream, "BITS_POST").status, 200);
}

#[test]
fn the_state_folder_can_be_elsewhere() {
    let elsewhere = TempDir::new().unwrap();
    fs::set_permissions(elsewhere.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let server = Server::start(&["--state", elsewhere.path().to_str().unwrap()]);
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(b"bytes", 0, 5).status, 200);
    assert!(fs::read_dir(elsewhere.path()).unwrap().count() > 1);
    assert!(!server.root().join(".bits").exists());
    assert_eq!(session.close().status, 200);
    assert_eq!(server.published("a.bin").as_deref(), Some(&b"bytes"[..]));
}

#[test]
fn a_log_that_nobody_reads_stops_neither_the_server_nor_its_end() {
    let root = TempDir::new().unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_bits-server"))
        .args(["--listen", "127.0.0.1:0", "--log-level", "trace", "--root", root.path().to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line)
        .unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
    // Far more than a pipe holds.
    let long = format!("/{}", "x".repeat(200));
    for number in 0..500 {
        let path = format!("{long}/{number}");
        assert_eq!(Session::try_create(address, &path, &[]).err().unwrap().status, 404);
    }
    let done = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
    eventually("it ends", || child.try_wait().unwrap().is_some());
}

#[test]
fn a_command_is_run_for_every_file_that_was_published() {
    let folder = TempDir::new().unwrap();
    let told = folder.path().join("told");
    let line = "$BITS_PATH $BITS_SIZE $BITS_USER $BITS_CLIENT $BITS_CONTENT_NAME $BITS_SHA256";
    let command = format!("echo \"{line}\" >> {}", told.display());
    let server = Server::start(&["--on-upload", &command, "--user", "Aladdin:open sesame"]);
    let aladdin = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let session = Session::try_create(server.address, "/a%20b.bin", &[aladdin]).ok().unwrap();
    assert_eq!(session.fragment(b"abc", 0, 3).status, 200);
    assert!(!told.exists());
    let name = ("Content-Name".to_owned(), "Bericht für heute.bin".to_owned());
    let named = Session { headers: [&session.headers[..], &[name]].concat(), ..session };
    assert_eq!(named.close().status, 200);
    eventually("it is told", || fs::read_to_string(&told).is_ok_and(|told| told.ends_with('\n')));
    let path = server.root().canonicalize().unwrap().join("a b.bin");
    // The digest of "abc" in FIPS 180-2.
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let expected = format!("{} 3 Aladdin 127.0.0.1 Bericht für heute.bin {sha256}\n", path.display());
    assert_eq!(fs::read_to_string(&told).unwrap(), expected);
}

#[test]
fn what_a_command_says_and_how_it_fails_is_logged_and_no_more_than_that() {
    // More than a pipe holds, with quotes and control characters: and then it ends.
    let command = r#"printf '%s\033[2J"\n' "$BITS_CONTENT_NAME" >&2; head -c 3000000 /dev/zero | tr '\0' 'x' >&2; exit 7"#;
    let server = Server::start(&["--on-upload", command, "--log-format", "json"]);
    let session = Session::create(server.address, "/a.bin");
    let named = Session { headers: vec![("Content-Name".into(), "a \"b\" $(id)".into())], ..session };
    assert_eq!(named.close().status, 200);
    server.logs(&["the command for an upload failed", "exit status: 7"]);
    let log = server.log();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |line: &&serde_json::Value| line["message"] == "the command for an upload says";
    let said: Vec<_> = lines.iter().filter(said).collect();
    assert_eq!((&said[0]["said"], &said[0]["path"]), (&"a \"b\" $(id)\u{1b}[2J\"".into(), &"/a.bin".into()));
    assert!(said.len() > 1 && said.len() <= 100 && log.len() < 200_000, "{} lines", said.len());
}

#[test]
fn certificate_and_users_are_read_again_when_the_server_is_told_to() {
    let folder = TempDir::new().unwrap();
    let users = folder.path().join("users");
    fs::write(&users, "Aladdin:old\n").unwrap();
    let (old, new) = (Certificate::new(), Certificate::new());
    let (chain, key) = (old.write(folder.path()), old.write_key(folder.path()));
    let options = ["--users-file", users.to_str().unwrap(), "--tls-cert", &chain, "--tls-key", &key];
    let server = Server::start(&options);
    let status = |certificate: &Certificate| {
        let mut stream = certificate.connect(connect(server.address));
        crate::http1::send_head(
            &mut stream,
            "BITS_POST",
            "/a.bin",
            &[
                ("BITS-Packet-Type", "Ping"),
                ("Content-Length", "0"),
                ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ],
        );
        read_response(&mut stream, "BITS_POST").status
    };
    assert_eq!(status(&old), 401);
    let hang_up = || {
        let pid = server.pid().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    // What cannot be used changes nothing.
    fs::write(&users, "nobody\n").unwrap();
    hang_up();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(status(&old), 401);
    // A certificate of which a half is written, and one whose key has not come yet.
    let whole = fs::read(new.write(folder.path())).unwrap();
    for written in [&whole[..whole.len() / 2], &whole] {
        fs::write(&chain, written).unwrap();
        let before = server.log().matches("the certificate could not be read again").count();
        hang_up();
        eventually("it stays", || {
            server.log().matches("the certificate could not be read again").count() > before
        });
        assert_eq!(status(&old), 401);
    }
    fs::write(&users, "\u{feff}Aladdin:open sesame\n").unwrap();
    new.write_key(folder.path());
    hang_up();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(status(&new), 200);
}

#[test]
fn users_on_a_disk_that_hangs_keep_nobody_when_they_are_read_again() {
    let folder = TempDir::new().unwrap();
    let users = folder.path().join("users");
    fs::write(&users, "Aladdin:open sesame\n").unwrap();
    let mut server = Server::start(&["--users-file", users.to_str().unwrap(), "--threads", "1"]);
    let aladdin = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    fs::remove_file(&users).unwrap();
    // Who opens a pipe waits until somebody writes.
    let made = std::process::Command::new("mkfifo").arg(&users).status().unwrap();
    assert!(made.success());
    let pid = server.pid().to_string();
    for path in ["/a", "/b"] {
        assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        std::thread::sleep(std::time::Duration::from_millis(300));
        let session = Session::try_create(server.address, path, &[aladdin]).ok().unwrap();
        assert_eq!(session.fragment(b"abc", 0, 3).status, 200);
        assert_eq!(session.close().status, 200);
    }
    assert_eq!(server.terminate().code(), Some(0));
}
