//! Measures one server alone, and one, two and three that share a database: requests and bytes a second, the latency of a Fragment, the
//! time of the processor and the statements that a Fragment costs.
//!
//! `cargo run --release -p farm --bin measure FOLDER [LOAD…]` writes plots and a table into the folder: see FARM.md of bits-server.
//! `BITS_SERVER` names the program; build it with `--release`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use farm::{Client, Database, Moto, Server, Wire, bars};
use tempfile::TempDir;

/// What is measured.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    clients: usize,
    fragment: usize,
    fragments: usize,
    latency: Duration,
    connections: &'static str,
    /// Whether servers that share a database share a bucket, too, and not a folder.
    bucket: bool,
}

/// What came of it.
struct Measured {
    label: String,
    uploads: f64,
    fragments: f64,
    bytes: f64,
    median: Duration,
    slowest: Duration,
    processor: f64,
    statements: Option<f64>,
}

/// How long each is measured, and how often. The round in the middle counts.
const SECONDS: u64 = 5;
const ROUNDS: usize = 3;

const LOADS: [Load; 4] = [
    Load {
        name: "small",
        clients: 16,
        fragment: 16 * 1024,
        fragments: 8,
        latency: Duration::ZERO,
        connections: "16",
        bucket: false,
    },
    Load {
        name: "large",
        clients: 8,
        fragment: 4 * 1024 * 1024,
        fragments: 4,
        latency: Duration::ZERO,
        connections: "16",
        bucket: false,
    },
    Load {
        name: "distant",
        clients: 48,
        fragment: 16 * 1024,
        fragments: 8,
        latency: Duration::from_millis(10),
        connections: "4",
        bucket: false,
    },
    Load {
        name: "bucket",
        clients: 8,
        fragment: 4 * 1024 * 1024,
        fragments: 4,
        latency: Duration::ZERO,
        connections: "16",
        bucket: true,
    },
];

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder for the plots, please"));
    std::fs::create_dir_all(&folder).unwrap();
    let mut table = "| load | servers | uploads/s | fragments/s | beside alone | MiB/s | a Fragment, median | 99 % | processor a Fragment | statements a Fragment |\n|---|---|---|---|---|---|---|---|---|---|\n".to_owned();
    let wanted: Vec<String> = std::env::args().skip(2).collect();
    for load in
        LOADS.into_iter().filter(|load| wanted.is_empty() || wanted.iter().any(|name| name == load.name))
    {
        // In turns, so that what else the machine does meets all of them.
        let mut rounds: Vec<Vec<_>> =
            (0..ROUNDS).map(|_| (0..=3).map(|servers| Some(measure(load, servers))).collect()).collect();
        let measured: Vec<_> = (0..4)
            .map(|at| middle(rounds.iter_mut().map(|round| round[at].take().unwrap()).collect()))
            .collect();
        let alone = measured[0].fragments;
        for one in &measured {
            let statements = one.statements.map_or("–".to_owned(), |statements| format!("{statements:.1}"));
            table += &format!(
                "| {} | {} | {:.1} | {:.0} | {:.2} | {:.1} | {:.1} ms | {:.1} ms | {:.2} ms | {statements} |\n",
                load.name,
                one.label,
                one.uploads,
                one.fragments,
                one.fragments / alone,
                one.bytes / 1_048_576.0,
                one.median.as_secs_f64() * 1000.0,
                one.slowest.as_secs_f64() * 1000.0,
                one.processor
            );
        }
        plot(&folder, load, &measured);
    }
    std::fs::write(folder.join("measured.md"), &table).unwrap();
    println!("{table}");
}

fn plot(folder: &Path, load: Load, measured: &[Measured]) {
    let of = |value: fn(&Measured) -> f64, unit: &str| -> Vec<_> {
        measured
            .iter()
            .map(|one| (one.label.clone(), value(one), format!("{:.1} {unit}", value(one))))
            .collect()
    };
    let size = load.fragment / 1024;
    let drawn = [
        ("throughput", format!("Fragments of {size} KiB a second"), of(|one| one.fragments, "/s")),
        (
            "latency",
            format!("A Fragment of {size} KiB, median"),
            of(|one| one.median.as_secs_f64() * 1000.0, "ms"),
        ),
    ];
    for (kind, title, values) in drawn {
        std::fs::write(folder.join(format!("{}-{kind}.svg", load.name)), bars(&title, &values)).unwrap();
    }
}

/// The one with the median throughput.
fn middle(mut rounds: Vec<Measured>) -> Measured {
    rounds.sort_by(|one, other| one.fragments.total_cmp(&other.fragments));
    rounds.swap_remove(ROUNDS / 2)
}

/// No servers that share: the one that is alone.
fn measure(load: Load, sharing: usize) -> Measured {
    let folder = TempDir::new_in(std::env::current_dir().unwrap()).unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let database = (sharing > 0).then(|| Database::start_with(&["shared_buffers=128MB"]));
    let wire = database
        .as_ref()
        .map(|database| Wire::start(SocketAddr::from(([127, 0, 0, 1], database.port())), load.latency));
    let moto = (load.bucket && sharing > 0).then(Moto::start);
    let place = moto.as_ref().map_or_else(|| root.to_str().unwrap().to_owned(), |_| Moto::url());
    let environment = moto.as_ref().map_or_else(Vec::new, |moto| Moto::environment(moto.address()));
    let mut options = vec!["--root".to_owned(), place];
    let common = [
        "--create-dirs",
        "--listen=127.0.0.1:0",
        "--connections-per-address=1000",
        "--sessions-per-address=1000000",
        "--log-level=error",
    ];
    options.extend(common.map(str::to_owned));
    if let Some(wire) = &wire {
        let url = format!("postgres://bits@{}/postgres", wire.address());
        options.extend(["--state", &url, "--database-connections", load.connections].map(str::to_owned));
    }
    let servers: Vec<_> = (0..sharing.max(1)).map(|_| Server::start(&options, environment.clone())).collect();
    let addresses: Vec<_> = servers.iter().map(Server::address).collect();
    run(load, &addresses, Duration::from_secs(1));
    let before = (processor(&servers), statements(database.as_ref()));
    let begin = Instant::now();
    let (uploads, mut latencies) = run(load, &addresses, Duration::from_secs(SECONDS));
    let took = begin.elapsed().as_secs_f64();
    let after = (processor(&servers), statements(database.as_ref()));
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    let count = latencies.len() as f64;
    Measured {
        label: match (sharing, load.bucket) {
            (0, _) => "alone, in a folder".to_owned(),
            (1, false) => "one with a database".to_owned(),
            (1, true) => "one with a database and a bucket".to_owned(),
            (more, false) => format!("{more} that share a database"),
            (more, true) => format!("{more} that share both"),
        },
        uploads: uploads as f64 / took,
        fragments: count / took,
        bytes: count * load.fragment as f64 / took,
        median: at(0.5),
        slowest: at(0.99),
        processor: (after.0 - before.0) as f64 * 10.0 / count,
        statements: after.1.zip(before.1).map(|(after, before)| (after - before) as f64 / count),
    }
}

/// Uploads for a while, each request to whichever server. Returns how many there were, and how long each Fragment took.
fn run(load: Load, servers: &[SocketAddr], time: Duration) -> (usize, Vec<Duration>) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let (end, all) = (Instant::now() + time, Arc::new(Mutex::new((0, Vec::new()))));
    let bytes = vec![7; load.fragment * load.fragments];
    thread::scope(|scope| {
        for _ in 0..load.clients {
            let (all, bytes) = (Arc::clone(&all), &bytes);
            scope.spawn(move || {
                while Instant::now() < end {
                    let path = format!("/{}", NUMBER.fetch_add(1, Ordering::Relaxed));
                    let deadline = Instant::now() + Duration::from_secs(120);
                    let sent = Client::upload(servers, &path, bytes, || load.fragment, deadline).unwrap();
                    let mut all = all.lock().unwrap();
                    all.0 += 1;
                    all.1.extend(sent.fragments);
                }
            });
        }
    });
    let mut all = all.lock().unwrap();
    (all.0, std::mem::take(&mut all.1))
}

fn processor(servers: &[Server]) -> u64 {
    servers.iter().map(Server::processor_time).sum()
}

/// The transactions so far: each statement of a server is one.
fn statements(database: Option<&Database>) -> Option<i64> {
    let database = database?;
    // The statistics of a connection that rests are written after a second.
    thread::sleep(Duration::from_millis(1500));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    Some(runtime.block_on(database.number("SELECT sum(xact_commit)::bigint FROM pg_stat_database")))
}
