//! The host that a session moves to, and the way back from it.

use std::time::Duration;

use bits_proto::client::{ConfigBuilder, Event, HostPolicy, Reason, State, Suspend, Timer, TransportError};
use testing::client::answers;
use testing::client::scenario::{DESTINATION, FRAGMENT, Scenario, config};

const MOVED: &str = "http://upload-2:8080/upload/file.bin?token=1";
const TIMEOUT: Duration = Duration::from_secs(110);

/// The session is on `host`; the Ping to it is next.
fn moved_to(host: &str, timeout: Option<&str>, config: ConfigBuilder) -> Scenario {
    let mut headers = vec![("BITS-Host-Id", host)];
    headers.extend(timeout.map(|timeout| ("BITS-Host-Id-Fallback-Timeout", timeout)));
    Scenario::created_by(300, config, answers::created_with(&headers))
}

/// The session is on `upload-2` for as long as it is out of reach for less than 110 seconds; a Fragment is next.
fn moved() -> Scenario {
    let patient = config().retry_delays(Duration::from_secs(10), Duration::from_secs(10));
    let mut scenario = moved_to("upload-2", Some("110"), patient);
    scenario.exchange("Ping", answers::ok());
    scenario
}

#[track_caller]
fn next_goes_to(scenario: &mut Scenario, packet: &str, url: &str) {
    assert_eq!(scenario.expect(packet).uri(), url);
}

/// The packet cannot be sent, and the upload waits.
#[track_caller]
fn out_of_reach(scenario: &mut Scenario, packet: &str) {
    scenario.expect(packet);
    scenario.break_off(TransportError::Unsent);
    scenario.waits();
}

/// When the fallback timer goes off, if it runs: told by letting everything else pass.
fn abandons_at(scenario: &mut Scenario) -> Option<Duration> {
    let begin = scenario.now;
    for _ in 0..1_000 {
        match scenario.upload.next_timer()?.1 {
            Timer::HostFallback => {
                scenario.pass_to_timer();
                return Some(scenario.now - begin);
            }
            _ => {
                scenario.pass_to_timer();
                scenario.events();
            }
        }
        if scenario.upload.state().is_ended() || scenario.now > begin + 1_000 * TIMEOUT {
            break;
        }
    }
    None
}

#[test]
fn every_packet_after_the_create_goes_to_the_sessions_host() {
    let mut scenario = Scenario::new(FRAGMENT, config());
    next_goes_to(&mut scenario, "Create-Session", DESTINATION);
    scenario.answer(answers::created_with(&[("BITS-Host-Id", "upload-2")]));
    let host = "upload-2".parse().unwrap();
    assert!(scenario.events().contains(&Event::HostChanged { host }));
    // Its port, its path and its query stay; and a Ping comes first.
    next_goes_to(&mut scenario, "Ping", MOVED);
    scenario.answer(answers::ok());
    next_goes_to(&mut scenario, "Fragment", MOVED);
    scenario.acknowledge();
    next_goes_to(&mut scenario, "Close-Session", MOVED);
}

#[test]
fn cancel_goes_to_the_sessions_host() {
    let mut scenario = moved();
    scenario.cancel().unwrap();
    next_goes_to(&mut scenario, "Cancel-Session", MOVED);
}

#[test]
fn c08f_the_host_may_bring_its_port_and_may_be_an_address() {
    for (host, url) in [
        ("upload-2:81", "http://upload-2:81/upload/file.bin?token=1"),
        ("192.0.2.7", "http://192.0.2.7:8080/upload/file.bin?token=1"),
        ("2001:db8::1", "http://[2001:db8::1]:8080/upload/file.bin?token=1"),
        ("[2001:db8::1]:81", "http://[2001:db8::1]:81/upload/file.bin?token=1"),
    ] {
        next_goes_to(&mut moved_to(host, None, config()), "Ping", url);
    }
}

#[test]
fn q23_what_is_no_host_is_passed_over() {
    for host in ["http://evil/", "evil/x", "user@evil", "", "e v i l"] {
        let mut scenario = moved_to(host, Some("110"), config());
        next_goes_to(&mut scenario, "Fragment", DESTINATION);
    }
}

#[test]
fn a_policy_decides_whom_to_follow_and_the_caller_is_told() {
    let below = || HostPolicy::Domain("example.org".to_owned());
    for (policy, host, followed) in [
        (HostPolicy::Any, "evil.net", true),
        (HostPolicy::Never, "upload-2", false),
        (HostPolicy::Never, "ORIGIN", true),
        (HostPolicy::Never, "origin:22", false),
        (below(), "upload-2.example.org", true),
        (below(), "example.org.evil.net", false),
        (below(), "origin", true),
    ] {
        let mut scenario = Scenario::new(FRAGMENT, config().host_policy(policy));
        scenario.exchange("Create-Session", answers::created_with(&[("BITS-Host-Id", host)]));
        let id = host.parse().unwrap();
        let told = scenario.events().pop().unwrap();
        if followed {
            assert_eq!(told, Event::HostChanged { host: id });
            scenario.expect("Ping");
        } else {
            assert_eq!(told, Event::HostRefused { host: id });
            next_goes_to(&mut scenario, "Fragment", DESTINATION);
        }
    }
}

#[test]
fn the_fallback_timer_starts_at_the_first_failure_and_not_at_the_next() {
    let mut scenario = moved();
    assert_eq!(scenario.upload.next_timer().map(|(_, timer)| timer), Some(Timer::Request));
    out_of_reach(&mut scenario, "Fragment");
    let first = scenario.now;
    for _ in 0..5 {
        scenario.retry();
        out_of_reach(&mut scenario, "Ping");
    }
    let waited = scenario.now - first;
    assert!(waited > Duration::from_secs(5) && waited < TIMEOUT);
    assert_eq!(abandons_at(&mut scenario), Some(TIMEOUT - waited));
}

#[test]
fn every_way_of_not_reaching_the_host_starts_the_timer() {
    for fail in [
        |scenario: &mut Scenario| scenario.break_off(TransportError::Unsent),
        |scenario: &mut Scenario| scenario.break_off(TransportError::Interrupted),
        |scenario: &mut Scenario| assert_eq!(scenario.pass_to_timer(), Timer::Request),
        |scenario: &mut Scenario| {
            scenario.sent();
            assert_eq!(scenario.pass_to_timer(), Timer::Response);
        },
    ] {
        let mut scenario = moved();
        scenario.expect("Fragment");
        fail(&mut scenario);
        scenario.expect_nothing();
        assert_eq!(abandons_at(&mut scenario), Some(TIMEOUT));
    }
}

#[test]
fn c33_once_it_expires_requests_go_to_the_origin() {
    let mut scenario = moved();
    out_of_reach(&mut scenario, "Fragment");
    while scenario.pass_to_timer() == Timer::Retry {
        next_goes_to(&mut scenario, "Ping", MOVED);
        scenario.break_off(TransportError::Unsent);
    }
    assert_eq!(scenario.events().pop(), Some(Event::HostAbandoned));
    scenario.retry();
    next_goes_to(&mut scenario, "Ping", DESTINATION);
    scenario.answer(answers::ok());
    next_goes_to(&mut scenario, "Fragment", DESTINATION);
    scenario.acknowledge();
    // And for the rest of the session, whatever fails.
    out_of_reach(&mut scenario, "Fragment");
    scenario.retry();
    next_goes_to(&mut scenario, "Ping", DESTINATION);
}

#[test]
fn c33_no_answer_of_a_ping_stops_the_fallback_timer() {
    for answer in [answers::ok(), answers::page(502), answers::ack(503, &[]), answers::page(401)] {
        let mut scenario = moved();
        out_of_reach(&mut scenario, "Fragment");
        scenario.retry();
        scenario.exchange("Ping", answer);
        scenario.pass(TIMEOUT);
        assert!(scenario.events().contains(&Event::HostAbandoned));
    }
}

#[test]
fn c33_the_next_failure_after_a_fragments_progress_starts_the_timer_anew() {
    let mut scenario = moved();
    out_of_reach(&mut scenario, "Fragment");
    scenario.retry();
    scenario.exchange("Ping", answers::ok());
    scenario.acknowledge();
    out_of_reach(&mut scenario, "Fragment");
    assert_eq!(abandons_at(&mut scenario), Some(TIMEOUT));
}

#[test]
fn q24_no_timeout_means_never() {
    for timeout in [None, Some("0"), Some("4294967295"), Some("-1"), Some("soon")] {
        let mut scenario = moved_to("upload-2", timeout, config().give_up_after(100 * TIMEOUT));
        for _ in 0..1_000 {
            if scenario.upload.state() == State::Failed {
                break;
            }
            next_goes_to(&mut scenario, "Ping", MOVED);
            scenario.break_off(TransportError::Unsent);
            assert_ne!(scenario.pass_to_timer(), Timer::HostFallback, "{timeout:?}");
        }
        scenario.failure();
    }
}

#[test]
fn failures_at_the_origin_start_no_fallback_timer() {
    let mut scenario = Scenario::created(300, config());
    out_of_reach(&mut scenario, "Fragment");
    assert_eq!(scenario.upload.next_timer().map(|(_, timer)| timer), Some(Timer::Retry));
    assert_eq!(abandons_at(&mut scenario), None);
}

#[test]
fn c18_starting_over_goes_to_the_origin() {
    let mut scenario = moved();
    scenario.exchange("Fragment", answers::session_not_found());
    next_goes_to(&mut scenario, "Create-Session", DESTINATION);
    scenario.answer(answers::created());
    next_goes_to(&mut scenario, "Fragment", DESTINATION);
}

#[test]
fn c18_starting_over_stops_the_fallback_timer() {
    let mut scenario = moved();
    out_of_reach(&mut scenario, "Fragment");
    scenario.retry();
    scenario.exchange("Ping", answers::session_not_found());
    scenario.expect("Create-Session");
    assert_eq!(abandons_at(&mut scenario), None);
}

#[test]
fn c33_the_fallback_timer_runs_on_while_the_upload_is_suspended() {
    let mut scenario = moved();
    out_of_reach(&mut scenario, "Fragment");
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.pass(TIMEOUT);
    assert!(scenario.events().contains(&Event::HostAbandoned));
    scenario.expect_nothing();
    scenario.resume().unwrap();
    next_goes_to(&mut scenario, "Ping", DESTINATION);
}

#[test]
fn c33_the_fallback_timer_runs_on_while_the_upload_has_failed() {
    let moved = answers::created_with(&[("BITS-Host-Id", "moved"), ("BITS-Host-Id-Fallback-Timeout", "120")]);
    let mut scenario = Scenario::created_by(300, config().give_up_after(Duration::from_secs(60)), moved);
    scenario.expect("Ping");
    scenario.break_off(TransportError::Unsent);
    scenario.pass(Duration::from_secs(61));
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
    scenario.pass(Duration::from_secs(60));
    assert_eq!(scenario.events(), [Event::HostAbandoned]);
    assert_eq!(scenario.upload.state(), State::Failed);
    scenario.expect_nothing();
    scenario.resume().unwrap();
    next_goes_to(&mut scenario, "Ping", DESTINATION);
}

#[test]
fn c33_a_short_suspension_goes_on_at_the_sessions_host() {
    let mut scenario = moved();
    out_of_reach(&mut scenario, "Fragment");
    scenario.suspend(Suspend::AtOnce).unwrap();
    scenario.pass(TIMEOUT / 2);
    scenario.resume().unwrap();
    next_goes_to(&mut scenario, "Ping", MOVED);
    scenario.break_off(TransportError::Unsent);
    assert_eq!(abandons_at(&mut scenario), Some(TIMEOUT / 2));
}
