//! Servers that take less than a fragment, and do not say so (Q35).

use bits_proto::client::{Event, Reason, State, TransportError};
use bits_proto::packet::PacketType;
use testing::client::answers;
#[cfg(feature = "serde")]
use testing::client::at_rest::restored;
use testing::client::scenario::{Scenario, config};

#[test]
fn q35_a_size_limit_that_does_not_answer_413_is_found_with_contact_in_between() {
    let limit = |scenario: &mut Scenario, how: &dyn Fn(&mut Scenario)| {
        for _ in 0..3 {
            scenario.expect_fragment("bytes 0-49999/100000");
            how(scenario);
            *scenario = std::mem::replace(scenario, Scenario::new(1, config())).waited();
            if scenario.upload.state() == State::Exchanging(PacketType::Ping) {
                scenario.exchange("Ping", answers::ok());
            }
        }
    };
    let breaks: [&dyn Fn(&mut Scenario); 3] = [
        &|scenario| scenario.answer(answers::page(502)),
        &|scenario| scenario.break_off(TransportError::Interrupted),
        &|scenario| scenario.answer(answers::page(409)),
    ];
    for how in breaks {
        let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
        limit(&mut scenario, how);
        scenario.expect_fragment("bytes 0-24999/100000");
        assert!(scenario.events().contains(&Event::FragmentShrunk { to: 25_000 }));
        // The ceiling lasts for the session.
        scenario.acknowledge();
        scenario.expect_fragment("bytes 25000-49999/100000");
    }
}

/// A gateway answers each Ping, until the upload goes on without one.
fn no_ping_is_answered(scenario: &mut Scenario) {
    loop {
        if scenario.upload.state() == State::WaitingToRetry {
            scenario.retry();
        }
        if scenario.upload.state() != State::Exchanging(PacketType::Ping) {
            break;
        }
        scenario.exchange("Ping", answers::page(502));
    }
}

#[test]
fn q35_without_contact_nothing_is_halved_and_at_the_floor_it_goes_on_trying() {
    let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
    scenario.expect("Fragment");
    scenario.break_off(TransportError::Interrupted);
    for _ in 0..10 {
        scenario.retry();
        scenario.expect("Ping");
        scenario.break_off(TransportError::Unsent);
    }
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 0-49999/100000");

    // A server that answers neither Pings nor Fragments may just be gone: that says nothing of the size.
    let mut gone = Scenario::created(100_000, config().fragment_size(50_000));
    for _ in 0..5 {
        gone.expect_fragment("bytes 0-49999/100000");
        gone.break_off(TransportError::Unsent);
        no_ping_is_answered(&mut gone);
        gone.expect_fragment("bytes 0-49999/100000");
        gone.break_off(TransportError::Interrupted);
        no_ping_is_answered(&mut gone);
    }

    let mut floor = Scenario::created(10_240, config().fragment_size(5_120));
    for _ in 0..20 {
        floor.exchange("Fragment", answers::page(502));
        floor.waits();
        floor.retry();
        floor.exchange("Ping", answers::ok());
    }
    floor.expect_fragment("bytes 0-5119/10240");
}

#[cfg(feature = "serde")]
#[test]
fn q35_the_failures_of_a_fragment_count_across_restarts() {
    let settings = || config().fragment_size(50_000);
    let mut scenario = Scenario::created(100_000, settings());
    for _ in 0..3 {
        scenario.exchange("Fragment", answers::page(502));
        scenario = restored(&scenario, settings()).waited();
        scenario.exchange("Ping", answers::ok());
    }
    scenario.expect_fragment("bytes 0-24999/100000");
}

#[test]
fn an_ack_for_less_than_half_of_a_fragment_halves_it() {
    let mut scenario = Scenario::created(100_000, config().fragment_size(50_000));
    scenario.exchange("Fragment", answers::received(24_999));
    assert!(scenario.events().contains(&Event::FragmentShrunk { to: 25_000 }));
    scenario.expect_fragment("bytes 24999-49998/100000");
    scenario.answer(answers::received(24_999 + 12_500));
    assert!(!scenario.events().iter().any(|event| matches!(event, Event::FragmentShrunk { .. })));
}

#[test]
fn at_the_floor_a_thousand_meagre_acks_are_fatal() {
    let mut scenario = Scenario::created(1_000_000, config().fragment_size(5_120));
    for byte in 1..1000 {
        scenario.exchange("Fragment", answers::received(byte));
    }
    scenario.exchange("Fragment", answers::received(1000));
    assert_eq!(scenario.failure().reason, Reason::Stalled);
}
