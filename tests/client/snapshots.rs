//! Uploads at rest: they go on from every state, as what they were, and nothing else comes back.
#![cfg(feature = "serde")]

use std::time::Duration;

use bits_proto::client::{
    ConfigBuilder, Credentials, Entity, Event, FragmentSize, HostPolicy, Reason, Recovery, ReplyMode, State,
    Suspend, Timer, TransportError, Upload, Violation,
};
use bits_proto::packet::PacketType;
use bits_proto::{ApiMisuse, Hresult, RestoreError};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use testing::client::answers;
use testing::client::at_rest::*;
use testing::client::scenario::*;
use testing::stored::{forged, through_storage};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn named(name: &str) -> Scenario {
    everywhere().into_iter().find(|(other, ..)| *other == name).unwrap_or_else(|| panic!("{name}")).1
}

// Coming back.

#[test]
fn an_upload_comes_back_from_every_state_and_sends_what_is_next() {
    for (name, scenario, first) in everywhere() {
        let mut after = restored(&scenario, config()).waited();
        assert_eq!(after.upload.destination(), DESTINATION, "{name}");
        assert_eq!(after.upload.entity(), scenario.upload.entity(), "{name}");
        assert_eq!(after.upload.session_id(), scenario.upload.session_id(), "{name}");
        assert_eq!(after.upload.acknowledged(), scenario.upload.acknowledged(), "{name}");
        match first {
            Some(packet) => drop(after.expect(packet).clone()),
            None => after.expect_nothing(),
        }
    }
}

#[test]
fn every_state_is_among_those_that_come_back() {
    let states: Vec<State> = everywhere().iter().map(|(_, scenario, _)| scenario.upload.state()).collect();
    for state in [
        State::Pacing,
        State::WaitingToRetry,
        State::WaitingForCredentials,
        State::WaitingForReply,
        State::Suspended,
        State::Failed,
        State::Completed,
        State::Cancelled,
    ] {
        assert!(states.contains(&state), "{state:?}");
    }
    let exchanging = states.iter().filter(|state| matches!(state, State::Exchanging(_))).count();
    assert!(exchanging >= 5, "one for each packet: {states:?}");
}

#[test]
fn an_upload_comes_back_as_often_as_it_is_stored() {
    for (name, scenario, first) in everywhere() {
        let mut after = restored(&restored(&restored(&scenario, config()), config()), config()).waited();
        assert_eq!(after.upload.acknowledged(), scenario.upload.acknowledged(), "{name}");
        match first {
            Some(packet) => drop(after.expect(packet).clone()),
            None => after.expect_nothing(),
        }
    }
}

#[test]
fn after_the_ping_it_goes_on_from_what_was_acknowledged() {
    for name in
        ["sending", "sending the last fragment", "waiting to retry", "waiting for credentials", "pacing"]
    {
        let before = named(name);
        let mut after = restored(&before, config()).waited();
        after.exchange("Ping", answers::ok());
        let first = before.upload.acknowledged();
        after.expect_fragment(&format!("bytes {first}-{}/{}", first + 99, before.upload.entity().size()));
    }
}

#[test]
fn without_a_session_no_ping_goes_first_unless_wanted() {
    restored(&named("creating"), config()).expect("Create-Session");
    let mut pinged = restored(&named("creating"), config().ping_first(true));
    pinged.exchange("Ping", answers::ok());
    pinged.expect("Create-Session");
}

#[test]
fn a_suspended_upload_stays_suspended() {
    for name in ["suspended", "suspending"] {
        let before = named(name);
        let mut after = restored(&before, config());
        assert_eq!(after.upload.state(), State::Suspended);
        assert_eq!(after.upload.poll_timeout(), None);
        assert_eq!(after.events(), []);
        after.resume().unwrap();
        after.exchange("Ping", answers::ok());
        assert_eq!(
            after.expect("Fragment").headers()["content-range"].as_bytes()[6],
            match name {
                "suspended" => b'1',
                _ => b'0',
            }
        );
    }
}

#[test]
fn a_failed_upload_stays_failed_and_resumes() {
    let mut after = restored(&named("failed"), config());
    assert_eq!((after.upload.state(), after.upload.poll_timeout()), (State::Failed, None));
    assert_eq!(after.events(), []);
    after.resume().unwrap();
    after.exchange("Ping", answers::ok());
    after.expect_fragment("bytes 0-99/200");
}

#[test]
fn an_upload_that_has_ended_stays_so_and_tells_nothing() {
    for (name, state) in [("completed", State::Completed), ("cancelled", State::Cancelled)] {
        let other = Entity::new(7).unwrap();
        for mut after in [restored(&named(name), config()), restored_with(&named(name), other, config())] {
            assert_eq!((after.upload.state(), after.upload.poll_timeout()), (state, None));
            after.expect_nothing();
            assert_eq!(after.events(), []);
            assert_eq!(after.resume(), Err(ApiMisuse::Ended));
            assert_eq!(after.cancel(), Err(ApiMisuse::Ended));
            assert_eq!(after.suspend(Suspend::AtOnce), Err(ApiMisuse::Ended));
        }
    }
}

#[test]
fn a_cancelled_session_is_cancelled_after_the_restart() {
    let mut after = restored(&named("cancelling"), config());
    after.exchange("Cancel-Session", answers::ok());
    assert_eq!(after.events(), [Event::Cancelled { confirmed: true }]);
}

#[test]
fn of_a_session_that_was_being_created_nobody_knows_whether_it_is_gone() {
    let mut before = named("creating");
    before.expect("Create-Session");
    before.cancel().unwrap();
    let mut after = restored(&before, config());
    assert_eq!(after.events(), [Event::Cancelled { confirmed: false }]);
    // Where none was ever asked for, there is none.
    let mut before = Scenario::new(200, config().ping_first(true));
    before.expect("Ping");
    before.suspend(Suspend::AtOnce).unwrap();
    let mut after = restored(&before, config());
    after.cancel().unwrap();
    assert_eq!(after.events(), [Event::Cancelled { confirmed: true }]);
}

#[test]
fn q06_a_session_in_doubt_is_given_up_after_the_ping() {
    let mut after = restored(&out_of_step(), config()).waited();
    after.exchange("Ping", answers::ok());
    assert_eq!(after.restart().reason, Reason::OffsetUnknown);
    after.exchange("Cancel-Session", answers::ok());
    after.expect("Create-Session");
}

#[test]
fn what_was_told_to_an_exchange_of_before_is_void() {
    let mut before = Scenario::new(200, config());
    before.expect("Create-Session");
    let stale = before.id();
    let mut after = restored(&before, config());
    after.expect("Create-Session");
    after.upload.handle_response(after.now, stale, &answers::created());
    after.upload.handle_transport_error(after.now, stale, TransportError::Interrupted);
    assert_eq!(after.upload.state(), State::Exchanging(PacketType::CreateSession));
    after.exchange("Create-Session", answers::created());
    after.expect_fragment("bytes 0-99/200");
}

// Close-Session.

#[test]
fn c17_a_close_that_was_on_its_way_may_have_been_done() {
    let mut after = restored(&named("closing"), config());
    after.exchange("Ping", answers::ok());
    after.exchange("Close-Session", answers::session_not_found());
    assert_eq!(after.events(), [Event::Completed { confirmed: false }]);
}

#[test]
fn c17_it_may_have_been_done_however_often_the_upload_is_stored() {
    let mut after = restored(&restored(&named("closing"), config()), config());
    after.exchange("Ping", answers::ok());
    after.exchange("Close-Session", answers::session_not_found());
    assert_eq!(after.events(), [Event::Completed { confirmed: false }]);
}

#[test]
fn c17_a_close_that_never_went_was_not_done() {
    let mut after = restored(&named("sending the last fragment"), config());
    after.exchange("Ping", answers::ok());
    after.acknowledge();
    after.exchange("Close-Session", answers::session_not_found());
    assert_eq!(after.restart().reason, Reason::SessionNotFound);
    after.expect("Create-Session");
}

#[test]
fn a_close_that_was_on_its_way_is_confirmed_by_an_ack() {
    let mut after = restored(&named("closing"), config());
    after.exchange("Ping", answers::ok());
    after.exchange("Close-Session", answers::ok());
    assert_eq!(after.events(), [Event::Completed { confirmed: true }]);
}

// A fragment of which nobody knows what became.

#[test]
fn a_fragment_that_must_not_go_twice_starts_the_upload_over() {
    let mut after = restored(&named("sending"), config().recovery(Recovery::Restart));
    assert_eq!(after.restart().reason, Reason::Transport);
    after.exchange("Cancel-Session", answers::ok());
    after.exchange("Create-Session", answers::created());
    after.expect_fragment("bytes 0-99/200");
}

#[test]
fn it_starts_over_though_it_was_suspended_and_only_when_it_is_resumed() {
    let mut after = restored(&named("suspending"), config().recovery(Recovery::Restart));
    assert_eq!(after.upload.state(), State::Suspended);
    assert_eq!(after.events(), []);
    after.resume().unwrap();
    after.exchange("Cancel-Session", answers::ok());
    after.expect("Create-Session");
}

#[test]
fn it_does_not_go_twice_either_once_the_upload_has_started_over_too_often() {
    let settings = || config().recovery(Recovery::Restart).max_restarts(1);
    let mut after = restored(&named("sending"), settings());
    after.restart();
    after.exchange("Cancel-Session", answers::ok());
    after.exchange("Create-Session", answers::created());
    after.expect("Fragment");
    let mut again = restored(&after, settings());
    assert_eq!(again.failure().reason, Reason::RestartedTooOften);
    again.resume().unwrap();
    again.expect("Cancel-Session");
}

#[test]
fn where_no_fragment_was_on_its_way_nothing_starts_over() {
    for name in ["waiting to retry", "waiting for the reply", "closing", "moved to another host"] {
        let mut after = restored(&named(name), config().recovery(Recovery::Restart)).waited();
        after.expect("Ping");
        assert!(!after.events().iter().any(|event| matches!(event, Event::Restarted { .. })), "{name}");
    }
}

#[test]
fn q09_any_offset_up_to_the_total_is_taken_after_a_restore() {
    for offset in [0, 1, 100, 150, 200] {
        let mut after = restored(&named("sending"), config());
        after.exchange("Ping", answers::ok());
        after.exchange("Fragment", answers::out_of_step(offset));
        assert_eq!((after.upload.acknowledged(), after.upload.session_id().is_some()), (offset, true));
    }
    let mut after = restored(&named("sending"), config());
    after.exchange("Ping", answers::ok());
    after.exchange("Fragment", answers::out_of_step(201));
    assert_eq!(after.waits().1.reason, Reason::Protocol(Violation::OffsetPastEnd));
}

#[test]
fn q09_what_a_session_of_after_the_restore_was_sent_is_known() {
    for before in [named("creating"), named("starting over")] {
        let mut after = restored(&before, config());
        if before.upload.session_id().is_some() {
            after.exchange("Cancel-Session", answers::ok());
        }
        after.exchange("Create-Session", answers::created());
        after.exchange("Fragment", answers::received(150));
        assert_eq!(after.restart().reason, Reason::Protocol(Violation::OffsetNeverSent));
    }
}

// The source.

fn validated(validator: &str) -> Entity {
    Entity::new(200).unwrap().named(NAME).unwrap().with_validator(validator)
}

/// The scenario, of an entity with this validator.
fn with_validator(name: &str, validator: &str) -> Scenario {
    let before = named(name);
    let snapshot = forged(&before.upload.snapshot(before.now), "/entity/validator", json!(validator));
    restore(snapshot, validated(validator), config()).unwrap()
}

#[test]
fn a_source_of_another_size_or_validator_cancels_the_session_and_fails() {
    let before = with_validator("sending the last fragment", "monday");
    for other in
        [Entity::new(199).unwrap(), Entity::new(50).unwrap(), Entity::new(200).unwrap(), validated("tuesday")]
    {
        let mut after = restored_with(&before, other.named("file.bin").unwrap(), config());
        after.exchange("Cancel-Session", answers::ok());
        let failure = after.failure();
        assert_eq!(
            (failure.reason, failure.code),
            (Reason::SourceChanged, Some(Hresult::BG_E_LOCAL_FILE_CHANGED))
        );
        assert_eq!(after.resume(), Err(ApiMisuse::SourceChanged));
        after.expect_nothing();
    }
}

#[test]
fn the_same_source_under_another_name_goes_on() {
    let before = with_validator("sending the last fragment", "monday");
    let renamed = Entity::new(200).unwrap().named("other.bin").unwrap().with_validator("monday");
    let mut after = restored_with(&before, renamed, config());
    after.exchange("Ping", answers::ok());
    assert_eq!(after.expect("Fragment").headers()["content-name"], "other.bin");
}

#[test]
fn a_changed_source_is_withdrawn_from_every_state() {
    for (name, before, _) in everywhere() {
        if before.upload.state().is_ended() || matches!(name, "withdrawn" | "cancelling") {
            continue;
        }
        let mut after = restored_with(&before, Entity::new(7).unwrap(), config());
        if before.upload.session_id().is_some() {
            after.exchange("Cancel-Session", answers::ok());
        }
        assert_eq!(after.failure().reason, Reason::SourceChanged, "{name}");
        after.expect_nothing();
    }
}

#[test]
fn an_upload_that_is_cancelled_anyway_is_not_withdrawn() {
    let mut after = restored_with(&named("cancelling"), Entity::new(7).unwrap(), config());
    after.exchange("Cancel-Session", answers::ok());
    assert_eq!(after.events(), [Event::Cancelled { confirmed: true }]);
}

#[test]
fn a_withdrawal_outlasts_another_restart_with_any_source() {
    for size in [7, 200, 500] {
        let withdrawing =
            restored_with(&named("sending the last fragment"), Entity::new(7).unwrap(), config());
        let mut after = restored_with(&withdrawing, Entity::new(size).unwrap(), config());
        after.exchange("Cancel-Session", answers::session_not_found());
        assert_eq!(after.failure().reason, Reason::SourceChanged, "{size}");
        let mut over = restored_with(&after, Entity::new(size).unwrap(), config());
        assert_eq!((over.upload.state(), over.events()), (State::Failed, vec![]));
        assert_eq!(over.resume(), Err(ApiMisuse::SourceChanged));
    }
}

// Settings.

#[test]
fn the_size_of_fragments_is_what_the_new_settings_say() {
    for (size, last) in [(1000, 199), (50, 49), (100, 99)] {
        let mut after = restored(&named("waiting to retry"), config().fragment_size(size)).waited();
        after.exchange("Ping", answers::ok());
        after.expect_fragment(&format!("bytes 0-{last}/200"));
    }
    let adaptive = |least, largest| {
        let target = Duration::from_secs(1);
        config().fragments(FragmentSize::Adaptive { first: least, least, largest, target })
    };
    for (least, largest, last) in [(120, 180, 119), (10, 50, 49), (10, 180, 99)] {
        let mut after = restored(&named("waiting to retry"), adaptive(least, largest)).waited();
        after.exchange("Ping", answers::ok());
        after.expect_fragment(&format!("bytes 0-{last}/200"));
    }
}

#[test]
fn what_a_413_taught_is_remembered_whatever_the_new_settings_say() {
    let mut before = Scenario::created(100_000, config().fragment_size(20_000));
    before.exchange("Fragment", answers::ack(413, &[]));
    before.expect_fragment("bytes 0-9999/100000");
    let mut after = restored(&before, config().fragment_size(50_000));
    after.exchange("Ping", answers::ok());
    after.expect_fragment("bytes 0-9999/100000");
}

#[test]
fn a_reply_is_offered_again_and_closes_the_session_once_it_is_there() {
    let settings = || config().reply(ReplyMode::Required);
    let mut after = restored(&waiting_for_reply(), settings());
    after.exchange("Ping", answers::ok());
    assert_eq!(after.upload.state(), State::WaitingForReply);
    let url = "http://origin:8080/replies/1".parse().unwrap();
    assert_eq!(after.events(), [Event::ReplyReady { url, trusted: true }]);
    after.upload.reply_fetched(after.now).unwrap();
    after.expect("Close-Session");
    let mut closing = restored(&after, settings());
    closing.exchange("Ping", answers::ok());
    closing.exchange("Close-Session", answers::ok());
    assert_eq!(closing.events(), [Event::Completed { confirmed: true }]);
}

#[test]
fn a_snapshot_holds_no_credentials_and_no_headers_of_the_callers() {
    let secret = |name: &'static str, value: &'static str| {
        let pair = (HeaderName::from_static(name), HeaderValue::from_static(value));
        HeaderMap::from_iter([pair])
    };
    let settings = config().headers(secret("x-api-key", "k3y-of-the-caller"));
    let mut before = Scenario::challenged(settings);
    let credentials = Credentials::from(secret("authorization", "Bearer t0ken"));
    before.upload.authenticate(before.now, Some(credentials)).unwrap();
    assert_eq!(before.expect("Fragment").headers()["authorization"], "Bearer t0ken");
    assert_eq!(before.expect("Fragment").headers()["x-api-key"], "k3y-of-the-caller");
    let snapshot = before.upload.snapshot(before.now);
    let stored = [serde_json::to_string(&snapshot).unwrap(), format!("{snapshot:?}")];
    for text in stored.map(|text| text.to_lowercase()) {
        for secret in ["t0ken", "k3y-of-the-caller", "authorization", "x-api-key"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let mut after = restored(&before, config());
    assert!(!after.expect("Ping").headers().contains_key("authorization"));
}

// The host.

#[test]
fn a_session_stays_on_its_host() {
    let mut after = restored(&at_host(config()), config());
    assert_eq!(after.expect("Ping").uri(), "http://upload-2.example.org:8080/upload/file.bin?token=1");
}

#[test]
fn a_host_that_is_not_trusted_any_more_is_left() {
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("secret"))]);
    let settings = config().headers(headers).host_policy(HostPolicy::Domain("example.com".to_owned()));
    let mut after = restored(&at_host(config()), settings);
    assert_eq!(after.expect("Ping").uri(), DESTINATION);
    let host = HOST.1.parse().unwrap();
    assert_eq!(after.events(), [Event::HostRefused { host }]);
}

#[test]
fn c33_the_time_that_a_host_may_be_out_of_reach_goes_on() {
    let mut before = at_host(config());
    before.break_off(TransportError::Unsent);
    before.pass(HOUR / 4);
    let mut after = restored(&restored(&before, config()), config()).waited();
    assert_eq!(after.expect("Ping").uri().host(), Some("upload-2.example.org"));
    after.break_off(TransportError::Unsent);
    // A quarter of its hour had passed.
    while after.pass_to_timer() != Timer::HostFallback {
        assert!(after.now <= now() + HOUR, "it goes on for ever");
        after.expect("Ping");
        after.break_off(TransportError::Unsent);
    }
    assert_eq!(after.now, now() + HOUR * 3 / 4);
    assert!(after.events().contains(&Event::HostAbandoned));
}

#[test]
fn the_time_without_progress_goes_on() {
    let settings = || config().give_up_after(HOUR).retry_delays(HOUR * 9, HOUR * 9);
    let mut before = Scenario::waiting(settings());
    before.pass(HOUR / 4);
    let mut after = restored(&restored(&before, settings()), settings());
    assert_eq!(after.pass_to_timer(), Timer::GiveUp);
    assert_eq!((after.now, after.failure().reason), (now() + HOUR * 3 / 4, Reason::GaveUp));
}

#[test]
fn an_upload_that_was_stored_too_late_gives_up_at_once() {
    let settings = || config().give_up_after(HOUR);
    let before = Scenario::sending(200, settings());
    let snapshot = through_storage(&before.upload.snapshot(before.now + 9 * HOUR));
    let entity = before.upload.entity().clone();
    let mut after = restore(snapshot, entity, settings()).unwrap();
    assert_eq!(after.pass_to_timer(), Timer::GiveUp);
    assert_eq!((after.now, after.failure().reason), (now(), Reason::GaveUp));
    // A shorter patience counts from now on.
    let mut after = restored(&before, config().give_up_after(HOUR / 2));
    after.expect("Ping");
    after.pass(HOUR / 2);
    assert_eq!(after.failure().reason, Reason::GaveUp);
}

// Refusals.

#[track_caller]
fn refused(scenario: &Scenario, place: &str, value: Value) -> RestoreError {
    let snapshot = forged(&scenario.upload.snapshot(scenario.now), place, value);
    let entity = scenario.upload.entity().clone();
    restore(snapshot, entity, config()).expect_err(place)
}

#[track_caller]
fn refuses(name: &str, place: &str, value: Value, what: &'static str) {
    assert_eq!(refused(&named(name), place, value), RestoreError::Inconsistent(what), "{name}, {place}");
}

#[test]
fn a_snapshot_of_an_unknown_version_is_refused() {
    for (name, scenario, _) in everywhere() {
        for version in [0, 3, u32::MAX] {
            assert_eq!(
                refused(&scenario, "/version", json!(version)),
                RestoreError::Version(version),
                "{name}"
            );
        }
    }
}

#[test]
fn a_snapshot_with_impossible_sizes_is_refused() {
    refuses("sending", "/entity/size", json!(1u64 << 63), "the size of the entity");
    refuses("sending", "/entity/size", json!(u64::MAX), "the size of the entity");
    for offset in [201, u64::MAX] {
        refuses("sending the last fragment", "/place/Session/offset", json!(offset), "the offset");
    }
    refuses("sending the last fragment", "/guards/best", json!(201), "the offset");
    refuses("sending the last fragment", "/guards/best", json!(99), "the offset");
    refuses("sending the last fragment", "/guards/farthest", json!(201), "the offset");
    refuses("sending", "/sizer", json!(0), "the size of a fragment");
    refuses("sending", "/place/Session/ceiling", json!(0), "the size of a fragment");
}

#[test]
fn a_snapshot_of_a_state_that_cannot_be_is_refused() {
    let over = |name: &str| json!({ name: { "confirmed": true } });
    refuses("creating", "/doing", over("Completed"), "the state");
    refuses("sending", "/doing", over("Completed"), "the state");
    refuses("sending", "/doing", over("Cancelled"), "the state");
    refuses("sending", "/doing", json!({ "Failed": { "for_good": true } }), "the state");
    refuses("sending", "/doing", json!("FetchingReply"), "the state");
    let nowhere = json!({ "Nowhere": { "ping": false } });
    refuses("completed", "/place", nowhere.clone(), "the state");
    refuses("sending", "/place", nowhere, "the exchange under way");
}

#[test]
fn a_snapshot_of_an_exchange_that_cannot_be_is_refused() {
    let what = "the exchange under way";
    let exchanging = |packet: &str| json!({ "Exchanging": { "packet": packet, "then_suspend": false } });
    refuses("sending", "/doing", exchanging("CreateSession"), what);
    refuses("sending", "/doing", exchanging("Ack"), what);
    // A Close before the last byte would be taken for one that may have published the entity.
    refuses("sending", "/doing", exchanging("CloseSession"), what);
    refuses("closing", "/doing", exchanging("Fragment"), what);
    refuses("creating", "/doing", exchanging("CancelSession"), what);
}

#[test]
fn a_snapshot_whose_urls_lead_nowhere_is_refused() {
    for destination in ["", "http:///x", "\0", "http://a b/"] {
        refuses("sending", "/destination", json!(destination), "the destination");
    }
    for destination in ["/upload", "ftp://origin:8080/upload/file.bin"] {
        let error = refused(&named("sending"), "/destination", json!(destination));
        assert_eq!(error, RestoreError::OtherDestination, "{destination}");
    }
    for url in ["", "/replies/1", "file:///etc/passwd", "\0"] {
        refuses("waiting for the reply", "/place/Session/reply/Url", json!(url), "the reply's URL");
    }
}

// The destination.

fn sending_to(destination: &str) -> Result<Scenario, RestoreError> {
    let before = named("sending the last fragment");
    let snapshot = through_storage(&before.upload.snapshot(before.now));
    restore_to(destination, snapshot, Duration::ZERO, before.upload.entity().clone(), config())
}

#[test]
fn a_destination_with_another_query_is_the_same_upload_and_goes_on_there() {
    for destination in [
        "http://origin:8080/upload/file.bin?token=2",
        "http://origin:8080/upload/file.bin",
        "http://ORIGIN:8080/upload/file.bin?token=3&more",
    ] {
        let mut after = sending_to(destination).unwrap();
        assert_eq!(after.expect("Ping").uri(), destination);
        after.answer(answers::ok());
        assert_eq!(after.expect("Fragment").uri(), destination);
        after.expect_fragment("bytes 100-199/200");
        let mut again = restored_to(&after, destination);
        assert_eq!(again.expect("Ping").uri(), destination);
    }
}

fn restored_to(scenario: &Scenario, destination: &str) -> Scenario {
    let snapshot = through_storage(&scenario.upload.snapshot(scenario.now));
    let entity = scenario.upload.entity().clone();
    restore_to(destination, snapshot, Duration::ZERO, entity, config()).unwrap()
}

#[test]
fn another_query_goes_to_the_sessions_own_host_as_well() {
    let before = at_host(config());
    let mut after = restored_to(&before, "http://origin:8080/upload/file.bin?token=2");
    let url = "http://upload-2.example.org:8080/upload/file.bin?token=2";
    assert_eq!(after.expect("Ping").uri(), url);
}

#[test]
fn another_destination_is_another_upload() {
    for destination in [
        "https://origin:8080/upload/file.bin?token=1",
        "http://other:8080/upload/file.bin?token=1",
        "http://origin/upload/file.bin?token=1",
        "http://origin:8080/upload/FILE.bin?token=1",
        "http://origin:8080/upload/file.bin/?token=1",
        "/upload/file.bin",
    ] {
        assert_eq!(sending_to(destination).err(), Some(RestoreError::OtherDestination), "{destination}");
    }
}

#[test]
fn the_port_of_a_scheme_need_not_be_written() {
    let upload = |destination: &str| {
        let entity = Entity::new(1).unwrap();
        Upload::new(now(), destination.parse().unwrap(), entity, config().build().unwrap()).unwrap()
    };
    for (stored, written) in [("http://o/a", "http://o:80/a"), ("https://o:443/a", "https://o/a")] {
        let snapshot = upload(stored).snapshot(now());
        let entity = snapshot.entity().clone();
        assert!(restore_to(written, snapshot, Duration::ZERO, entity, config()).is_ok(), "{written}");
    }
}

// The time at rest.

/// The upload after so long at rest.
fn after_rest(before: &Scenario, age: Duration, config: ConfigBuilder) -> Scenario {
    let snapshot = through_storage(&before.upload.snapshot(before.now));
    restore_to(DESTINATION, snapshot, age, before.upload.entity().clone(), config).unwrap()
}

#[test]
fn the_rest_of_a_delay_is_waited_for_and_time_at_rest_counts() {
    let settings = || config().retry_delays(HOUR, HOUR);
    let mut before = Scenario::created(200, settings());
    before.exchange("Fragment", answers::ack(503, &[("Retry-After", "3600")]));
    let (delay, _) = before.waits();
    let passed = Duration::from_secs(60);
    before.pass(passed);
    for age in [Duration::ZERO, passed, 10 * passed] {
        let mut after = after_rest(&before, age, settings());
        assert_eq!(after.upload.state(), State::WaitingToRetry);
        after.expect_nothing();
        after.retry();
        assert_eq!(after.now - now(), delay - passed - age);
        after.expect("Ping");
    }
    // It is over.
    after_rest(&before, 2 * HOUR, settings()).expect("Ping");
    // What waited is suspended without waiting, and resumed at once.
    let mut after = after_rest(&before, Duration::ZERO, settings());
    after.suspend(Suspend::AtOnce).unwrap();
    after.resume().unwrap();
    after.expect("Ping");
}

#[test]
fn c33_a_host_whose_time_is_over_at_rest_is_left_at_once() {
    let mut before = at_host(config());
    before.break_off(TransportError::Unsent);
    for (age, host) in [(HOUR / 2, "upload-2.example.org"), (HOUR, "origin"), (30 * HOUR, "origin")] {
        let mut after = after_rest(&before, age, config()).waited();
        assert_eq!(after.expect("Ping").uri().host(), Some(host), "{age:?}");
        assert_eq!(after.events().contains(&Event::HostAbandoned), host == "origin");
    }
    // A host that did not fail has no time that could be over.
    let mut fine = after_rest(&at_host(config()), 30 * HOUR, config());
    assert_eq!(fine.expect("Ping").uri().host(), Some("upload-2.example.org"));
}

#[test]
fn the_time_without_progress_does_not_run_at_rest() {
    let settings = || config().give_up_after(HOUR);
    let before = Scenario::sending(200, settings());
    let mut after = after_rest(&before, 90 * HOUR, settings());
    after.exchange("Ping", answers::ok());
    after.acknowledge();
}

// Nothing that an upload knows is lost at rest.

/// In the same process, and in another one.
fn here_and_elsewhere(scenario: impl Fn() -> Scenario, settings: fn() -> ConfigBuilder) -> [Scenario; 2] {
    [scenario(), restored(&scenario(), settings())]
}

#[test]
fn a_close_refused_for_lost_bytes_is_mended_after_a_restore_as_well() {
    let refused = || {
        let mut scenario = Scenario::closing(config());
        scenario.answer(answers::error(400, "0x80070057"));
        scenario.events();
        scenario
    };
    for mut scenario in here_and_elsewhere(refused, config) {
        assert_eq!(scenario.upload.state(), State::Failed);
        scenario.resume().unwrap();
        scenario.exchange("Ping", answers::ok());
        scenario.expect_fragment("bytes 0-99/100");
        scenario.answer(answers::out_of_step(0));
        scenario.acknowledge();
        scenario.exchange("Close-Session", answers::ok());
        assert_eq!(scenario.upload.state(), State::Completed);
    }
}

#[test]
fn credentials_that_are_always_refused_are_given_up_across_restarts() {
    let mut scenario = Scenario::challenged(config());
    for asked in 1.. {
        assert!(asked < 100, "it would go on for ever");
        let secret = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("x"))]);
        scenario.upload.authenticate(scenario.now, Some(secret.into())).unwrap();
        scenario = restored(&scenario, config());
        scenario.exchange("Ping", answers::page(401));
        if scenario.upload.state() == State::Failed {
            break;
        }
        // One that was not answered was not tried.
        scenario = restored(&scenario, config());
        scenario.exchange("Ping", answers::page(401));
        assert_eq!(scenario.upload.state(), State::WaitingForCredentials);
    }
    assert_eq!(scenario.failure().reason, Reason::Unauthorized);
}

#[test]
fn a_reply_that_was_missing_is_asked_for_again_after_a_restore_as_well() {
    let settings = || config().reply(ReplyMode::Required);
    let missing = || {
        let mut scenario = Scenario::created(100, settings());
        scenario.acknowledge();
        scenario.events();
        scenario
    };
    for mut scenario in here_and_elsewhere(missing, settings) {
        scenario.resume().unwrap();
        scenario.exchange("Ping", answers::ok());
        scenario.expect_fragment("bytes 0-99/100");
    }
}

#[test]
fn the_guards_count_on_across_restarts() {
    let settings = || config().max_stalls(2);
    let mut scenario = Scenario::created(200, settings());
    for _ in 0..2 {
        scenario.exchange("Fragment", answers::received(0));
        scenario = restored(&scenario, settings());
        scenario.exchange("Ping", answers::ok());
    }
    scenario.exchange("Fragment", answers::received(0));
    assert_eq!(scenario.failure().reason, Reason::Stalled);
}

#[test]
fn a_snapshot_says_what_it_is_of() {
    for (name, scenario, _) in everywhere() {
        let (snapshot, upload) = (scenario.upload.snapshot(scenario.now), &scenario.upload);
        assert_eq!(snapshot.state(), upload.state(), "{name}");
        assert_eq!(snapshot.session_id(), upload.session_id(), "{name}");
        assert_eq!(snapshot.acknowledged(), upload.acknowledged(), "{name}");
        assert_eq!((snapshot.entity(), snapshot.destination()), (upload.entity(), DESTINATION), "{name}");
    }
}
