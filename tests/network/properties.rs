//! Client and server through any network, with any caller: the entity is published once and whole, or the client is
//! told no.
//!
//! A failing case shrinks to the shortest list of turns: each is what the network makes of one exchange.

use std::time::Duration;

use bits_proto::client::{Config, ConfigBuilder, Event, Failure, Reason, Recovery, State, Suspend};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use testing::pair::appending::Appending;
use testing::pair::fate::{Command, Fate, Page, Turn};
use testing::pair::server::{Serve, Server};
use testing::pair::{Pair, directory};

/// Longer than any upload of these tests may take: suspensions of 20 days, and failures resumed after 14 days each.
const LONGEST: Duration = Duration::from_secs(5 * 365 * 24 * 3_600);

/// The size of a fragment, and of an entity around a multiple of it.
fn sizes() -> impl Strategy<Value = (u64, usize)> {
    let fragments = prop_oneof![
        (Just(1usize), 0..=8usize),
        (Just(100), 0..=12usize),
        (Just(5_120), 0..=12usize),
        (Just(8_192), 0..=30usize),
        (Just(65_536), 0..=4usize),
    ];
    let around = prop_oneof![Just(0isize), Just(-1), Just(1), -50..50isize];
    (fragments, around).prop_map(|((fragment, count), around)| {
        (fragment as u64, (fragment * count).saturating_add_signed(around))
    })
}

/// How much of a body comes through: around its ends, or anywhere.
fn cut() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0usize), Just(1), Just(99), Just(5_119), Just(5_120), 0..70_000usize]
}

/// What a network does that loses, repeats, truncates and delays, and never lies.
fn loss() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Delivered),
        1 => Just(Fate::Unsent),
        2 => cut().prop_map(Fate::Cut),
        2 => Just(Fate::AnswerLost),
        1 => Just(Fate::Silence),
        1 => any::<bool>().prop_map(|repeat| Fate::Twice { repeat }),
        1 => Just(Fate::Echoed),
        2 => (cut(), any::<bool>()).prop_map(|(stored, dies)| Fate::Stuck { stored, dies }),
    ]
}

/// Pages of proxies that say no more than that there is trouble now.
fn trouble() -> impl Strategy<Value = Page> {
    select(vec![Page::BadGateway, Page::GatewayTimeout, Page::Unavailable, Page::Login, Page::Garbled])
}

fn page() -> impl Strategy<Value = Page> {
    let others = vec![
        Page::Unauthorized,
        Page::ProxyUnauthorized,
        Page::TooLarge,
        Page::OutOfStep,
        Page::Redirect,
        Page::Forbidden,
        Page::NotFound,
    ];
    prop_oneof![trouble(), select(others)]
}

/// What any network and any server may do, short of lying about a packet that was served.
fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => loss(),
        2 => page().prop_map(Fate::Proxied),
        2 => trouble().prop_map(Fate::Masked),
        1 => Just(Fate::Forgotten),
        1 => Just(Fate::Restarted),
    ]
}

/// What a caller wants while an exchange is on its way.
fn command() -> impl Strategy<Value = Command> {
    let pause = select(vec![0, 3_600, 20 * 24 * 3_600]).prop_map(Duration::from_secs);
    let how = select(vec![Suspend::Gracefully, Suspend::AtOnce]);
    prop_oneof![
        4 => (how, pause).prop_map(|(how, pause)| Command::Suspend(how, pause)),
        1 => Just(Command::Cancel),
    ]
}

fn turns(fate: impl Strategy<Value = Fate>) -> impl Strategy<Value = Vec<Turn>> {
    vec(fate.prop_map(Turn::from), 0..30)
}

fn turns_with_commands() -> impl Strategy<Value = Vec<Turn>> {
    let command = option::weighted(0.25, command());
    vec((fate(), command).prop_map(|(fate, command)| Turn { fate, command }), 0..40)
}

fn recovery() -> impl Strategy<Value = Recovery> {
    select(vec![Recovery::Resend, Recovery::Restart])
}

fn config(fragment: u64, recovery: Recovery, seed: u64) -> ConfigBuilder {
    Config::builder().fragment_size(fragment).recovery(recovery).seed(seed)
}

fn last_failure<S>(pair: &Pair<S>) -> Option<&Failure> {
    match pair.events.last() {
        Some(Event::Failed(failure)) => Some(failure),
        _ => None,
    }
}

/// Whether the upload told this.
fn is_told<S>(pair: &Pair<S>, event: &Event) -> bool {
    pair.events.contains(event)
}

const CONFIRMED: Event = Event::Completed { confirmed: true };
const UNCONFIRMED: Event = Event::Completed { confirmed: false };
const CANCELLED: Event = Event::Cancelled { confirmed: true };

/// Whether the Close of an empty entity may have come after its session went: one without a byte lives for an hour, and
/// a client that has asked before and hears then that there is none says that nobody can know.
fn may_have_come_too_late<S>(pair: &Pair<S>, size: usize) -> bool {
    size == 0 && is_told(pair, &UNCONFIRMED)
}

/// What holds whatever happened: an end that was told, and the whole entity published, or nothing.
fn ends_well<S: Serve>(pair: &mut Pair<S>) -> Result<(), TestCaseError> {
    let begin = pair.now;
    let state = pair.run();
    prop_assert!(pair.now - begin < LONGEST);
    pair.published_at_most_once();
    match state {
        State::Completed if is_told(pair, &CONFIRMED) => pair.published_once(),
        // The server may have lost the session before it heard the Close, or after.
        State::Completed => prop_assert!(is_told(pair, &UNCONFIRMED)),
        State::Cancelled => {
            if is_told(pair, &CANCELLED) {
                prop_assert!(pair.server.published().is_empty());
            }
        }
        State::Failed => prop_assert!(last_failure(pair).is_some()),
        other => prop_assert!(false, "the upload came to rest in {other:?}"),
    }
    Ok(())
}

/// Nor later, when the server does what hung there.
fn nothing_else_is_published(mut pair: Pair<Server>) -> Result<(), TestCaseError> {
    ends_well(&mut pair)?;
    pair.server.unstick_all(pair.now);
    pair.published_at_most_once();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn through_any_loss_the_entity_is_published_once_and_the_client_knows(
        (fragment, size) in sizes(),
        turns in turns(loss()),
        seed: u64,
    ) {
        // The server remembers for as long as the network may be silent.
        let server = Server::new(directory().tombstones(LONGEST, 1_000).build().unwrap());
        let config = config(fragment, Recovery::Resend, seed);
        let mut pair = Pair::with_server(size, config, turns, server).without_resuming();
        prop_assert_eq!(pair.run(), State::Completed);
        pair.server.unstick_all(pair.now);
        if may_have_come_too_late(&pair, size) {
            pair.published_at_most_once();
        } else {
            prop_assert!(is_told(&pair, &CONFIRMED));
            pair.published_once();
        }
    }

    #[test]
    fn through_any_loss_starting_over_publishes_once_or_gives_up(
        (fragment, size) in sizes(),
        turns in turns(loss()),
        seed: u64,
    ) {
        let mut pair = Pair::new(size, config(fragment, Recovery::Restart, seed), turns).without_resuming();
        match pair.run() {
            State::Completed if may_have_come_too_late(&pair, size) => {}
            State::Completed => pair.published_once(),
            _ => prop_assert_eq!(last_failure(&pair).map(|failure| failure.reason), Some(Reason::RestartedTooOften)),
        }
        pair.server.unstick_all(pair.now);
        pair.published_at_most_once();
    }

    #[test]
    fn through_any_network_and_server_nothing_but_the_entity_is_published(
        (fragment, size) in sizes(),
        turns in turns(fate()),
        recovery in recovery(),
        seed: u64,
    ) {
        nothing_else_is_published(Pair::new(size, config(fragment, recovery, seed), turns))?;
    }

    #[test]
    fn with_any_caller_nothing_but_the_entity_is_published(
        (fragment, size) in sizes(),
        turns in turns_with_commands(),
        recovery in recovery(),
        seed: u64,
    ) {
        nothing_else_is_published(Pair::new(size, config(fragment, recovery, seed), turns))?;
    }

    /// A server that appends whatever comes gets no fragment twice from a client that was told so. No network can be
    /// allowed to repeat a request by itself: against that no client can do anything.
    #[test]
    fn a_server_that_appends_gets_every_byte_once(
        (fragment, size) in sizes(),
        turns in turns_with_commands().prop_map(|turns| {
            let repeats = |fate| matches!(fate, Fate::Twice { .. } | Fate::Echoed);
            turns.into_iter().filter(|turn| !repeats(turn.fate)).collect::<Vec<_>>()
        }),
        seed: u64,
    ) {
        let config = config(fragment, Recovery::Restart, seed);
        let mut pair = Pair::with_server(size, config, turns, Appending::default());
        ends_well(&mut pair)?;
    }
}
