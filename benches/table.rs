//! A table of sessions, small and large, beside a plain `HashMap` that inserts, looks up and removes.
//!
//! `cargo bench --bench table` prints nanoseconds an operation with a thousand and with a million sessions open, and their
//! ratio; `-- --quick` compares a thousand with a hundred thousand, in a few seconds. What a larger table costs more is the
//! way to memory that no cache holds, which the `HashMap` goes as well. Ours goes it more than once: to the entry, to the
//! session with its owner and destination, and to its place in the order of deadlines. It reads the heads of requests as well,
//! which costs the same in any table.
//!
//! The two alternate, and the medians of short batches are compared: an interrupted batch does not count, nor do
//! the first ones after the caches held something else.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its arguments")]
#![expect(clippy::disallowed_macros, reason = "a benchmark prints what it finds")]

use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bits_proto::packet::{CreateSession, Fragment, Request};
use bits_proto::server::{Directory, Exchange, Keep, Output, Report, Sessions};
use bits_proto::{ContentRange, Guid, ProtocolId};
use http::Uri;

/// How many operations are timed at once.
const BATCH: u64 = 50;

/// How many batches follow one another, on one table.
const BATCHES: usize = 40;

fn main() {
    // Without `--bench`, `cargo test --all-targets` only asks whether it runs.
    let quick = !std::env::args().any(|arg| arg == "--bench") || std::env::args().any(|arg| arg == "--quick");
    let (sizes, rounds) = if quick { ([1_000, 100_000], 3) } else { ([1_000, 1_000_000], 50) };
    let mut ours = sizes.map(ours::Table::new);
    let mut plain = sizes.map(plain::Table::new);

    let [small, large] = sizes;
    println!("{:<8} {:^35}   {:^35}", "", "Sessions", "HashMap");
    let heading = format!("{small:>12} {large:>12} {:>9}", "ratio");
    println!("{:<8} {heading}   {heading}", "");
    compare("find", rounds, &mut ours, ours::Table::find, &mut plain, plain::Table::find);
    compare("add", rounds, &mut ours, ours::Table::add, &mut plain, plain::Table::add);
    compare("remove", rounds, &mut ours, ours::Table::remove, &mut plain, plain::Table::remove);
    compare("expire", rounds, &mut ours, ours::Table::expire, &mut plain, plain::Table::remove_oldest);
}

fn compare<A, B>(
    name: &str,
    rounds: usize,
    ours: &mut [A; 2],
    of_ours: fn(&mut A) -> Duration,
    plain: &mut [B; 2],
    of_plain: fn(&mut B) -> Duration,
) {
    let mut times = [const { Vec::new() }; 4];
    let [small, large, plain_small, plain_large] = &mut times;
    for _ in 0..rounds {
        for (table, times) in ours.iter_mut().zip([&mut *small, &mut *large]) {
            times.extend((0..BATCHES).map(|_| of_ours(table)));
        }
        for (table, times) in plain.iter_mut().zip([&mut *plain_small, &mut *plain_large]) {
            times.extend((0..BATCHES).map(|_| of_plain(table)));
        }
    }
    let [small, large, plain_small, plain_large] = times.map(median);
    let columns = |small: f64, large: f64| format!("{small:>9.1} ns {large:>9.1} ns {:>9.2}", large / small);
    println!("{name:<8} {}   {}", columns(small, large), columns(plain_small, plain_large));
}

/// The median, of one operation, in nanoseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e9 / BATCH as f64
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The random bytes of the session of this number.
fn random(number: u64) -> [u8; 16] {
    let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mixed.to_be_bytes());
    bytes[8..].copy_from_slice(&mixed.rotate_left(17).to_be_bytes());
    bytes
}

/// Sessions are numbered, and those of one window are open: the newest ones, as many as the table's size.
struct Window {
    size: u64,
    end: u64,
    draws: u64,
}

impl Window {
    fn oldest(&self) -> u64 {
        self.end - self.size
    }

    /// Sessions from all over the window, each once.
    fn picks(&mut self) -> Vec<u64> {
        self.draws =
            self.draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = self.draws >> 33;
        // No size has a factor in common with the stride.
        (0..BATCH).map(|pick| self.oldest() + (first + pick * 382_117) % self.size).collect()
    }
}

/// The table of the server.
mod ours {
    use super::*;

    const DESTINATION: &str = "http://server/fleet/uploads/2026/11/22/truck-0042/telemetry.bin";

    /// One session is opened every millisecond, and lives as many milliseconds as the table has sessions.
    pub(super) struct Table {
        sessions: Sessions<u64>,
        window: Window,
        start: Instant,
        create: Rc<http::Request<()>>,
    }

    impl Table {
        pub(super) fn new(size: u64) -> Self {
            let timeout = Duration::from_millis(size);
            let directory = Directory::builder().session_timeout(timeout).keep(Keep::Nothing);
            let protocols = ProtocolId::BITS_1_5.into();
            let mut table = Self {
                sessions: Sessions::new(directory.build().expect("a directory")),
                window: Window { size, end: size, draws: size },
                start: Instant::now(),
                create: Rc::new(head(&Request::CreateSession(CreateSession {
                    protocols,
                    content_name: None,
                }))),
            };
            for number in 0..size {
                table.open(number);
                table.store(number);
            }
            table
        }

        /// A Fragment that repeats what is stored comes to whichever session, and is answered at once.
        pub(super) fn find(&mut self) -> Duration {
            let requests: Vec<_> =
                self.window.picks().into_iter().map(|number| (number, fragment(number))).collect();
            timed(|| {
                for (number, request) in &requests {
                    // At a time that does not move its deadline, so that the table stays as it is.
                    let (_, output) = self.arrive(self.start, *number, request);
                    assert!(matches!(black_box(output), Output::Respond(_)));
                }
            })
        }

        /// Create-Session, and Opened.
        pub(super) fn add(&mut self) -> Duration {
            self.expire_oldest();
            self.open_newest()
        }

        /// Whichever session is evicted, and discarded.
        pub(super) fn remove(&mut self) -> Duration {
            let picks = self.window.picks();
            let ids: Vec<_> = picks.iter().map(|&number| Guid::from_random(random(number))).collect();
            let time = timed(|| {
                for &id in &ids {
                    assert!(self.sessions.evict(self.start, id));
                    assert!(self.discard_expired(self.start));
                }
            });
            picks.into_iter().for_each(|number| self.open(number));
            time
        }

        /// The oldest session's time is over, and it is discarded.
        pub(super) fn expire(&mut self) -> Duration {
            let time = self.expire_oldest();
            self.open_newest();
            time
        }

        fn expire_oldest(&mut self) -> Duration {
            let last = self.time(self.window.end + BATCH - 1);
            let mut expired = 0;
            let time = timed(|| {
                while self.discard_expired(last) {
                    expired += 1;
                }
            });
            assert_eq!(expired, BATCH);
            time
        }

        fn open_newest(&mut self) -> Duration {
            let time = timed(|| (0..BATCH).for_each(|number| self.open(self.window.end + number)));
            self.window.end += BATCH;
            time
        }

        fn open(&mut self, number: u64) {
            let (now, create) = (self.time(number), Rc::clone(&self.create));
            let (exchange, output) = self.arrive(now, number, &create);
            assert_eq!(output, Output::Open);
            assert!(matches!(black_box(self.report(now, exchange, Report::Opened)), Output::Respond(_)));
        }

        fn store(&mut self, number: u64) {
            let (exchange, output) = self.arrive(self.start, number, &fragment(number));
            assert!(matches!(output, Output::Store(_)));
            let answer = self.report(self.start, exchange, Report::Stored(10));
            assert!(matches!(answer, Output::Respond(_)));
        }

        /// Discards one session whose time is over, if there is one.
        fn discard_expired(&mut self, now: Instant) -> bool {
            let Some(exchange) = self.sessions.poll_expired(now) else { return false };
            assert_eq!(self.sessions.poll_output(now, exchange), Some(Output::Discard));
            assert_eq!(black_box(self.report(now, exchange, Report::Discarded)), Output::Done);
            true
        }

        fn arrive(&mut self, now: Instant, number: u64, head: &http::Request<()>) -> (Exchange, Output<u64>) {
            let exchange = self.sessions.handle_request(now, head, &owner(number), || random(number));
            let exchange = exchange.expect("a BITS request");
            (exchange, self.sessions.poll_output(now, exchange).expect("nobody else is at work"))
        }

        fn report(&mut self, now: Instant, exchange: Exchange, report: Report) -> Output<u64> {
            self.sessions.handle_report(now, exchange, report);
            self.sessions.poll_output(now, exchange).expect("nobody else is at work")
        }

        fn time(&self, number: u64) -> Instant {
            self.start + Duration::from_millis(number)
        }
    }

    /// An owner has as many sessions as IIS allows.
    fn owner(number: u64) -> u64 {
        number / 50
    }

    fn fragment(number: u64) -> http::Request<()> {
        let session_id = Guid::from_random(random(number)).into();
        let range = ContentRange::new(0..10, 100).ok();
        head(&Request::Fragment(Fragment { session_id, range, content_name: None }))
    }

    fn head(request: &Request<'_>) -> http::Request<()> {
        request.to_http(&Uri::from_static(DESTINATION)).map(drop)
    }
}

/// The floor: nothing but keys and numbers.
mod plain {
    use super::*;

    pub(super) struct Table {
        sessions: HashMap<[u8; 16], u64>,
        window: Window,
    }

    impl Table {
        pub(super) fn new(size: u64) -> Self {
            let sessions = (0..size).map(|number| (random(number), number)).collect();
            Self { sessions, window: Window { size, end: size, draws: size } }
        }

        pub(super) fn find(&mut self) -> Duration {
            let keys: Vec<_> = self.window.picks().into_iter().map(random).collect();
            timed(|| keys.iter().for_each(|key| assert!(black_box(self.sessions.get(key)).is_some())))
        }

        pub(super) fn add(&mut self) -> Duration {
            self.remove_first();
            self.insert_newest()
        }

        pub(super) fn remove(&mut self) -> Duration {
            let picks = self.window.picks();
            let keys: Vec<_> = picks.iter().copied().map(random).collect();
            let time =
                timed(|| keys.iter().for_each(|key| assert!(black_box(self.sessions.remove(key)).is_some())));
            self.sessions.extend(picks.into_iter().map(|number| (random(number), number)));
            time
        }

        pub(super) fn remove_oldest(&mut self) -> Duration {
            let time = self.remove_first();
            self.insert_newest();
            time
        }

        fn remove_first(&mut self) -> Duration {
            let oldest = self.window.oldest();
            timed(|| {
                for number in oldest..oldest + BATCH {
                    assert!(black_box(self.sessions.remove(&random(number))).is_some());
                }
            })
        }

        fn insert_newest(&mut self) -> Duration {
            let end = self.window.end;
            self.window.end += BATCH;
            timed(|| {
                for number in end..end + BATCH {
                    black_box(self.sessions.insert(random(number), number));
                }
            })
        }
    }
}
