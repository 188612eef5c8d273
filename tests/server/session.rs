//! A session without a table around it, as a program has it that keeps its sessions in a database.

use std::time::Duration;

use bits_proto::server::{Directory, Ending, Output, Report, Route, State};
use bits_proto::{Conformance, Guid};
use http::{Request, Response};
use testing::server::alone::{Alone, Step, rows};
use testing::server::serve::*;

const ID: &str = "{01020304-0506-4708-890A-0B0C0D0E0F10}";

/// A session that is open, and its directory.
fn program(conformance: Conformance) -> Alone {
    let directory = rows().conformance(conformance).build().unwrap();
    let (mut alone, step) = Alone::opening(directory);
    assert_eq!((step.work(), alone.session.state()), (Work::Open, State::Opening));
    let opened = answer(&alone.report(&step, Report::Opened));
    assert_eq!(header(&opened, "bits-session-id"), Some(&*alone.id()));
    alone
}

/// The same, with the whole entity.
fn complete(conformance: Conformance) -> Alone {
    let mut alone = program(conformance);
    assert_accepted(&answer(&alone.fragment(0..100, Report::Stored(100))), 100);
    alone
}

/// Ends the session with a request that asks for this work.
#[track_caller]
fn end(alone: &mut Alone, head: Request<()>, work: Work, report: Report) {
    let step = alone.handle(head);
    assert_eq!(step.work(), work);
    assert_eq!(answer(&alone.report(&step, report)).status(), 200);
}

#[track_caller]
fn answer(step: &Step) -> Response<()> {
    let Some(Output::Respond(ack)) = &step.output else { panic!("no answer, but {:?}", step.output) };
    ack.to_response()
}

#[test]
fn a_session_that_was_closed_and_kept_answers_as_a_tombstone_does() {
    for conformance in BOTH {
        let mut program = complete(conformance);
        let id = program.id();
        end(&mut program, close(&id), Work::Publish, Report::Published);
        assert_eq!(program.session.state(), State::Ended(Ending::Closed));
        // A strict directory remembers nothing: its row is due at once.
        program.now -= Duration::from_secs(1);
        let answers = [close(&id), cancel(&id)].map(|head| answer(&program.handle(head)));
        match conformance {
            Conformance::Interop => answers.iter().for_each(|answer| assert_bare(answer, 200)),
            Conformance::Strict => answers.iter().for_each(assert_not_found),
        }
        assert_not_found(&answer(&program.handle(fragment(&id, 0..10, 100))));
    }
}

#[test]
fn a_session_that_was_cancelled_and_kept_answers_as_a_tombstone_does() {
    for conformance in BOTH {
        let mut program = complete(conformance);
        let id = program.id();
        end(&mut program, cancel(&id), Work::Discard, Report::Discarded);
        assert_eq!(program.session.state(), State::Ended(Ending::Cancelled));
        program.now -= Duration::from_secs(1);
        let repeat = answer(&program.handle(cancel(&id)));
        match conformance {
            Conformance::Interop => assert_bare(&repeat, 200),
            Conformance::Strict => assert_not_found(&repeat),
        }
        assert_not_found(&answer(&program.handle(close(&id))));
    }
}

#[test]
fn whoever_waited_for_the_end_is_answered_by_the_kept_session() {
    let mut program = complete(Conformance::Interop);
    let id = program.id();
    let older = program.handle(close(&id));
    let newer = program.handle(close(&id));
    assert_eq!(newer.work(), Work::Wait);
    assert_bare(&answer(&program.report(&older, Report::Published)), 200);
    assert_bare(&answer(&program.poll(newer.exchange)), 200);
}

#[test]
fn a_packet_that_belongs_to_no_session_is_invalid_for_one() {
    let mut program = program(Conformance::Interop);
    for head in [packet("Ping"), create()] {
        let owner = ALICE.to_owned();
        let arrival = program.directory.read(&head, &owner).unwrap();
        let refused = program.session.handle_request(program.now, &arrival, &program.directory);
        assert_invalid(&refused.unwrap_err().to_response());
    }
    assert_accepted(&answer(&program.fragment(0..100, Report::Stored(100))), 100);
}

#[test]
fn a_row_that_has_ended_is_due_after_its_hour_and_answers_nobody_then() {
    let mut program = complete(Conformance::Interop);
    let id = program.id();
    end(&mut program, close(&id), Work::Publish, Report::Published);
    assert_eq!(program.session.deadline(), Some(program.now + Duration::from_secs(3600)));
    program.now += Duration::from_secs(3600);
    let (head, owner) = (close(&id), ALICE.to_owned());
    let arrival = program.directory.read(&head, &owner).unwrap();
    let refused = program.session.handle_request(program.now, &arrival, &program.directory);
    assert_not_found(&refused.unwrap_err().to_response());
    let exchange = program.session.expire(&program.directory).unwrap();
    assert_eq!(program.poll(exchange).work(), Work::Done, "the row may go");
}

#[test]
fn a_request_is_routed_by_its_packet() {
    let directory = Directory::default();
    let route = |head: Request<()>| directory.route(&directory.read(&head, &()).unwrap());
    assert_eq!(route(packet("Ping")), Route::Ping);
    assert_eq!(route(create()), Route::Create);
    for head in [fragment(ID, 0..10, 10), close(ID), cancel(ID)] {
        assert_eq!(route(head), Route::Session(guid(ID)));
    }
    let Route::Answer(ack) = route(close("no-guid")) else { panic!("no session has such an id") };
    assert_not_found(&ack.to_response());
    assert_eq!(guid(ID), Guid::from_random([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]));
}

#[test]
fn c70_a_fragment_that_cannot_be_read_is_routed_to_its_session_and_nothing_else_is() {
    let directory = Directory::default();
    let route = |head: Request<()>| directory.route(&directory.read(&head, &()).unwrap());
    let bad = with(fragment(ID, 0..10, 10), "Content-Range", "bytes 0-9");
    assert_eq!(route(bad), Route::Session(guid(ID)));
    for head in [
        with(close(ID), "Content-Length", "1"),
        with(fragment("no-guid", 0..10, 10), "Content-Range", "bytes 0-9"),
        with(fragment(ID, 0..10, 10), "BITS-Packet-Type", "Pong"),
    ] {
        assert!(matches!(route(head), Route::Answer(ack) if ack.status() == 400));
    }
}

#[test]
fn q52_whether_the_body_is_wanted_is_known_before_it_comes() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.create();
    // What the head gives away is answered: no `100 Continue`, and no body.
    let unknown = "{00000000-0000-4000-8000-000000000000}";
    for head in [fragment(&id, 5..10, 20), fragment(unknown, 0..10, 20)] {
        assert_eq!(server.begin(head).work(), Work::Respond);
    }
    // A Store is the word to send `100 Continue`.
    assert_eq!(server.begin(fragment(&id, 0..10, 20)).work(), Work::Store);
}

#[test]
fn q57_a_program_with_rows_lets_a_newer_session_take_the_place_of_an_older_one() {
    let mut older = program(Conformance::Interop);
    older.fragment(0..50, Report::Stored(50));
    let exchange = older.session.replace();
    let step = older.poll(exchange);
    assert_eq!((step.work(), older.session.state()), (Work::Discard, State::Ended(Ending::Replaced)));
    assert_eq!(older.report(&step, Report::Discarded).work(), Work::Done);
    for head in [fragment(&older.id(), 50..100, 100), close(&older.id()), cancel(&older.id())] {
        let owner = ALICE.to_owned();
        let arrival = older.directory.read(&head, &owner).unwrap();
        let refused = older.session.handle_request(older.now, &arrival, &older.directory).unwrap_err();
        assert_error(&refused.to_response(), 403, "0x80070005", "0x5");
    }
}
