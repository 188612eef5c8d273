//! Waiting for what must happen soon.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take. The machine may be busy with much else.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until something holds.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(5));
    }
}
