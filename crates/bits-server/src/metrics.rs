//! The numbers that the server counts, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bits_http::server::{Answered, Event};
use bits_proto::Hresult;
use bits_proto::packet::{Ack, ErrorAck, PacketType};
use bits_proto::server::Refusal;
use http::StatusCode;

use crate::users::Owner;

/// The bounds of the histograms of latencies, in milliseconds.
const BOUNDS: [u64; 8] = [5, 25, 100, 500, 2_500, 10_000, 60_000, 600_000];

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    received: AtomicU64,
    expired: AtomicU64,
    published: AtomicU64,
    published_bytes: AtomicU64,
    failed: AtomicU64,
    packet_times: Times,
    notification_times: Times,
    /// By the packet's type, or `invalid`, and the status of its answer.
    packets: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// By reason.
    refused: Mutex<BTreeMap<&'static str, u64>>,
    /// By what came of them.
    notifications: Mutex<BTreeMap<&'static str, u64>>,
}

/// How long things took.
#[derive(Debug, Default)]
struct Times {
    /// How many took so many milliseconds at most.
    within: [AtomicU64; BOUNDS.len()],
    all: AtomicU64,
    microseconds: AtomicU64,
}

/// What is the case at this moment.
pub(crate) struct Now {
    pub(crate) sessions: usize,
    pub(crate) connections: usize,
    pub(crate) most_connections: usize,
    pub(crate) free: Option<u64>,
    /// Since 1970.
    pub(crate) certificate_ends: Option<Duration>,
}

impl Metrics {
    pub(crate) fn event(&self, event: &Event<'_, Owner>) {
        match event {
            Event::Stored { bytes, .. } => add(&self.received, *bytes),
            Event::Published { upload, .. } => {
                add(&self.published, 1);
                add(&self.published_bytes, upload.total.unwrap_or_default());
            }
            Event::Expired(_) => add(&self.expired, 1),
            Event::Failed(_) => add(&self.failed, 1),
            Event::Notified { outcome, took, .. } => {
                self.notification_times.note(*took);
                count(&self.notifications, outcome.as_str());
            }
            Event::Answered(answered) => self.answered(answered),
            _ => {}
        }
    }

    fn answered(&self, answered: &Answered<'_, Owner>) {
        self.packet_times.note(answered.took);
        let kind = answered.packet.map_or("invalid", PacketType::as_str);
        count(&self.packets, (kind, answered.ack.status().as_u16()));
        if !answered.ack.status().is_success() {
            self.refused(reason(answered));
        }
    }

    /// Something was refused, for a reason of a few.
    pub(crate) fn refused(&self, reason: &'static str) {
        count(&self.refused, reason);
    }

    /// Everything.
    pub(crate) fn render(&self, now: &Now) -> String {
        let mut text = Text::default();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        text.one("gauge", "bits_sessions_open", "Uploads that are not finished.", now.sessions);
        text.one("gauge", "bits_connections_open", "Connections of clients.", now.connections);
        let help = "How many connections there may be.";
        text.one("gauge", "bits_connections_max", help, now.most_connections);
        if let Some(free) = now.free {
            text.one("gauge", "bits_free_bytes", "Bytes that are free on the file system of the root.", free);
        }
        if let Some(ends) = now.certificate_ends {
            let help = "When the certificate expires, in seconds since 1970.";
            text.one("gauge", "bits_certificate_expiry_timestamp_seconds", help, ends.as_secs());
        }
        text.one("counter", "bits_received_bytes_total", "Bytes that were stored.", load(&self.received));
        text.one("counter", "bits_published_total", "Files that were published.", load(&self.published));
        let help = "Bytes of files that were published.";
        text.one("counter", "bits_published_bytes_total", help, load(&self.published_bytes));
        let help = "Uploads that made no progress for too long.";
        text.one("counter", "bits_sessions_expired_total", help, load(&self.expired));
        let help = "Errors of the server itself; the log has them.";
        text.one("counter", "bits_failures_total", help, load(&self.failed));
        let help = "Requests and connections that were refused, by reason.";
        text.many("bits_refused_total", help, &self.refused, |reason| format!("reason=\"{reason}\""));
        let help = "Notifications of the server application, by what came of them.";
        let label = |outcome: &&str| format!("outcome=\"{outcome}\"");
        text.many("bits_notifications_total", help, &self.notifications, label);
        text.times("bits_notification_seconds", "How long notifications took.", &self.notification_times);
        text.times("bits_packet_seconds", "How long packets took.", &self.packet_times);
        let help = "Packets, by type and by the status of the answer.";
        text.many("bits_packets_total", help, &self.packets, |(packet, status)| {
            format!("type=\"{packet}\",status=\"{status}\"")
        });
        text.0
    }
}

/// Why a packet was refused, as one of a few words.
fn reason(answered: &Answered<'_, Owner>) -> &'static str {
    let status = answered.ack.status();
    let code = match answered.ack {
        Ack::Error(ErrorAck { code, .. }) => *code,
        _ => None,
    };
    match answered.refusal {
        Some(Refusal::AccessDenied) => "access_denied",
        Some(Refusal::DestinationExists) => "destination_exists",
        Some(Refusal::IsDirectory) => "is_directory",
        Some(Refusal::NoSuchFolder) => "no_such_folder",
        Some(Refusal::EntityMissing) => "entity_missing",
        Some(Refusal::BadBody) => "bad_body",
        Some(Refusal::Busy) => "busy",
        Some(Refusal::DiskFull) => "disk_full",
        Some(Refusal::Internal) => "internal",
        Some(Refusal::Application { .. }) => "application",
        Some(Refusal::ApplicationTimeout) => "application_timeout",
        _ if answered.packet.is_none() => "invalid",
        _ if code == Some(Hresult::BG_E_TOO_LARGE) => "too_large",
        _ if code == Some(Hresult::BG_E_SESSION_NOT_FOUND) => "session_not_found",
        _ => match (answered.packet, status) {
            (Some(PacketType::CreateSession), StatusCode::SERVICE_UNAVAILABLE) => "too_many_sessions",
            (_, StatusCode::SERVICE_UNAVAILABLE) => "superseded",
            (_, StatusCode::FORBIDDEN) => "access_denied",
            (_, StatusCode::PAYLOAD_TOO_LARGE) => "fragment_too_large",
            (_, StatusCode::RANGE_NOT_SATISFIABLE) => "wrong_range",
            _ => "invalid",
        },
    }
}

impl Times {
    fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, within) in BOUNDS.iter().zip(&self.within) {
            if took <= bound * 1000 {
                add(within, 1);
            }
        }
        add(&self.all, 1);
        add(&self.microseconds, took);
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn count<K: Ord>(counters: &Mutex<BTreeMap<K, u64>>, key: K) {
    *counters.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
}

/// The text as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, kind: &str, name: &str, help: &str) {
        let _infallible = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _infallible = writeln!(self.0, "{line}");
    }

    fn one(&mut self, kind: &str, name: &str, help: &str, value: impl Display) {
        self.head(kind, name, help);
        self.line(format_args!("{name} {value}"));
    }

    fn many<K>(
        &mut self,
        name: &str,
        help: &str,
        counters: &Mutex<BTreeMap<K, u64>>,
        labels: impl Fn(&K) -> String,
    ) {
        self.head("counter", name, help);
        for (key, count) in counters.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            self.line(format_args!("{name}{{{}}} {count}", labels(key)));
        }
    }

    fn times(&mut self, name: &str, help: &str, times: &Times) {
        self.head("histogram", name, help);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        for (bound, within) in BOUNDS.iter().zip(&times.within) {
            self.line(format_args!("{name}_bucket{{le=\"{}\"}} {}", *bound as f64 / 1000.0, load(within)));
        }
        let all = load(&times.all);
        self.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {all}"));
        self.line(format_args!("{name}_sum {}", load(&times.microseconds) as f64 / 1_000_000.0));
        self.line(format_args!("{name}_count {all}"));
    }
}
