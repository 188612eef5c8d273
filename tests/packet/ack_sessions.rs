//! The session, its host and its reply in an Ack, as a client reads them: rows Q22 to Q26 of the tolerances.

use std::time::Duration;

use bits_proto::packet::{Ack, CreateSessionAck, FragmentAck, PacketType};
use bits_proto::{Conformance, Malformed, ProtocolId, ReplyUrl};

use Conformance::{Interop, Strict};

const ID: &str = "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}";
const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";

type Head<'h> = &'h [(&'h str, &'h str)];

fn response(heads: &[Head<'_>]) -> http::Response<()> {
    let mut response = http::Response::builder().header("BITS-Packet-Type", "Ack");
    for (name, value) in heads.iter().copied().flatten() {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap()
}

/// The Ack for a Create-Session that names the session, with these headers besides.
fn created(head: Head<'_>, conformance: Conformance) -> Result<CreateSessionAck<'static>, Malformed> {
    let response = response(&[&[("BITS-Session-Id", ID)], head]);
    match Ack::decode(&response, PacketType::CreateSession, conformance) {
        Ok(Some(Ack::CreateSession(ack))) => Ok(ack.into_owned()),
        Err(error) => Err(error.malformed()),
        other => panic!("{other:?}"),
    }
}

/// The Ack for a Fragment with these headers.
fn acknowledged(head: Head<'_>, conformance: Conformance) -> Result<FragmentAck<'static>, Malformed> {
    match Ack::decode(&response(&[head]), PacketType::Fragment, conformance) {
        Ok(Some(Ack::Fragment(ack))) => Ok(ack.into_owned()),
        Err(error) => Err(error.malformed()),
        other => panic!("{other:?}"),
    }
}

/// What a host and its timeout read as: the host, and the seconds until it is given up.
fn host(head: Head<'_>, conformance: Conformance) -> Result<Option<(String, Option<u64>)>, Malformed> {
    let head = [&[("BITS-Protocol", PROTOCOL)], head].concat();
    let host = created(&head, conformance)?.host;
    Ok(host.map(|host| (host.id.to_string(), host.fallback_timeout.map(|timeout| timeout.as_secs()))))
}

#[test]
fn q22_interop_needs_no_protocol_and_strict_does() {
    for value in ["None", "none", "", " "] {
        let head = [("BITS-Protocol", value)];
        assert_eq!(created(&head, Interop).unwrap().protocol, None, "{value:?}");
        assert_eq!(created(&head, Strict), Err(Malformed::HeaderInvalid("BITS-Protocol")));
    }
    assert_eq!(created(&[], Interop).unwrap().protocol, None);
    assert_eq!(created(&[], Strict), Err(Malformed::HeaderMissing("BITS-Protocol")));
}

#[test]
fn the_protocol_is_a_guid_in_any_case() {
    for conformance in [Interop, Strict] {
        for text in [PROTOCOL, &PROTOCOL.to_uppercase(), &PROTOCOL[1..37]] {
            let protocol = created(&[("BITS-Protocol", text)], conformance).unwrap().protocol;
            assert_eq!(protocol, Some(ProtocolId::BITS_1_5), "{text}");
        }
        let garbage = created(&[("BITS-Protocol", "BITS 1.5")], conformance);
        assert_eq!(garbage, Err(Malformed::HeaderInvalid("BITS-Protocol")));
    }
}

#[test]
fn c08e_the_encodings_of_an_ack_must_admit_identity() {
    for conformance in [Interop, Strict] {
        let with = |value| created(&[("BITS-Protocol", PROTOCOL), ("Accept-encoding", value)], conformance);
        for value in ["identity", "Identity", "*", "", "gzip, identity"] {
            assert!(with(value).is_ok(), "{value:?}");
        }
        for value in ["gzip", "identity;q=0"] {
            assert_eq!(with(value), Err(Malformed::HeaderInvalid("Accept-Encoding")), "{value:?}");
        }
    }
}

#[test]
fn q23_forms_of_a_host() {
    for (text, interop, strict) in [
        ("FRANKCAO8", true, true),
        ("upload-1.example.org", true, true),
        ("192.0.2.7", true, true),
        ("2001:db8::7", true, true),
        ("upload.example.org:8080", true, false),
        ("[2001:db8::7]", true, false),
        ("[2001:db8::7]:8080", true, false),
        ("http://upload.example.org", false, false),
        ("upload.example.org/path", false, false),
        ("user@upload.example.org", false, false),
        ("upload example", false, false),
        ("upload\texample", false, false),
        ("upload.example.org:0", false, false),
        ("upload.example.org:65536", false, false),
        ("", false, false),
    ] {
        let head = [("BITS-Host-Id", text), ("BITS-Host-Id-Fallback-Timeout", "110")];
        let taken = Ok(Some((text.to_owned(), Some(110))));
        // In interop a host that cannot be read is ignored: the origin serves the session as well.
        assert_eq!(host(&head, Interop), if interop { taken.clone() } else { Ok(None) }, "{text:?}");
        let refused = Err(Malformed::HeaderInvalid("BITS-Host-Id"));
        assert_eq!(host(&head, Strict), if strict { taken } else { refused }, "{text:?}");
    }
}

#[test]
fn q23_a_host_has_256_bytes_at_most() {
    let (longest, long) = ("x".repeat(256), "x".repeat(257));
    let timeout = ("BITS-Host-Id-Fallback-Timeout", "110");
    for conformance in [Interop, Strict] {
        let read = host(&[("BITS-Host-Id", &longest), timeout], conformance);
        assert_eq!(read, Ok(Some((longest.clone(), Some(110)))));
    }
    assert_eq!(host(&[("BITS-Host-Id", &long), timeout], Interop), Ok(None));
    assert_eq!(
        host(&[("BITS-Host-Id", &long), timeout], Strict),
        Err(Malformed::HeaderInvalid("BITS-Host-Id"))
    );
}

#[test]
fn q24_forms_of_a_fallback_timeout() {
    let forever = None;
    for (text, seconds, strict) in [
        ("110", Some(110), true),
        ("0110", Some(110), true),
        ("86400", Some(86_400), true),
        ("4294967294", Some(4_294_967_294), true),
        ("0", forever, true),
        ("4294967295", forever, true),
        ("0xFFFFFFFF", forever, false),
        ("-1", forever, false),
        ("+110", forever, false),
        ("soon", forever, false),
        ("", forever, false),
    ] {
        let head = [("BITS-Host-Id", "FRANKCAO8"), ("BITS-Host-Id-Fallback-Timeout", text)];
        let read = Ok(Some(("FRANKCAO8".to_owned(), seconds)));
        assert_eq!(host(&head, Interop), read, "{text:?}");
        let refused = Err(Malformed::HeaderInvalid("BITS-Host-Id-Fallback-Timeout"));
        assert_eq!(host(&head, Strict), if strict { read } else { refused }, "{text:?}");
    }
    let alone = [("BITS-Host-Id-Fallback-Timeout", "110")];
    assert_eq!(host(&alone, Interop), Ok(None));
}

#[test]
fn q24_no_timeout_means_for_ever_and_strict_wants_one() {
    // C34: the origin is never asked again. §2.2.3.2: a server that names a host must send a timeout.
    let alone = [("BITS-Host-Id", "FRANKCAO8")];
    assert_eq!(host(&alone, Interop), Ok(Some(("FRANKCAO8".to_owned(), None))));
    assert_eq!(host(&alone, Strict), Err(Malformed::HeaderMissing("BITS-Host-Id-Fallback-Timeout")));
}

/// §3.2.1.1 writes the second name without a hyphen, once; no peer is known to send it so.
#[test]
fn c07_the_headers_of_a_host_have_the_names_of_the_captures() {
    let head = [("BITS-Host-ID", "FRANKCAO8"), ("BITS-Host-Id-Fallback-Timeout", "110")];
    assert_eq!(host(&head, Interop), Ok(Some(("FRANKCAO8".to_owned(), Some(110)))));
    let head = [("BITS-Host-Id", "FRANKCAO8"), ("BITS-HostId-Fallback-Timeout", "110")];
    assert_eq!(host(&head, Interop), Ok(Some(("FRANKCAO8".to_owned(), None))));
    let head = [("BITS-HostId", "FRANKCAO8"), ("BITS-Host-Id-Fallback-Timeout", "110")];
    assert_eq!(host(&head, Interop), Ok(None));
}

#[test]
fn the_timeout_is_in_seconds() {
    let head = [
        ("BITS-Protocol", PROTOCOL),
        ("BITS-Host-Id", "FRANKCAO8"),
        ("BITS-Host-Id-Fallback-Timeout", "110"),
    ];
    let host = created(&head, Strict).unwrap().host.unwrap();
    assert_eq!(host.fallback_timeout, Some(Duration::from_secs(110)));
}

#[test]
fn q25_a_reply_url_is_kept_as_it_came_and_an_empty_one_is_none() {
    for conformance in [Interop, Strict] {
        let url = |text| {
            let head = [("BITS-Received-Content-Range", "4892"), ("BITS-Reply-URL", text)];
            acknowledged(&head, conformance).unwrap().reply_url
        };
        for text in [
            r"BITS-Sessions\Replies\{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}\responsefile.bin",
            "/replies/1?a=b",
            "https://elsewhere.example/replies/1",
            "a name with blanks.bin",
        ] {
            assert_eq!(url(text).as_ref().map(ReplyUrl::as_bytes), Some(text.as_bytes()));
        }
        assert_eq!(url(""), None);
    }
}

#[test]
fn q26_a_reply_url_is_read_on_any_ack_for_a_fragment() {
    let head = [("BITS-Received-Content-Range", "1"), ("BITS-Reply-URL", "/early")];
    assert!(acknowledged(&head, Interop).unwrap().reply_url.is_some());
}
