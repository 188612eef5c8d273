//! A session without a table around it, as a program has it that keeps its sessions in a database.

use bits_proto::server::{Arrival, Directory, Ending, Exchange, Output, Report, Route, Session, State};
use bits_proto::{Conformance, Guid};
use http::{Request, Response};
use testing::server::serve::*;

const ID: &str = "{01020304-0506-4708-890A-0B0C0D0E0F10}";

/// A session in a variable, and its directory.
struct Program {
    directory: Directory,
    session: Session<Owner>,
}

impl Program {
    /// A session that is open.
    fn new(conformance: Conformance) -> Self {
        let directory = Directory::builder().conformance(conformance).build().unwrap();
        let head = create();
        let request = directory.decode(&head).unwrap().unwrap();
        assert_eq!(directory.route(&request), Route::Create);
        let arrival = Arrival { request: &request, target: head.uri(), owner: &ALICE };
        let (session, exchange, output) = Session::open(any_instant(), guid(ID), &arrival, &directory);
        assert_eq!((output, session.state()), (Output::Open, State::Opening));
        let mut program = Self { directory, session };
        let opened = program.report(exchange, Report::Opened);
        assert_eq!(header(&answer(&opened), "bits-session-id"), Some(ID));
        program
    }

    fn begin(&mut self, head: &Request<()>) -> (Exchange, Output) {
        let request = self.directory.decode(head).unwrap().unwrap();
        let arrival = Arrival { request: &request, target: head.uri(), owner: &ALICE };
        self.session.handle_request(any_instant(), &arrival, &self.directory)
    }

    fn report(&mut self, exchange: Exchange, report: Report) -> Output {
        self.session.handle_report(any_instant(), exchange, report, &self.directory)
    }

    fn upload(&mut self) {
        let (exchange, output) = self.begin(&fragment(ID, 0..10, 10));
        assert!(matches!(output, Output::Store(_)));
        assert_accepted(&answer(&self.report(exchange, Report::Stored(10))), 10);
    }

    /// Ends the session with a request that asks for this output.
    fn end(&mut self, head: &Request<()>, output: Output, report: Report) {
        let (exchange, asked) = self.begin(head);
        assert_eq!(asked, output);
        assert_eq!(answer(&self.report(exchange, report)).status(), 200);
    }
}

#[track_caller]
fn answer(output: &Output) -> Response<()> {
    let Output::Respond(ack) = output else { panic!("no answer, but {output:?}") };
    ack.to_response()
}

#[test]
fn a_session_that_was_closed_and_kept_answers_as_a_tombstone_does() {
    for conformance in BOTH {
        let mut program = Program::new(conformance);
        program.upload();
        program.end(&close(ID), Output::Publish, Report::Published);
        assert_eq!(program.session.state(), State::Ended(Ending::Closed));
        let answers = [close(ID), cancel(ID)].map(|head| answer(&program.begin(&head).1));
        match conformance {
            Conformance::Interop => answers.iter().for_each(|answer| assert_bare(answer, 200)),
            Conformance::Strict => answers.iter().for_each(assert_not_found),
        }
        assert_not_found(&answer(&program.begin(&fragment(ID, 0..10, 10)).1));
    }
}

#[test]
fn a_session_that_was_cancelled_and_kept_answers_as_a_tombstone_does() {
    for conformance in BOTH {
        let mut program = Program::new(conformance);
        program.upload();
        program.end(&cancel(ID), Output::Discard, Report::Discarded);
        assert_eq!(program.session.state(), State::Ended(Ending::Cancelled));
        let repeat = answer(&program.begin(&cancel(ID)).1);
        match conformance {
            Conformance::Interop => assert_bare(&repeat, 200),
            Conformance::Strict => assert_not_found(&repeat),
        }
        assert_not_found(&answer(&program.begin(&close(ID)).1));
    }
}

#[test]
fn whoever_waited_for_the_end_is_answered_by_the_kept_session() {
    let mut program = Program::new(Conformance::Interop);
    program.upload();
    let (older, _) = program.begin(&close(ID));
    let (newer, output) = program.begin(&close(ID));
    assert_eq!(output, Output::Wait);
    assert_bare(&answer(&program.report(older, Report::Published)), 200);
    let polled = program.session.poll(any_instant(), newer, &program.directory);
    assert_bare(&answer(&polled), 200);
}

#[test]
fn a_packet_that_belongs_to_no_session_is_invalid_for_one() {
    let mut program = Program::new(Conformance::Interop);
    for head in [packet("Ping"), create()] {
        assert_invalid(&answer(&program.begin(&head).1));
    }
    program.upload();
}

#[test]
fn a_request_is_routed_by_its_packet() {
    let directory = Directory::default();
    let route = |head: Request<()>| directory.route(&directory.decode(&head).unwrap().unwrap());
    assert!(matches!(route(packet("Ping")), Route::Answer(ack) if ack.status() == 200));
    for head in [fragment(ID, 0..10, 10), close(ID), cancel(ID)] {
        assert_eq!(route(head), Route::Session(guid(ID)));
    }
    let Route::Answer(ack) = route(close("no-guid")) else { panic!("no session has such an id") };
    assert_not_found(&ack.to_response());
    assert_eq!(guid(ID), Guid::from_random([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]));
}

#[test]
fn q52_whether_the_body_is_wanted_is_known_before_it_comes() {
    let mut server = Server::with(Conformance::Interop);
    let id = server.create();
    // What the head gives away is answered: no `100 Continue`, and no body.
    let unknown = "{00000000-0000-4000-8000-000000000000}";
    for head in [fragment(&id, 5..10, 20), fragment(unknown, 0..10, 20)] {
        assert!(matches!(server.begin(head).output, Output::Respond(_)));
    }
    // A Store is the word to send `100 Continue`.
    assert!(matches!(server.begin(fragment(&id, 0..10, 20)).output, Output::Store(_)));
}
