//! The requests that the stimuli of the table stand for.

use bits_proto::packet::{CancelSession, CloseSession, CreateSession, Fragment, Payload, Ping, Request};
use bits_proto::server::transitions::Stimulus;
use bits_proto::{ContentRange, ProtocolId, SupportedProtocols};
use http::HeaderValue;

use super::scene::Scene;
use super::settings::{MAX_ENTITY, MAX_FRAGMENT};

/// A request's head.
pub type Head = http::Request<Payload>;

pub const TARGET: &str = "/upload/file.bin";

impl Scene {
    /// The request that the stimulus names; `None`, if the session cannot meet it.
    pub fn request(&self, stimulus: Stimulus) -> Option<Head> {
        let target = TARGET.parse().unwrap();
        let session_id = self.id();
        match stimulus {
            Stimulus::Close => {
                let close = CloseSession { session_id, content_name: None };
                return Some(Request::CloseSession(close).to_http(&target));
            }
            Stimulus::Cancel => {
                return Some(Request::CancelSession(CancelSession { session_id }).to_http(&target));
            }
            Stimulus::Unreadable => {
                let mut fragment = self.fragment(0..5, 5);
                let range = HeaderValue::from_static("bytes 0-4");
                fragment.headers_mut().try_insert("content-range", range).unwrap();
                return Some(fragment);
            }
            _ => {}
        }
        let next = self.session.received();
        let known = self.session.total();
        let total = known.unwrap_or(80);
        let is_empty = known == Some(0);
        let fits = total <= MAX_ENTITY;
        let range = match stimulus {
            // Strict's decoder lets no Fragment without a byte pass.
            Stimulus::Empty | Stimulus::Repeat
                if self.settings.conformance.is_strict() && (is_empty || stimulus == Stimulus::Empty) =>
            {
                return None;
            }
            Stimulus::Empty if is_empty => return None,
            Stimulus::Repeat if is_empty => None,
            Stimulus::Empty => None,
            Stimulus::OtherTotal => Some((0..1, known? + 1)),
            Stimulus::EntityTooLarge if fits => Some((0..10, 2 * MAX_ENTITY)),
            Stimulus::EntityTooLarge => Some((0..10, total)),
            _ if !fits || is_empty => return None,
            Stimulus::Next if next + 1 < total => Some((next..next + 1, total)),
            Stimulus::Last if next < total && total - next <= MAX_FRAGMENT => Some((next..total, total)),
            Stimulus::Overlap if next > 0 && next + 1 < total => Some((next - 1..next + 1, total)),
            Stimulus::OverlapLast if next > 0 && next < total => Some((next - 1..total, total)),
            Stimulus::Repeat if next > 0 => Some((next - 1..next, total)),
            Stimulus::Gap if next + 2 < total => Some((next + 1..next + 2, total)),
            Stimulus::FragmentTooLarge if known.is_none() => Some((0..100, 100)),
            Stimulus::FragmentTooLarge if total > MAX_FRAGMENT => Some((0..total, total)),
            _ => return None,
        };
        let range = range.map(|(bytes, total)| ContentRange::new(bytes, total).unwrap());
        Some(Request::Fragment(Fragment { session_id, range, content_name: None }).to_http(&target))
    }

    pub(super) fn fragment(&self, bytes: std::ops::Range<u64>, total: u64) -> Head {
        let range = Some(ContentRange::new(bytes, total).unwrap());
        let fragment = Fragment { session_id: self.id(), range, content_name: None };
        Request::Fragment(fragment).to_http(&TARGET.parse().unwrap())
    }
}

pub fn create() -> Request<'static> {
    let protocols = SupportedProtocols::from(ProtocolId::BITS_1_5);
    Request::CreateSession(CreateSession { protocols, content_name: None })
}

/// Packets that no session ever gets.
pub fn misrouted() -> [Head; 2] {
    [Request::Ping(Ping), create()].map(|request| request.to_http(&TARGET.parse().unwrap()))
}
