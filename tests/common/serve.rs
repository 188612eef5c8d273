//! A server in memory and in virtual time. It does what the sessions ask for, or stops at any output so that a test can
//! go on by hand.
//!
//! What holds in every test is checked here: every answer is an Ack as `protocol.md` section 2 wants it, the bytes go
//! where the bytes before them end, and two exchanges never work on one session at a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use bits_proto::packet::Ack;
use bits_proto::server::{
    Arrival, Directory, DirectoryBuilder, Exchange, Notified, Output, Report, Session, Sessions, Store,
};
use bits_proto::{Conformance, Guid};
use http::{HeaderName, HeaderValue, Request, Response};

/// The target of every request, unless a test says otherwise.
pub(crate) const TARGET: &str = "/upload/file.bin";

/// Whoever asks, unless a test says otherwise.
pub(crate) const ALICE: Owner = "alice";
/// Somebody else.
pub(crate) const BOB: Owner = "bob";

pub(crate) type Owner = &'static str;

/// Both levels of conformance.
pub(crate) const BOTH: [Conformance; 2] = [Conformance::Interop, Conformance::Strict];

/// One request on its way to its answer.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// None where the head could not be decoded.
    pub(crate) exchange: Option<Exchange>,
    pub(crate) output: Output,
    body: Vec<u8>,
}

impl Turn {
    /// The answer, if the exchange has come to it.
    #[track_caller]
    pub(crate) fn response(&self) -> Response<()> {
        let Output::Respond(ack) = &self.output else { panic!("no answer yet, but {:?}", self.output) };
        let response = ack.to_response();
        assert_is_ack(&response);
        response
    }

    #[track_caller]
    pub(crate) fn store(&self) -> Store {
        let Output::Store(store) = &self.output else { panic!("nothing to store, but {:?}", self.output) };
        store.clone()
    }

    pub(crate) fn exchange(&self) -> Exchange {
        self.exchange.expect("the request was decoded")
    }

    fn session(&self) -> Guid {
        self.exchange().session()
    }
}

/// A table of sessions, and what a program has around it.
pub(crate) struct Server {
    pub(crate) sessions: Sessions<Owner>,
    pub(crate) now: Instant,
    /// The uploads that are neither published nor discarded.
    pub(crate) stored: BTreeMap<Guid, Vec<u8>>,
    /// What was published, by destination, and how often.
    pub(crate) published: BTreeMap<String, Vec<Vec<u8>>>,
    /// What the server application says to a notification, and how often it was notified.
    pub(crate) application: Notified,
    pub(crate) notifications: usize,
    working: BTreeMap<Guid, Exchange>,
    drawn: u32,
}

impl Server {
    pub(crate) fn new(directory: DirectoryBuilder) -> Self {
        Self {
            sessions: Sessions::new(directory.build().unwrap()),
            now: any_instant(),
            stored: BTreeMap::new(),
            published: BTreeMap::new(),
            application: Notified { copy_to_destination: true, reply_url: None },
            notifications: 0,
            working: BTreeMap::new(),
            drawn: 0,
        }
    }

    pub(crate) fn with(conformance: Conformance) -> Self {
        Self::new(Directory::builder().conformance(conformance))
    }

    /// A server whose application has to take every entity.
    pub(crate) fn notifying() -> Self {
        Self::new(Directory::builder().notification(true))
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(crate) fn session(&self, id: &str) -> Option<&Session<Owner>> {
        self.sessions.get(guid(id))
    }

    /// How many bytes the session has; it must be there.
    #[track_caller]
    pub(crate) fn received(&self, id: &str) -> u64 {
        self.session(id).expect("the session is open").received()
    }

    // One exchange, step by step.

    /// A request arrives; its body is the part of the entity that its Content-Range names.
    pub(crate) fn begin(&mut self, head: Request<()>) -> Turn {
        self.begin_as(ALICE, head)
    }

    pub(crate) fn begin_as(&mut self, owner: Owner, head: Request<()>) -> Turn {
        self.drawn += 1;
        let mut random = [0x5A; 16];
        random[..4].copy_from_slice(&self.drawn.to_be_bytes());
        self.begin_drawing(random, owner, head)
    }

    /// A request arrives, and these are the random bytes that a new session's id is made of.
    pub(crate) fn begin_drawing(&mut self, random: [u8; 16], owner: Owner, head: Request<()>) -> Turn {
        let request = match self.sessions.directory().decode(&head) {
            Ok(request) => request.expect("a request of this protocol"),
            Err(error) => {
                return Turn { exchange: None, output: Output::Respond(error.to_ack()), body: Vec::new() };
            }
        };
        let body = head.headers().get("content-range").map_or_else(Vec::new, body_of);
        let arrival = Arrival { request: &request, target: head.uri(), owner: &owner };
        let (exchange, output) = self.sessions.handle_request(self.now, &arrival, || random);
        self.check(exchange, &output);
        Turn { exchange: Some(exchange), output, body }
    }

    /// The task tells what it did. Whatever it was asked to store or publish is left to the test.
    pub(crate) fn report(&mut self, turn: &mut Turn, report: Report) {
        let exchange = turn.exchange();
        turn.output = self.sessions.handle_report(self.now, exchange, report);
        self.check(exchange, &turn.output);
    }

    pub(crate) fn poll(&mut self, turn: &mut Turn) {
        let exchange = turn.exchange();
        turn.output = self.sessions.poll(self.now, exchange);
        self.check(exchange, &turn.output);
    }

    /// Does what the exchange is asked to do, and reports it.
    #[track_caller]
    pub(crate) fn perform(&mut self, turn: &mut Turn) {
        let report = match &turn.output {
            Output::Open => {
                assert!(self.stored.insert(turn.session(), Vec::new()).is_none(), "an id was given twice");
                Report::Opened
            }
            Output::Store(store) => {
                Report::Stored(self.write(turn.session(), store, &turn.body, turn.body.len() as u64))
            }
            Output::Notify => {
                self.notifications += 1;
                Report::Notified(self.application.clone())
            }
            Output::Publish => {
                let destination = self.sessions.get(turn.session()).unwrap().destination().to_owned();
                let entity = self.stored.remove(&turn.session()).expect("there is an entity to publish");
                self.published.entry(destination).or_default().push(entity);
                Report::Published
            }
            Output::Discard => {
                self.stored.remove(&turn.session());
                Report::Discarded
            }
            Output::Abort(_) | Output::Wait => return self.poll(turn),
            Output::Respond(_) => return,
        };
        self.report(turn, report);
    }

    /// Stores the first `bytes` of what the exchange is asked to store, as a connection that dies leaves it behind; the
    /// report of it is left to the test.
    #[track_caller]
    pub(crate) fn store_part(&mut self, turn: &Turn, bytes: u64) {
        let store = turn.store();
        assert_eq!(self.write(turn.session(), &store, &turn.body, store.skip + bytes), bytes);
    }

    /// Does all that the exchange is asked to do, until it is answered.
    #[track_caller]
    pub(crate) fn finish(&mut self, mut turn: Turn) -> Response<()> {
        for _ in 0..8 {
            if let Output::Respond(_) = turn.output {
                return turn.response();
            }
            self.perform(&mut turn);
        }
        panic!("the exchange never ends: {:?}", turn.output)
    }

    // Whole exchanges.

    #[track_caller]
    pub(crate) fn send(&mut self, head: Request<()>) -> Response<()> {
        self.send_as(ALICE, head)
    }

    #[track_caller]
    pub(crate) fn send_as(&mut self, owner: Owner, head: Request<()>) -> Response<()> {
        let turn = self.begin_as(owner, head);
        self.finish(turn)
    }

    /// Creates a session; returns its id.
    #[track_caller]
    pub(crate) fn create(&mut self) -> String {
        self.create_as(ALICE)
    }

    #[track_caller]
    pub(crate) fn create_as(&mut self, owner: Owner) -> String {
        let response = self.send_as(owner, create());
        assert_eq!(response.status(), 200);
        header(&response, "bits-session-id").expect("a session has an id").to_owned()
    }

    /// Creates a session and sends it the whole entity of `total` bytes; returns its id.
    #[track_caller]
    pub(crate) fn upload(&mut self, total: u64) -> String {
        let id = self.create();
        let response = self.send(fragment(&id, 0..total, total));
        assert_accepted(&response, total);
        id
    }

    /// Deletes what there is of a session that the table gave up.
    pub(crate) fn forget(&mut self, id: Guid) {
        self.stored.remove(&id);
        self.working.remove(&id);
    }

    /// Stores so much of a body as is there, up to `end`, and returns how much that was.
    #[track_caller]
    fn write(&mut self, id: Guid, store: &Store, body: &[u8], end: u64) -> u64 {
        let stored = self.stored.get_mut(&id).expect("the upload is there");
        assert_eq!(stored.len() as u64, store.range.start, "the bytes leave a hole, or overwrite others");
        let new = &body[store.skip as usize..end as usize];
        stored.extend_from_slice(new);
        assert!(stored.len() as u64 <= store.range.end, "more than was asked for");
        assert!(store.range.end <= store.total, "more than the entity has");
        new.len() as u64
    }

    /// Two exchanges never work on one session at a time.
    #[track_caller]
    fn check(&mut self, exchange: Exchange, output: &Output) {
        let session = exchange.session();
        match output {
            Output::Open | Output::Store(_) | Output::Notify | Output::Publish | Output::Discard => {
                let other = self.working.insert(session, exchange).unwrap_or(exchange);
                assert_eq!(other, exchange, "two at work, the newer of them on {output:?}");
            }
            Output::Respond(_) | Output::Abort(_) | Output::Wait => {
                if self.working.get(&session) == Some(&exchange) {
                    self.working.remove(&session);
                }
            }
        }
    }
}

// Requests.

/// A packet of this type, with `Content-Length: 0`.
pub(crate) fn packet(packet_type: &str) -> Request<()> {
    let head = Request::builder().method("BITS_POST").uri(TARGET);
    head.header("BITS-Packet-Type", packet_type).header("Content-Length", "0").body(()).unwrap()
}

pub(crate) fn create() -> Request<()> {
    with(packet("Create-Session"), "BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}")
}

/// The bytes of this range, of an entity of `total` bytes.
pub(crate) fn fragment(id: &str, bytes: Range<u64>, total: u64) -> Request<()> {
    let range = format!("bytes {}-{}/{total}", bytes.start, bytes.end - 1);
    let head = with(packet("Fragment"), "Content-Length", &(bytes.end - bytes.start).to_string());
    with(with(head, "BITS-Session-Id", id), "Content-Range", &range)
}

/// A Fragment that says that the entity is empty.
pub(crate) fn empty_fragment(id: &str) -> Request<()> {
    with(with(packet("Fragment"), "BITS-Session-Id", id), "Content-Range", "bytes */0")
}

pub(crate) fn close(id: &str) -> Request<()> {
    with(packet("Close-Session"), "BITS-Session-Id", id)
}

pub(crate) fn cancel(id: &str) -> Request<()> {
    with(packet("Cancel-Session"), "BITS-Session-Id", id)
}

/// The same head with this header, in place of the one of this name if there is one.
pub(crate) fn with(mut head: Request<()>, name: &str, value: &str) -> Request<()> {
    let name: HeaderName = name.parse().unwrap();
    head.headers_mut().try_insert(name, HeaderValue::from_str(value).unwrap()).unwrap();
    head
}

pub(crate) fn without(mut head: Request<()>, name: &str) -> Request<()> {
    head.headers_mut().remove(name).expect("the header is there");
    head
}

pub(crate) fn to(target: &str, mut head: Request<()>) -> Request<()> {
    *head.uri_mut() = target.parse().unwrap();
    head
}

// Bodies.

/// These bytes of the one entity of which every test uploads the beginning.
pub(crate) fn entity(bytes: Range<u64>) -> Vec<u8> {
    bytes.map(|offset| (offset % 251) as u8).collect()
}

/// The body that belongs to a Content-Range.
fn body_of(range: &HeaderValue) -> Vec<u8> {
    let numbers = range.to_str().unwrap().trim_start_matches("bytes ").split(['-', '/']);
    match numbers.map(str::parse).collect::<Result<Vec<u64>, _>>() {
        // More than any test stores is in a head that is refused.
        Ok(numbers) if numbers[1] < 1 << 16 => entity(numbers[0]..numbers[1] + 1),
        _ => Vec::new(),
    }
}

// Answers.

pub(crate) fn header<'r>(response: &'r Response<()>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// What `protocol.md` section 2 says of every Ack.
#[track_caller]
fn assert_is_ack(response: &Response<()>) {
    assert_eq!(header(response, "bits-packet-type"), Some("Ack"));
    assert_eq!(header(response, "content-length"), Some("0"));
    assert_eq!(header(response, "pragma"), Some("no-cache"));
    assert_eq!(header(response, "cache-control"), Some("no-store"));
    let code = header(response, "bits-error");
    assert_eq!(code, header(response, "bits-error-code"), "C01: both names say the same");
    assert_eq!(code.is_some(), header(response, "bits-error-context").is_some());
    if response.status().is_success() {
        assert_eq!(code, None, "never an error on a success");
    }
}

/// 200 for a Fragment: the server wants the bytes from `next` on.
#[track_caller]
pub(crate) fn assert_accepted(response: &Response<()>, next: u64) {
    assert_eq!(response.status(), 200, "{response:?}");
    assert_offset(response, Some(next));
    assert!(header(response, "bits-session-id").is_some(), "C03");
}

/// 416: the server wants the bytes from `next` on, and no error header says so (C11).
#[track_caller]
pub(crate) fn assert_out_of_step(response: &Response<()>, next: u64) {
    assert_bare(response, 416);
    assert_offset(response, Some(next));
    assert!(header(response, "bits-session-id").is_some());
}

#[track_caller]
pub(crate) fn assert_offset(response: &Response<()>, next: Option<u64>) {
    let next = next.map(|next| next.to_string());
    assert_eq!(header(response, "bits-received-content-range"), next.as_deref(), "{response:?}");
}

/// An error with a code and a context.
#[track_caller]
pub(crate) fn assert_error(response: &Response<()>, status: u16, code: &str, context: &str) {
    assert_eq!(response.status(), status, "{response:?}");
    assert_eq!(header(response, "bits-error"), Some(code));
    assert_eq!(header(response, "bits-error-code"), Some(code));
    assert_eq!(header(response, "bits-error-context"), Some(context));
}

/// An error that its status says in full (note <4>).
#[track_caller]
pub(crate) fn assert_bare(response: &Response<()>, status: u16) {
    assert_eq!(response.status(), status, "{response:?}");
    for name in ["bits-error", "bits-error-code", "bits-error-context"] {
        assert_eq!(header(response, name), None, "{name}");
    }
}

/// The session is unknown.
#[track_caller]
pub(crate) fn assert_not_found(response: &Response<()>) {
    assert_error(response, 500, "0x8020001F", "0x5");
}

/// The request is invalid.
#[track_caller]
pub(crate) fn assert_invalid(response: &Response<()>) {
    assert_error(response, 400, "0x80070057", "0x5");
}

// The rest.

pub(crate) fn guid(id: &str) -> Guid {
    id.parse().unwrap()
}

/// Whether an answer is a success.
pub(crate) fn is_success(ack: &Ack<'_>) -> bool {
    ack.status().is_success()
}

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time, which any instant is")]
pub(crate) fn any_instant() -> Instant {
    Instant::now()
}
