//! A session without a table, as a program with a database drives it; and one in every state and at every step.

use std::ops::Range;
use std::time::Instant;

use crate::server::application::notified_if;
use crate::server::serve::*;
use bits_proto::server::{
    Directory, DirectoryBuilder, Exchange, Keep, Notified, Output, Refusal, Report, Session, Snapshot,
};
use bits_proto::{Guid, ReplyUrl};
use http::StatusCode;

/// Owners as a program stores them.
pub type User = String;

/// A session without a table, as a program with a database drives it.
#[derive(Clone, Debug)]
pub struct Alone {
    pub session: Session<User>,
    pub directory: Directory,
    pub now: Instant,
}

/// One exchange of it.
#[derive(Clone, Debug)]
pub struct Step {
    pub exchange: Exchange,
    /// None while another exchange works on the session.
    pub output: Option<Output<User>>,
}

impl Step {
    pub fn work(&self) -> Work {
        work(self.output.as_ref())
    }
}

impl Alone {
    /// The caller has not yet said whether the upload may start.
    pub fn opening(directory: Directory) -> (Self, Step) {
        let (now, head, id) = (any_instant(), create(), Guid::from_random([7; 16]));
        let owner = ALICE.to_owned();
        let arrival = directory.read(&head, &owner).unwrap();
        let (session, exchange) = Session::open(now, id, &arrival, &directory);
        let mut alone = Self { session, directory, now };
        let step = alone.poll(exchange);
        (alone, step)
    }

    pub fn open(directory: Directory) -> Self {
        let (mut alone, step) = Self::opening(directory);
        alone.report(&step, Report::Opened);
        alone
    }

    /// Half of the entity's 100 bytes are there.
    pub fn half(directory: Directory) -> Self {
        let mut alone = Self::open(directory);
        alone.fragment(0..50, Report::Stored(50));
        alone
    }

    /// All of it is there, and the application, if there is one, said this.
    pub fn complete(said: Option<Report>) -> Self {
        let directory = rows().notification(notified_if(said.is_some()));
        let mut alone = Self::half(directory.build().unwrap());
        let last = alone.fragment(50..100, Report::Stored(50));
        if let Some(said) = said {
            assert_eq!(last.work(), Work::Notify);
            alone.report(&last, said);
        }
        alone
    }

    pub fn handle(&mut self, head: http::Request<()>) -> Step {
        let owner = ALICE.to_owned();
        let arrival = self.directory.read(&head, &owner).unwrap();
        let exchange = self.session.handle_request(self.now, &arrival, &self.directory).unwrap();
        self.poll(exchange)
    }

    pub fn poll(&mut self, exchange: Exchange) -> Step {
        let output = self.session.poll_output(self.now, exchange, &self.directory);
        while self.session.poll_signal().is_some() {}
        Step { exchange, output }
    }

    pub fn report(&mut self, step: &Step, report: Report) -> Step {
        self.session.handle_report(self.now, step.exchange, report, &self.directory);
        self.poll(step.exchange)
    }

    pub fn fragment(&mut self, bytes: Range<u64>, report: Report) -> Step {
        let step = self.handle(fragment(&self.id(), bytes, 100));
        self.report(&step, report)
    }

    pub fn id(&self) -> String {
        self.session.id().to_string()
    }

    pub fn snapshot(&self) -> Snapshot<User> {
        self.session.snapshot(self.now)
    }
}

/// The directory of a program that keeps every step in a row.
pub fn rows() -> DirectoryBuilder {
    Directory::builder().keep(Keep::Rows)
}

pub fn plain() -> Directory {
    rows().build().unwrap()
}

pub fn notifying() -> Directory {
    rows().notification(notified_if(true)).build().unwrap()
}

pub fn taken(copy_to_destination: bool) -> Report {
    let reply_url = ReplyUrl::from_bytes(&br"Replies\{1}"[..]).ok();
    Report::Notified(Notified { copy_to_destination, reply_url })
}

pub fn refused(status: u16) -> Report {
    let status = StatusCode::from_u16(status).unwrap();
    Report::Failed(Refusal::Application { status, code: None })
}

pub fn missing() -> Report {
    Report::Failed(Refusal::EntityMissing)
}

pub fn status(step: &Step) -> u16 {
    let Some(Output::Respond(ack)) = &step.output else { panic!("no answer, but {:?}", step.output) };
    ack.status().as_u16()
}

/// A session in every state and at every step, by a name of it.
pub fn everywhere() -> Vec<(&'static str, Alone)> {
    let at = |mut alone: Alone, head: fn(&str) -> http::Request<()>| {
        alone.handle(head(&alone.id()));
        alone
    };
    let then = |mut alone: Alone, head: fn(&str) -> http::Request<()>, report: Report| {
        let step = alone.handle(head(&alone.id()));
        alone.report(&step, report);
        alone
    };
    let second: fn(&str) -> http::Request<()> = |id| fragment(id, 50..100, 100);
    let overlapping: fn(&str) -> http::Request<()> = |id| fragment(id, 30..80, 100);
    let unnotified = || Alone::complete(Some(refused(503)));
    let (opening, step) = Alone::opening(plain());
    let mut denied = opening.clone();
    denied.report(&step, Report::Failed(Refusal::AccessDenied));
    let mut expired = Alone::half(plain());
    let exchange = expired.session.evict();
    let step = expired.poll(exchange);
    assert_eq!(step.work(), Work::Discard);
    expired.report(&step, Report::Discarded);
    vec![
        ("opening", opening.clone()),
        ("opening with a Close that waits", at(opening.clone(), close)),
        ("refused", denied),
        ("receiving nothing", Alone::open(plain())),
        ("receiving", Alone::half(plain())),
        ("storing", at(Alone::half(plain()), second)),
        ("storing the new part of an overlap", at(Alone::half(plain()), overlapping)),
        ("storing for an exchange that is asked to stop", at(at(Alone::half(plain()), second), cancel)),
        ("notifying", at(unnotified(), second)),
        ("notifying while a Cancel waits", at(at(unnotified(), second), cancel)),
        ("to be notified again", unnotified()),
        ("never to be notified again", Alone::complete(Some(refused(403)))),
        ("notifying of an empty entity", at(Alone::open(notifying()), close)),
        ("waiting for Close", Alone::complete(None)),
        ("waiting for Close with a reply", Alone::complete(Some(taken(true)))),
        ("publishing", at(Alone::complete(None), close)),
        ("publishing while a Cancel waits", at(at(Alone::complete(None), close), cancel)),
        ("discarding what the application has", at(Alone::complete(Some(taken(false))), close)),
        ("discarding a part", at(Alone::half(plain()), cancel)),
        ("discarding what cannot be notified", at(unnotified(), cancel)),
        ("discarding what is lost", then(Alone::complete(None), close, missing())),
        ("closed", then(Alone::complete(None), close, Report::Published)),
        ("closed while a Cancel waits", {
            let mut alone = Alone::complete(None);
            let step = alone.handle(close(&alone.id()));
            alone.handle(cancel(&alone.id()));
            alone.report(&step, Report::Published);
            alone
        }),
        ("cancelled", then(Alone::half(plain()), cancel, Report::Discarded)),
        ("receiving what cannot be read", {
            let mut alone = Alone::open(plain());
            alone.handle(with(fragment(&alone.id(), 0..5, 5), "Content-Range", "bytes 0-4"));
            alone
        }),
        ("publishing again after a task died", {
            let mut alone = Alone::complete(None);
            let step = alone.handle(close(&alone.id()));
            alone.session.handle_abandoned(alone.now, step.exchange);
            alone.handle(close(&alone.id()));
            alone
        }),
        ("discarding what was evicted", {
            let mut alone = Alone::half(plain());
            let exchange = alone.session.evict();
            alone.poll(exchange);
            alone
        }),
        ("waiting to be evicted", {
            let mut alone = at(Alone::half(plain()), second);
            alone.session.evict();
            while alone.session.poll_signal().is_some() {}
            alone
        }),
        ("lost", {
            let mut alone = Alone::complete(None);
            let step = alone.handle(close(&alone.id()));
            let discarding = alone.report(&step, missing());
            alone.report(&discarding, Report::Discarded);
            alone
        }),
        ("expired", expired),
    ]
}

pub fn named(name: &str) -> Alone {
    everywhere().into_iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("{name}")).1
}
