//! A proxy between the two that cuts, delays, truncates, repeats, and answers by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use end_to_end::{Desk, Ended, Fault, Page, Proxy, Seen, Server, assert_same, chaos, random};

/// Ten fragments.
const SIZE: u64 = 10 * 5_120;
const SMALL: [&str; 2] = ["--fragment-size", "5KiB"];

/// Uploads a file through a proxy that follows a script. However that ends, nobody gets half a file.
fn through(script: impl FnMut(&Seen) -> Fault + Send + 'static, options: &[&str]) -> (Ended, Proxy, Server) {
    let (server, desk) = (Server::start(&[]), Desk::with_file(SIZE));
    let proxy = Proxy::start(server.address(), script);
    let ended = desk.run(&[&SMALL, options].concat(), &proxy.url("/a.bin"));
    if ended.code == Some(0) {
        assert_same(&desk.source(), &server.file("a.bin"));
    } else {
        assert_eq!(server.published(), [""; 0]);
    }
    (ended, proxy, server)
}

/// The upload gets over this, if it happens to the packet of this kind and number.
#[track_caller]
fn gets_over(packet: &'static str, nth: usize, fault: Fault) -> (Ended, Proxy, Server) {
    let script = move |seen: &Seen| if seen.is(packet, nth) { fault } else { Fault::Pass };
    let (ended, proxy, server) = through(script, &[]);
    ended.succeeded();
    assert!(proxy.count(packet) >= nth, "it never happened: {:?}", proxy.seen());
    (ended, proxy, server)
}

/// Every packet of an upload, and a number of it.
const PACKETS: [(&str, usize); 4] =
    [("Create-Session", 1), ("Fragment", 3), ("Fragment", 10), ("Close-Session", 1)];

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
fn a_bad_gateway_is_told_and_passes() {
    for (packet, nth) in PACKETS {
        let (ended, proxy, server) = gets_over(packet, nth, Fault::Answer(Page::BAD_GATEWAY));
        assert!(ended.stdout.contains("a gateway could not reach the server; trying again"), "{ended:?}");
        assert_eq!((proxy.seen().len(), server.leftovers()), (13, vec![]), "{packet}");
    }
}

/// What a server behind nginx meets: no request over the limit comes through.
#[test]
fn fragments_shrink_to_what_a_proxy_lets_through() {
    let (server, desk) = (Server::start(&[]), Desk::with_file(1 << 20));
    let proxy = Proxy::start(server.address(), |seen| match seen.length {
        0..=100_000 => Fault::Pass,
        _ => Fault::Answer(Page::TOO_LARGE),
    });
    let ended = desk.run(&[], &proxy.url("/a.bin"));
    ended.succeeded();
    assert!(ended.stdout.contains("65536 bytes from now on"), "halved, and halved again: {ended:?}");
    assert_eq!(server.packets("Fragment"), 16);
    assert_same(&desk.source(), &server.file("a.bin"));
}

#[test]
fn a_limit_below_the_smallest_fragment_is_named_and_the_upload_goes_on_without_it() {
    let (server, desk) = (Server::start(&[]), Desk::with_file(SIZE));
    let options = [&SMALL[..], &["--state", "upload.state"]].concat();
    let limit = Arc::new(AtomicU64::new(2_000));
    let limits = Arc::clone(&limit);
    let proxy = Proxy::start(server.address(), move |seen| {
        if seen.length > limits.load(Ordering::SeqCst) { Fault::Answer(Page::TOO_LARGE) } else { Fault::Pass }
    });
    let ended = desk.run(&options, &proxy.url("/a.bin"));
    ended.failed(1, &["even the smallest fragment is too large", "413", "limits the size of request bodies"]);
    assert_eq!(server.published(), [""; 0]);
    limit.store(u64::MAX, Ordering::SeqCst);
    desk.run(&options, &proxy.url("/a.bin")).succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_eq!((server.packets("Create-Session"), server.leftovers()), (1, vec![]));
}

#[test]
fn a_login_page_is_never_taken_for_the_server() {
    for (packet, nth) in PACKETS {
        // It passes: somebody has logged in.
        let (ended, proxy, server) = gets_over(packet, nth, Fault::Answer(Page::LOGIN));
        assert!(ended.stdout.contains("a login page or a portal may have answered"), "{packet} {ended:?}");
        assert_eq!((proxy.seen().len(), server.leftovers()), (13, vec![]), "{packet}");

        // It does not.
        let script = move |seen: &Seen| match seen.packet == packet && seen.nth >= nth {
            true => Fault::Answer(Page::LOGIN),
            false => Fault::Pass,
        };
        let (ended, ..) = through(script, &["--give-up-after", "2"]);
        ended.failed(3, &["no progress", "not from a BITS server", "a login page or a portal"]);
    }
}

#[test]
fn the_way_to_a_login_page_is_not_followed() {
    for (packet, nth) in PACKETS {
        let script = move |seen: &Seen| match seen.is(packet, nth) {
            true => Fault::Answer(Page::REDIRECT_TO_LOGIN),
            false => Fault::Pass,
        };
        let (ended, proxy, _) = through(script, &[]);
        ended.failed(1, &["not from a BITS server", packet, "302", "uploads are not redirected"]);
        assert!(proxy.seen().last().unwrap().is(packet, nth), "{packet}");
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
