//! What an operator uses: expiry, metrics, TLS, downloads.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::harness::{Server, entity, eventually};
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
    // Free a moment ago; the server says in its log alone where its metrics are.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
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
