//! Sessions as rows of a database, without a table: two processes serve one upload, each step in a transaction of its own.
#![cfg(feature = "serde")]

use std::time::{Duration, Instant};

use bits_proto::client::{self, Event, State, TransportError};
use bits_proto::packet::{Ack, PingAck};
use bits_proto::server::{Directory, Ending, Exchange, Keep, Notified, Output, Report, Route, Session};
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
    /// How old each row is when it is selected.
    age: Duration,
}

/// One of the processes, by what its clock shows.
#[derive(Clone, Copy)]
struct Process(Instant);

impl Database {
    fn new(directory: server::DirectoryBuilder) -> Self {
        let directory = directory.keep(Keep::Rows).build().unwrap();
        Self { directory, disk: Disk::default(), drawn: 0, age: Duration::ZERO }
    }

    /// Selects the row for update, works on its session, and updates it. Time passes between two transactions.
    fn transaction<T>(
        &mut self,
        process: Process,
        id: Guid,
        work: impl FnOnce(&mut Session<String>, &Directory) -> T,
    ) -> Option<T> {
        let (row, age) = (self.disk.rows.get_mut(&id)?, self.age);
        let mut session = Session::restore(process.0, serde_json::from_str(row).unwrap(), age).unwrap();
        let done = work(&mut session, &self.directory);
        *row = serde_json::to_string(&session.snapshot(process.0)).unwrap();
        Some(done)
    }

    fn session(&self, process: Process, id: Guid) -> Session<String> {
        let snapshot = serde_json::from_str(&self.disk.rows[&id]).unwrap();
        Session::restore(process.0, snapshot, Duration::ZERO).unwrap()
    }

    /// Returns the exchange; or the answer of a request that has none.
    fn handle(&mut self, process: Process, head: &Request<()>) -> Result<Exchange, Response<()>> {
        let (directory, alice) = (self.directory.clone(), "alice".to_owned());
        let arrival = directory.read(head, &alice).unwrap();
        match directory.route(&arrival) {
            Route::Create => {
                self.drawn += 1;
                let id = Guid::from_random([self.drawn; 16]);
                let (session, exchange) = Session::open(process.0, id, &arrival, &directory);
                let row = serde_json::to_string(&session.snapshot(process.0)).unwrap();
                self.disk.rows.insert(id, row);
                Ok(exchange)
            }
            Route::Session(id) => {
                let handled = self.transaction(process, id, |session, directory| {
                    session.handle_request(process.0, &arrival, directory)
                });
                match handled {
                    Some(Ok(exchange)) => Ok(exchange),
                    Some(Err(ack)) => Err(ack.to_response()),
                    None => Err(directory.session_not_found(&arrival).to_response()),
                }
            }
            Route::Ping => Err(Ack::Ping(PingAck).to_response()),
            Route::Answer(ack) => Err(ack.to_response()),
        }
    }

    fn report(&mut self, process: Process, exchange: Exchange, report: Report) {
        self.transaction(process, id(exchange), |session, directory| {
            session.handle_report(process.0, exchange, report, directory);
        });
    }

    fn poll(&mut self, process: Process, exchange: Exchange) -> Option<Output<String>> {
        self.transaction(process, id(exchange), |session, directory| {
            session.poll_output(process.0, exchange, directory)
        })
        .expect("the row is there")
    }

    /// Does what an exchange is asked to do.
    fn perform(&mut self, process: Process, id: Guid, output: Output<String>, body: &[u8]) -> Report {
        match output {
            Output::Open => self.disk.make_room(id),
            Output::Store(mut store) => {
                let offset = store.range().start;
                self.disk.write(id, offset, store.clip(body));
                Report::Stored(store.clipped())
            }
            Output::Notify { .. } => {
                Report::Notified(Notified { copy_to_destination: true, reply_url: None })
            }
            Output::Publish { .. } => {
                let destination = self.session(process, id).destination().to_owned();
                self.disk.publish(id, &destination)
            }
            Output::Discard => self.disk.discard(id),
            other => unreachable!("nothing to do for {other:?}"),
        }
    }

    /// Finishes an exchange, each step in the other one of the processes.
    fn finish(&mut self, processes: [Process; 2], exchange: Exchange, body: &[u8]) -> Response<()> {
        for process in processes.into_iter().cycle().take(10) {
            match self.poll(process, exchange).expect("its turn has come") {
                Output::Respond(ack) => return ack.to_response(),
                output => {
                    let report = self.perform(process, id(exchange), output, body);
                    self.report(process, exchange, report);
                }
            }
        }
        panic!("the exchange never ends");
    }

    /// A whole exchange.
    fn serve(&mut self, processes: [Process; 2], head: &Request<()>, body: &[u8]) -> Response<()> {
        match self.handle(processes[1], head) {
            Ok(exchange) => self.finish(processes, exchange, body),
            Err(response) => response,
        }
    }
}

fn id(exchange: Exchange) -> Guid {
    exchange.session().expect("the exchange has a session")
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
        let response = database.serve(order, &head, &body);
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
    let created = database.serve([one, one], &head, &body);
    sender.answer(id, Ok(created));
    let (_, head, _) = next(&mut sender, "Close-Session");
    for process in [one, other, one] {
        assert_eq!(database.serve([process, process], &head, &[]).status(), 200);
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
    let created = database.serve([one, one], &head, &body);
    sender.answer(id, Ok(created));
    let (id, head, body) = next(&mut sender, "Fragment");
    let exchange = database.handle(one, &head).unwrap();
    assert!(matches!(database.poll(one, exchange), Some(Output::Store(_))));
    sender.answer(id, Err(TransportError::Interrupted));
    let (id, head, _) = next(&mut sender, "Ping");
    let pinged = database.handle(one, &head).expect_err("a Ping has no session");
    assert_eq!(pinged.status(), 200);
    sender.answer(id, Ok(pinged));
    (database, sender, exchange, body)
}

#[test]
fn an_exchange_in_one_process_makes_way_for_one_in_the_other() {
    let (mut database, mut sender, older, body) = given_up();
    let [one, other] = processes();
    let (id, head, repeat) = next(&mut sender, "Fragment");
    let newer = database.handle(other, &head).unwrap();
    assert_eq!(database.poll(other, newer), None);
    // Signals are not stored: the first process asks the row.
    assert!(database.session(one, older.session().unwrap()).is_superseded(older));
    assert!(!database.session(one, older.session().unwrap()).is_superseded(newer));
    // It had stored 15 bytes when it found out.
    database.disk.write(older.session().unwrap(), 0, &body[..15]);
    database.report(one, older, Report::Stored(15));
    let Some(Output::Respond(late)) = database.poll(one, older) else { panic!() };
    assert_eq!(late.status(), 503);
    let Some(Output::Store(store)) = database.poll(other, newer) else { panic!() };
    assert_eq!((store.skip(), store.range().clone()), (15, 15..40));
    let response = database.finish([other, other], newer, &repeat);
    sender.answer(id, Ok(response));
    finish(&mut database, &mut sender);
}

#[test]
fn a_row_whose_client_is_refused_each_time_expires() {
    let mut database = Database::new(Directory::builder());
    let (one, day) = (processes()[0], Duration::from_secs(24 * 60 * 60));
    let mut sender = sender(100);
    let (id, head, body) = next(&mut sender, "Create-Session");
    let created = database.serve([one, one], &head, &body);
    sender.answer(id, Ok(created));
    let (_, head, body) = next(&mut sender, "Fragment");
    assert_eq!(database.serve([one, one], &head, &body).status(), 200);
    // Each day it sends what nobody wants, to a row that was not touched since.
    database.age = day;
    let mut refused = head.clone();
    refused.headers_mut().try_insert("content-range", "bytes 50-89/100".parse().unwrap()).unwrap();
    for _ in 0..6 {
        // Each exchange is two transactions, each of a row that is a day old.
        assert_eq!(database.serve([one, one], &refused, &body).status(), 416);
    }
    database.age = 3 * day;
    let late = database.serve([one, one], &head, &body);
    assert_eq!(late.headers()["bits-error"], "0x8020001F");
    let id = *database.disk.rows.keys().next().unwrap();
    let exchange = database.transaction(one, id, |session, directory| session.expire(directory));
    let exchange = exchange.flatten().expect("the row is due");
    assert_eq!(database.poll(one, exchange), Some(Output::Discard));
    database.report(one, exchange, Report::Discarded);
    assert_eq!(database.poll(one, exchange), Some(Output::Done));
}

#[test]
fn another_process_gives_up_what_a_dead_one_had_at_work() {
    let (mut database, mut sender, older, body) = given_up();
    let [one, other] = processes();
    // It died with 15 bytes written, and nobody was told.
    database.disk.write(id(older), 0, &body[..15]);
    let (number, head, repeat) = next(&mut sender, "Fragment");
    let newer = database.handle(other, &head).unwrap();
    assert_eq!(database.poll(other, newer), None);
    assert_eq!(database.session(other, id(older)).at_work(), Some(older));
    database.transaction(other, id(older), |session, _| session.handle_abandoned(other.0, older));
    let Some(Output::Store(store)) = database.poll(other, newer) else { panic!() };
    assert_eq!((store.skip(), store.range().clone()), (0, 0..40));
    // It was not dead after all; but what it reports now is void.
    database.report(one, older, Report::Stored(40));
    let Some(Output::Respond(late)) = database.poll(one, older) else { panic!() };
    assert_eq!(late.status(), 503);
    assert_eq!(database.session(one, id(older)).received(), 0);
    let response = database.finish([other, other], newer, &repeat);
    sender.answer(number, Ok(response));
    finish(&mut database, &mut sender);
}
