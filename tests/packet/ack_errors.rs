//! Errors as a client reads them, and answers that are no Acks: rows Q13 to Q31 of the tolerances, as far as a head decides.

use bits_proto::packet::{Ack, CreateSessionAck, ErrorAck, PacketType, PingAck, ResponseHead};
use bits_proto::{Conformance, ErrorContext, Hresult, Malformed, ProtocolId};
use http::{StatusCode, Version};

use Conformance::{Interop, Strict};
use PacketType::{CancelSession, CloseSession, CreateSession, Fragment, Ping};

const ID: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";
const ALL: [PacketType; 5] = [CreateSession, Ping, Fragment, CloseSession, CancelSession];

type Head<'h> = &'h [(&'h str, &'h str)];
type Read = Result<Option<Ack<'static>>, Malformed>;

const ACK: Head<'static> = &[("BITS-Packet-Type", "Ack"), ("Content-Length", "0")];
const CREATED: Head<'static> = &[("BITS-Protocol", PROTOCOL), ("BITS-Session-Id", ID)];
const TAKEN: Head<'static> = &[("BITS-Received-Content-Range", "4892")];

fn response(status: u16, heads: &[Head<'_>]) -> http::Response<()> {
    let mut response = http::Response::builder().status(status);
    for (name, value) in heads.iter().copied().flatten() {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap()
}

fn read(status: u16, heads: &[Head<'_>], answers: PacketType, conformance: Conformance) -> Read {
    let response = response(status, heads);
    let ack = Ack::decode(&response, answers, conformance).map_err(|error| error.malformed())?;
    Ok(ack.map(Ack::into_owned))
}

/// The Ack for a bad request with these headers besides.
fn error(head: Head<'_>, conformance: Conformance) -> ErrorAck {
    match read(400, &[ACK, head], CloseSession, conformance) {
        Ok(Some(Ack::Error(ack))) => ack,
        other => panic!("{other:?}"),
    }
}

fn created(head: Head<'_>, conformance: Conformance) -> Result<CreateSessionAck<'static>, Malformed> {
    match read(200, &[ACK, head], CreateSession, conformance)? {
        Some(Ack::CreateSession(ack)) => Ok(ack),
        other => panic!("{other:?}"),
    }
}

#[test]
fn q13_the_code_is_read_from_either_header_and_strict_knows_one() {
    let (name, other) = (("BITS-Error", "0x80070057"), ("BITS-Error-Code", "0x80070005"));
    for (head, interop, strict) in [
        (&[name][..], Some(Hresult::E_INVALIDARG), Some(Hresult::E_INVALIDARG)),
        (&[other], Some(Hresult::E_ACCESSDENIED), None),
        (&[name, other], Some(Hresult::E_INVALIDARG), Some(Hresult::E_INVALIDARG)),
        (&[other, name], Some(Hresult::E_INVALIDARG), Some(Hresult::E_INVALIDARG)),
        (&[("BITS-Error", "garbage"), other], Some(Hresult::E_ACCESSDENIED), None),
        (&[], None, None),
    ] {
        assert_eq!(error(head, Interop).code, interop, "{head:?}");
        assert_eq!(error(head, Strict).code, strict, "{head:?}");
    }
}

#[test]
fn q14_forms_of_an_error_code() {
    for (text, interop, strict) in [
        ("0x80070057", Some(0x8007_0057), true),
        ("0x8020001f", Some(0x8020_001F), true),
        ("0x5", Some(5), true),
        ("0X80070057", Some(0x8007_0057), false),
        ("80070057", Some(0x8007_0057), false),
        ("x8020001F", Some(0x8020_001F), false),
        ("X8020001F", Some(0x8020_001F), false),
        ("0x80200020L", Some(0x8020_0020), false),
        ("0x5L", Some(5), false),
        ("-2147024809", Some(0x8007_0057), false),
        ("-2147483648", Some(0x8000_0000), false),
        ("0x080070057", Some(0x8007_0057), false),
        ("-2147483649", None, false),
        ("0x180070057", None, false),
        ("0x", None, false),
        ("+5", None, false),
        ("-", None, false),
        ("0x8007 0057", None, false),
        ("E_INVALIDARG", None, false),
        ("", None, false),
    ] {
        let code = interop.map(Hresult::new);
        assert_eq!(error(&[("BITS-Error", text)], Interop).code, code, "{text:?}");
        assert_eq!(error(&[("BITS-Error", text)], Strict).code, code.filter(|_| strict), "{text:?}");
    }
}

#[test]
fn q15_a_context_without_a_code_or_a_meaning_is_ignored() {
    for conformance in [Interop, Strict] {
        let context = |head: Head<'_>| error(head, conformance).context;
        let code = ("BITS-Error", "0x80070057");
        assert_eq!(context(&[code, ("BITS-Error-Context", "0x7")]), Some(ErrorContext::REMOTE_APPLICATION));
        assert_eq!(context(&[code, ("BITS-Error-Context", "")]), None);
        assert_eq!(context(&[code, ("BITS-Error-Context", "garbage")]), None);
        assert_eq!(context(&[code]), None);
        assert_eq!(context(&[("BITS-Error-Context", "0x5")]), None);
    }
}

#[test]
fn q16_a_2xx_that_is_no_ack_is_not_of_this_protocol() {
    // A captive portal's page, or IIS without the extension.
    let page: Head<'_> = &[("Content-Type", "text/html"), ("Content-Length", "17")];
    for answers in ALL {
        assert_eq!(read(200, &[page], answers, Interop), Ok(None));
        assert_eq!(read(200, &[page, &[("BITS-Packet-Type", "Nack")]], answers, Interop), Ok(None));
        assert_eq!(read(200, &[page], answers, Strict), Err(Malformed::HeaderMissing("BITS-Packet-Type")));
    }
}

#[test]
fn q16_interop_takes_the_type_of_the_request_for_an_ack() {
    for (answers, echo, other) in
        [(Ping, "PING", "Fragment"), (CloseSession, "Close-Session", "Cancel-Session")]
    {
        assert!(matches!(read(200, &[&[("BITS-Packet-Type", echo)]], answers, Interop), Ok(Some(_))));
        assert_eq!(read(200, &[&[("BITS-Packet-Type", other)]], answers, Interop), Ok(None));
        assert!(read(200, &[&[("BITS-Packet-Type", echo)]], answers, Strict).is_err());
    }
    for text in ["ACK", "ack", " Ack "] {
        for conformance in [Interop, Strict] {
            let ack = read(200, &[&[("BITS-Packet-Type", text)]], Ping, conformance);
            assert_eq!(ack, Ok(Some(Ack::Ping(PingAck))), "{text:?}");
        }
    }
}

#[test]
fn q17_q31_an_error_that_is_no_ack_is_left_to_its_status() {
    for status in [301, 401, 403, 404, 407, 409, 413, 416, 500, 501, 503, 599] {
        for answers in ALL {
            for conformance in [Interop, Strict] {
                assert_eq!(read(status, &[&[("Content-Type", "text/html")]], answers, conformance), Ok(None));
            }
        }
    }
}

#[test]
fn q31_an_ack_without_a_code_is_an_error_with_its_status() {
    for status in [401, 403, 404, 409, 413, 501, 503] {
        for answers in ALL {
            for conformance in [Interop, Strict] {
                let expected = ErrorAck::status_only(StatusCode::from_u16(status).unwrap());
                assert_eq!(read(status, &[ACK], answers, conformance), Ok(Some(Ack::Error(expected))));
            }
        }
    }
}

#[test]
fn an_error_ack_tells_all_that_its_head_does() {
    let head = [
        ("BITS-Error", "0x80070057"),
        ("BITS-Error-Code", "0x80070057"),
        ("BITS-Error-Context", "0x5"),
        ("BITS-Session-Id", ID),
        ("BITS-Received-Content-Range", "100"),
    ];
    for conformance in [Interop, Strict] {
        let expected = ErrorAck {
            session_id: ID.parse().ok(),
            received: Some(100),
            ..ErrorAck::new(StatusCode::BAD_REQUEST, Hresult::E_INVALIDARG, ErrorContext::REMOTE_FILE)
        };
        assert_eq!(error(&head, conformance), expected);
    }
}

#[test]
fn q07_q21_interop_passes_over_a_bad_offset_beside_an_error_and_strict_does_not() {
    let offset = |value| ("BITS-Received-Content-Range", value);
    for (head, malformed) in [
        (&[offset("-1")][..], Malformed::HeaderInvalid("BITS-Received-Content-Range")),
        (&[offset("1"), offset("2")], Malformed::HeaderRepeated("BITS-Received-Content-Range")),
    ] {
        assert_eq!(error(head, Interop), ErrorAck::status_only(StatusCode::BAD_REQUEST));
        assert_eq!(read(400, &[ACK, head], Fragment, Strict), Err(malformed));
    }
}

#[test]
fn q18_q19_interop_does_not_care_how_an_ack_is_framed_and_strict_takes_no_body() {
    let pong = Ok(Some(Ack::Ping(PingAck)));
    let framed = |head, conformance| read(200, &[&[("BITS-Packet-Type", "Ack")], head], Ping, conformance);
    for head in [&[][..], &[("Content-Length", "0")], &[("Transfer-Encoding", "chunked")]] {
        for conformance in [Interop, Strict] {
            assert_eq!(framed(head, conformance), pong, "{head:?}");
        }
    }
    for length in ["1", "812", "18446744073709551615"] {
        let head = [("BITS-Packet-Type", "Ack"), ("Content-Length", length)];
        assert_eq!(read(200, &[&head], Ping, Interop), pong);
        assert_eq!(read(200, &[&head], Ping, Strict), Err(Malformed::BodyNotAllowed));
    }
}

#[test]
fn q20_header_names_may_come_in_any_case() {
    let head = [("Bits-PACKET-type", "Ack"), ("bits-session-id", ID), ("BITS-PROTOCOL", PROTOCOL)];
    assert_eq!(
        read(200, &[&head], CreateSession, Strict),
        Ok(Some(Ack::CreateSession(CreateSessionAck::new(ID.parse().unwrap()))))
    );
}

#[test]
fn q21_repeated_headers_collapse_and_must_not_contradict() {
    let other = "{00000000-0000-0000-0000-000000000001}";
    for conformance in [Interop, Strict] {
        assert!(matches!(read(200, &[ACK, ACK, CREATED, CREATED], CreateSession, conformance), Ok(Some(_))));
        assert!(matches!(read(200, &[ACK, TAKEN, TAKEN], Fragment, conformance), Ok(Some(_))));
        assert_eq!(
            read(200, &[ACK, CREATED, &[("BITS-Session-Id", other)]], CreateSession, conformance),
            Err(Malformed::HeaderRepeated("BITS-Session-Id"))
        );
        assert_eq!(
            read(200, &[ACK, TAKEN, &[("BITS-Received-Content-Range", "1")]], Fragment, conformance),
            Err(Malformed::HeaderRepeated("BITS-Received-Content-Range"))
        );
    }
    let two_protocols = [CREATED, &[("BITS-Protocol", other)]].concat();
    assert_eq!(created(&two_protocols, Interop).unwrap().protocol, Some(ProtocolId::BITS_1_5));
    assert_eq!(created(&two_protocols, Strict), Err(Malformed::HeaderRepeated("BITS-Protocol")));
}

#[test]
fn an_ack_comes_in_a_version_that_may_be_spoken() {
    let response = response(200, &[ACK]);
    for (version, interop, strict) in [
        (Version::HTTP_10, false, false),
        (Version::HTTP_11, true, true),
        (Version::HTTP_2, true, false),
        (Version::HTTP_3, true, false),
    ] {
        let head = ResponseHead { version, ..ResponseHead::from(&response) };
        for (conformance, taken) in [(Interop, interop), (Strict, strict)] {
            let ack = Ack::decode(head, Ping, conformance).map_err(|error| error.malformed());
            let expected = if taken { Ok(Some(Ack::Ping(PingAck))) } else { Err(Malformed::HttpVersion) };
            assert_eq!(ack, expected, "{version:?} {conformance:?}");
        }
    }
}

#[test]
fn a_header_of_this_protocol_has_4096_bytes_at_most() {
    let (fits, long) = ("x".repeat(4096), "x".repeat(4097));
    for conformance in [Interop, Strict] {
        let with = |name, value: &str| read(200, &[ACK, &[(name, value)]], Fragment, conformance);
        for name in ["BITS-Received-Content-Range", "BITS-Session-Id"] {
            assert_eq!(with(name, &fits), Err(Malformed::HeaderInvalid(name)));
            assert_eq!(with(name, &long), Err(Malformed::HeaderTooLong(name)));
        }
        for name in ["Set-Cookie", "BITS-Protocol", "BITS-Session-Id", "BITS-Received-Content-Range"] {
            let ack = read(200, &[ACK, &[(name, &long)]], Ping, conformance);
            assert_eq!(ack, Ok(Some(Ack::Ping(PingAck))), "{name}");
        }
    }
}
