//! A download that meets one stimulus after another, and a model of what is due to it.

mod answers;
mod due;
mod pace;
mod place;
mod setup;

use std::ops::Range;
use std::time::{Duration, Instant};

use answers::response;
use bits_proto::ApiMisuse;
use bits_proto::client::Suspend;
use bits_proto::download::multipart::MultipartError;
use bits_proto::download::transitions::{Place, Sight, Stimulus};
use bits_proto::download::{
    Credentials, Download, Event, ExchangeId, Output, State, Timer, Transmit, TransportError,
};
use pace::Pace;
use setup::LENGTH;
pub use setup::Setup;

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
