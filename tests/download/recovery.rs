//! Failures that may pass: broken connections, truncated bodies, timeouts, servers that are busy.

use std::time::Duration;

use bits_proto::download::multipart::MultipartError;
use bits_proto::download::{
    Config, Connection, Event, Output, Reason, State, Suspend, Timer, TransportError,
};
use bits_proto::limits::{FIRST_RETRY_DELAY, SESSION_TIMEOUT};

use crate::driver::{Driver, header, partial, response};

#[test]
fn c62_after_a_truncated_body_the_rest_is_asked_for_by_a_range() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    assert!(driver.answer_up_to(id, &response(200, &[("ETag", "\"v1\"")], "0123456789"), 4));
    assert_eq!(driver.waits_for(), Reason::Truncated);
    assert_eq!(driver.download.state(), State::WaitingToRetry);
    driver.wait();
    let transmit = driver.request();
    assert_eq!(header(&transmit, "range"), Some("bytes=4-9"));
    assert_eq!(header(&transmit, "if-range"), Some("\"v1\""));
    assert!(driver.answer(transmit.id, &partial("bytes 4-9/10", "456789")));
    driver.expect_completed(10);
    assert_eq!(driver.stored, b"0123456789");
}

#[test]
fn only_bytes_that_were_told_count() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    // The body has begun, but nobody said that any of it was stored.
    assert!(driver.answer_up_to(id, &response(200, &[], "0123456789"), 0));
    driver.wait();
    driver.expect_range(None);
    // More than was asked for counts for no more than that.
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.expect_range(Some("bytes=0-3"));
    driver.download.handle_response(driver.now, id, &partial("bytes 0-3/10", "0123"));
    driver.download.handle_received(driver.now, id, u64::MAX);
    assert_eq!(driver.download.received(), 4);
}

#[test]
fn reports_on_another_exchange_change_nothing() {
    let mut driver = Driver::whole(Config::builder());
    let old = driver.expect_range(None);
    driver.download.handle_transport_error(driver.now, old, TransportError::Interrupted);
    driver.wait();
    let new = driver.expect_range(None);
    let (now, state, timer) = (driver.now, driver.download.state(), driver.download.next_timer());
    driver.download.handle_sent(now, old);
    driver.download.handle_response(now, old, &response(200, &[], "another"));
    driver.download.handle_received(now, old, 7);
    driver.download.handle_body_end(now, old);
    driver.download.handle_transport_error(now, old, TransportError::Interrupted);
    // Nor do reports that come too early on this one.
    driver.download.handle_received(now, new, 7);
    driver.download.handle_body_error(now, new, MultipartError::PartMissing);
    assert!(driver.download.poll_output().is_none());
    assert_eq!((driver.download.state(), driver.download.next_timer()), (state, timer));
    assert_eq!(driver.download.received(), 0);
    assert!(driver.answer(new, &response(200, &[], "0123456789")));
    driver.expect_completed(10);
}

#[test]
fn an_exchange_has_one_answer() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    driver.download.handle_response(driver.now, id, &response(200, &[], "0123456789"));
    driver.download.handle_received(driver.now, id, 4);
    driver.download.handle_response(driver.now, id, &response(404, &[], ""));
    assert_eq!(driver.download.state(), State::Downloading);
    driver.download.handle_received(driver.now, id, 6);
    assert_eq!(driver.download.state(), State::Completed);
}

#[test]
fn informational_answers_are_not_the_answer() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    driver.download.handle_response(driver.now, id, &response(103, &[], ""));
    assert!(driver.answer(id, &response(200, &[], "0123456789")));
    driver.expect_completed(10);
}

#[test]
fn c50_sending_and_answering_have_five_minutes_each() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let start = driver.now;
    assert_eq!(driver.download.next_timer(), Some((start + minutes(5), Timer::Request)));
    driver.now = start + minutes(4);
    driver.download.handle_sent(driver.now, id);
    assert_eq!(driver.download.next_timer(), Some((start + minutes(9), Timer::Response)));
    // Every piece of the body begins them anew.
    driver.now = start + minutes(8);
    driver.download.handle_response(driver.now, id, &response(200, &[], "0123456789"));
    assert_eq!(driver.download.next_timer(), Some((start + minutes(13), Timer::Response)));
    driver.now = start + minutes(12);
    driver.download.handle_received(driver.now, id, 3);
    assert_eq!(driver.download.next_timer(), Some((start + minutes(17), Timer::Response)));
    // No bytes are no piece.
    driver.now = start + minutes(16);
    driver.download.handle_received(driver.now, id, 0);
    assert_eq!(driver.download.next_timer(), Some((start + minutes(17), Timer::Response)));
}

#[test]
fn timeouts_abort_the_exchange_and_are_tried_again() {
    for (sent, reason) in [(false, Reason::RequestTimeout), (true, Reason::ResponseTimeout)] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.expect_range(None);
        if sent {
            driver.download.handle_sent(driver.now, id);
        }
        driver.wait();
        assert_eq!(driver.waits_for(), reason);
        assert_eq!(driver.aborted, [id]);
        driver.wait();
        let id = driver.expect_range(None);
        assert!(driver.answer(id, &response(200, &[], "0123456789")));
        driver.expect_completed(10);
    }
}

#[test]
fn a_body_that_stops_coming_is_left_behind_and_what_came_counts() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    driver.download.handle_response(driver.now, id, &response(200, &[], "0123456789"));
    driver.download.handle_received(driver.now, id, 4);
    driver.wait();
    driver.wait();
    while let Some(output) = driver.download.poll_output() {
        if let Output::Transmit(transmit) = output {
            if transmit.id != id {
                assert_eq!(header(&transmit, "range"), Some("bytes=4-9"));
                return;
            }
        }
    }
    panic!("no second request");
}

#[test]
fn busy_servers_are_asked_again() {
    for status in [408, 429, 500, 502, 503, 504, 599] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.expect_range(None);
        assert!(!driver.answer(id, &response(status, &[], "busy")));
        assert_eq!(driver.waits_for(), Reason::Refused, "{status}");
        driver.wait();
        driver.expect_range(None);
    }
}

#[test]
fn retry_after_is_the_least_delay() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    driver.answer(id, &response(503, &[("Retry-After", "3600")], ""));
    assert_eq!(driver.download.poll_timeout(), Some(driver.now + Duration::from_secs(3600)));
}

#[test]
fn delays_grow_and_progress_resets_them() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let delay = |driver: &mut Driver| {
        let transmit = driver.request();
        driver.download.handle_transport_error(driver.now, transmit.id, TransportError::Interrupted);
        let delay = driver.download.poll_timeout().unwrap() - driver.now;
        driver.wait();
        delay
    };
    let delays = [(); 4].map(|()| delay(&mut driver));
    for (round, delay) in delays.iter().enumerate() {
        let plain = FIRST_RETRY_DELAY * (1 << round);
        assert!(*delay >= plain * 3 / 4 && *delay <= plain * 5 / 4, "{delays:?}");
    }
    let id = driver.expect_range(Some("bytes=0-3"));
    assert!(driver.answer(id, &partial("bytes 0-3/10", "0123")));
    assert!(delay(&mut driver) <= FIRST_RETRY_DELAY * 5 / 4);
}

#[test]
fn without_progress_it_is_given_up() {
    let mut driver = Driver::whole(Config::builder());
    let start = driver.now;
    let mut requests = 0;
    while driver.download.state() != State::Failed {
        if let Some(transmit) = driver.next_request() {
            requests += 1;
            driver.download.handle_transport_error(driver.now, transmit.id, TransportError::Interrupted);
        }
        driver.wait();
    }
    assert_eq!(driver.failure().reason, Reason::GaveUp);
    assert_eq!(driver.now, start + SESSION_TIMEOUT);
    // Ten minutes apart, most of them: no busy loop.
    assert!(requests < 14 * 24 * 60 / 7, "{requests}");
}

#[test]
fn progress_and_the_users_wish_to_go_on_put_giving_up_off() {
    let mut driver = Driver::whole(Config::builder().timeouts(SESSION_TIMEOUT * 9, SESSION_TIMEOUT * 9));
    let later = SESSION_TIMEOUT / 2;
    let id = driver.expect_range(None);
    let start = driver.now;
    assert_eq!(driver.download.next_timer(), Some((start + SESSION_TIMEOUT, Timer::GiveUp)));
    driver.now = start + later;
    driver.download.handle_response(driver.now, id, &response(200, &[], "0123456789"));
    assert_eq!(driver.download.next_timer(), Some((start + SESSION_TIMEOUT, Timer::GiveUp)));
    driver.download.handle_received(driver.now, id, 1);
    assert_eq!(driver.download.next_timer(), Some((driver.now + SESSION_TIMEOUT, Timer::GiveUp)));
    driver.download.suspend(driver.now, Suspend::AtOnce).unwrap();
    driver.now += later;
    driver.download.resume(driver.now).unwrap();
    assert_eq!(driver.download.next_timer(), Some((driver.now + SESSION_TIMEOUT, Timer::GiveUp)));
}

#[test]
fn events_that_nobody_takes_are_bounded() {
    let mut driver = Driver::whole(Config::builder());
    let mut now = driver.now;
    for _ in 0..200 {
        // Nobody takes the requests either: they time out, and are tried again.
        now = driver.download.poll_timeout().unwrap();
        driver.download.handle_timeout(now);
    }
    driver.now = now;
    let outputs = std::iter::from_fn(|| driver.download.poll_output()).count();
    assert!(outputs <= 65, "{outputs}");
    assert!(matches!(driver.events[..], [] | [Event::Waiting { .. }, ..]));
}

#[test]
fn c72_a_kept_connection_that_the_server_had_closed_costs_no_delay() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    for first in [0, 4] {
        let (range, answer) =
            (format!("bytes={first}-{}", first + 3), format!("bytes {first}-{}/10", first + 3));
        let stale = driver.request();
        assert_eq!(stale.connection, Connection::Any);
        driver.download.handle_transport_error(driver.now, stale.id, TransportError::Stale);
        // At once, and the same.
        let again = driver.request();
        assert_eq!((again.connection, header(&again, "range")), (Connection::Fresh, Some(&*range)));
        assert!(again.id > stale.id);
        driver.answer(again.id, &partial(&answer, "0123"));
    }
    assert!(!driver.events.iter().any(|event| matches!(event, Event::Waiting { .. })));
    assert_eq!(driver.request().connection, Connection::Any, "the fresh one serves again");
}

#[test]
fn c72_once_an_exchange() {
    let mut driver = Driver::whole(Config::builder());
    for _ in 0..2 {
        let first = driver.request().id;
        driver.download.handle_transport_error(driver.now, first, TransportError::Stale);
        let second = driver.request().id;
        driver.download.handle_transport_error(driver.now, second, TransportError::Stale);
        assert_eq!(
            driver.waits_for(),
            Reason::Transport,
            "a server that closes each connection is waited for"
        );
        driver.wait();
    }
}

#[test]
fn c72_a_repeat_is_suspended_as_the_request_was() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.request().id;
    driver.download.suspend(driver.now, Suspend::Gracefully).unwrap();
    driver.download.handle_transport_error(driver.now, id, TransportError::Stale);
    let id = driver.request().id;
    driver.answer(id, &partial("bytes 0-3/10", "0123"));
    assert!(driver.next_request().is_none());
    assert_eq!((driver.download.state(), driver.download.received()), (State::Suspended, 4));
}

#[test]
fn a_body_that_breaks_off_is_no_stale_connection() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.request().id;
    driver.download.handle_response(driver.now, id, &response(200, &[], "0123456789"));
    driver.download.handle_transport_error(driver.now, id, TransportError::Stale);
    while driver.download.poll_output().is_some_and(|output| !matches!(output, Output::Transmit(_))) {}
    assert_eq!(driver.download.state(), State::WaitingToRetry);
}

#[test]
fn a_bad_certificate_is_told_by_its_name() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.request().id;
    driver.download.handle_transport_error(driver.now, id, TransportError::Untrusted);
    assert_eq!(driver.waits_for(), Reason::Untrusted);
}

#[test]
fn c75_no_number_of_a_peers_ends_the_retrying() {
    let hour = Duration::from_secs(3600);
    let minute = Duration::from_secs(60);
    let short = || Config::builder().retry_delays(Duration::from_secs(1), 5 * minute);
    for (config, wish, most) in [
        (Config::builder(), "18446744073709551615", hour),
        (Config::builder(), "99999999999999999999999", hour),
        (Config::builder(), "3601", hour),
        (Config::builder(), "1800", 30 * minute),
        // Where the user set a longest delay, that bounds it as well.
        (short(), "18446744073709551615", 5 * minute),
        (short(), "240", 4 * minute),
        (Config::builder().retry_delays(minute, 100 * hour), "18446744073709551615", hour),
    ] {
        let mut driver = Driver::whole(config);
        let id = driver.request().id;
        driver.answer(id, &response(503, &[("Retry-After", wish)], ""));
        assert!(driver.next_request().is_none());
        assert_eq!(driver.download.next_timer(), Some((driver.now + most, Timer::Retry)), "{wish}");
        assert!(matches!(driver.events.last(), Some(Event::Waiting { delay, .. }) if *delay == most));
    }
}

#[test]
fn q37_a_redirection_is_not_followed_and_its_address_is_told() {
    for status in [301, 302, 303, 307, 308] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.request().id;
        driver.answer(id, &response(status, &[("Location", "https://else/where?x=1")], ""));
        let failure = driver.failure();
        assert_eq!(failure.location.as_deref(), Some("https://else/where?x=1"), "{status}");
        assert!(failure.to_string().ends_with(", which points to https://else/where?x=1"), "{failure}");
    }
    let mut driver = Driver::whole(Config::builder());
    let id = driver.request().id;
    driver.answer(id, &response(403, &[("Location", "https://else/")], ""));
    assert_eq!(driver.failure().location, None);
}

#[cfg(feature = "serde")]
#[test]
fn events_and_failures_are_logged_as_text_and_as_data() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.request().id;
    driver.answer(id, &response(503, &[("Retry-After", "60")], ""));
    driver.wait();
    let id = driver.request().id;
    driver.answer(id, &response(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], ""));
    driver.download.authenticate(driver.now, None).unwrap();
    driver.failure();
    let text: Vec<_> = driver.events.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "the server refused, status 503 Service Unavailable; the next try is in 60s",
            "credentials are wanted, status 401 Unauthorized",
            "the download failed: the server or a proxy wants credentials, status 401 Unauthorized",
        ]
    );
    let data = serde_json::to_value(&driver.events).unwrap();
    assert_eq!(data[0]["Waiting"]["cause"]["status"], 503);
    assert_eq!(data[1]["CredentialsWanted"]["challenges"][0], "Basic realm=\"x\"");
    assert_eq!(data[2]["Failed"]["reason"], "Unauthorized");
}
