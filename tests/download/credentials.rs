//! Challenges and what answers them: bounded, bound to a connection where the credentials are, and sent once.

use std::time::Duration;

use bits_proto::download::{
    Config, Connection, Credentials, Event, ExchangeId, Reason, State, Suspend, Timer, TransportError,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::driver::{Driver, header, partial, response};

const HOUR: Duration = Duration::from_secs(3600);

/// How many challenges in a row are answered.
const CHALLENGES: usize = 8;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn basic() -> Credentials {
    headers(&[("authorization", "Basic eDp5")]).into()
}

fn bound(token: &'static str) -> Credentials {
    let headers = headers(&[("authorization", token)]);
    Credentials { headers, connection_bound: true }
}

/// Four bytes a request.
fn driver() -> Driver {
    Driver::whole(Config::builder().fragment_size(4))
}

fn challenge(driver: &mut Driver, id: ExchangeId) {
    driver.answer(id, &response(401, &[("WWW-Authenticate", "NTLM")], "no"));
}

/// Answers every challenge, until the download is done asking; how often that was.
fn refused_again_and_again(driver: &mut Driver) -> usize {
    for times in 0..100 {
        let id = driver.request().id;
        challenge(driver, id);
        if driver.download.state() != State::WaitingForCredentials {
            return times;
        }
        driver.download.authenticate(driver.now, Some(basic())).unwrap();
    }
    panic!("it asks for ever");
}

#[test]
fn credentials_that_are_refused_again_and_again_are_a_failure_with_its_status() {
    let mut driver = driver();
    assert_eq!(refused_again_and_again(&mut driver), CHALLENGES);
    let failure = driver.failure();
    assert_eq!((failure.reason, failure.status.unwrap().as_u16()), (Reason::Unauthorized, 401));
    // The caller may have better ones now.
    driver.download.resume(driver.now).unwrap();
    assert_eq!(refused_again_and_again(&mut driver), CHALLENGES);
}

#[test]
fn challenges_are_bounded_across_restarts_too() {
    let mut driver = driver();
    for _ in 0..CHALLENGES {
        let id = driver.request().id;
        challenge(&mut driver, id);
        driver.restart(Config::builder().fragment_size(4));
        let id = driver.request().id;
        challenge(&mut driver, id);
        assert_eq!(driver.download.state(), State::WaitingForCredentials);
        driver.download.authenticate(driver.now, Some(basic())).unwrap();
        driver.restart(Config::builder().fragment_size(4));
    }
    let id = driver.request().id;
    challenge(&mut driver, id);
    assert_eq!(driver.failure().reason, Reason::Unauthorized);
}

#[test]
fn any_other_answer_ends_the_row_of_challenges() {
    let mut driver = driver();
    for first in [0, 4] {
        for _ in 0..CHALLENGES {
            let id = driver.request().id;
            challenge(&mut driver, id);
            driver.download.authenticate(driver.now, Some(basic())).unwrap();
        }
        let id = driver.request().id;
        assert!(driver.answer(id, &partial(&format!("bytes {first}-{}/10", first + 3), "0123")));
    }
    driver.expect_range(Some("bytes=8-9"));
}

#[test]
fn no_credentials_are_a_failure_with_its_status() {
    let mut driver = driver();
    let id = driver.request().id;
    driver.answer(id, &response(407, &[("Proxy-Authenticate", "Basic")], ""));
    driver.download.authenticate(driver.now, None).unwrap();
    let failure = driver.failure();
    assert_eq!((failure.reason, failure.status.unwrap().as_u16()), (Reason::Unauthorized, 407));
}

#[test]
fn waiting_for_credentials_takes_none_of_the_time_without_progress_and_gives_none() {
    let mut driver = Driver::whole(Config::builder().give_up_after(4 * HOUR));
    let begin = driver.now;
    let id = driver.request().id;
    driver.now += HOUR;
    challenge(&mut driver, id);
    assert_eq!(driver.download.poll_timeout(), None);
    driver.now += 100 * HOUR;
    driver.download.authenticate(driver.now, Some(basic())).unwrap();
    let id = driver.request().id;
    driver.download.handle_response(driver.now, id, &response(503, &[("Retry-After", "1800")], ""));
    driver.wait();
    drop(driver.request());
    // Three of four hours were left.
    driver.download.handle_timeout(begin + 103 * HOUR);
    assert_ne!(driver.download.state(), State::Failed);
    driver.download.handle_timeout(begin + 104 * HOUR);
    assert_eq!(driver.failure().reason, Reason::GaveUp);
}

#[test]
fn credentials_of_a_connection_go_once_and_keep_the_requests_on_it() {
    let mut driver = driver();
    let first = driver.request();
    assert_eq!(first.connection, Connection::Any);
    challenge(&mut driver, first.id);
    driver.download.authenticate(driver.now, Some(bound("NTLM one"))).unwrap();
    let second = driver.request();
    assert_eq!(second.connection, Connection::SameAs(first.id));
    assert_eq!(header(&second, "authorization"), Some("NTLM one"));
    challenge(&mut driver, second.id);
    driver.download.authenticate(driver.now, Some(bound("NTLM three"))).unwrap();
    let third = driver.request();
    assert_eq!(third.connection, Connection::SameAs(second.id));
    assert_eq!(header(&third, "authorization"), Some("NTLM three"));
    driver.answer(third.id, &partial("bytes 0-3/10", "0123"));
    // The connection is known now, and its credentials are not told again.
    let fourth = driver.request();
    assert_eq!(fourth.connection, Connection::SameAs(third.id));
    assert_eq!(header(&fourth, "authorization"), None);
    // With it goes what it was good for.
    driver.download.handle_transport_error(driver.now, fourth.id, TransportError::Interrupted);
    driver.wait();
    assert_eq!(driver.request().connection, Connection::Any);
}

#[test]
fn a_connection_that_was_given_up_is_not_asked_for_again() {
    for way in ["suspended", "timed out", "restored"] {
        let mut driver = driver();
        let first = driver.request();
        challenge(&mut driver, first.id);
        driver.download.authenticate(driver.now, Some(bound("NTLM one"))).unwrap();
        assert_eq!(driver.request().connection, Connection::SameAs(first.id));
        match way {
            "suspended" => {
                driver.download.suspend(driver.now, Suspend::AtOnce).unwrap();
                driver.download.resume(driver.now).unwrap();
            }
            "timed out" => {
                assert!(matches!(driver.download.next_timer(), Some((_, Timer::Request))));
                driver.wait();
                driver.wait();
            }
            _ => driver.restart(Config::builder()),
        }
        assert_eq!(driver.request().connection, Connection::Any, "{way}");
    }
}

#[test]
fn credentials_of_no_connection_go_with_every_request_on_any() {
    let mut driver = driver();
    let id = driver.request().id;
    challenge(&mut driver, id);
    driver.download.authenticate(driver.now, Some(basic())).unwrap();
    for range in ["bytes 0-3/10", "bytes 4-7/10"] {
        let transmit = driver.request();
        assert_eq!(transmit.connection, Connection::Any);
        assert_eq!(header(&transmit, "authorization"), Some("Basic eDp5"));
        driver.answer(transmit.id, &partial(range, "0123"));
    }
}

#[test]
fn own_headers_go_with_every_request_and_replace_nothing() {
    let own = headers(&[
        ("x-tenant", "7"),
        ("authorization", "Bearer own"),
        ("range", "bytes=7-7"),
        ("accept-encoding", "gzip"),
    ]);
    let mut own_twice = own.clone();
    own_twice.try_append("x-tenant", HeaderValue::from_static("8")).unwrap();
    let mut driver = Driver::whole(Config::builder().fragment_size(4).headers(own_twice));
    for (range, answer) in [("bytes=0-3", "bytes 0-3/10"), ("bytes=4-7", "bytes 4-7/10")] {
        let transmit = driver.request();
        let of = |name: &str| transmit.request.headers().get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(of("x-tenant"), ["7", "8"]);
        assert_eq!(of("authorization"), ["Bearer own"]);
        assert_eq!(of("range"), [range]);
        assert_eq!(of("accept-encoding"), ["identity"]);
        driver.answer(transmit.id, &partial(answer, "0123"));
    }
}

#[test]
fn one_authorization_goes_whoever_set_it() {
    let own = headers(&[("authorization", "Bearer own")]);
    let mut driver = Driver::whole(Config::builder().headers(own));
    let id = driver.request().id;
    challenge(&mut driver, id);
    driver.download.authenticate(driver.now, Some(basic())).unwrap();
    let transmit = driver.request();
    let sent: Vec<_> = transmit.request.headers().get_all("authorization").iter().collect();
    assert_eq!(sent, ["Basic eDp5"], "what answers the challenge wins");
}

#[test]
fn challenges_that_nobody_reads_are_not_asked_while_a_download_is_to_be_suspended() {
    let mut driver = driver();
    let id = driver.request().id;
    driver.download.suspend(driver.now, Suspend::Gracefully).unwrap();
    challenge(&mut driver, id);
    assert!(driver.next_request().is_none());
    assert_eq!(driver.events.last(), Some(&Event::Suspended));
}
