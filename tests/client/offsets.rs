//! The offset that a server wants next, and the guards against a server that never gets on.

use bits_proto::Conformance;
use bits_proto::client::{Event, Reason, Violation};
use bits_proto::packet::PacketType;
use testing::client::answers::{self, SESSION};
use testing::client::scenario::{Scenario, config};

/// An Ack for a Fragment that does not say where the server stands.
fn without_offset(status: u16) -> http::Response<()> {
    answers::ack(status, &[("BITS-Session-Id", SESSION)])
}

fn resynchronised(from: u64, to: u64) -> Event {
    Event::Resynchronised { from, to }
}

#[test]
fn c32_an_ack_for_the_whole_fragment_moves_on() {
    let mut scenario = Scenario::created(300, config());
    scenario.exchange("Fragment", answers::received(100));
    scenario.expect_fragment("bytes 100-199/300");
}

#[test]
fn a_fragment_that_was_taken_in_part_goes_on_from_there() {
    let mut scenario = Scenario::created(300, config());
    scenario.exchange("Fragment", answers::received(30));
    assert_eq!(scenario.events(), [resynchronised(100, 30), Event::Progress { acknowledged: 30 }]);
    scenario.expect_fragment("bytes 30-129/300");
}

#[test]
fn a_server_that_lost_bytes_is_followed_back() {
    let mut scenario = Scenario::after_fragments(2, 300, config());
    scenario.exchange("Fragment", answers::received(50));
    assert_eq!(scenario.events(), [resynchronised(300, 50)]);
    scenario.expect_fragment("bytes 50-149/300");
    assert_eq!(scenario.upload.acknowledged(), 50);
}

#[test]
fn a_server_that_went_back_may_come_forward_again() {
    let mut scenario = Scenario::after_fragments(2, 300, config());
    scenario.exchange("Fragment", answers::received(0));
    scenario.exchange("Fragment", answers::received(200));
    scenario.expect_fragment("bytes 200-299/300");
}

#[test]
fn out_of_step_takes_the_servers_offset_forward_and_back() {
    let mut scenario = Scenario::after_fragments(2, 300, config());
    scenario.exchange("Fragment", answers::out_of_step(0));
    assert_eq!(scenario.events(), [resynchronised(300, 0)]);
    scenario.expect_fragment("bytes 0-99/300");
    scenario.answer(answers::out_of_step(200));
    assert_eq!(scenario.events(), [resynchronised(100, 200)]);
    scenario.expect_fragment("bytes 200-299/300");
}

#[test]
fn out_of_step_at_the_end_of_the_entity_closes_it() {
    let mut scenario = Scenario::created(100, config());
    scenario.exchange("Fragment", answers::out_of_step(100));
    scenario.expect("Close-Session");
}

#[test]
fn q11_out_of_step_counts_whatever_the_error_code() {
    for code in ["0", "0x0", "0x80070057", "", "x"] {
        let mut scenario = Scenario::after_fragments(1, 300, config());
        scenario.exchange("Fragment", answers::with(answers::out_of_step(40), &[("BITS-Error", code)]));
        scenario.expect_fragment("bytes 40-139/300");
    }
}

#[test]
fn q05_an_ack_without_an_offset_took_the_whole_fragment() {
    let mut scenario = Scenario::created(300, config());
    scenario.exchange("Fragment", without_offset(200));
    scenario.expect_fragment("bytes 100-199/300");
}

#[test]
fn q05_strict_takes_an_ack_without_an_offset_for_a_protocol_error() {
    let mut scenario = Scenario::created(300, config().conformance(Conformance::Strict));
    scenario.exchange("Fragment", without_offset(200));
    let (_, failure) = scenario.waits();
    assert!(matches!(failure.reason, Reason::Protocol(Violation::Malformed(_))), "{failure}");
    assert_eq!(scenario.upload.acknowledged(), 0);
}

#[test]
fn q06_out_of_step_without_an_offset_waits_pings_and_starts_over() {
    let mut scenario = Scenario::after_fragments(1, 300, config());
    scenario.exchange("Fragment", without_offset(416));
    assert_eq!(scenario.waits().1.reason, Reason::OffsetUnknown);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    assert_eq!(scenario.restart().reason, Reason::OffsetUnknown);
    scenario.exchange("Cancel-Session", answers::ok());
    scenario.exchange("Create-Session", answers::created());
    scenario.expect_fragment("bytes 0-99/300");
}

#[test]
fn q06_starting_over_for_want_of_an_offset_is_bounded() {
    let mut scenario = Scenario::created(300, config().max_restarts(2));
    for _ in 0..2 {
        scenario.exchange("Fragment", without_offset(416));
        scenario.retry();
        scenario.exchange("Ping", answers::ok());
        scenario.exchange("Cancel-Session", answers::ok());
        scenario.exchange("Create-Session", answers::created());
    }
    scenario.exchange("Fragment", without_offset(416));
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    assert_eq!(scenario.failure().reason, Reason::RestartedTooOften);
}

#[test]
fn q06_the_misspelled_offset_of_one_server_is_read() {
    let mut scenario = Scenario::after_fragments(2, 300, config());
    scenario.exchange("Fragment", answers::ack(416, &[("BITS-Recieved-Content-Range", "100")]));
    scenario.expect_fragment("bytes 100-199/300");
}

#[test]
fn q06_strict_takes_out_of_step_without_an_offset_for_a_protocol_error() {
    for headers in [&[][..], &[("BITS-Recieved-Content-Range", "0")]] {
        let mut scenario = Scenario::after_fragments(1, 300, config().conformance(Conformance::Strict));
        scenario.exchange("Fragment", answers::ack(416, headers));
        let (_, failure) = scenario.waits();
        assert!(matches!(failure.reason, Reason::Protocol(Violation::Malformed(_))), "{failure}");
        scenario.retry();
        scenario.expect_fragment("bytes 100-199/300");
    }
}

#[test]
fn q17_out_of_step_without_the_packet_type_counts_as_out_of_step() {
    // By its status: the offset of a response that is no Ack is not trusted, so it is as if there were none (Q06).
    let mut scenario = Scenario::after_fragments(1, 300, config());
    scenario.exchange("Fragment", answers::page(416));
    assert_eq!(scenario.waits().1.reason, Reason::OffsetUnknown);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Cancel-Session", answers::ok());
    scenario.expect("Create-Session");
}

#[test]
fn q07_a_range_says_the_offset_after_its_end() {
    for value in ["100", " 100 ", "0100", "bytes 0-99", "0-99/300"] {
        let mut scenario = Scenario::created(300, config());
        scenario.exchange("Fragment", answers::ack(200, &[("BITS-Received-Content-Range", value)]));
        scenario.expect_fragment("bytes 100-199/300");
    }
    for value in ["+100", "-1", "0x64", "ten"] {
        let mut scenario = Scenario::created(300, config());
        scenario.exchange("Fragment", answers::ack(200, &[("BITS-Received-Content-Range", value)]));
        let (_, failure) = scenario.waits();
        assert!(matches!(failure.reason, Reason::Protocol(Violation::Malformed(_))), "{value}: {failure}");
    }
}

#[test]
fn q08_an_offset_past_the_end_is_a_protocol_error() {
    for answer in [answers::received(301), answers::out_of_step(301), answers::received(u64::MAX)] {
        let mut scenario = Scenario::after_fragments(2, 300, config());
        scenario.exchange("Fragment", answer);
        let (_, failure) = scenario.waits();
        assert_eq!(failure.reason, Reason::Protocol(Violation::OffsetPastEnd));
        assert_eq!(failure.packet, Some(PacketType::Fragment));
        assert_eq!(scenario.upload.acknowledged(), 200);
        scenario.retry();
        scenario.expect_fragment("bytes 200-299/300");
    }
}

#[test]
fn c25_the_tenth_ack_that_breaks_the_protocol_is_fatal_and_the_session_cancelled() {
    let mut scenario = Scenario::created(300, config());
    for _ in 0..9 {
        scenario.exchange("Fragment", answers::received(301));
        assert_eq!(scenario.waits().1.reason, Reason::Protocol(Violation::OffsetPastEnd));
        scenario.retry();
    }
    scenario.exchange("Fragment", answers::received(301));
    scenario.exchange("Cancel-Session", answers::ok());
    assert_eq!(scenario.failure().reason, Reason::Protocol(Violation::Repeated));
    scenario.expect_nothing();
    // It may be tried again, in a new session.
    scenario.resume().unwrap();
    scenario.exchange("Create-Session", answers::created());
    scenario.expect_fragment("bytes 0-99/300");
}

#[test]
fn c25_progress_forgives_the_violations_before_it() {
    let mut scenario = Scenario::created(3_000, config());
    for _ in 0..5 {
        for _ in 0..9 {
            scenario.exchange("Fragment", answers::received(9_999));
            scenario.retry();
        }
        scenario.acknowledge();
    }
    scenario.expect("Fragment");
}

#[test]
fn q09_an_offset_that_was_never_sent_starts_over() {
    for answer in [answers::received(101), answers::out_of_step(300)] {
        let mut scenario = Scenario::created(300, config());
        scenario.exchange("Fragment", answer);
        assert_eq!(scenario.restart().reason, Reason::Protocol(Violation::OffsetNeverSent));
        scenario.exchange("Cancel-Session", answers::ok());
        scenario.exchange("Create-Session", answers::created());
        scenario.expect_fragment("bytes 0-99/300");
    }
}

#[test]
fn q09_what_an_earlier_session_was_sent_does_not_count_for_the_next() {
    let mut scenario = Scenario::after_fragments(2, 300, config());
    scenario.exchange("Fragment", answers::session_not_found());
    scenario.exchange("Create-Session", answers::created());
    scenario.exchange("Fragment", answers::received(200));
    assert_eq!(scenario.restart().reason, Reason::Protocol(Violation::OffsetNeverSent));
}

#[test]
fn q09_a_server_that_always_claims_what_was_never_sent_is_stopped() {
    let mut scenario = Scenario::created(300, config().max_restarts(3));
    for _ in 0..3 {
        scenario.exchange("Fragment", answers::received(300));
        scenario.exchange("Cancel-Session", answers::ok());
        scenario.exchange("Create-Session", answers::created());
    }
    scenario.exchange("Fragment", answers::received(300));
    let failure = scenario.failure();
    assert_eq!((failure.reason, failure.status), (Reason::RestartedTooOften, Some(http::StatusCode::OK)));
}

#[test]
fn a_server_that_never_moves_on_is_stopped() {
    for answer in [answers::received as fn(u64) -> _, answers::out_of_step] {
        let mut scenario = Scenario::after_fragments(1, 300, config().max_stalls(10));
        for _ in 0..10 {
            scenario.expect_fragment("bytes 100-199/300");
            scenario.answer(answer(100));
        }
        scenario.exchange("Fragment", answer(100));
        assert_eq!(scenario.failure().reason, Reason::Stalled);
        scenario.expect_nothing();
    }
}

#[test]
fn any_step_forward_forgives_the_stalls_before_it() {
    let mut scenario = Scenario::created(300, config().max_stalls(2));
    for offset in 0..20 {
        scenario.exchange("Fragment", answers::received(offset));
        scenario.exchange("Fragment", answers::received(offset));
    }
    scenario.expect("Fragment");
}

#[test]
fn q10_a_server_that_goes_to_and_fro_is_stopped() {
    let mut scenario = Scenario::after_fragments(2, 300, config().max_regressions(10));
    for _ in 0..10 {
        scenario.exchange("Fragment", answers::received(100));
        scenario.exchange("Fragment", answers::received(200));
    }
    scenario.exchange("Fragment", answers::received(100));
    assert_eq!(scenario.failure().reason, Reason::Regressed);
}

#[test]
fn q10_new_progress_forgives_the_losses_before_it() {
    let mut scenario = Scenario::after_fragments(1, 10_000, config().max_regressions(1));
    for offset in 1..50 {
        // The server loses a fragment each time, and then gets one byte further than ever.
        scenario.exchange("Fragment", answers::received(0));
        scenario.exchange("Fragment", answers::received(100));
        scenario.exchange("Fragment", answers::received(100 + offset));
    }
    scenario.expect("Fragment");
}

#[test]
fn q10_going_over_lost_ground_again_is_no_stall() {
    let mut scenario = Scenario::after_fragments(20, 3000, config().max_stalls(1).max_regressions(1));
    scenario.exchange("Fragment", answers::received(0));
    for _ in 0..30 {
        scenario.acknowledge();
    }
    scenario.expect("Close-Session");
}

#[test]
fn c18_a_server_that_forgets_the_session_again_and_again_is_stopped() {
    let mut scenario = Scenario::after_fragments(1, 300, config().max_restarts(3));
    for _ in 0..3 {
        scenario.exchange("Fragment", answers::session_not_found());
        scenario.exchange("Create-Session", answers::created());
        // What was there before is no progress.
        scenario.acknowledge();
    }
    scenario.exchange("Fragment", answers::session_not_found());
    assert_eq!(scenario.failure().reason, Reason::RestartedTooOften);
}

#[test]
fn c18_new_progress_forgives_the_restarts_before_it() {
    let mut scenario = Scenario::created(10_000, config().max_restarts(1));
    for fragments in 1..20 {
        for _ in 0..fragments {
            scenario.acknowledge();
        }
        scenario.exchange("Fragment", answers::session_not_found());
        scenario.exchange("Create-Session", answers::created());
    }
    scenario.expect_fragment("bytes 0-99/10000");
}

#[test]
fn a_caller_who_resumes_gives_the_guards_another_chance() {
    let mut scenario = Scenario::created(300, config().max_stalls(0));
    scenario.exchange("Fragment", answers::received(0));
    assert_eq!(scenario.failure().reason, Reason::Stalled);
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.acknowledge();
    scenario.exchange("Fragment", answers::received(100));
    assert_eq!(scenario.failure().reason, Reason::Stalled);
}
