//! The servers of the README: short, and run.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

#[test]
fn the_readme_shows_them_word_for_word_and_they_are_short() {
    let readme = include_str!("../../README.md");
    for (program, most) in [
        (include_str!("../../examples/folder_server.rs"), 40),
        (include_str!("../../examples/own_storage.rs"), 150),
    ] {
        assert!(
            readme.contains(&format!("```rust,ignore\n{program}```")),
            "the README has another:\n{program}"
        );
        assert!(program.lines().count() <= most, "{} lines", program.lines().count());
    }
}

/// An example that runs.
struct Example {
    child: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Example {
    fn start(name: &str, arguments: &[&str]) -> Self {
        // Beside the tests, where cargo builds them together.
        let tests = std::env::current_exe().unwrap();
        let program = tests.parent().and_then(Path::parent).unwrap().join("examples").join(name);
        let mut child =
            Command::new(program).arg("127.0.0.1:0").args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, output, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends a packet, and returns the head of its answer in small letters.
    fn send(&self, path: &str, packet: &str, headers: &str, body: &[u8]) -> String {
        let mut stream = self.connect();
        head(&mut stream, path, packet, &format!("{headers}Content-Length: {}\r\n", body.len()));
        stream.write_all(body).unwrap();
        answer(&mut stream)
    }

    /// A new session, as a header.
    fn create(&self, path: &str) -> String {
        let protocol = "BITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\n";
        let answer = self.send(path, "Create-Session", protocol, b"");
        let id = answer.lines().find_map(|line| line.strip_prefix("bits-session-id: "));
        format!("BITS-Session-Id: {}\r\n", id.unwrap_or_else(|| panic!("{answer}")))
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn head(stream: &mut TcpStream, path: &str, packet: &str, headers: &str) {
    let method = "BITS_POST";
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: server\r\nBITS-Packet-Type: {packet}\r\n{headers}\r\n")
        .unwrap();
}

fn answer(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

#[test]
fn the_server_of_the_readme_takes_uploads_across_kills() {
    let root = TempDir::new().unwrap();
    let arguments = [root.path().to_str().unwrap()];
    let mut server = Example::start("folder_server", &arguments);
    let path = "/a/b.bin";
    let session = server.create(path);
    let range = |range: &str| format!("{session}Content-Range: bytes {range}\r\n");
    assert!(
        server
            .send(path, "Fragment", &range("0-4/10"), b"01234")
            .contains("\r\nbits-received-content-range: 5\r\n")
    );
    // `kill -9`.
    drop(server);
    server = Example::start("folder_server", &arguments);
    // One that hangs is no obstacle.
    let mut hung = server.connect();
    head(
        &mut hung,
        path,
        "Fragment",
        &format!("{}Content-Length: 5\r\nExpect: 100-continue\r\n", range("5-9/10")),
    );
    assert!(answer(&mut hung).starts_with("http/1.1 100"), "it is asked for its body");
    hung.write_all(b"56").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert!(
        server
            .send(path, "Fragment", &range("5-9/10"), b"56789")
            .contains("\r\nbits-received-content-range: 10\r\n")
    );
    assert!(!root.path().join("a/b.bin").exists());
    assert!(server.send(path, "Close-Session", &session, b"").starts_with("http/1.1 200"));
    assert_eq!(fs::read(root.path().join("a/b.bin")).unwrap(), b"0123456789");
    drop(server);
    fs::remove_file(root.path().join("a/b.bin")).unwrap();
    server = Example::start("folder_server", &arguments);
    assert!(server.send(path, "Close-Session", &session, b"").starts_with("http/1.1 200"), "the repeat");
    assert!(!root.path().join("a/b.bin").exists(), "it is published once");
}

#[test]
fn a_storage_of_ones_own_takes_uploads() {
    let mut server = Example::start("own_storage", &[]);
    let session = server.create("/a");
    let range = format!("{session}Content-Range: bytes 0-4/5\r\n");
    assert!(server.send("/a", "Fragment", &range, b"01234").starts_with("http/1.1 200"));
    assert!(server.send("/a", "Close-Session", &session, b"").starts_with("http/1.1 200"));
    let mut line = String::new();
    server.output.read_line(&mut line).unwrap();
    assert_eq!(line, "/a has 5 bytes\n");
    let refused = server.send(
        "/a",
        "Create-Session",
        "BITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\n",
        b"",
    );
    assert!(refused.starts_with("http/1.1 403"), "{refused}");
}
