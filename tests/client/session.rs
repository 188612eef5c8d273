//! The beginning of an upload, and its packets where nothing goes wrong.

use std::time::Duration;

use bits_proto::InvalidConfig;
use bits_proto::client::{Config, ContentNamePackets, Entity, Event, Reason, State, Upload, Violation};
use bits_proto::packet::{PacketType, Payload};
use testing::client::answers::{self, SESSION};
use testing::client::scenario;
use testing::client::scenario::{DESTINATION, FRAGMENT, NAME, Scenario, config};

const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";

#[test]
fn create_session_offers_the_one_protocol_in_lower_case() {
    let mut scenario = Scenario::new(250, config());
    let request = scenario.expect("Create-Session");
    assert_eq!(request.method(), "BITS_POST");
    assert_eq!(request.uri(), DESTINATION);
    assert_eq!(request.headers()["bits-supported-protocols"], PROTOCOL);
    assert_eq!(request.headers()["content-length"], "0");
    assert!(!request.headers().contains_key("bits-session-id"));
    assert_eq!(request.body(), &Payload::Empty);
}

#[test]
fn fragments_cover_the_entity_in_order_and_then_it_is_closed() {
    let mut scenario = Scenario::created(250, config());
    for (range, bytes) in
        [("bytes 0-99/250", 0..100), ("bytes 100-199/250", 100..200), ("bytes 200-249/250", 200..250)]
    {
        let request = scenario.expect("Fragment");
        assert_eq!(request.method(), "BITS_POST");
        assert_eq!(request.uri(), DESTINATION);
        assert_eq!(request.headers()["bits-session-id"], SESSION);
        assert_eq!(request.headers()["content-range"], range);
        assert_eq!(request.headers()["content-length"], (bytes.end - bytes.start).to_string());
        assert_eq!(request.body(), &Payload::Range(bytes.clone()));
        scenario.answer(answers::received(bytes.end));
        assert_eq!(scenario.events(), [Event::Progress { acknowledged: bytes.end }]);
        assert_eq!(scenario.upload.acknowledged(), bytes.end);
    }
    let request = scenario.expect("Close-Session");
    assert_eq!(request.headers()["bits-session-id"], SESSION);
    assert_eq!(request.headers()["content-length"], "0");
    scenario.answer(answers::ok());
    assert_eq!(scenario.events(), [Event::Completed { confirmed: true }]);
    assert_eq!(scenario.upload.state(), State::Completed);
    scenario.expect_nothing();
    assert_eq!(scenario.upload.poll_timeout(), None);
}

#[test]
fn the_session_is_told_once_it_is_there() {
    let mut scenario = Scenario::new(1, config());
    assert_eq!(scenario.upload.session_id(), None);
    scenario.exchange("Create-Session", answers::created());
    let session_id = SESSION.parse().unwrap();
    assert_eq!(scenario.events(), [Event::SessionCreated { session_id }]);
    assert_eq!(scenario.upload.session_id(), Some(session_id));
}

#[test]
fn one_request_is_outstanding_at_a_time() {
    let mut scenario = Scenario::created(250, config());
    for packet in ["Fragment", "Fragment", "Fragment", "Close-Session"] {
        // `expect` takes every output, and panics at a second request.
        let end = scenario.expect(packet).body().clone();
        assert!(scenario.upload.poll_output().is_none());
        let Payload::Range(range) = end else { break };
        scenario.answer(answers::received(range.end));
    }
}

#[test]
fn entities_around_the_size_of_a_fragment_are_cut_at_it() {
    for (size, ranges) in [
        (1, &["bytes 0-0/1"][..]),
        (FRAGMENT - 1, &["bytes 0-98/99"]),
        (FRAGMENT, &["bytes 0-99/100"]),
        (FRAGMENT + 1, &["bytes 0-99/101", "bytes 100-100/101"]),
        (2 * FRAGMENT, &["bytes 0-99/200", "bytes 100-199/200"]),
    ] {
        let mut scenario = Scenario::created(size, config());
        for range in ranges {
            scenario.expect_fragment(range);
            scenario.acknowledge();
        }
        scenario.expect("Close-Session");
    }
}

#[test]
fn the_largest_entity_is_sent_to_its_last_byte() {
    let size = 0x7FFF_FFFF_FFFF_FFFF;
    let mut scenario = Scenario::created(size, config().fragment_size(size - 1));
    scenario.expect_fragment("bytes 0-9223372036854775805/9223372036854775807");
    scenario.acknowledge();
    scenario.expect_fragment("bytes 9223372036854775806-9223372036854775806/9223372036854775807");
    scenario.acknowledge();
    scenario.expect("Close-Session");
}

#[test]
fn c13_an_empty_entity_is_created_and_closed_without_a_fragment() {
    let mut scenario = Scenario::created(0, config());
    scenario.exchange("Close-Session", answers::ok());
    assert_eq!(scenario.events(), [Event::Completed { confirmed: true }]);
}

#[test]
fn c08g_the_name_goes_on_the_packets_that_were_configured() {
    for (packets, create, fragment, close) in [
        (ContentNamePackets::Fragments, None, Some(NAME), None),
        (ContentNamePackets::All, Some(NAME), Some(NAME), Some(NAME)),
        (ContentNamePackets::None, None, None, None),
    ] {
        let mut scenario = Scenario::new(2 * FRAGMENT, config().content_name(packets));
        let mut name = |packet: &str, answer| {
            let name = scenario.expect(packet).headers().get("content-name").cloned();
            scenario.answer(answer);
            name.map(|name| name.to_str().unwrap().to_owned())
        };
        assert_eq!(name("Create-Session", answers::created()).as_deref(), create);
        assert_eq!(name("Fragment", answers::received(FRAGMENT)).as_deref(), fragment);
        assert_eq!(name("Fragment", answers::received(2 * FRAGMENT)).as_deref(), fragment);
        assert_eq!(name("Close-Session", answers::ok()).as_deref(), close);
    }
}

#[test]
fn a_first_ping_sets_up_the_connection_where_that_is_wanted() {
    let mut scenario = Scenario::new(1, config().ping_first(true));
    let request = scenario.expect("Ping");
    assert_eq!(request.uri(), DESTINATION);
    assert_eq!(request.headers()["content-length"], "0");
    assert!(!request.headers().contains_key("bits-session-id"));
    scenario.answer(answers::ok());
    scenario.exchange("Create-Session", answers::created());
    // Once is enough.
    scenario.expect("Fragment");
}

#[test]
fn q01_any_2xx_is_success_for_create_and_close() {
    for status in [200, 201, 202, 204] {
        let mut created = answers::created();
        *created.status_mut() = status.try_into().unwrap();
        let mut scenario = Scenario::created_by(FRAGMENT, config(), created);
        scenario.acknowledge();
        scenario.exchange("Close-Session", answers::ack(status, &[]));
        assert_eq!(scenario.upload.state(), State::Completed, "{status}");
    }
}

#[test]
fn q02_acks_without_a_session_id_are_fine() {
    // As IIS in the captures: the id stands in the Ack for Create-Session alone.
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", answers::ack(200, &[("BITS-Received-Content-Range", "100")]));
    scenario.exchange("Close-Session", answers::ack(200, &[]));
    assert_eq!(scenario.upload.state(), State::Completed);
}

#[test]
fn q03_the_id_may_be_echoed_in_another_spelling() {
    for echoed in [SESSION, "{a0ff5911-4144-45b3-bf27-27afc8ec8a67}", "A0FF5911-4144-45B3-BF27-27AFC8EC8A67"]
    {
        let mut scenario = Scenario::created(FRAGMENT, config());
        scenario
            .exchange("Fragment", answers::with(answers::received(FRAGMENT), &[("BITS-Session-Id", echoed)]));
        scenario.expect("Close-Session");
    }
}

#[test]
fn q03_an_ack_for_another_session_is_a_protocol_error_that_may_pass() {
    let other = [("BITS-Session-Id", "{B0FF5911-4144-45B3-BF27-27AFC8EC8A67}")];
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", answers::with(answers::received(FRAGMENT), &other));
    assert_eq!(scenario.waits().1.reason, Reason::Protocol(Violation::OtherSession));
    assert_eq!(scenario.upload.acknowledged(), 0);
    scenario.retry();
    scenario.acknowledge();
    scenario.exchange("Close-Session", answers::with(answers::ok(), &other));
    assert_eq!(scenario.waits().1.reason, Reason::Protocol(Violation::OtherSession));
}

#[test]
fn q04_an_opaque_session_id_is_echoed_byte_for_byte() {
    let long = "x".repeat(100);
    for id in ["17", "-17", "a0ff5911-4144-45b3-bf27-27afc8ec8a67", "Up/Load=?\"", &long] {
        let ack = answers::ack(200, &[("BITS-Session-Id", id)]);
        let mut scenario = Scenario::created_by(FRAGMENT, config(), ack);
        assert_eq!(scenario.expect("Fragment").headers()["bits-session-id"], id);
        scenario.acknowledge();
        assert_eq!(scenario.expect("Close-Session").headers()["bits-session-id"], id);
    }
}

#[test]
fn a_create_ack_without_a_legal_session_id_is_a_protocol_error_that_may_pass() {
    let long = "x".repeat(101);
    for headers in [&[][..], &[("BITS-Session-Id", "")], &[("BITS-Session-Id", &long)]] {
        let mut scenario = Scenario::new(1, config());
        scenario.exchange("Create-Session", answers::ack(200, headers));
        let (_, failure) = scenario.waits();
        assert!(matches!(failure.reason, Reason::Protocol(Violation::Malformed(_))), "{failure}");
        assert_eq!(failure.packet, Some(PacketType::CreateSession));
        scenario.retry();
        scenario.expect("Create-Session");
    }
}

#[test]
fn q22_a_create_ack_may_leave_the_protocol_out() {
    for headers in [&[][..], &[("BITS-Protocol", "None")], &[("BITS-Protocol", "")]] {
        let ack = answers::with(answers::ack(200, headers), &[("BITS-Session-Id", SESSION)]);
        let mut scenario = Scenario::created_by(1, config(), ack);
        scenario.expect("Fragment");
    }
}

#[test]
fn a_protocol_that_was_not_offered_is_a_protocol_error() {
    let headers = [("BITS-Protocol", "{00000000-249b-430f-820d-3d2a9bef4931}"), ("BITS-Session-Id", SESSION)];
    let mut scenario = Scenario::new(1, config());
    scenario.exchange("Create-Session", answers::ack(200, &headers));
    assert_eq!(scenario.waits().1.reason, Reason::Protocol(Violation::OtherProtocol));
    // The session that the server opened is of no use, and is not left to its timeout.
    scenario.retry();
    scenario.exchange("Cancel-Session", answers::ok());
    scenario.expect("Create-Session");
}

#[test]
fn a_server_that_wants_the_entity_encoded_is_not_followed() {
    for (value, taken) in [("identity", true), ("*", true), ("", true), ("gzip", false)] {
        let ack = answers::ack(200, &[("BITS-Session-Id", SESSION), ("Accept-Encoding", value)]);
        let mut scenario = Scenario::new(1, config());
        scenario.exchange("Create-Session", ack);
        assert_eq!(scenario.upload.session_id().is_some(), taken, "{value}");
    }
}

#[test]
fn q32_informational_answers_are_not_yet_the_answer() {
    let mut scenario = Scenario::sending(FRAGMENT, config());
    let id = scenario.id();
    for status in [100, 102, 103, 104] {
        scenario.upload.handle_response(scenario.now, id, &answers::page(status));
        assert_eq!(scenario.upload.state(), State::Exchanging(PacketType::Fragment));
    }
    scenario.answer(answers::received(FRAGMENT));
    scenario.expect("Close-Session");
}

#[test]
fn reports_on_an_exchange_that_is_over_change_nothing() {
    let mut scenario = Scenario::created(250, config());
    let stale = scenario.id();
    scenario.answer(answers::received(100));
    let current = scenario.id();
    assert_ne!(stale, current);
    scenario.events();
    for answer in [answers::received(50), answers::session_not_found(), answers::error(403, "0x80070005")] {
        scenario.upload.handle_response(scenario.now, stale, &answer);
    }
    scenario.upload.handle_transport_error(
        scenario.now,
        stale,
        bits_proto::client::TransportError::Interrupted,
    );
    scenario.upload.handle_sent(scenario.now, stale);
    assert_eq!(scenario.events(), []);
    assert_eq!(
        scenario.upload.next_timer().map(|(_, timer)| timer),
        Some(bits_proto::client::Timer::Request)
    );
    scenario.answer(answers::received(200));
    assert_eq!(scenario.upload.acknowledged(), 200);
}

#[test]
fn a_destination_is_an_absolute_http_url() {
    let new = |destination: &str| {
        let entity = Entity::new(1).unwrap();
        Upload::new(scenario::now(), destination.parse().unwrap(), entity, Config::default()).map(|_| ())
    };
    assert_eq!(new("http://origin/a"), Ok(()));
    assert_eq!(new("https://[2001:db8::1]:8443/a?b"), Ok(()));
    for destination in ["/a", "origin", "*", "ftp://origin/a", "file://origin/a"] {
        assert_eq!(new(destination), Err(InvalidConfig::Destination), "{destination}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let zero = Duration::ZERO;
    let second = Duration::from_secs(1);
    for (builder, error) in [
        (config().fragment_size(0), InvalidConfig::FragmentSize),
        (config().fragment_size(1 << 63), InvalidConfig::FragmentSize),
        (config().timeouts(zero, second), InvalidConfig::ZeroTime("the request timeout")),
        (config().timeouts(second, zero), InvalidConfig::ZeroTime("the response timeout")),
        (config().retry_delays(zero, second), InvalidConfig::ZeroTime("the first retry delay")),
        (config().give_up_after(zero), InvalidConfig::ZeroTime("the time without progress")),
        (config().retry_delays(2 * second, second), InvalidConfig::RetryDelays),
    ] {
        assert_eq!(builder.build(), Err(error));
    }
}
