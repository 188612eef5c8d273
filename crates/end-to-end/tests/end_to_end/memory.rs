//! The memory of the server, as the system counts it.

use std::fs;
use std::ops::Range;
use std::thread;

use end_to_end::{Connection, Desk, Kind, Server, assert_same, with_both_servers};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// A line of `/proc/PID/status`, in bytes.
fn memory(server: &Server, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':')).unwrap();
    value.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * KIB
}

/// The most that the server ever had while something went on.
fn peak(server: &Server, what: impl FnOnce()) -> u64 {
    // Forgets the peak so far.
    fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    what();
    memory(server, "VmHWM")
}

/// Uploads a file four times at once.
fn upload(server: &Server, desk: &Desk, fragment_size: &str) {
    let names: Vec<_> = (0..4).map(|number| format!("{fragment_size}-{number}.bin")).collect();
    let start = |name| {
        let url = server.url(&format!("/{name}"));
        desk.upload(&["--fragment-size", fragment_size], &url)
    };
    let uploads: Vec<_> = names.iter().map(start).collect();
    for upload in uploads {
        upload.wait().succeeded();
    }
    for file in names.iter().map(|name| server.file(name)) {
        assert_same(&desk.source(), &file);
        fs::remove_file(file).unwrap();
    }
}

with_both_servers! { large_fragments_take_no_more_memory_than_small_ones }

fn large_fragments_take_no_more_memory_than_small_ones(kind: Kind) {
    let (server, desk) = (Server::start_a(kind), Desk::with_file(4 * 13 * MIB));
    let small = peak(&server, || upload(&server, &desk, "1MiB"));
    let large = peak(&server, || upload(&server, &desk, "13MiB"));
    println!("peaks: {} KiB with small fragments, {} KiB with large ones", small / KIB, large / KIB);
    // Four at once, and not half of one is in memory.
    assert!(large < small + 6 * MIB, "{large} {small}");
}

/// Opens sessions on eight connections, and returns paths and ids.
fn open_sessions(server: &Server, numbers: Range<u64>) -> Vec<(String, String)> {
    let create = |from: u64| {
        let mut connection = Connection::open(server.address());
        let paths = numbers.clone().skip(from as usize).step_by(8).map(|number| format!("/{number}.bin"));
        paths.map(|path| (path.clone(), connection.create_session(&path))).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|from| scope.spawn(move || create(from))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn ten_thousand_open_sessions_take_little_memory_each() {
    // All of them come from one address.
    let mut server = Server::start(&["--sessions-per-address", "10000"]);
    open_sessions(&server, 0..1_000);
    let few = memory(&server, "VmRSS");
    let sessions = open_sessions(&server, 1_000..10_000);
    let each = memory(&server, "VmRSS").saturating_sub(few) / 9_000;
    println!("{each} bytes for each session");
    // What no buffer has room in.
    assert!(each < 2 * KIB, "{each}");
    assert_eq!(server.metric("bits_sessions_open"), 10_000);
    server.kill();
    server.restart();
    assert_eq!(server.metric("bits_sessions_open"), 10_000, "after a restart as well");

    let mut connection = Connection::open(server.address());
    for (path, id) in sessions.iter().step_by(90) {
        let mut send = |packet: &str, range: &[(&str, &str)], body: &[u8]| {
            let headers = [&[("BITS-Packet-Type", packet), ("BITS-Session-Id", id.as_str())], range].concat();
            assert_eq!(connection.request("BITS_POST", path, &headers, body).status, 200, "{path}");
        };
        send("Fragment", &[("Content-Range", "bytes 0-4/5")], b"hello");
        send("Close-Session", &[], b"");
        assert_eq!(fs::read(server.file(&path[1..])).unwrap(), b"hello");
    }
    assert_eq!(server.metric("bits_sessions_open"), 9_900);
}
