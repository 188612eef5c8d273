//! Downloads at rest: stored in any state, and restored in another process.

use std::time::Duration;

use bits_proto::Conformance;
use bits_proto::download::{
    ApplicationRanges, Config, ConfigBuilder, Entity, HeadRequest, Output, Segment, State, Suspend, respond,
};
use http::{Request, Response};

use crate::driver::{Driver, header, partial, response};

const ENTITY: &str = "All human beings are born free and equal in dignity and rights.";

fn config() -> ConfigBuilder {
    Config::builder().fragment_size(20)
}

fn serve(request: &Request<()>, version: &str) -> Response<Vec<u8>> {
    let entity = Entity::new(63).unwrap().with_etag(version.parse().unwrap());
    respond(request, &entity, Conformance::Strict, || [0; 16]).map(|body| {
        let bytes = |segment| match segment {
            Segment::Entity(range) => ENTITY.as_bytes()[range.start as usize..range.end as usize].to_vec(),
            Segment::Text(text) => text.to_vec(),
        };
        body.into_iter().flat_map(bytes).collect()
    })
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

    let mut pacing = Driver::whole(config().rate(80.try_into().unwrap()));
    fragment(&mut pacing);

    let mut suspending = begun();
    suspending.request();
    suspending.download.suspend(suspending.now, Suspend::Gracefully).unwrap();
    let mut suspended = begun();
    suspended.download.suspend(suspended.now, Suspend::AtOnce).unwrap();

    let mut completed = begun();
    for _ in 0..3 {
        fragment(&mut completed);
    }
    let mut cancelled = begun();
    cancelled.download.cancel().unwrap();

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
            _ => assert!(driver.download.poll_timeout().is_some(), "{name}"),
        }
        for _ in 0..10 {
            if !driver.download.state().is_ended() {
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
            bits_proto::download::Download::restore(driver.now, snapshot.clone(), config().build().unwrap());
        let restored = restored.unwrap();
        // A request that was under way, or due, goes again, under an id of its own.
        if restored.poll_timeout().is_none() {
            assert_eq!(restored.snapshot(driver.now), snapshot, "{name}");
        } else {
            assert_ne!(restored.snapshot(driver.now), snapshot, "{name}");
        }
        assert_eq!(snapshot.url(), crate::driver::URL);
        assert_eq!(snapshot.ranges(), &ApplicationRanges::whole());
        assert_eq!(snapshot.received(), driver.download.received());
    }
}

#[test]
fn a_restored_download_goes_on_behind_what_was_stored_if_the_version_is_still_there() {
    let mut driver = begun();
    driver.request();
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
    driver.download.handle_transport_error(driver.now, old);
    assert!(driver.download.poll_output().is_none());
    assert_eq!(driver.download.state(), State::Downloading);
}

#[test]
fn while_it_is_stored_no_time_passes() {
    let hour = Duration::from_secs(3600);
    let config = || Config::builder().give_up_after(2 * hour).retry_delays(3 * hour, 3 * hour);
    let mut driver = Driver::whole(config());
    let id = driver.expect_range(None);
    driver.download.handle_transport_error(driver.now, id);
    driver.now += hour;
    let snapshot = driver.download.snapshot(driver.now);
    driver.now += 100 * hour;
    let config = config().build().unwrap();
    let mut restored = bits_proto::download::Download::restore(driver.now, snapshot, config).unwrap();
    let Some(Output::Transmit(transmit)) = restored.poll_output() else { panic!("it goes on at once") };
    restored.handle_transport_error(driver.now, transmit.id);
    // One of its two hours had passed.
    assert_eq!(restored.poll_timeout(), Some(driver.now + hour));
    restored.handle_timeout(driver.now + hour);
    assert_eq!(restored.state(), State::Failed);
}

#[test]
fn a_bound_that_has_shrunk_since_holds_for_what_was_restored() {
    let mut driver = begun();
    driver.restart(config().max_length(62));
    assert_eq!(driver.failure().reason, bits_proto::download::Reason::TooLong);
}

#[cfg(feature = "serde")]
mod stored {
    use bits_proto::RestoreError;
    use bits_proto::download::{Download, Snapshot};
    use serde_json::{Value, json};

    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/snapshots");

    fn restore(stored: Value) -> Result<Download, RestoreError> {
        let snapshot: Snapshot = serde_json::from_value(stored).unwrap();
        Download::restore(begun().now, snapshot, config().build().unwrap())
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
        for version in [0, 2, u32::MAX] {
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
    #[expect(clippy::disallowed_methods, reason = "the snapshots are in files")]
    fn snapshots_of_earlier_versions_stay_readable() {
        for (name, driver) in everywhere() {
            let today = serde_json::to_value(driver.download.snapshot(driver.now)).unwrap();
            let path = format!("{FOLDER}/download-v1-{name}.json");
            if std::env::var_os("REGENERATE_SNAPSHOTS").is_some() {
                let text = serde_json::to_string_pretty(&today).unwrap();
                std::fs::write(&path, text + "\n").unwrap();
            }
            let stored: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect(name)).unwrap();
            assert_eq!(today, stored, "{name}");
            let restored = restore(stored).unwrap();
            assert_eq!(restored.received(), driver.download.received(), "{name}");
        }
    }
}
