//! Faults at random.

use std::time::Duration;

use super::fault::{Fault, Page, Seen};

/// Every second request meets with one of the faults that a client gets over. At most so many in all, so that an upload
/// ends.
pub fn chaos(mut random: fastrand::Rng, mut faults: usize) -> impl FnMut(&Seen) -> Fault + Send {
    move |seen| {
        if faults == 0 || random.bool() {
            return Fault::Pass;
        }
        faults -= 1;
        match random.u8(0..8) {
            0 => Fault::CutRequest(random.u64(0..=seen.length)),
            1 => Fault::TruncateRequest(random.u64(0..=seen.length)),
            2 => Fault::CutResponse,
            3 => Fault::TruncateResponse(random.usize(0..60)),
            4 => Fault::Delay(Duration::from_millis(random.u64(1..100))),
            5 => Fault::Repeat,
            6 => Fault::Answer(Page::BAD_GATEWAY),
            _ => Fault::Answer(Page::LOGIN),
        }
    }
}
