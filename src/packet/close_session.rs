//! Close-Session and its Ack (§2.2.8, §2.2.9).

use http::header::HeaderMap;

use super::request::{content_name, put_content_name, session_id};
use crate::header::{self, Headers};
use crate::packet::Malformed;
use crate::vocabulary::ContentName;
use crate::vocabulary::SessionId;

/// Says that the upload is complete, as Windows does (§2.2.8): the server publishes the entity.
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload/07-close-session.req")]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct CloseSession<'a> {
    /// The session.
    pub session_id: SessionId,
    /// The local file's name. Some Windows versions send it here, too; servers ignore it ([Q63]).
    ///
    /// [Q63]: crate::manual::tolerances#q63
    pub content_name: Option<ContentName<'a>>,
}

/// Says that the entity is published and the session gone (§2.2.9), as IIS does:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload/08-close-session.ack")]
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct CloseSessionAck {
    /// The session. IIS leaves it out ([C03](crate::manual::decisions#c03)); ours says it.
    pub session_id: Option<SessionId>,
}

impl<'a> CloseSession<'a> {
    pub(super) fn decode(headers: &Headers<'a>) -> Result<Self, Malformed> {
        Ok(Self { session_id: session_id(headers)?, content_name: content_name(headers)? })
    }

    pub(super) fn encode(&self, headers: &mut HeaderMap) {
        header::put_text(headers, header::BITS_SESSION_ID, self.session_id.as_bytes());
        put_content_name(headers, self.content_name.as_ref());
    }

    /// The same packet with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> CloseSession<'static> {
        CloseSession {
            session_id: self.session_id,
            content_name: self.content_name.map(ContentName::into_owned),
        }
    }
}
