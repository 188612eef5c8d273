//! What the log says of packets.

use std::time::Duration;

use bits_proto::packet::{Ack, PacketType};
use http::request::Parts;

use crate::users::Owner;

/// One line for each packet. A session's id is a secret, so that its first digits alone tell which one it is.
pub(super) fn answered(
    packet: Option<PacketType>,
    head: &Parts,
    owner: &Owner,
    ack: &Ack<'_>,
    took: Duration,
) {
    let id =
        ack.session_id().map(|id| id.as_str().trim_start_matches('{').chars().take(8).collect::<String>());
    let received = match ack {
        Ack::Fragment(ack) => ack.received,
        Ack::Error(error) => error.received,
        _ => None,
    };
    tracing::info!(
        packet = packet.map_or("invalid", PacketType::as_str),
        status = ack.status().as_u16(),
        path = head.uri.path(),
        owner,
        session = id,
        received,
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}
