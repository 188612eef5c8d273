//! The lines that the log has for what happens to uploads.

use bits_http::server::{Answered, Event, Leftover};
use bits_proto::Guid;
use bits_proto::packet::{Ack, PacketType};
use bits_proto::server::Refusal;
use http::{Method, StatusCode};

use crate::listen;
use crate::peer::Peer;
use crate::users::Owner;

pub(crate) fn event(event: &Event<'_, Owner>) {
    match event {
        Event::Answered(line) => answered(line),
        Event::Expired(upload) => tracing::info!(
            path = upload.path(),
            owner = owner(&upload.owner),
            received = upload.received,
            "expired"
        ),
        Event::Found(Leftover::Record(id, error)) => {
            tracing::error!(session = shown(*id), error, "a saved session is ignored and left alone");
        }
        Event::Found(Leftover::OutOfReach(id, error)) => {
            tracing::error!(session = shown(*id), error, "the bytes of a session are out of reach");
        }
        Event::Found(Leftover::Foreign(name)) => {
            tracing::warn!(name, "in the state folder is something that is not the server's");
        }
        Event::Failed(error) => tracing::error!(error, "something went wrong in the server"),
        _ => {}
    }
}

/// One line for each request that is refused before it is looked at as a packet.
pub(crate) fn refused(client: Peer, method: &Method, path: &str, status: StatusCode, reason: &str) {
    let status = status.as_u16();
    tracing::warn!(%client, %method, path, status, reason, "refused");
}

/// One line for each packet.
fn answered(answered: &Answered<'_, Owner>) {
    let Answered { head, ack, .. } = answered;
    let id = ack.session_id().map(|id| beginning(id.as_str()));
    let received = match ack {
        Ack::Fragment(ack) => ack.received,
        Ack::Error(error) => error.received,
        _ => None,
    };
    let reason = answered.reason.map(|reason| match advice(answered) {
        Some(advice) => format!("{reason}: {advice}"),
        None => reason.to_owned(),
    });
    tracing::info!(
        packet = answered.packet.map_or("invalid", PacketType::as_str),
        status = ack.status().as_u16(),
        path = head.uri.path(),
        client = listen::client(head).map(tracing::field::display),
        owner = owner(answered.owner),
        session = id,
        received,
        reason,
        milliseconds = u64::try_from(answered.took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}

/// What an operator can do about it.
fn advice(answered: &Answered<'_, Owner>) -> Option<&'static str> {
    match answered.refusal {
        Some(Refusal::DestinationExists) => Some("--allow-overwrites would let it be replaced"),
        Some(Refusal::IsDirectory) => Some("that is the name of a folder"),
        Some(Refusal::NoSuchFolder) => Some("--create-dirs would make it"),
        None if answered.packet == Some(PacketType::CreateSession) && answered.ack.status() == 503 => {
            Some("--sessions-per-owner or --max-sessions would allow more")
        }
        _ => None,
    }
}

/// Nothing where nobody authenticates.
fn owner(owner: &Owner) -> Option<&str> {
    Some(owner.as_str()).filter(|owner| !owner.is_empty())
}

/// A session's id is a secret: its first digits alone tell which one it is.
pub(crate) fn shown(id: Guid) -> String {
    beginning(&id.to_string())
}

fn beginning(id: &str) -> String {
    id.trim_start_matches('{').chars().take(8).collect()
}
