//! The reply client's machine, driven by an arbitrary server, an arbitrary network and an arbitrary caller.
#![no_main]

use std::num::NonZeroU64;
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use arbitrary::Arbitrary;
use bits_proto::Conformance;
use bits_proto::download::multipart::MultipartError;
use bits_proto::download::{
    ApplicationRanges, Config, Credentials, Download, Entity, Event, ExchangeId, HeadRequest, Output,
    Receiver, Segment, State, Suspend, TransportError, respond,
};
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;

/// The most that a server may make this client store.
const MAX_LENGTH: u64 = 1000;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    length: u8,
    ranges: Vec<(u8, u8)>,
    fragment: Option<u8>,
    head: u8,
    strict: bool,
    rate: Option<NonZeroU64>,
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// A good server answers.
    Good {
        single_ranges_only: bool,
    },
    /// So many bytes of the good answer's body arrive.
    Bytes(u8),
    /// The entity is replaced by another version.
    Change,
    /// Anybody answers.
    Answer(Answer),
    /// Any bytes arrive.
    Rubbish(&'a [u8]),
    /// The caller says that it has stored so many bytes.
    Received(u64),
    /// Reports on an exchange that is over.
    Late(Answer, u64),
    BodyEnd,
    BodyError,
    TransportError,
    Sent,
    Pass {
        seconds: u32,
        backwards: bool,
    },
    Timeout,
    Suspend {
        at_once: bool,
    },
    Resume,
    Cancel,
    Authenticate(bool),
    Rate(Option<NonZeroU64>),
    Restore,
}

#[derive(Arbitrary, Debug)]
struct Answer {
    status: u16,
    content_range: Option<(u16, u16, Option<u16>)>,
    content_length: Option<u64>,
    etag: Option<u8>,
    last_modified: Option<u8>,
    parts: bool,
    encoded: bool,
    retry_after: Option<u64>,
}

/// The download, what it was told, and what was stored.
struct World {
    download: Download,
    config: Config,
    now: Instant,
    wanted: Vec<Range<u64>>,
    under_way: Option<(ExchangeId, Request<()>)>,
    receiving: Option<Receiving>,
    late: Option<ExchangeId>,
    last: Option<ExchangeId>,
    length: u8,
    version: u8,
    stored: Vec<u8>,
    /// Whether nobody lied so far: then what is stored in the end is one version of the entity.
    honest: bool,
    ended: bool,
}

struct Receiving {
    id: ExchangeId,
    receiver: Receiver,
    remaining: u64,
    /// What is still to come of a good answer.
    body: Vec<u8>,
}

fuzz_target!(|input: Input<'_>| {
    let wanted: Vec<_> = input
        .ranges
        .iter()
        .map(|&(first, size)| u64::from(first)..u64::from(first) + u64::from(size))
        .filter(|range| !range.is_empty())
        .collect();
    let ranges = ApplicationRanges::new(wanted.iter().cloned()).unwrap_or_default();
    let heads = [HeadRequest::ForRanges, HeadRequest::Always, HeadRequest::Never];
    let mut config = Config::builder()
        .conformance(if input.strict { Conformance::Strict } else { Conformance::Interop })
        .head(heads[usize::from(input.head % 3)])
        .max_size(MAX_LENGTH);
    if let Some(size) = input.fragment {
        config = config.fragment_size(u64::from(size).max(1));
    }
    if let Some(rate) = input.rate {
        config = config.rate(Some(rate));
    }
    let config = config.build().expect("it makes sense");
    let now = Instant::now() + Duration::from_secs(1_000_000_000);
    let url = "https://origin:8443/replies/1?token=1".parse().expect("a URL");
    let mut world = World {
        download: Download::new(now, url, ranges, config.clone()).expect("a good URL"),
        config,
        now,
        wanted,
        under_way: None,
        receiving: None,
        late: None,
        last: None,
        length: input.length,
        version: 0,
        stored: vec![0; 512],
        honest: true,
        ended: false,
    };
    world.drain(Vec::new());
    for step in input.steps {
        let body = world.step(step);
        world.drain(body);
    }
});

impl World {
    /// Does one thing; returns the body of a good answer.
    fn step(&mut self, step: Step<'_>) -> Vec<u8> {
        let now = self.now;
        match step {
            Step::Good { single_ranges_only } => {
                let Some((id, request)) = self.under_way.take() else { return Vec::new() };
                self.late = Some(id);
                let response = self.serve(request, single_ranges_only);
                self.download.handle_response(now, id, &response);
                return response.into_body();
            }
            Step::Bytes(count) => self.take_bytes(usize::from(count)),
            Step::Change => self.version = self.version.wrapping_add(1),
            Step::Answer(answer) => {
                let (Some((id, request)), Some(response)) = (self.under_way.take(), answer.response()) else {
                    // Nobody answers after all: the network is gone.
                    if let Some(id) = self.last {
                        self.download.handle_transport_error(now, id, TransportError::Interrupted);
                        self.over();
                    }
                    return Vec::new();
                };
                self.honest = false;
                self.download.handle_response(now, id, &response);
                if response.status().is_informational() {
                    self.under_way = Some((id, request));
                } else {
                    self.late = Some(id);
                }
            }
            Step::Rubbish(bytes) => {
                self.honest = false;
                self.place(bytes);
            }
            Step::Received(bytes) => {
                let Some(receiving) = &mut self.receiving else { return Vec::new() };
                self.honest = false;
                receiving.remaining = receiving.remaining.saturating_sub(bytes);
                self.download.handle_received(now, receiving.id, bytes);
                self.over_if_all_is_here();
            }
            Step::Late(answer, bytes) => self.late(&answer, bytes),
            Step::BodyEnd | Step::BodyError | Step::TransportError => self.break_off(&step),
            Step::Sent => {
                if let Some((id, _)) = &self.under_way {
                    self.download.handle_sent(now, *id);
                }
            }
            Step::Pass { seconds, backwards } => {
                let time = Duration::from_secs(u64::from(seconds));
                self.now = if backwards { now.checked_sub(time).unwrap_or(now) } else { now + time };
                self.download.handle_timeout(self.now);
            }
            Step::Timeout => {
                if let Some(at) = self.download.poll_timeout() {
                    self.now = self.now.max(at);
                    self.download.handle_timeout(self.now);
                    let next = self.download.poll_timeout();
                    assert!(next.is_none_or(|next| next > self.now), "a timer that is due stays due");
                }
            }
            Step::Suspend { at_once } => {
                let how = if at_once { Suspend::AtOnce } else { Suspend::Gracefully };
                let _ = self.download.suspend(now, how);
            }
            Step::Resume => {
                let _ = self.download.resume(now);
            }
            Step::Cancel => {
                let _ = self.download.cancel(now);
            }
            Step::Authenticate(some) => {
                let _ = self.download.authenticate(now, some.then(Credentials::default));
            }
            Step::Rate(rate) => self.download.set_rate(now, rate),
            Step::Restore => {
                let snapshot = self.download.snapshot(now);
                let restored = Download::restore(now, snapshot, Duration::ZERO, self.config.clone());
                self.download = restored.expect("it was just taken");
                self.over();
            }
        }
        Vec::new()
    }

    fn serve(&self, request: Request<()>, single_ranges_only: bool) -> Response<Vec<u8>> {
        let entity = Entity::new(u64::from(self.length), SystemTime::UNIX_EPOCH).expect("small enough");
        let entity = entity.with_etag(format!("\"v{}\"", self.version).parse().expect("a tag"));
        let mut request = request;
        let several = request.headers().get("range").is_some_and(|range| range.as_bytes().contains(&b','));
        if single_ranges_only && several {
            request.headers_mut().remove("range");
        }
        respond(&request, &entity, Conformance::Strict, || [0xB0; 16]).map(|body| {
            let bytes = |segment| match segment {
                Segment::Text(text) => text.to_vec(),
                Segment::Entity(range) => range.map(|offset| self.byte(offset, self.version)).collect(),
            };
            body.into_iter().flat_map(bytes).collect()
        })
    }

    /// What the entity has at an offset.
    fn byte(&self, offset: u64, version: u8) -> u8 {
        (offset as u8).wrapping_mul(31) ^ version
    }

    fn take_bytes(&mut self, count: usize) {
        let Some(receiving) = &mut self.receiving else { return };
        let count = count.min(receiving.body.len());
        let chunk: Vec<u8> = receiving.body.drain(..count).collect();
        self.place(&chunk);
    }

    /// Stores a chunk where the receiver says.
    fn place(&mut self, mut chunk: &[u8]) {
        while let Some(receiving) = &mut self.receiving {
            match receiving.receiver.place(&mut chunk) {
                Ok(Some(piece)) => {
                    let length = piece.bytes.len() as u64;
                    assert!(length > 0 && piece.offset.checked_add(length).is_some());
                    for (offset, byte) in (piece.offset..).zip(piece.bytes) {
                        if let Some(place) = self.stored.get_mut(offset as usize) {
                            *place = *byte;
                        }
                    }
                    receiving.remaining = receiving.remaining.saturating_sub(length);
                    self.download.handle_received(self.now, receiving.id, length);
                    self.over_if_all_is_here();
                }
                Ok(None) => return,
                Err(error) => {
                    let id = receiving.id;
                    self.over();
                    self.download.handle_body_error(self.now, id, error);
                }
            }
        }
    }

    fn late(&mut self, answer: &Answer, bytes: u64) {
        let (Some(id), before) = (self.late, self.download.snapshot(self.now)) else { return };
        // Its body is under way: that is not late.
        if self.receiving.as_ref().is_some_and(|receiving| receiving.id == id) {
            return;
        }
        if let Some(response) = answer.response() {
            self.download.handle_response(self.now, id, &response);
        }
        self.download.handle_sent(self.now, id);
        self.download.handle_received(self.now, id, bytes);
        self.download.handle_body_error(self.now, id, MultipartError::PartMissing);
        self.download.handle_body_end(self.now, id);
        self.download.handle_transport_error(self.now, id, TransportError::Interrupted);
        assert_eq!(self.download.snapshot(self.now), before, "what comes late changes nothing");
    }

    fn break_off(&mut self, step: &Step<'_>) {
        let receiving = self.receiving.as_ref().map(|receiving| receiving.id);
        let Some(id) = receiving.or(self.under_way.as_ref().map(|(id, _)| *id)) else { return };
        match step {
            Step::BodyError if receiving.is_none() => return,
            Step::BodyError => self.download.handle_body_error(self.now, id, MultipartError::PartMissing),
            Step::BodyEnd => self.download.handle_body_end(self.now, id),
            _ => self.download.handle_transport_error(self.now, id, TransportError::Interrupted),
        }
        self.over();
    }

    fn over_if_all_is_here(&mut self) {
        if self.receiving.as_ref().is_some_and(|receiving| receiving.remaining == 0) {
            self.over();
        }
    }

    /// The exchange under way is over.
    fn over(&mut self) {
        let receiving = self.receiving.take().map(|receiving| receiving.id);
        let under_way = self.under_way.take().map(|(id, _)| id);
        self.late = receiving.or(under_way).or(self.late);
    }

    fn drain(&mut self, mut body: Vec<u8>) {
        let mut outputs = 0;
        while let Some(output) = self.download.poll_output() {
            outputs += 1;
            assert!(outputs <= 64, "outputs without end");
            match output {
                Output::Transmit(transmit) => {
                    assert!(self.under_way.is_none() && self.receiving.is_none(), "one exchange at a time");
                    assert!(!self.ended, "a download that is over is over");
                    assert!(self.last.is_none_or(|last| last < transmit.id), "ids are never used again");
                    assert_eq!(transmit.request.uri().scheme_str(), Some("https"));
                    assert!(matches!(transmit.request.method().as_str(), "GET" | "HEAD"));
                    self.last = Some(transmit.id);
                    self.under_way = Some((transmit.id, transmit.request));
                }
                Output::Receive { id, receiver } => {
                    assert!(self.under_way.is_none() && self.receiving.is_none(), "one body at a time");
                    assert_eq!(Some(id), self.last);
                    let remaining = receiver.remaining();
                    assert!((1..=MAX_LENGTH).contains(&remaining), "{remaining} bytes");
                    self.receiving =
                        Some(Receiving { id, receiver, remaining, body: std::mem::take(&mut body) });
                }
                Output::Abort(id) => {
                    assert!(self.last.is_some_and(|last| id <= last), "only what was sent is aborted");
                    if self.last == Some(id) {
                        self.over();
                    }
                }
                Output::Event(Event::Completed { received }) => {
                    self.ended = true;
                    assert_eq!(self.download.received(), received);
                    self.expect_one_version();
                }
                Output::Event(Event::Cancelled) => self.ended = true,
                Output::Event(_) => {}
            }
        }
        self.expect_sense();
    }

    fn expect_sense(&self) {
        let state = self.download.state();
        assert_eq!(state.is_ended(), self.ended);
        let (received, size) = (self.download.received(), self.download.size());
        assert!(received <= MAX_LENGTH && size.is_none_or(|size| received <= size));
        let exchanging = matches!(state, State::Measuring | State::Downloading);
        if exchanging {
            assert!(
                self.under_way.is_some() || self.receiving.is_some(),
                "nothing goes on, and nobody knows"
            );
        } else {
            assert!(
                self.under_way.is_none() && self.receiving.is_none(),
                "it has forgotten an exchange: {state:?}"
            );
        }
        let waits = exchanging || matches!(state, State::WaitingToRetry | State::Pacing);
        assert_eq!(waits, self.download.poll_timeout().is_some(), "it waits for nothing: {state:?}");
    }

    fn expect_one_version(&self) {
        if !self.honest {
            return;
        }
        let whole = Range { start: 0, end: u64::from(self.length) };
        let wanted = if self.wanted.is_empty() { std::slice::from_ref(&whole) } else { &self.wanted[..] };
        let is_version = |version| {
            let mut offsets = wanted.iter().cloned().flatten();
            offsets.all(|offset| self.stored[offset as usize] == self.byte(offset, version))
        };
        assert!((0..=u8::MAX).any(is_version), "what is stored is no version of the entity");
    }
}

impl Answer {
    fn response(&self) -> Option<Response<()>> {
        let mut response = Response::builder().status(self.status);
        if let Some((first, last, total)) = self.content_range {
            let total = total.map_or("*".to_owned(), |total| total.to_string());
            response = response.header("Content-Range", format!("bytes {first}-{last}/{total}"));
        }
        if let Some(length) = self.content_length {
            response = response.header("Content-Length", length);
        }
        if let Some(version) = self.etag {
            let weak = if version % 2 == 0 { "W/" } else { "" };
            response = response.header("ETag", format!("{weak}\"v{}\"", version / 2));
        }
        if let Some(second) = self.last_modified {
            response = response.header("Last-Modified", format!("Mon, 18 Jun 2007 21:12:{second:02} GMT"));
        }
        if self.parts {
            response = response.header("Content-Type", "multipart/byteranges; boundary=x");
        }
        if self.encoded {
            response = response.header("Content-Encoding", "gzip");
        }
        if let Some(seconds) = self.retry_after {
            response = response.header("Retry-After", seconds);
        }
        response.body(()).ok()
    }
}
