//! `--quota` of servers that share a database, and a bucket or a folder.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use farm::{Database, Moto, Server};
use testing::http1::Message;

use crate::harness::{contents, request};

const MIB: usize = 1024 * 1024;

/// Three servers, and their database.
struct Servers {
    servers: Vec<Server>,
    _database: Database,
}

impl Servers {
    fn start(root: &str, options: &[&str], environment: &[(&'static str, String)]) -> Self {
        let database = Database::start();
        let url = database.url();
        let places = ["--listen", "127.0.0.1:0", "--root", root, "--state", &url, "--create-dirs"];
        let options: Vec<_> = places.iter().chain(options).map(|option| (*option).to_owned()).collect();
        let servers = (0..3).map(|_| Server::start(&options, environment.to_vec())).collect();
        Self { servers, _database: database }
    }

    fn any(&self) -> SocketAddr {
        self.servers[fastrand::usize(0..self.servers.len())].address()
    }

    fn send(&self, path: &str, kind: &str, more: &[(&str, &str)], body: &[u8]) -> Message {
        let headers = [&[("BITS-Packet-Type", kind)], more].concat();
        request(self.any(), "BITS_POST", path, &headers, body)
    }

    /// Uploads a file in two Fragments, each packet to any server. Returns the answer that refused it.
    fn upload(&self, path: &str, size: usize, login: &[(&str, &str)]) -> Result<(), Box<Message>> {
        let protocols = ("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}");
        let begun = self.send(path, "Create-Session", &[login, &[protocols]].concat(), b"");
        if begun.status != 200 {
            return Err(begun.into());
        }
        let id = [login, &[("BITS-Session-Id", begun.header("bits-session-id"))]].concat();
        let (bytes, middle) = (contents(size), size / 2);
        for (start, part) in [(0, &bytes[..middle]), (middle, &bytes[middle..])] {
            let range = format!("bytes {start}-{}/{size}", start + part.len() - 1);
            let answer = self.send(path, "Fragment", &[&id[..], &[("Content-Range", &range)]].concat(), part);
            if answer.status != 200 {
                assert_eq!(start, 0, "what was begun is promised: {answer:?}");
                assert_eq!(self.send(path, "Cancel-Session", &id, b"").status, 200);
                return Err(answer.into());
            }
        }
        let closed = self.send(path, "Close-Session", &id, b"");
        assert_eq!(closed.status, 200, "what was begun is promised: {closed:?}");
        Ok(())
    }

    /// Uploads that come at once. Returns how many were published; the others were told that there is no room.
    fn race(&self, count: usize, size: usize) -> usize {
        thread::scope(|scope| {
            let uploads: Vec<_> = (0..count)
                .map(|id| scope.spawn(move || self.upload(&format!("/a/{id}"), size, &[])))
                .collect();
            let came = uploads.into_iter().map(|upload| match upload.join().unwrap() {
                Ok(()) => 1,
                Err(answer) => {
                    assert_eq!(answer.header("bits-error-code"), "0x80070070", "{answer:?}");
                    0
                }
            });
            came.sum()
        })
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let sizes = entries.filter(|entry| !entry.file_name().to_str().unwrap().starts_with(".bits"));
    sizes
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => bytes_in(&entry.path()),
            false => entry.metadata().unwrap().len(),
        })
        .sum()
}

#[test]
fn servers_of_a_bucket_publish_no_more_than_the_quota_together() {
    let moto = Moto::start();
    let environment = Moto::environment(moto.address());
    let servers = Servers::start(&Moto::url(), &["--quota", "64MiB"], &environment);
    // One of several parts, whose bytes are in the bucket before it is published.
    servers.upload("/large", 20 * MIB, &[]).unwrap();
    assert_eq!(servers.race(16, 8 * MIB), 5);
    let published: usize =
        moto.keys().iter().filter_map(|key| moto.file(&format!("/{key}"))).map(|f| f.len()).sum();
    assert!(published <= 64 * MIB, "{published}: {:?}", moto.keys());
    assert_eq!(servers.upload("/b", 5 * MIB, &[]).unwrap_err().header("bits-error-code"), "0x80070070");
    servers.upload("/b", 4 * MIB, &[]).unwrap();
}

#[test]
fn servers_of_a_folder_publish_no_more_than_the_quota_together() {
    let root = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(root.path().join("a")).unwrap();
    std::fs::write(root.path().join("a/by-hand"), contents(MIB)).unwrap();
    let servers = Servers::start(root.path().to_str().unwrap(), &["--quota", "10MiB"], &[]);
    assert_eq!(servers.race(24, MIB), 9);
    assert_eq!(bytes_in(root.path()), 10 * MIB as u64);
    // A consumer takes a file away: nobody is refused for what is gone.
    std::fs::remove_file(root.path().join("a/by-hand")).unwrap();
    servers.upload("/b", MIB, &[]).unwrap();
    let refused = servers.upload("/c", 1000, &[]).unwrap_err();
    assert_eq!(refused.header("bits-error-code"), "0x80070070");
    let log: String = servers.servers.iter().map(Server::log).collect();
    assert!(log.contains("the quota of 10485760 bytes does not have that much left"), "{log}");
}

#[test]
fn each_user_has_a_quota_at_all_servers() {
    let root = tempfile::TempDir::new().unwrap();
    let users = root.path().join("users");
    std::fs::write(&users, "alice:secret\nbob:secret\n").unwrap();
    let published = root.path().join("published");
    std::fs::create_dir(&published).unwrap();
    let users = users.to_str().unwrap();
    let options = ["--users-file", users, "--user-dirs", "--quota", "1000", "--user-quota", "bob=2000"];
    let servers = Servers::start(published.to_str().unwrap(), &options, &[]);
    let [alice, bob] = ["YWxpY2U6c2VjcmV0", "Ym9iOnNlY3JldA=="].map(|login| format!("Basic {login}"));
    let (alice, bob) = ([("Authorization", &*alice)], [("Authorization", &*bob)]);
    servers.upload("/a", 600, &alice).unwrap();
    let refused = servers.upload("/b", 401, &alice).unwrap_err();
    assert_eq!(refused.header("bits-error-code"), "0x80070070");
    servers.upload("/b", 400, &alice).unwrap();
    servers.upload("/a", 2000, &bob).unwrap();
    let refused = servers.upload("/b", 2, &bob).unwrap_err();
    assert_eq!(refused.header("bits-error-code"), "0x80070070");
    assert_eq!((bytes_in(&published.join("alice")), bytes_in(&published.join("bob"))), (1000, 2000));
}
