//! A server that is killed at every step of an upload, restored from what it had saved, and ends with equal bytes.
//!
//! It saves and forgets what the outputs ask for, and no more.
#![cfg(feature = "serde")]

use std::time::{Duration, Instant};

use bits_proto::Conformance;
use bits_proto::client::{self, Event, State, TransportError};
use bits_proto::server::{
    Directory, DirectoryBuilder, Exchange, Held, Keep, Notified, Output, Report, Restored, Sessions,
};
use http::{Request, Response};
use testing::client::sender::{Sender, source};
use testing::clock;
use testing::server::application::notified_if;
use testing::server::disk::Disk;

/// More steps than any upload here has.
const MANY: usize = 200;

/// One kind of upload.
#[derive(Clone, Copy, Debug)]
struct Kind {
    conformance: Conformance,
    keep: Keep,
    size: u64,
    /// Whether there is an application, and if so whether it has the entity published.
    application: Option<bool>,
    /// The client gives the upload up before this request.
    cancelled_before: Option<usize>,
    /// Whether the disk lies, and loses the last byte of every upload when the process is killed.
    lossy: bool,
}

/// The process died.
#[derive(Debug)]
struct Killed;

struct Server {
    disk: Disk,
    kind: Kind,
    sessions: Sessions<String>,
    now: Instant,
    drawn: u8,
    notified: usize,
    /// How many steps are left until the process is killed; and those of the processes after it.
    left: Vec<usize>,
}

impl Server {
    fn new(kind: Kind, kills: Vec<usize>) -> Self {
        let sessions = Sessions::new(directory(kind).build().unwrap());
        let disk = Disk::default();
        Self { disk, kind, sessions, now: clock::start(), drawn: 0, notified: 0, left: kills }
    }

    /// One step of the process' life.
    fn step(&mut self) -> Result<(), Killed> {
        match self.left.first_mut() {
            Some(0) => Err(Killed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Another process takes over.
    fn restart(&mut self) {
        self.left.remove(0);
        if self.kind.lossy {
            self.disk.bytes.values_mut().for_each(|bytes| bytes.truncate(bytes.len().saturating_sub(1)));
        }
        self.sessions = Sessions::new(directory(self.kind).build().unwrap());
        for (id, row) in &self.disk.rows {
            let record = serde_json::from_str(row).unwrap();
            let held = match self.disk.bytes.get(id) {
                Some(bytes) => Held::Bytes(bytes.len() as u64),
                None => Held::Nothing,
            };
            match self.sessions.restore(self.now, record, Duration::ZERO, held).unwrap() {
                Restored::Ended => drop(self.disk.bytes.remove(id)),
                Restored::Open(length) => {
                    let bytes = self.disk.bytes.get_mut(id).expect("what goes on has bytes");
                    bytes.truncate(usize::try_from(length).unwrap());
                }
            }
        }
        let Disk { bytes, rows, .. } = &mut self.disk;
        bytes.retain(|id, _| rows.contains_key(id));
    }

    fn serve(&mut self, head: &Request<()>, body: &[u8]) -> Result<Response<()>, Killed> {
        self.drawn += 1;
        let (random, alice) = ([self.drawn; 16], "alice".to_owned());
        let exchange = self.sessions.handle_request(self.now, head, &alice, || random).unwrap();
        match self.drive(exchange, body)? {
            Output::Respond(ack) => Ok(ack.to_response()),
            other => panic!("a client waits, but {other:?}"),
        }
    }

    /// Does what no client asked for.
    fn expire(&mut self) -> Result<(), Killed> {
        while let Some(exchange) = self.sessions.poll_expired(self.now) {
            assert_eq!(self.drive(exchange, &[])?, Output::Done);
        }
        Ok(())
    }

    fn drive(&mut self, exchange: Exchange, body: &[u8]) -> Result<Output<String>, Killed> {
        loop {
            self.step()?;
            let output = self.sessions.poll_output(self.now, exchange).expect("nobody else is at work");
            if matches!(output, Output::Respond(_) | Output::Done) {
                self.step()?;
                return Ok(output);
            }
            let report = self.perform(exchange, output, body)?;
            self.step()?;
            self.sessions.handle_report(self.now, exchange, report);
        }
    }

    fn perform(&mut self, exchange: Exchange, output: Output<String>, body: &[u8]) -> Result<Report, Killed> {
        let Some(id) = exchange.session() else { return Ok(Report::Admitted) };
        Ok(match output {
            Output::Open => self.disk.make_room(id),
            Output::Store(mut store) => {
                let offset = store.range().start;
                let new = store.clip(body).to_vec();
                let (one, other) = new.split_at(new.len() / 2);
                self.disk.write(id, offset, one);
                self.step()?;
                self.disk.write(id, offset + one.len() as u64, other);
                Report::Stored(store.clipped())
            }
            Output::Notify { size } => {
                self.notified += 1;
                assert_eq!(size, self.disk.bytes[&id].len() as u64);
                let copy_to_destination = self.kind.application.expect("there is an application");
                Report::Notified(Notified { copy_to_destination, reply_url: None })
            }
            Output::Save(record) => {
                self.disk.rows.insert(id, serde_json::to_string(&record).unwrap());
                Report::Saved
            }
            Output::Forget => {
                self.disk.rows.remove(&id);
                Report::Forgotten
            }
            Output::Publish { .. } => {
                let destination = self.sessions.get(id).unwrap().destination().to_owned();
                self.disk.publish(id, &destination)
            }
            Output::Discard => self.disk.discard(id),
            other => unreachable!("a session never asks for {other:?}"),
        })
    }
}

fn directory(kind: Kind) -> DirectoryBuilder {
    let notification = notified_if(kind.application.is_some());
    Directory::builder().conformance(kind.conformance).keep(kind.keep).notification(notification)
}

/// A whole upload, with the server killed after so many steps, and again after so many more; whether it lived that long.
fn upload(kind: Kind, kills: &[usize]) -> bool {
    let mut server = Server::new(kind, kills.to_vec());
    let config = client::Config::builder().fragment_size(40).build().unwrap();
    let mut sender = Sender::new(server.now, kind.size, config);
    for request in 0..MANY {
        if kind.cancelled_before == Some(request) {
            let _ended_already = sender.upload.cancel(sender.now);
        }
        let Some(transmit) = sender.next_transmit() else { break };
        let (head, body) = sender.on_the_wire(transmit.request);
        server.now = sender.now;
        let answer = server.serve(&head, &body).map_err(|Killed| {
            server.restart();
            TransportError::Interrupted
        });
        sender.answer(transmit.id, answer);
    }
    let outlived = server.left.is_empty();
    check(kind, kills, &mut server, &sender);
    outlived
}

/// The entity is at its destination, once and in full, or the client was told that it is not.
fn check(kind: Kind, kills: &[usize], server: &mut Server, sender: &Sender) {
    let context = format!("{kind:?}, killed after {kills:?}: {:?}", sender.events);
    let published: Vec<_> =
        server.disk.published.iter().map(|(_, to, bytes)| (to.as_str(), bytes.clone())).collect();
    let whole = [("/upload/file.bin", source(kind.size))];
    match sender.upload.state() {
        State::Completed if kind.application == Some(false) => assert!(published.is_empty(), "{context}"),
        State::Completed => assert_eq!(published, whole, "{context}"),
        State::Cancelled => {
            assert!(kind.cancelled_before.is_some(), "{context}");
            // A Close that was on its way when the upload was given up may have been done: the client says so.
            let unconfirmed = sender.events.contains(&Event::Cancelled { confirmed: false });
            assert!(published.is_empty() || (unconfirmed && published == whole), "{context}");
        }
        // A Close for what is not whole any more.
        State::Failed => assert!(kind.lossy && published.is_empty(), "{context}"),
        state => panic!("{state:?}, {context}"),
    }
    if sender.upload.state() == State::Completed {
        assert_eq!(server.notified > 0, kind.application.is_some(), "{context}");
    }
    assert!(!sender.events.iter().any(|event| matches!(event, Event::Restarted { .. })), "{context}");
    if kind.conformance == Conformance::Interop {
        assert!(!sender.events.contains(&Event::Completed { confirmed: false }), "{context}");
    }
    // A session whose Ack was lost, which its client never heard of, lives on until it expires.
    let heard_of = sender.events.iter().find_map(|event| match event {
        Event::SessionCreated { session_id } => session_id.guid(),
        _ => None,
    });
    for id in server.disk.bytes.keys() {
        let unfinished = Some(*id) != heard_of || sender.upload.state() == State::Failed;
        assert!(unfinished && server.sessions.get(*id).is_some(), "left behind, {context}");
    }
    // In time, nothing is left but what was published.
    server.left.clear();
    for _ in 0..3 {
        server.now += Duration::from_secs(15 * 24 * 60 * 60);
        server.expire().unwrap();
    }
    assert!(server.disk.bytes.is_empty() && server.disk.rows.is_empty(), "left behind for ever, {context}");
}

/// Kills the server at every step of every kind of upload.
fn everywhere(lossy: bool, kills: fn(Kind) -> Vec<Vec<usize>>) {
    let sizes = [0, 1, 100];
    for conformance in [Conformance::Interop, Conformance::Strict] {
        for keep in [Keep::Records, Keep::RecordsWithoutOffset] {
            for size in sizes {
                for application in [None, Some(true), Some(false)] {
                    for cancelled_before in [None, Some(1), Some(2)] {
                        let kind = Kind { conformance, keep, size, application, cancelled_before, lossy };
                        for kills in kills(kind) {
                            upload(kind, &kills);
                        }
                    }
                }
            }
        }
    }
}

/// How many steps the upload has when nothing happens.
fn steps(kind: Kind) -> usize {
    (0..MANY).find(|&kill| !upload(kind, &[kill])).expect("the upload comes to an end")
}

#[test]
fn the_server_may_be_killed_at_every_step_of_an_upload() {
    everywhere(false, |kind| (0..steps(kind)).map(|kill| vec![kill]).collect());
}

#[test]
fn a_server_whose_disk_lost_bytes_asks_for_them_again_or_says_no() {
    everywhere(true, |kind| (0..steps(kind)).map(|kill| vec![kill]).collect());
}

#[test]
fn a_restarted_server_may_be_killed_again() {
    everywhere(false, |kind| {
        let steps = steps(kind);
        // Each of them is a whole upload: every pair of steps would take minutes.
        (0..steps)
            .flat_map(|one| (0..steps).step_by(5).map(move |two| vec![one, (one + two) % steps]))
            .collect()
    });
}
