//! A host that is out of reach, in every way, is left (C33).

use std::time::Duration;

use bits_proto::client::{Event, Reason, State, Suspend, TransportError};
use bits_proto::packet::PacketType;
use testing::client::answers;
use testing::client::scenario::{Scenario, config};

const SECOND: Duration = Duration::from_secs(1);

fn moved(seconds: &str) -> Scenario {
    let headers = [("BITS-Host-Id", "other"), ("BITS-Host-Id-Fallback-Timeout", seconds)];
    let mut scenario = Scenario::created_by(300, config(), answers::created_with(&headers));
    scenario.exchange("Ping", answers::ok());
    scenario
}

#[track_caller]
fn goes_to(scenario: &mut Scenario, host: &str) {
    let packet = match scenario.upload.state() {
        State::Exchanging(packet) => packet.as_str(),
        other => panic!("{other:?}"),
    };
    assert_eq!(scenario.expect(packet).uri().host(), Some(host));
}

/// Until another host is asked, or so often.
fn asks_elsewhere(scenario: &mut Scenario, mut answer: impl FnMut(&mut Scenario, usize)) -> bool {
    for round in 0..200 {
        let State::Exchanging(packet) = scenario.upload.state() else { panic!("{:?}", scenario.upload) };
        if scenario.expect(packet.as_str()).uri().host() == Some("origin") {
            return true;
        }
        answer(scenario, round);
        while scenario.upload.state() == State::WaitingToRetry {
            scenario.pass_to_timer();
        }
    }
    false
}

#[test]
fn c33_one_answer_of_a_gateway_among_broken_connections_does_not_keep_an_upload_there() {
    let mut scenario = moved("60");
    let gone = asks_elsewhere(&mut scenario, |scenario, round| {
        if round % 2 == 1 {
            scenario.answer(answers::page(504));
        } else {
            scenario.break_off(TransportError::Unsent);
        }
    });
    assert!(gone);
}

#[test]
fn c33_a_host_that_answers_pings_and_breaks_every_fragment_is_left() {
    let mut scenario = moved("60");
    let gone = asks_elsewhere(&mut scenario, |scenario, _| match scenario.upload.state() {
        State::Exchanging(PacketType::Ping) => scenario.answer(answers::ok()),
        _ => scenario.break_off(TransportError::Interrupted),
    });
    assert!(gone);
}

#[test]
fn c33_every_answer_that_is_no_ack_starts_the_time_and_a_fragments_progress_stops_it() {
    for answer in [answers::page(502), answers::page(404), answers::page(200)] {
        let mut scenario = moved("60");
        scenario.exchange("Fragment", answer);
        scenario.pass(61 * SECOND);
        assert!(scenario.events().contains(&Event::HostAbandoned));
        let mut scenario = moved("60");
        scenario.exchange("Fragment", answers::page(502));
        scenario.retry();
        scenario.exchange("Ping", answers::ok());
        scenario.acknowledge();
        scenario.pass(61 * SECOND);
        assert!(!scenario.events().contains(&Event::HostAbandoned));
    }
    // An Ack that says no is an answer of the host.
    let mut scenario = moved("60");
    scenario.exchange("Fragment", answers::ack(503, &[]));
    scenario.pass(61 * SECOND);
    assert!(!scenario.events().contains(&Event::HostAbandoned));
}

#[test]
fn c33_a_host_that_answers_404_is_left_at_the_resume_after_its_time() {
    for (passed, host) in [(59, "other"), (61, "origin")] {
        let mut scenario = moved("60");
        scenario.exchange("Fragment", answers::page(404));
        scenario.failure();
        // Nobody let its timers go off meanwhile.
        scenario.now += passed * SECOND;
        scenario.resume().unwrap();
        goes_to(&mut scenario, host);
    }
}

#[test]
fn c33_a_host_whose_certificate_does_not_hold_is_out_of_reach() {
    let mut scenario = moved("60");
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Untrusted);
    assert_eq!(scenario.waits().1.reason, Reason::Untrusted);
    assert!(asks_elsewhere(&mut scenario.waited(), |scenario, _| {
        scenario.break_off(TransportError::Untrusted);
    }));
}

#[test]
fn c33_a_ping_that_is_refused_counts_as_a_failure_of_the_host() {
    let mut scenario = Scenario::created_by(
        300,
        config(),
        answers::created_with(&[("BITS-Host-Id", "other"), ("BITS-Host-Id-Fallback-Timeout", "60")]),
    );
    scenario.exchange("Ping", answers::error(403, "0x80070005"));
    scenario.pass(61 * SECOND);
    assert!(scenario.events().contains(&Event::HostAbandoned));
}

#[test]
fn use_origin_goes_to_the_origin_at_once_from_every_state() {
    let mut sending = moved("60");
    let id = sending.id();
    sending.upload.use_origin(sending.now).unwrap();
    assert_eq!(sending.aborted(), [id]);
    assert_eq!(sending.events().pop(), Some(Event::HostAbandoned));
    goes_to(&mut sending, "origin");
    sending.exchange("Ping", answers::ok());
    goes_to(&mut sending, "origin");
    sending.acknowledge();

    let mut waiting = moved("60");
    waiting.exchange("Fragment", answers::ack(503, &[]));
    waiting.upload.use_origin(waiting.now).unwrap();
    goes_to(&mut waiting, "origin");

    let mut suspended = moved("60");
    suspended.suspend(Suspend::AtOnce).unwrap();
    suspended.upload.use_origin(suspended.now).unwrap();
    suspended.expect_nothing();
    suspended.resume().unwrap();
    goes_to(&mut suspended, "origin");

    // Where there is no other host, nothing changes.
    let mut plain = Scenario::sending(200, config());
    let id = plain.id();
    plain.upload.use_origin(plain.now).unwrap();
    assert_eq!((plain.id(), plain.aborted(), plain.events()), (id, vec![], vec![]));
}
