//! Headers that are ignored are told; settings that decide what is refused.

use std::time::Duration;

use bits_proto::InvalidConfig;
use bits_proto::client::{Config, EmptyEntity, Entity, Event, Reason, ReplyMode, State, Upload};
use bits_proto::packet::PacketType;
use testing::client::answers;
use testing::client::scenario::{self, FRAGMENT, Scenario, config};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_host_id_that_cannot_be_read_is_told() {
    for value in ["http://evil/", "user@evil", "e v i l"] {
        let mut scenario = Scenario::new(FRAGMENT, config());
        scenario.exchange("Create-Session", answers::created_with(&[("BITS-Host-Id", value)]));
        assert!(scenario.events().contains(&Event::HeaderIgnored { name: "BITS-Host-Id" }), "{value}");
    }
    let mut scenario = Scenario::new(FRAGMENT, config());
    scenario.exchange("Create-Session", answers::created());
    assert!(!scenario.events().iter().any(|event| matches!(event, Event::HeaderIgnored { .. })));
}

#[test]
fn a_reply_out_of_which_no_url_comes_is_told_and_never_closed_away() {
    let named = || answers::with(answers::received(FRAGMENT), &[("BITS-Reply-URL", "ftp://x/")]);
    for mode in [ReplyMode::Optional, ReplyMode::Required] {
        let mut scenario = Scenario::created(FRAGMENT, config().reply(mode));
        scenario.exchange("Fragment", named());
        let events = scenario.events();
        let told = events.iter().position(|event| *event == Event::HeaderIgnored { name: "BITS-Reply-URL" });
        assert!(told.is_some(), "{events:?}");
        let Some(Event::Failed(failure)) = events.last() else { panic!("{events:?}") };
        assert_eq!(failure.reason, Reason::ReplyUnusable);
        scenario.expect_nothing();
        // Asked again, the server may say it better.
        scenario.resume().unwrap();
        scenario.exchange("Ping", answers::ok());
        scenario
            .exchange("Fragment", answers::with(answers::received(FRAGMENT), &[("BITS-Reply-URL", "/r")]));
        assert_eq!(scenario.upload.state(), State::WaitingForReply);
    }
    let mut ignored = Scenario::created(FRAGMENT, config());
    ignored.exchange("Fragment", named());
    ignored.expect("Close-Session");
}

#[test]
fn c13_an_empty_entity_is_refused_where_the_setting_says_so() {
    let upload = |size, what| {
        let config = Config::builder().empty_entity(what).build().unwrap();
        let destination = "http://origin/a".parse().unwrap();
        Upload::new(scenario::now(), destination, Entity::new(size).unwrap(), config).map(drop)
    };
    assert_eq!(upload(0, EmptyEntity::Refused), Err(InvalidConfig::EmptyEntity));
    assert_eq!((upload(0, EmptyEntity::Uploaded), upload(1, EmptyEntity::Refused)), (Ok(()), Ok(())));
}

#[test]
fn bytes_that_go_out_for_the_first_time_are_progress_for_the_give_up_timer() {
    let patient = config().fragment_size(1_000_000).give_up_after(60 * SECOND).timeouts(HOUR, HOUR);
    let mut scenario = Scenario::sending(1_000_000, patient);
    let id = scenario.id();
    for minute in 1..10 {
        scenario.pass(50 * SECOND);
        scenario.upload.handle_sent_part(scenario.now, id, minute * 1000);
    }
    assert_eq!(scenario.upload.state(), State::Exchanging(PacketType::Fragment));
    // The same bytes told again are none.
    scenario.pass(50 * SECOND);
    scenario.upload.handle_sent_part(scenario.now, id, 9000);
    scenario.pass(50 * SECOND);
    assert_eq!(scenario.failure().reason, Reason::GaveUp);
}
