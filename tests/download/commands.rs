//! Commands, which the caller may give at any time.

use bits_proto::ApiMisuse;
use bits_proto::download::{Config, Event, Reason, State, Suspend, TransportError};
use http::{HeaderMap, HeaderValue};

use crate::driver::{Driver, header, partial, response};

#[test]
fn a_graceful_suspension_waits_for_the_answer_under_way() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.expect_range(Some("bytes=0-3"));
    driver.download.suspend(driver.now, Suspend::Gracefully).unwrap();
    assert_eq!(driver.download.state(), State::Downloading);
    assert!(driver.answer(id, &partial("bytes 0-3/10", "0123")));
    assert!(driver.next_request().is_none());
    assert_eq!(driver.events.last(), Some(&Event::Suspended));
    assert_eq!(driver.download.state(), State::Suspended);
    assert_eq!(driver.download.poll_timeout(), None);
    driver.download.resume(driver.now).unwrap();
    driver.expect_range(Some("bytes=4-7"));
}

#[test]
fn a_graceful_suspension_takes_hold_whatever_the_answer_is() {
    for status in [401, 407, 429, 503] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.expect_range(None);
        driver.download.suspend(driver.now, Suspend::Gracefully).unwrap();
        driver.answer(id, &response(status, &[], ""));
        assert_eq!(driver.download.state(), State::Suspended, "{status}");
        assert_eq!(driver.download.poll_timeout(), None, "{status}");
        driver.download.resume(driver.now).unwrap();
        driver.expect_range(None);
    }
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    driver.download.suspend(driver.now, Suspend::Gracefully).unwrap();
    driver.download.handle_transport_error(driver.now, id, TransportError::Interrupted);
    assert_eq!(driver.download.state(), State::Suspended);
}

#[test]
fn a_suspension_at_once_keeps_what_was_stored() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    driver.download.handle_response(driver.now, id, &response(200, &[("ETag", "\"v1\"")], "0123456789"));
    driver.download.handle_received(driver.now, id, 4);
    driver.download.suspend(driver.now, Suspend::AtOnce).unwrap();
    assert_eq!(driver.download.state(), State::Suspended);
    // What is told too late changes nothing.
    driver.download.handle_received(driver.now, id, 3);
    assert_eq!(driver.download.received(), 4);
    driver.download.resume(driver.now).unwrap();
    let transmit = driver.request();
    assert_eq!(driver.aborted, [id]);
    assert_eq!(header(&transmit, "range"), Some("bytes=4-9"));
    assert_eq!(header(&transmit, "if-range"), Some("\"v1\""));
}

#[test]
fn a_request_that_nobody_took_is_never_sent() {
    let mut driver = Driver::whole(Config::builder());
    driver.download.suspend(driver.now, Suspend::AtOnce).unwrap();
    assert!(driver.next_request().is_none());
    assert!(driver.aborted.is_empty());
    driver.download.resume(driver.now).unwrap();
    driver.expect_range(None);
}

#[test]
fn a_resumption_before_the_suspension_took_hold_undoes_it() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    driver.download.suspend(driver.now, Suspend::Gracefully).unwrap();
    driver.download.resume(driver.now).unwrap();
    assert!(driver.answer(id, &response(200, &[], "0123456789")));
    driver.expect_completed(10);
}

#[test]
fn cancelling_ends_it_from_any_state() {
    let in_flight = || {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.expect_range(None);
        (driver, id)
    };
    let (mut driver, id) = in_flight();
    driver.download.cancel(driver.now).unwrap();
    assert!(driver.next_request().is_none());
    assert_eq!(driver.aborted, [id]);
    assert_eq!(driver.events.last(), Some(&Event::Cancelled));
    assert_eq!(driver.download.poll_timeout(), None);

    let (mut waiting, id) = in_flight();
    waiting.download.handle_transport_error(waiting.now, id, TransportError::Interrupted);
    let (mut failed, id) = in_flight();
    failed.answer(id, &response(404, &[], ""));
    let (mut suspended, _) = in_flight();
    suspended.download.suspend(suspended.now, Suspend::AtOnce).unwrap();
    let (mut challenged, id) = in_flight();
    challenged.answer(id, &response(401, &[], ""));
    for mut driver in [waiting, failed, suspended, challenged] {
        let state = driver.download.state();
        driver.download.cancel(driver.now).unwrap();
        assert_eq!(driver.download.state(), State::Cancelled, "{state:?}");
        assert!(driver.next_request().is_none(), "{state:?}");
        assert_eq!(driver.download.poll_timeout(), None, "{state:?}");
    }
}

#[test]
fn commands_that_make_no_sense_are_misuse() {
    let mut driver = Driver::whole(Config::builder());
    assert_eq!(driver.download.resume(driver.now), Err(ApiMisuse::NotSuspended));
    driver.download.cancel(driver.now).unwrap();
    let (now, download) = (driver.now, &mut driver.download);
    assert_eq!(download.cancel(now), Err(ApiMisuse::Ended));
    assert_eq!(download.resume(now), Err(ApiMisuse::Ended));
    assert_eq!(download.suspend(now, Suspend::AtOnce), Err(ApiMisuse::Ended));
    assert_eq!(download.authenticate(now, None), Err(ApiMisuse::Ended));
}

#[test]
fn a_failed_download_goes_on_where_it_stood() {
    let mut driver = Driver::whole(Config::builder().fragment_size(4));
    let id = driver.expect_range(Some("bytes=0-3"));
    assert!(driver.answer(id, &partial("bytes 0-3/10", "0123")));
    let id = driver.expect_range(Some("bytes=4-7"));
    driver.answer(id, &response(403, &[], ""));
    assert_eq!(driver.failure().reason, Reason::Refused);
    assert_eq!(driver.download.state(), State::Failed);
    driver.download.resume(driver.now).unwrap();
    driver.expect_range(Some("bytes=4-7"));
}

#[test]
fn credentials_are_asked_for_and_go_with_every_request_then() {
    for (status, challenge) in [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")] {
        let mut driver = Driver::whole(Config::builder().fragment_size(4));
        let id = driver.expect_range(Some("bytes=0-3"));
        driver.answer(id, &response(status, &[(challenge, "Basic realm=\"x\"")], ""));
        assert!(driver.next_request().is_none());
        assert_eq!(driver.download.state(), State::WaitingForCredentials);
        assert_eq!(driver.download.poll_timeout(), None);
        match driver.events.last() {
            Some(Event::CredentialsWanted { status: told, challenges }) => {
                assert_eq!(told.as_u16(), status);
                assert_eq!(challenges[..], ["Basic realm=\"x\""]);
            }
            other => panic!("{other:?}"),
        }
        let mut credentials = HeaderMap::new();
        credentials.try_insert("authorization", HeaderValue::from_static("Basic eDp5")).unwrap();
        driver.download.authenticate(driver.now, Some(credentials.into())).unwrap();
        for (range, content_range) in [("bytes=0-3", "bytes 0-3/10"), ("bytes=4-7", "bytes 4-7/10")] {
            let transmit = driver.request();
            assert_eq!(header(&transmit, "range"), Some(range));
            assert_eq!(header(&transmit, "authorization"), Some("Basic eDp5"));
            assert!(driver.answer(transmit.id, &partial(content_range, "0123")));
        }
    }
}

#[test]
fn no_credentials_are_a_failure() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.expect_range(None);
    driver.answer(id, &response(401, &[], ""));
    driver.download.authenticate(driver.now, None).unwrap();
    assert_eq!(driver.failure().reason, Reason::Unauthorized);
}
