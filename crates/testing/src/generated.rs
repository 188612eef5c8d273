//! Generated packets and heads.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bits_proto::limits::MAX_ENTITY_SIZE;
use bits_proto::packet::{
    Ack, CancelSession, CancelSessionAck, CloseSession, CloseSessionAck, CreateSession, CreateSessionAck,
    ErrorAck, Fragment, FragmentAck, FragmentStatus, Host, PacketType, Ping, PingAck, Request,
};
use bits_proto::{
    Conformance, ContentName, ContentRange, ErrorContext, Guid, HostId, Hresult, ProtocolId, ReplyUrl,
    SessionId, SupportedProtocols,
};
use http::StatusCode;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// The types that a request has.
pub const REQUEST_TYPES: [PacketType; 5] = [
    PacketType::CreateSession,
    PacketType::Ping,
    PacketType::Fragment,
    PacketType::CloseSession,
    PacketType::CancelSession,
];

fn guid() -> impl Strategy<Value = Guid> {
    any::<[u8; 16]>().prop_map(Guid::from_bytes)
}

fn token() -> impl Strategy<Value = SessionId> {
    "[!-~]{1,100}".prop_map(|text| text.parse().unwrap())
}

fn session_id() -> impl Strategy<Value = SessionId> {
    prop_oneof![guid().prop_map(SessionId::from), token()]
}

/// In an Ack strict takes a GUID alone (Q04).
fn acknowledged_session(conformance: Conformance) -> BoxedStrategy<SessionId> {
    match conformance {
        Conformance::Strict => guid().prop_map(SessionId::from).boxed(),
        Conformance::Interop => session_id().boxed(),
    }
}

/// Bytes that may stand in a header.
fn value(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![0x20u8..=0x7E, Just(b'\t'), 0x80u8..=0xFF], length)
}

fn content_name(conformance: Conformance) -> BoxedStrategy<ContentName<'static>> {
    let bare =
        "[a-zA-Z0-9é][a-zA-Z0-9 ._()é-]{0,258}[a-zA-Z0-9é]".prop_map(|name| ContentName::new(name).unwrap());
    match conformance {
        Conformance::Strict => bare.boxed(),
        Conformance::Interop => {
            prop_oneof![bare, value(0..4096).prop_map(|name| ContentName::from_bytes(name).unwrap())].boxed()
        }
    }
}

fn protocols(conformance: Conformance) -> BoxedStrategy<SupportedProtocols<'static>> {
    let list = (vec(guid(), 1..=100), prop_oneof![Just(" "), Just(",")]).prop_map(|(guids, separator)| {
        let bare: Vec<_> = guids.iter().map(|guid| guid.to_string()[1..37].to_owned()).collect();
        SupportedProtocols::from_bytes(bare.join(separator).into_bytes()).unwrap()
    });
    match conformance {
        Conformance::Strict => list.boxed(),
        Conformance::Interop => {
            prop_oneof![list, value(0..4096).prop_map(|list| SupportedProtocols::from_bytes(list).unwrap())]
                .boxed()
        }
    }
}

fn range() -> impl Strategy<Value = ContentRange> {
    (1..=MAX_ENTITY_SIZE)
        .prop_flat_map(|total| (0..total, Just(total)))
        .prop_flat_map(|(last, total)| (0..=last, Just(last), Just(total)))
        .prop_map(|(first, last, total)| ContentRange::new(first..last + 1, total).unwrap())
}

/// Every request that may be sent to a server of this conformance.
pub fn requests(conformance: Conformance) -> BoxedStrategy<Request<'static>> {
    let content_name = || option::of(content_name(conformance));
    // No range says that the entity is empty, which strict cannot express.
    let range = match conformance {
        Conformance::Strict => range().prop_map(Some).boxed(),
        Conformance::Interop => option::of(range()).boxed(),
    };
    prop_oneof![
        (protocols(conformance), content_name()).prop_map(|(protocols, content_name)| {
            Request::CreateSession(CreateSession { protocols, content_name })
        }),
        Just(Request::Ping(Ping)),
        (session_id(), range, content_name()).prop_map(|(session_id, range, content_name)| {
            Request::Fragment(Fragment { session_id, range, content_name })
        }),
        (session_id(), content_name()).prop_map(|(session_id, content_name)| {
            Request::CloseSession(CloseSession { session_id, content_name })
        }),
        session_id().prop_map(|session_id| Request::CancelSession(CancelSession { session_id })),
    ]
    .boxed()
}

fn host(conformance: Conformance) -> impl Strategy<Value = Host<'static>> {
    let plain = prop_oneof![
        "[a-zA-Z0-9._-]{1,256}",
        any::<Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<Ipv6Addr>().prop_map(|address| address.to_string()),
    ];
    let text = match conformance {
        Conformance::Strict => plain.boxed(),
        Conformance::Interop => {
            let with_port =
                (any::<Ipv6Addr>(), 1..=u16::MAX).prop_map(|(host, port)| format!("[{host}]:{port}"));
            prop_oneof![plain, with_port].boxed()
        }
    };
    // 0 and 0xFFFFFFFF mean "for ever" when they are read (Q24).
    let timeout = (1..u32::MAX).prop_map(|seconds| Some(Duration::from_secs(seconds.into())));
    let timeout = match conformance {
        Conformance::Strict => timeout.boxed(),
        Conformance::Interop => prop_oneof![timeout, Just(None)].boxed(),
    };
    (text, timeout).prop_map(move |(text, fallback_timeout)| Host {
        id: HostId::parse(text.as_bytes(), conformance).unwrap().into_owned(),
        fallback_timeout,
    })
}

fn created(conformance: Conformance) -> BoxedStrategy<CreateSessionAck<'static>> {
    let protocol = guid().prop_map(ProtocolId::new);
    let protocol = match conformance {
        Conformance::Strict => protocol.prop_map(Some).boxed(),
        Conformance::Interop => option::of(protocol).boxed(),
    };
    (acknowledged_session(conformance), protocol, option::of(host(conformance)))
        .prop_map(|(session_id, protocol, host)| CreateSessionAck { session_id, protocol, host })
        .boxed()
}

fn acknowledged(conformance: Conformance) -> impl Strategy<Value = FragmentAck<'static>> {
    let received = match conformance {
        Conformance::Strict => any::<u64>().prop_map(Some).boxed(),
        Conformance::Interop => any::<Option<u64>>().boxed(),
    };
    let status = prop_oneof![Just(FragmentStatus::Accepted), Just(FragmentStatus::OutOfStep)];
    let reply_url = value(1..4096).prop_map(|url| ReplyUrl::from_bytes(url).unwrap());
    (status, option::of(acknowledged_session(conformance)), received, option::of(reply_url)).prop_map(
        |(status, session_id, received, reply_url)| FragmentAck { status, session_id, received, reply_url },
    )
}

/// An error and what it answers; a 416 for a Fragment is another kind of Ack.
fn error(conformance: Conformance) -> impl Strategy<Value = (PacketType, ErrorAck)> {
    let context = match conformance {
        Conformance::Strict => prop_oneof![Just(5u32), Just(7)].boxed(),
        Conformance::Interop => any::<u32>().boxed(),
    };
    let code = option::of((any::<u32>(), option::of(context)));
    (
        prop::sample::select(&REQUEST_TYPES[..]),
        300u16..=999,
        code,
        option::of(acknowledged_session(conformance)),
        any::<Option<u64>>(),
    )
        .prop_map(|(answers, status, code, session_id, received)| {
            let (code, context) = code.unzip();
            let (code, context) = (code.map(Hresult::new), context.flatten().map(ErrorContext::new));
            (
                answers,
                ErrorAck {
                    status: StatusCode::from_u16(status).unwrap(),
                    code,
                    context,
                    session_id,
                    received,
                },
            )
        })
        .prop_filter("a 416 is no error", |(answers, ack)| {
            *answers != PacketType::Fragment || ack.status != StatusCode::RANGE_NOT_SATISFIABLE
        })
}

/// Every Ack that may be sent to a client of this conformance, with what it answers.
pub fn acks(conformance: Conformance) -> BoxedStrategy<(PacketType, Ack<'static>)> {
    prop_oneof![
        created(conformance).prop_map(|ack| (PacketType::CreateSession, Ack::CreateSession(ack))),
        Just((PacketType::Ping, Ack::Ping(PingAck))),
        acknowledged(conformance).prop_map(|ack| (PacketType::Fragment, Ack::Fragment(ack))),
        option::of(acknowledged_session(conformance)).prop_map(|session_id| {
            (PacketType::CloseSession, Ack::CloseSession(CloseSessionAck { session_id }))
        }),
        option::of(acknowledged_session(conformance)).prop_map(|session_id| {
            (PacketType::CancelSession, Ack::CancelSession(CancelSessionAck { session_id }))
        }),
        error(conformance).prop_map(|(answers, ack)| (answers, Ack::Error(ack))),
    ]
    .boxed()
}
