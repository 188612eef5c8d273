//! Requests of real clients, as a server reads them: rows Q40 to Q63 of the tolerances, as far as a head decides them.

use std::sync::LazyLock;

use bits_proto::packet::{Fragment, PacketType, Ping, Request, RequestHead};
use bits_proto::{Conformance, ContentName, DecodeError, Malformed, ProtocolId, SessionId};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use Conformance::{Interop, Strict};

const ID: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";
const OTHER: &str = "{00000000-0000-0000-0000-000000000001}";

type Head<'h> = &'h [(&'h str, &'h str)];

fn headers(head: Head<'_>) -> HeaderMap {
    let pairs = head.iter();
    pairs
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        })
        .collect()
}

fn request_head<'h>(method: &'h Method, version: Version, headers: &'h HeaderMap) -> RequestHead<'h> {
    static TARGET: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("/upload/2000mb-rfc2119.txt"));
    RequestHead { method, target: &TARGET, version, headers }
}

/// What a server makes of a `BITS_POST` with these headers; an owned packet, so that heads can be temporary.
fn read(head: Head<'_>, conformance: Conformance) -> Result<Request<'static>, Malformed> {
    let headers = headers(head);
    let method = Method::from_bytes(b"BITS_POST").unwrap();
    let head = request_head(&method, Version::HTTP_11, &headers);
    let packet = Request::decode(head, conformance).map_err(|error| error.malformed())?;
    Ok(packet.expect("BITS_POST is this protocol's method").into_owned())
}

fn fragment(length: &str, range: &str, conformance: Conformance) -> Result<Request<'static>, Malformed> {
    read(
        &[
            ("BITS-Packet-Type", "Fragment"),
            ("BITS-Session-Id", ID),
            ("Content-Range", range),
            ("Content-Length", length),
        ],
        conformance,
    )
}

fn offered(list: &str, conformance: Conformance) -> Vec<ProtocolId> {
    let head =
        [("BITS-Packet-Type", "Create-Session"), ("BITS-Supported-Protocols", list), ("Content-Length", "0")];
    let Ok(Request::CreateSession(packet)) = read(&head, conformance) else { panic!("{list}") };
    packet.protocols.iter(conformance).collect()
}

#[test]
fn c05_q40_the_packet_type_may_come_in_any_case_and_with_blanks() {
    for text in ["Ping", "PING", "ping", " pInG ", "\tPing"] {
        for conformance in [Interop, Strict] {
            let head = [("BITS-Packet-Type", text), ("Content-Length", "0")];
            assert_eq!(read(&head, conformance), Ok(Request::Ping(Ping)), "{text:?} {conformance:?}");
        }
    }
}

#[test]
fn q41_a_tunnelled_post_is_read_where_interop_asks_for_it() {
    let tunnelled = headers(&[
        ("X-Http-Method-Override", "BITS_POST"),
        ("BITS-Packet-Type", "Ping"),
        ("Content-Length", "0"),
    ]);
    let head = request_head(&Method::POST, Version::HTTP_11, &tunnelled);
    assert_eq!(Request::decode(head, Interop), Ok(None));
    assert_eq!(Request::decode(head, Strict), Ok(None));
    assert_eq!(Request::decode_tunnelled(head, Interop), Ok(Some(Request::Ping(Ping))));
    assert_eq!(Request::decode_tunnelled(head, Strict), Ok(None));
}

#[test]
fn q41_only_a_post_that_says_bits_post_is_tunnelled() {
    let decode = |method: &Method, head: Head<'_>| {
        let headers = headers(head);
        let head = request_head(method, Version::HTTP_11, &headers);
        Request::decode_tunnelled(head, Interop).map(|packet| packet.map(|packet| packet.packet_type()))
    };
    let ping = ("BITS-Packet-Type", "Ping");
    let bits_post = Method::from_bytes(b"BITS_POST").unwrap();
    assert_eq!(decode(&Method::POST, &[ping]), Ok(None));
    assert_eq!(decode(&Method::POST, &[ping, ("X-Http-Method-Override", "PUT")]), Ok(None));
    assert_eq!(decode(&Method::GET, &[ping, ("X-Http-Method-Override", "BITS_POST")]), Ok(None));
    assert_eq!(decode(&bits_post, &[ping]), Ok(Some(PacketType::Ping)));
}

#[test]
fn q42_protocols_are_ignored_outside_create_session() {
    for value in [PROTOCOL, "no GUID at all", ""] {
        for conformance in [Interop, Strict] {
            let head = [
                ("BITS-Packet-Type", "Cancel-Session"),
                ("BITS-Session-Id", ID),
                ("BITS-Supported-Protocols", value),
                ("Content-Length", "0"),
            ];
            assert_eq!(read(&head, conformance).unwrap().packet_type(), PacketType::CancelSession);
        }
    }
}

#[test]
fn c08c_q43_interop_separates_protocols_by_whatever_no_guid_holds() {
    let both = [OTHER.parse().unwrap(), ProtocolId::BITS_1_5];
    for separator in [",", " ", "\t", ";", ", ", " ,; ", "/"] {
        let list = format!("{separator}{OTHER}{separator}{PROTOCOL}{separator}");
        assert_eq!(offered(&list, Interop), both, "{separator:?}");
    }
    for (separator, understood) in [(",", true), (" ", true), (", ", true), (";", false), ("\t", false)] {
        let list = format!("{OTHER}{separator}{PROTOCOL}");
        assert_eq!(offered(&list, Strict) == both, understood, "{separator:?}");
    }
}

#[test]
fn q44_guids_may_lack_braces_and_in_interop_have_parentheses() {
    let bare = &PROTOCOL[1..37];
    for form in [bare.to_owned(), bare.to_uppercase(), PROTOCOL.to_uppercase()] {
        assert_eq!(offered(&form, Interop), [ProtocolId::BITS_1_5], "{form}");
        assert_eq!(offered(&form, Strict), [ProtocolId::BITS_1_5], "{form}");
    }
    let in_parentheses = format!("({bare})");
    assert_eq!(offered(&in_parentheses, Interop), [ProtocolId::BITS_1_5]);
    assert_eq!(offered(&in_parentheses, Strict), []);
    // A parenthesis is none of the characters of a GUID in braces, so it separates (Q43).
    assert_eq!(offered(&format!("({bare})({bare})"), Interop), [ProtocolId::BITS_1_5; 2]);
}

#[test]
fn q45_of_more_than_100_protocols_the_first_100_count() {
    // Without braces and separated by one character each, 101 GUIDs fit into 4,096 bytes.
    let list =
        |before: usize| format!("{}{}", format!("{} ", &OTHER[1..37]).repeat(before), &PROTOCOL[1..37]);
    assert_eq!(offered(&list(99), Interop).last(), Some(&ProtocolId::BITS_1_5));
    assert_eq!(offered(&list(99), Strict).last(), Some(&ProtocolId::BITS_1_5));
    assert_eq!(offered(&list(100), Interop), [OTHER.parse().unwrap(); 100]);
    let list = list(100);
    let head = [
        ("BITS-Packet-Type", "Create-Session"),
        ("BITS-Supported-Protocols", &*list),
        ("Content-Length", "0"),
    ];
    assert_eq!(read(&head, Strict), Err(Malformed::HeaderInvalid("BITS-Supported-Protocols")));
}

#[test]
fn q46_a_session_id_in_another_case_or_without_braces_is_the_same() {
    let issued: SessionId = ID.parse().unwrap();
    for echoed in [ID.to_lowercase(), ID[1..37].to_owned(), ID[1..37].to_lowercase()] {
        for conformance in [Interop, Strict] {
            let head = [
                ("BITS-Packet-Type", "Close-Session"),
                ("BITS-Session-Id", &*echoed),
                ("Content-Length", "0"),
            ];
            let id = read(&head, conformance).unwrap().session_id().unwrap();
            assert_eq!(id, issued, "{echoed}");
            assert_eq!(id.as_str(), echoed);
        }
    }
}

#[test]
fn q47_a_ping_may_name_a_session_whatever_it_is() {
    for id in [ID, "unknown", "no legal id", ""] {
        for conformance in [Interop, Strict] {
            let head = [("BITS-Packet-Type", "Ping"), ("BITS-Session-Id", id), ("Content-Length", "0")];
            let packet = read(&head, conformance);
            assert_eq!(packet, Ok(Request::Ping(Ping)), "{id:?}");
            assert_eq!(packet.unwrap().session_id(), None);
        }
    }
}

#[test]
fn q48_a_content_name_is_kept_as_it_came() {
    let (longest, long) = ("x".repeat(260), "x".repeat(261));
    for (name, strict) in [
        ("=?utf-8?q?caf=c3=a9.txt?=", true),
        ("caf%C3%A9.txt", true),
        ("caf\u{e9}.txt", true),
        (r"..\..\boot.ini", true),
        (r#"a/b:c*d?e"f<g>h|i"#, true),
        ("", true),
        (&longest, true),
        (&long, false),
    ] {
        let head = [
            ("BITS-Packet-Type", "Create-Session"),
            ("BITS-Supported-Protocols", PROTOCOL),
            ("Content-Name", name),
            ("Content-Length", "0"),
        ];
        let kept = |packet| match packet {
            Ok(Request::CreateSession(packet)) => {
                Ok(packet.content_name.as_ref().map(|name| name.as_bytes().to_vec()))
            }
            Ok(other) => panic!("{other:?}"),
            Err(malformed) => Err(malformed),
        };
        assert_eq!(kept(read(&head, Interop)), Ok(Some(name.as_bytes().to_vec())), "{name}");
        let expected = if strict {
            Ok(Some(name.as_bytes().to_vec()))
        } else {
            Err(Malformed::HeaderInvalid("Content-Name"))
        };
        assert_eq!(kept(read(&head, Strict)), expected, "{name}");
    }
}

#[test]
fn q48_a_content_name_may_be_absent_and_may_be_no_utf_8() {
    let packet = fragment("2", "bytes 0-1/2", Strict).unwrap();
    assert!(matches!(packet, Request::Fragment(Fragment { content_name: None, .. })));
    let mut latin =
        headers(&[("BITS-Packet-Type", "Close-Session"), ("BITS-Session-Id", ID), ("Content-Length", "0")]);
    latin.try_insert("content-name", HeaderValue::from_bytes(b"caf\xe9.txt").unwrap()).unwrap();
    let method = Method::from_bytes(b"BITS_POST").unwrap();
    let head = request_head(&method, Version::HTTP_11, &latin);
    let Ok(Some(Request::CloseSession(packet))) = Request::decode(head, Strict) else { panic!() };
    assert_eq!(packet.content_name.as_ref().map(ContentName::as_bytes), Some(&b"caf\xe9.txt"[..]));
}

#[test]
fn c08b_q49_forms_of_a_content_range() {
    for (range, interop, strict) in [
        ("bytes 0-1/2", true, true),
        ("Bytes 0-1/2", true, true),
        ("BYTES 0-1/2", true, true),
        ("bytes   0-1/2", true, false),
        ("bytes 0 - 1 / 2", true, false),
        ("bytes=0-1/2", false, false),
        ("bytes 1-0/2", false, false),
        ("bytes 0-1/*", false, false),
        ("bytes 0-2/2", false, false),
        ("bytes */0", false, false),
        ("bytes */2", false, false),
        ("bytes +0-1/2", false, false),
        ("bytes 0-1/9223372036854775808", false, false),
        ("bytes 18446744073709551616-18446744073709551617/2", false, false),
        ("", false, false),
    ] {
        let refused = Err(Malformed::HeaderInvalid("Content-Range"));
        for (conformance, taken) in [(Interop, interop), (Strict, strict)] {
            let ends = fragment("2", range, conformance).map(|packet| match packet {
                Request::Fragment(fragment) => fragment.range.map(|range| range.bytes()),
                other => panic!("{other:?}"),
            });
            assert_eq!(
                ends,
                if taken { Ok(Some(0..2)) } else { refused.clone() },
                "{range:?} {conformance:?}"
            );
        }
    }
}

#[test]
fn q49_the_largest_range_is_read() {
    let Ok(Request::Fragment(packet)) =
        fragment("1", "bytes 9223372036854775806-9223372036854775806/9223372036854775807", Strict)
    else {
        panic!()
    };
    assert_eq!(packet.range.map(|range| range.bytes()), Some((1 << 63) - 2..(1 << 63) - 1));
}

#[test]
fn q49_interop_takes_an_empty_fragment_as_an_empty_entity() {
    let empty = |packet| matches!(packet, Ok(Request::Fragment(Fragment { range: None, .. })));
    let without_range = [("BITS-Packet-Type", "Fragment"), ("BITS-Session-Id", ID), ("Content-Length", "0")];
    assert!(empty(fragment("0", "bytes */0", Interop)));
    assert!(empty(fragment("0", "Bytes  */0", Interop)));
    assert!(empty(read(&without_range, Interop)));
    assert_eq!(fragment("0", "bytes */0", Strict), Err(Malformed::HeaderInvalid("Content-Range")));
    assert_eq!(read(&without_range, Strict), Err(Malformed::HeaderMissing("Content-Range")));
}

#[test]
fn q60_interop_speaks_http_2_and_3_and_strict_1_1_alone() {
    let ping = headers(&[("BITS-Packet-Type", "Ping"), ("Content-Length", "0")]);
    let method = Method::from_bytes(b"BITS_POST").unwrap();
    for (version, interop, strict) in [
        (Version::HTTP_09, false, false),
        (Version::HTTP_10, false, false),
        (Version::HTTP_11, true, true),
        (Version::HTTP_2, true, false),
        (Version::HTTP_3, true, false),
    ] {
        let head = request_head(&method, version, &ping);
        for (conformance, taken) in [(Interop, interop), (Strict, strict)] {
            let packet = Request::decode(head, conformance).map_err(|error: DecodeError| error.malformed());
            let expected = if taken { Ok(Some(Request::Ping(Ping))) } else { Err(Malformed::HttpVersion) };
            assert_eq!(packet, expected, "{version:?} {conformance:?}");
        }
    }
}

#[test]
fn q61_line_breaks_and_nul_never_reach_a_packet() {
    // No head of the http crate holds them, and the values of this library refuse them in their own right.
    for byte in [b'\n', b'\r', 0, 0x7F] {
        let value = [b'a', byte, b'b'];
        assert!(HeaderValue::from_bytes(&value).is_err());
        assert!(ContentName::from_bytes(&value[..]).is_err());
        assert!(SessionId::from_bytes(&value).is_err());
        assert!(bits_proto::SupportedProtocols::from_bytes(&value[..]).is_err());
        assert!(bits_proto::ReplyUrl::from_bytes(&value[..]).is_err());
        assert!(bits_proto::HostId::parse(&value, Interop).is_err());
    }
}

#[test]
fn q62_unknown_headers_are_ignored() {
    let long = "x".repeat(5000);
    for conformance in [Interop, Strict] {
        let head = [
            ("BITS-Packet-Type", "Ping"),
            ("BITS-Unheard-Of", "1"),
            ("BITS-Unheard-Of", "2"),
            ("Cookie", &*long),
            ("Content-Length", "0"),
        ];
        assert_eq!(read(&head, conformance), Ok(Request::Ping(Ping)));
    }
}

#[test]
fn q63_a_close_with_a_name_is_fine_and_a_control_packet_with_a_body_is_not() {
    let close = |length| {
        [
            ("BITS-Packet-Type", "Close-Session"),
            ("BITS-Session-Id", ID),
            ("Content-Name", r"c:\rfc2119.txt"),
            ("Content-Length", length),
        ]
    };
    for conformance in [Interop, Strict] {
        assert_eq!(read(&close("0"), conformance).unwrap().packet_type(), PacketType::CloseSession);
        assert_eq!(read(&close("1"), conformance), Err(Malformed::BodyNotAllowed));
        let ping = [("BITS-Packet-Type", "Ping"), ("Content-Length", "4")];
        assert_eq!(read(&ping, conformance), Err(Malformed::BodyNotAllowed));
    }
}
