//! A proxy between the two that cuts, delays, truncates and repeats.

use std::time::Duration;

use end_to_end::{Desk, Fault, Proxy, Server, assert_same, chaos, random};

use crate::through::{PACKETS, SMALL, gets_over};

#[test]
fn a_request_that_is_cut_goes_again() {
    for (packet, nth) in PACKETS {
        for bytes in [0, 1_000] {
            let (_, proxy, server) = gets_over(packet, nth, Fault::CutRequest(bytes));
            assert!(proxy.count(packet) > nth, "{packet}");
            // A Create-Session, which has no body, may have got through: its session waits for its timeout.
            assert!(server.leftovers().is_empty() || packet == "Create-Session", "{packet}");
        }
    }
}

#[test]
fn what_a_truncated_request_brought_counts() {
    for nth in [3, 10] {
        let (_, proxy, server) = gets_over("Fragment", nth, Fault::TruncateRequest(1_000));
        assert_eq!((proxy.count("Fragment"), server.leftovers()), (11, vec![]));
    }
}

#[test]
fn a_request_whose_answer_is_lost_goes_again() {
    for fault in [Fault::CutResponse, Fault::TruncateResponse(1), Fault::TruncateResponse(usize::MAX)] {
        for (packet, nth) in PACKETS {
            let (_, proxy, server) = gets_over(packet, nth, fault);
            assert!(proxy.count(packet) > nth, "{packet} {fault:?}");
            // The client never learned the name of its first session.
            assert_eq!(server.leftovers().is_empty(), packet != "Create-Session", "{packet} {fault:?}");
        }
    }
}

#[test]
fn an_answer_that_comes_late_is_waited_for() {
    for (packet, nth) in PACKETS {
        let (ended, proxy, _) = gets_over(packet, nth, Fault::Delay(Duration::from_millis(500)));
        // Create-Session, ten fragments, Close-Session.
        assert_eq!(proxy.seen().len(), 12, "{packet} {ended:?}");
    }
}

#[test]
fn a_request_that_arrives_twice_is_done_once() {
    for (packet, nth) in PACKETS {
        let (_, proxy, server) = gets_over(packet, nth, Fault::Repeat);
        assert_eq!(proxy.seen().len(), 12, "the client does not notice: {packet}");
        assert_eq!(server.packets(packet), proxy.count(packet) as u64 + 1, "but the server does");
        assert_eq!((server.published(), server.closed()), (vec!["a.bin".to_owned()], 1), "{packet}");
    }
}

#[test]
fn a_long_random_mix_ends_with_an_equal_file() {
    let (server, desk) = (Server::start(&[]), Desk::with_file(1 << 20));
    let proxy = Proxy::start(server.address(), chaos(random(), 150));
    desk.run(&SMALL, &proxy.url("/a.bin")).succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_eq!((server.published(), server.closed()), (vec!["a.bin".to_owned()], 1));
}
