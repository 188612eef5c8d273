//! The client's machine, driven by an arbitrary server, an arbitrary network and an arbitrary caller.
#![no_main]

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bits_proto::Conformance;
use bits_proto::client::{
    Config, Entity, Event, ExchangeId, FragmentSize, Output, Recovery, ReplyMode, State, Suspend,
    TransportError, Upload,
};
use bits_proto::packet::{Ack, PacketType, Payload, Request};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    size: u16,
    fragment: u16,
    adaptive: bool,
    strict: bool,
    restart: bool,
    ping_first: bool,
    reply: u8,
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Answer(Answer<'a>),
    /// The exchange before the last is answered: too late.
    Late(Answer<'a>),
    TransportError(TransportError),
    Sent,
    Pass {
        seconds: u32,
        backwards: bool,
    },
    Timeout,
    Suspend(Suspend),
    Resume,
    Cancel,
    Authenticate(bool),
    Reply(bool),
    SourceChanged,
    Rate(Option<NonZeroU64>),
    Restore {
        other_size: bool,
        age: u32,
    },
    UseOrigin,
}

#[derive(Arbitrary, Debug)]
enum Answer<'a> {
    /// What a good server says.
    Good,
    /// A Fragment's Ack with this offset.
    Offset { status: bool, offset: u16 },
    /// Any Ack.
    Ack(Ack<'a>),
    /// Any status, no Ack.
    Page { status: u16, retry_after: Option<u64> },
}

/// The upload and what it was told.
struct World {
    upload: Upload,
    config: Config,
    size: u64,
    now: Instant,
    under_way: Option<(ExchangeId, PacketType, Payload)>,
    late: Option<ExchangeId>,
    ended: bool,
}

fuzz_target!(|input: Input<'_>| {
    let size = u64::from(input.size);
    let fragment = u64::from(input.fragment).max(1);
    let target = Duration::from_secs(1);
    let config = Config::builder()
        .conformance(if input.strict { Conformance::Strict } else { Conformance::Interop })
        .fragments(match input.adaptive {
            true => {
                FragmentSize::Adaptive { first: fragment, least: fragment, largest: fragment * 8, target }
            }
            false => FragmentSize::Fixed(fragment),
        })
        .recovery(if input.restart { Recovery::Restart } else { Recovery::Resend })
        .ping_first(input.ping_first)
        .reply([ReplyMode::Ignored, ReplyMode::Optional, ReplyMode::Required][usize::from(input.reply % 3)])
        .build()
        .expect("it makes sense");
    let now = Instant::now() + Duration::from_secs(1_000_000_000);
    let destination = "https://origin:8443/a/b?c".parse().expect("a URL");
    let entity = Entity::new(size).expect("small enough");
    let upload = Upload::new(now, destination, entity, config.clone()).expect("a good destination");
    let mut world = World { upload, config, size, now, under_way: None, late: None, ended: false };
    world.drain();
    for step in input.steps {
        world.step(step);
        world.drain();
    }
});

impl World {
    fn step(&mut self, step: Step<'_>) {
        let now = self.now;
        match step {
            Step::Answer(answer) => {
                let Some((id, packet, payload)) = self.under_way.take() else { return };
                if let Some(response) = answer.response(packet, &payload) {
                    self.upload.handle_response(now, id, &response);
                    if response.status().is_informational() {
                        self.under_way = Some((id, packet, payload));
                        return;
                    }
                    self.late = Some(id);
                } else {
                    self.upload.handle_transport_error(now, id, TransportError::Interrupted);
                }
            }
            Step::Late(answer) => {
                let (Some(id), before) = (self.late, self.upload.snapshot(self.now)) else { return };
                if let Some(response) = answer.response(PacketType::Fragment, &Payload::Range(0..self.size)) {
                    self.upload.handle_response(now, id, &response);
                    assert_eq!(self.upload.snapshot(self.now), before, "what comes late changes nothing");
                }
            }
            Step::TransportError(error) => {
                if let Some((id, ..)) = self.under_way.take() {
                    self.upload.handle_transport_error(now, id, error);
                }
            }
            Step::Sent => {
                if let Some((id, ..)) = self.under_way {
                    self.upload.handle_sent(now, id);
                }
            }
            Step::Pass { seconds, backwards } => {
                let time = Duration::from_secs(u64::from(seconds));
                self.now = if backwards { now.checked_sub(time).unwrap_or(now) } else { now + time };
                self.upload.handle_timeout(self.now);
            }
            Step::Timeout => {
                if let Some(at) = self.upload.poll_timeout() {
                    self.now = self.now.max(at);
                    self.upload.handle_timeout(self.now);
                    assert!(
                        self.upload.poll_timeout().is_none_or(|next| next > self.now),
                        "a timer that is due stays due"
                    );
                }
            }
            Step::Suspend(how) => {
                let _ = self.upload.suspend(now, how);
            }
            Step::Resume => {
                let _ = self.upload.resume(now);
            }
            Step::Cancel => {
                let _ = self.upload.cancel(now);
            }
            Step::Authenticate(some) => {
                let credentials = some.then(|| http::HeaderMap::new().into());
                let _ = self.upload.authenticate(now, credentials);
            }
            Step::Reply(fetched) => {
                let _ = if fetched { self.upload.reply_fetched(now) } else { self.upload.reply_failed(now) };
            }
            Step::SourceChanged => {
                let _ = self.upload.source_changed(now);
            }
            Step::UseOrigin => {
                let _ = self.upload.use_origin(now);
            }
            Step::Rate(rate) => self.upload.set_rate(now, rate),
            Step::Restore { other_size, age } => {
                self.size = if other_size { self.size + 1 } else { self.size };
                let entity = Entity::new(self.size).expect("small enough");
                let snapshot = self.upload.snapshot(self.now);
                let destination = self.upload.destination().clone();
                let age = Duration::from_secs(age.into());
                self.upload = Upload::restore(now, destination, snapshot, age, entity, self.config.clone())
                    .expect("it was just taken");
                self.under_way = None;
                self.late = None;
            }
        }
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.upload.poll_output() {
            outputs += 1;
            assert!(outputs <= 64, "outputs without end");
            match output {
                Output::Transmit(transmit) => {
                    assert!(self.under_way.is_none(), "one exchange at a time");
                    assert!(!self.ended, "an upload that is over is over");
                    let request = transmit.request.map(|payload| payload);
                    assert_eq!(request.uri().scheme_str(), Some("https"));
                    let read =
                        Request::decode(&request, Conformance::Strict).expect("strict reads what is sent");
                    let read = read.expect("a packet");
                    let length = request.body().len();
                    assert_eq!(request.headers()["content-length"], length.to_string());
                    if let Payload::Range(range) = request.body() {
                        assert!(!range.is_empty() && range.end <= self.size, "{range:?} of {}", self.size);
                    }
                    if read.packet_type() == PacketType::CloseSession {
                        assert_eq!(self.upload.acknowledged(), self.size, "closed before the last byte");
                    }
                    self.under_way = Some((transmit.id, read.packet_type(), request.body().clone()));
                }
                Output::Abort(id) => {
                    let aborted = self.under_way.take().expect("what is aborted is under way");
                    assert_eq!(aborted.0, id);
                    self.late = Some(id);
                }
                Output::Event(Event::Completed { .. } | Event::Cancelled { .. }) => self.ended = true,
                Output::Event(_) => {}
            }
        }
        let state = self.upload.state();
        assert_eq!(state.is_ended(), self.ended);
        assert!(self.upload.acknowledged() <= self.size);
        if matches!(state, State::Exchanging(_)) {
            assert!(self.under_way.is_some(), "nothing goes on, and nobody knows");
        }
        let waits = matches!(state, State::WaitingToRetry | State::Pacing | State::Exchanging(_));
        assert!(!waits || self.upload.poll_timeout().is_some(), "it waits for nothing: {state:?}");
    }
}

impl Answer<'_> {
    fn response(&self, packet: PacketType, payload: &Payload) -> Option<http::Response<()>> {
        let session = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
        let ack = http::Response::builder().header("BITS-Packet-Type", "Ack");
        match self {
            Self::Good => {
                let end = match payload {
                    Payload::Empty => 0,
                    Payload::Range(range) => range.end,
                };
                let ack = ack.header("BITS-Session-Id", session).header("BITS-Protocol", PROTOCOL);
                let ack = if packet == PacketType::Fragment {
                    ack.header("BITS-Received-Content-Range", end)
                } else {
                    ack
                };
                ack.body(()).ok()
            }
            Self::Offset { status, offset } => {
                let status = if *status { 200 } else { 416 };
                ack.status(status).header("BITS-Received-Content-Range", *offset).body(()).ok()
            }
            Self::Ack(ack) => Some(ack.to_response()),
            Self::Page { status, retry_after } => {
                let page = http::Response::builder().status(*status);
                let page = match retry_after {
                    Some(seconds) => page.header("Retry-After", *seconds),
                    None => page,
                };
                page.body(()).ok()
            }
        }
    }
}

const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";
