//! The head of any request: read without a panic, answered where it is bad, and sent again where it is good.
#![no_main]

use bits_proto::packet::{Ack, PacketType, Request, RequestHead};
use bits_proto::{Conformance, DecodeError, ErrorContext, Hresult, SessionId};
use bits_proto_fuzz::{BOTH, REQUEST_TYPES, request};
use http::{HeaderValue, Uri, Version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(request) = request(bytes) else { return };
    for version in [request.version(), Version::HTTP_2] {
        check(RequestHead { version, ..(&request).into() });
    }
});

fn check(head: RequestHead<'_>) {
    let [interop, strict] = BOTH.map(|conformance| Request::decode(head, conformance));
    for (read, conformance) in [(&interop, Conformance::Interop), (&strict, Conformance::Strict)] {
        match read {
            Ok(Some(packet)) => comes_back(packet, conformance),
            Ok(None) => assert_ne!(head.method.as_str(), "BITS_POST"),
            Err(error) => {
                is_answered(error);
                is_known(error, head);
            }
        }
    }
    if let Ok(Some(packet)) = &strict {
        assert_eq!(
            interop.as_ref().ok().and_then(Option::as_ref),
            Some(packet),
            "interop reads less than strict"
        );
    }
    match Request::decode_tunnelled(head, Conformance::Interop) {
        Ok(Some(packet)) => comes_back(&packet, Conformance::Interop),
        Ok(None) => assert_eq!(interop, Ok(None)),
        Err(error) => is_answered(&error),
    }
    assert_eq!(Request::decode_tunnelled(head, Conformance::Strict), strict);
}

/// What was read is sent, and read again, as it is.
fn comes_back(packet: &Request<'_>, conformance: Conformance) {
    let sent = packet.to_http(&Uri::from_static("http://origin/upload/file.bin"));
    let read = Request::decode(&sent, conformance).expect("what was read can be sent").expect("as BITS_POST");
    assert_eq!(&read, packet);
    // Equal session ids may differ in their bytes, and those must come back too.
    assert_eq!(read.session_id().map(|id| id.to_string()), packet.session_id().map(|id| id.to_string()));
    assert_eq!(read.clone().into_owned(), read);
    assert_eq!(sent.headers()["content-length"], sent.body().len().to_string());
}

/// What a bad request says in spite of its faults is not lost (C70).
fn is_known(error: &DecodeError, head: RequestHead<'_>) {
    let values = |name: &'static str| head.headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let is_fragment = |value: &[u8]| PacketType::parse(value) == Some(PacketType::Fragment);
    if values("bits-packet-type").any(is_fragment) {
        assert_eq!(error.packet_type(), Some(PacketType::Fragment));
    }
    assert_eq!(
        error.session_id().is_some(),
        values("bits-session-id").any(|id| SessionId::from_bytes(id.trim_ascii()).is_ok())
    );
}

/// The answer to a bad request is an Ack, whatever its client takes it to answer.
fn is_answered(error: &DecodeError) {
    let answer = error.to_response();
    // Strict takes no session id that is no GUID, though interop echoes one (Q04).
    let is_strict = error.session_id().is_none_or(|id| id.guid().is_some());
    for answers in REQUEST_TYPES {
        for conformance in BOTH.into_iter().filter(|conformance| is_strict || !conformance.is_strict()) {
            let Ok(Some(Ack::Error(ack))) = Ack::decode(&answer, answers, conformance) else {
                panic!("{answer:?} is no error")
            };
            assert_eq!(ack.status, error.status());
            assert_eq!(
                (ack.code, ack.context),
                (Some(Hresult::E_INVALIDARG), Some(ErrorContext::REMOTE_FILE))
            );
            assert_eq!(ack.session_id.map(|id| id.to_string()), error.session_id().map(|id| id.to_string()));
        }
    }
}
