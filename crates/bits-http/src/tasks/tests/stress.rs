//! Threads that race for one session, with tasks that die at any step and saves that outlive them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bits_proto::server::{Keep, Output, Report};

use super::{create, fragment, tasks};

#[derive(Default)]
struct Storage {
    at_work: AtomicBool,
    stored: AtomicU64,
    saved: AtomicU64,
    saves: AtomicUsize,
}

impl Storage {
    /// Nobody else works on the session meanwhile.
    fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        assert!(!self.at_work.swap(true, Ordering::SeqCst), "two at once");
        thread::sleep(Duration::from_micros(100));
        let done = work();
        self.at_work.store(false, Ordering::SeqCst);
        done
    }

    fn save(&self, offset: u64) {
        self.alone(|| {
            let before = self.saved.swap(offset, Ordering::SeqCst);
            assert!(offset >= before, "an older record overtook a newer one");
            self.saves.fetch_add(1, Ordering::SeqCst);
        });
    }
}

/// A number below `below` that differs from round to round.
fn dice(seed: u64, below: u64) -> u64 {
    let x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33) % below
}

#[test]
fn saves_never_overlap_nor_go_back_and_no_byte_that_was_told_is_lost() {
    let tasks = tasks(Keep::Records);
    let id = create(&tasks);
    let storage = Arc::new(Storage::default());
    let told = Arc::new(AtomicU64::new(0));
    thread::scope(|scope| {
        for number in 0..4_u64 {
            let (tasks, id, storage, told) = (tasks.clone(), &id, Arc::clone(&storage), Arc::clone(&told));
            scope.spawn(move || {
                for round in 0..100_u64 {
                    let seed = number * 1000 + round;
                    // Now they race, now they do not.
                    thread::sleep(Duration::from_micros(dice(seed + 7, 2000)));
                    let from = tasks.with(|sessions| sessions.iter().next().unwrap().received());
                    let task = fragment(&tasks, id, from, from + 10, 1 << 30);
                    loop {
                        match task.next_blocking() {
                            Output::Store(store) => {
                                let stored = storage.alone(|| {
                                    assert!(storage.stored.load(Ordering::SeqCst) >= store.range().start);
                                    let length =
                                        if task.is_stopped() { store.length() / 2 } else { store.length() };
                                    storage.stored.store(store.range().start + length, Ordering::SeqCst);
                                    length
                                });
                                if dice(seed, 7) == 0 {
                                    break; // It dies, and does not report.
                                }
                                task.report(Report::Stored(stored));
                            }
                            Output::Save(_) => {
                                let offset =
                                    tasks.with(|sessions| sessions.iter().next().unwrap().received());
                                let (storage, hold) = (Arc::clone(&storage), task.hold());
                                let work = move || {
                                    storage.save(offset);
                                    drop(hold);
                                };
                                if dice(seed, 5) == 0 {
                                    thread::spawn(work);
                                    break; // It dies, and its save goes on.
                                }
                                work();
                                task.report(Report::Saved);
                            }
                            Output::Respond(bits_proto::packet::Ack::Fragment(ack)) => {
                                let offset = ack.received.unwrap();
                                assert!(storage.saved.load(Ordering::SeqCst) >= offset, "what is told lasts");
                                told.fetch_max(offset, Ordering::SeqCst);
                                break;
                            }
                            Output::Respond(_) => break,
                            other => panic!("{other:?}"),
                        }
                    }
                }
            });
        }
    });
    let (saves, told) = (storage.saves.load(Ordering::SeqCst), told.load(Ordering::SeqCst));
    assert!(saves > 50 && told > 100, "{saves} saves, {told} bytes: too little happened to mean anything");
}
