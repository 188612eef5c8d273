//! The client's machine against answers written by hand, in virtual time.
//!
//! A scenario is driven to where a test begins, and from there on the test says what arrives and checks what is sent.

use std::time::{Duration, Instant};

use crate::client::answers;
use crate::clock;
use bits_proto::ApiMisuse;
use bits_proto::client::{
    Config, ConfigBuilder, Connection, Entity, Event, ExchangeId, Failure, Output, State, Suspend, Timer,
    Transmit, TransportError, Upload,
};
use bits_proto::packet::Payload;
use http::{Request, Response, Uri};

/// Where the entity goes in every scenario.
pub const DESTINATION: &str = "http://origin:8080/upload/file.bin?token=1";

/// What every entity is called.
pub const NAME: &str = "file.bin";

/// The size of a fragment where a scenario says nothing else.
pub const FRAGMENT: u64 = 100;

/// One upload, the request that it waits for, and what it told.
#[derive(Debug)]
pub struct Scenario {
    pub upload: Upload,
    pub now: Instant,
    under_way: Option<Transmit>,
    aborted: Vec<ExchangeId>,
    events: Vec<Event>,
}

/// The configuration of most scenarios: fragments of 100 bytes.
pub fn config() -> ConfigBuilder {
    Config::builder().fragment_size(FRAGMENT)
}

/// How a scenario comes to where it begins.
impl Scenario {
    /// An upload of `size` bytes; its first request waits to be taken.
    pub fn new(size: u64, config: ConfigBuilder) -> Self {
        let now = clock::start();
        let destination: Uri = DESTINATION.parse().unwrap();
        let entity = Entity::new(size).unwrap().named(NAME).unwrap();
        let upload = Upload::new(now, destination, entity, config.build().unwrap()).unwrap();
        Self { upload, now, under_way: None, aborted: Vec::new(), events: Vec::new() }
    }

    /// An upload that was restored now.
    pub fn of(upload: Upload, now: Instant) -> Self {
        Self { upload, now, under_way: None, aborted: Vec::new(), events: Vec::new() }
    }

    /// The session is there; the next packet waits to be taken.
    pub fn created(size: u64, config: ConfigBuilder) -> Self {
        Self::created_by(size, config, answers::created())
    }

    /// The session is there, made by this Ack.
    pub fn created_by(size: u64, config: ConfigBuilder, ack: Response<()>) -> Self {
        let mut scenario = Self::new(size, config);
        scenario.exchange("Create-Session", ack);
        scenario.events();
        scenario
    }

    /// So many fragments are acknowledged.
    pub fn after_fragments(fragments: u64, size: u64, config: ConfigBuilder) -> Self {
        let mut scenario = Self::created(size, config);
        for _ in 0..fragments {
            scenario.acknowledge();
        }
        scenario.events();
        scenario
    }

    /// A fragment is on its way.
    pub fn sending(size: u64, config: ConfigBuilder) -> Self {
        let mut scenario = Self::created(size, config);
        scenario.expect("Fragment");
        scenario
    }

    /// Every byte is acknowledged, and Close-Session is on its way.
    pub fn closing(config: ConfigBuilder) -> Self {
        let mut scenario = Self::after_fragments(1, FRAGMENT, config);
        scenario.expect("Close-Session");
        scenario
    }

    /// A fragment of 200 bytes' first half was answered 503, and the upload waits.
    pub fn waiting(config: ConfigBuilder) -> Self {
        let mut scenario = Self::created(200, config);
        scenario.exchange("Fragment", answers::ack(503, &[]));
        scenario.events();
        assert_eq!(scenario.upload.state(), State::WaitingToRetry);
        scenario
    }

    /// A fragment of 200 bytes' first half was answered 401, and the upload waits for credentials.
    pub fn challenged(config: ConfigBuilder) -> Self {
        let mut scenario = Self::created(200, config);
        scenario.exchange("Fragment", answers::page(401));
        scenario.events();
        assert_eq!(scenario.upload.state(), State::WaitingForCredentials);
        scenario
    }

    /// The first fragment of 200 bytes was refused, and the upload has failed.
    pub fn failed(config: ConfigBuilder) -> Self {
        let mut scenario = Self::created(200, config);
        scenario.exchange("Fragment", answers::error(403, "0x80070005"));
        scenario.events();
        assert_eq!(scenario.upload.state(), State::Failed);
        scenario
    }

    /// Suspended after the first of two fragments.
    pub fn suspended(config: ConfigBuilder) -> Self {
        let mut scenario = Self::after_fragments(1, 200, config);
        scenario.suspend(Suspend::AtOnce).unwrap();
        scenario.events();
        assert_eq!(scenario.upload.state(), State::Suspended);
        scenario
    }

    /// Suspended before anything was sent.
    pub fn suspended_before_create(config: ConfigBuilder) -> Self {
        let mut scenario = Self::new(200, config);
        scenario.suspend(Suspend::AtOnce).unwrap();
        assert_eq!(scenario.upload.state(), State::Suspended);
        scenario
    }

    /// The last Ack named this reply, and the upload waits for the caller to fetch it.
    pub fn with_reply(url: &str, config: ConfigBuilder) -> Self {
        let mut scenario = Self::created(FRAGMENT, config);
        scenario.exchange("Fragment", answers::with(answers::received(FRAGMENT), &[("BITS-Reply-URL", url)]));
        assert_eq!(scenario.upload.state(), State::WaitingForReply);
        scenario
    }
}

/// What is sent, and what comes back.
impl Scenario {
    /// The next request must be this packet. It is now on its way, and the answer is the test's to give.
    #[track_caller]
    pub fn expect(&mut self, packet: &str) -> &Request<Payload> {
        self.drain();
        let transmit = self.under_way.as_ref().unwrap_or_else(|| panic!("{packet} is not sent"));
        assert_eq!(transmit.request.headers()["bits-packet-type"], packet);
        &transmit.request
    }

    /// The next request must be this fragment.
    #[track_caller]
    pub fn expect_fragment(&mut self, content_range: &str) {
        assert_eq!(self.expect("Fragment").headers()["content-range"], content_range);
    }

    /// Nothing must be on its way, nor waiting to be sent.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        self.drain();
        assert!(self.under_way.is_none(), "{:?} is sent", self.under_way);
    }

    /// The request on its way is answered.
    #[track_caller]
    pub fn answer(&mut self, response: Response<()>) {
        let id = self.take();
        self.upload.handle_response(self.now, id, &response);
    }

    /// The next request must be this packet, and is answered.
    #[track_caller]
    pub fn exchange(&mut self, packet: &str, response: Response<()>) {
        self.expect(packet);
        self.answer(response);
    }

    /// The next request must be a Fragment, and all of it is acknowledged.
    #[track_caller]
    pub fn acknowledge(&mut self) {
        let Payload::Range(range) = self.expect("Fragment").body().clone() else { panic!("no bytes") };
        self.answer(answers::received(range.end));
    }

    /// The request on its way breaks off.
    #[track_caller]
    pub fn break_off(&mut self, error: TransportError) {
        let id = self.take();
        self.upload.handle_transport_error(self.now, id, error);
    }

    /// The request on its way has left in full.
    #[track_caller]
    pub fn sent(&mut self) {
        let id = self.id();
        self.upload.handle_sent(self.now, id);
    }

    /// The exchange on its way.
    #[track_caller]
    pub fn id(&mut self) -> ExchangeId {
        self.drain();
        self.under_way.as_ref().expect("nothing is on its way").id
    }

    /// The exchange whose connection the request on its way must use, and its `Authorization`.
    #[track_caller]
    pub fn connection(&mut self) -> (Connection, Option<String>) {
        self.drain();
        let transmit = self.under_way.as_ref().expect("nothing is on its way");
        let authorization = transmit.request.headers().get("authorization");
        (transmit.connection, authorization.map(|value| value.to_str().unwrap().to_owned()))
    }

    /// The exchanges that the upload asked to give up since the last time it was asked.
    pub fn aborted(&mut self) -> Vec<ExchangeId> {
        self.drain();
        std::mem::take(&mut self.aborted)
    }

    #[track_caller]
    fn take(&mut self) -> ExchangeId {
        let id = self.id();
        self.under_way = None;
        id
    }

    fn drain(&mut self) {
        while let Some(output) = self.upload.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    assert!(self.under_way.is_none(), "two requests at once");
                    self.under_way = Some(transmit);
                }
                Output::Abort(id) => {
                    assert_eq!(self.under_way.take().map(|transmit| transmit.id), Some(id));
                    self.aborted.push(id);
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }
}

/// What the upload told, and what the caller wants.
impl Scenario {
    /// What was told since the last time it was asked.
    pub fn events(&mut self) -> Vec<Event> {
        self.drain();
        std::mem::take(&mut self.events)
    }

    /// The last thing told must be that the upload failed.
    #[track_caller]
    pub fn failure(&mut self) -> Failure {
        assert_eq!(self.upload.state(), State::Failed);
        match self.events().pop() {
            Some(Event::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// The upload must wait now: for how long, and why.
    #[track_caller]
    pub fn waits(&mut self) -> (Duration, Failure) {
        assert_eq!(self.upload.state(), State::WaitingToRetry);
        self.expect_nothing();
        match self.events().pop() {
            Some(Event::Waiting { delay, cause }) => (delay, cause),
            other => panic!("{other:?}"),
        }
    }

    /// The upload must have started over: why.
    #[track_caller]
    pub fn restart(&mut self) -> Failure {
        match self.events().pop() {
            Some(Event::Restarted { cause }) => cause,
            other => panic!("{other:?}"),
        }
    }

    pub fn suspend(&mut self, how: Suspend) -> Result<(), ApiMisuse> {
        self.upload.suspend(self.now, how)
    }

    pub fn resume(&mut self) -> Result<(), ApiMisuse> {
        self.upload.resume(self.now)
    }

    pub fn cancel(&mut self) -> Result<(), ApiMisuse> {
        self.upload.cancel(self.now)
    }
}

/// Time.
impl Scenario {
    /// Time passes until the next timer, which goes off; returns which one.
    #[track_caller]
    pub fn pass_to_timer(&mut self) -> Timer {
        self.drain();
        let (at, timer) = self.upload.next_timer().expect("no timer runs");
        assert_eq!(self.upload.poll_timeout(), Some(at));
        self.now = self.now.max(at);
        self.upload.handle_timeout(self.now);
        timer
    }

    /// So much time passes, and every timer goes off in its own time.
    #[track_caller]
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..10_000 {
            match self.upload.poll_timeout() {
                Some(at) if at <= end => self.pass_to_timer(),
                _ => {
                    self.now = end;
                    return;
                }
            };
        }
        panic!("the timers never come to rest");
    }

    /// The delay before the next try is over, if one runs.
    #[track_caller]
    pub fn waited(mut self) -> Self {
        if self.upload.state() == State::WaitingToRetry {
            self.retry();
        }
        self
    }

    /// Waits until the upload tries again.
    #[track_caller]
    pub fn retry(&mut self) {
        assert_eq!(self.pass_to_timer(), Timer::Retry);
    }
}

/// Where virtual time begins.
pub fn now() -> Instant {
    clock::start()
}
