//! A proxy between the two that cuts, delays, truncates, repeats, and answers by itself.

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
fn a_request_that_is_cut_is_sent_again() {
    for (packet, nth) in PACKETS {
        for bytes in [0, 1_000] {
            let (_, proxy, server) = gets_over(packet, nth, Fault::CutRequest(bytes));
            assert!(proxy.count(packet) > nth, "{packet}");
            assert_eq!(server.leftovers().len() % 2, 0, "{packet}");
        }
    }
}

#[test]
fn a_long_random_mix_ends_with_an_equal_file() {
    let (server, desk) = (Server::start(&[]), Desk::with_file(1 << 20));
    let proxy = Proxy::start(server.address(), chaos(random(), 150));
    desk.run(&SMALL, &proxy.url("/a.bin")).succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_eq!(server.published(), ["a.bin"]);
}

#[test]
fn other() {
    for (packet, nth) in PACKETS {
        for fault in [
            Fault::TruncateRequest(100),
            Fault::CutResponse,
            Fault::TruncateResponse(30),
            Fault::Delay(Duration::from_millis(200)),
            Fault::Repeat,
            Fault::Answer(Page::BAD_GATEWAY),
            Fault::Answer(Page::TOO_LARGE),
            Fault::Answer(Page::LOGIN),
            Fault::Answer(Page::REDIRECT_TO_LOGIN),
        ] {
            let script = move |seen: &Seen| if seen.is(packet, nth) { fault } else { Fault::Pass };
            let (ended, proxy, server) = through(script, &[]);
            println!(
                "{packet} {nth} {fault:?}: {} {} {} {:?} {:?}\n",
                ended.code.unwrap(),
                ended.stdout,
                ended.stderr,
                proxy.seen().len(),
                server.leftovers()
            );
        }
    }
}
