//! A disk that is full: nobody is told that a byte is safe which is not, and the upload goes on once there is room.

use std::fs::{self, File};

use end_to_end::{Connection, Desk, Kind, Server, assert_same, eventually, with_both_servers, write_file};

const MIB: u64 = 1 << 20;
const SIZE: u64 = 5 * MIB;
const FRAGMENT: u64 = 256 << 10;
const OPTIONS: [&str; 4] = ["--fragment-size", "256KiB", "--state", "upload.state"];

with_both_servers! {
    an_upload_that_gave_up_goes_on_where_it_was
    an_upload_that_will_not_fit_is_told_before_it_sends_anything
    an_upload_that_waits_goes_on_by_itself
    an_upload_that_finds_no_room_at_all_begins_once_there_is_some
    an_upload_is_cancelled_at_once
}

/// A server whose disk of 8 MiB holds another file of this size.
fn server_beside(kind: Kind, filler: u64) -> Server {
    let server = Server::start_on_small_disk(kind, 8 * MIB);
    write_file(&server.file("filler"), filler, 0);
    server
}

/// Fills the disk to its last byte.
fn fill(mut file: File) -> std::io::Result<u64> {
    std::io::copy(&mut std::io::repeat(0), &mut file)
}

fn an_upload_that_gave_up_goes_on_where_it_was(kind: Kind) {
    let (server, desk) = (server_beside(kind, 0), Desk::with_file(SIZE));
    let url = server.url("/a.bin");
    let slow = [&OPTIONS[..], &["--give-up-after", "3", "--max-rate", "1MiB"]].concat();
    let upload = desk.upload(&slow, &url);
    eventually("half of it is there", || server.stored() > 2 * MIB);
    // Somebody else takes the room that there was when it began.
    assert!(fill(File::create(server.file("filler")).unwrap()).is_err());
    upload.wait().failed(3, &["no progress", "disk", "run the same command again"]);
    assert_eq!(server.published(), ["filler"]);

    fs::remove_file(server.file("filler")).unwrap();
    let ended = desk.run(&[&OPTIONS[..], &["-v"]].concat(), &url);
    ended.succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_eq!((server.published(), server.leftovers()), (vec!["a.bin".to_owned()], vec![]));
    assert_eq!(server.closed(), 1, "in the same session");
    // What was acknowledged had stayed.
    let first = ended.stdout.lines().find_map(|line| line.split_once("Content-Range: bytes ")).unwrap().1;
    let first: u64 = first.split('-').next().unwrap().parse().unwrap();
    assert!(first > 2 * MIB, "{first}");
}

fn an_upload_that_will_not_fit_is_told_before_it_sends_anything(kind: Kind) {
    let (server, desk) = (server_beside(kind, 5 * MIB), Desk::with_file(SIZE));
    let ended = desk.run(&[&OPTIONS[..], &["--give-up-after", "1"]].concat(), &server.url("/a.bin"));
    ended.failed(3, &["no progress", "disk"]);
    assert_eq!(server.stored(), 0);
}

fn an_upload_that_waits_goes_on_by_itself(kind: Kind) {
    let (server, desk) = (server_beside(kind, 5 * MIB), Desk::with_file(SIZE));
    let mut upload = desk.upload(&OPTIONS, &server.url("/a.bin"));
    eventually("it complains", || upload.printed().matches("trying again").count() >= 3);
    assert!(upload.is_running() && server.published() == ["filler"]);
    fs::remove_file(server.file("filler")).unwrap();
    upload.wait().succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_eq!((server.closed(), server.leftovers()), (1, vec![]));
}

fn an_upload_that_finds_no_room_at_all_begins_once_there_is_some(kind: Kind) {
    let (server, desk) = (server_beside(kind, 7 * MIB), Desk::with_file(FRAGMENT));
    assert!(fill(File::create(server.file("rest")).unwrap()).is_err());
    let url = server.url("/a.bin");
    let ended = desk.run(&[&OPTIONS[..], &["--give-up-after", "2"]].concat(), &url);
    ended.failed(3, &["no progress", "disk"]);
    assert_eq!(server.published(), ["filler", "rest"]);
    fs::remove_file(server.file("rest")).unwrap();
    desk.run(&OPTIONS, &url).succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
}

fn an_upload_is_cancelled_at_once(kind: Kind) {
    let server = server_beside(kind, 0);
    let mut connection = Connection::open(server.address());
    let ids = [(); 3].map(|()| connection.create_session("/a.bin"));
    // Not even the bytes of an upload make room when they go: there are none.
    assert!(fill(File::create(server.file("filler")).unwrap()).is_err());
    let cancel = |connection: &mut Connection, id: &str| {
        let headers = [("BITS-Packet-Type", "Cancel-Session"), ("BITS-Session-Id", id)];
        connection.request("BITS_POST", "/a.bin", &headers, b"").status
    };
    assert_eq!(ids.each_ref().map(|id| cancel(&mut connection, id)), [200; 3]);
    assert_eq!((server.leftovers(), server.closed()), (vec![], 3), "all are remembered");
    assert_eq!(ids.each_ref().map(|id| cancel(&mut connection, id)), [200; 3]);
}
