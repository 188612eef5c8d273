//! What the log says of packets.

use std::time::Duration;

use bits_proto::packet::{Ack, PacketType, Request};
use bits_proto::server::Refusal;
use http::StatusCode;
use http::request::Parts;

use crate::users::Owner;

/// One line for each packet. A session's id is a secret, so that its first digits alone tell which one it is.
pub(super) fn answered(
    packet: Option<PacketType>,
    head: &Parts,
    owner: &Owner,
    ack: &Ack<'_>,
    reason: Option<&str>,
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
        owner = (!owner.is_empty()).then_some(owner.as_str()),
        session = id,
        received,
        reason,
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}

/// Why a packet was refused, for whoever runs the server: clients are told less.
pub(super) fn reason(request: &Request<'_>, ack: &Ack<'_>, refusal: Option<Refusal>) -> Option<String> {
    let Ack::Error(error) = ack else { return None };
    let reason = match refusal {
        Some(Refusal::DestinationExists) => "the file exists: --allow-overwrites would let it be replaced",
        Some(Refusal::NoSuchFolder) => "the folder does not exist: --create-dirs would make it",
        Some(Refusal::IsDirectory) => "that is the name of a folder",
        Some(Refusal::AccessDenied) => {
            "nothing may be written there: a name that is not allowed, a symbolic link, or missing permissions"
        }
        Some(Refusal::DiskFull) => "the disk is full, or a quota is used up",
        Some(other) => return Some(format!("{other:?}")),
        None => match (request, error.status) {
            (Request::CreateSession(_), StatusCode::SERVICE_UNAVAILABLE) => {
                "too many unfinished uploads of one user: --sessions-per-owner would allow more"
            }
            _ => error.code?.explanation()?,
        },
    };
    Some(reason.to_owned())
}
