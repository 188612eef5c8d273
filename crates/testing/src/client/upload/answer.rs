//! The answers that the stimuli of the table stand for.

use std::ops::Range;

use bits_proto::client::transitions::Stimulus;
use bits_proto::packet::PacketType;
use http::Response;

use super::scene::Scene;
use super::setup::{FRAGMENT, LEAST};
use crate::client::answers;

impl Scene {
    /// The answer to the packet on its way; `None` if it cannot be answered so.
    pub(super) fn answer(&self, stimulus: Stimulus) -> Option<Response<()>> {
        let packet = self.packet()?;
        let range = self.range();
        let success = || match (packet, &range) {
            (PacketType::CreateSession, _) => answers::created(),
            (_, Some(range)) => answers::received(range.end),
            _ => answers::ok(),
        };
        let small = range.as_ref().is_some_and(is_small);
        let is_fragment = range.is_some();
        let more = range.as_ref().is_some_and(leaves_more);
        Some(match stimulus {
            Stimulus::Success if !more => success(),
            Stimulus::SuccessAndMore if more => success(),
            Stimulus::SuccessPaced if !small && self.is_paced() => success(),
            Stimulus::SuccessNamingHost if packet == PacketType::CreateSession => {
                let timeout = self.setup.fallback.map(|timeout| ("BITS-Host-Id-Fallback-Timeout", timeout));
                let headers: Vec<_> = [("BITS-Host-Id", "other")].into_iter().chain(timeout).collect();
                answers::created_with(&headers)
            }
            Stimulus::SuccessNamingReply if is_fragment && !more => {
                answers::with(success(), &[("BITS-Reply-URL", "/reply")])
            }
            Stimulus::OutOfStep => answers::out_of_step(0),
            Stimulus::OutOfStepBlind => answers::ack(416, &[]),
            Stimulus::FragmentTooLarge if !small => answers::ack(413, &[]),
            Stimulus::FragmentTooLargeAtFloor if small || !is_fragment => answers::ack(413, &[]),
            Stimulus::SessionNotFound => answers::session_not_found(),
            Stimulus::Unauthorized => answers::page(401),
            Stimulus::Transient => answers::ack(503, &[]),
            Stimulus::Fatal => answers::error(403, "0x80070005"),
            Stimulus::NoAck => answers::page(200),
            Stimulus::EmptyNoAck => Response::new(()),
            _ => return None,
        })
    }
}

pub(super) fn is_small(range: &Range<u64>) -> bool {
    range.end - range.start <= LEAST
}

/// Whether what comes after this fragment does not fit into one more.
pub(super) fn leaves_more(range: &Range<u64>) -> bool {
    range.end + (range.end - range.start) < 2 * FRAGMENT
}
