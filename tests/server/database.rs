//! Sessions as rows of a database, without a table: two processes serve one upload, each step in a transaction of its own.
#![cfg(feature = "serde")]

use std::time::{Duration, Instant};

use bits_proto::client::{self, Event, State, TransportError};
use bits_proto::packet::Ack;
use bits_proto::server::{Arrival, Directory, Ending, Exchange, Notified, Output, Report, Route, Session};
use bits_proto::{Guid, server};
use http::{Request, Response};
use testing::client::sender::{Sender, source};
use testing::clock;
use testing::server::application;
use testing::server::disk::Disk;

/// What the processes share.
struct Database {
    directory: Directory,
    disk: Disk,
    drawn: u8,
}

/// One of the processes, by what its clock shows.
#[derive(Clone, Copy)]
struct Process(Instant);

impl Database {
    fn new(directory: server::DirectoryBuilder) -> Self {
        Self { directory: directory.build().unwrap(), disk: Disk::default(), drawn: 0 }
    }

    /// Selects the row for update, works on its session, and updates it.
    fn transaction<T>(
        &mut self,
        process: Process,
        id: Guid,
        work: impl FnOnce(&mut Session<String>, &Directory) -> T,
    ) -> Option<T> {
        let row = self.disk.rows.get_mut(&id)?;
        let mut session = Session::restore(process.0, serde_json::from_str(row).unwrap()).unwrap();
        let done = work(&mut session, &self.directory);
        *row = serde_json::to_string(&session.snapshot(process.0)).unwrap();
        Some(done)
    }

    fn session(&self, process: Process, id: Guid) -> Session<String> {
        Session::restore(process.0, serde_json::from_str(&self.disk.rows[&id]).unwrap()).unwrap()
    }

    fn handle(&mut self, process: Process, head: &Request<()>) -> (Exchange, Output) {
        let request = self.directory.decode(head).unwrap().unwrap();
        let arrival = Arrival { request: &request, target: head.uri(), owner: &"alice".to_owned() };
        match self.directory.route(&request) {
            Route::Create => {
                self.drawn += 1;
                let id = Guid::from_random([self.drawn; 16]);
                let (session, exchange, output) = Session::open(process.0, id, &arrival, &self.directory);
                let row = serde_json::to_string(&session.snapshot(process.0)).unwrap();
                self.disk.rows.insert(id, row);
                (exchange, output)
            }
            Route::Session(id) => self
                .transaction(process, id, |session, directory| {
                    session.handle_request(process.0, &arrival, directory)
                })
                .expect("the row is there"),
            Route::Answer(ack) => (outside(), Output::Respond(ack)),
        }
    }

    fn report(&mut self, process: Process, exchange: Exchange, report: Report) -> Output {
        self.transaction(process, exchange.session(), |session, directory| {
            session.handle_report(process.0, exchange, report, directory)
        })
        .expect("the row is there")
    }

    fn poll(&mut self, process: Process, exchange: Exchange) -> Output {
        self.transaction(process, exchange.session(), |session, directory| {
            session.poll(process.0, exchange, directory)
        })
        .expect("the row is there")
    }

    /// Does what an exchange is asked to do.
    fn perform(&mut self, process: Process, id: Guid, output: Output, body: &[u8]) -> Report {
        match output {
            Output::Open => self.disk.make_room(id),
            Output::Store(store) => {
                self.disk.write(id, store.range.start, &body[store.skip as usize..]);
                Report::Stored(store.range.end - store.range.start)
            }
            Output::Notify => Report::Notified(Notified { copy_to_destination: true, reply_url: None }),
            Output::Publish => {
                let destination = self.session(process, id).destination().to_owned();
                self.disk.publish(id, &destination)
            }
            Output::Discard => self.disk.discard(id),
            other => unreachable!("nothing to do for {other:?}"),
        }
    }

    /// Finishes an exchange, each step in the other one of the processes.
    fn finish(
        &mut self,
        processes: [Process; 2],
        exchange: Exchange,
        mut output: Output,
        body: &[u8],
    ) -> Response<()> {
        for process in processes.into_iter().cycle().take(10) {
            if let Output::Respond(ack) = output {
                return ack.to_response();
            }
            let report = self.perform(process, exchange.session(), output, body);
            output = self.report(process, exchange, report);
        }
        panic!("the exchange never ends: {output:?}");
    }
}

/// The exchange of a request that reaches no session.
fn outside() -> Exchange {
    serde_json::from_str(r#"{"session":"{00000000-0000-0000-0000-000000000000}","serial":0}"#).unwrap()
}

/// Two processes whose clocks have nothing to do with each other.
fn processes() -> [Process; 2] {
    [Process(clock::start()), Process(clock::start() + Duration::from_secs(1_000_000_000))]
}

fn sender(size: u64) -> Sender {
    Sender::new(clock::start(), size, client::Config::builder().fragment_size(40).build().unwrap())
}

/// The client's next request, which must be this packet.
#[track_caller]
fn next(sender: &mut Sender, packet: &str) -> (client::ExchangeId, Request<()>, Vec<u8>) {
    let transmit = sender.next_transmit().unwrap();
    let (head, body) = sender.on_the_wire(transmit.request);
    assert_eq!(head.headers()["bits-packet-type"], packet);
    (transmit.id, head, body)
}

/// The rest of the upload, each request served by both processes.
#[track_caller]
fn finish(database: &mut Database, sender: &mut Sender) {
    let [one, other] = processes();
    for round in 0..20 {
        let Some(transmit) = sender.next_transmit() else { break };
        let (head, body) = sender.on_the_wire(transmit.request);
        let order = if round % 2 == 0 { [one, other] } else { [other, one] };
        let (exchange, output) = database.handle(order[1], &head);
        let response = database.finish(order, exchange, output, &body);
        sender.answer(transmit.id, Ok(response));
    }
    assert_eq!(sender.upload.state(), State::Completed, "{:?}", sender.events);
    assert_eq!(sender.events.last(), Some(&Event::Completed { confirmed: true }));
    let published: Vec<_> =
        database.disk.published.iter().map(|(_, to, bytes)| (to.as_str(), bytes)).collect();
    assert_eq!(published, [("/upload/file.bin", &source(sender.upload.entity().size()))]);
}

#[test]
fn two_processes_serve_an_upload_step_by_step() {
    for notification in [false, true] {
        for size in [0, 1, 100] {
            let mut database =
                Database::new(Directory::builder().notification(application::notified_if(notification)));
            finish(&mut database, &mut sender(size));
        }
    }
}

#[test]
fn c17_a_row_that_has_ended_answers_its_repeat() {
    let mut database = Database::new(Directory::builder());
    let mut sender = sender(0);
    let [one, other] = processes();
    let (id, head, body) = next(&mut sender, "Create-Session");
    let (exchange, output) = database.handle(one, &head);
    let created = database.finish([one, one], exchange, output, &body);
    sender.answer(id, Ok(created));
    let (_, head, _) = next(&mut sender, "Close-Session");
    for process in [one, other, one] {
        let (exchange, output) = database.handle(process, &head);
        assert_eq!(database.finish([process, process], exchange, output, &[]).status(), 200);
    }
    let id = *database.disk.rows.keys().next().unwrap();
    assert_eq!(database.session(one, id).state(), server::State::Ended(Ending::Closed));
    assert_eq!(database.disk.published.len(), 1);
}

/// An upload of 100 bytes whose first 40 are to be stored by the first process; the client has given up on that.
fn given_up() -> (Database, Sender, Exchange, Vec<u8>) {
    let (mut database, mut sender) = (Database::new(Directory::builder()), sender(100));
    let [one, _] = processes();
    let (id, head, body) = next(&mut sender, "Create-Session");
    let (exchange, output) = database.handle(one, &head);
    let created = database.finish([one, one], exchange, output, &body);
    sender.answer(id, Ok(created));
    let (id, head, body) = next(&mut sender, "Fragment");
    let (exchange, output) = database.handle(one, &head);
    assert!(matches!(output, Output::Store(_)));
    sender.answer(id, Err(TransportError::Interrupted));
    let (id, head, _) = next(&mut sender, "Ping");
    let (exchange_of_ping, output) = database.handle(one, &head);
    assert_eq!(exchange_of_ping, outside());
    let Output::Respond(Ack::Ping(_)) = output else { panic!("{output:?}") };
    sender.answer(id, Ok(Ack::Ping(bits_proto::packet::PingAck).to_response()));
    (database, sender, exchange, body)
}

#[test]
fn an_exchange_in_one_process_makes_way_for_one_in_the_other() {
    let (mut database, mut sender, older, body) = given_up();
    let [one, other] = processes();
    let (id, head, repeat) = next(&mut sender, "Fragment");
    let (newer, output) = database.handle(other, &head);
    assert_eq!(output, Output::Abort(older));
    assert_eq!(database.poll(other, newer), Output::Wait);
    // The first one had stored 15 bytes when it was told to stop.
    database.disk.write(older.session(), 0, &body[..15]);
    let Output::Respond(late) = database.report(one, older, Report::Stored(15)) else { panic!() };
    assert_eq!(late.status(), 503);
    let output = database.poll(other, newer);
    let Output::Store(store) = &output else { panic!("{output:?}") };
    assert_eq!((store.skip, store.range.clone()), (15, 15..40));
    let response = database.finish([other, other], newer, output, &repeat);
    sender.answer(id, Ok(response));
    finish(&mut database, &mut sender);
}

#[test]
fn another_process_gives_up_what_a_dead_one_had_at_work() {
    let (mut database, mut sender, older, body) = given_up();
    let [one, other] = processes();
    // It died with 15 bytes written, and nobody was told.
    database.disk.write(older.session(), 0, &body[..15]);
    let (id, head, repeat) = next(&mut sender, "Fragment");
    let (newer, output) = database.handle(other, &head);
    assert_eq!(output, Output::Abort(older));
    assert_eq!(database.session(other, older.session()).at_work(), Some(older));
    let Output::Respond(_) = database.report(other, older, Report::Abandoned) else { panic!() };
    let output = database.poll(other, newer);
    let Output::Store(store) = &output else { panic!("{output:?}") };
    assert_eq!((store.skip, store.range.clone()), (0, 0..40));
    // It was not dead after all; but what it reports now is void.
    let Output::Respond(late) = database.report(one, older, Report::Stored(40)) else { panic!() };
    assert_eq!(late.status(), 503);
    assert_eq!(database.session(one, older.session()).received(), 0);
    let response = database.finish([other, other], newer, output, &repeat);
    sender.answer(id, Ok(response));
    finish(&mut database, &mut sender);
}
