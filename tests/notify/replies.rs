//! The reply that the client gets: the application's own URL, the response file, the body of the answer, or none.

use bits_proto::limits::MAX_REPLY_SIZE;
use bits_proto::notify::{Config, Delivery, Failure, Notification, Outcome, Reply, State};
use bits_proto::server::{Notified, Refusal, Report};
use bits_proto::{Conformance, Hresult, Malformed};
use http::{Response, StatusCode};
use testing::notify::*;

const STORE: Step = Step::StoreBody(MAX_REPLY_SIZE);

fn taken(reply: Reply) -> Step {
    Step::Done(Outcome::Taken { copy_to_destination: false, reply })
}

fn failed(failure: Failure) -> Step {
    Step::Done(Outcome::Failed(failure))
}

fn file() -> Step {
    taken(Reply::File(reply_url(REPLY_URL)))
}

fn body() -> Step {
    taken(Reply::Body(reply_url(REPLY_URL)))
}

fn strict() -> Config {
    Config::builder().conformance(Conformance::Strict).build().unwrap()
}

/// A notification that was answered, and what it wants then.
fn answered(
    delivery: Delivery<'static>,
    config: Config,
    response: &Response<()>,
) -> (Notification, Vec<Step>) {
    let now = start();
    let mut notification = sent(now, delivery, config);
    notification.handle_response(now, response);
    let wanted = steps(&mut notification);
    (notification, wanted)
}

/// What the notification wants after a body of these pieces.
fn after_body(notification: &mut Notification, pieces: &[u64]) -> Vec<Step> {
    for piece in pieces {
        notification.handle_body(*piece);
    }
    notification.handle_body_end();
    steps(notification)
}

#[test]
fn c44_a_url_of_the_applications_own_wins() {
    let url = "http://application/replies/1";
    for config in [Config::default(), strict()] {
        for delivery in [by_reference(), by_value(10)] {
            let reply = || taken(Reply::Static(reply_url(url)));
            let with_body = answer(200, &[("BITS-Static-Response-URL", url), ("Content-Length", "500")]);
            let (_, wanted) = answered(delivery.clone(), config.clone(), &with_body);
            assert_eq!(wanted, [Step::Discard, reply()]);
            let without = answer(200, &[("BITS-Static-Response-URL", url), ("Content-Length", "0")]);
            let (_, wanted) = answered(delivery, config.clone(), &without);
            assert_eq!(wanted, [reply()]);
        }
    }
}

#[test]
fn c43_by_reference_the_response_file_is_the_reply_and_a_body_is_ignored() {
    for config in [Config::default(), strict()] {
        for head in [answer(200, &[]), answer(200, &[("Content-Length", "500")])] {
            let (mut notification, wanted) = answered(by_reference(), config.clone(), &head);
            assert_eq!(wanted, [Step::FindResponseFile]);
            assert_eq!(notification.state(), State::LookingForReply);
            notification.handle_response_file(true);
            assert_eq!(steps(&mut notification), [Step::Discard, file()]);
        }
        let (mut notification, _) =
            answered(by_reference(), config, &answer(200, &[("Content-Length", "0")]));
        notification.handle_response_file(true);
        assert_eq!(steps(&mut notification), [file()]);
    }
}

#[test]
fn c43_by_reference_without_a_response_file_a_body_is_the_reply_in_interop() {
    let head = answer(200, &[]);
    let (mut notification, _) = answered(by_reference(), Config::default(), &head);
    notification.handle_response_file(false);
    assert_eq!(steps(&mut notification), [STORE]);
    assert_eq!(after_body(&mut notification, &[3, 4]), [body()]);

    let (mut notification, _) = answered(by_reference(), strict(), &head);
    notification.handle_response_file(false);
    assert_eq!(steps(&mut notification), [Step::Discard, taken(Reply::None)]);
}

#[test]
fn c45_by_reference_without_a_response_file_an_empty_body_is_no_reply() {
    let expecting = Config::builder().expect_reply(true).build().unwrap();
    for config in [Config::default(), strict(), expecting] {
        let (mut notification, _) =
            answered(by_reference(), config, &answer(200, &[("Content-Length", "0")]));
        notification.handle_response_file(false);
        assert_eq!(steps(&mut notification), [taken(Reply::None)]);
    }
    let (mut notification, _) = answered(by_reference(), Config::default(), &answer(200, &[]));
    notification.handle_response_file(false);
    assert_eq!(steps(&mut notification), [STORE]);
    assert_eq!(after_body(&mut notification, &[]), [taken(Reply::None)]);
}

#[test]
fn by_value_the_body_is_the_reply() {
    for config in [Config::default(), strict()] {
        let (mut notification, wanted) =
            answered(by_value(10), config, &answer(200, &[("Content-Length", "7")]));
        assert_eq!(wanted, [STORE]);
        assert_eq!(notification.state(), State::ReceivingReply);
        assert_eq!(after_body(&mut notification, &[3, 4]), [body()]);
        assert_eq!(notification.state(), State::Done);
    }
}

#[test]
fn c49_a_body_of_any_framing_is_the_reply() {
    for framing in [("Transfer-Encoding", "chunked"), ("Connection", "close")] {
        let (mut notification, wanted) = answered(by_value(10), strict(), &answer(200, &[framing]));
        assert_eq!(wanted, [STORE]);
        assert_eq!(after_body(&mut notification, &[7]), [body()]);
    }
}

#[test]
fn c45_an_empty_body_is_a_reply_only_where_one_is_expected() {
    let expecting = || Config::builder().expect_reply(true).build().unwrap();
    let announced = answer(200, &[("Content-Length", "0")]);
    let (_, wanted) = answered(by_value(10), Config::default(), &announced);
    assert_eq!(wanted, [taken(Reply::None)]);
    let (_, wanted) = answered(by_value(10), expecting(), &announced);
    assert_eq!(wanted, [STORE, body()]);

    let unannounced = answer(200, &[("Transfer-Encoding", "chunked")]);
    let (mut notification, _) = answered(by_value(10), Config::default(), &unannounced);
    assert_eq!(after_body(&mut notification, &[]), [taken(Reply::None)]);
    let (mut notification, _) = answered(by_value(10), expecting(), &unannounced);
    assert_eq!(after_body(&mut notification, &[]), [body()]);

    // Only 200 has a body that could be empty.
    let (_, wanted) = answered(by_value(10), expecting(), &answer(204, &[]));
    assert_eq!(wanted, [taken(Reply::None)]);
}

#[test]
fn a_server_that_keeps_no_replies_stores_none() {
    let now = start();
    let url = "http://application/".parse().unwrap();
    for delivery in [by_reference(), by_value(10)] {
        let destination = DESTINATION.parse().unwrap();
        let mut notification =
            Notification::new(now, &url, &destination, delivery, Config::default()).unwrap();
        assert_eq!(steps(&mut notification), [Step::Transmit]);
        notification.handle_response(now, &answer(200, &[("Content-Length", "7")]));
        assert_eq!(steps(&mut notification), [Step::Discard, taken(Reply::None)]);
    }
}

#[test]
fn c42_the_entity_is_copied_if_the_application_says_so() {
    for header in [None, Some(("BITS-Copy-File-To-Destination", ""))] {
        let headers: Vec<_> = header.into_iter().chain([("Content-Length", "0")]).collect();
        let (_, wanted) = answered(by_value(10), Config::default(), &answer(200, &headers));
        let [Step::Done(outcome)] = &wanted[..] else { panic!("{wanted:?}") };
        let expected = Notified { copy_to_destination: header.is_some(), reply_url: None };
        assert_eq!(Report::from(outcome.clone()), Report::Notified(expected));
    }
}

#[test]
fn every_success_is_one() {
    for status in [200, 201, 202, 206, 299] {
        for config in [Config::default(), strict()] {
            let (_, wanted) = answered(by_value(10), config, &answer(status, &[("Content-Length", "0")]));
            assert_eq!(wanted, [taken(Reply::None)], "{status}");
        }
    }
}

/// The Ack that the client gets is made of this.
fn refusal(head: &Response<()>) -> Refusal {
    let (notification, wanted) = answered(by_value(10), Config::default(), head);
    assert_eq!(notification.state(), State::Done, "at once");
    assert_eq!(notification.poll_timeout(), None);
    match &wanted[..] {
        [Step::Discard, Step::Done(outcome @ Outcome::Failed(failure))] => {
            let report = Report::from(outcome.clone());
            assert!(!matches!(report, Report::Notified(_)), "it counts as not notified");
            failure.refusal()
        }
        other => panic!("{head:?}: {other:?}"),
    }
}

fn refused(status: u16, code: Option<Hresult>) -> Refusal {
    Refusal::Application { status: StatusCode::from_u16(status).unwrap(), code }
}

#[test]
fn c21_a_status_that_no_application_may_answer_with_is_answered_at_once() {
    for status in [100, 101, 102, 103, 199, 600, 999] {
        assert_eq!(refusal(&answer(status, &[])), refused(status, None), "{status}");
        for code in [0x8000_4005, 1] {
            let head = answer(status, &[("BITS-Error", &format!("0x{code:08X}"))]);
            assert_eq!(refusal(&head), refused(status, Some(Hresult::new(code))), "{status}");
        }
    }
}

#[test]
fn a_success_beside_a_failure_code_is_a_refusal() {
    for status in [200, 201, 204, 299] {
        for name in ["BITS-Error", "BITS-Error-Code"] {
            for code in [0x8000_4005, 0x8007_0005, 0xFFFF_FFFF] {
                let head = answer(status, &[(name, &format!("0x{code:08X}"))]);
                assert_eq!(refusal(&head), refused(status, Some(Hresult::new(code))), "{status} {name}");
            }
        }
        // A code of success says nothing.
        let head = answer(status, &[("BITS-Error", "0x00000000"), ("Content-Length", "0")]);
        assert_eq!(answered(by_value(10), Config::default(), &head).1, [taken(Reply::None)], "{status}");
    }
}

#[test]
fn c22_an_error_goes_on_as_the_application_said_it() {
    for status in [300, 302, 308, 400, 403, 404, 409, 499, 500, 503, 599] {
        assert_eq!(refusal(&answer(status, &[])), refused(status, None), "{status}");
        let head = answer(status, &[("BITS-Error", "0x80004005")]);
        assert_eq!(refusal(&head), refused(status, Some(Hresult::new(0x8000_4005))), "{status}");
    }
}

#[test]
fn a_reply_that_is_too_large_is_not_taken() {
    let config = Config::builder().max_reply_size(10).build().unwrap();
    let too_large = || vec![Step::Abort, failed(Failure::ReplyTooLarge { limit: 10 })];
    // Announced: not a byte of it.
    let (_, wanted) = answered(by_value(1), config.clone(), &answer(200, &[("Content-Length", "11")]));
    assert_eq!(wanted, too_large());
    // Not announced: not a byte more.
    let (mut notification, wanted) = answered(by_value(1), config.clone(), &answer(200, &[]));
    assert_eq!(wanted, [Step::StoreBody(10)]);
    notification.handle_body(10);
    assert_eq!(steps(&mut notification), []);
    notification.handle_body(1);
    assert_eq!(steps(&mut notification), too_large());
    // Exactly as much.
    let (mut notification, _) = answered(by_value(1), config, &answer(200, &[("Content-Length", "10")]));
    assert_eq!(after_body(&mut notification, &[10]), [body()]);
}

#[test]
fn a_body_that_is_ignored_has_no_bound() {
    let config = Config::builder().max_reply_size(10).build().unwrap();
    let (mut notification, _) = answered(by_reference(), config, &answer(200, &[("Content-Length", "11")]));
    notification.handle_body(u64::MAX);
    notification.handle_body(u64::MAX);
    notification.handle_response_file(true);
    assert_eq!(steps(&mut notification), [Step::Discard, file()]);
}

#[test]
fn a_reply_that_is_cut_off_is_not_taken() {
    let head = answer(200, &[("Content-Length", "7")]);
    for pieces in [&[][..], &[6], &[4, 4]] {
        let (mut notification, _) = answered(by_value(10), Config::default(), &head);
        assert_eq!(after_body(&mut notification, pieces), [failed(Failure::Transport)], "{pieces:?}");
    }
    let (mut notification, _) = answered(by_value(10), Config::default(), &answer(200, &[]));
    notification.handle_body(6);
    notification.handle_transport_error();
    assert_eq!(steps(&mut notification), [failed(Failure::Transport)]);
}

#[test]
fn c65_a_reply_that_is_encoded_is_not_taken() {
    let gzip = answer(200, &[("Content-Encoding", "gzip")]);
    let encoded = || failed(Failure::Malformed(Malformed::HeaderInvalid("Content-Encoding")));
    let (_, wanted) = answered(by_value(10), Config::default(), &gzip);
    assert_eq!(wanted, [Step::Discard, encoded()]);
    // A body that is ignored may be.
    let (mut notification, _) = answered(by_reference(), Config::default(), &gzip);
    notification.handle_response_file(true);
    assert_eq!(steps(&mut notification), [Step::Discard, file()]);
    let (_, wanted) =
        answered(by_value(10), Config::default(), &answer(200, &[("Content-Encoding", "Identity")]));
    assert_eq!(wanted, [STORE]);
}

/// A transport that hands over whole responses tells the body before anybody has looked for the file.
#[test]
fn a_body_that_is_told_too_early_is_not_lost() {
    for (exists, expected) in [(true, vec![file()]), (false, vec![STORE, body()])] {
        let (mut notification, _) = answered(by_reference(), Config::default(), &answer(200, &[]));
        assert_eq!(after_body(&mut notification, &[7]), []);
        notification.handle_response_file(exists);
        assert_eq!(steps(&mut notification), expected);
    }
}

/// Whether the file was looked for before or after the body ended makes no difference.
#[test]
fn a_body_that_is_cut_off_too_early_is_no_reply_and_not_lost() {
    for pieces in [&[][..], &[6], &[4, 4]] {
        let head = answer(200, &[("Content-Length", "7")]);
        let (mut notification, _) = answered(by_reference(), Config::default(), &head);
        assert_eq!(after_body(&mut notification, pieces), []);
        notification.handle_response_file(false);
        assert_eq!(steps(&mut notification), [failed(Failure::Transport)], "{pieces:?}");
    }
}

#[test]
fn what_is_told_of_a_body_after_its_end_changes_nothing() {
    let empty = answer(200, &[("Content-Length", "0")]);
    let (mut notification, _) = answered(by_reference(), Config::default(), &empty);
    assert_eq!(after_body(&mut notification, &[7]), []);
    notification.handle_response_file(false);
    assert_eq!(steps(&mut notification), [taken(Reply::None)]);
}

#[test]
fn a_connection_that_breaks_after_the_answer_does_not_lose_the_file() {
    for (exists, expected) in [(true, file()), (false, failed(Failure::Transport))] {
        let (mut notification, _) = answered(by_reference(), Config::default(), &answer(200, &[]));
        notification.handle_transport_error();
        assert_eq!(steps(&mut notification), []);
        notification.handle_response_file(exists);
        assert_eq!(steps(&mut notification), [expected]);
    }
}
