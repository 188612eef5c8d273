//! Behind a proxy: a trusted one says whom it asks for, and nobody else is believed.

use crate::harness::{Server, entity, eventually};
use crate::http1::{Session, connect, read_response, request, send_head};

const TRUSTED: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];
const ONE: (&str, &str) = ("X-Forwarded-For", "192.0.2.1");
const OTHER: (&str, &str) = ("Forwarded", "for=\"[2001:db8::2]:4711\"");

fn create(server: &Server, path: &str, forwarded: (&str, &str)) -> Result<Session, u16> {
    Session::try_create(server.address, path, &[forwarded]).map_err(|refused| refused.status)
}

#[test]
fn each_client_of_a_trusted_proxy_has_its_own_share_of_uploads() {
    let server = Server::start(&[&TRUSTED[..], &["--sessions-per-address", "1"]].concat());
    let first = create(&server, "/a", ONE).ok().unwrap();
    assert_eq!(create(&server, "/b", ("X-Forwarded-For", "198.51.100.1, 192.0.2.1")).err(), Some(503));
    assert!(create(&server, "/c", OTHER).is_ok());
    // Another address of the same machine, whose network has 2⁶⁴ of them.
    assert_eq!(create(&server, "/d", ("X-Forwarded-For", "2001:db8::77")).err(), Some(503));
    assert!(create(&server, "/d", ("X-Forwarded-For", "2001:db8:0:1::2")).is_ok());
    // The two headers do not agree: it is the proxy's own.
    let lies = [ONE, ("Forwarded", "for=203.0.113.5")];
    assert!(Session::try_create(server.address, "/e", &lies).is_ok());
    assert!(Session::try_create(server.address, "/f", &lies).is_err());
    assert_eq!(first.cancel().status, 200);
    assert!(create(&server, "/b", ONE).is_ok());
    server.logs(&["refused", "client=192.0.2.1 ", "path=\"/b\"", "sessions-per-address"]);
    server.logs(&["answered", "client=2001:db8::2", "path=\"/c\""]);
}

#[test]
fn nobody_else_is_believed() {
    for trusted in [&[][..], &["--trusted-proxy", "192.0.2.0/24,unix"]] {
        let server = Server::start(&[trusted, &["--sessions-per-address", "1"]].concat());
        assert!(create(&server, "/a", ONE).is_ok());
        assert_eq!(create(&server, "/b", ("X-Forwarded-For", "192.0.2.7")).err(), Some(503));
        assert_eq!(create(&server, "/c", OTHER).err(), Some(503));
        server.logs(&["refused", "client=127.0.0.1", "path=\"/c\""]);
    }
}

#[test]
fn connections_of_a_trusted_proxy_have_no_share_and_its_clients_have_one() {
    let server = Server::start(&[&TRUSTED[..], &["--connections-per-address", "2"]].concat());
    let begin = |path: &str, client: (&str, &str)| {
        let session = create(&server, path, client).ok().unwrap();
        let stream = session.begin_fragment(&entity(1000), 0, 1000, 400);
        // `begin_fragment` sends no other headers.
        drop(session);
        stream
    };
    // More connections than one address may have: they are idle, and none is closed.
    let idle: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = connect(server.address);
            send_head(
                &mut stream,
                "BITS_POST",
                "/x",
                &[("BITS-Packet-Type", "Ping"), ("Content-Length", "0"), ONE],
            );
            assert_eq!(read_response(&stream, "BITS_POST").status, 200);
            stream
        })
        .collect();
    let busy: Vec<_> =
        ["/a", "/b"].into_iter().map(|path| begin(path, ("X-Forwarded-For", "127.0.0.1"))).collect();
    // Both are under way before anybody else comes.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let ping = |client: (&str, &str)| {
        let headers = [("BITS-Packet-Type", "Ping"), client];
        request(server.address, "BITS_POST", "/x", &headers, b"").status
    };
    assert_eq!(ping(("X-Forwarded-For", "127.0.0.1")), 503, "the proxy's own share is taken");
    assert_eq!((ping(ONE), ping(OTHER)), (200, 200));
    server.logs(&["refused", "client=127.0.0.1", "connections-per-address"]);
    drop(busy);
    eventually("it is free again", || ping(("X-Forwarded-For", "127.0.0.1")) == 200);
    drop(idle);
}

#[test]
fn the_command_for_an_upload_is_told_who_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let command = format!("echo $BITS_CLIENT >> {}", told.display());
    let server = Server::start(&[&TRUSTED[..], &["--on-upload", &command]].concat());
    let session = create(&server, "/a", ("X-Forwarded-For", "192.0.2.1:4711")).ok().unwrap();
    assert_eq!(session.fragment(b"x", 0, 1).status, 200);
    assert_eq!(session.close().status, 200);
    eventually("it is told", || std::fs::read_to_string(&told).is_ok_and(|told| told == "192.0.2.1\n"));
}
