//! A proxy between the two that answers by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use end_to_end::{Desk, Fault, Page, Proxy, Seen, Server, assert_same};

use crate::through::{PACKETS, SIZE, SMALL, gets_over, through};

#[test]
fn a_bad_gateway_is_told_and_passes() {
    for (packet, nth) in PACKETS {
        let (ended, proxy, server) = gets_over(packet, nth, Fault::Answer(Page::BAD_GATEWAY));
        assert!(ended.stdout.contains("a gateway could not reach the server; trying again"), "{ended:?}");
        // One more; or two, where a Ping finds out first how much of a Fragment had arrived.
        let requests = if packet == "Fragment" { 14 } else { 13 };
        assert_eq!((proxy.seen().len(), server.leftovers()), (requests, vec![]), "{packet}");
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
        // Ten pages in a row: no BITS server is there. But nothing is given up for a page after the last byte.
        let code = if packet == "Close-Session" { 3 } else { 1 };
        ended.failed(code, &["not from a BITS server", "a login page or a portal"]);
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
        let seen = proxy.seen();
        let answered = seen.iter().position(|seen| seen.is(packet, nth)).unwrap();
        let after: Vec<_> = seen[answered + 1..].iter().map(|seen| &*seen.packet).collect();
        // What there is of a session is cancelled, and that is all.
        let cancelled: &[&str] = match packet {
            // No session is known, or all of its bytes are there.
            "Create-Session" | "Close-Session" => &[],
            _ => &["Cancel-Session"],
        };
        assert_eq!(after, cancelled, "{packet}");
    }
}

/// The programs of these tests are built without features.
#[test]
fn a_server_that_wants_a_ticket_is_answered_with_how_to_build_the_program_for_them() {
    let page = Page { status: 401, headers: "WWW-Authenticate: Negotiate\r\n", body: "" };
    let server = Server::start(&[]);
    let desk = Desk::with_file(10);
    let proxy = Proxy::start(server.address(), move |_| Fault::Answer(page));
    for options in [&[][..], &["--auth", "negotiate"]] {
        let ended = desk.run(options, &proxy.url("/a.bin"));
        ended.failed(1, &["wants a name and a password", "--user", "kinit", "--features gssapi"]);
    }
}
