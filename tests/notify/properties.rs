//! Properties of a notification that is told anything in any order.

use std::time::{Duration, Instant};

use bits_proto::notify::{Config, Notification, State};
use bits_proto::server::Refusal;
use proptest::prelude::*;
use testing::notify::*;

#[derive(Clone, Copy, Debug)]
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
        Input::FileThere => notification.handle_response_file(true),
        Input::NoFile => notification.handle_response_file(false),
        Input::Body => notification.handle_body(7),
        Input::EndlessBody => notification.handle_body(u64::MAX),
        Input::BodyEnd => notification.handle_body_end(),
        Input::TransportError => notification.handle_transport_error(),
        Input::ServerError => notification.handle_failure(Refusal::DiskFull),
        Input::Timeout => notification.handle_timeout(now + AN_HOUR),
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
        let delivery = if by_reference { testing::notify::by_reference() } else { by_value(100) };
        let mut notification = notification(now, delivery, Config::default());
        let mut wanted = Vec::new();
        for (input, polled) in inputs.iter().zip(polled) {
            tell(&mut notification, now, *input);
            if polled {
                wanted.extend(steps(&mut notification));
            }
        }
        notification.handle_timeout(now + AN_HOUR);
        notification.handle_response_file(true);
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
