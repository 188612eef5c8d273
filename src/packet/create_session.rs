//! Create-Session and its Ack (§2.2.2, §2.2.3).

use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

use super::Malformed;
use super::ack::acknowledged_session;
use super::request::{content_name, put_content_name};
use crate::header::{self, Field, Headers, Note};
use crate::packet::Conformance;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::SessionId;
use crate::vocabulary::digits::{decimal, trim};
use crate::vocabulary::limits::MAX_PROTOCOLS;
use crate::vocabulary::{ContentName, HostId};
use crate::vocabulary::{ProtocolId, SupportedProtocols};

/// Asks for a new session (§2.2.2), as Windows does:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload/01-create-session.req")]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct CreateSession<'a> {
    /// The protocols that the client speaks, most preferred first.
    pub protocols: SupportedProtocols<'a>,
    /// The local file's name; old Windows sends it here already (note `<5>`).
    pub content_name: Option<ContentName<'a>>,
}

/// Names the new session (§2.2.3), as IIS does:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload/02-create-session.ack")]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct CreateSessionAck<'a> {
    /// The name of the session.
    pub session_id: SessionId,
    /// The protocol that the server chose. Some servers do not say ([Q22](crate::manual::tolerances#q22)); ours does.
    pub protocol: Option<ProtocolId>,
    /// The host of the session's later requests, if it is another one.
    pub host: Option<Host<'a>>,
}

/// The host that a session's later requests go to (§1.3.4.2), as IIS names it:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload-reply/02-create-session.ack")]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct Host<'a> {
    /// The host.
    pub id: HostId<'a>,
    /// For how long it may be out of reach before requests go to the origin again, in whole seconds; `None`: for ever.
    pub fallback_timeout: Option<Duration>,
}

impl<'a> CreateSession<'a> {
    pub(super) fn decode(headers: &Headers<'a>) -> Result<Self, Malformed> {
        let protocols = headers
            .parsed(Field::SupportedProtocols, SupportedProtocols::from_bytes)?
            .ok_or_else(|| header::missing(Field::SupportedProtocols))?;
        if headers.conformance.is_strict() && protocols.count(Conformance::Strict) > MAX_PROTOCOLS {
            return Err(header::invalid(Field::SupportedProtocols));
        }
        Ok(Self { protocols, content_name: content_name(headers)? })
    }

    pub(super) fn encode(&self, headers: &mut HeaderMap) {
        if let Ok(protocols) = HeaderValue::from_bytes(self.protocols.as_bytes()) {
            header::put(headers, header::BITS_SUPPORTED_PROTOCOLS, protocols);
        }
        put_content_name(headers, self.content_name.as_ref());
    }

    /// The same packet with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> CreateSession<'static> {
        CreateSession {
            protocols: self.protocols.into_owned(),
            content_name: self.content_name.map(ContentName::into_owned),
        }
    }
}

impl<'a> CreateSessionAck<'a> {
    /// The Ack for a session of this protocol's one version, on the host that was asked.
    #[must_use]
    pub const fn new(session_id: SessionId) -> Self {
        Self { session_id, protocol: Some(ProtocolId::BITS_1_5), host: None }
    }

    pub(super) fn decode(headers: &Headers<'a>, note: Note<'_>) -> Result<Self, Malformed> {
        let session_id = acknowledged_session(headers)?;
        let session_id = session_id.ok_or_else(|| header::missing(Field::SessionId))?;
        if headers.first(Field::AcceptEncoding)?.is_some_and(|value| !admits_identity(value)) {
            return Err(header::invalid(Field::AcceptEncoding));
        }
        Ok(Self { session_id, protocol: protocol(headers)?, host: host(headers, note)? })
    }

    pub(super) fn encode(&self, headers: &mut HeaderMap) {
        if let Some(protocol) = self.protocol {
            header::put_text(headers, header::BITS_PROTOCOL, protocol.text());
        }
        header::put_text(headers, header::BITS_SESSION_ID, self.session_id.as_bytes());
        header::put(headers, ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(host) = &self.host {
            header::put_text(headers, header::BITS_HOST_ID, host.id.as_str().as_bytes());
            // §2.2.3.2: a host never comes without a timeout; the largest is for ever (§3.1.1.2, Q24).
            let seconds = host.fallback_timeout.map_or(u32::MAX.into(), |timeout| timeout.as_secs());
            header::put_decimal(headers, header::BITS_HOST_ID_FALLBACK_TIMEOUT, seconds);
        }
    }

    /// The same packet with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> CreateSessionAck<'static> {
        CreateSessionAck {
            session_id: self.session_id,
            protocol: self.protocol,
            host: self.host.map(Host::into_owned),
        }
    }
}

/// The host, and for how long it may be out of reach: `upload-2 for 110 s`.
impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fallback_timeout {
            Some(timeout) => write!(f, "{} for {} s", self.id, timeout.as_secs()),
            None => write!(f, "{} for ever", self.id),
        }
    }
}

impl Host<'_> {
    /// The same host with its text owned.
    #[must_use]
    pub fn into_owned(self) -> Host<'static> {
        Host { id: self.id.into_owned(), fallback_timeout: self.fallback_timeout }
    }
}

/// A host that a snapshot owns.
#[cfg(feature = "arbitrary")]
pub(crate) fn arbitrary_host(
    u: &mut arbitrary::Unstructured<'_>,
) -> arbitrary::Result<Option<Host<'static>>> {
    Ok(u.arbitrary::<Option<Host<'_>>>()?.map(Host::into_owned))
}

/// The protocol that the server chose; in interop `None` or an empty value is none (Q22).
fn protocol(headers: &Headers<'_>) -> Result<Option<ProtocolId>, Malformed> {
    let value = headers.first(Field::Protocol)?;
    match (value.map(trim), headers.conformance) {
        (None, Conformance::Strict) => Err(header::missing(Field::Protocol)),
        (None, Conformance::Interop) => Ok(None),
        (Some(text), Conformance::Interop) if text.is_empty() || text.eq_ignore_ascii_case(b"none") => {
            Ok(None)
        }
        (Some(text), _) => std::str::from_utf8(text)
            .map_err(|_| InvalidValue::ProtocolId)
            .and_then(str::parse)
            .map(Some)
            .map_err(|_| header::invalid(Field::Protocol)),
    }
}

/// The host to go on with. In interop one that cannot be read is ignored (Q23): the origin serves the session as well.
fn host<'a>(headers: &Headers<'a>, note: Note<'_>) -> Result<Option<Host<'a>>, Malformed> {
    let Some(value) = headers.dispensable(Field::HostId, note)? else { return Ok(None) };
    let id = HostId::parse(trim(value), headers.conformance).map(Some);
    match headers.or_noted(id.map_err(|_| header::invalid(Field::HostId)), note)? {
        Some(id) => Ok(Some(Host { id, fallback_timeout: fallback_timeout(headers, note)? })),
        None => Ok(None),
    }
}

/// Missing, zero, 0xFFFFFFFF and what is no number mean: for ever (Q24). Strict wants a number beside a host (§2.2.3.2).
fn fallback_timeout(headers: &Headers<'_>, note: Note<'_>) -> Result<Option<Duration>, Malformed> {
    let name = Field::HostIdFallbackTimeout;
    let seconds = match headers.dispensable(name, note)? {
        Some(value) => decimal(trim(value)).map(Some).ok_or_else(|| header::invalid(name)),
        None if headers.conformance.is_strict() => Err(header::missing(name)),
        None => Ok(None),
    };
    let seconds = headers.or_noted(seconds, note)?;
    Ok(seconds.filter(|&seconds| seconds > 0 && seconds < u64::from(u32::MAX)).map(Duration::from_secs))
}

/// Whether an `Accept-Encoding` lets an entity come as it is: `identity`, `*`, or nothing at all (C08e).
fn admits_identity(value: &[u8]) -> bool {
    let admits = |coding: &[u8]| {
        let mut parts = coding.split(|&byte| byte == b';').map(trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|weight| matches!(weight, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"));
        (name.eq_ignore_ascii_case(b"identity") || name == b"*") && !refused
    };
    trim(value).is_empty() || value.split(|&byte| byte == b',').any(|coding| admits(trim(coding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_with_its_timeout() {
        let host = |fallback_timeout| Host { id: "upload-2".parse().unwrap(), fallback_timeout };
        assert_eq!(host(Some(Duration::from_secs(110))).to_string(), "upload-2 for 110 s");
        assert_eq!(host(None).to_string(), "upload-2 for ever");
    }

    #[test]
    fn identity_is_admitted_where_it_is_named() {
        for value in ["identity", "Identity", "*", "", " ", "gzip, identity", "gzip;q=1, *;q=0.5"] {
            assert!(admits_identity(value.as_bytes()), "{value:?}");
        }
        for value in ["gzip", "identity;q=0", "*;q=0, gzip", "identityx"] {
            assert!(!admits_identity(value.as_bytes()), "{value:?}");
        }
    }
}
