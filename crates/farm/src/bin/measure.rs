//! Measures one server alone, and one, two and three that share a database: requests and bytes a second, the latency of a Fragment, the
//! time of the processor and the statements that a Fragment costs.
//!
//! `cargo run --release -p farm --bin measure FOLDER` writes plots and a table into the folder: see FARM.md of bits-server. `BITS_SERVER` names the program; build it
//! with `--release`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use farm::{Client, Database, Server, Wire, bars};
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

const SECONDS: u64 = 6;

const LOADS: [Load; 3] = [
    Load {
        name: "small",
        clients: 16,
        fragment: 16 * 1024,
        fragments: 8,
        latency: Duration::ZERO,
        connections: "16",
    },
    Load {
        name: "large",
        clients: 8,
        fragment: 4 * 1024 * 1024,
        fragments: 4,
        latency: Duration::ZERO,
        connections: "16",
    },
    Load {
        name: "distant",
        clients: 48,
        fragment: 16 * 1024,
        fragments: 8,
        latency: Duration::from_millis(10),
        connections: "4",
    },
];

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder for the plots, please"));
    std::fs::create_dir_all(&folder).unwrap();
    let mut table = "| load | servers | uploads/s | fragments/s | MiB/s | a Fragment, median | 99 % | processor a Fragment | statements a Fragment |\n|---|---|---|---|---|---|---|---|---|\n".to_owned();
    for load in LOADS {
        let measured: Vec<_> = (0..=3).map(|servers| measure(load, servers)).collect();
        for one in &measured {
            let statements = one.statements.map_or("–".to_owned(), |statements| format!("{statements:.1}"));
            table += &format!(
                "| {} | {} | {:.1} | {:.0} | {:.1} | {:.1} ms | {:.1} ms | {:.2} ms | {statements} |\n",
                load.name,
                one.label,
                one.uploads,
                one.fragments,
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

/// No servers that share: the one that is alone.
fn measure(load: Load, sharing: usize) -> Measured {
    let folder = TempDir::new_in(std::env::current_dir().unwrap()).unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let database = (sharing > 0).then(|| Database::start_with(&["shared_buffers=128MB"]));
    let wire = database
        .as_ref()
        .map(|database| Wire::start(SocketAddr::from(([127, 0, 0, 1], database.port())), load.latency));
    let mut options = vec!["--root".to_owned(), root.to_str().unwrap().to_owned()];
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
    let servers: Vec<_> = (0..sharing.max(1)).map(|_| Server::start(&options, Vec::new())).collect();
    let addresses: Vec<_> = servers.iter().map(Server::address).collect();
    run(load, &addresses, Duration::from_secs(2));
    let before = (processor(&servers), statements(database.as_ref()));
    let begin = Instant::now();
    let (uploads, mut latencies) = run(load, &addresses, Duration::from_secs(SECONDS));
    let took = begin.elapsed().as_secs_f64();
    let after = (processor(&servers), statements(database.as_ref()));
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    let count = latencies.len() as f64;
    Measured {
        label: match sharing {
            0 => "alone, without a database".to_owned(),
            1 => "one with a database".to_owned(),
            more => format!("{more} that share a database"),
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
