//! Two uploads that meet the same: one goes on, its twin is stored and restored before each input. They never differ but in
//! time, whatever comes, in every place of the transition table (promise 6).
//!
//! An exchange does not outlive its process. So the twin asks with a Ping where the server is, as every restored upload does,
//! and what nobody knows of the twin's exchange (whether a Close was heard, say) the brother is not told either.
#![cfg(feature = "serde")]

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use bits_proto::ApiMisuse;
use bits_proto::client::transitions::Place;
use bits_proto::client::{
    Config, Credentials, Entity, Event, Output, Reason, Recovery, ReplyMode, State, Suspend, Transmit,
    TransportError, Upload,
};
use bits_proto::packet::{PacketType, Payload};
use http::{HeaderMap, HeaderValue, Response};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};
use testing::client::answers;
use testing::client::scenario::{DESTINATION, now};
use testing::stored::through_storage;

#[derive(Clone, Copy, Debug)]
enum Input {
    Success,
    /// The upload is cancelled before the next packet can be lost to a restart.
    SuccessAndCancel,
    SuccessNamingHost,
    SuccessNamingReply,
    Part,
    OutOfStep,
    OutOfStepBlind,
    TooLarge,
    NotFound,
    Unauthorized,
    Busy,
    Refused,
    Invalid,
    Page,
    Nothing,
    Break(TransportError),
    Timer,
    Suspend(Suspend),
    Resume,
    Cancel,
    SourceChanged,
    Authenticate(bool),
    Reply(bool),
    UseOrigin,
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        12 => Just(Input::Success),
        2 => Just(Input::SuccessAndCancel),
        2 => Just(Input::SuccessNamingHost),
        2 => Just(Input::SuccessNamingReply),
        1 => Just(Input::Part),
        1 => Just(Input::OutOfStep),
        1 => Just(Input::OutOfStepBlind),
        1 => Just(Input::TooLarge),
        1 => Just(Input::NotFound),
        1 => Just(Input::Unauthorized),
        1 => Just(Input::Busy),
        1 => Just(Input::Refused),
        1 => Just(Input::Invalid),
        1 => Just(Input::Page),
        1 => Just(Input::Nothing),
        2 => prop_oneof![Just(TransportError::Unsent), Just(TransportError::Interrupted)].prop_map(Input::Break),
        4 => Just(Input::Timer),
        1 => prop_oneof![Just(Suspend::Gracefully), Just(Suspend::AtOnce)].prop_map(Input::Suspend),
        3 => Just(Input::Resume),
        1 => Just(Input::Cancel),
        1 => Just(Input::SourceChanged),
        2 => any::<bool>().prop_map(Input::Authenticate),
        2 => any::<bool>().prop_map(Input::Reply),
        1 => Just(Input::UseOrigin),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    restart: bool,
    reply: u8,
    ping_first: bool,
    paced: bool,
    fragment: u64,
}

fn setup() -> impl Strategy<Value = Setup> {
    (any::<bool>(), 0u8..3, any::<bool>(), any::<bool>(), prop_oneof![Just(100u64), Just(10_240)]).prop_map(
        |(restart, reply, ping_first, paced, fragment)| Setup { restart, reply, ping_first, paced, fragment },
    )
}

impl Setup {
    fn config(self) -> Config {
        Config::builder()
            .fragment_size(self.fragment)
            .recovery(if self.restart { Recovery::Restart } else { Recovery::Resend })
            .reply([ReplyMode::Ignored, ReplyMode::Optional, ReplyMode::Required][usize::from(self.reply)])
            .ping_first(self.ping_first)
            .rate(NonZeroU64::new(4 * self.fragment).filter(|_| self.paced))
            .max_restarts(3)
            .build()
            .unwrap()
    }

    fn entity(self) -> Entity {
        Entity::new(2 * self.fragment).unwrap().named("file.bin").unwrap()
    }
}

/// One of the two.
struct Sibling {
    upload: Upload,
    now: Instant,
    under_way: Option<Transmit>,
    events: Vec<Event>,
}

impl Sibling {
    fn new(setup: Setup) -> Self {
        let upload =
            Upload::new(now(), DESTINATION.parse().unwrap(), setup.entity(), setup.config()).unwrap();
        let mut sibling = Self { upload, now: now(), under_way: None, events: Vec::new() };
        sibling.drain();
        sibling
    }

    fn drain(&mut self) {
        while let Some(output) = self.upload.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    assert!(self.under_way.is_none(), "two requests at once");
                    self.under_way = Some(transmit);
                }
                Output::Abort(id) => assert_eq!(self.under_way.take().map(|transmit| transmit.id), Some(id)),
                Output::Event(event) => self.events.push(event),
            }
        }
        let exchanging = matches!(self.upload.state(), State::Exchanging(_));
        assert_eq!(exchanging, self.under_way.is_some(), "{:?}", self.upload);
    }

    /// Another process takes over.
    fn restart(&mut self, setup: Setup, credentials: Option<&Credentials>) {
        let snapshot = through_storage(&self.upload.snapshot(self.now));
        let destination = DESTINATION.parse().unwrap();
        let entity = setup.entity();
        self.upload =
            Upload::restore(self.now, destination, snapshot, Duration::ZERO, entity, setup.config()).unwrap();
        if let Some(credentials) = credentials {
            let _is_over = self.upload.authenticate(self.now, Some(credentials.clone()));
        }
        self.under_way = None;
        self.drain();
    }

    fn packet(&self) -> Option<PacketType> {
        match self.upload.state() {
            State::Exchanging(packet) => Some(packet),
            _ => None,
        }
    }

    fn answer(&mut self, response: &Response<()>) {
        let id = self.under_way.take().unwrap().id;
        self.upload.handle_response(self.now, id, response);
        self.drain();
    }

    fn break_off(&mut self, error: TransportError) {
        let id = self.under_way.take().unwrap().id;
        self.upload.handle_transport_error(self.now, id, error);
        self.drain();
    }

    fn pass(&mut self) {
        if let Some(at) = self.upload.poll_timeout() {
            self.now = self.now.max(at);
            self.upload.handle_timeout(self.now);
            self.drain();
        }
    }

    fn record(&self) -> Value {
        serde_json::to_value(self.upload.snapshot(self.now)).unwrap()
    }

    /// What must be alike: all but times, ids of exchanges, and the Ping that a restored upload begins with.
    fn substance(&self) -> Value {
        let mut record = self.record();
        for time in ["exchanges", "give_up_in", "host_fallback_in", "retry_in"] {
            record[time] = Value::Null;
        }
        // The Ping of the twin is answered, and that ends a row of bad answers.
        record["guards"]["tried_credentials"] = Value::Null;
        record["guards"]["no_acks"] = Value::Null;
        record["guards"]["refused_pings"] = Value::Null;
        if let Some(ping) = record.pointer_mut("/place/Session/ping").filter(|ping| **ping == "NotDue") {
            *ping = json!("Due");
        }
        // A break that the brother is told of, since the twin's exchange is lost, counts as one of the line's.
        if let Some(trouble) = record.pointer_mut("/place/Session/trouble") {
            *trouble = Value::Null;
        }
        if let Some(ping) = record.pointer_mut("/place/Nowhere/ping") {
            *ping = json!(true);
        }
        record
    }

    /// A restored upload has its first request before anybody can supply credentials.
    fn request(&self) -> Option<String> {
        let mut request = self.under_way.as_ref()?.request.clone();
        request.headers_mut().remove(http::header::AUTHORIZATION);
        Some(format!("{} {} {:?} {:?}", request.method(), request.uri(), request.headers(), request.body()))
    }

    /// The place in the transition table.
    fn place(&self) -> Place {
        let record = self.record();
        let session = record.pointer("/place/Session");
        let is = |value: &Value, what: &str| value == what;
        let ping = session.map_or("", |session| session["ping"].as_str().unwrap());
        let again =
            session.is_some_and(|session| session["close"].as_str().unwrap().starts_with("Unanswered"));
        let leaving = ["Cancel", "Withdraw", "Abandon"].iter().any(|goal| is(&record["goal"], goal));
        if record.pointer("/doing/Exchanging/then_suspend") == Some(&json!(true)) {
            return Place::Suspending;
        }
        match self.upload.state() {
            State::Exchanging(PacketType::Ping) if session.is_none() => Place::PingingFirst,
            State::Exchanging(PacketType::Ping) if ping == "InDoubt" => Place::PingingInDoubt,
            State::Exchanging(PacketType::Ping) => Place::Pinging,
            State::Exchanging(PacketType::CreateSession) if leaving => Place::LeavingCreate,
            State::Exchanging(PacketType::CreateSession) => Place::Creating,
            State::Exchanging(PacketType::CloseSession) => match (leaving, again) {
                (false, false) => Place::Closing,
                (false, true) => Place::ClosingAgain,
                (true, false) => Place::LeavingClose,
                (true, true) => Place::LeavingCloseAgain,
            },
            State::Exchanging(PacketType::CancelSession) if leaving => Place::Leaving,
            State::Exchanging(PacketType::CancelSession) => Place::StartingOver,
            State::Exchanging(_) => {
                let Payload::Range(range) = self.under_way.as_ref().unwrap().request.body().clone() else {
                    panic!("a Fragment without bytes")
                };
                if range.end == self.upload.entity().size() { Place::SendingLast } else { Place::Sending }
            }
            State::WaitingToRetry if ping == "InDoubt" => Place::WaitingInDoubt,
            State::WaitingToRetry if ping == "Due" => Place::WaitingToPing,
            State::WaitingToRetry => Place::Waiting,
            State::Pacing => Place::Pacing,
            State::WaitingForCredentials => Place::NeedsCredentials,
            State::WaitingForReply => Place::NeedsReply,
            State::Suspended => Place::Suspended,
            State::Failed if record.pointer("/doing/Failed/for_good") == Some(&json!(true)) => {
                Place::Withdrawn
            }
            State::Failed => Place::Failed,
            State::Completed => Place::Completed,
            State::Cancelled => Place::Cancelled,
            other => panic!("what is {other:?}?"),
        }
    }

    fn meet(&mut self, input: Input, credentials: &Credentials) -> Result<(), ApiMisuse> {
        let now = self.now;
        let done = match input {
            Input::Suspend(how) => self.upload.suspend(now, how),
            Input::Resume => self.upload.resume(now),
            Input::Cancel => self.upload.cancel(now),
            Input::SourceChanged => self.upload.source_changed(now),
            Input::Authenticate(known) => self.upload.authenticate(now, known.then(|| credentials.clone())),
            Input::Reply(true) => self.upload.reply_fetched(now),
            Input::Reply(false) => self.upload.reply_failed(now),
            Input::UseOrigin => self.upload.use_origin(now),
            Input::Timer => {
                self.pass();
                Ok(())
            }
            Input::Break(error) => {
                if self.under_way.is_some() {
                    self.break_off(error);
                }
                Ok(())
            }
            _ => {
                if let Some(response) = self.response(input) {
                    self.answer(&response);
                }
                match input {
                    Input::SuccessAndCancel => self.upload.cancel(self.now),
                    _ => Ok(()),
                }
            }
        };
        self.drain();
        done
    }

    fn response(&self, input: Input) -> Option<Response<()>> {
        let packet = self.packet()?;
        let range = match self.under_way.as_ref()?.request.body() {
            Payload::Range(range) => range.clone(),
            Payload::Empty => 0..0,
        };
        let success = match packet {
            PacketType::CreateSession => answers::created(),
            PacketType::Fragment => answers::received(range.end),
            _ => answers::ok(),
        };
        Some(match input {
            Input::Success | Input::SuccessAndCancel => success,
            Input::SuccessNamingHost if packet == PacketType::CreateSession => {
                answers::created_with(&[("BITS-Host-Id", "other")])
            }
            Input::SuccessNamingReply if packet == PacketType::Fragment => {
                answers::with(success, &[("BITS-Reply-URL", "/reply")])
            }
            Input::SuccessNamingHost | Input::SuccessNamingReply => success,
            Input::Part => answers::received(range.start + (range.end - range.start) / 2),
            Input::OutOfStep => answers::out_of_step(0),
            Input::OutOfStepBlind => answers::ack(416, &[]),
            Input::TooLarge => answers::ack(413, &[]),
            Input::NotFound => answers::session_not_found(),
            Input::Unauthorized => answers::page(401),
            Input::Busy => answers::ack(503, &[]),
            Input::Refused => answers::error(403, "0x80070005"),
            Input::Invalid => answers::error(400, "0x80070057"),
            Input::Page => answers::page(200),
            Input::Nothing => Response::new(()),
            _ => return None,
        })
    }
}

/// Brings the two to the same place after one of them was restored, or after a wait of one ended with a Ping.
fn align(brother: &mut Sibling, twin: &mut Sibling, restored: bool) {
    if restored && brother.under_way.is_some() {
        let place = brother.place();
        let lost = match place {
            Place::Suspending | Place::LeavingCreate => true,
            Place::Closing | Place::ClosingAgain | Place::LeavingClose | Place::LeavingCloseAgain => true,
            Place::Sending | Place::SendingLast => twin.packet() != Some(PacketType::Ping),
            _ => false,
        };
        if lost {
            brother.break_off(TransportError::Interrupted);
            if brother.upload.state() == State::WaitingToRetry {
                brother.pass();
                for sibling in [&mut *brother, &mut *twin] {
                    if sibling.packet() == Some(PacketType::Ping) {
                        sibling.answer(&answers::ok());
                    }
                }
            }
        }
    }
    for _ in 0..3 {
        match (brother.upload.state(), twin.packet()) {
            (State::Exchanging(PacketType::Ping), _) => break,
            (State::WaitingForCredentials, Some(_)) => twin.answer(&answers::page(401)),
            // What was owed to the pace is not stored: it is time.
            (State::Pacing, Some(PacketType::Fragment)) => brother.pass(),
            (_, Some(PacketType::Ping)) => twin.answer(&answers::ok()),
            (State::Exchanging(_), None) if twin.upload.state() == State::Pacing => twin.pass(),
            _ => break,
        }
    }
}

fn compare(brother: &Sibling, twin: &Sibling, context: &str) {
    assert_eq!(brother.upload.state(), twin.upload.state(), "{context}");
    assert_eq!(brother.substance(), twin.substance(), "{context}");
    assert_eq!(brother.request(), twin.request(), "{context}");
}

/// What was told, but for how long it takes.
fn told(sibling: &mut Sibling) -> Vec<Event> {
    let events = std::mem::take(&mut sibling.events);
    let timeless = events.into_iter().map(|event| match event {
        Event::Waiting { cause, .. } => Event::Waiting { delay: Duration::ZERO, cause },
        // The twin is challenged at the Ping that it begins with.
        Event::Failed(mut failure) if failure.reason == Reason::Unauthorized => {
            failure.packet = None;
            Event::Failed(failure)
        }
        other => other,
    });
    timeless.collect()
}

/// The two meet all of it; the places where the twin was restored.
fn live(setup: Setup, inputs: &[Input]) -> Vec<Place> {
    let secret = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("secret"))]);
    let secret = Credentials::from(secret);
    let mut supplied = None;
    let (mut brother, mut twin) = (Sibling::new(setup), Sibling::new(setup));
    let mut places = Vec::new();
    for (at, &input) in inputs.iter().enumerate() {
        let place = brother.place();
        let context = format!("{input:?} at {place:?}, {setup:?}, {:?}", &inputs[..at]);
        places.push(place);
        twin.restart(setup, supplied.as_ref());
        align(&mut brother, &mut twin, true);
        compare(&brother, &twin, &format!("restored before {context}"));
        brother.events.clear();
        twin.events.clear();
        let done = brother.meet(input, &secret);
        assert_eq!(done, twin.meet(input, &secret), "{context}");
        match input {
            Input::Authenticate(true) if done.is_ok() => supplied = Some(secret.clone()),
            Input::Authenticate(false) if done.is_ok() && place != Place::NeedsCredentials => supplied = None,
            _ => {}
        }
        assert_eq!(told(&mut brother), told(&mut twin), "{context}");
        align(&mut brother, &mut twin, false);
        compare(&brother, &twin, &context);
    }
    places
}

#[test]
fn a_twin_that_is_restored_before_every_input_differs_in_nothing_but_time() {
    let mut runner = TestRunner::new_with_rng(
        Cases { cases: 400, failure_persistence: None, ..Cases::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let seen = std::cell::RefCell::new(BTreeSet::new());
    // A Close that is on its way when the twin is restored is one of which nobody knows, so these two take a path of their own.
    let plain = Setup { restart: false, reply: 0, ping_first: false, paced: false, fragment: 100 };
    let lost = Input::Break(TransportError::Interrupted);
    for path in [
        &[Input::Success, Input::Success, Input::SuccessAndCancel, Input::Success][..],
        &[Input::Success, Input::Success, Input::Success, lost, Input::Timer, Input::SuccessAndCancel, lost],
    ] {
        seen.borrow_mut().extend(live(plain, path).into_iter().map(|place| format!("{place:?}")));
    }
    let lives = (setup(), proptest::collection::vec(input(), 1..30));
    let lived = runner.run(&lives, |(setup, inputs)| {
        seen.borrow_mut().extend(live(setup, &inputs).into_iter().map(|place| format!("{place:?}")));
        Ok(())
    });
    lived.unwrap_or_else(|error| panic!("{error}"));
    let all: BTreeSet<_> = Place::ALL.iter().map(|place| format!("{place:?}")).collect();
    assert_eq!(seen.into_inner(), all, "the twin was restored in every place of the table");
}
