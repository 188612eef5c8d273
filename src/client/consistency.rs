//! What an upload can be: a snapshot that is anything else is corrupt, or something else's.

use super::snapshot::{Rest, Snapshot};
use super::state::Reply;
use crate::packet::PacketType;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

impl Snapshot {
    /// The first thing in the snapshot that no upload can have, if there is one. `reply` is what it says of the reply.
    pub(super) fn contradiction(&self, reply: &Reply) -> Option<&'static str> {
        let size = self.entity.size();
        [
            ("the size of the entity", size <= MAX_ENTITY_SIZE),
            ("the offset", self.offset <= self.guards.best && self.guards.best <= size),
            ("the session", self.session_id.is_some() || self.is_without_session(reply)),
            ("the state", self.rest_fits()),
            ("the exchange under way", self.exchange_fits()),
            ("the size of a fragment", self.sizer.size() > 0),
            ("the reply's URL", is_absolute(reply)),
        ]
        .into_iter()
        .find_map(|(what, holds)| (!holds).then_some(what))
    }

    fn is_without_session(&self, reply: &Reply) -> bool {
        let nothing_done = self.offset == 0 && *reply == Reply::None;
        nothing_done && self.host.is_none() && !self.offset_lost && !self.close_unanswered
    }

    fn rest_fits(&self) -> bool {
        match self.rest {
            Rest::Completed => self.session_id.is_some() && self.is_acknowledged(),
            Rest::Cancelled => self.session_id.is_none(),
            Rest::GoesOn | Rest::Suspended | Rest::Failed => true,
        }
    }

    fn exchange_fits(&self) -> bool {
        let Some(packet) = self.in_flight else { return true };
        let may_send = matches!(self.rest, Rest::GoesOn | Rest::Suspended);
        let in_session = self.session_id.is_some();
        may_send
            && match packet {
                PacketType::Ping => true,
                PacketType::CreateSession => !in_session,
                PacketType::Fragment => in_session && !self.is_acknowledged(),
                PacketType::CloseSession => in_session && self.is_acknowledged(),
                PacketType::CancelSession => in_session,
                PacketType::Ack => false,
            }
    }

    fn is_acknowledged(&self) -> bool {
        self.offset == self.entity.size()
    }
}

fn is_absolute(reply: &Reply) -> bool {
    match reply {
        Reply::At(url) => matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some(),
        Reply::None | Reply::Settled => true,
    }
}
