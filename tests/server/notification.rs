//! Notifications of a server application: their time, and the consequences of the answer (§3.2.5.1.3).

use bits_proto::ReplyUrl;
use bits_proto::server::{Notified, Refusal, Report, State};
use http::StatusCode;
use testing::server::serve::*;

fn reply(url: &str) -> Option<ReplyUrl<'static>> {
    Some(ReplyUrl::from_bytes(url.as_bytes().to_vec()).unwrap())
}

fn unavailable() -> Report {
    let refusal = Refusal::Application { status: StatusCode::SERVICE_UNAVAILABLE, code: None };
    Report::Failed(refusal)
}

/// A session whose last byte is stored and whose application did not take it.
fn not_notified() -> (Server, String) {
    let mut server = Server::notifying();
    let id = server.create();
    let mut turn = server.begin(fragment(&id, 0..100, 100));
    server.perform(&mut turn);
    server.report(&mut turn, unavailable());
    assert_error(&turn.response(), 503, "0x801901F7", "0x7");
    (server, id)
}

#[test]
fn the_application_is_notified_after_the_last_byte_and_before_its_ack() {
    let mut server = Server::notifying();
    let id = server.create();
    assert_accepted(&server.send(fragment(&id, 0..50, 100)), 50);
    assert_eq!(server.notifications, 0);
    let mut turn = server.begin(fragment(&id, 50..100, 100));
    server.perform(&mut turn);
    assert_eq!(turn.work(), Work::Notify);
    assert_eq!(server.session(&id).unwrap().state(), State::Notifying);
    server.perform(&mut turn);
    assert_accepted(&turn.response(), 100);
    assert_eq!(server.session(&id).unwrap().state(), State::WaitingForClose);
}

#[test]
fn without_notification_nobody_is_notified() {
    let mut server = Server::with(bits_proto::Conformance::Interop);
    let id = server.upload(100);
    assert_eq!(server.session(&id).unwrap().state(), State::WaitingForClose);
    server.send(close(&id));
    assert_eq!(server.notifications, 0);
}

#[test]
fn the_reply_url_is_on_the_last_ack_alone() {
    let mut server = Server::notifying();
    server.application.reply_url = reply(r"BITS-Sessions\Replies\{1}\responsefile.bin");
    let id = server.create();
    assert_eq!(header(&server.send(fragment(&id, 0..50, 100)), "bits-reply-url"), None);
    let last = server.send(fragment(&id, 50..100, 100));
    assert_eq!(header(&last, "bits-reply-url"), Some(r"BITS-Sessions\Replies\{1}\responsefile.bin"));
    assert_eq!(header(&server.send(close(&id)), "bits-reply-url"), None);
}

#[test]
fn c42_the_entity_is_published_if_the_application_said_so() {
    for copy_to_destination in [false, true] {
        let mut server = Server::notifying();
        server.application = Notified { copy_to_destination, reply_url: reply("/r") };
        let id = server.upload(100);
        let turn = server.begin(close(&id));
        assert_eq!(turn.work(), if copy_to_destination { Work::Publish } else { Work::Discard });
        for response in [server.finish(turn), server.send(close(&id))] {
            assert_eq!(response.status(), 200);
        }
        let expected = if copy_to_destination { vec![vec![entity(0..100)]] } else { vec![] };
        assert_eq!(server.published.into_values().collect::<Vec<_>>(), expected);
        assert!(server.stored.is_empty());
    }
}

#[test]
fn c10_a_repeat_notifies_again_until_the_application_took_the_entity() {
    let (mut server, id) = not_notified();
    for (start, end) in [(0, 100), (99, 100), (0, 1)] {
        let mut turn = server.begin(fragment(&id, start..end, 100));
        assert_eq!(turn.work(), Work::Notify);
        server.report(&mut turn, unavailable());
        assert_offset(&turn.response(), Some(100));
    }
    let turn = server.begin(fragment(&id, 50..100, 100));
    assert_eq!(turn.work(), Work::Notify);
    assert_accepted(&server.finish(turn), 100);
    // And never again.
    for _ in 0..2 {
        assert_accepted(&server.begin(fragment(&id, 50..100, 100)).response(), 100);
    }
    assert_eq!(server.notifications, 1);
    assert_eq!(server.send(close(&id)).status(), 200);
}

#[test]
fn an_entity_that_the_application_has_not_taken_is_not_published() {
    let (mut server, id) = not_notified();
    assert_invalid(&server.begin(close(&id)).response());
    assert_eq!(server.session(&id).unwrap().state(), State::Notifying);
    server.send(fragment(&id, 0..100, 100));
    assert_eq!(server.send(close(&id)).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);
}

#[test]
fn c13_of_an_empty_entity_the_application_hears_on_its_close() {
    let mut server = Server::notifying();
    let id = server.create();
    let mut turn = server.begin(close(&id));
    assert_eq!(turn.work(), Work::Notify);
    server.report(&mut turn, unavailable());
    assert_error(&turn.response(), 503, "0x801901F7", "0x7");
    assert_offset(&turn.response(), None);
    // The repeat of that Close notifies again, and goes on to publish.
    let mut turn = server.begin(close(&id));
    assert_eq!(turn.work(), Work::Notify);
    server.perform(&mut turn);
    assert_eq!(turn.work(), Work::Publish);
    assert_eq!(server.finish(turn).status(), 200);
    assert_eq!(server.published[TARGET], [b""]);
}

#[test]
fn c13_of_an_empty_entity_the_application_hears_on_the_fragment_that_says_so() {
    let mut server = Server::notifying();
    server.application.reply_url = reply("/r");
    let id = server.create();
    let turn = server.begin(empty_fragment(&id));
    assert_eq!(turn.work(), Work::Notify);
    let response = server.finish(turn);
    assert_accepted(&response, 0);
    assert_eq!(header(&response, "bits-reply-url"), Some("/r"));
    assert_eq!(server.begin(close(&id)).work(), Work::Publish);
    assert_eq!(server.notifications, 1);
}

#[test]
fn a_reply_url_has_at_most_2200_characters() {
    let mut server = Server::notifying();
    let id = server.create();
    server.application.reply_url = reply(&"u".repeat(2201));
    let response = server.send(fragment(&id, 0..100, 100));
    assert_invalid(&response);
    assert_offset(&response, Some(100));
    assert_eq!(header(&response, "bits-reply-url"), None);

    let fits = "u".repeat(2200);
    server.application.reply_url = reply(&fits);
    let response = server.send(fragment(&id, 0..100, 100));
    assert_accepted(&response, 100);
    assert_eq!(header(&response, "bits-reply-url"), Some(fits.as_str()));
}

#[test]
fn a_notification_that_was_abandoned_comes_again() {
    let mut server = Server::notifying();
    let id = server.create();
    let mut turn = server.begin(fragment(&id, 0..100, 100));
    server.perform(&mut turn);
    server.abandon(&mut turn);
    assert_eq!(server.session(&id).unwrap().state(), State::Notifying);
    assert_eq!(server.begin(fragment(&id, 0..100, 100)).work(), Work::Notify);
}

#[test]
fn bytes_stored_before_a_failure_are_notified_by_the_repeat() {
    let mut server = Server::notifying();
    let id = server.create();
    let mut turn = server.begin(fragment(&id, 0..100, 100));
    server.store_part(&turn, 100);
    server.report(&mut turn, Report::StoredPart(100, Refusal::Internal));
    assert_eq!(server.session(&id).unwrap().state(), State::Notifying);
    assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);
    assert_eq!(server.notifications, 1);
}
