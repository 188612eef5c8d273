//! Three servers behind a balancer, a hundred uploads at once, and everything goes wrong that can.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::Upload as Program;
use farm::{Client, Database, Fault, Moto, Relay, Server, any_port};
use tempfile::TempDir;

const MIB: usize = 1024 * 1024;

/// After how long another server takes over. A server that sleeps does so for longer.
const LEASE: &str = "2";

/// How long everything may take, beside the time in which things go wrong.
const DEADLINE: Duration = Duration::from_secs(240);

/// How long things go wrong: as many seconds as `FARM_SECONDS` says.
fn wrong() -> Duration {
    let seconds = std::env::var("FARM_SECONDS").map(|seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds.unwrap_or(15))
}

/// A farm: the last ones that end are the engines.
struct Farm {
    servers: Arc<Mutex<Vec<Server>>>,
    balancer: Arc<Relay>,
    network: Option<Relay>,
    database: Database,
    moto: Option<Moto>,
    folder: TempDir,
}

impl Farm {
    /// Servers of a bucket, over a network that misbehaves.
    fn of_a_bucket(options: &[&str], names_hosts: bool) -> Self {
        let moto = Moto::start();
        let network =
            Relay::start(any_port(), vec![moto.address()], Duration::ZERO, || match fastrand::u32(0..100) {
                0..2 => Fault::Status(500),
                2..4 => Fault::Status(503),
                4 => Fault::LostAnswer,
                5 if fastrand::bool() => Fault::Hang,
                _ => Fault::None,
            });
        let environment = Moto::environment(network.address());
        Self::start(&Moto::url(), options, names_hosts, environment, Some(moto), Some(network))
    }

    /// Servers of one folder.
    fn of_a_folder(options: &[&str]) -> Self {
        Self::start("root", options, false, Vec::new(), None, None)
    }

    fn start(
        root: &str,
        options: &[&str],
        names_hosts: bool,
        environment: Vec<(&'static str, String)>,
        moto: Option<Moto>,
        network: Option<Relay>,
    ) -> Self {
        let (folder, database) = (TempDir::new().unwrap(), Database::start());
        let mut all: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let root = match moto.is_some() {
            true => root.to_owned(),
            false => {
                let root = folder.path().join(root);
                std::fs::create_dir(&root).unwrap();
                root.to_str().unwrap().to_owned()
            }
        };
        let common = [
            ("--root", &*root),
            ("--state", &database.url()),
            ("--lease", LEASE),
            ("--connections-per-address", "1000"),
            ("--max-connections", "1000"),
        ];
        all.extend(common.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]));
        all.push("--create-dirs".to_owned());
        let listener = any_port();
        let port = listener.local_addr().unwrap().port();
        let hosts = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
        let servers: Vec<_> = hosts
            .iter()
            .map(|host| {
                let mut options = all.clone();
                let listen = format!("{host}:{port}");
                options.extend(["--listen", &*listen].map(str::to_owned));
                if names_hosts {
                    let named = ["--host-id", host, "--host-id-fallback-timeout", "3"];
                    options.extend(named.map(str::to_owned));
                }
                Server::start(&options, environment.clone())
            })
            .collect();
        let addresses = servers.iter().map(Server::address).collect();
        let balancer = Relay::start(listener, addresses, Duration::ZERO, || Fault::None);
        let servers = Arc::new(Mutex::new(servers));
        Self { servers, balancer: Arc::new(balancer), network, database, moto, folder }
    }

    /// Servers die and sleep, and the database cuts connections, until this says stop.
    fn go_wrong(&self, until: Arc<AtomicBool>) -> thread::JoinHandle<[u32; 3]> {
        let (servers, balancer) = (Arc::clone(&self.servers), Arc::clone(&self.balancer));
        let cut = self.database.config();
        thread::spawn(move || {
            let mut happened = [0; 3];
            while !until.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(fastrand::u64(300..1500)));
                let number = fastrand::usize(0..3);
                match fastrand::u32(0..3) {
                    0 => {
                        servers.lock().unwrap()[number].kill();
                        thread::sleep(Duration::from_millis(fastrand::u64(0..2000)));
                        let mut servers = servers.lock().unwrap();
                        servers[number].restart();
                        balancer.set_target(number, servers[number].address());
                        happened[0] += 1;
                    }
                    1 => {
                        servers.lock().unwrap()[number].stop();
                        thread::sleep(Duration::from_millis(fastrand::u64(2500..5000)));
                        servers.lock().unwrap()[number].go_on();
                        happened[1] += 1;
                    }
                    _ => {
                        cut_connections(&cut);
                        happened[2] += 1;
                    }
                }
            }
            happened
        })
    }

    fn published(&self, path: &str) -> Option<Vec<u8>> {
        match &self.moto {
            Some(moto) => moto.file(path),
            None => std::fs::read(self.folder.path().join(format!("root{path}"))).ok(),
        }
    }

    /// Uploads a hundred files at once while everything goes wrong, and looks at what is left.
    fn storm(&self, largest: usize) {
        let files: HashMap<String, Vec<u8>> =
            (0..100).map(|number| (format!("/{}/{number}", number % 7), contents(number, largest))).collect();
        let calm = Arc::new(AtomicBool::new(false));
        let troubles = self.go_wrong(Arc::clone(&calm));
        let (address, deadline) = (self.balancer.address(), Instant::now() + DEADLINE + wrong());
        let failures = Arc::new(Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for (number, (path, bytes)) in files.iter().enumerate() {
                let failures = Arc::clone(&failures);
                scope.spawn(move || {
                    let done = match number % 5 {
                        0 | 1 => self.by_the_program(address, path, bytes, deadline),
                        _ => by_hand(address, path, bytes, deadline),
                    };
                    failures.lock().unwrap().extend(done.err());
                });
            }
            thread::sleep(wrong());
            calm.store(true, Ordering::Relaxed);
        });
        let happened = troubles.join().unwrap();
        println!(
            "killed, stopped, cut: {happened:?}; faults: {:?}",
            self.network.as_ref().map(Relay::faults)
        );
        let failures = failures.lock().unwrap();
        assert!(failures.is_empty(), "{failures:#?}");
        for (path, bytes) in &files {
            assert!(self.published(path).as_ref() == Some(bytes), "{path} is not what was sent");
        }
        self.nothing_is_left(files.len());
    }

    fn by_the_program(
        &self,
        address: SocketAddr,
        path: &str,
        bytes: &[u8],
        deadline: Instant,
    ) -> Result<(), String> {
        let source = self.folder.path().join(path.replace('/', "_"));
        std::fs::write(&source, bytes).unwrap();
        let options = ["--retry-min", "0.05", "--retry-max", "1"];
        let url = format!("http://{address}{path}");
        let mut program = Program::start(self.folder.path(), &source, &options, &url);
        while program.is_running() {
            if Instant::now() > deadline {
                let printed = program.printed();
                program.kill();
                return Err(format!("{path}: bits-upload takes too long: {printed}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        let ended = program.wait();
        (ended.code == Some(0)).then_some(()).ok_or_else(|| format!("{path}: {ended:?}"))
    }

    /// Two hours later, neither the database nor the store has anything but the files, each in one version.
    fn nothing_is_left(&self, files: usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = self.database.client().await;
            let open = "SELECT count(*) FROM bits_sessions WHERE is_open AND saved > now() - interval '1 hour'";
            let begin = Instant::now();
            // Sessions whose Create was not answered wait for their time.
            let orphans: i64 = client.query_one(open, &[]).await.unwrap().get(0);
            println!("sessions that no client knows: {orphans}");
            let later = "UPDATE bits_sessions SET saved = saved - interval '30 days', due = now() - interval '1 hour'";
            client.execute(later, &[]).await.unwrap();
            while client.query_one("SELECT count(*) FROM bits_sessions", &[]).await.unwrap().get::<_, i64>(0) > 0 {
                assert!(begin.elapsed() < Duration::from_secs(60), "rows are left");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        match &self.moto {
            Some(moto) => {
                // A server looks for what is left when it starts.
                self.servers.lock().unwrap()[0].kill();
                self.servers.lock().unwrap()[0].restart();
                let begin = Instant::now();
                while moto.keys().len() != files {
                    assert!(begin.elapsed() < Duration::from_secs(60), "{:#?}", moto.keys());
                    thread::sleep(Duration::from_millis(200));
                }
                assert_eq!(moto.unfinished(), Vec::<String>::new());
                let versions = moto.versions();
                let published: Vec<_> = versions.iter().filter(|key| !key.contains(".bits")).collect();
                assert_eq!(published.len(), files, "each is published once");
            }
            None => {
                let mut left = Vec::new();
                let mut folders = vec![self.folder.path().join("root")];
                while let Some(folder) = folders.pop() {
                    for entry in std::fs::read_dir(folder).unwrap() {
                        let path = entry.unwrap().path();
                        match path.is_dir() && !path.is_symlink() {
                            true => folders.push(path.clone()),
                            false => left.push(path.clone()),
                        }
                        assert!(
                            !path.to_str().unwrap().contains("/.bits-")
                                || path.ends_with(".bits/.bits-state"),
                            "{path:?}"
                        );
                    }
                }
                assert_eq!(left.len(), files + 1, "{left:#?}");
            }
        }
    }
}

fn by_hand(address: SocketAddr, path: &str, bytes: &[u8], deadline: Instant) -> Result<(), String> {
    let sizes = [500, 5000, 60_000, 300_000, 2 * MIB, 10 * MIB];
    // Few of a large file are small.
    let least = bytes.len() / 40;
    let size = || sizes[fastrand::usize(0..sizes.len())].max(least);
    Client::upload(&[address], path, bytes, size, deadline).map(drop)
}

/// Bytes of a size that is drawn, most of them small.
fn contents(number: usize, largest: usize) -> Vec<u8> {
    let length = match number % 10 {
        0 => fastrand::usize(largest / 2..=largest),
        1..4 => fastrand::usize(0..3 * MIB),
        4 => 0,
        _ => fastrand::usize(0..200_000),
    };
    let mut random = fastrand::Rng::with_seed(number as u64);
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes
}

fn cut_connections(config: &tokio_postgres::Config) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Ok((client, connection)) = config.connect(tokio_postgres::NoTls).await else { return };
        tokio::spawn(connection);
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND random() < 0.5";
        let _done_or_not = client.query(cut, &[]).await;
    });
}

#[test]
fn a_hundred_uploads_into_a_bucket_survive_everything() {
    Farm::of_a_bucket(&["--allow-overwrites"], false).storm(20 * MIB);
}

#[test]
fn a_hundred_uploads_go_on_elsewhere_when_the_host_that_was_named_is_down() {
    Farm::of_a_bucket(&[], true).storm(20 * MIB);
}

#[test]
fn a_hundred_uploads_into_a_shared_folder_survive_everything() {
    Farm::of_a_folder(&[]).storm(20 * MIB);
}
