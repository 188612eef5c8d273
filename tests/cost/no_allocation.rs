//! Decoding allocates nothing, whatever the head: a server can read any number of bad requests for free.

use bits_proto::Conformance;
use bits_proto::packet::{Ack, PacketType, Request, RequestHead, ResponseHead};
use http::{StatusCode, Uri};
use proptest::prelude::*;
use testing::captures::{ACKS, OTHERS, REQUESTS};
use testing::{generated, hostile, http1};

const BOTH: [Conformance; 2] = [Conformance::Interop, Conformance::Strict];

/// How often this thread allocates while it decodes a request in every way there is.
fn reading_request(head: RequestHead<'_>) -> u64 {
    allocations(|| {
        for conformance in BOTH {
            let _read = Request::decode(head, conformance);
            let _read = Request::decode_tunnelled(head, conformance);
        }
    })
}

/// How often this thread allocates while it decodes a response in every way there is.
fn reading_response(head: ResponseHead<'_>) -> u64 {
    allocations(|| {
        for answers in generated::REQUEST_TYPES {
            for conformance in BOTH {
                let _read = Ack::decode(head, answers, conformance);
            }
        }
    })
}

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn reading_a_captured_head_allocates_nothing() {
    for (path, bytes) in REQUESTS.iter().chain(OTHERS.iter().filter(|(path, _)| path.ends_with(".req"))) {
        assert_eq!(reading_request((&http1::request(bytes)).into()), 0, "{path}");
    }
    let others = OTHERS.iter().filter(|(path, _)| path.ends_with(".resp"));
    for (path, bytes) in ACKS.iter().map(|(capture, _)| capture).chain(others) {
        assert_eq!(reading_response((&http1::response(bytes)).into()), 0, "{path}");
    }
}

#[test]
fn looking_through_the_offered_protocols_allocates_nothing() {
    let request = http1::request(REQUESTS[0].1);
    let Ok(Some(Request::CreateSession(packet))) = Request::decode(&request, Conformance::Interop) else {
        panic!()
    };
    assert_eq!(
        allocations(|| BOTH.iter().for_each(|level| assert_eq!(packet.protocols.iter(*level).count(), 1))),
        0
    );
}

#[test]
fn a_long_list_of_protocols_allocates_nothing() {
    let list = "{7df0354d-249b-430f-820d-3d2a9bef4931},".repeat(100);
    let request = http::Request::builder()
        .method("BITS_POST")
        .header("BITS-Packet-Type", PacketType::CreateSession.as_str())
        .header("BITS-Supported-Protocols", list)
        .header("Content-Length", "0")
        .body(())
        .unwrap();
    assert_eq!(reading_request((&request).into()), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn reading_any_head_of_a_request_allocates_nothing(
        method in hostile::method(),
        version in hostile::version(),
        headers in hostile::headers(),
    ) {
        prop_assert_eq!(reading_request(RequestHead { method: &method, target: &Uri::default(), version, headers: &headers }), 0);
    }

    #[test]
    fn reading_any_head_of_a_response_allocates_nothing(
        status in hostile::status(),
        version in hostile::version(),
        headers in hostile::headers(),
    ) {
        let status = StatusCode::from_u16(status).unwrap();
        prop_assert_eq!(reading_response(ResponseHead { status, version, headers: &headers }), 0);
    }

    #[test]
    fn reading_a_legal_packet_allocates_nothing(
        packet in generated::requests(Conformance::Interop),
        (_, ack) in generated::acks(Conformance::Interop),
    ) {
        let request = packet.to_http(&"http://frankcao8/upload/2000mb-rfc2119.txt".parse().unwrap());
        prop_assert_eq!(reading_request((&request).into()), 0);
        prop_assert_eq!(reading_response((&ack.to_response()).into()), 0);
    }
}
