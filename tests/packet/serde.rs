//! The serde forms: every vocabulary type and packet comes back, and no illegal value gets in.
#![cfg(feature = "serde")]

use std::fmt::Debug;
use std::time::Duration;

use bits_proto::packet::{
    Ack, CancelSession, CancelSessionAck, CloseSession, CloseSessionAck, CreateSession, CreateSessionAck,
    ErrorAck, Fragment, FragmentAck, FragmentStatus, Host, PacketType, Payload, Ping, PingAck, Request,
};
use bits_proto::{
    Conformance, ContentName, ContentRange, ErrorContext, Guid, HostId, Hresult, ProtocolId, ReplyUrl,
    SessionId, SupportedProtocols,
};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

const ID: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";

/// The value comes back, and its JSON is `json`.
#[track_caller]
fn comes_back_as<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, json: &str) {
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
    assert_eq!(serde_json::from_str::<T>(json).unwrap(), value);
}

/// The value comes back, whatever its JSON is.
#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
}

#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(json: &str) {
    let read = serde_json::from_str::<T>(json);
    assert!(read.is_err(), "{json} read as {read:?}");
}

fn id() -> SessionId {
    ID.parse().unwrap()
}

#[test]
fn identifiers_are_their_text() {
    comes_back_as(ID.parse::<Guid>().unwrap(), &format!("\"{ID}\""));
    comes_back_as(ProtocolId::BITS_1_5, "\"{7df0354d-249b-430f-820d-3d2a9bef4931}\"");
    comes_back_as(id(), &format!("\"{ID}\""));
    // Equal ids may differ in their bytes, which must come back as they are.
    let id: SessionId = serde_json::from_str("\"Token-17\"").unwrap();
    assert_eq!(id.as_str(), "Token-17");
}

#[test]
fn codes_are_hexadecimal_where_people_read_them() {
    comes_back_as(Hresult::E_INVALIDARG, "\"0x80070057\"");
    comes_back_as(Hresult::S_OK, "\"0x00000000\"");
    comes_back_as(Hresult::new(u32::MAX), "\"0xFFFFFFFF\"");
    comes_back_as(ErrorContext::REMOTE_APPLICATION, "\"0x7\"");
    // As records of old have them.
    assert_eq!(serde_json::from_str::<Hresult>("2147942487").unwrap(), Hresult::E_INVALIDARG);
    assert_eq!(serde_json::from_str::<ErrorContext>("7").unwrap(), ErrorContext::REMOTE_APPLICATION);
}

#[test]
fn codes_are_numbers_where_machines_read_them() {
    let bytes = postcard::to_allocvec(&(Hresult::E_INVALIDARG, ErrorContext::REMOTE_FILE)).unwrap();
    assert_eq!(bytes, postcard::to_allocvec(&(0x8007_0057u32, 5u32)).unwrap());
    let read: (Hresult, ErrorContext) = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(read, (Hresult::E_INVALIDARG, ErrorContext::REMOTE_FILE));
}

#[test]
fn numbers_are_numbers() {
    comes_back_as(ContentRange::new(0..4892, 4892).unwrap(), r#"{"first":0,"last":4891,"total":4892}"#);
}

#[test]
fn header_strings_keep_every_byte() {
    comes_back_as(ContentName::new("rfc2119.txt").unwrap(), "\"rfc2119.txt\"");
    comes_back_as(
        HostId::parse(b"[2001:db8::7]:80", Conformance::Interop).unwrap().into_owned(),
        "\"[2001:db8::7]:80\"",
    );
    comes_back_as(ReplyUrl::from_bytes(&br"Replies\1"[..]).unwrap(), r#""Replies\\1""#);
    comes_back_as(
        SupportedProtocols::from(ProtocolId::BITS_1_5),
        "\"{7df0354d-249b-430f-820d-3d2a9bef4931}\"",
    );
    let every_byte: Vec<u8> = (0x20..=0xFF).chain([b'\t']).filter(|&byte| byte != 0x7F).collect();
    comes_back(ContentName::from_bytes(every_byte.clone()).unwrap());
    comes_back(ReplyUrl::from_bytes(every_byte.clone()).unwrap());
    comes_back(SupportedProtocols::from_bytes(every_byte).unwrap());
}

#[test]
fn choices_are_their_names() {
    comes_back_as(Conformance::Interop, "\"Interop\"");
    comes_back_as(Conformance::Strict, "\"Strict\"");
    comes_back_as(FragmentStatus::Accepted, "\"Accepted\"");
    comes_back_as(FragmentStatus::OutOfStep, "\"OutOfStep\"");
    comes_back_as(PacketType::CreateSession, "\"CreateSession\"");
    for packet_type in [
        PacketType::Ping,
        PacketType::Fragment,
        PacketType::CloseSession,
        PacketType::CancelSession,
        PacketType::Ack,
    ] {
        comes_back(packet_type);
    }
    comes_back_as(Payload::Empty, "\"Empty\"");
    comes_back_as(Payload::Range(5..10), r#"{"Range":{"start":5,"end":10}}"#);
}

#[test]
fn every_request_comes_back() {
    let content_name = ContentName::new("rfc2119.txt").ok();
    let (session_id, range) = (id(), ContentRange::new(5..10, 11).ok());
    comes_back(Request::CreateSession(CreateSession {
        protocols: ProtocolId::BITS_1_5.into(),
        content_name: content_name.clone(),
    }));
    comes_back(Request::Ping(Ping));
    comes_back(Request::Fragment(Fragment { session_id, range, content_name: content_name.clone() }));
    comes_back(Request::Fragment(Fragment { session_id, range: None, content_name: None }));
    comes_back(Request::CloseSession(CloseSession { session_id, content_name }));
    comes_back(Request::CancelSession(CancelSession { session_id }));
}

#[test]
fn every_ack_comes_back() {
    let (id, session_id) = (id(), Some(id()));
    let host = Host { id: "FRANKCAO8".parse().unwrap(), fallback_timeout: Some(Duration::from_secs(110)) };
    comes_back(Ack::CreateSession(CreateSessionAck::new(id)));
    comes_back(Ack::CreateSession(CreateSessionAck { host: Some(host), ..CreateSessionAck::new(id) }));
    comes_back(Ack::Ping(PingAck));
    let reply_url = ReplyUrl::from_bytes(&b"/replies/1"[..]).ok();
    comes_back(Ack::Fragment(FragmentAck { reply_url, ..FragmentAck::accepted(id, 4892) }));
    comes_back(Ack::Fragment(FragmentAck::out_of_step(id, 0)));
    comes_back(Ack::CloseSession(CloseSessionAck { session_id }));
    comes_back(Ack::CancelSession(CancelSessionAck { session_id }));
    let not_found = Hresult::BG_E_SESSION_NOT_FOUND;
    let error = ErrorAck::new(StatusCode::INTERNAL_SERVER_ERROR, not_found, ErrorContext::REMOTE_FILE);
    comes_back(Ack::Error(ErrorAck { session_id, received: Some(u64::MAX), ..error }));
    comes_back_as(
        ErrorAck::status_only(StatusCode::NOT_FOUND),
        r#"{"status":404,"code":null,"context":null,"session_id":null,"received":null}"#,
    );
}

#[test]
fn illegal_identifiers_are_refused() {
    for json in ["\"\"", "\"{A0FF5911}\"", "17", "null"] {
        refuses::<Guid>(json);
        refuses::<ProtocolId>(json);
    }
    let long = format!("\"{}\"", "x".repeat(101));
    for json in ["\"\"", "\"a b\"", "\"a\\nb\"", "\"caf\u{e9}\"", "17", &long] {
        refuses::<SessionId>(json);
    }
}

#[test]
fn illegal_ranges_are_refused() {
    for (first, last, total) in [
        ("1", "0", "2"),
        ("0", "2", "2"),
        ("0", "0", "0"),
        ("-1", "0", "2"),
        ("0", "1", "9223372036854775808"),
        ("0", "18446744073709551615", "18446744073709551615"),
    ] {
        refuses::<ContentRange>(&format!(r#"{{"first":{first},"last":{last},"total":{total}}}"#));
    }
}

#[test]
fn illegal_header_strings_are_refused() {
    let long = format!("\"{}\"", "x".repeat(4097));
    for json in ["\"a\\r\\nb\"", "\"\\u0000\"", "\"\\u007f\"", "\"\u{20ac}\"", &long] {
        refuses::<ContentName<'static>>(json);
        refuses::<ReplyUrl<'static>>(json);
        refuses::<SupportedProtocols<'static>>(json);
        refuses::<HostId<'static>>(json);
    }
    refuses::<ReplyUrl<'static>>("\"\"");
    for json in ["\"\"", "\"http://a\"", "\"a/b\"", "\"u@a\"", "\"a:0\""] {
        refuses::<HostId<'static>>(json);
    }
}

#[test]
fn illegal_statuses_and_codes_are_refused() {
    for status in ["99", "1000", "-1", "\"404\""] {
        refuses::<ErrorAck>(&format!(
            r#"{{"status":{status},"code":null,"context":null,"session_id":null,"received":null}}"#
        ));
    }
    for json in ["4294967296", "-1", "1.5", "null", "\"\"", "\"80070057\"", "\"0x180070057\"", "\"0x-7\""] {
        refuses::<Hresult>(json);
        refuses::<ErrorContext>(json);
    }
}
