//! The loads: Fragments of several sizes over several connections, memory, and many uploads at once.

use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, bytes};
use crate::options::Options;
use crate::plot::{Line, Plot, Plots};
use crate::server::{Kind, Server};
use crate::statistics::{Spread, quantile};
use crate::table::{Goal, Table};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Fragments of one size over so many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Load {
    size: usize,
    connections: usize,
}

/// What one run came to.
#[derive(Clone, Debug, Default)]
struct Run {
    seconds: f64,
    processor: f64,
    /// In seconds, sorted.
    latencies: Vec<f64>,
}

/// The same load at every server, round by round.
struct Rounds {
    load: Load,
    runs: Vec<(Kind, Vec<Run>)>,
}

impl Load {
    /// How many parts each connection sends in a run: enough for half a second, and few enough for many rounds.
    const fn parts(self) -> usize {
        let parts = match self.size {
            0..=0xffff => 160,
            0x1_0000..=0xf_ffff => 120,
            0x10_0000..=0xc0_ffff => 64,
            _ => 16,
        };
        let parts = parts * 2 / (self.connections + 1);
        if parts < 4 { 4 } else { parts }
    }

    fn run(self, server: &Server) -> Run {
        let (part, parts) = (bytes(self.size), self.parts());
        let (ready, latencies) = (Barrier::new(self.connections + 1), Mutex::new(Vec::new()));
        let (begin, processor) = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|_| {
                    scope.spawn(|| {
                        let mut client = Client::connect(server.kind, server.address);
                        client.begin(part.len() * parts);
                        ready.wait();
                        let mut took = Vec::with_capacity(parts);
                        for _ in 0..parts {
                            let begin = Instant::now();
                            client.part(&part);
                            took.push(begin.elapsed().as_secs_f64());
                        }
                        latencies.lock().unwrap().append(&mut took);
                        (client, Instant::now())
                    })
                })
                .collect();
            let processor = server.processor_time();
            ready.wait();
            let begin = Instant::now();
            let done: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            let processor = server.processor_time() - processor;
            let end = done.iter().map(|(_, end)| *end).max().unwrap();
            done.into_iter().for_each(|(mut client, _)| client.cancel());
            (end - begin, processor)
        });
        server.clear();
        let mut latencies = latencies.into_inner().unwrap();
        latencies.sort_by(f64::total_cmp);
        Run { seconds: begin.as_secs_f64(), processor: processor.as_secs_f64(), latencies }
    }
}

impl Rounds {
    /// One number of each round: what `of` says of the one server, divided by what it says of the other.
    fn ratios(&self, over: Kind, under: Kind, of: impl Fn(&Run) -> f64) -> Option<Vec<f64>> {
        let runs = |kind| self.runs.iter().find(|(of, _)| *of == kind).map(|(_, runs)| runs);
        let (over, under) = (runs(over)?, runs(under)?);
        Some(over.iter().zip(under).map(|(over, under)| of(over) / of(under).max(1e-9)).collect())
    }

    /// The throughput of bits-server, divided by that of another server.
    fn throughput(&self, other: Kind) -> Option<Spread> {
        self.ratios(other, Kind::Bits, |run| run.seconds).map(|ratios| Spread::of(&ratios))
    }

    /// All latencies of one server, sorted.
    fn latencies(&self, kind: Kind) -> Vec<f64> {
        let runs = self.runs.iter().filter(|(of, _)| *of == kind).flat_map(|(_, runs)| runs);
        let mut all: Vec<_> = runs.flat_map(|run| run.latencies.iter().copied()).collect();
        all.sort_by(f64::total_cmp);
        all
    }
}

/// Writes what earlier runs left to the disk, so that no run pays for another.
pub(crate) fn settle() {
    let _best_effort = std::process::Command::new("sync").status();
}

fn kinds(options: &Options) -> Vec<Kind> {
    let mut kinds = vec![Kind::Bits, Kind::Bare];
    if options.rustus.is_some() {
        kinds.push(Kind::Rustus);
    }
    kinds
}

fn name(size: usize) -> String {
    if size < MIB { format!("{} KiB", size / KIB) } else { format!("{} MiB", size / MIB) }
}

fn over(connections: usize) -> String {
    if connections == 1 { "1 connection".to_owned() } else { format!("{connections} connections") }
}

const SIZES: [(usize, f64); 4] = [(5 * KIB, 0.85), (64 * KIB, 0.85), (MIB, 0.95), (13 * MIB, 0.95)];

/// Beside 1 and 8, for the plot.
const CONNECTIONS: [usize; 4] = [2, 4, 16, 32];

pub(crate) fn fragments(options: &Options, table: &mut Table, plots: &mut Plots) {
    let kinds = kinds(options);
    let servers: Vec<_> = kinds.iter().map(|kind| Server::start(*kind, options)).collect();
    let mut loads: Vec<_> = SIZES
        .iter()
        .flat_map(|(size, _)| [1, 8].map(|connections| Load { size: *size, connections }))
        .collect();
    loads.extend(CONNECTIONS.map(|connections| Load { size: 64 * KIB, connections }));
    let mut all: Vec<_> = loads
        .into_iter()
        .map(|load| Rounds { load, runs: kinds.iter().map(|kind| (*kind, Vec::new())).collect() })
        .collect();
    for round in 0..=options.rounds {
        for rounds in &mut all {
            for turn in 0..servers.len() {
                let which = (round + turn) % servers.len();
                settle();
                let run = rounds.load.run(&servers[which]);
                // The first round is for warming up.
                if round > 0 {
                    rounds.runs[which].1.push(run);
                }
            }
        }
    }
    let find =
        |size, connections| all.iter().find(|rounds| rounds.load == Load { size, connections }).unwrap();
    for (size, goal) in SIZES {
        for connections in [1, 8] {
            let what = format!("throughput, {} over {}", name(size), over(connections));
            let ratio = find(size, connections).throughput(Kind::Bare).unwrap();
            table.row(what, ratio, "", Some(Goal::AtLeast(goal)));
        }
    }
    for connections in [1, 8] {
        let rounds = find(5 * KIB, connections);
        let late = |run: &Run| quantile(&run.latencies, 0.99);
        let mut spread = Spread::of(&rounds.ratios(Kind::Bits, Kind::Bare, late).unwrap());
        let of_all = |kind| quantile(&rounds.latencies(kind), 0.99);
        spread.median = of_all(Kind::Bits) / of_all(Kind::Bare);
        let what = format!("the time that 99 % of 5 KiB take, over {}", over(connections));
        table.row(what, spread, "", Some(Goal::AtMost(1.5)));
    }
    for (size, _) in SIZES.into_iter().skip(2) {
        let both = [find(size, 1), find(size, 8)];
        let of = |kind: Kind| -> f64 {
            let runs = both.iter().flat_map(|rounds| &rounds.runs).filter(|(of, _)| *of == kind);
            runs.flat_map(|(_, runs)| runs).map(|run| run.processor).sum()
        };
        let ratios = both.iter().flat_map(|rounds| {
            rounds.ratios(Kind::Bits, Kind::Bare, |run| run.processor.max(0.01)).unwrap_or_default()
        });
        let mut spread = Spread::of(&ratios.collect::<Vec<_>>());
        spread.median = of(Kind::Bits) / of(Kind::Bare);
        let what = format!("processor time a GiB, in parts of {}", name(size));
        table.row(what, spread, "", Some(Goal::AtMost(1.15)));
    }
    for rounds in &all {
        if let Some(ratio) = rounds.throughput(Kind::Rustus) {
            let Load { size, connections } = rounds.load;
            let what = format!("throughput beside rustus, {} over {}", name(size), over(connections));
            table.row(what, ratio, "", None);
        }
    }
    let median = |size, connections| find(size, connections).throughput(Kind::Bare).unwrap().median;
    plots.add(Plot {
        name: "fragment-size",
        title: "Throughput by the size of a Fragment",
        across: "size of a Fragment",
        up: "beside the bare handler",
        lines: [1, 8]
            .map(|connections| Line {
                label: over(connections),
                points: SIZES.map(|(size, _)| (size as f64, name(size), median(size, connections))).to_vec(),
            })
            .to_vec(),
    });
    let mut points = [1, 8].to_vec();
    points.extend(CONNECTIONS);
    points.sort_unstable();
    plots.add(Plot {
        name: "connections",
        title: "Throughput by the number of connections",
        across: "connections, Fragments of 64 KiB",
        up: "beside the bare handler",
        lines: vec![Line {
            label: "64 KiB".to_owned(),
            points: points
                .into_iter()
                .map(|connections| {
                    (connections as f64, connections.to_string(), median(64 * KIB, connections))
                })
                .collect(),
        }],
    });
}

/// The most memory that a fresh server has had after eight clients sent 13 MiB at a time.
pub(crate) fn memory(options: &Options, table: &mut Table) {
    let load = Load { size: 13 * MIB, connections: 8 };
    let mut peaks = [Vec::new(), Vec::new()];
    for _ in 0..options.rounds.min(3) {
        for (kind, peaks) in [Kind::Bits, Kind::Bare].into_iter().zip(&mut peaks) {
            let server = Server::start(kind, options);
            settle();
            load.run(&server);
            peaks.push(server.peak_memory() as f64 / MIB as f64);
        }
    }
    let [bits, bare] = peaks.map(|peaks| Spread::of(&peaks));
    table.row("peak memory, 13 MiB from each of 8 clients", bits, " MiB", Some(Goal::AtMost(16.0)));
    table.row("the same, of the bare handler", bare, " MiB", None);
}

const AT_ONCE: [usize; 4] = [1, 8, 50, 200];

/// Whole uploads of 1 MiB, all at the same time. The bare handler gets its bytes and no more.
pub(crate) fn at_once(options: &Options, table: &mut Table, plots: &mut Plots) {
    let servers = [Kind::Bits, Kind::Bare, Kind::BareThrice].map(|kind| Server::start(kind, options));
    let mut ratios = AT_ONCE.map(|_| [Vec::new(), Vec::new()]);
    for round in 0..=options.rounds {
        for (clients, ratios) in AT_ONCE.into_iter().zip(&mut ratios) {
            let mut took = [Duration::ZERO; 3];
            for turn in 0..servers.len() {
                let which = (round + turn) % servers.len();
                settle();
                took[which] = uploads(&servers[which], clients);
            }
            if round > 0 {
                let [bits, once, thrice] = took.map(|took| took.as_secs_f64());
                ratios[0].push(once / bits);
                ratios[1].push(once / thrice);
            }
        }
    }
    let spreads = ratios.map(|ratios| ratios.map(|ratios| Spread::of(&ratios)));
    for (clients, [of_bits, of_three]) in AT_ONCE.into_iter().zip(spreads) {
        let goal = (clients == 200).then_some(Goal::AtLeast(0.9));
        table.row(format!("throughput, {clients} whole uploads of 1 MiB at once"), of_bits, "", goal);
        let what = format!("the bare handler with three requests each, {clients} at once, and with one");
        table.row(what, of_three, "", None);
    }
    let points = AT_ONCE.into_iter().zip(spreads.map(|[of_bits, _]| of_bits));
    plots.add(Plot {
        name: "clients",
        title: "Throughput by the number of uploads at once",
        across: "whole uploads of 1 MiB at once",
        up: "beside the bare handler",
        lines: vec![Line {
            label: "1 MiB".to_owned(),
            points: points
                .map(|(clients, spread)| (clients as f64, clients.to_string(), spread.median))
                .collect(),
        }],
    });
}

fn uploads(server: &Server, clients: usize) -> Duration {
    let (part, ready) = (bytes(MIB), Barrier::new(clients + 1));
    let took = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(server.kind, server.address);
                    ready.wait();
                    client.begin(part.len());
                    client.part(&part);
                    client.end();
                    Instant::now()
                })
            })
            .collect();
        ready.wait();
        let begin = Instant::now();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap() - begin
    });
    server.clear();
    took
}
