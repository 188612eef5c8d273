//! Many open sessions: what a Fragment costs beside them, and how long a restart takes.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use crate::client::{Client, bytes};
use crate::measure::settle;
use crate::options::Options;
use crate::plot::{Line, Plot, Plots};
use crate::server::{Kind, Server};
use crate::statistics::Spread;
use crate::table::{Goal, Table};

/// How many clients begin sessions.
const CLIENTS: usize = 64;

/// How many sessions each of them begins and cancels at the server that has none open.
const SESSIONS_EACH: usize = 4;

const FRAGMENTS: usize = 100;

/// How often a server is restarted with the same sessions.
const RESTARTS: usize = 3;

pub(crate) fn measure(options: &Options, table: &mut Table, plots: &mut Plots) {
    let steps: Vec<_> =
        [100, 1_000, 10_000, 100_000].into_iter().filter(|step| *step <= options.most_sessions).collect();
    let mut server = Server::start(Kind::Bits, options);
    let idle = Server::start(Kind::Bits, options);
    let (mut open, mut beside, mut restarts) = (0, Vec::new(), Vec::new());
    for sessions in steps {
        begin(&server, sessions - open);
        open = sessions;
        begin_and_cancel(&idle);
        settle();
        // One round warms both up.
        let rounds = (0..=options.rounds).map(|_| fragments(&server) / fragments(&idle));
        let spread = Spread::of(&rounds.skip(1).collect::<Vec<_>>());
        beside.push((sessions, spread));
        let mut ratios = Vec::new();
        for _ in 0..RESTARTS {
            let reading = Instant::now();
            let read = read(&server.root());
            let reading = reading.elapsed();
            assert!(read >= sessions, "{read} sessions are kept");
            let took = server.restart(options);
            println!("{sessions} sessions: read in {reading:.2?}, restarted in {took:.2?}");
            ratios.push(took.as_secs_f64() / reading.as_secs_f64());
        }
        restarts.push((sessions, Spread::of(&ratios)));
    }
    for (sessions, spread) in &beside {
        let what = format!("time of a 5 KiB Fragment beside {sessions} open sessions, and beside none");
        table.row(what, *spread, "", Some(Goal::AtMost(1.1)));
    }
    for (sessions, spread) in &restarts {
        let goal = (*sessions >= 10_000).then_some(Goal::AtMost(1.5));
        table.row(format!("restart with {sessions} sessions, and reading their files"), *spread, "", goal);
    }
    let line = |label: &str, points: &[(usize, Spread)]| Line {
        label: label.to_owned(),
        points: points
            .iter()
            .map(|(sessions, spread)| (*sessions as f64, sessions.to_string(), spread.median))
            .collect(),
    };
    plots.add(Plot {
        name: "sessions",
        title: "Time by the number of open sessions",
        across: "open sessions",
        up: "a Fragment: beside none open; a restart: beside reading the files",
        lines: vec![line("a Fragment", &beside), line("a restart", &restarts)],
    });
}

fn begin(server: &Server, sessions: usize) {
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let mut client_of = Client::connect(server.kind, server.address);
                for _ in (client..sessions).step_by(CLIENTS) {
                    client_of.begin(5 * 1024);
                }
            });
        }
    });
}

/// Gives a server as many threads as the other one has from so many clients, and leaves no session open.
fn begin_and_cancel(server: &Server) {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::connect(server.kind, server.address);
                for _ in 0..SESSIONS_EACH {
                    client.begin(5 * 1024);
                    client.cancel();
                }
            });
        }
    });
}

/// Sends Fragments over one connection, and returns how many seconds they took.
fn fragments(server: &Server) -> f64 {
    let part = bytes(5 * 1024);
    let mut client = Client::connect(server.kind, server.address);
    client.begin(part.len() * FRAGMENTS);
    client.part(&part);
    let begin = Instant::now();
    for _ in 1..FRAGMENTS {
        client.part(&part);
    }
    let took = begin.elapsed().as_secs_f64();
    client.cancel();
    took
}

/// Reads what a restart must read: each record, where its bytes are, and how many there are. Returns the number of records.
fn read(root: &Path) -> usize {
    let mut records = 0;
    for entry in fs::read_dir(root.join(".bits")).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => {
                fs::read(&path).unwrap();
                records += 1;
            }
            Some("place") => {
                let target = fs::read_link(&path).unwrap();
                let part = target.to_str().and_then(|target| target.split_once(':')).unwrap().1;
                fs::metadata(root.join(part)).unwrap();
            }
            _ => {}
        }
    }
    records
}
