//! Heads that no sane peer would send.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: &[&str] = &[
    "bits-packet-type",
    "bits-supported-protocols",
    "bits-protocol",
    "bits-session-id",
    "bits-received-content-range",
    "bits-recieved-content-range",
    "bits-reply-url",
    "bits-host-id",
    "bits-host-id-fallback-timeout",
    "bits-error",
    "bits-error-code",
    "bits-error-context",
    "content-name",
    "content-length",
    "content-range",
    "content-encoding",
    "transfer-encoding",
    "accept-encoding",
    "x-http-method-override",
];

/// Values that lead past the first check of their header, and some that look as if they did.
const VALUES: &[&str] = &[
    "Ping",
    "create-session",
    "FRAGMENT",
    "Close-Session",
    "Cancel-Session",
    "Ack",
    "{7df0354d-249b-430f-820d-3d2a9bef4931}",
    "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}, {A0FF5911-4144-45B3-BF27-27AFC8EC8A67}",
    "0",
    "1",
    "4892",
    "+4892",
    "bytes 0-4891/4892",
    "bytes */0",
    "bytes 0-0/1",
    "bytes 1-0/18446744073709551615",
    "bytes 18446744073709551615-18446744073709551615/18446744073709551615",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0x80070057",
    "0x8020001F",
    "-2147024809",
    "0x0",
    "identity",
    "gzip;q=0, *",
    "chunked",
    "BITS_POST",
    "[::1]:80",
    "FRANKCAO8",
    "-",
    "/",
    "",
];

fn name() -> impl Strategy<Value = HeaderName> {
    prop_oneof![
        9 => select(NAMES).prop_map(HeaderName::from_static),
        1 => "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,40}".prop_map(|name| HeaderName::from_bytes(name.as_bytes()).unwrap()),
    ]
}

fn value() -> impl Strategy<Value = HeaderValue> {
    let bytes = |length| vec(prop_oneof![0x20u8..=0x7E, Just(b'\t'), 0x80u8..=0xFF], length);
    let value = prop_oneof![
        12 => select(VALUES).prop_map(|value| value.as_bytes().to_vec()),
        3 => bytes(0..60),
        1 => (4000usize..5000, 0x21u8..=0x7E).prop_map(|(length, byte)| vec![byte; length]),
    ];
    value.prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap())
}

/// Any headers, repeated ones among them.
pub fn headers() -> impl Strategy<Value = HeaderMap> {
    vec((name(), value()), 0..24).prop_map(|pairs| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.try_append(name, value).unwrap();
        }
        headers
    })
}

/// Any method; mostly the protocol's.
pub fn method() -> impl Strategy<Value = Method> {
    let token = prop_oneof![
        6 => Just("BITS_POST".to_owned()),
        2 => Just("POST".to_owned()),
        1 => "[A-Za-z_!#$%&'*+.^`|~-]{1,20}",
    ];
    token.prop_map(|token| Method::from_bytes(token.as_bytes()).unwrap())
}

/// Any version; mostly 1.1.
pub fn version() -> impl Strategy<Value = Version> {
    prop_oneof![
        8 => Just(Version::HTTP_11),
        1 => Just(Version::HTTP_09),
        1 => Just(Version::HTTP_10),
        1 => Just(Version::HTTP_2),
        1 => Just(Version::HTTP_3),
    ]
}

/// Any status; mostly one that this protocol knows.
pub fn status() -> impl Strategy<Value = u16> {
    prop_oneof![select(&[200, 201, 400, 403, 411, 416, 500][..]), 100u16..=999]
}
