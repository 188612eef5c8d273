//! The rules that all requests share (`manual::protocol`): the bound on headers, the length, the order of the checks, and
//! the answer to each offence.

use bits_proto::packet::{PacketType, Ping, Request};
use bits_proto::{Conformance, DecodeError, Malformed};
use http::{HeaderName, HeaderValue};

use Conformance::{Interop, Strict};

const ID: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";

type Head<'h> = &'h [(&'h str, &'h str)];

/// The four packets without a body, but for their `Content-Length`.
const CONTROL: [Head<'static>; 4] = [
    &[("BITS-Packet-Type", "Ping")],
    &[("BITS-Packet-Type", "Create-Session"), ("BITS-Supported-Protocols", PROTOCOL)],
    &[("BITS-Packet-Type", "Close-Session"), ("BITS-Session-Id", ID)],
    &[("BITS-Packet-Type", "Cancel-Session"), ("BITS-Session-Id", ID)],
];

/// A fragment that everybody takes.
const FRAGMENT: Head<'static> = &[
    ("BITS-Packet-Type", "Fragment"),
    ("BITS-Session-Id", ID),
    ("Content-Range", "bytes 0-4891/4892"),
    ("Content-Length", "4892"),
];

fn bits_post(heads: &[Head<'_>]) -> http::Request<()> {
    let mut request = http::Request::builder().method("BITS_POST");
    for (name, value) in heads.iter().copied().flatten() {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn error(heads: &[Head<'_>], conformance: Conformance) -> DecodeError {
    Request::decode(&bits_post(heads), conformance).unwrap_err()
}

fn read(heads: &[Head<'_>], conformance: Conformance) -> Result<PacketType, Malformed> {
    let request = bits_post(heads);
    let packet = Request::decode(&request, conformance).map_err(|error| error.malformed())?;
    Ok(packet.expect("BITS_POST is this protocol's method").packet_type())
}

/// A head without one of its headers.
fn without<'h>(head: Head<'h>, name: &str) -> Vec<(&'h str, &'h str)> {
    head.iter().copied().filter(|(other, _)| *other != name).collect()
}

#[test]
fn a_request_of_another_method_is_not_of_this_protocol() {
    for method in ["GET", "HEAD", "POST", "PUT", "bits_post", "BITS_GET", "BITS_POST2"] {
        let request = http::Request::builder()
            .method(method)
            .header("BITS-Packet-Type", "Ping")
            .header("Content-Length", "0")
            .body(())
            .unwrap();
        for conformance in [Interop, Strict] {
            assert_eq!(Request::decode(&request, conformance), Ok(None), "{method}");
        }
    }
}

#[test]
fn a_header_of_this_protocol_has_4096_bytes_at_most() {
    let create: Head<'_> = &[("BITS-Packet-Type", "Create-Session"), ("Content-Length", "0")];
    for (head, name) in [
        (create, "BITS-Supported-Protocols"),
        (FRAGMENT, "BITS-Session-Id"),
        (FRAGMENT, "Content-Name"),
        (FRAGMENT, "Content-Range"),
        (FRAGMENT, "Content-Encoding"),
    ] {
        for conformance in [Interop, Strict] {
            let with = |length| {
                let value = "x".repeat(length);
                read(&[&without(head, name), &[(name, &*value)]], conformance)
            };
            assert_ne!(with(4096), Err(Malformed::HeaderTooLong(name)), "{name}");
            assert_eq!(with(4097), Err(Malformed::HeaderTooLong(name)));
        }
    }
    let long = "x".repeat(4097);
    let error = error(&[FRAGMENT, &[("Content-Name", &long)]], Interop);
    assert_eq!(error.to_response().status(), 400);
}

#[test]
fn a_packet_has_no_bound_on_headers_that_it_does_not_read() {
    let long = "x".repeat(60_000);
    let others = [
        "BITS-Protocol",
        "Accept-Encoding",
        "BITS-Received-Content-Range",
        "BITS-Reply-URL",
        "BITS-Host-Id",
        "BITS-Host-Id-Fallback-Timeout",
        "BITS-Error",
        "BITS-Error-Code",
        "BITS-Error-Context",
    ];
    let of_another_packet = ["BITS-Supported-Protocols", "BITS-Session-Id", "Content-Name", "Content-Range"];
    for conformance in [Interop, Strict] {
        for name in others {
            assert_eq!(read(&[FRAGMENT, &[(name, &long)]], conformance), Ok(PacketType::Fragment), "{name}");
        }
        for name in others.into_iter().chain(of_another_packet) {
            let head = [("BITS-Packet-Type", "Ping"), ("Content-Length", "0"), (name, &*long)];
            assert_eq!(read(&[&head], conformance), Ok(PacketType::Ping), "{name}");
        }
    }
}

#[test]
fn the_bound_holds_for_the_packet_type_and_the_length_too() {
    let long = format!("{}Ping", " ".repeat(4093));
    let head = [("BITS-Packet-Type", &*long), ("Content-Length", "0")];
    assert_eq!(read(&[&head], Interop), Err(Malformed::HeaderTooLong("BITS-Packet-Type")));
    let long = "0".repeat(4097);
    let head = [("BITS-Packet-Type", "Ping"), ("Content-Length", &*long)];
    assert_eq!(read(&[&head], Interop), Err(Malformed::HeaderTooLong("Content-Length")));
}

#[test]
fn the_headers_of_others_have_no_bound() {
    let long = "x".repeat(60_000);
    for name in ["Cookie", "Authorization", "User-Agent", "BITS-Unheard-Of"] {
        assert_eq!(read(&[FRAGMENT, &[(name, &long)]], Strict), Ok(PacketType::Fragment), "{name}");
    }
}

#[test]
fn q50_strict_wants_a_length_of_every_packet_and_interop_of_fragments_alone() {
    for head in CONTROL {
        let (_, packet_type) = head[0];
        assert_eq!(read(&[head], Interop).map(PacketType::as_str), Ok(packet_type));
        assert_eq!(read(&[head], Strict), Err(Malformed::LengthRequired), "{packet_type}");
    }
    let fragment = without(FRAGMENT, "Content-Length");
    for conformance in [Interop, Strict] {
        assert_eq!(read(&[&fragment], conformance), Err(Malformed::LengthRequired));
        assert_eq!(error(&[&fragment], conformance).to_response().status(), 411);
    }
}

#[test]
fn q50_a_control_packet_with_a_transfer_encoding_has_a_body() {
    let chunked: Head<'_> = &[("Transfer-Encoding", "chunked")];
    for head in CONTROL {
        assert_eq!(read(&[head, chunked], Interop), Err(Malformed::BodyNotAllowed));
        assert_eq!(read(&[head, chunked], Strict), Err(Malformed::LengthRequired));
        for conformance in [Interop, Strict] {
            let both = [head, chunked, &[("Content-Length", "0")]];
            assert_eq!(read(&both, conformance), Err(Malformed::BodyNotAllowed));
        }
    }
}

#[test]
fn q51_a_chunked_fragment_has_no_length() {
    for head in [FRAGMENT, &without(FRAGMENT, "Content-Length")] {
        for conformance in [Interop, Strict] {
            let error = error(&[head, &[("Transfer-Encoding", "chunked")]], conformance);
            assert_eq!((error.malformed(), error.status().as_u16()), (Malformed::LengthRequired, 411));
        }
    }
}

#[test]
fn a_control_packet_has_no_body() {
    for head in CONTROL {
        for conformance in [Interop, Strict] {
            assert!(read(&[head, &[("Content-Length", "0")]], conformance).is_ok());
            for length in ["1", "18446744073709551615"] {
                let error = error(&[head, &[("Content-Length", length)]], conformance);
                assert_eq!((error.malformed(), error.status().as_u16()), (Malformed::BodyNotAllowed, 400));
            }
        }
    }
}

#[test]
fn a_length_is_digits_and_nothing_else() {
    for length in ["", "+0", "-0", "0x0", "0.0", "0 0", "0, 0", "zero", "18446744073709551616"] {
        for conformance in [Interop, Strict] {
            let head = [("BITS-Packet-Type", "Ping"), ("Content-Length", length)];
            let expected = Err(Malformed::HeaderInvalid("Content-Length"));
            assert_eq!(read(&[&head], conformance), expected, "{length:?}");
        }
    }
}

#[test]
fn a_fragment_has_the_length_of_its_range() {
    for (length, range) in [
        ("4891", "bytes 0-4891/4892"),
        ("4893", "bytes 0-4891/4892"),
        ("0", "bytes 0-0/1"),
        ("10", "bytes 5-9/10"),
    ] {
        for conformance in [Interop, Strict] {
            let head = [
                ("BITS-Packet-Type", "Fragment"),
                ("BITS-Session-Id", ID),
                ("Content-Range", range),
                ("Content-Length", length),
            ];
            assert_eq!(read(&[&head], conformance), Err(Malformed::LengthMismatch), "{length} {range}");
        }
    }
    let no_range = without(FRAGMENT, "Content-Range");
    for conformance in [Interop, Strict] {
        assert_eq!(read(&[&no_range], conformance), Err(Malformed::HeaderMissing("Content-Range")));
    }
}

#[test]
fn a_fragment_is_sent_as_it_is() {
    for (coding, taken) in
        [("identity", true), ("Identity", true), ("gzip", false), ("identity, gzip", false)]
    {
        for conformance in [Interop, Strict] {
            let expected = if taken {
                Ok(PacketType::Fragment)
            } else {
                Err(Malformed::HeaderInvalid("Content-Encoding"))
            };
            assert_eq!(read(&[FRAGMENT, &[("Content-Encoding", coding)]], conformance), expected, "{coding}");
        }
    }
}

#[test]
fn what_a_packet_needs_must_be_there() {
    let length: Head<'_> = &[("Content-Length", "0")];
    let create: Head<'_> = &[("BITS-Packet-Type", "Create-Session")];
    let needs = |head: &[Head<'_>], name| {
        for conformance in [Interop, Strict] {
            assert_eq!(read(head, conformance), Err(Malformed::HeaderMissing(name)));
        }
    };
    needs(&[length], "BITS-Packet-Type");
    needs(&[create, length], "BITS-Supported-Protocols");
    needs(&[&without(FRAGMENT, "BITS-Session-Id")], "BITS-Session-Id");
    for packet_type in ["Close-Session", "Cancel-Session"] {
        needs(&[&[("BITS-Packet-Type", packet_type)], length], "BITS-Session-Id");
    }
}

/// MC-BUP's one `BITS-Package-Type` (§2.2.1) is a slip, and stands for nothing.
#[test]
fn c02_no_other_name_of_the_packet_type_is_read() {
    for conformance in [Interop, Strict] {
        let head = [("BITS-Package-Type", "Ping"), ("Content-Length", "0")];
        assert_eq!(read(&[&head], conformance), Err(Malformed::HeaderMissing("BITS-Packet-Type")));
    }
}

#[test]
fn c55_an_unknown_packet_type_is_found_out_before_the_session_and_the_length() {
    for packet_type in ["Pong", "Ack", "", "Create Session", "Ping, Ping"] {
        for conformance in [Interop, Strict] {
            let head = [("BITS-Packet-Type", packet_type), ("BITS-Session-Id", "no legal id")];
            let error = error(&[&head], conformance);
            assert_eq!((error.malformed(), error.status().as_u16()), (Malformed::PacketTypeUnknown, 400));
        }
    }
}

#[test]
fn a_missing_length_is_411_whatever_else_is_wrong_with_a_fragment() {
    let head = [("BITS-Packet-Type", "Fragment"), ("Content-Range", "nonsense")];
    assert_eq!(error(&[&head], Interop).status(), 411);
}

#[test]
fn a_session_id_is_1_to_100_visible_characters() {
    let (longest, long) = ("x".repeat(100), "x".repeat(101));
    for (id, taken) in [
        ("x", true),
        ("-17", true),
        (&*longest, true),
        (&*long, false),
        ("", false),
        ("a b", false),
        ("\u{e9}", false),
    ] {
        for conformance in [Interop, Strict] {
            let head =
                [("BITS-Packet-Type", "Cancel-Session"), ("BITS-Session-Id", id), ("Content-Length", "0")];
            let expected = if taken {
                Ok(PacketType::CancelSession)
            } else {
                Err(Malformed::HeaderInvalid("BITS-Session-Id"))
            };
            assert_eq!(read(&[&head], conformance), expected, "{id:?}");
        }
    }
}

#[test]
fn a_header_may_be_repeated_with_the_same_value_alone() {
    for (name, same, other) in [
        ("BITS-Packet-Type", "Fragment", "Ping"),
        ("BITS-Session-Id", ID, "another"),
        ("Content-Range", "bytes 0-4891/4892", "bytes 0-4891/4893"),
        ("Content-Length", "4892", "4891"),
    ] {
        for conformance in [Interop, Strict] {
            assert_eq!(read(&[FRAGMENT, &[(name, same)]], conformance), Ok(PacketType::Fragment));
            let repeated = Err(Malformed::HeaderRepeated(name));
            assert_eq!(read(&[FRAGMENT, &[(name, other)]], conformance), repeated);
        }
    }
}

#[test]
fn header_names_may_come_in_any_case() {
    let head = [("bits-PACKET-type", "Ping"), ("CONTENT-LENGTH", "0")];
    assert_eq!(read(&[&head], Strict), Ok(PacketType::Ping));
}

/// The headers of a response, sorted by name.
fn sent(error: &DecodeError) -> (u16, Vec<(String, String)>) {
    let response = error.to_response();
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
    };
    let mut headers: Vec<_> = response.headers().iter().map(text).collect();
    headers.sort();
    (response.status().as_u16(), headers)
}

fn expected(pairs: Head<'_>) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_bad_request_is_answered_with_both_error_headers_and_its_session() {
    let (status, headers) = sent(&error(&[FRAGMENT, &[("Content-Encoding", "gzip")]], Interop));
    assert_eq!(status, 400);
    assert_eq!(
        headers,
        expected(&[
            ("bits-error", "0x80070057"),
            ("bits-error-code", "0x80070057"),
            ("bits-error-context", "0x5"),
            ("bits-packet-type", "Ack"),
            ("bits-session-id", ID),
            ("cache-control", "no-store"),
            ("content-length", "0"),
            ("pragma", "no-cache"),
        ])
    );
}

#[test]
fn a_missing_length_is_answered_with_411_and_the_same_headers() {
    let (status, headers) = sent(&error(&[CONTROL[0]], Strict));
    assert_eq!(status, 411);
    assert_eq!(
        headers,
        expected(&[
            ("bits-error", "0x80070057"),
            ("bits-error-code", "0x80070057"),
            ("bits-error-context", "0x5"),
            ("bits-packet-type", "Ack"),
            ("cache-control", "no-store"),
            ("content-length", "0"),
            ("pragma", "no-cache"),
        ])
    );
}

#[test]
fn the_answer_names_the_session_exactly_as_the_request_did() {
    let named = |id: &str| {
        let head = [("BITS-Packet-Type", "Pong"), ("BITS-Session-Id", id), ("Content-Length", "0")];
        let error = error(&[&head], Interop);
        error.to_response().headers().get("bits-session-id").map(|id| id.to_str().unwrap().to_owned())
    };
    assert_eq!(
        named("a0ff5911-4144-45b3-bf27-27afc8ec8a67").as_deref(),
        Some("a0ff5911-4144-45b3-bf27-27afc8ec8a67")
    );
    assert_eq!(named("-17").as_deref(), Some("-17"));
    // Blanks around a value are no part of it (RFC 9110 §5.5).
    assert_eq!(named(" -17\t").as_deref(), Some("-17"));
    // What is no legal id is not sent back.
    assert_eq!(named("a b"), None);
    assert_eq!(named(&"x".repeat(101)), None);
}

#[test]
fn a_ping_needs_nothing_but_its_type() {
    let request = bits_post(&[&[("BITS-Packet-Type", "Ping"), ("Content-Length", "0")]]);
    assert_eq!(Request::decode(&request, Strict), Ok(Some(Request::Ping(Ping))));
    assert_eq!(Request::decode(&request.into_parts().0, Strict), Ok(Some(Request::Ping(Ping))));
}
