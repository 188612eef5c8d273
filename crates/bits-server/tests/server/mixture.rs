//! A mixture of faults, in an order that a seed decides: kills, pauses, broken and silent connections, a root that goes away, rubbish in
//! the state. Each file is published once and whole nevertheless.
//!
//! `BITS_SEED` repeats an order, `BITS_FAULTS` makes it longer.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::harness::{Server, entity, eventually};
use crate::http1::{Session, connect};
use crate::storms::{assert_published_once_and_whole, consume, upload_until};

/// How many faults there are.
const FAULTS: u64 = 40;

/// How many clients upload at a time.
const CLIENTS: usize = 4;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A generator of numbers (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn signal(server: &Server, name: &str) {
    assert!(Command::new("kill").args([name, &server.pid().to_string()]).status().unwrap().success());
}

/// Things that are nobody's, under names that look like the server's and others.
fn rubbish(state: &Path, dice: &mut Dice) {
    let id = format!("{{A0FF5911-4144-45B3-BF27-{:012X}}}", dice.below(1 << 40));
    let kind = ["json", "place", "gone", "reply", "new"][dice.below(5) as usize];
    let path = state.join(format!("{id}.{kind}"));
    let _there_already = match dice.below(4) {
        0 => fs::write(&path, "{"),
        1 => fs::create_dir(&path),
        2 => symlink("../../outside", &path),
        _ => Command::new("mkfifo").arg(state.join(format!("pipe-{}", dice.below(1000)))).status().map(drop),
    };
}

/// Does one of the faults. It is over when this returns.
fn harm(server: &mut Server, address: &Mutex<SocketAddr>, dice: &mut Dice) {
    let pause = Duration::from_millis(dice.below(300));
    match dice.below(7) {
        0 | 1 => {
            server.kill();
            if dice.below(2) == 0 {
                rubbish(&server.root().join(".bits"), dice);
            }
            server.restart();
            *address.lock().unwrap() = server.address;
        }
        2 => {
            signal(server, "-STOP");
            thread::sleep(pause);
            signal(server, "-CONT");
        }
        3 => signal(server, "-HUP"),
        4 => {
            let away = server.outside().join("away");
            fs::rename(server.root(), &away).unwrap();
            thread::sleep(pause);
            fs::rename(&away, server.root()).unwrap();
        }
        5 => {
            // Silent ones, and ones that break within a head.
            for end in 0..30 {
                let mut stream = connect(server.address);
                let _broken = stream.write_all(&b"BITS_POST /silent HTTP/1.1\r\nHost: a\r\n"[..end]);
            }
        }
        _ => {
            // One that breaks within a body. It is cancelled, so that nothing is left.
            if let Ok(session) =
                Session::try_create(server.address, &format!("/broken-{}", dice.below(1 << 40)), &[])
            {
                drop(session.begin_fragment(&entity(100_000), 0, 100_000, dice.below(50_000) as usize));
                // What is being stored is waited for no longer than a request waits for its turn.
                eventually("it is cancelled", || session.cancel().status == 200);
            }
        }
    }
}

/// Says that it is over, when it is dropped.
struct Ends<'e>(&'e AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn every_file_is_published_once_and_whole_whatever_goes_wrong() {
    mixture(number("BITS_SEED", 13), number("BITS_FAULTS", FAULTS));
}

#[test]
fn so_it_is_in_another_order() {
    mixture(number("BITS_SEED", 8), number("BITS_FAULTS", FAULTS));
}

fn mixture(seed: u64, faults: u64) {
    println!("BITS_SEED={seed}");
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut server = Server::start(&["--max-connections", "24", "--connections-per-address", "24"]);
    let (root, taken) = (server.root().to_owned(), server.outside().join("taken"));
    let (address, ends, ended) = (Mutex::new(server.address), AtomicBool::new(false), AtomicBool::new(false));
    let uploads = AtomicUsize::new(0);
    thread::scope(|scope| {
        // If this thread fails, the others end as well.
        let _whatever_happens = (Ends(&ends), Ends(&ended));
        let consumer = scope.spawn(|| consume(&root, &taken, &ended));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (address, ends, uploads) = (&address, &ends, &uploads);
                scope.spawn(move || upload_until(ends, client, address, uploads))
            })
            .collect();
        for _ in 0..faults {
            let before = uploads.load(Ordering::SeqCst);
            while dice.0 % 2 == 0 && uploads.load(Ordering::SeqCst) == before {
                thread::sleep(Duration::from_millis(1));
            }
            harm(&mut server, &address, &mut dice);
        }
        ends.store(true, Ordering::SeqCst);
        let sizes: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        ended.store(true, Ordering::SeqCst);
        let found = consumer.join().unwrap();
        assert_published_once_and_whole(&found, sizes);
        assert_eq!(found.len(), uploads.load(Ordering::SeqCst), "and nothing else is");
    });
    assert!(uploads.load(Ordering::SeqCst) >= CLIENTS, "too few uploads to mean anything");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    let left = server.parts();
    assert!(left.iter().all(|part| part.metadata().unwrap().len() == 0), "{left:?}");
}
