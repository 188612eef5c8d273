//! The memory of a table of sessions, counted by the allocator.
#![expect(clippy::disallowed_methods, reason = "a test needs one instant to begin from")]

use std::time::{Duration, Instant};

use bits_proto::server::{Directory, Output, Report, Sessions};

/// Sixteen bytes that differ for every session, as random ones do.
fn spread(number: u64) -> [u8; 16] {
    let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mixed.to_be_bytes());
    bytes[8..].copy_from_slice(&mixed.rotate_left(17).to_be_bytes());
    bytes
}

#[test]
fn a_million_open_sessions_take_under_300_bytes_each() {
    const SESSIONS: u64 = 1_000_000;
    let directory = Directory::builder().sessions_per_owner(usize::MAX).build().unwrap();
    let head = http::Request::builder()
        .method("BITS_POST")
        .header("BITS-Packet-Type", "Create-Session")
        .header("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}")
        .body(())
        .unwrap();
    let mut head = head;
    let start = Instant::now();
    let mut kept = None;
    let used = allocation_counter::measure(|| {
        let mut sessions = Sessions::new(directory.clone());
        for number in 0..SESSIONS {
            // 64 bytes, the longest path that the promise covers.
            let path = format!("/fleet/{:0>57}", number);
            assert_eq!(path.len(), 64);
            *head.uri_mut() = path.parse().unwrap();
            let now = start + Duration::from_millis(number);
            let exchange = sessions.handle_request(now, &head, &7u32, || spread(number)).unwrap();
            assert_eq!(sessions.poll_output(now, exchange), Some(Output::Open));
            sessions.handle_report(now, exchange, Report::Opened);
            assert!(matches!(sessions.poll_output(now, exchange), Some(Output::Save(_))));
            sessions.handle_report(now, exchange, Report::Saved);
            assert!(matches!(sessions.poll_output(now, exchange), Some(Output::Respond(_))));
        }
        kept = Some(sessions);
    });
    assert_eq!(kept.map(|sessions| sessions.len()), Some(1_000_000));
    let each = used.bytes_current / i64::try_from(SESSIONS).unwrap();
    assert!(each < 300, "{each} bytes a session");
}
