//! The headers of this protocol: their names, reading one value, writing one.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::packet::Conformance;
use crate::packet::Malformed;
use crate::vocabulary::limits::MAX_HEADER_VALUE;

/// One table gives the names and the spelling in which MC-BUP and its captures write them.
macro_rules! names {
    ($($(#[$attribute:meta])* $name:ident = $lower:literal, $spelling:literal;)*) => {
        $(
            $(#[$attribute])*
            #[doc = concat!("`", $spelling, "`.")]
            pub const $name: HeaderName = HeaderName::from_static($lower);
        )*

        /// The names of this protocol, each with its spelling.
        const SPELLINGS: &[(&str, &str)] = &[
            $(($lower, $spelling),)*
            ("accept", "Accept"),
            ("accept-encoding", "Accept-Encoding"),
            ("accept-ranges", "Accept-Ranges"),
            ("allow", "Allow"),
            ("cache-control", "Cache-Control"),
            ("content-encoding", "Content-Encoding"),
            ("content-length", "Content-Length"),
            ("content-range", "Content-Range"),
            ("content-type", "Content-Type"),
            ("etag", "ETag"),
            ("if-range", "If-Range"),
            ("last-modified", "Last-Modified"),
            ("pragma", "Pragma"),
            ("range", "Range"),
            ("transfer-encoding", "Transfer-Encoding"),
        ];
    };
}

names! {
    /// The kind of a packet (§2.2.1.2):
    BITS_PACKET_TYPE = "bits-packet-type", "BITS-Packet-Type";
    /// The protocols that a client offers (§2.2.2.2):
    BITS_SUPPORTED_PROTOCOLS = "bits-supported-protocols", "BITS-Supported-Protocols";
    /// The protocol that the server chose (§2.2.3.2):
    BITS_PROTOCOL = "bits-protocol", "BITS-Protocol";
    /// The session (§2.2.1.2):
    BITS_SESSION_ID = "bits-session-id", "BITS-Session-Id";
    /// The offset of the next byte that the server wants (§2.2.7.2):
    BITS_RECEIVED_CONTENT_RANGE = "bits-received-content-range", "BITS-Received-Content-Range";
    /// As one real server misspells it; read, never sent (Q06):
    BITS_RECIEVED_CONTENT_RANGE = "bits-recieved-content-range", "BITS-Recieved-Content-Range";
    /// Where the reply is (§2.2.7.2):
    BITS_REPLY_URL = "bits-reply-url", "BITS-Reply-URL";
    /// The host of the session's later requests (§2.2.3.2):
    BITS_HOST_ID = "bits-host-id", "BITS-Host-Id";
    /// For how many seconds that host may be out of reach (§2.2.3.2):
    BITS_HOST_ID_FALLBACK_TIMEOUT = "bits-host-id-fallback-timeout", "BITS-Host-Id-Fallback-Timeout";
    /// The error, as MC-BUP names the header (§2.2.1.2, C01):
    BITS_ERROR = "bits-error", "BITS-Error";
    /// The error, as everybody else names the header (C01):
    BITS_ERROR_CODE = "bits-error-code", "BITS-Error-Code";
    /// Where the error arose (§2.2.1.2):
    BITS_ERROR_CONTEXT = "bits-error-context", "BITS-Error-Context";
    /// The local file's name (§2.2.1.1):
    CONTENT_NAME = "content-name", "Content-Name";
    /// The destination of the entity that a server application is notified of (§2.2.12.2):
    BITS_ORIGINAL_REQUEST_URL = "bits-original-request-url", "BITS-Original-Request-URL";
    /// Where that entity is, for an application that is notified by reference (§2.2.12.2, C06):
    BITS_REQUEST_DATAFILE_NAME = "bits-request-datafile-name", "BITS-Request-DataFile-Name";
    /// As MC-BUP's prose calls it; read, never sent (C06):
    BITS_REQUEST_DATAENTITY_NAME = "bits-request-dataentity-name", "BITS-Request-DataEntity-Name";
    /// Where such an application puts its reply (§2.2.12.2, C06):
    BITS_RESPONSE_DATAFILE_NAME = "bits-response-datafile-name", "BITS-Response-DataFile-Name";
    /// As MC-BUP's prose calls it; read, never sent (C06):
    BITS_RESPONSE_DATAENTITY_NAME = "bits-response-dataentity-name", "BITS-Response-DataEntity-Name";
    /// Where a server application says that its reply is (§2.2.13.2):
    BITS_STATIC_RESPONSE_URL = "bits-static-response-url", "BITS-Static-Response-URL";
    /// Whether a server application wants the entity at its destination (§2.2.13.2, C42):
    BITS_COPY_FILE_TO_DESTINATION = "bits-copy-file-to-destination", "BITS-Copy-File-To-Destination";
    /// The method that a tunnelling `POST` means (Q41):
    X_HTTP_METHOD_OVERRIDE = "x-http-method-override", "X-HTTP-Method-Override";
}

/// The spelling in which MC-BUP and its captures write a header's name; other names come back in lower case.
///
/// The `http` crate folds names to lower case, which HTTP allows and some peers of this protocol do not expect. Whoever
/// writes HTTP/1.1 by hand should write names with this.
///
/// ```
/// use bits_proto::header;
///
/// assert_eq!(header::spelling(&header::BITS_SESSION_ID), "BITS-Session-Id");
/// ```
#[must_use]
pub fn spelling(name: &HeaderName) -> &str {
    known(name).unwrap_or(name.as_str())
}

fn known(name: &HeaderName) -> Option<&'static str> {
    SPELLINGS.iter().find_map(|(known, spelling)| (*known == name.as_str()).then_some(*spelling))
}

/// The name of a header of this protocol, for an error.
fn label(name: &HeaderName) -> &'static str {
    known(name).unwrap_or("of this protocol")
}

/// Is told of each header that is ignored because it cannot be read.
pub(crate) type Note<'n> = &'n mut dyn FnMut(Malformed);

/// The headers of one message, as this protocol reads them. A value that is read has 4,096 bytes at most; headers that
/// nobody asks for are none of this protocol's business.
#[derive(Clone, Copy)]
pub(crate) struct Headers<'h> {
    map: &'h HeaderMap,
    pub(crate) conformance: Conformance,
}

impl<'h> Headers<'h> {
    pub(crate) fn new(map: &'h HeaderMap, conformance: Conformance) -> Self {
        Self { map, conformance }
    }

    /// Whether the header is there, whatever its value is.
    pub(crate) fn contains(&self, name: HeaderName) -> bool {
        self.map.contains_key(name)
    }

    /// The one value of a header; repetitions must be the same.
    pub(crate) fn one(&self, name: HeaderName) -> Result<Option<&'h [u8]>, Malformed> {
        self.only(&name)
    }

    fn only(&self, name: &HeaderName) -> Result<Option<&'h [u8]>, Malformed> {
        let Some(first) = self.map.get(name) else { return Ok(None) };
        if first.len() > MAX_HEADER_VALUE {
            return Err(Malformed::HeaderTooLong(label(name)));
        }
        // Most heads repeat nothing, and need not be searched for repetitions of each header.
        let nothing_repeated = self.map.len() == self.map.keys_len();
        if nothing_repeated || self.map.get_all(name).iter().all(|value| value == first) {
            Ok(Some(first.as_bytes()))
        } else {
            Err(Malformed::HeaderRepeated(label(name)))
        }
    }

    /// The first value of a header that may be repeated in interop (Q21).
    pub(crate) fn first(&self, name: HeaderName) -> Result<Option<&'h [u8]>, Malformed> {
        match self.conformance {
            Conformance::Interop => match self.map.get(&name) {
                Some(value) if value.len() > MAX_HEADER_VALUE => Err(Malformed::HeaderTooLong(label(&name))),
                value => Ok(value.map(HeaderValue::as_bytes)),
            },
            Conformance::Strict => self.one(name),
        }
    }

    /// The first value of a header that interop can do without: one that cannot be read is noted, and is not there.
    pub(crate) fn dispensable(
        &self,
        name: HeaderName,
        note: Note<'_>,
    ) -> Result<Option<&'h [u8]>, Malformed> {
        self.or_noted(self.first(name), note)
    }

    /// What was read, or, where interop can do without it, nothing.
    pub(crate) fn or_noted<T>(
        &self,
        read: Result<Option<T>, Malformed>,
        note: Note<'_>,
    ) -> Result<Option<T>, Malformed> {
        match (read, self.conformance) {
            (Err(ignored), Conformance::Interop) => {
                note(ignored);
                Ok(None)
            }
            (read, _) => read,
        }
    }

    /// A value made of the one value of a header.
    pub(crate) fn parsed<T, E>(
        &self,
        name: HeaderName,
        parse: impl FnOnce(&'h [u8]) -> Result<T, E>,
    ) -> Result<Option<T>, Malformed> {
        let Some(value) = self.only(&name)? else { return Ok(None) };
        parse(value).map(Some).map_err(|_| Malformed::HeaderInvalid(label(&name)))
    }
}

/// What a missing header is called.
pub(crate) fn missing(name: HeaderName) -> Malformed {
    Malformed::HeaderMissing(label(&name))
}

/// What a header with an illegal value is called.
pub(crate) fn invalid(name: HeaderName) -> Malformed {
    Malformed::HeaderInvalid(label(&name))
}

/// What a header is called that stands where it must not.
pub(crate) fn not_allowed(name: HeaderName) -> Malformed {
    Malformed::HeaderNotAllowed(label(&name))
}

/// Writes one header. A message of this library has a dozen of them, so no map is ever full.
pub(crate) fn put(map: &mut HeaderMap, name: HeaderName, value: impl Into<HeaderValue>) {
    let _never_full = map.try_insert(name, value.into());
}

/// Writes one header whose value is a text of this library's own making: visible ASCII.
pub(crate) fn put_text(map: &mut HeaderMap, name: HeaderName, text: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(text)) {
        put(map, name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn q20_names_are_read_in_any_case() {
        let name = HeaderName::from_bytes(b"bItS-hOsT-iD").unwrap();
        assert_eq!(name, BITS_HOST_ID);
        assert_eq!(spelling(&name), "BITS-Host-Id");
    }

    #[test]
    fn q21_the_same_value_twice_is_one_value() {
        let mut twice = map(&[("bits-session-id", "a")]);
        twice.try_append(BITS_SESSION_ID, HeaderValue::from_static("a")).unwrap();
        assert_eq!(Headers::new(&twice, Conformance::Interop).one(BITS_SESSION_ID), Ok(Some(&b"a"[..])));
        twice.try_append(BITS_SESSION_ID, HeaderValue::from_static("b")).unwrap();
        let headers = Headers::new(&twice, Conformance::Interop);
        assert_eq!(headers.one(BITS_SESSION_ID), Err(Malformed::HeaderRepeated("BITS-Session-Id")));
        assert_eq!(headers.first(BITS_SESSION_ID), Ok(Some(&b"a"[..])));
        assert!(Headers::new(&twice, Conformance::Strict).first(BITS_SESSION_ID).is_err());
    }

    #[test]
    fn a_value_that_is_read_has_a_bound() {
        let long = "x".repeat(4097);
        for (value, read) in [
            (&long[1..], Ok(Some(&long.as_bytes()[1..]))),
            (&long, Err(Malformed::HeaderTooLong("Content-Name"))),
        ] {
            let map = map(&[("content-name", value)]);
            for conformance in [Conformance::Interop, Conformance::Strict] {
                let headers = Headers::new(&map, conformance);
                assert_eq!((headers.one(CONTENT_NAME), headers.first(CONTENT_NAME)), (read, read));
                assert_eq!(headers.one(BITS_SESSION_ID), Ok(None));
            }
        }
    }

    #[test]
    fn interop_notes_what_it_can_do_without_and_strict_refuses_it() {
        let map = map(&[("bits-host-id", &"x".repeat(4097))]);
        let mut noted = Vec::new();
        let mut read = |conformance| {
            Headers::new(&map, conformance).dispensable(BITS_HOST_ID, &mut |ignored| noted.push(ignored))
        };
        let too_long = Malformed::HeaderTooLong("BITS-Host-Id");
        assert_eq!(read(Conformance::Strict), Err(too_long));
        assert_eq!(read(Conformance::Interop), Ok(None));
        assert_eq!(noted, [too_long]);
    }
}
