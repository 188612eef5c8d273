//! Upload-reply: where the reply is, and that it is fetched before the session is closed.

use bits_proto::ApiMisuse;
use bits_proto::client::{ConfigBuilder, Event, HostPolicy, Reason, ReplyMode, State};
use http::Response;
use testing::client::answers;
use testing::client::scenario::{FRAGMENT, Scenario, config};

fn required() -> ConfigBuilder {
    config().reply(ReplyMode::Required)
}

fn received_with_reply(offset: u64, url: &str) -> Response<()> {
    answers::with(answers::received(offset), &[("BITS-Reply-URL", url)])
}

/// The reply that was offered, and whether its host is trusted.
#[track_caller]
fn offered(scenario: &mut Scenario) -> (String, bool) {
    match scenario.events().pop() {
        Some(Event::ReplyReady { url, trusted }) => (url.to_string(), trusted),
        other => panic!("{other:?}"),
    }
}

#[test]
fn c39_the_session_is_closed_once_the_reply_is_here() {
    let mut scenario = Scenario::with_reply("/replies/1", required());
    assert_eq!(offered(&mut scenario), ("http://origin:8080/replies/1".to_owned(), true));
    scenario.expect_nothing();
    // Fetching it may take as long as it takes.
    assert_eq!(scenario.upload.poll_timeout(), None);
    scenario.upload.reply_fetched(scenario.now).unwrap();
    scenario.exchange("Close-Session", answers::ok());
    assert_eq!(scenario.events(), [Event::Completed { confirmed: true }]);
}

#[test]
fn c39_a_reply_that_could_not_be_fetched_is_offered_again() {
    let mut scenario = Scenario::with_reply("/replies/1", required());
    scenario.upload.reply_failed(scenario.now).unwrap();
    assert_eq!(scenario.failure().reason, Reason::ReplyFailed);
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    offered(&mut scenario);
    scenario.upload.reply_fetched(scenario.now).unwrap();
    scenario.expect("Close-Session");
}

#[test]
fn c40_a_required_reply_that_is_not_named_is_a_failure() {
    for answer in [answers::received(FRAGMENT), received_with_reply(FRAGMENT, "")] {
        let mut scenario = Scenario::created(FRAGMENT, required());
        scenario.exchange("Fragment", answer);
        assert_eq!(scenario.failure().reason, Reason::ReplyMissing);
        scenario.expect_nothing();
    }
}

#[test]
fn c40_a_resumed_upload_asks_for_the_reply_with_its_last_fragment_again() {
    let mut scenario = Scenario::after_fragments(1, 150, required());
    scenario.exchange("Fragment", answers::received(150));
    scenario.failure();
    scenario.resume().unwrap();
    scenario.exchange("Ping", answers::ok());
    let range = scenario.expect("Fragment").headers()["content-range"].to_str().unwrap().to_owned();
    assert!(range.ends_with("-149/150"), "{range}");
    scenario.answer(received_with_reply(150, "/replies/1"));
    offered(&mut scenario);
}

#[test]
fn c40_an_optional_reply_may_be_missing() {
    let mut scenario = Scenario::created(FRAGMENT, config().reply(ReplyMode::Optional));
    scenario.acknowledge();
    scenario.expect("Close-Session");

    let mut scenario = Scenario::with_reply("/replies/1", config().reply(ReplyMode::Optional));
    offered(&mut scenario);
}

#[test]
fn c40_q26_a_plain_upload_passes_a_reply_over() {
    let mut scenario = Scenario::created(FRAGMENT, config());
    scenario.exchange("Fragment", received_with_reply(FRAGMENT, "/replies/1"));
    scenario.exchange("Close-Session", answers::ok());
    assert_eq!(scenario.upload.state(), State::Completed);
}

#[test]
fn q26_a_reply_named_too_early_is_used_once_the_upload_is_complete() {
    let mut scenario = Scenario::created(300, required());
    scenario.exchange("Fragment", received_with_reply(100, "/replies/early"));
    scenario.acknowledge();
    assert!(scenario.events().iter().all(|event| !matches!(event, Event::ReplyReady { .. })));
    scenario.acknowledge();
    assert_eq!(offered(&mut scenario).0, "http://origin:8080/replies/early");
}

#[test]
fn q26_of_several_replies_the_last_counts() {
    let mut scenario = Scenario::created(200, required());
    scenario.exchange("Fragment", received_with_reply(100, "/replies/early"));
    scenario.exchange("Fragment", received_with_reply(200, "/replies/late"));
    assert_eq!(offered(&mut scenario).0, "http://origin:8080/replies/late");
}

#[test]
fn the_reply_of_an_earlier_session_does_not_count_for_the_next() {
    let mut scenario = Scenario::created(200, required());
    scenario.exchange("Fragment", received_with_reply(100, "/replies/early"));
    scenario.exchange("Fragment", answers::session_not_found());
    scenario.exchange("Create-Session", answers::created());
    scenario.acknowledge();
    scenario.acknowledge();
    assert_eq!(scenario.failure().reason, Reason::ReplyMissing);
}

#[test]
fn c41_q25_a_reply_url_is_resolved_against_the_destination() {
    for (value, url) in [
        (r"Replies\{1}\a b.bin", "http://origin:8080/upload/Replies/%7B1%7D/a%20b.bin"),
        (r"\replies\1", "http://origin:8080/replies/1"),
        ("../1", "http://origin:8080/1"),
        ("https://other/1", "https://other/1"),
    ] {
        assert_eq!(offered(&mut Scenario::with_reply(value, required())).0, url);
    }
}

#[test]
fn c66_a_reply_url_is_resolved_against_the_origin_and_not_the_sessions_host() {
    let mut scenario =
        Scenario::created_by(FRAGMENT, required(), answers::created_with(&[("BITS-Host-Id", "upload-2")]));
    scenario.exchange("Ping", answers::ok());
    scenario.exchange("Fragment", received_with_reply(FRAGMENT, "replies/1"));
    assert_eq!(offered(&mut scenario).0, "http://origin:8080/upload/replies/1");
}

#[test]
fn q25_another_origin_is_a_matter_of_trust() {
    for (policy, value, trusted) in [
        (HostPolicy::Never, "/replies/1", true),
        (HostPolicy::Never, "http://other/1", false),
        (HostPolicy::Never, "http://origin:22/1", false),
        (HostPolicy::Any, "http://other/1", true),
        (HostPolicy::Domain("example.org".to_owned()), "http://a.example.org/1", true),
        (HostPolicy::Domain("example.org".to_owned()), "http://example.org@evil.net/1", false),
    ] {
        let mut scenario = Scenario::with_reply(value, required().host_policy(policy));
        assert_eq!(offered(&mut scenario).1, trusted, "{value}");
    }
}

#[test]
fn a_reply_is_reported_only_where_one_was_offered() {
    for mut scenario in [
        Scenario::sending(200, required()),
        Scenario::waiting(required()),
        Scenario::suspended(required()),
        Scenario::failed(required()),
    ] {
        let state = scenario.upload.state();
        assert_eq!(scenario.upload.reply_fetched(scenario.now), Err(ApiMisuse::NoReplyWanted));
        assert_eq!(scenario.upload.reply_failed(scenario.now), Err(ApiMisuse::NoReplyWanted));
        assert_eq!(scenario.upload.state(), state);
        scenario.events();
    }
}
