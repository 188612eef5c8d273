//! A download that meets one stimulus after another, and a model of what is due to it.

mod pace;
mod setup;

use std::ops::Range;
use std::time::{Duration, Instant};

use bits_proto::ApiMisuse;
use bits_proto::client::Suspend;
use bits_proto::download::multipart::MultipartError;
use bits_proto::download::transitions::{Place, Sight, Stimulus};
use bits_proto::download::{
    Credentials, Download, Event, ExchangeId, Output, State, Timer, Transmit, TransportError,
};
use http::Response;
use pace::Pace;
pub use setup::Setup;
use setup::{LENGTH, MAX_LENGTH};

/// The exchange under way.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Exchange {
    id: ExchangeId,
    head: bool,
    /// Without any, the whole was asked for.
    ranges: Vec<Range<u64>>,
    sent: bool,
    /// How long the body is, and how much of it is still to come.
    body: Option<(u64, u64)>,
}

#[derive(Debug)]
pub struct Scene {
    setup: Setup,
    download: Download,
    now: Instant,
    exchange: Option<Exchange>,
    stale: Option<ExchangeId>,
    /// Which version the server has, and whether the download knows it.
    version: (u32, bool),
    head_due: bool,
    single_ranges_only: bool,
    received: u64,
    pace: Pace,
}

/// What came of a stimulus.
#[derive(Debug)]
pub struct Seen {
    pub sights: Vec<Sight>,
    /// Where that leads which is due.
    pub due: Place,
    /// Whether the length was known before.
    pub length_known: bool,
}

impl Scene {
    pub fn replay(setup: Setup, epoch: Instant, path: &[Stimulus]) -> Self {
        let mut scene = Self {
            setup,
            download: setup.start(epoch),
            now: epoch,
            exchange: None,
            stale: None,
            version: (1, false),
            head_due: setup.wants_head(),
            single_ranges_only: false,
            received: 0,
            pace: Pace { rate: setup.rate, free_at: None },
        };
        scene.poll();
        for &stimulus in path {
            assert!(scene.meet(stimulus).is_some(), "{path:?} was walked before");
        }
        scene
    }

    /// What can make a difference to what comes.
    pub fn circumstances(&self) -> String {
        let exchange =
            self.exchange.as_ref().map(|exchange| (&exchange.ranges, exchange.sent, exchange.body));
        let idle = self
            .pace
            .free_at
            .map(|at| self.now.saturating_duration_since(at).min(Duration::from_millis(250)));
        let pace = (self.pace.rate, self.pace.owes(self.now), idle);
        let known = (self.download.entity_size(), self.version.1, self.head_due, self.single_ranges_only);
        format!("{:?}", (exchange, self.stale.is_some(), pace, known, self.received))
    }

    /// Where the download stands, as far as its caller can tell: whether it is to be suspended shows when it is resumed.
    pub fn place(mut self) -> Place {
        let state = self.download.state();
        let suspending = self.download.resume(self.now).is_ok();
        let exchange = self.exchange.as_ref();
        let is_body = exchange.is_some_and(|exchange| exchange.body.is_some());
        let several = exchange.is_some_and(|exchange| exchange.ranges.len() > 1);
        match state {
            State::Measuring if suspending => Place::SuspendingMeasuring,
            State::Measuring => Place::Measuring,
            State::Downloading => match (suspending, is_body, several) {
                (false, false, false) => Place::Asking,
                (false, false, true) => Place::AskingSeveral,
                (false, true, false) => Place::Receiving,
                (false, true, true) => Place::ReceivingSeveral,
                (true, false, false) => Place::SuspendingAsking,
                (true, false, true) => Place::SuspendingAskingSeveral,
                (true, true, false) => Place::SuspendingReceiving,
                (true, true, true) => Place::SuspendingReceivingSeveral,
            },
            State::Pacing => Place::Pacing,
            State::WaitingToRetry => Place::Waiting,
            State::WaitingForCredentials => Place::NeedsCredentials,
            State::Suspended => Place::Suspended,
            State::Failed => Place::Failed,
            State::Completed => Place::Completed,
            State::Cancelled => Place::Cancelled,
            other => panic!("{other:?}"),
        }
    }

    /// What comes of a stimulus; `None`, if it cannot come here.
    pub fn meet(&mut self, stimulus: Stimulus) -> Option<Seen> {
        let length_known = self.download.entity_size().is_some();
        let misuse = self.apply(stimulus)?;
        assert_eq!(self.download.received(), self.received, "{stimulus:?}");
        let due = self.due();
        let mut sights = self.poll();
        sights.extend(misuse.err().map(Sight::Misuse));
        if !matches!(self.download.state(), State::Measuring | State::Downloading) {
            self.stale = self.exchange.take().map(|exchange| exchange.id).or(self.stale);
        }
        Some(Seen { sights, due, length_known })
    }

    /// The record of the download, but for what is of the time: how long it waits, also for the pace, and how often it tried.
    #[cfg(feature = "serde")]
    pub fn record(&self) -> serde_json::Value {
        let mut record = serde_json::to_value(self.download.snapshot(self.now)).unwrap();
        for field in ["exchanges", "give_up_in", "wait", "attempts"] {
            record[field] = serde_json::Value::Null;
        }
        record
    }

    pub const fn state(&self) -> State {
        self.download.state()
    }

    /// Whether the download is suspended once its exchange is answered.
    pub fn is_suspending(&self) -> bool {
        self.exchange.is_some() && self.download.snapshot(self.now).state() == State::Suspended
    }

    /// The kind of the request under way: how many ranges it asks for, none, one or several.
    pub fn asks(&self) -> Option<usize> {
        self.exchange.as_ref().map(|exchange| exchange.ranges.len().min(2))
    }

    /// Breaks off what is under way.
    pub fn break_off(&mut self) {
        let Some(exchange) = self.exchange.take() else { return };
        self.download.handle_transport_error(self.now, exchange.id, TransportError::Interrupted);
        self.stale = Some(exchange.id);
        self.poll();
    }

    /// Stores the download, and restores it as another process does. What was under way is asked for again, and answered as
    /// before.
    pub fn restart(&mut self) {
        let (before, state) = (self.exchange.take(), self.download.state());
        let snapshot = self.download.snapshot(self.now);
        let config = self.setup.config().rate(self.download.rate()).build().unwrap();
        self.download = Download::restore(self.now, snapshot, Duration::ZERO, config).unwrap();
        if state != State::Pacing {
            self.pace.free_at = None;
        }
        self.stale = before.as_ref().map(|exchange| exchange.id).or(self.stale);
        self.poll();
        let Some(exchange) = self.exchange.clone() else { return };
        if state == State::WaitingForCredentials {
            self.download.handle_response(self.now, exchange.id, &response(401, &[]));
            self.poll();
            self.stale = self.exchange.take().map(|exchange| exchange.id);
            return;
        }
        let Some(before) = before else { return };
        if before.sent {
            self.download.handle_sent(self.now, exchange.id);
        }
        if let Some((body, left @ 1..)) = before.body {
            self.download.handle_response(self.now, exchange.id, &self.rest(&exchange, left));
            self.poll();
            self.exchange = Some(Exchange { sent: before.sent, body: Some((body, left)), ..exchange });
        } else if let Some(exchange) = &mut self.exchange {
            exchange.sent = before.sent;
        }
    }

    /// The head of an answer that brings so many more bytes.
    fn rest(&self, exchange: &Exchange, left: u64) -> Response<()> {
        let length = self.download.entity_size().unwrap_or(LENGTH);
        match &exchange.ranges[..] {
            [] => self.versioned(200, &[("Content-Length", length.to_string())]),
            [range] => {
                let range = format!("bytes {}-{}/{length}", range.start, range.start + left - 1);
                self.versioned(206, &[("Content-Range", range)])
            }
            _ => self.versioned(206, &[("Content-Type", "multipart/byteranges; boundary=x".to_owned())]),
        }
    }

    fn apply(&mut self, stimulus: Stimulus) -> Option<Result<(), ApiMisuse>> {
        match stimulus {
            Stimulus::SuspendGracefully => return Some(self.download.suspend(self.now, Suspend::Gracefully)),
            Stimulus::SuspendAtOnce => return Some(self.download.suspend(self.now, Suspend::AtOnce)),
            Stimulus::Resume => return Some(self.download.resume(self.now)),
            Stimulus::Cancel => return Some(self.download.cancel(self.now)),
            Stimulus::Authenticate => {
                return Some(self.download.authenticate(self.now, Some(Credentials::default())));
            }
            Stimulus::AuthenticateNone => return Some(self.download.authenticate(self.now, None)),
            Stimulus::RequestTimer => self.go_off(Timer::Request)?,
            Stimulus::ResponseTimer => self.go_off(Timer::Response)?,
            Stimulus::RetryTimer => self.go_off(Timer::Retry)?,
            Stimulus::PaceTimer => {
                self.go_off(Timer::Pace)?;
                self.pace.free_at = Some(self.now);
            }
            Stimulus::GiveUpTimer => self.go_off(Timer::GiveUp)?,
            Stimulus::SetRate => {
                self.pace = Pace { rate: None, free_at: None };
                self.download.set_rate(self.now, None);
            }
            Stimulus::SlowDown => self.slow_down()?,
            Stimulus::Stale => self.tell_stale()?,
            Stimulus::StoredSome | Stimulus::Stored | Stimulus::StoredLast => self.store(stimulus)?,
            Stimulus::Sent => {
                let exchange = self.exchange.as_mut()?;
                exchange.sent = true;
                self.download.handle_sent(self.now, exchange.id);
            }
            Stimulus::Interrupted => self.download.handle_transport_error(
                self.now,
                self.exchange.as_ref()?.id,
                TransportError::Interrupted,
            ),
            Stimulus::BodyEnd => self.download.handle_body_end(self.now, self.exchange.as_ref()?.id),
            Stimulus::BodyError => {
                let exchange = self.exchange.as_ref().filter(|exchange| exchange.body.is_some())?;
                self.single_ranges_only |= exchange.ranges.len() > 1;
                self.download.handle_body_error(self.now, exchange.id, MultipartError::PartMissing);
            }
            head => {
                let exchange = self.exchange.clone().filter(|exchange| exchange.body.is_none())?;
                let response = self.head(&exchange, head)?;
                self.learn(&exchange, head);
                self.download.handle_response(self.now, exchange.id, &response);
            }
        }
        Some(Ok(()))
    }

    fn go_off(&mut self, timer: Timer) -> Option<()> {
        let (at, _) = self.download.next_timer().filter(|(_, next)| *next == timer)?;
        self.now = at;
        self.download.handle_timeout(at);
        Some(())
    }

    fn slow_down(&mut self) -> Option<()> {
        let get = self.exchange.as_ref().filter(|exchange| !exchange.head);
        if let Some(exchange) = get {
            let left = exchange.body.map_or_else(|| self.asked(&exchange.ranges), |(_, left)| left);
            if left <= 1 {
                return None;
            }
            // What was asked for and will not come is not owed.
            self.pace = Pace { rate: Some(1), free_at: None };
        } else {
            self.pace.change(self.now, 1);
        }
        self.download.set_rate(self.now, 1.try_into().ok());
        Some(())
    }

    fn tell_stale(&mut self) -> Option<()> {
        let before = self.download.snapshot(self.now);
        let stale = self.stale?;
        let success = response(200, &[("Content-Length", LENGTH.to_string())]);
        self.download.handle_sent(self.now, stale);
        self.download.handle_response(self.now, stale, &success);
        self.download.handle_received(self.now, stale, 1);
        self.download.handle_body_end(self.now, stale);
        self.download.handle_body_error(self.now, stale, MultipartError::PartMissing);
        self.download.handle_transport_error(self.now, stale, TransportError::Interrupted);
        if let Some(exchange) = self.exchange.as_ref().filter(|exchange| exchange.body.is_some()) {
            self.download.handle_response(self.now, exchange.id, &success);
        }
        assert_eq!(self.download.snapshot(self.now), before, "what is stale changes nothing");
        Some(())
    }

    fn store(&mut self, stimulus: Stimulus) -> Option<()> {
        let size = self.setup.size(self.download.entity_size());
        let exchange = self.exchange.as_mut()?;
        let (body, left) = exchange.body?;
        let is_last = Some(self.received + left) == size;
        let bytes = match stimulus {
            Stimulus::StoredSome if left == body && body > 1 => body / 2,
            Stimulus::Stored if !is_last => left,
            Stimulus::StoredLast if is_last => left,
            _ => return None,
        };
        exchange.body = Some((body, left - bytes));
        self.received += bytes;
        self.download.handle_received(self.now, exchange.id, bytes);
        Some(())
    }

    /// How many bytes a GET asks for.
    fn asked(&self, ranges: &[Range<u64>]) -> u64 {
        match ranges {
            [] => self.download.entity_size().unwrap_or(u64::MAX),
            ranges => ranges.iter().map(|range| range.end - range.start).sum(),
        }
    }

    /// The head of the answer that the stimulus names; `None`, if this request cannot be answered so.
    fn head(&self, exchange: &Exchange, stimulus: Stimulus) -> Option<Response<()>> {
        let known = self.download.entity_size();
        let length = known.unwrap_or(LENGTH);
        let whole = |length: u64| self.versioned(200, &[("Content-Length", length.to_string())]);
        let part = |range: &Range<u64>, length: u64| {
            let range = format!("bytes {}-{}/{length}", range.start, range.end.min(length) - 1);
            self.versioned(206, &[("Content-Range", range)])
        };
        let right = |length| match &exchange.ranges[..] {
            [] => Some(whole(length)),
            [range] => (range.start < length).then(|| part(range, length)),
            _ => {
                Some(self.versioned(206, &[("Content-Type", "multipart/byteranges; boundary=x".to_owned())]))
            }
        };
        let (get, several) = (!exchange.head, exchange.ranges.len() > 1);
        let unsatisfied = |length: u64| response(416, &[("Content-Range", format!("bytes */{length}"))]);
        match stimulus {
            Stimulus::Success => right(length),
            Stimulus::SuccessWithoutLength => exchange.head.then(|| self.versioned(200, &[])),
            Stimulus::HeadNotKnown => exchange.head.then(|| response(405, &[])),
            Stimulus::Empty if !self.setup.ranges.is_empty() || known.is_some() => None,
            Stimulus::Empty if exchange.ranges.is_empty() => Some(whole(0)),
            Stimulus::Empty => Some(unsatisfied(0)),
            Stimulus::UnsuitableLength if known.is_some() => None,
            Stimulus::UnsuitableLength if several => Some(unsatisfied(0)),
            Stimulus::UnsuitableLength => {
                right(self.setup.ranges.last().map_or(MAX_LENGTH + 1, |range| range.end - 1))
            }
            Stimulus::Changed => {
                let mut changed = right(length)?;
                let etag = format!("\"v{}\"", self.version.0 + 1).parse().ok()?;
                changed.headers_mut().try_insert("ETag", etag).ok()?;
                self.version.1.then_some(changed)
            }
            Stimulus::WholeInstead => (!exchange.ranges.is_empty()).then(|| whole(length)),
            Stimulus::OtherRange => {
                let other =
                    if exchange.ranges.first().is_some_and(|range| range.start == 0) { 1..2 } else { 0..1 };
                Some(part(&other, length))
            }
            Stimulus::LengthChanged => {
                let other = known? + 1;
                if several { Some(whole(other)) } else { right(other) }
            }
            Stimulus::Invalid => {
                let mut encoded = right(length)?;
                encoded.headers_mut().try_insert("Content-Encoding", "gzip".parse().ok()?).ok()?;
                Some(encoded)
            }
            Stimulus::NotSatisfiable => Some(unsatisfied(length)),
            Stimulus::Unauthorized => Some(response(401, &[])),
            Stimulus::Transient => Some(response(503, &[])),
            Stimulus::Fatal => Some(response(if get { 403 } else { 301 }, &[])),
            Stimulus::Interim => Some(response(103, &[])),
            other => panic!("{other:?} is no answer"),
        }
    }

    fn versioned(&self, status: u16, headers: &[(&str, String)]) -> Response<()> {
        let etag = [("ETag", format!("\"v{}\"", self.version.0))];
        response(status, &[headers, &etag].concat())
    }

    /// What such an answer means for what is due.
    fn learn(&mut self, exchange: &Exchange, stimulus: Stimulus) {
        let several = exchange.ranges.len() > 1;
        match stimulus {
            Stimulus::Changed => {
                self.version = (self.version.0 + 1, false);
                self.head_due = self.setup.wants_head();
                self.single_ranges_only = false;
                self.received = 0;
            }
            Stimulus::Success | Stimulus::SuccessWithoutLength => {
                self.version.1 = true;
                self.head_due = false;
            }
            Stimulus::HeadNotKnown => self.head_due = false,
            Stimulus::Empty | Stimulus::UnsuitableLength => {
                self.version.1 |= !several;
                self.head_due = false;
            }
            Stimulus::NotSatisfiable => self.single_ranges_only |= several,
            violation if Stimulus::VIOLATIONS.contains(&violation) => self.single_ranges_only |= several,
            _ => {}
        }
    }

    /// Where that leads which is due (§3.6.5.2.4).
    fn due(&self) -> Place {
        let length = self.download.entity_size();
        let size = self.setup.size(length);
        if size == Some(self.received) {
            Place::Completed
        } else if length.is_some_and(|length| !self.setup.suits(length)) {
            Place::Failed
        } else if self.head_due {
            Place::Measuring
        } else if !self.pace.owes(self.now).is_zero() {
            Place::Pacing
        } else if self.asks_for_several() {
            Place::AskingSeveral
        } else {
            Place::Asking
        }
    }

    /// Whether what is due is in several ranges (§3.6.5.2.4.3).
    fn asks_for_several(&self) -> bool {
        let size = self.setup.fragment.unwrap_or(u64::MAX).min(self.pace.largest());
        let window = self.received..self.received.saturating_add(size);
        let mut offset = 0;
        let chosen = self.setup.ranges.iter().filter(|range| {
            let (first, end) = (offset, offset + range.end - range.start);
            offset = end;
            first < window.end && window.start < end
        });
        !self.single_ranges_only && chosen.count() > 1
    }

    fn poll(&mut self) -> Vec<Sight> {
        let mut sights = Vec::new();
        while let Some(output) = self.download.poll_output() {
            sights.push(match output {
                Output::Transmit(transmit) => self.sent(&transmit),
                Output::Receive { id, receiver } => {
                    let exchange = self.exchange.as_mut().filter(|exchange| exchange.id == id).unwrap();
                    exchange.body = Some((receiver.remaining(), receiver.remaining()));
                    Sight::Receive
                }
                Output::Abort(id) => {
                    assert_eq!(self.exchange.as_ref().map(|exchange| exchange.id), Some(id));
                    Sight::Abort
                }
                Output::Event(event) => sight_of(&event),
            });
        }
        sights
    }

    fn sent(&mut self, transmit: &Transmit) -> Sight {
        let head = transmit.request.method() == "HEAD";
        let range = transmit.request.headers().get("Range").map(|range| range.to_str().unwrap());
        let ranges = range.and_then(|range| range.strip_prefix("bytes=")).map_or_else(Vec::new, read_ranges);
        self.pace.sent(self.now, if head { 0 } else { self.asked(&ranges) });
        let exchange = Exchange { id: transmit.id, head, ranges, sent: false, body: None };
        self.stale = self.exchange.replace(exchange).map(|exchange| exchange.id).or(self.stale);
        if head { Sight::SendHead } else { Sight::SendGet }
    }
}

fn read_ranges(text: &str) -> Vec<Range<u64>> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap();
        first.parse().unwrap()..last.parse::<u64>().unwrap() + 1
    };
    text.split(',').map(range).collect()
}

fn response(status: u16, headers: &[(&str, String)]) -> Response<()> {
    let builder = headers
        .iter()
        .fold(Response::builder().status(status), |response, (name, value)| response.header(*name, value));
    builder.body(()).unwrap()
}

fn sight_of(event: &Event) -> Sight {
    match event {
        Event::SizeKnown { .. } => Sight::SizeKnown,
        Event::Progress { .. } => Sight::Progress,
        Event::SingleRangesOnly { .. } => Sight::SingleRangesOnly,
        Event::Restarted { .. } => Sight::Restarted,
        Event::Waiting { .. } => Sight::Waiting,
        Event::CredentialsWanted { .. } => Sight::CredentialsWanted,
        Event::Suspended => Sight::Suspended,
        Event::Completed { .. } => Sight::Completed,
        Event::Cancelled => Sight::Cancelled,
        Event::Failed(_) => Sight::Failed,
        other => panic!("{other:?} is not in the table"),
    }
}
