//! The head of any response, as the answer to any request: read without a panic, and sent again where it is an Ack.
#![no_main]

use bits_proto::packet::{Ack, PacketType, ResponseHead};
use bits_proto::{Conformance, ReplyUrl};
use bits_proto_fuzz::{BOTH, REQUEST_TYPES, response};
use http::{StatusCode, Uri, Version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(response) = response(bytes) else { return };
    for version in [response.version(), Version::HTTP_2] {
        for answers in REQUEST_TYPES {
            check(ResponseHead { version, ..(&response).into() }, answers);
        }
    }
});

fn check(head: ResponseHead<'_>, answers: PacketType) {
    let [interop, strict] = BOTH.map(|conformance| Ack::decode(head, answers, conformance));
    for (read, conformance) in [(&interop, Conformance::Interop), (&strict, Conformance::Strict)] {
        if let Ok(Some(ack)) = read {
            comes_back(ack, answers, conformance);
            follow(ack);
        }
    }
    // Nothing hides the error that a status is (C73); a 416 for a Fragment is none.
    let out_of_step = head.status == StatusCode::RANGE_NOT_SATISFIABLE && answers == PacketType::Fragment;
    if !head.status.is_success() && !out_of_step {
        assert!(matches!(interop, Ok(None | Some(Ack::Error(_)))), "{interop:?}");
    }
    // Strict knows one error header and interop two, so one may find an error where the other finds none.
    if let Ok(Some(_)) = strict {
        assert!(matches!(interop, Ok(Some(_))), "interop reads less than strict: {interop:?}");
    }
}

/// What was read is sent, and read again, as it is.
fn comes_back(ack: &Ack<'_>, answers: PacketType, conformance: Conformance) {
    let sent = ack.to_response();
    let read =
        Ack::decode(&sent, answers, conformance).expect("what was read can be sent").expect("as an Ack");
    assert_eq!(&read, ack);
    // Equal session ids may differ in their bytes, and those must come back too.
    assert_eq!(read.session_id().map(|id| id.to_string()), ack.session_id().map(|id| id.to_string()));
    assert_eq!(read.clone().into_owned(), read);
    assert_eq!(sent.headers()["content-length"], "0");
}

/// A client goes where an Ack sends it: to a URL of HTTP, or nowhere.
fn follow(ack: &Ack<'_>) {
    let destination = Uri::from_static("https://origin:8443/a/b/file.bin?token=1");
    match ack {
        Ack::CreateSession(ack) => {
            if let Some(host) = &ack.host {
                let redirected = host.id.redirect(&destination);
                assert_eq!(redirected.path_and_query(), destination.path_and_query());
                assert_eq!(redirected.port_u16(), host.id.port().or(Some(8443)));
                assert_eq!(redirected.host().map(bare), Some(bare(host.id.host())));
            }
        }
        Ack::Fragment(ack) => {
            if let Some(url) =
                ack.reply_url.as_ref().and_then(|url| ReplyUrl::resolve(url, &destination).ok())
            {
                assert!(matches!(url.scheme_str(), Some("http" | "https")), "{url}");
                assert!(url.host().is_some_and(|host| !host.is_empty()), "{url}");
            }
        }
        _ => {}
    }
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}
