//! The headers of this protocol: their names, one pass over a head, writing one.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::packet::Conformance;
use crate::packet::Malformed;
use crate::vocabulary::limits::MAX_HEADER_VALUE;
use crate::vocabulary::text::StackText;

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
    /// The kind of a packet (§2.2.1.2, [C02](crate::manual::decisions#c02)):
    BITS_PACKET_TYPE = "bits-packet-type", "BITS-Packet-Type";
    /// The protocols that a client offers (§2.2.2.2):
    BITS_SUPPORTED_PROTOCOLS = "bits-supported-protocols", "BITS-Supported-Protocols";
    /// The protocol that the server chose (§2.2.3.2):
    BITS_PROTOCOL = "bits-protocol", "BITS-Protocol";
    /// The session (§2.2.1.2):
    BITS_SESSION_ID = "bits-session-id", "BITS-Session-Id";
    /// The offset of the next byte that the server wants (§2.2.7.2):
    BITS_RECEIVED_CONTENT_RANGE = "bits-received-content-range", "BITS-Received-Content-Range";
    /// As one real server misspells it; read, never sent ([Q06](crate::manual::tolerances#q06)):
    BITS_RECIEVED_CONTENT_RANGE = "bits-recieved-content-range", "BITS-Recieved-Content-Range";
    /// The address of the reply (§2.2.7.2):
    BITS_REPLY_URL = "bits-reply-url", "BITS-Reply-URL";
    /// The host of the session's later requests (§2.2.3.2, [C07](crate::manual::decisions#c07)):
    BITS_HOST_ID = "bits-host-id", "BITS-Host-Id";
    /// For how many seconds that host may be out of reach (§2.2.3.2):
    BITS_HOST_ID_FALLBACK_TIMEOUT = "bits-host-id-fallback-timeout", "BITS-Host-Id-Fallback-Timeout";
    /// The error, as MC-BUP names the header (§2.2.1.2, [C01](crate::manual::decisions#c01)):
    BITS_ERROR = "bits-error", "BITS-Error";
    /// The error, as everybody else names the header ([C01](crate::manual::decisions#c01)):
    BITS_ERROR_CODE = "bits-error-code", "BITS-Error-Code";
    /// The origin of the error (§2.2.1.2):
    BITS_ERROR_CONTEXT = "bits-error-context", "BITS-Error-Context";
    /// The local file's name (§2.2.1.1):
    CONTENT_NAME = "content-name", "Content-Name";
    /// The destination of the entity that a server application is notified of (§2.2.12.2):
    BITS_ORIGINAL_REQUEST_URL = "bits-original-request-url", "BITS-Original-Request-URL";
    /// The place of that entity, for an application that is notified by reference (§2.2.12.2,
    /// [C06](crate::manual::decisions#c06)):
    BITS_REQUEST_DATAFILE_NAME = "bits-request-datafile-name", "BITS-Request-DataFile-Name";
    /// As MC-BUP's prose calls it; read, never sent ([C06](crate::manual::decisions#c06)):
    BITS_REQUEST_DATAENTITY_NAME = "bits-request-dataentity-name", "BITS-Request-DataEntity-Name";
    /// The place where such an application puts its reply (§2.2.12.2, [C06](crate::manual::decisions#c06)):
    BITS_RESPONSE_DATAFILE_NAME = "bits-response-datafile-name", "BITS-Response-DataFile-Name";
    /// As MC-BUP's prose calls it; read, never sent ([C06](crate::manual::decisions#c06)):
    BITS_RESPONSE_DATAENTITY_NAME = "bits-response-dataentity-name", "BITS-Response-DataEntity-Name";
    /// The address that a server application names for its reply (§2.2.13.2):
    BITS_STATIC_RESPONSE_URL = "bits-static-response-url", "BITS-Static-Response-URL";
    /// Whether a server application wants the entity at its destination (§2.2.13.2,
    /// [C42](crate::manual::decisions#c42)):
    BITS_COPY_FILE_TO_DESTINATION = "bits-copy-file-to-destination", "BITS-Copy-File-To-Destination";
    /// The method that a tunnelling `POST` means ([Q41](crate::manual::tolerances#q41)):
    X_HTTP_METHOD_OVERRIDE = "x-http-method-override", "X-HTTP-Method-Override";
}

/// The spelling in which MC-BUP and its captures write a header's name; other names come back in lower case.
///
/// The `http` crate folds names to lower case, which HTTP allows and some peers of this protocol do not expect
/// ([Q20](crate::manual::tolerances#q20)). A program that writes HTTP/1.1 by hand should use this spelling.
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

/// The headers that packets read, each with its spelling: one pass over a head finds them all.
macro_rules! read {
    ($($name:ident = $lower:literal, $spelling:literal;)*) => {
        /// A header that a packet reads.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Field {
            $($name,)*
        }

        impl Field {
            const COUNT: usize = [$($spelling),*].len();

            /// The header of this name in lower case, if a packet reads it.
            fn of(lower: &str) -> Option<Self> {
                match lower {
                    $($lower => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name as it is spelled.
            const fn spelling(self) -> &'static str {
                match self {
                    $(Self::$name => $spelling,)*
                }
            }
        }
    };
}

read! {
    PacketType = "bits-packet-type", "BITS-Packet-Type";
    SupportedProtocols = "bits-supported-protocols", "BITS-Supported-Protocols";
    Protocol = "bits-protocol", "BITS-Protocol";
    SessionId = "bits-session-id", "BITS-Session-Id";
    ReceivedContentRange = "bits-received-content-range", "BITS-Received-Content-Range";
    RecievedContentRange = "bits-recieved-content-range", "BITS-Recieved-Content-Range";
    ReplyUrl = "bits-reply-url", "BITS-Reply-URL";
    HostId = "bits-host-id", "BITS-Host-Id";
    HostIdFallbackTimeout = "bits-host-id-fallback-timeout", "BITS-Host-Id-Fallback-Timeout";
    Error = "bits-error", "BITS-Error";
    ErrorCode = "bits-error-code", "BITS-Error-Code";
    ErrorContext = "bits-error-context", "BITS-Error-Context";
    ContentName = "content-name", "Content-Name";
    AcceptEncoding = "accept-encoding", "Accept-Encoding";
    ContentEncoding = "content-encoding", "Content-Encoding";
    ContentLength = "content-length", "Content-Length";
    ContentRange = "content-range", "Content-Range";
    TransferEncoding = "transfer-encoding", "Transfer-Encoding";
}

impl Field {
    #[expect(clippy::as_conversions, reason = "a variant without fields is its number")]
    const fn index(self) -> usize {
        self as usize
    }
}

/// What a header is looked for by: a [`Field`], which one pass has found, or any other name of HTTP.
pub(crate) trait Key {
    /// The first value, and whether another one contradicts it.
    fn find<'h>(&self, headers: &Headers<'h>) -> (Option<&'h HeaderValue>, bool);

    /// The name of the header, for an error.
    fn label(&self) -> &'static str;
}

impl Key for Field {
    fn find<'h>(&self, headers: &Headers<'h>) -> (Option<&'h HeaderValue>, bool) {
        let value = headers.values.get(self.index()).copied().flatten();
        (value, headers.contradicted & 1 << self.index() != 0)
    }

    fn label(&self) -> &'static str {
        self.spelling()
    }
}

impl Key for HeaderName {
    fn find<'h>(&self, headers: &Headers<'h>) -> (Option<&'h HeaderValue>, bool) {
        let mut values = headers.map.get_all(self).iter();
        let first = values.next();
        (first, values.any(|value| Some(value) != first))
    }

    fn label(&self) -> &'static str {
        known(self).unwrap_or("of this protocol")
    }
}

/// Is told of each header that is ignored because it cannot be read.
pub(crate) type Note<'n> = &'n mut dyn FnMut(Malformed);

/// The headers of one message, as this protocol reads them. A value that is read has 4,096 bytes at most; headers that
/// nobody asks for are none of this protocol's business (Q42, Q62).
#[derive(Clone, Copy)]
pub(crate) struct Headers<'h> {
    map: &'h HeaderMap,
    /// The first value of each name.
    values: [Option<&'h HeaderValue>; Field::COUNT],
    /// A bit for each name that has another value besides.
    contradicted: u32,
    pub(crate) conformance: Conformance,
}

impl<'h> Headers<'h> {
    pub(crate) fn new(map: &'h HeaderMap, conformance: Conformance) -> Self {
        let mut headers = Self { map, values: [None; Field::COUNT], contradicted: 0, conformance };
        for (name, value) in map {
            let Some(name) = Field::of(name.as_str()) else { continue };
            match headers.values.get_mut(name.index()) {
                Some(Some(first)) if *first != value => headers.contradicted |= 1 << name.index(),
                Some(place @ None) => *place = Some(value),
                _ => {}
            }
        }
        headers
    }

    /// Whether the header is there, whatever its value is.
    pub(crate) fn contains(&self, name: impl Key) -> bool {
        name.find(self).0.is_some()
    }

    /// The one value of a header; repetitions must be the same.
    pub(crate) fn one(&self, name: impl Key) -> Result<Option<&'h [u8]>, Malformed> {
        match name.find(self) {
            (Some(value), _) if value.len() > MAX_HEADER_VALUE => Err(Malformed::HeaderTooLong(name.label())),
            (_, true) => Err(Malformed::HeaderRepeated(name.label())),
            (value, false) => Ok(value.map(HeaderValue::as_bytes)),
        }
    }

    /// The first value of a header that may be repeated in interop (Q21).
    pub(crate) fn first(&self, name: impl Key) -> Result<Option<&'h [u8]>, Malformed> {
        match (name.find(self), self.conformance) {
            ((Some(value), _), _) if value.len() > MAX_HEADER_VALUE => {
                Err(Malformed::HeaderTooLong(name.label()))
            }
            ((_, true), Conformance::Strict) => Err(Malformed::HeaderRepeated(name.label())),
            ((value, _), _) => Ok(value.map(HeaderValue::as_bytes)),
        }
    }

    /// The first value of a header that interop can do without: one that cannot be read is noted, and is not there.
    pub(crate) fn dispensable(&self, name: impl Key, note: Note<'_>) -> Result<Option<&'h [u8]>, Malformed> {
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
        name: impl Key,
        parse: impl FnOnce(&'h [u8]) -> Result<T, E>,
    ) -> Result<Option<T>, Malformed> {
        let label = name.label();
        let Some(value) = self.one(name)? else { return Ok(None) };
        parse(value).map(Some).map_err(|_| Malformed::HeaderInvalid(label))
    }
}

/// What a missing header is called.
pub(crate) fn missing(name: impl Key) -> Malformed {
    Malformed::HeaderMissing(name.label())
}

/// What a header with an illegal value is called.
pub(crate) fn invalid(name: impl Key) -> Malformed {
    Malformed::HeaderInvalid(name.label())
}

/// What a header is called that stands where it must not.
pub(crate) fn not_allowed(name: impl Key) -> Malformed {
    Malformed::HeaderNotAllowed(name.label())
}

/// Writes one header. A message of this library has a dozen of them, so no map is ever full.
pub(crate) fn put(map: &mut HeaderMap, name: HeaderName, value: impl Into<HeaderValue>) {
    let _never_full = map.try_insert(name, value.into());
}

/// The number that is written most often, without formatting it.
pub(crate) const ZERO: HeaderValue = HeaderValue::from_static("0");

/// Writes one header whose value is a number.
pub(crate) fn put_decimal(map: &mut HeaderMap, name: HeaderName, number: u64) {
    match number {
        0 => put(map, name, ZERO),
        number => put_text(map, name, StackText::<20>::new().with_decimal(number).as_bytes()),
    }
}

/// Writes one header whose value is a text that this library made: visible ASCII.
pub(crate) fn put_text(map: &mut HeaderMap, name: HeaderName, text: impl AsRef<[u8]>) {
    if let Ok(value) = HeaderValue::from_bytes(text.as_ref()) {
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
    fn one_pass_finds_every_header_that_a_packet_reads() {
        // As many bits as there are headers.
        const { assert!(Field::COUNT <= 32) };
        for (lower, spelling) in SPELLINGS {
            let Some(name) = Field::of(lower) else { continue };
            assert_eq!((name.spelling(), HeaderName::from_static(lower).label()), (*spelling, *spelling));
            let map = map(&[("accept", "1"), (lower, "2"), ("x-other", "3")]);
            let headers = Headers::new(&map, Conformance::Strict);
            assert_eq!(headers.one(name), Ok(Some(&b"2"[..])), "{lower}");
            assert_eq!(headers.one(HeaderName::from_static(lower)), Ok(Some(&b"2"[..])), "{lower}");
            assert_eq!(headers.values.iter().flatten().count(), 1, "{lower}");
        }
        assert_eq!(SPELLINGS.iter().filter_map(|(lower, _)| Field::of(lower)).count(), Field::COUNT);
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
