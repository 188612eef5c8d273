//! The Acks that a server sends: the exact headers of each, no more and no less.
//!
//! This is the common denominator that the pickiest clients accept: both error headers with one value, none of them on
//! a success, the session on every Ack but a Ping's, `Accept-Encoding` on the Ack for Create-Session alone.

use std::time::Duration;

use bits_proto::packet::{
    Ack, CancelSessionAck, CloseSessionAck, CreateSessionAck, ErrorAck, FragmentAck, Host, PacketType,
    PingAck,
};
use bits_proto::{Conformance, ErrorContext, Guid, Hresult, ReplyUrl, SessionId};
use http::{HeaderName, HeaderValue, StatusCode, Version};

const ID: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";

/// What stands on every Ack.
const COMMON: [(&str, &str); 4] = [
    ("bits-packet-type", "Ack"),
    ("cache-control", "no-store"),
    ("content-length", "0"),
    ("pragma", "no-cache"),
];

fn id() -> SessionId {
    ID.parse().unwrap()
}

/// The status and all headers of an Ack, sorted by name.
fn sent(ack: Ack<'static>) -> (u16, Vec<(String, String)>) {
    let response = ack.to_response();
    assert_eq!(response.version(), Version::HTTP_11);
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
    };
    let mut headers: Vec<_> = response.headers().iter().map(text).collect();
    headers.sort();
    (response.status().as_u16(), headers)
}

/// The common headers and these, sorted by name.
fn with(own: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = COMMON.iter().chain(own);
    let mut all: Vec<_> = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.sort();
    all
}

#[test]
fn the_ack_for_create_session_names_the_protocol_and_the_session() {
    let own = with(&[
        ("accept-encoding", "identity"),
        ("bits-protocol", "{7df0354d-249b-430f-820d-3d2a9bef4931}"),
        ("bits-session-id", ID),
    ]);
    assert_eq!(sent(Ack::CreateSession(CreateSessionAck::new(id()))), (200, own));
}

#[test]
fn the_ack_for_create_session_may_send_the_client_to_another_host() {
    let host = Host { id: "FRANKCAO8".parse().unwrap(), fallback_timeout: Some(Duration::from_secs(110)) };
    let ack = CreateSessionAck { host: Some(host), ..CreateSessionAck::new(id()) };
    let own = with(&[
        ("accept-encoding", "identity"),
        ("bits-host-id", "FRANKCAO8"),
        ("bits-host-id-fallback-timeout", "110"),
        ("bits-protocol", "{7df0354d-249b-430f-820d-3d2a9bef4931}"),
        ("bits-session-id", ID),
    ]);
    assert_eq!(sent(Ack::CreateSession(ack)), (200, own));
}

#[test]
fn q24_a_host_for_ever_is_sent_with_the_timeout_that_says_so() {
    for (host, conformance) in
        [("[2001:db8::7]:8080", Conformance::Interop), ("FRANKCAO8", Conformance::Strict)]
    {
        let forever = Host { id: host.parse().unwrap(), fallback_timeout: None };
        let sent =
            Ack::CreateSession(CreateSessionAck { host: Some(forever), ..CreateSessionAck::new(id()) });
        let response = sent.to_response();
        assert_eq!(response.headers()["bits-host-id"], host);
        assert_eq!(response.headers()["bits-host-id-fallback-timeout"], "4294967295");
        assert_eq!(Ack::decode(&response, PacketType::CreateSession, conformance), Ok(Some(sent)));
    }
}

#[test]
fn c03_the_ack_for_a_ping_names_no_session() {
    assert_eq!(sent(Ack::Ping(PingAck)), (200, with(&[])));
}

#[test]
fn the_ack_for_a_fragment_says_where_to_go_on() {
    let own = with(&[("bits-received-content-range", "4892"), ("bits-session-id", ID)]);
    assert_eq!(sent(Ack::Fragment(FragmentAck::accepted(id(), 4892))), (200, own));
}

#[test]
fn the_ack_for_the_last_fragment_may_bring_the_url_of_the_reply() {
    let reply_url = ReplyUrl::from_bytes(&b"/replies/1"[..]).ok();
    let ack = FragmentAck { reply_url, ..FragmentAck::accepted(id(), 4892) };
    let own = with(&[
        ("bits-received-content-range", "4892"),
        ("bits-reply-url", "/replies/1"),
        ("bits-session-id", ID),
    ]);
    assert_eq!(sent(Ack::Fragment(ack)), (200, own));
}

#[test]
fn c11_the_ack_for_a_fragment_out_of_step_has_no_error_headers() {
    let own = with(&[("bits-received-content-range", "100"), ("bits-session-id", ID)]);
    assert_eq!(sent(Ack::Fragment(FragmentAck::out_of_step(id(), 100))), (416, own));
}

#[test]
fn the_acks_for_close_and_cancel_name_the_session() {
    let own = with(&[("bits-session-id", ID)]);
    assert_eq!(sent(Ack::CloseSession(CloseSessionAck { session_id: Some(id()) })), (200, own.clone()));
    assert_eq!(sent(Ack::CancelSession(CancelSessionAck { session_id: Some(id()) })), (200, own));
}

#[test]
fn c01_c08_an_error_goes_out_under_both_names_with_its_context() {
    for (status, code, context, code_text, context_text) in [
        (500, Hresult::BG_E_SESSION_NOT_FOUND, ErrorContext::REMOTE_FILE, "0x8020001F", "0x5"),
        (403, Hresult::E_ACCESSDENIED, ErrorContext::REMOTE_FILE, "0x80070005", "0x5"),
        (501, Hresult::E_ACCESSDENIED, ErrorContext::REMOTE_FILE, "0x80070005", "0x5"),
        (400, Hresult::E_INVALIDARG, ErrorContext::REMOTE_FILE, "0x80070057", "0x5"),
        (500, Hresult::BG_E_TOO_LARGE, ErrorContext::REMOTE_FILE, "0x80200020", "0x5"),
        (500, Hresult::ERROR_DISK_FULL, ErrorContext::REMOTE_FILE, "0x80070070", "0x5"),
        (408, Hresult::ERROR_TIMEOUT, ErrorContext::REMOTE_APPLICATION, "0x800705B4", "0x7"),
        (408, Hresult::ERROR_DISK_FULL_AS_PRINTED, ErrorContext::REMOTE_APPLICATION, "0x80070112", "0x7"),
    ] {
        let ack = ErrorAck::new(StatusCode::from_u16(status).unwrap(), code, context);
        let errors =
            [("bits-error", code_text), ("bits-error-code", code_text), ("bits-error-context", context_text)];
        assert_eq!(sent(Ack::Error(ack)), (status, with(&errors)));
        let named = [&errors[..], &[("bits-session-id", ID)]].concat();
        assert_eq!(sent(Ack::Error(ErrorAck { session_id: Some(id()), ..ack })), (status, with(&named)));
    }
}

#[test]
fn an_error_that_its_status_says_in_full_has_no_error_headers() {
    for status in [403, 404, 413, 503] {
        let ack = ErrorAck::status_only(StatusCode::from_u16(status).unwrap());
        assert_eq!(sent(Ack::Error(ack)), (status, with(&[])));
    }
}

#[test]
fn an_error_for_a_fragment_says_where_to_go_on_if_the_session_is_known() {
    let ack = ErrorAck {
        session_id: Some(id()),
        received: Some(100),
        ..ErrorAck::status_only(StatusCode::PAYLOAD_TOO_LARGE)
    };
    let own = with(&[("bits-received-content-range", "100"), ("bits-session-id", ID)]);
    assert_eq!(sent(Ack::Error(ack)), (413, own));
}

#[test]
fn c08d_an_issued_session_id_is_in_braces_and_upper_case() {
    let id = SessionId::from(Guid::from_random([0xAB; 16]));
    let response = Ack::CreateSession(CreateSessionAck::new(id)).to_response();
    assert_eq!(response.headers()["bits-session-id"], "{ABABABAB-ABAB-4BAB-ABAB-ABABABABABAB}");
}

#[test]
fn another_servers_session_id_goes_out_byte_for_byte() {
    for text in ["-17", "Token", "a0ff5911-4144-45b3-bf27-27afc8ec8a67"] {
        let ack = CloseSessionAck { session_id: Some(text.parse().unwrap()) };
        assert_eq!(Ack::CloseSession(ack).to_response().headers()["bits-session-id"], text);
    }
}
