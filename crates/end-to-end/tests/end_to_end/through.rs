//! One upload through a proxy.

use end_to_end::{Desk, Ended, Fault, Proxy, Seen, Server, assert_same};

/// Ten fragments.
pub(crate) const SIZE: u64 = 10 * 5_120;
pub(crate) const SMALL: [&str; 2] = ["--fragment-size", "5KiB"];

/// Uploads a file through a proxy that follows a script. However that ends, nobody gets half a file.
pub(crate) fn through(
    script: impl FnMut(&Seen) -> Fault + Send + 'static,
    options: &[&str],
) -> (Ended, Proxy, Server) {
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
pub(crate) fn gets_over(packet: &'static str, nth: usize, fault: Fault) -> (Ended, Proxy, Server) {
    let script = move |seen: &Seen| if seen.is(packet, nth) { fault } else { Fault::Pass };
    let (ended, proxy, server) = through(script, &[]);
    ended.succeeded();
    assert!(proxy.count(packet) >= nth, "it never happened: {:?}", proxy.seen());
    (ended, proxy, server)
}

/// Every packet of an upload, and a number of it.
pub(crate) const PACKETS: [(&str, usize); 4] =
    [("Create-Session", 1), ("Fragment", 3), ("Fragment", 10), ("Close-Session", 1)];
