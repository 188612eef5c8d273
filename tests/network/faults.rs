//! Client and server joined: each thing that a network can do, to each exchange of one upload.

use std::time::Duration;

use bits_proto::client::{Config, ConfigBuilder, Event, Reason, Recovery, State, Suspend};
use testing::pair::fate::{Command, Fate, Page, Turn};
use testing::pair::{Pair, directory, server::Server};

/// Three fragments, the last one shorter.
const SIZE: usize = 250;
/// Create-Session, three Fragments, Close-Session.
const EXCHANGES: usize = 5;

fn config() -> ConfigBuilder {
    Config::builder().fragment_size(100)
}

/// This turn after so many perfect ones.
fn after(perfect: usize, turn: impl Into<Turn>) -> impl Iterator<Item = Turn> {
    std::iter::repeat_n(Turn::default(), perfect).chain([turn.into()])
}

/// Whatever a network can do without anybody lying.
const LOSSES: [Fate; 17] = [
    Fate::Delivered,
    Fate::Unsent,
    Fate::Cut(0),
    Fate::Cut(1),
    Fate::Cut(49),
    Fate::Cut(99),
    Fate::Cut(100),
    Fate::AnswerLost,
    Fate::Silence,
    Fate::Twice { repeat: false },
    Fate::Twice { repeat: true },
    Fate::Echoed,
    Fate::Stuck { stored: 0, dies: false },
    Fate::Stuck { stored: 30, dies: false },
    Fate::Stuck { stored: 100, dies: false },
    Fate::Stuck { stored: 0, dies: true },
    Fate::Proxied(Page::Unavailable),
];

fn told(pair: &Pair, event: &Event) -> bool {
    pair.events.contains(event)
}

#[test]
fn a_perfect_network_takes_one_exchange_a_packet() {
    let mut pair = Pair::new(SIZE, config(), []);
    assert_eq!(pair.run(), State::Completed);
    pair.published_once();
    assert_eq!(pair.packets(), ["Create-Session", "Fragment", "Fragment", "Fragment", "Close-Session"]);
    assert!(pair.server.sessions.is_empty());
    assert!(told(&pair, &Event::Completed { confirmed: true }));
}

#[test]
fn c13_an_empty_entity_is_published_empty() {
    let mut pair = Pair::new(0, config(), []);
    assert_eq!(pair.run(), State::Completed);
    pair.published_once();
    assert_eq!(pair.packets(), ["Create-Session", "Close-Session"]);
}

#[test]
fn any_two_losses_anywhere_end_with_the_entity_published_once() {
    for first in LOSSES {
        for second in LOSSES {
            for at in 0..EXCHANGES {
                for between in 0..3 {
                    let turns = after(at, first).chain(after(between, second));
                    let mut pair = Pair::new(SIZE, config(), turns).without_resuming();
                    let state = pair.run();
                    assert_eq!(state, State::Completed, "{first:?} at {at}, {second:?} {between} later");
                    assert!(told(&pair, &Event::Completed { confirmed: true }));
                    pair.server.unstick_all(pair.now);
                    pair.published_once();
                }
            }
        }
    }
}

#[test]
fn a_fragment_that_was_cut_is_not_sent_from_its_start_again_once_the_server_says_where_it_stands() {
    // 49 bytes of the second fragment arrive. The repeat brings the rest, and the third begins where it should.
    let mut pair = Pair::new(SIZE, config(), after(2, Fate::Cut(49)));
    assert_eq!(pair.run(), State::Completed);
    pair.published_once();
    assert_eq!(
        pair.packets(),
        ["Create-Session", "Fragment", "Fragment", "Ping", "Fragment", "Fragment", "Close-Session"]
    );
}

#[test]
fn c17_a_lost_ack_for_close_costs_a_ping_and_another_close() {
    for fate in
        [Fate::AnswerLost, Fate::Silence, Fate::Masked(Page::BadGateway), Fate::Masked(Page::GatewayTimeout)]
    {
        let mut pair = Pair::new(SIZE, config(), after(4, fate));
        assert_eq!(pair.run(), State::Completed);
        pair.published_once();
        assert!(told(&pair, &Event::Completed { confirmed: true }), "{fate:?}");
    }
}

#[test]
fn c17_a_server_that_restarted_after_the_close_leaves_it_unconfirmed() {
    let turns = after(4, Fate::AnswerLost).chain(after(1, Fate::Restarted));
    let mut pair = Pair::new(SIZE, config(), turns);
    assert_eq!(pair.run(), State::Completed);
    pair.published_once();
    assert!(told(&pair, &Event::Completed { confirmed: false }));
}

#[test]
fn c18_a_session_that_was_forgotten_is_made_anew() {
    for at in 1..EXCHANGES {
        let mut pair = Pair::new(SIZE, config(), after(at, Fate::Forgotten));
        assert_eq!(pair.run(), State::Completed);
        pair.published_once();
        assert_eq!(pair.packets().iter().filter(|packet| **packet == "Create-Session").count(), 2);
    }
}

#[test]
fn c18_a_server_that_forgets_for_ever_is_given_up() {
    let mut pair = Pair::new(SIZE, config(), vec![Fate::Forgotten.into(); 1_000]).without_resuming();
    assert_eq!(pair.run(), State::Failed);
    pair.published_at_most_once();
    assert!(
        matches!(pair.events.last(), Some(Event::Failed(failure)) if failure.reason == Reason::RestartedTooOften)
    );
    assert!(pair.log.len() < 20, "{:?}", pair.log);
}

#[test]
fn a_network_that_is_down_for_good_ends_after_fourteen_days() {
    for fate in [Fate::Unsent, Fate::Cut(0), Fate::Silence, Fate::Proxied(Page::BadGateway)] {
        let mut pair = Pair::new(SIZE, config(), vec![fate.into(); 100_000]).without_resuming();
        let begin = pair.now;
        assert_eq!(pair.run(), State::Failed, "{fate:?}");
        assert!(
            matches!(pair.events.last(), Some(Event::Failed(failure)) if failure.reason == Reason::GaveUp)
        );
        assert_eq!((pair.now - begin).as_secs() / 3_600, 14 * 24);
    }
}

#[test]
fn a_server_with_a_small_limit_gets_small_fragments() {
    let server = Server::new(directory().max_fragment_size(7_000).build().unwrap());
    let mut pair = Pair::with_server(100_000, Config::builder().fragment_size(50_000), [], server);
    assert_eq!(pair.run(), State::Completed);
    pair.published_once();
    let shrunk: Vec<_> = pair
        .events
        .iter()
        .filter_map(|event| match event {
            Event::FragmentShrunk { to } => Some(*to),
            _ => None,
        })
        .collect();
    assert_eq!(shrunk, [25_000, 12_500, 6_250]);
}

#[test]
fn a_server_whose_limit_is_below_the_floor_gets_nothing() {
    let server = Server::new(directory().max_fragment_size(5_000).build().unwrap());
    let config = Config::builder().fragment_size(50_000);
    let mut pair = Pair::with_server(100_000, config, [], server).without_resuming();
    assert_eq!(pair.run(), State::Failed);
    assert!(
        matches!(pair.events.last(), Some(Event::Failed(failure)) if failure.reason == Reason::FragmentTooLarge)
    );
}

#[test]
fn an_entity_over_the_servers_limit_fails_at_once() {
    let server = Server::new(directory().max_upload_size(99_999).build().unwrap());
    let config = Config::builder().fragment_size(50_000);
    let mut pair = Pair::with_server(100_000, config, [], server).without_resuming();
    assert_eq!(pair.run(), State::Failed);
    assert_eq!(pair.packets(), ["Create-Session", "Fragment"]);
    assert!(pair.server.published_is_empty());
}

#[test]
fn a_strict_server_and_a_strict_client_understand_one_another() {
    let strict = bits_proto::Conformance::Strict;
    for fate in [Fate::Delivered, Fate::Unsent, Fate::AnswerLost, Fate::Cut(49), Fate::Twice { repeat: true }]
    {
        for at in 1..4 {
            let server = Server::new(directory().conformance(strict).build().unwrap());
            let config = config().conformance(strict);
            let mut pair = Pair::with_server(SIZE, config, after(at, fate), server).without_resuming();
            assert_eq!(pair.run(), State::Completed, "{fate:?} at {at}");
            pair.published_once();
        }
    }
}

#[test]
fn cancelling_at_any_moment_publishes_nothing_or_all() {
    for at in 0..EXCHANGES {
        for fate in LOSSES {
            let turn = Turn { fate, command: Some(Command::Cancel) };
            let mut pair = Pair::new(SIZE, config(), after(at, turn)).without_resuming();
            let state = pair.run();
            assert!(state.is_ended(), "{fate:?} at {at}: {state:?}");
            if state == State::Completed {
                pair.published_once();
            }
            if told(&pair, &Event::Cancelled { confirmed: true }) {
                assert!(pair.server.published_is_empty(), "{fate:?} at {at}");
                assert!(at == 0 || pair.server.sessions.is_empty(), "{fate:?} at {at}");
            }
        }
    }
}

#[test]
fn suspending_at_any_moment_costs_no_byte() {
    for how in [Suspend::Gracefully, Suspend::AtOnce] {
        for at in 0..EXCHANGES {
            for fate in LOSSES {
                let pause = Command::Suspend(how, Duration::from_secs(3_600));
                let mut pair = Pair::new(SIZE, config(), after(at, Turn { fate, command: Some(pause) }));
                assert_eq!(pair.run(), State::Completed, "{how:?}, {fate:?} at {at}");
                pair.server.unstick_all(pair.now);
                pair.published_once();
            }
        }
    }
}

#[test]
fn a_suspension_past_the_session_timeout_starts_over() {
    let pause = Command::Suspend(Suspend::Gracefully, Duration::from_secs(15 * 24 * 3_600));
    let turn = Turn { fate: Fate::Delivered, command: Some(pause) };
    let mut pair = Pair::new(SIZE, config(), after(2, turn));
    assert_eq!(pair.run(), State::Completed);
    pair.published_once();
    assert_eq!(
        pair.packets(),
        [
            "Create-Session",
            "Fragment",
            "Fragment",
            "Ping",
            "Fragment",
            "Create-Session",
            "Fragment",
            "Fragment",
            "Fragment",
            "Close-Session"
        ]
    );
}

#[test]
fn recovery_by_restart_leaves_no_session_behind() {
    for at in 1..4 {
        for fate in [Fate::AnswerLost, Fate::Cut(49), Fate::Silence, Fate::Masked(Page::GatewayTimeout)] {
            let mut pair = Pair::new(SIZE, config().recovery(Recovery::Restart), after(at, fate));
            assert_eq!(pair.run(), State::Completed, "{fate:?} at {at}");
            pair.published_once();
            assert!(pair.server.sessions.is_empty());
            assert!(pair.packets().contains(&"Cancel-Session"));
        }
    }
}
