//! Downloads at rest: stored in any state, and restored in another process.

use std::time::{Duration, SystemTime};

use bits_proto::Conformance;
use bits_proto::download::{
    ApplicationRanges, Config, ConfigBuilder, Download, Entity, HeadRequest, Reason, Segment, State, Suspend,
    Timer, TransportError, respond,
};
use http::{Request, Response};

use crate::driver::{Driver, header, partial, response};

const ENTITY: &str = "All human beings are born free and equal in dignity and rights.";

fn config() -> ConfigBuilder {
    Config::builder().fragment_size(20)
}

fn serve(request: &Request<()>, version: &str) -> Response<Vec<u8>> {
    let entity = Entity::new(63, SystemTime::UNIX_EPOCH).unwrap().with_etag(version.parse().unwrap());
    let mut response = respond(request, &entity, Conformance::Strict, || [0; 16]).map(|body| {
        let bytes = |segment| match segment {
            Segment::Entity(range) => ENTITY.as_bytes()[range.start as usize..range.end as usize].to_vec(),
            Segment::Text(text) => text.to_vec(),
        };
        body.into_iter().flat_map(bytes).collect()
    });
    // The servers of the stored files told versions apart by tags alone.
    response.headers_mut().remove("last-modified");
    response
}

/// Fetches the next 20 bytes.
fn fragment(driver: &mut Driver) {
    let transmit = driver.request();
    driver.answer(transmit.id, &serve(&transmit.request, "\"v1\""));
}

/// A download of which 20 bytes are here.
fn begun() -> Driver {
    let mut driver = Driver::whole(config());
    fragment(&mut driver);
    driver
}

/// The same, after an answer of this status to its second request.
fn answered(status: u16) -> Driver {
    let mut driver = begun();
    let transmit = driver.request();
    driver.answer(transmit.id, &response(status, &[], ""));
    driver
}

/// A download in every state that there is.
fn everywhere() -> Vec<(&'static str, Driver)> {
    let mut receiving = begun();
    let transmit = receiving.request();
    let half = serve(&transmit.request, "\"v1\"");
    receiving.download.handle_response(receiving.now, transmit.id, &half);
    receiving.stored.extend_from_slice(&half.body()[..8]);
    receiving.download.handle_received(receiving.now, transmit.id, 8);

    let mut pacing = Driver::whole(config().rate(Some(80.try_into().unwrap())));
    fragment(&mut pacing);

    let mut suspending = begun();
    drop(suspending.request());
    suspending.download.suspend(suspending.now, Suspend::Gracefully).unwrap();
    let mut suspended = begun();
    suspended.download.suspend(suspended.now, Suspend::AtOnce).unwrap();

    let mut completed = begun();
    for _ in 0..3 {
        fragment(&mut completed);
    }
    let mut cancelled = begun();
    cancelled.download.cancel(cancelled.now).unwrap();

    vec![
        ("measuring", Driver::whole(config().head(HeadRequest::Always))),
        ("downloading", Driver::whole(config())),
        ("receiving", receiving),
        ("pacing", pacing),
        ("waiting-to-retry", answered(503)),
        ("waiting-for-credentials", answered(401)),
        ("suspending", suspending),
        ("suspended", suspended),
        ("failed", answered(404)),
        ("completed", completed),
        ("cancelled", cancelled),
    ]
}

#[test]
fn every_state_is_among_the_tested() {
    let states: Vec<_> = everywhere().iter().map(|(_, driver)| driver.download.state()).collect();
    for state in [
        State::Measuring,
        State::Downloading,
        State::Pacing,
        State::WaitingToRetry,
        State::WaitingForCredentials,
        State::Suspended,
        State::Failed,
        State::Completed,
        State::Cancelled,
    ] {
        assert!(states.contains(&state), "{state:?}");
    }
}

#[test]
fn a_restored_download_comes_to_the_same_end() {
    for (name, mut driver) in everywhere() {
        let (before, received) = (driver.download.state(), driver.download.received());
        driver.restart(config());
        assert_eq!(driver.download.received(), received, "{name}");
        match before {
            State::Completed | State::Cancelled => {
                assert_eq!(driver.download.state(), before, "{name}");
                assert_eq!(driver.download.poll_timeout(), None, "{name}");
                assert!(driver.next_request().is_none(), "{name}");
                continue;
            }
            State::Suspended | State::Failed => {
                assert_eq!(driver.download.state(), before, "{name}");
                assert!(driver.next_request().is_none(), "{name}");
                driver.download.resume(driver.now).unwrap();
            }
            _ if name == "suspending" => {
                assert_eq!(driver.download.state(), State::Suspended);
                driver.download.resume(driver.now).unwrap();
            }
            State::WaitingToRetry | State::Pacing => {
                assert_eq!(driver.download.state(), before, "{name}");
                assert!(driver.next_request().is_none(), "{name}");
                driver.wait();
            }
            _ => assert!(driver.download.poll_timeout().is_some(), "{name}"),
        }
        for _ in 0..10 {
            if !driver.download.state().is_ended() {
                if driver.download.state() == State::Pacing {
                    driver.wait();
                }
                fragment(&mut driver);
            }
        }
        driver.expect_completed(63);
        assert_eq!(driver.stored, ENTITY.as_bytes(), "{name}");
    }
}

#[test]
fn a_snapshot_of_what_was_restored_is_the_snapshot() {
    for (name, driver) in everywhere() {
        let snapshot = driver.download.snapshot(driver.now);
        let restored =
            Download::restore(driver.now, snapshot.clone(), Duration::ZERO, config().build().unwrap());
        let restored = restored.unwrap();
        // A request that was under way goes again, under an id of its own.
        let exchanges = matches!(restored.state(), State::Measuring | State::Downloading);
        assert_eq!(restored.snapshot(driver.now) == snapshot, !exchanges, "{name}");
        assert_eq!(snapshot.url(), crate::driver::URL);
        assert_eq!(snapshot.ranges(), &ApplicationRanges::whole());
        assert_eq!(snapshot.received(), driver.download.received());
        assert_eq!(snapshot.entity_size(), driver.download.entity_size());
        assert_eq!(snapshot.size(), driver.download.size());
        assert_eq!(snapshot.state(), restored.state(), "{name}");
    }
}

#[test]
fn a_restored_download_goes_on_behind_what_was_stored_if_the_version_is_still_there() {
    let mut driver = begun();
    drop(driver.request());
    driver.restart(config());
    let transmit = driver.request();
    assert_eq!(header(&transmit, "range"), Some("bytes=20-39"));
    assert_eq!(header(&transmit, "if-range"), Some("\"v1\""));
}

#[test]
fn a_restored_download_starts_over_if_the_entity_has_changed() {
    let mut driver = begun();
    driver.restart(config());
    let transmit = driver.request();
    // `If-Range` names a version that is gone: the whole comes.
    driver.answer(transmit.id, &serve(&transmit.request, "\"v2\""));
    assert_eq!(driver.download.received(), 0);
    driver.expect_range(Some("bytes=0-19"));
}

#[test]
fn a_restored_download_compares_dates_where_there_is_no_tag() {
    let mut driver = Driver::whole(config());
    let id = driver.expect_range(Some("bytes=0-19"));
    let date = ("Last-Modified", "Mon, 18 Jun 2007 21:12:01 GMT");
    let later = ("Last-Modified", "Mon, 18 Jun 2007 21:12:02 GMT");
    let part = |range, date| response(206, &[("Content-Range", range), date], &"x".repeat(20));
    driver.answer(id, &part("bytes 0-19/63", date));
    driver.restart(config());
    let id = driver.expect_range(Some("bytes=20-39"));
    driver.answer(id, &part("bytes 20-39/63", date));
    driver.restart(config());
    let id = driver.expect_range(Some("bytes=40-59"));
    driver.answer(id, &part("bytes 40-59/63", later));
    assert_eq!(driver.download.received(), 0);
}

#[test]
fn what_a_restored_download_knows_of_the_server_it_need_not_learn_again() {
    let ranges = ApplicationRanges::new([0..4, 8..12]).unwrap();
    let mut driver = Driver::new(ranges, Config::builder());
    let head = driver.request();
    driver.answer(head.id, &response(200, &[("ETag", "\"v1\"")], ENTITY));
    let id = driver.expect_range(Some("bytes=0-3,8-11"));
    driver.answer(id, &partial("bytes 0-3/63", "All "));
    driver.restart(Config::builder());
    // It knows the length, and that this server does not do several ranges at once.
    let id = driver.expect_range(Some("bytes=0-3"));
    driver.answer(id, &partial("bytes 0-3/63", "All "));
    driver.expect_range(Some("bytes=8-11"));
}

#[test]
fn a_report_on_what_another_process_asked_for_changes_nothing() {
    let mut driver = begun();
    let old = driver.request().id;
    driver.restart(config());
    let new = driver.request().id;
    assert!(new > old);
    driver.download.handle_response(driver.now, old, &partial("bytes 20-39/63", &ENTITY[20..40]));
    driver.download.handle_transport_error(driver.now, old, TransportError::Interrupted);
    assert!(driver.download.poll_output().is_none());
    assert_eq!(driver.download.state(), State::Downloading);
}

const HOUR: Duration = Duration::from_secs(3600);

/// The download in another process, after a time at rest.
fn after(driver: &Driver, age: Duration, config: ConfigBuilder) -> Driver {
    let mut restored = Driver::whole(config.clone());
    restored.now = driver.now;
    let snapshot = driver.download.snapshot(driver.now);
    restored.download = Download::restore(driver.now, snapshot, age, config.build().unwrap()).unwrap();
    restored
}

#[test]
fn the_time_at_rest_counts_for_the_time_without_progress() {
    let config = || Config::builder().give_up_after(4 * HOUR);
    let mut driver = Driver::whole(config());
    drop(driver.request());
    driver.now += HOUR;
    // One of four hours has passed, and two of the other three pass at rest.
    let mut restored = after(&driver, 2 * HOUR, config());
    let id = restored.request().id;
    restored.download.handle_transport_error(restored.now, id, TransportError::Interrupted);
    restored.now += HOUR;
    restored.download.handle_timeout(restored.now);
    assert_eq!(restored.failure().reason, Reason::GaveUp);
    // Restarted every hour, it gives up like any other.
    for age in [3 * HOUR, 100 * HOUR, Duration::MAX] {
        let mut restored = after(&driver, age, config());
        assert_eq!(restored.failure().reason, Reason::GaveUp, "{age:?}");
    }
    // Whoever waits for the caller has no such time.
    driver.download.suspend(driver.now, Suspend::AtOnce).unwrap();
    let mut restored = after(&driver, 100 * HOUR, config());
    restored.download.resume(restored.now).unwrap();
    restored.expect_range(None);
}

#[test]
fn the_time_at_rest_counts_for_the_next_try() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.request().id;
    driver.answer(id, &response(503, &[("Retry-After", "3600")], ""));
    driver.now += HOUR / 4;
    let mut soon = after(&driver, HOUR / 4, Config::builder());
    assert_eq!(soon.download.next_timer(), Some((soon.now + HOUR / 2, Timer::Retry)));
    assert!(soon.next_request().is_none(), "a restart does not break the server's wish");
    soon.wait();
    soon.expect_range(None);
    let mut late = after(&driver, HOUR, Config::builder());
    late.expect_range(None);
}

#[test]
fn the_time_at_rest_counts_for_the_pace() {
    let config = || config().rate(Some(1.try_into().unwrap()));
    let mut driver = Driver::whole(config());
    let id = driver.expect_range(Some("bytes=0-0"));
    driver.answer(id, &partial("bytes 0-0/63", "A"));
    assert!(driver.next_request().is_none());
    let soon = after(&driver, Duration::from_millis(400), config());
    assert_eq!(soon.download.next_timer(), Some((soon.now + Duration::from_millis(600), Timer::Pace)));
    let mut late = after(&driver, Duration::from_secs(1), config());
    late.expect_range(Some("bytes=1-1"));
}

#[test]
fn delays_go_on_growing_after_a_restart() {
    let second = Duration::from_secs(1);
    let config = || Config::builder().retry_delays(second, 1000 * second);
    let mut driver = Driver::whole(config());
    for _ in 0..6 {
        let id = driver.request().id;
        driver.download.handle_transport_error(driver.now, id, TransportError::Interrupted);
        driver.wait();
        driver = after(&driver, Duration::ZERO, config());
    }
    let id = driver.request().id;
    driver.download.handle_transport_error(driver.now, id, TransportError::Interrupted);
    let (at, _) = driver.download.next_timer().unwrap();
    assert!(at - driver.now >= 48 * second, "64 seconds, but for a quarter");
}

#[test]
fn a_bound_that_has_shrunk_since_holds_for_what_was_restored() {
    let mut driver = begun();
    driver.restart(config().max_size(62));
    assert_eq!(driver.failure().reason, Reason::TooLarge);
}

#[cfg(feature = "serde")]
mod stored {
    use bits_proto::RestoreError;
    use bits_proto::download::Snapshot;
    use serde_json::{Value, json};

    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/snapshots");

    fn restore(stored: Value) -> Result<Download, RestoreError> {
        let snapshot: Snapshot = serde_json::from_value(stored).unwrap();
        Download::restore(begun().now, snapshot, Duration::ZERO, config().build().unwrap())
    }

    /// The snapshot of a download of which 20 bytes are here, but for one field.
    fn tampered(field: &str, value: Value) -> Value {
        let driver = begun();
        let mut stored = serde_json::to_value(driver.download.snapshot(driver.now)).unwrap();
        assert!(stored.get(field).is_some(), "{field}");
        stored[field] = value;
        stored
    }

    #[test]
    fn a_snapshot_of_no_known_version_is_refused() {
        for version in [0, 3, u32::MAX] {
            let error = restore(tampered("version", json!(version))).unwrap_err();
            assert_eq!(error, RestoreError::Version(version));
        }
    }

    #[test]
    fn a_snapshot_that_no_download_can_have_made_is_refused() {
        for (field, value, what) in [
            ("received", json!(64), "how much was received"),
            ("length", json!(null), "how much was received"),
            ("length", json!(1_u64 << 63), "the length of the entity"),
            ("rest", json!("Completed"), "its completion"),
            ("etag", json!("no tag"), "the entity tag"),
            ("url", json!("no URL"), "the URL"),
            ("url", json!("/replies/1"), "the URL"),
            ("url", json!("ftp://server/replies/1"), "the URL"),
        ] {
            let error = restore(tampered(field, value.clone())).unwrap_err();
            assert_eq!(error, RestoreError::Inconsistent(what), "{field} {value}");
        }
        for (field, value) in [
            ("ranges", json!([])),
            ("ranges", json!([{ "start": 5, "end": 5 }])),
            ("etag", json!("a\nb")),
            ("last_modified", json!("a\r\nb: c")),
            ("rest", json!("Away")),
        ] {
            let stored = serde_json::from_value::<Snapshot>(tampered(field, value.clone()));
            assert!(stored.is_err(), "{field} {value}");
        }
    }

    #[test]
    fn the_ranges_of_a_snapshot_hold_what_was_received() {
        let mut stored = tampered("ranges", json!([{ "start": 0, "end": 30 }]));
        assert!(restore(stored.clone()).is_ok());
        stored["ranges"] = json!([{ "start": 0, "end": 19 }]);
        let error = restore(stored).unwrap_err();
        assert_eq!(error, RestoreError::Inconsistent("how much was received"));
    }

    /// Files that earlier versions stored. They are never changed: a form that changes has a version, and files, of its
    /// own. A person writes those with `REGENERATE_SNAPSHOTS=1 cargo test --features serde --test download`.
    #[test]
    fn snapshots_of_version_1_stay_readable() {
        for (name, driver) in everywhere() {
            let restored = restore(file("v1", name)).unwrap();
            assert_eq!(restored.received(), driver.download.received(), "{name}");
            // Version 1 did not say how long a download waits: it goes on at once.
            let expected = match driver.download.state() {
                _ if name == "suspending" => State::Suspended,
                State::Pacing | State::WaitingToRetry | State::WaitingForCredentials => State::Downloading,
                state => state,
            };
            assert_eq!(restored.state(), expected, "{name}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the snapshots are in files")]
    fn the_form_of_today_is_the_form_of_the_files() {
        for (name, driver) in everywhere() {
            let today = serde_json::to_value(driver.download.snapshot(driver.now)).unwrap();
            if std::env::var_os("REGENERATE_SNAPSHOTS").is_some() {
                assert!(std::env::var_os("CI").is_none(), "never in CI");
                let text = serde_json::to_string_pretty(&today).unwrap();
                std::fs::write(format!("{FOLDER}/download-v2-{name}.json"), text + "\n").unwrap();
            }
            assert_eq!(today, file("v2", name), "{name}");
            let restored = restore(today).unwrap();
            assert_eq!(restored.received(), driver.download.received(), "{name}");
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the snapshots are in files")]
    fn file(version: &str, name: &str) -> Value {
        let path = format!("{FOLDER}/download-{version}-{name}.json");
        serde_json::from_str(&std::fs::read_to_string(path).expect(name)).unwrap()
    }
}
