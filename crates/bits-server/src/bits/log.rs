//! What the log says of packets.

use std::time::Duration;

use bits_proto::Guid;
use bits_proto::packet::{Ack, PacketType};
use http::request::Parts;

use crate::listen;
use crate::users::Owner;

/// A session's id is a secret: its first digits alone tell which one it is.
pub(super) fn shown(id: Guid) -> String {
    beginning(&id.to_string())
}

/// Where an upload goes, without the query: that may be what lets somebody in.
pub(super) fn path(destination: &str) -> &str {
    destination.split('?').next().unwrap_or_default()
}

/// Nothing where nobody authenticates.
pub(super) fn owner(owner: &Owner) -> Option<&str> {
    Some(owner.as_str()).filter(|owner| !owner.is_empty())
}

/// One line for each packet.
pub(super) fn answered(
    packet: Option<PacketType>,
    head: &Parts,
    user: &Owner,
    ack: &Ack<'_>,
    reason: Option<&str>,
    took: Duration,
) {
    let id = ack.session_id().map(|id| beginning(id.as_str()));
    let received = match ack {
        Ack::Fragment(ack) => ack.received,
        Ack::Error(error) => error.received,
        _ => None,
    };
    tracing::info!(
        packet = packet.map_or("invalid", PacketType::as_str),
        status = ack.status().as_u16(),
        path = head.uri.path(),
        client = listen::client(head),
        owner = owner(user),
        session = id,
        received,
        reason,
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}

fn beginning(id: &str) -> String {
    id.trim_start_matches('{').chars().take(8).collect()
}
