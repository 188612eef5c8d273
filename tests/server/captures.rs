//! The captured requests of Windows, as raw bytes and in order, answered by our server as IIS answered them.
//!
//! What may differ is named here, and nothing else does: see `differences`.

use std::collections::BTreeMap;
use std::time::Duration;

use bits_proto::ReplyUrl;
use bits_proto::packet::PacketType;
use bits_proto::server::{Directory, Notified, Output};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use testing::server::serve;
use testing::server::serve::{ALICE, BOTH, Server};

macro_rules! capture {
    ($name:literal) => {
        include_bytes!(concat!("../data/captures/", $name))
    };
}

/// The id in `upload/`; its GUID is of version 4, so the right random bytes give the very same one.
const UPLOAD: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
/// The id in `upload-reply/`, which is of version 4 too.
const UPLOAD_REPLY: &str = "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}";

fn headers(parsed: &[httparse::Header<'_>]) -> HeaderMap {
    let pairs = parsed.iter().map(|header| {
        (header.name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(header.value).unwrap())
    });
    pairs.collect()
}

fn request(bytes: &[u8]) -> Request<()> {
    let mut parsed = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut parsed);
    assert!(head.parse(bytes).unwrap().is_complete());
    let mut request =
        Request::builder().method(head.method.unwrap()).uri(head.path.unwrap()).body(()).unwrap();
    assert_eq!(head.version, Some(1));
    *request.headers_mut() = headers(head.headers);
    request
}

fn response(bytes: &[u8]) -> Response<()> {
    let mut parsed = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut parsed);
    assert!(head.parse(bytes).unwrap().is_complete());
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.code.unwrap()).unwrap();
    *response.headers_mut() = headers(head.headers);
    response
}

/// What an answer says: every header but `Date` and `Server`, which are the HTTP server's.
fn said(response: &Response<()>) -> BTreeMap<String, String> {
    let headers = response.headers().iter();
    let said = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    said.filter(|(name, _)| name != "date" && name != "server").collect()
}

/// The headers that are added to the captured answers on purpose (`manual::protocol`).
fn differences(packet_type: PacketType, session_id: &str) -> BTreeMap<String, String> {
    // Section 2: sent with every Ack beside `Pragma: no-cache`.
    let mut added = BTreeMap::from([("cache-control".to_owned(), "no-store".to_owned())]);
    // C03: IIS sends it for Create-Session alone; ours on every Ack but Ping's.
    if matches!(packet_type, PacketType::Fragment | PacketType::CloseSession) {
        added.insert("bits-session-id".to_owned(), session_id.to_owned());
    }
    added
}

/// Plays one captured request, and compares its answer with the captured one.
#[track_caller]
fn replay(
    server: &mut Server,
    session_id: &str,
    captured: &[u8],
    answered: &[u8],
) -> Vec<Output<serve::Owner>> {
    let head = request(captured);
    let packet_type = PacketType::parse(head.headers()["bits-packet-type"].as_bytes()).unwrap();
    let mut turn = server.begin_drawing(*serve::guid(session_id).as_bytes(), ALICE, head);
    let mut steps = Vec::new();
    while turn.work() != serve::Work::Respond {
        steps.extend(turn.output.clone());
        server.perform(&mut turn);
    }
    let (ours, theirs) = (turn.response(), response(answered));
    assert_eq!(ours.status(), theirs.status());
    let mut expected = said(&theirs);
    expected.extend(differences(packet_type, session_id));
    assert_eq!(said(&ours), expected);
    steps
}

#[test]
fn the_captured_upload_is_answered_as_captured() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        let mut replay = |captured: &[u8], answered: &[u8]| replay(&mut server, UPLOAD, captured, answered);
        let created =
            replay(capture!("upload/01-create-session.req"), capture!("upload/02-create-session.ack"));
        assert_eq!(created, [Output::Open]);
        let stored = replay(capture!("upload/03-fragment.req"), capture!("upload/04-fragment.ack"));
        assert!(matches!(&stored[..], [Output::Store(store)] if *store.range() == (0..4892)));
        let pinged = replay(capture!("upload/05-ping.req"), capture!("upload/06-ping.ack"));
        assert_eq!(pinged, []);
        let closed = replay(capture!("upload/07-close-session.req"), capture!("upload/08-close-session.ack"));
        assert_eq!(closed, [Output::Publish { size: 4892 }]);
        assert_eq!(server.published["/upload/2000mb-rfc2119.txt"], [serve::entity(0..4892)]);
        assert!(server.sessions.is_empty());
    }
}

#[test]
fn the_captured_upload_with_a_reply_is_answered_as_captured() {
    for conformance in BOTH {
        let directory = Directory::builder().conformance(conformance).notification(serve::notified());
        let fallback = Some(Duration::from_secs(110));
        let mut server = Server::new(directory.host("FRANKCAO8".parse().unwrap(), fallback));
        // Where IIS put the reply, relative to the destination.
        let reply = format!(r"BITS-Sessions\Replies\{UPLOAD_REPLY}\responsefile.bin");
        server.application = Notified {
            copy_to_destination: false,
            reply_url: Some(ReplyUrl::from_bytes(reply.into_bytes()).unwrap()),
        };
        let mut replay =
            |captured: &[u8], answered: &[u8]| replay(&mut server, UPLOAD_REPLY, captured, answered);
        replay(
            capture!("upload-reply/01-create-session.req"),
            capture!("upload-reply/02-create-session.ack"),
        );
        replay(capture!("upload-reply/03-ping.req"), capture!("upload-reply/04-ping.ack"));
        let steps =
            replay(capture!("upload-reply/05-fragment.req"), capture!("upload-reply/08-fragment.ack"));
        assert!(matches!(steps[..], [Output::Store(_), Output::Notify { .. }]));
        let closed = replay(
            capture!("upload-reply/11-close-session.req"),
            capture!("upload-reply/12-close-session.ack"),
        );
        // The application's answer, 07-notification.resp, has no BITS-Copy-File-To-Destination.
        assert_eq!(closed, [Output::Discard]);
        assert!(server.published.is_empty() && server.sessions.is_empty());
    }
}

#[test]
fn what_else_was_captured_is_not_of_this_protocol() {
    for conformance in BOTH {
        let directory = Directory::builder().conformance(conformance).method_override(true).build().unwrap();
        for bytes in
            [&capture!("upload-reply/06-notification.req")[..], capture!("upload-reply/09-reply-get.req")]
        {
            assert!(directory.read(&request(bytes), &()).is_none());
        }
    }
}
