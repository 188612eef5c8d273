//! The reaction to a Fragment: the table of the manual, and bodies that go wrong.

use bits_proto::server::{Directory, Notified, Refusal, Report, State, Store};
use bits_proto::{Conformance, ReplyUrl};
use testing::server::serve::*;

/// A session that has the first 20 bytes of 100.
fn at_20(conformance: Conformance) -> (Server, String) {
    let mut server = Server::with(conformance);
    let id = server.create();
    assert_accepted(&server.send(fragment(&id, 0..20, 100)), 20);
    (server, id)
}

#[test]
fn fragments_in_order_are_stored_whole() {
    for conformance in BOTH {
        let (mut server, id) = at_20(conformance);
        let turn = server.begin(fragment(&id, 20..50, 100));
        assert_eq!(turn.store(), Store::new(0, 20..50, 100));
        assert_accepted(&server.finish(turn), 50);
        assert_accepted(&server.send(fragment(&id, 50..100, 100)), 100);
        assert_eq!(server.stored[&guid(&id)], entity(0..100));
    }
}

#[test]
fn c52_one_byte_at_a_time_is_fine() {
    let mut server = Server::with(Conformance::Strict);
    let id = server.create();
    for offset in 0..10 {
        assert_accepted(&server.send(fragment(&id, offset..offset + 1, 10)), offset + 1);
    }
    assert_eq!(server.stored[&guid(&id)], entity(0..10));
}

#[test]
fn c09_of_an_overlap_interop_stores_what_is_new() {
    for (start, end, skip) in [(0, 100, 20), (10, 30, 10), (19, 21, 1)] {
        let (mut server, id) = at_20(Conformance::Interop);
        let turn = server.begin(fragment(&id, start..end, 100));
        assert_eq!(turn.store(), Store::new(skip, 20..end, 100));
        assert_accepted(&server.finish(turn), end);
        assert_eq!(server.stored[&guid(&id)], entity(0..end));
    }
}

#[test]
fn c09_interop_takes_a_repeat_without_reading_its_body() {
    for (start, end) in [(0, 20), (0, 5), (10, 20), (19, 20)] {
        let (mut server, id) = at_20(Conformance::Interop);
        let turn = server.begin(fragment(&id, start..end, 100));
        assert_accepted(&turn.response(), 20);
        assert_eq!(server.stored[&guid(&id)], entity(0..20));
    }
}

#[test]
fn c09_strict_takes_the_very_next_fragment_alone() {
    for (start, end) in [(0, 100), (10, 30), (19, 21), (0, 20), (0, 5), (19, 20)] {
        let (mut server, id) = at_20(Conformance::Strict);
        assert_out_of_step(&server.begin(fragment(&id, start..end, 100)).response(), 20);
        assert_eq!(server.received(&id), 20);
    }
}

#[test]
fn c11_a_gap_is_out_of_step() {
    for conformance in BOTH {
        for (start, end) in [(21, 30), (21, 100), (99, 100)] {
            let (mut server, id) = at_20(conformance);
            assert_out_of_step(&server.begin(fragment(&id, start..end, 100)).response(), 20);
            assert_accepted(&server.send(fragment(&id, 20..100, 100)), 100);
        }
        let mut server = Server::with(conformance);
        let id = server.create();
        assert_out_of_step(&server.begin(fragment(&id, 1..10, 10)).response(), 0);
    }
}

#[test]
fn c10_every_repeat_after_the_last_byte_is_accepted() {
    for conformance in BOTH {
        for (start, end) in [(0, 100), (50, 100), (99, 100), (0, 1)] {
            let mut server = Server::with(conformance);
            let id = server.upload(100);
            assert_accepted(&server.begin(fragment(&id, start..end, 100)).response(), 100);
            assert_eq!(server.stored[&guid(&id)], entity(0..100));
        }
    }
}

#[test]
fn c10_a_repeat_after_the_last_byte_brings_the_reply_url_again() {
    for conformance in BOTH {
        let mut server = Server::new(Directory::builder().conformance(conformance).notification(notified()));
        let url = ReplyUrl::from_bytes(&b"/replies/1"[..]).unwrap();
        server.application = Notified { copy_to_destination: false, reply_url: Some(url) };
        let id = server.create();
        let first = server.send(fragment(&id, 0..50, 100));
        assert_eq!(header(&first, "bits-reply-url"), None);
        for _ in 0..3 {
            let last = server.send(fragment(&id, 50..100, 100));
            assert_accepted(&last, 100);
            assert_eq!(header(&last, "bits-reply-url"), Some("/replies/1"));
        }
        assert_eq!(server.notifications, 1);
    }
}

#[test]
fn the_total_is_the_same_in_all_fragments() {
    for conformance in BOTH {
        for total in [99, 101, 50] {
            let (mut server, id) = at_20(conformance);
            let response = server.begin(fragment(&id, 20..30, total)).response();
            assert_invalid(&response);
            assert_offset(&response, Some(20));
            assert_accepted(&server.send(fragment(&id, 20..100, 100)), 100);
            assert_invalid(&server.begin(fragment(&id, 0..10, total)).response());
        }
    }
}

#[test]
fn q49_ranges_that_say_nothing_definite_are_invalid() {
    for conformance in BOTH {
        for range in [
            "bytes 20-29/*",
            "bytes */100",
            "bytes 29-20/100",
            "bytes 91-100/100",
            "bytes=20-29/100",
            "bytes 20-29",
            "items 20-29/100",
            "bytes +20-29/100",
            "bytes 20-29/9223372036854775808",
            "bytes 18446744073709551610-18446744073709551619/18446744073709551620",
        ] {
            let (mut server, id) = at_20(conformance);
            let head = with(fragment(&id, 20..30, 100), "Content-Range", range);
            assert_invalid(&server.send(head));
            assert_accepted(&server.send(fragment(&id, 20..100, 100)), 100);
        }
    }
}

#[test]
fn content_length_is_the_length_of_the_range() {
    for conformance in BOTH {
        for length in ["9", "11", "0", "-10", "ten", "18446744073709551616"] {
            let (mut server, id) = at_20(conformance);
            assert_invalid(&server.send(with(fragment(&id, 20..30, 100), "Content-Length", length)));
            assert_eq!(server.received(&id), 20);
        }
    }
}

#[test]
fn c15_q51_a_fragment_always_has_a_content_length() {
    for conformance in BOTH {
        let (mut server, id) = at_20(conformance);
        let bare = without(fragment(&id, 20..30, 100), "Content-Length");
        let chunked = with(bare.clone(), "Transfer-Encoding", "chunked");
        let both = with(fragment(&id, 20..30, 100), "Transfer-Encoding", "chunked");
        for head in [bare, chunked, both] {
            let response = server.send(head);
            assert_error(&response, 411, "0x80070057", "0x5");
            assert_eq!(header(&response, "bits-session-id"), Some(id.as_str()));
        }
    }
}

#[test]
fn a_fragment_is_never_encoded() {
    for conformance in BOTH {
        let (mut server, id) = at_20(conformance);
        assert_invalid(&server.send(with(fragment(&id, 20..30, 100), "Content-Encoding", "gzip")));
        let identity = with(fragment(&id, 20..30, 100), "Content-Encoding", "identity");
        assert_accepted(&server.send(identity), 30);
    }
}

#[test]
fn the_largest_entity_has_a_byte_less_than_2_to_the_63() {
    let mut server = Server::with(Conformance::Interop);
    let (id, total) = (server.create(), (1 << 63) - 1);
    assert_accepted(&server.send(fragment(&id, 0..10, total)), 10);
    assert_out_of_step(&server.send(fragment(&id, total - 1..total, total)), 10);
}

#[test]
fn c16_a_fragment_larger_than_the_server_takes_is_answered_413_before_its_body() {
    for conformance in BOTH {
        let mut server = Server::new(Directory::builder().conformance(conformance).max_fragment_size(10));
        let id = server.create();
        let response = server.begin(fragment(&id, 0..11, 100)).response();
        assert_bare(&response, 413);
        assert_offset(&response, Some(0));
        assert_eq!(header(&response, "bits-session-id"), Some(id.as_str()));
        assert_accepted(&server.send(fragment(&id, 0..10, 100)), 10);
        assert_accepted(&server.send(fragment(&id, 10..15, 100)), 15);
        assert_offset(&server.begin(fragment(&id, 15..26, 100)).response(), Some(15));
    }
}

#[test]
fn c16_an_entity_too_large_is_refused_by_the_first_range_that_tells() {
    for conformance in BOTH {
        let mut server = Server::new(Directory::builder().conformance(conformance).max_upload_size(100));
        let id = server.create();
        let response = server.begin(fragment(&id, 0..10, 101)).response();
        assert_error(&response, 500, "0x80200020", "0x5");
        assert_offset(&response, Some(0));
        // Nor is it an empty entity then.
        assert_invalid(&server.send(close(&id)));
        assert!(server.published.is_empty());

        let id = server.create();
        assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);
    }
}

#[test]
fn c13_a_close_without_any_fragment_publishes_an_empty_entity() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        let id = server.create();
        assert_eq!(server.send(close(&id)).status(), 200);
        assert_eq!(server.published[TARGET], [b""]);
    }
}

#[test]
fn c13_a_fragment_can_say_that_the_entity_is_empty() {
    let mut server = Server::with(Conformance::Interop);
    for head in [empty_fragment, |id: &str| without(empty_fragment(id), "Content-Range")] {
        let id = server.create();
        assert_accepted(&server.begin(head(&id)).response(), 0);
        assert_accepted(&server.begin(head(&id)).response(), 0);
        assert_eq!(server.session(&id).unwrap().state(), State::WaitingForClose);
        assert_eq!(server.send(close(&id)).status(), 200);
    }
    assert_eq!(server.published[TARGET], [b"", b""]);
}

#[test]
fn c13_strict_knows_no_range_for_an_empty_entity() {
    let mut server = Server::with(Conformance::Strict);
    let id = server.create();
    assert_invalid(&server.send(empty_fragment(&id)));
    assert_invalid(&server.send(without(empty_fragment(&id), "Content-Range")));
    assert_eq!(server.session(&id).unwrap().state(), State::Receiving);
}

#[test]
fn an_entity_is_empty_or_it_is_not() {
    let (mut server, id) = at_20(Conformance::Interop);
    let response = server.send(empty_fragment(&id));
    assert_invalid(&response);
    assert_offset(&response, Some(20));

    let id = server.create();
    assert_accepted(&server.send(empty_fragment(&id)), 0);
    assert_invalid(&server.send(fragment(&id, 0..10, 10)));
}

#[test]
fn bytes_of_a_broken_connection_count() {
    for conformance in BOTH {
        let (mut server, id) = at_20(conformance);
        let mut turn = server.begin(fragment(&id, 20..60, 100));
        server.store_part(&turn, 7);
        server.report(&mut turn, Report::StoredPart(7, Refusal::Internal));
        // The client does not know, and sends the same again.
        let again = server.send(fragment(&id, 20..60, 100));
        match conformance {
            Conformance::Interop => assert_accepted(&again, 60),
            Conformance::Strict => {
                assert_out_of_step(&again, 27);
                assert_accepted(&server.send(fragment(&id, 27..60, 100)), 60);
            }
        }
        assert_eq!(server.stored[&guid(&id)], entity(0..60));
    }
}

#[test]
fn q53_of_a_body_that_ends_early_the_bytes_count_and_the_answer_is_400() {
    for (start, stored) in [(20, 0), (20, 39), (10, 5)] {
        let (mut server, id) = at_20(Conformance::Interop);
        let mut turn = server.begin(fragment(&id, start..60, 100));
        server.store_part(&turn, stored);
        server.report(&mut turn, Report::Stored(stored));
        assert_invalid(&turn.response());
        assert_offset(&turn.response(), Some(20 + stored));
        assert_accepted(&server.send(fragment(&id, 20 + stored..100, 100)), 100);
        assert_eq!(server.stored[&guid(&id)], entity(0..100));
    }
}

#[test]
fn q53_of_a_body_that_is_too_long_the_range_counts_and_the_answer_is_400() {
    let (mut server, id) = at_20(Conformance::Interop);
    let mut turn = server.begin(fragment(&id, 20..60, 100));
    server.store_part(&turn, 40);
    server.report(&mut turn, Report::StoredPart(40, Refusal::BadBody));
    assert_invalid(&turn.response());
    assert_offset(&turn.response(), Some(60));
    assert_accepted(&server.send(fragment(&id, 60..100, 100)), 100);
}

#[test]
fn no_report_counts_more_than_was_asked_for() {
    for report in
        [Report::Stored(41), Report::Stored(u64::MAX), Report::StoredPart(u64::MAX, Refusal::DiskFull)]
    {
        let (mut server, id) = at_20(Conformance::Interop);
        let mut turn = server.begin(fragment(&id, 10..60, 100));
        server.report(&mut turn, report);
        assert_offset(&turn.response(), Some(60));
        assert_eq!(server.received(&id), 60);
    }
}

#[test]
fn a_full_disk_keeps_what_was_stored() {
    let (mut server, id) = at_20(Conformance::Interop);
    for stored in [0, 15] {
        let mut turn = server.begin(fragment(&id, 20..60, 100));
        server.store_part(&turn, stored);
        server.report(&mut turn, Report::StoredPart(stored, Refusal::DiskFull));
        assert_error(&turn.response(), 500, "0x80070070", "0x5");
        assert_offset(&turn.response(), Some(20 + stored));
    }
    assert_accepted(&server.send(fragment(&id, 20..100, 100)), 100);
    assert_eq!(server.stored[&guid(&id)], entity(0..100));
}

#[test]
fn a_failure_after_the_last_byte_leaves_a_complete_session() {
    let (mut server, id) = at_20(Conformance::Interop);
    let mut turn = server.begin(fragment(&id, 20..100, 100));
    server.store_part(&turn, 80);
    server.report(&mut turn, Report::StoredPart(80, Refusal::Internal));
    assert_bare(&turn.response(), 500);
    assert_offset(&turn.response(), Some(100));
    assert_accepted(&server.send(fragment(&id, 20..100, 100)), 100);
    assert_eq!(server.send(close(&id)).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);
}

#[test]
fn nothing_counts_before_it_is_reported_stored() {
    let (mut server, id) = at_20(Conformance::Interop);
    let mut turn = server.begin(fragment(&id, 20..100, 100));
    server.poll(&mut turn);
    assert_eq!(turn.work(), Work::Store);
    assert_eq!(server.received(&id), 20);
    assert_eq!(server.session(&id).unwrap().state(), State::Receiving);
}
