//! `kill -9` of the server that saves: under load, beside a consumer that takes away and changes what is published; and more
//! often than its sessions last.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use bits_proto::server::Directory;
use documented::saving::Server;
use documented::source::Source;
use tempfile::TempDir;

use crate::harness::{DEADLINE, config, file};
use crate::raw::create_session;

/// What the process of the server is told, by its environment.
const ROOT: &str = "DOCUMENTED_ROOT";
const ADDRESS: &str = "DOCUMENTED_ADDRESS";
/// In milliseconds.
const TIMEOUT: &str = "DOCUMENTED_TIMEOUT";

const HOUR: Duration = Duration::from_secs(3600);
const KILLS: u64 = 200;
const CLIENTS: usize = 4;

/// The process of the server, which the test below starts and kills.
#[test]
#[ignore = "runs until it is killed, and is started by another test"]
fn server_process() {
    let [Ok(root), Ok(address), Ok(timeout)] = [ROOT, ADDRESS, TIMEOUT].map(env::var) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let timeout = Duration::from_millis(timeout.parse().unwrap());
        let directory = Directory::builder().sessions_per_owner(1000).session_timeout(timeout);
        let server = Server::open(root.into(), directory.build().unwrap()).unwrap();
        server.serve(tokio::net::TcpListener::bind(address).await.unwrap()).await.unwrap();
    });
}

/// Starts the process, and waits until it listens.
fn start(root: &Path, address: SocketAddr, timeout: Duration) -> Child {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kills::server_process", "--ignored"])
        .env(ROOT, root)
        .env(ADDRESS, address.to_string())
        .env(TIMEOUT, timeout.as_millis().to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begin.elapsed() < DEADLINE, "the server does not start");
        thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn through_two_hundred_kills_nothing_is_published_twice_or_lost_or_halved() {
    let (root, sources, elsewhere) =
        (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let address = free_address();
    let (stop, uploading) = (AtomicBool::new(false), AtomicUsize::new(CLIENTS));
    let uploaded = Mutex::new(Vec::new());
    let mut consumer = Consumer {
        root: root.path().to_owned(),
        elsewhere: elsewhere.path().to_owned(),
        sources: sources.path().to_owned(),
        seen: HashMap::new(),
    };
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (stop, uploading, uploaded, sources) = (&stop, &uploading, &uploaded, &sources);
            scope.spawn(move || {
                for number in 0.. {
                    let name = upload(sources, address, client + CLIENTS * number);
                    uploaded.lock().unwrap().push(name);
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                }
                uploading.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let consumer = scope.spawn(|| {
            while uploading.load(Ordering::SeqCst) > 0 {
                consumer.look();
                thread::sleep(Duration::from_millis(3));
            }
            consumer.look();
            consumer
        });
        for kill in 0..KILLS {
            let mut server = start(root.path(), address, HOUR);
            thread::sleep(Duration::from_millis(kill * 37 % 150));
            server.kill().unwrap();
            server.wait().unwrap();
        }
        let mut server = start(root.path(), address, HOUR);
        stop.store(true, Ordering::SeqCst);
        let consumer = consumer.join().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
        let uploaded = uploaded.lock().unwrap();
        assert!(uploaded.len() > 2 * CLIENTS, "the server did nothing between the kills: {uploaded:?}");
        for name in &*uploaded {
            assert!(consumer.seen.contains_key(name), "{name} was acknowledged, and is lost");
        }
    });
}

#[tokio::test]
async fn a_session_expires_although_the_server_starts_more_often_than_it_lasts() {
    let (root, address) = (TempDir::new().unwrap(), free_address());
    let unfinished = || fs::read_dir(root.path().join(".unfinished")).unwrap().count();
    let lasts = Duration::from_secs(2);
    let mut server = start(root.path(), address, lasts);
    create_session(address, "a.bin").await;
    assert_eq!(unfinished(), 2, "its bytes and its record");
    let begin = Instant::now();
    while unfinished() > 0 {
        assert!(begin.elapsed() < DEADLINE, "it never expires");
        tokio::time::sleep(lasts / 2).await;
        server.kill().unwrap();
        server.wait().unwrap();
        server = start(root.path(), address, lasts);
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

/// Uploads a file of its own, and returns its name.
fn upload(sources: &TempDir, to: SocketAddr, number: usize) -> String {
    // No two files have the same size, nor the same content.
    let (path, _) = file(sources, number * 4_099 % 300_000 + number);
    let name = format!("{number}.bin");
    let source = sources.path().join(&name);
    fs::rename(path, &source).unwrap();
    let url = format!("http://{to}/uploads/{name}").parse().unwrap();
    let config = config().give_up_after(20 * DEADLINE).build().unwrap();
    let agent = ureq::Agent::config_builder().proxy(None);
    documented::ureq::upload(agent, &Source::open(source).unwrap(), url, config).unwrap();
    name
}

/// Somebody who takes away, copies, changes and deletes what is published.
struct Consumer {
    root: PathBuf,
    elsewhere: PathBuf,
    sources: PathBuf,
    /// What shall be under each name that was published; nothing, where the file was taken away.
    seen: HashMap<String, Option<Vec<u8>>>,
}

impl Consumer {
    fn look(&mut self) {
        for entry in fs::read_dir(&self.root).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with('.') {
                continue;
            }
            let path = self.root.join(&name);
            let content = fs::read(&path).unwrap();
            match self.seen.get(&name) {
                Some(Some(left)) => assert!(content == *left, "{name} was published twice, over the first"),
                Some(None) => panic!("{name} was published twice"),
                None => {
                    assert!(content == fs::read(self.sources.join(&name)).unwrap(), "{name} is not whole");
                    let left = self.consume(&name, &path, content);
                    self.seen.insert(name, left);
                }
            }
        }
    }

    fn consume(&self, name: &str, path: &Path, mut content: Vec<u8>) -> Option<Vec<u8>> {
        match self.seen.len() % 4 {
            0 => fs::rename(path, self.elsewhere.join(name)).unwrap(),
            1 => {
                fs::copy(path, self.elsewhere.join(name)).unwrap();
                return Some(content);
            }
            2 => {
                OpenOptions::new().append(true).open(path).unwrap().write_all(b"edited").unwrap();
                content.extend_from_slice(b"edited");
                return Some(content);
            }
            _ => fs::remove_file(path).unwrap(),
        }
        None
    }
}
