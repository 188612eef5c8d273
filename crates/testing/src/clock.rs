//! Virtual time: one instant is taken from the clock, and everything else is counted from it.

use std::sync::OnceLock;
use std::time::Instant;

/// Where virtual time begins.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had from the clock alone; nothing depends on which"
)]
pub fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}
