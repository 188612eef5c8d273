//! Heads with a fault beside what matters: a Fragment that cannot be read is known all the same (C70), and a bad header
//! never hides an error (C73).

use bits_proto::packet::{Ack, ErrorAck, FragmentStatus, PacketType, PingAck, Request};
use bits_proto::{Conformance, DecodeError, ErrorContext, Hresult, Malformed};
use http::{StatusCode, Version};

use Conformance::{Interop, Strict};
use PacketType::{CancelSession, CloseSession, CreateSession, Fragment, Ping};

const ID: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
const OTHER: &str = "{00000000-0000-0000-0000-000000000001}";
const ALL: [PacketType; 5] = [CreateSession, Ping, Fragment, CloseSession, CancelSession];

type Head<'h> = &'h [(&'h str, &'h str)];

const FRAGMENT: Head<'static> = &[
    ("BITS-Packet-Type", "Fragment"),
    ("BITS-Session-Id", ID),
    ("Content-Range", "bytes 0-4/5"),
    ("Content-Length", "5"),
];

fn refused(version: Version, head: Head<'_>, conformance: Conformance) -> DecodeError {
    let mut request = http::Request::builder().method("BITS_POST").version(version);
    for (name, value) in head {
        request = request.header(*name, *value);
    }
    Request::decode(&request.body(()).unwrap(), conformance).unwrap_err()
}

/// The Fragment with some of its headers replaced.
fn but<'h>(changes: Head<'h>) -> Vec<(&'h str, &'h str)> {
    let kept = |(name, _): &&(&str, &str)| changes.iter().all(|(changed, _)| changed != name);
    FRAGMENT.iter().filter(kept).chain(changes).copied().collect()
}

#[test]
fn c70_a_fragment_that_cannot_be_read_is_a_fragment_of_its_session() {
    let long = "x".repeat(4097);
    let without = |name| FRAGMENT.iter().copied().filter(|(other, _)| *other != name).collect::<Vec<_>>();
    for (head, status) in [
        (without("Content-Length"), 411),
        (but(&[("Transfer-Encoding", "chunked")]), 411),
        (but(&[("Content-Length", "five")]), 400),
        (but(&[("Content-Length", "4")]), 400),
        (but(&[("Content-Length", "5"), ("Content-Length", "6")]), 400),
        (without("Content-Range"), 400),
        (but(&[("Content-Range", "bytes 0-4/*")]), 400),
        (but(&[("Content-Range", "bytes 4-0/5")]), 400),
        (but(&[("Content-Range", &long)]), 400),
        (but(&[("Content-Range", "bytes 0-4/5"), ("Content-Range", "bytes 0-4/6")]), 400),
        (but(&[("Content-Encoding", "gzip")]), 400),
        (but(&[("Content-Encoding", &long)]), 400),
        (but(&[("Content-Name", &long)]), 400),
        (but(&[("Content-Name", &long), ("Content-Encoding", "br"), ("Content-Range", "")]), 400),
    ] {
        for conformance in [Interop, Strict] {
            let error = refused(Version::HTTP_11, &head, conformance);
            assert_eq!(error.packet_type(), Some(Fragment), "{error}");
            assert_eq!(error.session_id().map(|id| id.to_string()).as_deref(), Some(ID), "{error}");
            assert_eq!(error.status(), status, "{error}");
            assert_eq!(error.to_ack().session_id, error.session_id());
        }
    }
    for version in [Version::HTTP_09, Version::HTTP_10] {
        let error = refused(version, FRAGMENT, Interop);
        assert_eq!((error.malformed(), error.packet_type()), (Malformed::HttpVersion, Some(Fragment)));
        assert_eq!(error.session_id(), ID.parse().ok());
    }
}

#[test]
fn c70_a_message_that_may_be_a_fragment_is_taken_for_one() {
    for types in [["Ping", "Fragment"], ["Fragment", "Ping"], ["Close-Session", " fragment"]] {
        let types = types.map(|text| ("BITS-Packet-Type", text));
        assert_eq!(refused(Version::HTTP_11, &but(&types), Interop).packet_type(), Some(Fragment));
    }
    let types = ["Cancel-Session", "Close-Session"].map(|text| ("BITS-Packet-Type", text));
    assert_eq!(refused(Version::HTTP_11, &but(&types), Interop).packet_type(), Some(CancelSession));
    for text in ["Fragments", ""] {
        let error = refused(Version::HTTP_11, &but(&[("BITS-Packet-Type", text)]), Interop);
        assert_eq!((error.packet_type(), error.session_id()), (None, ID.parse().ok()));
    }
}

#[test]
fn c70_the_session_is_the_first_that_is_named_legally() {
    let named = |ids: &[&str], conformance| {
        let ids: Vec<_> = ids.iter().map(|id| ("BITS-Session-Id", *id)).collect();
        let error = refused(Version::HTTP_11, &but(&ids), conformance);
        error.session_id().map(|id| id.to_string())
    };
    for conformance in [Interop, Strict] {
        assert_eq!(named(&["a b", ID], conformance).as_deref(), Some(ID));
        assert_eq!(named(&[ID, OTHER], conformance).as_deref(), Some(ID));
        assert_eq!(named(&["", "a b"], conformance), None);
    }
    assert_eq!(named(&["token", ID], Interop).as_deref(), Some("token"));
}

/// An answer, and what was ignored of it.
fn read(
    status: u16,
    head: Head<'_>,
    answers: PacketType,
    conformance: Conformance,
) -> (Result<Option<Ack<'static>>, Malformed>, Vec<Malformed>) {
    let mut response = http::Response::builder().status(status).header("BITS-Packet-Type", "Ack");
    for (name, value) in head {
        response = response.header(*name, *value);
    }
    let (response, mut ignored) = (response.body(()).unwrap(), Vec::new());
    let ack = Ack::decode_noting(&response, answers, conformance, |fault| ignored.push(fault));
    let ack = ack.map(|ack| ack.map(Ack::into_owned)).map_err(|error| error.malformed());
    (ack, ignored)
}

#[test]
fn c73_no_other_header_hides_an_error() {
    let long = "x".repeat(4097);
    let error = [("BITS-Error-Code", "0x80070005"), ("BITS-Error-Context", "0x5")];
    for answers in [CreateSession, Fragment, CloseSession, CancelSession] {
        for (beside, fault) in [
            (&[("BITS-Session-Id", "")][..], Some(Malformed::HeaderInvalid("BITS-Session-Id"))),
            (&[("BITS-Session-Id", "a b")], Some(Malformed::HeaderInvalid("BITS-Session-Id"))),
            (&[("BITS-Session-Id", &long)], Some(Malformed::HeaderTooLong("BITS-Session-Id"))),
            (
                &[("BITS-Session-Id", ID), ("BITS-Session-Id", OTHER)],
                Some(Malformed::HeaderRepeated("BITS-Session-Id")),
            ),
            (
                &[("BITS-Received-Content-Range", "none")],
                Some(Malformed::HeaderInvalid("BITS-Received-Content-Range")),
            ),
            (
                &[("BITS-Received-Content-Range", &long)],
                Some(Malformed::HeaderTooLong("BITS-Received-Content-Range")),
            ),
            (&[("BITS-Error", &long)], Some(Malformed::HeaderTooLong("BITS-Error"))),
            (&[("BITS-Protocol", &long)], None),
            (&[("BITS-Host-Id", &long)], None),
            (&[("BITS-Reply-URL", &long)], None),
            (&[("Accept-Encoding", "gzip")], None),
            (&[("Content-Length", "nine")], None),
        ] {
            let head = [&error[..], beside].concat();
            let (ack, ignored) = read(403, &head, answers, Interop);
            let refusal =
                ErrorAck::new(StatusCode::FORBIDDEN, Hresult::E_ACCESSDENIED, ErrorContext::REMOTE_FILE);
            assert_eq!(ack, Ok(Some(Ack::Error(refusal))), "{answers} {fault:?}");
            assert_eq!(ignored, fault.as_slice(), "{answers}");
        }
    }
}

#[test]
fn c73_an_error_context_that_cannot_be_read_does_not_hide_the_code() {
    let long = "x".repeat(4097);
    let head = [("BITS-Error", "0x80070057"), ("BITS-Error-Context", &*long)];
    let (ack, ignored) = read(400, &head, Fragment, Interop);
    assert!(matches!(ack, Ok(Some(Ack::Error(ack))) if ack.code == Some(Hresult::E_INVALIDARG)));
    assert_eq!(ignored, [Malformed::HeaderTooLong("BITS-Error-Context")]);
}

#[test]
fn c73_an_error_counts_in_whatever_version_it_comes() {
    let response = http::Response::builder()
        .status(500)
        .version(Version::HTTP_10)
        .header("BITS-Error-Code", "0x80200020")
        .body(())
        .unwrap();
    let read = |conformance| Ack::decode(&response, Fragment, conformance);
    assert!(matches!(read(Interop), Ok(Some(Ack::Error(ack))) if ack.code == Some(Hresult::BG_E_TOO_LARGE)));
    // Without a packet type it is none of strict's Acks.
    assert_eq!(read(Strict), Ok(None));
}

#[test]
fn c73_the_offset_of_a_416_counts_beside_a_session_that_cannot_be_read() {
    let head = [("BITS-Session-Id", ""), ("BITS-Received-Content-Range", "100")];
    let (ack, ignored) = read(416, &head, Fragment, Interop);
    let Ok(Some(Ack::Fragment(ack))) = ack else { panic!("{ack:?}") };
    assert_eq!((ack.status, ack.received, ack.session_id), (FragmentStatus::OutOfStep, Some(100), None));
    assert_eq!(ignored, [Malformed::HeaderInvalid("BITS-Session-Id")]);
    // A success that names no legal session is a protocol error all the same.
    let (ack, _) = read(200, &head, Fragment, Interop);
    assert_eq!(ack, Err(Malformed::HeaderInvalid("BITS-Session-Id")));
}

#[test]
fn c04_the_ack_of_a_ping_has_no_session_that_could_be_wrong() {
    let long = "x".repeat(4097);
    for id in ["", "a b", "token", &*long] {
        for conformance in [Interop, Strict] {
            let (ack, ignored) = read(200, &[("BITS-Session-Id", id)], Ping, conformance);
            assert_eq!((ack, ignored), (Ok(Some(Ack::Ping(PingAck))), vec![]));
            let (ack, ignored) = read(503, &[("BITS-Session-Id", id)], Ping, conformance);
            assert!(matches!(ack, Ok(Some(Ack::Error(ack))) if ack.status == 503));
            assert_eq!(ignored, []);
        }
    }
}

#[test]
fn q23_q24_q25_a_host_or_a_reply_url_that_is_ignored_is_told() {
    let long = "x".repeat(4097);
    for (host, timeout, fault) in [
        ("http://host/", "1", Some(Malformed::HeaderInvalid("BITS-Host-Id"))),
        ("user@host", "1", Some(Malformed::HeaderInvalid("BITS-Host-Id"))),
        (&*long, "1", Some(Malformed::HeaderTooLong("BITS-Host-Id"))),
        ("host", "soon", Some(Malformed::HeaderInvalid("BITS-Host-Id-Fallback-Timeout"))),
        ("host", "4294967295", None),
        ("host", "0", None),
    ] {
        let head =
            [("BITS-Session-Id", ID), ("BITS-Host-Id", host), ("BITS-Host-Id-Fallback-Timeout", timeout)];
        let (ack, ignored) = read(200, &head, CreateSession, Interop);
        assert!(matches!(ack, Ok(Some(Ack::CreateSession(_)))), "{ack:?}");
        assert_eq!(ignored, fault.as_slice(), "{host} {timeout}");
    }
    for (url, fault) in [(&*long, Some(Malformed::HeaderTooLong("BITS-Reply-URL"))), ("", None), ("/r", None)]
    {
        let head = [("BITS-Received-Content-Range", "5"), ("BITS-Reply-URL", url)];
        let (ack, ignored) = read(200, &head, Fragment, Interop);
        assert!(matches!(ack, Ok(Some(Ack::Fragment(ack))) if ack.reply_url.is_some() == (url == "/r")));
        assert_eq!(ignored, fault.as_slice());
    }
    let head = [("BITS-Received-Content-Range", "5"), ("BITS-Reply-URL", &*long)];
    assert_eq!(read(200, &head, Fragment, Strict).0, Err(Malformed::HeaderTooLong("BITS-Reply-URL")));
}

#[test]
fn strict_takes_no_error_with_what_only_a_success_has() {
    let protocol = ("BITS-Protocol", "{7df0354d-249b-430f-820d-3d2a9bef4931}");
    for answers in ALL {
        for status in [400, 404, 503] {
            let (ack, _) = read(status, &[protocol], answers, Interop);
            assert!(matches!(ack, Ok(Some(Ack::Error(_)))));
            let (ack, _) = read(status, &[protocol], answers, Strict);
            assert_eq!(ack, Err(Malformed::HeaderNotAllowed("BITS-Protocol")));
        }
    }
}

#[test]
fn strict_knows_two_contexts() {
    for (context, known) in [("0x5", true), ("0x7", true), ("0x9", false), ("0x0", false)] {
        let head = [("BITS-Error", "0x80070057"), ("BITS-Error-Context", context)];
        assert!(
            matches!(read(400, &head, Fragment, Interop).0, Ok(Some(Ack::Error(ack))) if ack.context.is_some())
        );
        let (ack, _) = read(400, &head, Fragment, Strict);
        let refused = Err(Malformed::HeaderInvalid("BITS-Error-Context"));
        assert_eq!(ack.is_ok(), known, "{context}");
        assert!(known || ack == refused);
    }
}

#[test]
fn q04_strict_takes_no_session_id_that_is_no_guid() {
    let refused = Err(Malformed::HeaderInvalid("BITS-Session-Id"));
    for answers in [CreateSession, Fragment, CloseSession, CancelSession] {
        for status in [200, 500] {
            assert_eq!(read(status, &[("BITS-Session-Id", "-17")], answers, Strict).0, refused, "{answers}");
        }
    }
}
