//! `kill -9` of the servers that save: under load, beside a consumer that takes away and changes what is published; and more
//! often than their sessions last.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use bits_proto::server::Directory;
use documented::source::Source;
use documented::{database, saving};
use tempfile::TempDir;
use testing::machine::free_address;
use tokio::net::TcpSocket;

use crate::harness::{DEADLINE, config, file, hidden};
use crate::raw::{Connection, create_session};

/// What the process of a server is told, by its environment.
const KIND: &str = "DOCUMENTED_KIND";
const ROOT: &str = "DOCUMENTED_ROOT";
const ADDRESS: &str = "DOCUMENTED_ADDRESS";
/// In milliseconds.
const TIMEOUT: &str = "DOCUMENTED_TIMEOUT";

const HOUR: Duration = Duration::from_secs(3600);
const CLIENTS: usize = 4;

/// The process of a server, which the tests below start and kill.
#[test]
#[ignore = "runs until it is killed, and is started by other tests"]
fn server_process() {
    let [Ok(kind), Ok(root), Ok(address), Ok(timeout)] =
        [KIND, ROOT, ADDRESS, TIMEOUT].map(env::var)
    else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let timeout = Duration::from_millis(timeout.parse().unwrap());
        let directory = Directory::builder()
            .sessions_per_owner(1000)
            .session_timeout(timeout);
        // Two processes listen at one address, and the system gives each some of the connections.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.set_reuseport(true).unwrap();
        socket.bind(address.parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        if kind == "database" {
            database::serve(root.into(), directory, listener)
                .await
                .unwrap();
        } else {
            let directory = directory.build().unwrap();
            saving::Server::open(root.into(), directory)
                .unwrap()
                .serve(listener)
                .await
                .unwrap();
        }
    });
}

/// A folder, and what serves it.
struct Servers {
    kind: &'static str,
    root: TempDir,
    address: SocketAddr,
    session_timeout: Duration,
}

impl Servers {
    fn new(kind: &'static str, session_timeout: Duration) -> Self {
        Self {
            kind,
            root: TempDir::new().unwrap(),
            address: free_address(),
            session_timeout,
        }
    }

    /// Where files are published: the one server drops the first folder of a path, the other makes it.
    fn published(&self) -> PathBuf {
        match self.kind {
            "database" => self.root.path().join("uploads"),
            _ => self.root.path().to_owned(),
        }
    }

    fn unfinished(&self) -> Vec<u64> {
        hidden(self.root.path())
    }

    /// Starts a process, and waits until somebody listens.
    fn start(&self) -> Child {
        self.start_at(self.address)
    }

    fn start_at(&self, address: SocketAddr) -> Child {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "kills::server_process", "--ignored"])
            .env(KIND, self.kind)
            .env(ROOT, self.root.path())
            .env(ADDRESS, address.to_string())
            .env(TIMEOUT, self.session_timeout.as_millis().to_string())
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
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn through_two_hundred_kills_nothing_is_published_twice_or_lost_or_halved() {
    let servers = Servers::new("saving", HOUR);
    under_load(&servers, || {
        for number in 0..200 {
            let server = servers.start();
            thread::sleep(Duration::from_millis(number * 37 % 150));
            kill(server);
        }
        vec![servers.start()]
    });
}

#[test]
fn two_processes_publish_everything_once_although_they_are_killed_and_sleep_in_turn() {
    let servers = Servers::new("database", HOUR);
    under_load(&servers, || {
        let mut processes = VecDeque::from([servers.start(), servers.start()]);
        for number in 0..40 {
            thread::sleep(Duration::from_millis(number * 37 % 300));
            let first = processes.pop_front().unwrap();
            if number % 5 == 0 {
                // Longer than it may hold a row: it wakes up where somebody else has gone on.
                signal(&first, "STOP");
                thread::sleep(Duration::from_millis(2500));
                signal(&first, "CONT");
                processes.push_back(first);
            } else {
                kill(first);
                processes.push_back(servers.start());
            }
        }
        processes.into()
    });
}

#[tokio::test]
async fn a_process_that_slept_changes_nothing_and_acknowledges_nothing() {
    /// More than the storage gathers before it writes.
    const PART: usize = 600_000;
    const SIZE: usize = 3 * PART;
    let servers = Servers::new("database", HOUR);
    let (sleeper, [first, second]) = (servers.start(), [servers.address, free_address()]);
    let other = servers.start_at(second);
    let id = create_session(first, "a.bin").await;
    let total = SIZE as u64;
    let mut slept = Connection::open(first).await;
    slept
        .fragment("a.bin", &id, 0..20_000, total, &[1; 20_000])
        .await;
    assert!(slept.head().await.starts_with("http/1.1 200 "));
    slept
        .fragment("a.bin", &id, 20_000..total, total, &[1; PART])
        .await;
    while servers.unfinished().iter().sum::<u64>() < 220_000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&sleeper, "STOP");
    // Every thread of it has stopped by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    slept.send(&[1; PART]).await;

    let mut connection = Connection::open(second).await;
    connection
        .fragment("a.bin", &id, 0..total, total, &[2; SIZE])
        .await;
    let answer = connection.head().await;
    let whole = format!("content-range: {SIZE}\r\n");
    assert!(
        answer.starts_with("http/1.1 200 ") && answer.contains(&whole),
        "{answer}"
    );
    connection
        .packet("Close-Session", "a.bin", 0, &[("BITS-Session-Id", &id)])
        .await;
    let answer = connection.head().await;
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    let published = || fs::read(servers.published().join("a.bin")).unwrap();
    let before = published();
    let ones = before.iter().take_while(|&&byte| byte == 1).count();
    assert!(
        before.len() == SIZE && (220_000..=PART + 20_000).contains(&ones),
        "{ones}"
    );
    assert!(before[ones..].iter().all(|&byte| byte == 2));

    signal(&sleeper, "CONT");
    let answer = slept.head().await;
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    assert!(published() == before, "it wrote into what was published");
    kill(sleeper);
    kill(other);
}

fn signal(process: &Child, name: &str) {
    let done = Command::new("kill")
        .args([format!("-{name}"), process.id().to_string()])
        .status();
    assert!(done.unwrap().success());
}

/// Uploads many files and consumes them, while `kills` goes on; it leaves processes that are there until all is uploaded.
fn under_load(servers: &Servers, kills: impl FnOnce() -> Vec<Child>) {
    let (sources, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (stop, uploading) = (AtomicBool::new(false), AtomicUsize::new(CLIENTS));
    let uploaded = Mutex::new(Vec::new());
    let mut consumer = Consumer {
        root: servers.published(),
        elsewhere: elsewhere.path().to_owned(),
        sources: sources.path().to_owned(),
        seen: HashMap::new(),
    };
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (stop, uploading, uploaded, sources) = (&stop, &uploading, &uploaded, &sources);
            scope.spawn(move || {
                for number in 0.. {
                    let name = upload(sources, servers.address, client + CLIENTS * number);
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
        let left = kills();
        stop.store(true, Ordering::SeqCst);
        let consumer = consumer.join().unwrap();
        left.into_iter().for_each(kill);
        let uploaded = uploaded.lock().unwrap();
        assert!(
            uploaded.len() > 2 * CLIENTS,
            "the server did nothing between the kills: {uploaded:?}"
        );
        for name in &*uploaded {
            assert!(
                consumer.seen.contains_key(name),
                "{name} was acknowledged, and is lost"
            );
        }
    });
}

#[tokio::test]
async fn a_session_expires_although_the_server_starts_more_often_than_it_lasts() {
    let lasts = Duration::from_secs(2);
    for kind in ["saving", "database"] {
        let servers = Servers::new(kind, lasts);
        let unfinished = || servers.unfinished().len();
        let mut server = servers.start();
        // It listens before it has opened its folder, which has files of its own.
        let mut connection = Connection::open(servers.address).await;
        connection.packet("Ping", "", 0, &[]).await;
        connection.head().await;
        let before = unfinished();
        create_session(servers.address, "a.bin").await;
        assert!(unfinished() > before, "its bytes");
        let begin = Instant::now();
        // Not in step with the second between two looks for what has expired, nor with a lease of two.
        let mut pauses = (1_u64..).map(|number| 500 + number * 613 % 1_400);
        while unfinished() > before {
            assert!(begin.elapsed() < DEADLINE, "it never expires");
            let pause = Duration::from_millis(pauses.next().unwrap());
            tokio::time::sleep(pause).await;
            kill(server);
            server = servers.start();
        }
        kill(server);
    }
}

/// Uploads a file of its own, and returns its name.
fn upload(sources: &TempDir, to: SocketAddr, number: usize) -> String {
    // No two files have the same size, nor the same content.
    let (path, _) = file(sources, number * 4_099 % 300_000 + number);
    let name = format!("{number}.bin");
    let source = sources.path().join(&name);
    fs::rename(path, &source).unwrap();
    let url = format!("http://{to}/uploads/{name}").parse().unwrap();
    // Less patient than a process sleeps.
    let patience = Duration::from_secs(1);
    let config = config()
        .timeouts(patience, patience)
        .give_up_after(20 * DEADLINE)
        .build()
        .unwrap();
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
        // The folder may not be made yet.
        for entry in fs::read_dir(&self.root).into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with('.') {
                continue;
            }
            let path = self.root.join(&name);
            let content = fs::read(&path).unwrap();
            match self.seen.get(&name) {
                Some(Some(left)) => assert!(
                    content == *left,
                    "{name} was published twice, over the first"
                ),
                Some(None) => panic!("{name} was published twice"),
                None => {
                    assert!(
                        content == fs::read(self.sources.join(&name)).unwrap(),
                        "{name} is not whole"
                    );
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
                // In its place, as an editor may do it: whoever has the file open would write into it.
                content = b"edited".to_vec();
                fs::write(path, &content).unwrap();
                return Some(content);
            }
            _ => fs::remove_file(path).unwrap(),
        }
        None
    }
}
