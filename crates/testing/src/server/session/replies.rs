//! The answers of the server application.

use bits_proto::ReplyUrl;
use bits_proto::server::{Notified, Refusal};
use http::StatusCode;

/// A server application that says no for ever.
pub const FORBIDDEN: Refusal = Refusal::Application { status: StatusCode::FORBIDDEN, code: None };

/// What a server application says that takes the entity.
pub fn taken(copy_to_destination: bool) -> Notified {
    Notified { copy_to_destination, reply_url: None }
}

/// What a server application says whose reply has a URL that no Ack may bring.
pub fn reply_too_long() -> Notified {
    let url = ReplyUrl::from_bytes(vec![b'u'; 2201]).unwrap();
    Notified { copy_to_destination: true, reply_url: Some(url) }
}
