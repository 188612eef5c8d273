//! Fragment and its Ack (§2.2.6, §2.2.7).

use std::fmt;

use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderMap, HeaderValue};

use super::ack::acknowledged_session;
use super::payload::Payload;
use super::request::{content_length, content_name, put_content_name, session_id};
use crate::header::{self, Field, Headers, Note};
use crate::packet::Conformance;
use crate::packet::Malformed;
use crate::vocabulary::SessionId;
use crate::vocabulary::digits::{decimal, trim};
use crate::vocabulary::range::{ContentRange, is_empty_marker, split_once, without_unit};
use crate::vocabulary::{ContentName, ReplyUrl};

/// Brings bytes of the entity (§2.2.6), as Windows does; the body of 4,892 bytes follows:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload/03-fragment.req")]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct Fragment<'a> {
    /// The session.
    pub session_id: SessionId,
    /// Which bytes the body has. `None` says that the entity is empty: `bytes */0`, or no range and no body ([C13]).
    ///
    /// [C13]: crate::manual::decisions#c13
    pub range: Option<ContentRange>,
    /// The local file's name.
    pub content_name: Option<ContentName<'a>>,
}

/// Says which byte the server wants next (§2.2.7). IIS answers the last fragment so, where an application has replied:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload-reply/08-fragment.ack")]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct FragmentAck<'a> {
    /// Whether the fragment was taken.
    pub status: FragmentStatus,
    /// The session. IIS leaves it out ([C03](crate::manual::decisions#c03)); ours says it.
    pub session_id: Option<SessionId>,
    /// The offset of the next byte that the server wants; `None` where a server did not say ([Q05], [Q06]).
    ///
    /// [Q05]: crate::manual::tolerances#q05
    /// [Q06]: crate::manual::tolerances#q06
    pub received: Option<u64>,
    /// The address of the reply, once the entity is complete and a server application has answered.
    pub reply_url: Option<ReplyUrl<'a>>,
}

/// Whether a fragment was taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_enums, reason = "a fragment's Ack that is neither is an error Ack")]
pub enum FragmentStatus {
    /// 200: the fragment, or what was new of it, was stored.
    Accepted,
    /// 416: client and server are out of step; the client goes on from the offset that the Ack names.
    OutOfStep,
}

impl fmt::Display for FragmentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Accepted => "accepted",
            Self::OutOfStep => "out of step",
        })
    }
}

impl<'a> Fragment<'a> {
    /// What the body holds.
    #[must_use]
    pub fn payload(&self) -> Payload {
        self.range.map_or(Payload::Empty, |range| Payload::Range(range.bytes()))
    }

    /// The order matters: a missing length is 411 whatever else is wrong (C15), and a chunked body has none (Q51).
    pub(super) fn decode(headers: &Headers<'a>) -> Result<Self, Malformed> {
        let length = content_length(headers)?.ok_or(Malformed::LengthRequired)?;
        if headers.contains(Field::TransferEncoding) {
            return Err(Malformed::LengthRequired);
        }
        let encoding = headers.one(Field::ContentEncoding)?.map(trim).unwrap_or_default();
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity") {
            return Err(header::invalid(Field::ContentEncoding));
        }
        let (session_id, content_name) = (session_id(headers)?, content_name(headers)?);
        Ok(Self { session_id, range: range(headers, length)?, content_name })
    }

    pub(super) fn encode(&self, headers: &mut HeaderMap) {
        header::put_text(headers, header::BITS_SESSION_ID, self.session_id.as_bytes());
        put_content_name(headers, self.content_name.as_ref());
        match self.range {
            Some(range) => header::put_text(headers, CONTENT_RANGE, range.text().as_bytes()),
            None => header::put(headers, CONTENT_RANGE, HeaderValue::from_static("bytes */0")),
        }
    }

    /// The same packet with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> Fragment<'static> {
        Fragment {
            session_id: self.session_id,
            range: self.range,
            content_name: self.content_name.map(ContentName::into_owned),
        }
    }
}

/// The range that a body of `length` bytes brings, or `None` for an empty entity, which interop alone can express.
fn range(headers: &Headers<'_>, length: u64) -> Result<Option<ContentRange>, Malformed> {
    let text = headers.one(Field::ContentRange)?;
    match text {
        _ if length == 0 && !headers.conformance.is_strict() && text.is_none_or(is_empty_marker) => Ok(None),
        None => Err(header::missing(Field::ContentRange)),
        Some(text) => {
            let range = ContentRange::parse(text, headers.conformance)
                .map_err(|_| header::invalid(Field::ContentRange))?;
            if range.len() == length { Ok(Some(range)) } else { Err(Malformed::LengthMismatch) }
        }
    }
}

impl<'a> FragmentAck<'a> {
    /// 200: the server has every byte before `next`.
    #[must_use]
    pub const fn accepted(session_id: SessionId, next: u64) -> Self {
        Self::new(FragmentStatus::Accepted, session_id, next)
    }

    /// 416: the server wants the bytes from `next` on.
    #[must_use]
    pub const fn out_of_step(session_id: SessionId, next: u64) -> Self {
        Self::new(FragmentStatus::OutOfStep, session_id, next)
    }

    const fn new(status: FragmentStatus, session_id: SessionId, next: u64) -> Self {
        Self { status, session_id: Some(session_id), received: Some(next), reply_url: None }
    }

    /// The status on the wire.
    #[must_use]
    pub const fn http_status(&self) -> StatusCode {
        match self.status {
            FragmentStatus::Accepted => StatusCode::OK,
            FragmentStatus::OutOfStep => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }

    pub(super) fn decode(
        headers: &Headers<'a>,
        status: FragmentStatus,
        note: Note<'_>,
    ) -> Result<Self, Malformed> {
        let session_id = match status {
            FragmentStatus::Accepted => acknowledged_session(headers)?,
            // Its status says it all, as that of an error does (C73).
            FragmentStatus::OutOfStep => headers.or_noted(acknowledged_session(headers), note)?,
        };
        let received = received(headers)?;
        if received.is_none() && headers.conformance.is_strict() {
            return Err(header::missing(Field::ReceivedContentRange));
        }
        // The bytes are stored, whatever the URL is. An empty one is none (Q25).
        let reply_url = headers.dispensable(Field::ReplyUrl, note)?;
        let reply_url = reply_url.and_then(|value| ReplyUrl::from_bytes(value).ok());
        Ok(Self { status, session_id, received, reply_url })
    }

    pub(super) fn encode(&self, headers: &mut HeaderMap) {
        put_received(headers, self.received);
        if let Some(session_id) = self.session_id {
            header::put_text(headers, header::BITS_SESSION_ID, session_id.as_bytes());
        }
        if let Some(reply_url) = &self.reply_url {
            header::put(headers, header::BITS_REPLY_URL, reply_url);
        }
    }

    /// The same packet with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> FragmentAck<'static> {
        FragmentAck {
            status: self.status,
            session_id: self.session_id,
            received: self.received,
            reply_url: self.reply_url.map(ReplyUrl::into_owned),
        }
    }
}

pub(super) fn put_received(headers: &mut HeaderMap, received: Option<u64>) {
    if let Some(received) = received {
        header::put_decimal(headers, header::BITS_RECEIVED_CONTENT_RANGE, received);
    }
}

/// The offset that the server wants next (Q07).
pub(super) fn received(headers: &Headers<'_>) -> Result<Option<u64>, Malformed> {
    let read = |value| match headers.conformance {
        Conformance::Interop => offset_or_end(trim(value)).ok_or(()),
        Conformance::Strict => decimal(value).ok_or(()),
    };
    match (headers.parsed(Field::ReceivedContentRange, read)?, headers.conformance) {
        // A misspelled header is none of the protocol's: what cannot be read in it is not there (Q06).
        (None, Conformance::Interop) => Ok(headers.parsed(Field::RecievedContentRange, read).unwrap_or(None)),
        (received, _) => Ok(received),
    }
}

/// A decimal offset; or a range, whose end is the offset.
fn offset_or_end(text: &[u8]) -> Option<u64> {
    if let Some(offset) = decimal(text) {
        return Some(offset);
    }
    let range = without_unit(text, Conformance::Interop).unwrap_or(text);
    let range = split_once(range, b'/').map_or(range, |(range, _)| range);
    let (first, last) = split_once(range, b'-')?;
    let (first, last) = (decimal(trim(first))?, decimal(trim(last))?);
    if first <= last { last.checked_add(1) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_in_words() {
        assert_eq!(
            format!("{}, {}", FragmentStatus::Accepted, FragmentStatus::OutOfStep),
            "accepted, out of step"
        );
    }

    #[test]
    fn q07_an_offset_is_a_number_or_the_end_of_a_range() {
        for (text, offset) in
            [("0", 0), ("007", 7), ("bytes 0-4891", 4892), ("0-4891/4892", 4892), ("Bytes 0 - 9/*", 10)]
        {
            assert_eq!(offset_or_end(text.as_bytes()), Some(offset), "{text}");
        }
        for text in [
            "",
            "+5",
            "-5",
            "5 6",
            "1,2",
            "0x5",
            "9-1",
            "-",
            "0-18446744073709551615",
            "18446744073709551616",
        ] {
            assert_eq!(offset_or_end(text.as_bytes()), None, "{text}");
        }
    }
}
