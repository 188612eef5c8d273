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

    /// A packet was answered.
    pub(crate) fn packet(&self, packet: Option<PacketType>, status: StatusCode) {
        let key = (packet.map_or("invalid", PacketType::as_str), status.as_u16());
        *self.packets.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// Everything, with the number of sessions that are open.
    pub(crate) fn render(&self, sessions: usize) -> String {
        let received = self.received.load(Ordering::Relaxed);
        let expired = self.expired.load(Ordering::Relaxed);
        let mut text = format!(
            "# HELP bits_sessions_open Uploads that are not finished.\n\
             # TYPE bits_sessions_open gauge\n\
             bits_sessions_open {sessions}\n\
             # HELP bits_received_bytes_total Bytes that were stored.\n\
             # TYPE bits_received_bytes_total counter\n\
             bits_received_bytes_total {received}\n\
             # HELP bits_sessions_expired_total Uploads that made no progress for too long.\n\
             # TYPE bits_sessions_expired_total counter\n\
             bits_sessions_expired_total {expired}\n\
             # HELP bits_packets_total Packets, by type and by the status of the answer.\n\
             # TYPE bits_packets_total counter\n"
        );
        for ((packet, status), count) in self.packets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _infallible =
                writeln!(text, "bits_packets_total{{type=\"{packet}\",status=\"{status}\"}} {count}");
        }
        text
    }
}
