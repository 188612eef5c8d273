//! What a request is about, before any session is looked up.

use super::answer;
use super::directory::Directory;
use crate::packet::{Ack, ErrorAck, PingAck, Request};
use crate::vocabulary::Guid;
use crate::vocabulary::ProtocolId;

/// What a request is about: what [`Sessions`](super::Sessions) does with it, and what a program that keeps its sessions
/// elsewhere does itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a server must do every one of these")]
pub enum Route {
    /// Answer at once: a Ping, or a request that no session could take.
    Answer(Ack<'static>),
    /// Open a new session: [`Session::open`](super::Session::open).
    Create,
    /// Hand it to this session, if there is one; if not, answer [`Directory::session_not_found`].
    Session(Guid),
}

impl Directory {
    /// What a request is about (§3.2.5.2.2).
    pub fn route(&self, request: &Request<'_>) -> Route {
        let error =
            |ack: ErrorAck| Route::Answer(Ack::Error(ErrorAck { session_id: request.session_id(), ..ack }));
        if !self.enabled {
            return error(answer::not_enabled());
        }
        match request {
            Request::Ping(_) => Route::Answer(Ack::Ping(PingAck)),
            Request::CreateSession(create)
                if create.protocols.contains(ProtocolId::BITS_1_5, self.conformance) =>
            {
                Route::Create
            }
            Request::CreateSession(_) => error(answer::invalid()),
            Request::Fragment(_) | Request::CloseSession(_) | Request::CancelSession(_) => {
                match request.session_id().and_then(|id| id.guid()) {
                    Some(guid) => Route::Session(guid),
                    None => Route::Answer(self.session_not_found(request)),
                }
            }
        }
    }

    /// The answer to a request whose session is unknown: wrong, expired or ended.
    #[must_use]
    pub fn session_not_found(&self, request: &Request<'_>) -> Ack<'static> {
        Ack::Error(ErrorAck { session_id: request.session_id(), ..answer::session_not_found() })
    }
}
