//! Settings for peers, and for what stands between: through the client's machine alone.

use std::time::Duration;

use bits_proto::client::{
    Config, ConfigBuilder, Connection, Credentials, Event, LostClose, Reason, State, TransportError,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use testing::client::answers;
use testing::client::scenario::{FRAGMENT, Scenario, config};

#[test]
fn q41_a_tunnelled_packet_is_a_post_that_names_its_method() {
    let mut scenario = Scenario::new(FRAGMENT, config().method_override(true));
    for (packet, ack) in [
        ("Create-Session", answers::created()),
        ("Fragment", answers::received(FRAGMENT)),
        ("Close-Session", answers::ok()),
    ] {
        let request = scenario.expect(packet);
        assert_eq!(request.method(), "POST");
        assert_eq!(request.headers()["x-http-method-override"], "BITS_POST");
        scenario.answer(ack);
    }
    assert_eq!(scenario.upload.state(), State::Completed);
}

#[test]
fn the_protocol_is_offered_in_lower_case_unless_a_server_insists() {
    let offered = |config| {
        Scenario::new(1, config).expect("Create-Session").headers()["bits-supported-protocols"].clone()
    };
    assert_eq!(offered(config()), "{7df0354d-249b-430f-820d-3d2a9bef4931}");
    assert_eq!(offered(config().uppercase_protocol(true)), "{7DF0354D-249B-430F-820D-3D2A9BEF4931}");
}

#[test]
fn headers_of_the_callers_own_go_with_every_packet_and_replace_none_of_the_protocols() {
    let own = [
        ("user-agent", "backup/3"),
        ("cookie", "a=b"),
        ("bits-packet-type", "Pong"),
        ("content-length", "9"),
    ];
    let own: HeaderMap = own
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .into_iter()
        .collect();
    let mut scenario = Scenario::new(FRAGMENT, config().headers(own));
    for (packet, length, ack) in [
        ("Create-Session", "0", answers::created()),
        ("Fragment", "100", answers::received(FRAGMENT)),
        ("Close-Session", "0", answers::ok()),
    ] {
        let headers = scenario.expect(packet).headers().clone();
        assert_eq!(
            (&headers["user-agent"], &headers["cookie"]),
            (&"backup/3".parse().unwrap(), &"a=b".parse().unwrap())
        );
        assert_eq!(headers.get_all("bits-packet-type").iter().count(), 1);
        assert_eq!(headers.get_all("content-length").iter().collect::<Vec<_>>(), [length]);
        scenario.answer(ack);
    }
}

#[test]
fn q27_a_vendors_header_means_that_the_session_is_not_found() {
    let says_so =
        |status| answers::with(answers::page(status), &[("x-clienterrorcode", "UploadSessionNotFound")]);
    for status in [500, 404] {
        let mut scenario = Scenario::created(FRAGMENT, Config::one_drive().fragment_size(FRAGMENT));
        scenario.exchange("Fragment", says_so(status));
        assert_eq!(scenario.restart().reason, Reason::SessionNotFound);
        scenario.expect("Create-Session");
    }
    // The header alone means nothing on a success, nor for who was not told of it.
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", says_so(404));
    assert_eq!(scenario.failure().reason, Reason::NotAvailable);
}

#[test]
fn q28_a_400_that_names_no_error_is_pinged_and_started_over_within_bounds() {
    let mut scenario = Scenario::created(FRAGMENT, config().max_restarts(2));
    for _ in 0..2 {
        scenario.exchange("Fragment", answers::error(400, "0x00000000"));
        scenario.retry();
        scenario.exchange("Ping", answers::ok());
        assert_eq!(scenario.restart().reason, Reason::OffsetUnknown);
        scenario.exchange("Cancel-Session", answers::ok());
        scenario.exchange("Create-Session", answers::created());
    }
    scenario.exchange("Fragment", answers::error(400, "0x00000000"));
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    assert_eq!(scenario.failure().reason, Reason::RestartedTooOften);
}

#[test]
fn c17_a_setting_has_the_entity_uploaded_again_where_nobody_knows() {
    let mut scenario = Scenario::closing(config().lost_close(LostClose::StartsOver));
    scenario.break_off(TransportError::Interrupted);
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Close-Session", answers::session_not_found());
    assert_eq!(scenario.restart().reason, Reason::SessionNotFound);
    scenario.expect("Create-Session");
}

#[test]
fn c19_uploads_that_are_not_available_are_told_from_other_pages() {
    for status in [404, 405, 501] {
        let mut scenario = Scenario::new(1, config());
        scenario.exchange("Create-Session", answers::page(status));
        let failure = scenario.failure();
        assert_eq!((failure.reason, failure.is_retryable()), (Reason::NotAvailable, false), "{status}");
    }
}

/// An upload that was moved to a dead host twice, left it, and is moved there once more.
fn moved_to_a_dead_host_again(config: ConfigBuilder) -> Scenario {
    let dead = [("BITS-Host-Id", "dead"), ("BITS-Host-Id-Fallback-Timeout", "60")];
    let mut scenario = Scenario::new(200, config);
    for _ in 0..2 {
        scenario.exchange("Create-Session", answers::created_with(&dead));
        assert_eq!(scenario.expect("Ping").uri().host(), Some("dead"));
        // Nobody answers there, until its time is over.
        for _ in 0..100 {
            scenario.break_off(TransportError::Unsent);
            while scenario.upload.state() == State::WaitingToRetry {
                scenario.pass_to_timer();
            }
            if scenario.expect("Ping").uri().host() == Some("origin") {
                break;
            }
        }
        scenario.exchange("Ping", answers::ok());
        scenario.exchange("Fragment", answers::session_not_found());
    }
    scenario.events();
    scenario.exchange("Create-Session", answers::created_with(&dead));
    scenario
}

#[test]
fn c35_a_host_that_is_out_of_reach_twice_is_ignored_from_then_on() {
    let mut scenario = moved_to_a_dead_host_again(config());
    assert!(scenario.events().contains(&Event::HostRefused { host: "dead".parse().unwrap() }));
    assert_eq!(scenario.expect("Fragment").uri().host(), Some("origin"));
}

#[test]
fn c35_it_is_followed_again_where_the_setting_says_so() {
    let mut scenario = moved_to_a_dead_host_again(config().ignore_dead_hosts(false));
    assert_eq!(scenario.expect("Ping").uri().host(), Some("dead"));
}

#[test]
fn c34_a_cap_bounds_how_long_a_silent_server_lets_its_host_be_out_of_reach() {
    let mut scenario = Scenario::created_by(
        200,
        config().host_fallback_cap(Duration::from_secs(30)),
        answers::created_with(&[("BITS-Host-Id", "other")]),
    );
    assert_eq!(scenario.expect("Ping").uri().host(), Some("other"));
    scenario.break_off(TransportError::Unsent);
    scenario.events();
    scenario.pass(Duration::from_secs(31));
    assert!(scenario.events().contains(&Event::HostAbandoned));
}

fn authorization(value: &'static str, connection_bound: bool) -> Credentials {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
    Credentials { headers, connection_bound }
}

#[test]
fn credentials_that_hold_for_one_connection_keep_to_it() {
    let mut scenario = Scenario::created(300, config());
    scenario.expect("Fragment");
    let challenged = scenario.id();
    scenario.answer(answers::page(401));
    scenario.upload.authenticate(scenario.now, Some(authorization("NTLM one", true))).unwrap();
    scenario.expect("Fragment");
    let second = scenario.connection();
    assert_eq!(second, (Connection::SameAs(challenged), Some("NTLM one".to_owned())));
    let authenticated = scenario.id();
    scenario.answer(answers::received(100));
    // The connection is authenticated now: it is kept, and the header does not go again.
    scenario.expect("Fragment");
    assert_eq!(scenario.connection(), (Connection::SameAs(authenticated), None));
    // It broke: another one must come in its place.
    scenario.break_off(TransportError::Interrupted);
    scenario.retry();
    scenario.expect("Ping");
    assert_eq!(scenario.connection(), (Connection::Fresh, None));
}

#[test]
fn credentials_that_are_always_refused_are_given_up() {
    let mut scenario = Scenario::created(FRAGMENT, config());
    for _ in 0..100 {
        scenario.exchange("Fragment", answers::page(401));
        if scenario.upload.state() == State::Failed {
            assert_eq!(scenario.failure().reason, Reason::Unauthorized);
            return;
        }
        scenario.upload.authenticate(scenario.now, Some(authorization("Basic wrong", false))).unwrap();
    }
    panic!("it would go on for ever");
}

#[test]
fn c12_a_close_refused_for_lost_bytes_is_mended_when_the_upload_is_resumed() {
    let mut scenario = Scenario::closing(config());
    scenario.answer(answers::error(400, "0x80070057"));
    assert_eq!(scenario.failure().reason, Reason::Refused);
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    scenario.expect_fragment("bytes 0-99/100");
    scenario.answer(answers::out_of_step(0));
    scenario.acknowledge();
    scenario.exchange("Close-Session", answers::ok());
    assert_eq!(scenario.upload.state(), State::Completed);
}
