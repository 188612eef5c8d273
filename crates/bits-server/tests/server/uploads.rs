//! Whole uploads.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use bits_proto::client::{Config, Entity, Event, Output, Upload};
use bits_proto::packet::Payload;

use crate::harness::{Server, entity};
use crate::http1::{Session, request};

/// Uploads with the library's client. Its whole program is here but for retries, which nothing should need.
fn upload(address: SocketAddr, path: &str, file: &[u8], fragment_size: u64) {
    let destination = format!("http://{address}{path}").parse().unwrap();
    let config = Config::builder().fragment_size(fragment_size).build().unwrap();
    let described = Entity::new(file.len() as u64).unwrap();
    let mut upload = Upload::new(Instant::now(), destination, described, config).unwrap();
    while let Some(output) = upload.poll_output() {
        match output {
            Output::Transmit(transmit) => {
                let (head, payload) = transmit.request.into_parts();
                let body = match payload {
                    Payload::Empty => &[][..],
                    Payload::Range(range) => &file[range.start as usize..range.end as usize],
                };
                let headers: Vec<_> = head
                    .headers
                    .iter()
                    .filter(|(name, _)| *name != "content-length")
                    .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                    .collect();
                let answer = request(address, head.method.as_str(), head.uri.path(), &headers, body);
                let mut response = http::Response::builder().status(answer.status);
                for (name, value) in &answer.headers {
                    response = response.header(name, value);
                }
                upload.handle_response(Instant::now(), transmit.id, &response.body(()).unwrap());
            }
            Output::Event(Event::Completed { .. }) => return,
            Output::Event(Event::Failed(failure)) => panic!("{path}: {failure}"),
            Output::Event(_) | Output::Abort(_) => {}
        }
    }
    panic!("{path}: the upload waits for something");
}

#[test]
fn files_of_every_awkward_size_arrive_whole() {
    let server = Server::start(&[]);
    for size in [0, 1, 5119, 5120, 5121, (1 << 20) - 1, 1 << 20, (1 << 20) + 1] {
        let file = entity(size);
        let name = format!("{size}.bin");
        upload(server.address, &format!("/{name}"), &file, 300_000);
        assert!(server.published(&name).as_ref() == Some(&file), "{size}");
    }
    assert_eq!(server.parts().len() + server.state_files("place").len(), 0);
    assert_eq!(server.state_files("json").len(), 8, "they answer repeats for an hour");
}

#[test]
fn a_large_fragment_is_streamed_in_constant_memory() {
    let server = Server::start(&[]);
    let file = entity(40 << 20);
    upload(server.address, "/large.bin", &file, 13 << 20);
    assert!(server.published("large.bin").as_ref() == Some(&file));
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
    assert!(peak.parse::<u64>().unwrap() < 30 << 10, "{peak} KiB at the peak");
}

#[test]
fn two_hundred_uploads_at_once() {
    let server = Server::start(&[]);
    let file = entity(20_000);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..200 {
            let (file, address) = (&file, server.address);
            scope.spawn(move || upload(address, &format!("/{number}.bin"), file, 10_000));
        }
    });
    for number in 0..200 {
        assert!(server.published(&format!("{number}.bin")).as_ref() == Some(&file), "{number}");
    }
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

#[test]
fn nothing_is_seen_before_the_close() {
    let server = Server::start(&[]);
    let file = entity(10_000);
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&file, 0, 5_000).received(), 5_000);
    assert_eq!(session.close().status, 400);
    assert_eq!(session.fragment(&file, 5_000, 10_000).received(), 10_000);
    assert_eq!(server.published("a.bin"), None);
    assert_eq!(session.close().status, 200);
    assert!(server.published("a.bin") == Some(file));
}

#[test]
fn what_lost_bytes_behind_the_servers_back_is_not_published() {
    for left in [Some(999), None] {
        let server = Server::start(&[]);
        let session = Session::create(server.address, "/a.bin");
        assert_eq!(session.fragment(&entity(1_000), 0, 1_000).status, 200);
        let part = server.parts().remove(0);
        match left {
            Some(left) => File::options().write(true).open(part).unwrap().set_len(left).unwrap(),
            None => fs::remove_file(part).unwrap(),
        }
        assert_eq!(session.close().status, 404);
        assert_eq!((server.published("a.bin"), server.parts().len()), (None, 0));
    }
}

#[test]
fn a_cancelled_upload_leaves_nothing() {
    let server = Server::start(&[]);
    let session = Session::create(server.address, "/a.bin");
    assert_eq!(session.fragment(&entity(100), 0, 50).status, 200);
    assert_eq!(session.cancel().status, 200);
    assert_eq!(session.cancel().status, 200);
    for extension in ["place", "gone", "reply", "new"] {
        assert_eq!(server.state_files(extension).len(), 0, "{extension}");
    }
    assert_eq!(fs::read_dir(server.root()).unwrap().count(), 1, "the state folder alone");
    assert_eq!(server.published("a.bin"), None);
}

#[test]
fn a_name_with_blanks_and_umlauts_is_decoded() {
    let server = Server::start(&["--create-dirs"]);
    upload(server.address, "/my%20files/%C3%A4.bin", b"bytes", 5120);
    assert_eq!(server.published("my files/ä.bin").as_deref(), Some(&b"bytes"[..]));
}

#[test]
fn curl_can_upload() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: there is no curl");
        return;
    }
    let server = Server::start(&[]);
    let url = format!("http://{}/curl.txt", server.address);
    let curl = |arguments: &[&str]| {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--include", "--request", "BITS_POST", &url])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let ack = curl(&[
        "-H",
        "BITS-Packet-Type: Create-Session",
        "-H",
        "BITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}",
        "-H",
        "Content-Length: 0",
    ]);
    let id = ack.lines().find_map(|line| line.strip_prefix("bits-session-id: ")).unwrap();
    let session = format!("BITS-Session-Id: {id}");
    let range = "Content-Range: bytes 0-11/12";
    curl(&["-H", "BITS-Packet-Type: Fragment", "-H", &session, "-H", range, "--data-binary", "Hello, BITS!"]);
    curl(&["-H", "BITS-Packet-Type: Close-Session", "-H", &session, "-H", "Content-Length: 0"]);
    assert_eq!(server.published("curl.txt").as_deref(), Some(&b"Hello, BITS!"[..]));
}
