//! Windows BITS 6.7 against IIS 6.0: every captured head is read at both levels, and what is read goes out as it came.

use std::collections::BTreeSet;
use std::time::Duration;

use bits_proto::packet::{
    Ack, CloseSession, CloseSessionAck, CreateSession, CreateSessionAck, Fragment, FragmentAck,
    FragmentStatus, Host, PacketType, Ping, PingAck, Request,
};
use bits_proto::{Conformance, ContentName, ContentRange, ProtocolId, ReplyUrl, SessionId};
use http::{HeaderMap, Uri};
use testing::captures::{ACKS, OTHERS, REQUESTS};
use testing::http1;

const BOTH: [Conformance; 2] = [Conformance::Interop, Conformance::Strict];

/// The session of the directory that a capture is in.
fn session(path: &str) -> SessionId {
    match path.split_once('/') {
        Some(("upload", _)) => "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}".parse().unwrap(),
        Some(("upload-reply", _)) => "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}".parse().unwrap(),
        _ => panic!("{path}"),
    }
}

/// What a captured request says, by the name of its file.
fn expected_request(path: &str) -> Request<'static> {
    let content_name = ContentName::new("rfc2119.txt").ok();
    let session_id = session(path);
    match path.rsplit_once("-").unwrap() {
        (_, "ping.req") => Request::Ping(Ping),
        (_, "fragment.req") => {
            let range = ContentRange::new(0..4892, 4892).ok();
            Request::Fragment(Fragment { session_id, range, content_name })
        }
        (create, "session.req") if create.ends_with("create") => {
            Request::CreateSession(CreateSession { protocols: ProtocolId::BITS_1_5.into(), content_name })
        }
        (close, "session.req") if close.ends_with("close") => {
            Request::CloseSession(CloseSession { session_id, content_name })
        }
        _ => panic!("{path}"),
    }
}

/// What a captured Ack says. IIS names the session in the Ack for Create-Session alone (C03).
fn expected_ack(path: &str, answers: PacketType) -> Ack<'static> {
    let with_reply = path.starts_with("upload-reply/");
    match answers {
        PacketType::CreateSession => Ack::CreateSession(CreateSessionAck {
            session_id: session(path),
            protocol: Some(ProtocolId::BITS_1_5),
            host: with_reply.then(|| Host {
                id: "FRANKCAO8".parse().unwrap(),
                fallback_timeout: Some(Duration::from_secs(110)),
            }),
        }),
        PacketType::Ping => Ack::Ping(PingAck),
        PacketType::Fragment => {
            let url = br"BITS-Sessions\Replies\{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}\responsefile.bin";
            Ack::Fragment(FragmentAck {
                status: FragmentStatus::Accepted,
                session_id: None,
                received: Some(4892),
                reply_url: with_reply.then(|| ReplyUrl::from_bytes(&url[..]).unwrap()),
            })
        }
        PacketType::CloseSession => Ack::CloseSession(CloseSessionAck { session_id: None }),
        other => panic!("{other}"),
    }
}

/// The headers that the protocol defines or reads, with their values.
fn of_the_protocol(headers: &HeaderMap) -> BTreeSet<(&str, &[u8])> {
    let ours = |name: &str| {
        name.starts_with("bits-")
            || name.starts_with("content-")
            || matches!(name, "accept-encoding" | "pragma")
    };
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    pairs.filter(|(name, _)| ours(name)).collect()
}

#[test]
fn every_captured_request_is_read_at_both_levels() {
    for (path, bytes) in REQUESTS {
        let request = http1::request(bytes);
        for conformance in BOTH {
            assert_eq!(Request::decode(&request, conformance), Ok(Some(expected_request(path))), "{path}");
        }
    }
}

#[test]
fn every_captured_ack_is_read_at_both_levels() {
    for ((path, bytes), answers) in ACKS {
        let response = http1::response(bytes);
        for conformance in BOTH {
            let ack = Ack::decode(&response, *answers, conformance);
            assert_eq!(ack, Ok(Some(expected_ack(path, *answers))), "{path}");
        }
    }
}

#[test]
fn a_session_id_keeps_the_bytes_of_its_capture() {
    let request = http1::request(REQUESTS[1].1);
    let packet = Request::decode(&request, Conformance::Strict).unwrap().unwrap();
    assert_eq!(packet.session_id().unwrap().as_str(), "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}");
}

#[test]
fn a_request_goes_out_as_it_was_captured() {
    for (path, bytes) in REQUESTS {
        let captured = http1::request(bytes);
        let destination: Uri = format!("http://frankcao8{}", captured.uri()).parse().unwrap();
        let sent = expected_request(path).to_http(&destination);
        assert_eq!(of_the_protocol(sent.headers()), of_the_protocol(captured.headers()), "{path}");
        assert_eq!((sent.method(), sent.version()), (captured.method(), captured.version()), "{path}");
        assert_eq!(sent.uri(), &destination);
        assert_eq!(sent.body().len().to_string(), captured.headers()["content-length"].to_str().unwrap());
    }
}

#[test]
fn an_ack_goes_out_as_it_was_captured() {
    for ((path, bytes), answers) in ACKS {
        let captured = http1::response(bytes);
        let sent = expected_ack(path, *answers).to_response();
        assert_eq!(of_the_protocol(sent.headers()), of_the_protocol(captured.headers()), "{path}");
        assert_eq!((sent.status(), sent.version()), (captured.status(), captured.version()), "{path}");
    }
}

/// What a server of this library sends beyond IIS: the session (§2.2.1.2), and that nobody may cache it.
#[test]
fn a_server_adds_the_session_and_no_store_to_what_was_captured() {
    for ((path, bytes), answers) in ACKS {
        let session_id = session(path);
        let ours = match expected_ack(path, *answers) {
            Ack::Fragment(ack) => Ack::Fragment(FragmentAck {
                reply_url: ack.reply_url,
                ..FragmentAck::accepted(session_id, 4892)
            }),
            Ack::CloseSession(_) => Ack::CloseSession(CloseSessionAck { session_id: Some(session_id) }),
            other => other,
        }
        .to_response();
        let captured = http1::response(bytes);
        let captured = of_the_protocol(captured.headers());
        let added: Vec<_> = of_the_protocol(ours.headers()).difference(&captured).copied().collect();
        let named = [("bits-session-id", session_id.as_bytes())];
        let expected = match answers {
            PacketType::Fragment | PacketType::CloseSession => &named[..],
            _ => &[],
        };
        assert_eq!(added, expected, "{path}");
        assert!(captured.is_subset(&of_the_protocol(ours.headers())), "{path}");
        assert_eq!(ours.headers()["cache-control"], "no-store", "{path}");
    }
}

#[test]
fn the_notification_and_the_download_are_told_apart() {
    for (path, bytes) in OTHERS {
        if path.ends_with(".req") {
            let request = http1::request(bytes);
            for conformance in BOTH {
                assert_eq!(Request::decode(&request, conformance), Ok(None), "{path}");
                assert_eq!(Request::decode_tunnelled(&request, conformance), Ok(None), "{path}");
            }
        } else {
            let response = http1::response(bytes);
            let ack = Ack::decode(&response, PacketType::Fragment, Conformance::Interop);
            assert_eq!(ack, Ok(None), "{path}");
        }
    }
}

#[test]
fn no_capture_goes_untested() {
    let listed: BTreeSet<String> = REQUESTS
        .iter()
        .chain(OTHERS)
        .chain(ACKS.iter().map(|(capture, _)| capture))
        .map(|(path, _)| (*path).to_owned())
        .collect();
    let mut found = BTreeSet::new();
    for directory in ["upload", "upload-reply"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/captures/");
        for entry in std::fs::read_dir(format!("{path}{directory}")).unwrap() {
            found.insert(format!("{directory}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    assert_eq!(found, listed);
}
