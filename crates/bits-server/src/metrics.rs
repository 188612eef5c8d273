//! What the server counts, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bits_proto::packet::PacketType;
use http::StatusCode;

/// The bounds of the histogram of latencies, in milliseconds.
const BOUNDS: [u64; 8] = [5, 25, 100, 500, 2_500, 10_000, 60_000, 600_000];

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    received: AtomicU64,
    expired: AtomicU64,
    published: AtomicU64,
    failed: AtomicU64,
    /// How many packets took so many milliseconds at most.
    latencies: [AtomicU64; BOUNDS.len()],
    microseconds: AtomicU64,
    /// By the packet's type, or `invalid`, and the status of its answer.
    packets: Mutex<BTreeMap<(&'static str, u16), u64>>,
}

impl Metrics {
    /// Bytes were stored.
    pub(crate) fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A session made no progress for too long.
    pub(crate) fn expired(&self) {
        self.expired.fetch_add(1, Ordering::Relaxed);
    }

    /// A file was published.
    pub(crate) fn published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    /// Something went wrong in the server itself.
    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// A packet was answered.
    pub(crate) fn packet(&self, packet: Option<PacketType>, status: StatusCode, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, count) in BOUNDS.iter().zip(&self.latencies) {
            if took <= bound * 1000 {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.microseconds.fetch_add(took, Ordering::Relaxed);
        let key = (packet.map_or("invalid", PacketType::as_str), status.as_u16());
        *self.packets.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// Everything, with the number of sessions that are open and of bytes that are free.
    pub(crate) fn render(&self, sessions: usize, free: Option<u64>) -> String {
        let mut text = String::new();
        let mut one = |kind: &str, name: &str, help: &str, value: u64| {
            let _infallible = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        one("gauge", "bits_sessions_open", "Uploads that are not finished.", sessions as u64);
        if let Some(free) = free {
            one("gauge", "bits_free_bytes", "Bytes that are free on the file system of the root.", free);
        }
        one("counter", "bits_received_bytes_total", "Bytes that were stored.", count(&self.received));
        one("counter", "bits_published_total", "Files that were published.", count(&self.published));
        let expired = "Uploads that made no progress for too long.";
        one("counter", "bits_sessions_expired_total", expired, count(&self.expired));
        let failed = "Errors of the server itself; the log has them.";
        one("counter", "bits_failures_total", failed, count(&self.failed));
        let packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
        text += "# HELP bits_packet_seconds How long packets took.\n# TYPE bits_packet_seconds histogram\n";
        let all: u64 = packets.values().sum();
        for (bound, packets) in BOUNDS.iter().zip(&self.latencies) {
            let (seconds, packets) = (*bound as f64 / 1000.0, count(packets));
            let _infallible = writeln!(text, "bits_packet_seconds_bucket{{le=\"{seconds}\"}} {packets}");
        }
        let seconds = count(&self.microseconds) as f64 / 1_000_000.0;
        let _infallible = write!(
            text,
            "bits_packet_seconds_bucket{{le=\"+Inf\"}} {all}\nbits_packet_seconds_sum {seconds}\n\
             bits_packet_seconds_count {all}\n\
             # HELP bits_packets_total Packets, by type and by the status of the answer.\n\
             # TYPE bits_packets_total counter\n"
        );
        for ((packet, status), count) in packets.iter() {
            let _infallible =
                writeln!(text, "bits_packets_total{{type=\"{packet}\",status=\"{status}\"}} {count}");
        }
        text
    }
}
