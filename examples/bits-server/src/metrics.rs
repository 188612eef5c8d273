//! What the server counts, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bits_proto::packet::PacketType;
use http::StatusCode;

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    received: AtomicU64,
    expired: AtomicU64,
    /// By the packet's type, empty for one that could not be read, and the status of its answer.
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

    /// A packet was answered.
    pub(crate) fn packet(&self, packet: Option<PacketType>, status: StatusCode) {
        let key = (packet.map_or("", PacketType::as_str), status.as_u16());
        *self.packets.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// Everything, with the number of sessions that are open.
    pub(crate) fn render(&self, sessions: usize) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str| {
            let _infallible = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            let mut lines = Vec::new();
            match name {
                "bits_sessions_open" => lines.push(format!("{name} {sessions}")),
                "bits_received_bytes_total" => {
                    lines.push(format!("{name} {}", self.received.load(Ordering::Relaxed)))
                }
                "bits_sessions_expired_total" => {
                    lines.push(format!("{name} {}", self.expired.load(Ordering::Relaxed)))
                }
                _ => {}
            }
            for line in lines {
                let _infallible = writeln!(text, "{line}");
            }
        };
        metric("bits_sessions_open", "gauge", "Uploads that are not finished.");
        metric("bits_received_bytes_total", "counter", "Bytes that were stored.");
        metric("bits_sessions_expired_total", "counter", "Uploads that made no progress for too long.");
        metric("bits_packets_total", "counter", "Packets, by type and by the status of the answer.");
        for ((packet, status), count) in self.packets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _infallible =
                writeln!(text, "bits_packets_total{{type=\"{packet}\",status=\"{status}\"}} {count}");
        }
        text
    }
}
