//! Packets that `arbitrary` makes are legal: fuzzers downstream get packets that this library could have read.
#![cfg(feature = "arbitrary")]

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bits_proto::client::{self, Config, Upload};
use bits_proto::packet::{Ack, PacketType, Request};
use bits_proto::server::{self, Session};
use bits_proto::{Conformance, ContentRange, ReplyUrl, SessionId};
use proptest::collection::vec;
use proptest::prelude::*;
use testing::clock;

/// What stands in these bytes, if they are enough.
fn made<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> Option<T> {
    T::arbitrary(&mut Unstructured::new(bytes)).ok()
}

fn answered(ack: &Ack<'_>) -> PacketType {
    match ack {
        Ack::CreateSession(_) => PacketType::CreateSession,
        Ack::Fragment(_) => PacketType::Fragment,
        Ack::CloseSession(_) => PacketType::CloseSession,
        Ack::CancelSession(_) => PacketType::CancelSession,
        Ack::Ping(_) | Ack::Error(_) => PacketType::Ping,
    }
}

#[test]
fn no_reply_url_is_empty() {
    assert_eq!(made::<ReplyUrl<'_>>(&[]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn values_pass_their_own_constructors(bytes in vec(any::<u8>(), 0..300)) {
        if let Some(range) = made::<ContentRange>(&bytes) {
            prop_assert_eq!(ContentRange::new(range.bytes(), range.total()), Ok(range));
        }
        if let Some(id) = made::<SessionId>(&bytes) {
            prop_assert_eq!(SessionId::from_bytes(id.as_bytes()), Ok(id));
        }
        if let Some(url) = made::<ReplyUrl<'_>>(&bytes) {
            prop_assert_eq!(ReplyUrl::from_bytes(url.as_bytes()), Ok(url.clone()));
        }
    }

    #[test]
    fn requests_come_back_from_the_wire(bytes in vec(any::<u8>(), 0..300)) {
        if let Some(packet) = made::<Request<'_>>(&bytes) {
            let sent = packet.to_http(&"http://frankcao8/upload/2000mb-rfc2119.txt".parse().unwrap());
            prop_assert_eq!(Request::decode(&sent, Conformance::Interop), Ok(Some(packet)));
        }
    }

    #[test]
    fn acks_are_read_as_acks(bytes in vec(any::<u8>(), 0..300)) {
        if let Some(ack) = made::<Ack<'_>>(&bytes) {
            let sent = ack.to_response();
            let read = Ack::decode(&sent, answered(&ack), Conformance::Interop);
            prop_assert!(matches!(read, Ok(Some(_))), "{:?}", read);
        }
    }

    #[test]
    fn snapshots_are_refused_or_give_sound_machines(bytes in vec(any::<u8>(), 0..600)) {
        let now = clock::start();
        if let Some(Ok(session)) = made(&bytes).map(|snapshot: server::Snapshot| Session::restore(now, snapshot, Duration::ZERO)) {
            prop_assert!(session.received() <= session.total().unwrap_or(0));
        }
        if let Some(snapshot) = made::<client::Snapshot>(&bytes) {
            let entity = snapshot.entity().clone();
            let Ok(destination) = snapshot.destination().parse() else { return Ok(()) };
            if let Ok(upload) = Upload::restore(now, destination, snapshot, Duration::ZERO, entity, Config::default()) {
                prop_assert!(upload.acknowledged() <= upload.entity().size());
            }
        }
    }
}
