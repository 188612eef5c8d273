//! Every state against every input, as the table in the documentation of `notify` says; and what holds of any inputs.

mod notify_common;

use std::time::{Duration, Instant};

use bits_proto::Malformed;
use bits_proto::limits::MAX_REPLY_SIZE;
use bits_proto::notify::{Config, Failure, Notification, Outcome, Reply, State, Timer};
use bits_proto::server::Refusal;
use http::StatusCode;
use notify_common::*;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Input {
    Sent,
    Success,
    StaticUrl,
    No,
    Nonsense,
    Informational,
    FileThere,
    NoFile,
    Body,
    EndlessBody,
    BodyEnd,
    TransportError,
    ServerError,
    Timeout,
}

const INPUTS: [Input; 14] = [
    Input::Sent,
    Input::Success,
    Input::StaticUrl,
    Input::No,
    Input::Nonsense,
    Input::Informational,
    Input::FileThere,
    Input::NoFile,
    Input::Body,
    Input::EndlessBody,
    Input::BodyEnd,
    Input::TransportError,
    Input::ServerError,
    Input::Timeout,
];

const AN_HOUR: Duration = Duration::from_secs(3600);

fn tell(notification: &mut Notification, now: Instant, input: Input) {
    match input {
        Input::Sent => notification.handle_sent(now),
        Input::Success => notification.handle_response(now, &answer(200, &[])),
        Input::StaticUrl => {
            notification.handle_response(now, &answer(200, &[("BITS-Static-Response-URL", "http://app/1")]));
        }
        Input::No => notification.handle_response(now, &answer(409, &[])),
        Input::Nonsense => notification.handle_response(now, &answer(200, &[("Content-Length", "?")])),
        Input::Informational => notification.handle_response(now, &answer(103, &[])),
        Input::FileThere => notification.handle_response_file(now, true),
        Input::NoFile => notification.handle_response_file(now, false),
        Input::Body => notification.handle_body(now, 7),
        Input::EndlessBody => notification.handle_body(now, u64::MAX),
        Input::BodyEnd => notification.handle_body_end(now),
        Input::TransportError => notification.handle_transport_error(now),
        Input::ServerError => notification.handle_failure(now, Refusal::DiskFull),
        Input::Timeout => notification.handle_timeout(now + AN_HOUR),
    }
}

/// A notification in this state, with nothing left to do.
fn in_state(now: Instant, by_reference: bool, state: State) -> Notification {
    let delivery = if by_reference { notify_common::by_reference() } else { by_value(100) };
    let mut notification = sent(now, delivery, Config::default());
    let path: &[Input] = match (state, by_reference) {
        (State::Exchanging, _) => &[],
        (State::LookingForReply, true) | (State::ReceivingReply, false) => &[Input::Success],
        (State::ReceivingReply, true) => &[Input::Success, Input::NoFile],
        (State::Done, _) => &[Input::No],
        _ => panic!("by value nobody looks for a file"),
    };
    for input in path {
        tell(&mut notification, now, *input);
    }
    steps(&mut notification);
    assert_eq!(notification.state(), state);
    notification
}

fn taken(reply: Reply) -> Step {
    Step::Done(Outcome::Taken { copy_to_destination: false, reply })
}

fn failed(failure: Failure) -> Step {
    Step::Done(Outcome::Failed(failure))
}

/// The table.
fn expected(by_reference: bool, state: State, input: Input) -> (State, Vec<Step>) {
    let done = |steps: &[Step]| (State::Done, steps.to_vec());
    let store = (State::ReceivingReply, vec![Step::StoreBody(MAX_REPLY_SIZE)]);
    match (state, input) {
        (State::Done, _) => done(&[]),
        (State::LookingForReply | State::ReceivingReply, Input::Timeout) => {
            done(&[Step::Abort, failed(Failure::Timeout(Timer::Response))])
        }
        (_, Input::Timeout) => done(&[Step::Abort, failed(Failure::Timeout(Timer::Head))]),
        (_, Input::ServerError) => done(&[Step::Abort, failed(Failure::Server(Refusal::DiskFull))]),
        (State::Exchanging, Input::StaticUrl) => {
            done(&[Step::Discard, taken(Reply::Static(reply_url("http://app/1")))])
        }
        (State::Exchanging, Input::Success) if by_reference => {
            (State::LookingForReply, vec![Step::FindResponseFile])
        }
        (State::Exchanging, Input::Success) => store,
        (State::Exchanging, Input::No) => {
            done(&[Step::Discard, failed(Failure::Refused { status: StatusCode::CONFLICT, code: None })])
        }
        (State::Exchanging, Input::Nonsense) => {
            done(&[Step::Discard, failed(Failure::Malformed(Malformed::HeaderInvalid("Content-Length")))])
        }
        (State::Exchanging, Input::TransportError) => done(&[failed(Failure::Transport)]),
        (State::LookingForReply, Input::FileThere) => {
            done(&[Step::Discard, taken(Reply::File(reply_url(REPLY_URL)))])
        }
        (State::LookingForReply, Input::NoFile) => store,
        (State::ReceivingReply, Input::EndlessBody) => {
            done(&[Step::Abort, failed(Failure::ReplyTooLarge { limit: MAX_REPLY_SIZE })])
        }
        (State::ReceivingReply, Input::BodyEnd) => done(&[taken(Reply::None)]),
        (State::ReceivingReply, Input::TransportError) => done(&[failed(Failure::Transport)]),
        (state, _) => (state, Vec::new()),
    }
}

#[test]
fn every_state_takes_every_input() {
    let states = [State::Exchanging, State::LookingForReply, State::ReceivingReply, State::Done];
    for by_reference in [true, false] {
        for state in states.into_iter().filter(|state| by_reference || *state != State::LookingForReply) {
            for input in INPUTS {
                let now = start();
                let mut notification = in_state(now, by_reference, state);
                tell(&mut notification, now, input);
                let wanted = steps(&mut notification);
                let context = format!("{state:?} {input:?}, by reference: {by_reference}");
                assert_eq!((notification.state(), wanted), expected(by_reference, state, input), "{context}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever it is told: it is over once, at the latest after its time, or when the response file was looked for; and
    /// then wants nothing more.
    #[test]
    fn a_notification_is_over_once(
        by_reference: bool,
        inputs in prop::collection::vec(prop::sample::select(&INPUTS[..]), 0..12),
        polled in prop::collection::vec(any::<bool>(), 12),
    ) {
        let now = start();
        let delivery = if by_reference { notify_common::by_reference() } else { by_value(100) };
        let mut notification = notification(now, delivery, Config::default());
        let mut wanted = Vec::new();
        for (input, polled) in inputs.iter().zip(polled) {
            tell(&mut notification, now, *input);
            if polled {
                wanted.extend(steps(&mut notification));
            }
        }
        notification.handle_timeout(now + AN_HOUR);
        notification.handle_response_file(now + AN_HOUR, true);
        wanted.extend(steps(&mut notification));
        // At most to send, to look, to store, to abort, and that it is over.
        prop_assert!(wanted.len() <= 5, "{:?}", wanted);
        let outcomes = wanted.iter().filter(|step| matches!(step, Step::Done(_))).count();
        prop_assert_eq!(outcomes, 1, "{:?}", wanted);
        prop_assert!(matches!(wanted.last(), Some(Step::Done(_))));
        prop_assert_eq!(notification.state(), State::Done);
        prop_assert_eq!(notification.poll_timeout(), None);
        for input in INPUTS {
            tell(&mut notification, now, input);
        }
        prop_assert_eq!(steps(&mut notification), []);
    }
}
