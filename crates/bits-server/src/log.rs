//! The lines that the log has for what happens to uploads.

use bits_http::server::{Answered, Event, Leftover};
use bits_proto::Guid;
use bits_proto::packet::{Ack, PacketType};
use http::header::AUTHORIZATION;

use crate::listen;
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
        // Those that brought no password are asked for one, and come again.
        Event::Unauthorized(head) if head.headers.contains_key(AUTHORIZATION) => {
            tracing::warn!(client = listen::client(head), path = head.uri.path(), "wrong name or password");
        }
        Event::Unauthorized(_) => {}
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

/// One line for each packet.
fn answered(answered: &Answered<'_, Owner>) {
    let Answered { head, ack, .. } = answered;
    let id = ack.session_id().map(|id| beginning(id.as_str()));
    let received = match ack {
        Ack::Fragment(ack) => ack.received,
        Ack::Error(error) => error.received,
        _ => None,
    };
    tracing::info!(
        packet = answered.packet.map_or("invalid", PacketType::as_str),
        status = ack.status().as_u16(),
        path = head.uri.path(),
        client = listen::client(head),
        owner = owner(answered.owner),
        session = id,
        received,
        reason = answered.reason,
        milliseconds = u64::try_from(answered.took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}

/// Nothing where nobody authenticates.
fn owner(owner: &Owner) -> Option<&str> {
    Some(owner.as_str()).filter(|owner| !owner.is_empty())
}

/// A session's id is a secret: its first digits alone tell which one it is.
fn shown(id: Guid) -> String {
    beginning(&id.to_string())
}

fn beginning(id: &str) -> String {
    id.trim_start_matches('{').chars().take(8).collect()
}
