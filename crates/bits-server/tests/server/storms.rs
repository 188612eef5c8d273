//! Kills under load, with a consumer at work: each file is published once, whole, or its client was told no.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, Server, entity};
use crate::http1::PROTOCOL;

/// How often the server is killed; `BITS_KILLS` says otherwise, for nights.
const KILLS: usize = 60;

/// How many clients upload at a time.
const CLIENTS: usize = 6;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
}

/// A packet and its answer; `None` if the server died.
pub(crate) fn send(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    write!(stream, "BITS_POST {path} HTTP/1.1\r\nHost: server\r\nContent-Length: {length}\r\n{lines}\r\n")
        .ok()?;
    let _refused = stream.write_all(body);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Answer {
        status,
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
    })
}

/// Uploads a file, whatever it takes.
pub(crate) fn upload(address: &Mutex<SocketAddr>, path: &str, file: &[u8]) {
    let heard = Cell::new(Instant::now());
    let to = |headers: &[(&str, &str)], body: &[u8]| {
        let answer = send(*address.lock().unwrap(), path, headers, body);
        match answer {
            Some(_) => heard.set(Instant::now()),
            None => assert!(heard.get().elapsed() < DEADLINE, "{path}: nobody answers any more"),
        }
        if answer.as_ref().is_none_or(|answer| answer.status >= 500) {
            thread::sleep(Duration::from_millis(10));
        }
        answer
    };
    let create = [("BITS-Packet-Type", "Create-Session"), ("BITS-Supported-Protocols", PROTOCOL)];
    let id = loop {
        if let Some(answer) = to(&create, b"").filter(|answer| answer.status == 200) {
            break answer.headers["bits-session-id"].clone();
        }
    };
    let mut offset = 0;
    while offset < file.len() {
        let end = (offset + 40_000).min(file.len());
        let range = format!("bytes {offset}-{}/{}", end - 1, file.len());
        let headers = [("BITS-Packet-Type", "Fragment"), ("BITS-Session-Id", &id), ("Content-Range", &range)];
        let Some(answer) = to(&headers, &file[offset..end]) else { continue };
        let error = answer.headers.get("bits-error-code").map_or("", String::as_str);
        assert_ne!(error, "0x8020001F", "{path}: the session is lost");
        if let Some(received) = answer.headers.get("bits-received-content-range") {
            let received = received.parse().unwrap();
            assert!(answer.status != 200 || received >= end, "{path}: {received} and not {end}");
            offset = received;
        }
    }
    let close = [("BITS-Packet-Type", "Close-Session"), ("BITS-Session-Id", &*id)];
    while to(&close, b"").is_none_or(|answer| {
        let error = answer.headers.get("bits-error-code").map_or("", String::as_str);
        let comes_again = answer.status >= 500 && error != "0x8020001F";
        assert!(answer.status == 200 || comes_again, "{path}: Close is answered {} {error}", answer.status);
        answer.status != 200
    }) {}
}

/// Takes away what is published, at once. Returns what it found under each name, as often as it found it.
pub(crate) fn consume(root: &Path, taken: &Path, ends: &AtomicBool) -> HashMap<String, Vec<Vec<u8>>> {
    let mut found: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
    let mut last = false;
    while !last {
        last = ends.load(Ordering::SeqCst);
        // The root itself may be away.
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with(".bits") && fs::rename(root.join(&name), taken).is_ok() {
                found.entry(name).or_default().push(fs::read(taken).unwrap());
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    found
}

/// Uploads files of a client's own, one after the other, until it ends. Returns their sizes.
pub(crate) fn upload_until(
    ends: &AtomicBool,
    client: usize,
    address: &Mutex<SocketAddr>,
    uploads: &AtomicUsize,
) -> Vec<usize> {
    let mut sizes = Vec::new();
    while !ends.load(Ordering::SeqCst) {
        let size = [0, 1, 30_000, 150_000][sizes.len() % 4];
        upload(address, &format!("/{client}-{}", sizes.len()), &entity(size));
        sizes.push(size);
        uploads.fetch_add(1, Ordering::SeqCst);
    }
    sizes
}

/// Each file of each client, of these sizes, was found once.
#[track_caller]
pub(crate) fn assert_published_once_and_whole(found: &HashMap<String, Vec<Vec<u8>>>, sizes: Vec<Vec<usize>>) {
    for (client, sizes) in sizes.into_iter().enumerate() {
        for (number, size) in sizes.into_iter().enumerate() {
            let name = format!("{client}-{number}");
            let copies = found.get(&name).map_or(&[][..], Vec::as_slice);
            assert_eq!(copies.len(), 1, "{name} is published once");
            assert!(copies[0] == entity(size), "{name} is published whole");
        }
    }
}

#[test]
fn every_file_is_published_once_and_whole_across_kills_under_load() {
    let kills = std::env::var("BITS_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    for options in [&[][..], &["--allow-overwrites"]] {
        let mut server = Server::start(options);
        let (root, taken) = (server.root().to_owned(), server.outside().join("taken"));
        let (address, ends, uploads) =
            (Mutex::new(server.address), AtomicBool::new(false), AtomicUsize::new(0));
        let ended = AtomicBool::new(false);
        let found = thread::scope(|scope| {
            let consumer = scope.spawn(|| consume(&root, &taken, &ended));
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (address, ends, uploads) = (&address, &ends, &uploads);
                    scope.spawn(move || upload_until(ends, client, address, uploads))
                })
                .collect();
            for kill in 0..kills / 2 {
                thread::sleep(Duration::from_millis(kill as u64 * 13 % 60));
                // Now and then, something is done in between, however busy the machine is.
                let before = uploads.load(Ordering::SeqCst);
                while kill % 3 == 0 && uploads.load(Ordering::SeqCst) == before {
                    thread::sleep(Duration::from_millis(1));
                }
                server.kill();
                server.restart();
                *address.lock().unwrap() = server.address;
            }
            ends.store(true, Ordering::SeqCst);
            let sizes: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
            ended.store(true, Ordering::SeqCst);
            let found = consumer.join().unwrap();
            assert_published_once_and_whole(&found, sizes);
            found
        });
        assert_eq!(found.len(), uploads.load(Ordering::SeqCst));
        assert!(found.len() >= kills / 6, "{} uploads: too few to mean anything", found.len());
        // Of a Create whose Ack was lost, an empty session is left for an hour.
        let (parts, notes) = (server.parts(), server.state_files("place").len());
        assert!(
            parts.len() == notes && parts.iter().all(|part| part.metadata().unwrap().len() == 0),
            "{parts:?}"
        );
    }
}
