//! An upload that meets one stimulus after another.

use std::ops::Range;
use std::time::{Duration, Instant};

use bits_proto::client::transitions::{Place, Setting, Sight, Stimulus};
use bits_proto::client::{
    Credentials, Entity, Event, ExchangeId, Output, Recovery, ReplyMode, Snapshot, Suspend, Timer, Transmit,
    TransportError, Upload,
};
use bits_proto::packet::{PacketType, Payload};

use super::answer::{is_small, leaves_more};
use super::known::Abstract;
use super::setup::{FRAGMENT, Setup};
use crate::client::answers;
use crate::clock;

/// One upload at the end of a path.
#[derive(Debug)]
pub struct Scene {
    pub(super) upload: Upload,
    pub(super) now: Instant,
    pub(super) setup: Setup,
    under_way: Option<Transmit>,
    /// Whether the pace has not let the next fragment go yet.
    owed: Option<Instant>,
    /// Whether requests go to a host that the server named.
    hosted: bool,
    /// Whether that host has not answered since something broke.
    out_of_reach: bool,
    /// The most that the server ever acknowledged.
    best: u64,
    pub(super) seen: Vec<Sight>,
}

impl Scene {
    fn new(setup: Setup) -> Self {
        let now = clock::start();
        let entity = Entity::new(2 * FRAGMENT).unwrap();
        let upload =
            Upload::new(now, "http://origin/upload/file.bin".parse().unwrap(), entity, setup.config());
        let mut scene = Self {
            upload: upload.unwrap(),
            now,
            setup,
            under_way: None,
            owed: None,
            hosted: false,
            out_of_reach: false,
            best: 0,
            seen: Vec::new(),
        };
        scene.drain();
        scene
    }

    pub fn replay(setup: Setup, path: &[Stimulus]) -> Self {
        let mut scene = Self::new(setup);
        for &stimulus in path {
            scene.act(stimulus).expect("the path was gone before");
        }
        scene.seen.clear();
        scene
    }

    /// What decides which stimuli can come, besides the place.
    pub fn circumstances(&self) -> (Option<Timer>, [bool; 5]) {
        let small = self.range().is_some_and(|range| is_small(&range));
        let more = self.range().is_some_and(|range| leaves_more(&range));
        let hosted = self.hosted && self.setup.fallback.is_some();
        let timer = self.upload.next_timer().map(|(_, timer)| timer);
        (timer, [small, more, hosted, hosted && self.out_of_reach, self.is_paced()])
    }

    /// Whether the fragment on its way covers ground again that the server had lost.
    pub fn covers_lost_ground(&self) -> bool {
        self.range().is_some_and(|range| range.end <= self.best)
    }

    /// What would be stored of the upload.
    pub fn snapshot(&self) -> Snapshot {
        self.upload.snapshot(self.now)
    }

    /// Which settings hold here.
    pub fn settings(&self, at: &Abstract) -> [Setting; 4] {
        [
            match self.setup.recovery {
                Recovery::Restart => Setting::Restart,
                _ => Setting::Resend,
            },
            match self.setup.reply {
                ReplyMode::Required => Setting::ReplyRequired,
                ReplyMode::Optional => Setting::ReplyOptional,
                _ => Setting::ReplyIgnored,
            },
            if self.upload.session_id().is_some() { Setting::Session } else { Setting::NoSession },
            match at.leaving {
                Some(Stimulus::Cancel) => Setting::ForCancel,
                Some(_) => Setting::ForChange,
                None => Setting::Staying,
            },
        ]
    }

    /// Meets the stimulus; returns what is seen of it, or `None` if it cannot come here.
    pub fn meet(&mut self, stimulus: Stimulus, at: &Abstract) -> Option<Vec<Sight>> {
        let next = if at.place == Place::Pinging { at.after_ping } else { Some(at.place) };
        let fragment_next = match at.place {
            Place::Pinging => matches!(next, Some(Place::Sending | Place::SendingLast)),
            place => place == Place::Sending,
        };
        if stimulus == Stimulus::SuccessPaced && !fragment_next {
            return None;
        }
        self.act(stimulus)?;
        Some(std::mem::take(&mut self.seen))
    }

    pub(super) fn act(&mut self, stimulus: Stimulus) -> Option<()> {
        match stimulus {
            Stimulus::Unsent => self.break_off(TransportError::Unsent)?,
            Stimulus::Interrupted => self.break_off(TransportError::Interrupted)?,
            Stimulus::RequestTimer => self.pass_to(Timer::Request)?,
            Stimulus::ResponseTimer => {
                let id = self.under_way.as_ref()?.id;
                self.upload.handle_sent(self.now, id);
                self.pass_to(Timer::Response)?;
            }
            Stimulus::Sent => {
                let id = self.under_way.as_ref()?.id;
                self.upload.handle_sent(self.now, id);
            }
            Stimulus::RetryTimer => self.pass_to(Timer::Retry)?,
            Stimulus::PaceTimer => self.pass_to(Timer::Pace)?,
            Stimulus::HostFallbackTimer => self.pass_to(Timer::HostFallback)?,
            Stimulus::GiveUpTimer => self.pass_to(Timer::GiveUp)?,
            Stimulus::SetRate => {
                self.upload.set_rate(self.now, None);
                self.owed = None;
            }
            Stimulus::Stale => self.stale(),
            _ if Stimulus::COMMANDS.contains(&stimulus) => self.command(stimulus),
            _ => {
                let answer = self.answer(stimulus)?;
                if stimulus != Stimulus::SuccessPaced && self.is_paced() {
                    self.now += Duration::from_millis(250);
                }
                let pings = self.packet() == Some(PacketType::Ping);
                let id = self.under_way.take()?.id;
                let refused = Stimulus::REFUSALS.contains(&stimulus) || stimulus == Stimulus::Transient;
                self.out_of_reach |= matches!(stimulus, Stimulus::NoAck | Stimulus::EmptyNoAck);
                self.out_of_reach |= pings && refused;
                self.upload.handle_response(self.now, id, &answer);
            }
        }
        self.drain();
        if let Stimulus::Unsent | Stimulus::Interrupted | Stimulus::RequestTimer | Stimulus::ResponseTimer =
            stimulus
        {
            self.out_of_reach = true;
        }
        Some(())
    }

    fn break_off(&mut self, error: TransportError) -> Option<()> {
        let id = self.under_way.take()?.id;
        self.upload.handle_transport_error(self.now, id, error);
        Some(())
    }

    fn pass_to(&mut self, timer: Timer) -> Option<()> {
        let (at, _) = self.upload.next_timer().filter(|&(_, next)| next == timer)?;
        self.now = self.now.max(at);
        self.upload.handle_timeout(self.now);
        Some(())
    }

    /// Time passes until something is sent.
    pub(super) fn wait(&mut self) {
        for _ in 0..3 {
            let Some(at) = self.upload.poll_timeout().filter(|_| self.under_way.is_none()) else { return };
            self.now = at;
            self.upload.handle_timeout(at);
            self.drain();
        }
    }

    fn command(&mut self, stimulus: Stimulus) {
        let (upload, now) = (&mut self.upload, self.now);
        let done = match stimulus {
            Stimulus::SuspendGracefully => upload.suspend(now, Suspend::Gracefully),
            Stimulus::SuspendAtOnce => upload.suspend(now, Suspend::AtOnce),
            Stimulus::Resume => upload.resume(now),
            Stimulus::Cancel => upload.cancel(now),
            Stimulus::SourceChanged => upload.source_changed(now),
            Stimulus::Authenticate => upload.authenticate(now, Some(Credentials::default())),
            Stimulus::AuthenticateNone => upload.authenticate(now, None),
            Stimulus::ReplyFetched => upload.reply_fetched(now),
            Stimulus::ReplyFailed => upload.reply_failed(now),
            other => panic!("{other:?} is no command"),
        };
        self.seen.extend(done.err().map(Sight::Misuse));
    }

    /// Everything that can be told of an exchange, told of another one.
    fn stale(&mut self) {
        let id = some_other_exchange();
        assert!(self.under_way.as_ref().is_none_or(|transmit| transmit.id != id));
        let before = self.upload.snapshot(self.now);
        for answer in [answers::ok(), answers::created(), answers::received(7), answers::session_not_found()]
        {
            self.upload.handle_response(self.now, id, &answer);
        }
        self.upload.handle_transport_error(self.now, id, TransportError::Interrupted);
        self.upload.handle_sent(self.now, id);
        assert_eq!(self.upload.snapshot(self.now), before);
    }

    /// Whether a fragment went at this very moment, and the pace is not for another one yet.
    pub(super) fn is_paced(&self) -> bool {
        self.owed.is_some_and(|until| self.now < until)
    }

    pub(super) fn range(&self) -> Option<Range<u64>> {
        match self.under_way.as_ref()?.request.body() {
            Payload::Range(range) => Some(range.clone()),
            _ => None,
        }
    }

    pub(super) fn packet(&self) -> Option<PacketType> {
        let request = &self.under_way.as_ref()?.request;
        Some(packet_type(request.headers()["bits-packet-type"].to_str().unwrap()))
    }

    fn drain(&mut self) {
        while let Some(output) = self.upload.poll_output() {
            let sight = match output {
                Output::Transmit(transmit) => {
                    assert!(self.under_way.is_none(), "two requests at once");
                    self.under_way = Some(transmit);
                    if self.range().is_some() && self.setup.paced && self.upload.rate().is_some() {
                        self.owed = Some(self.now + Duration::from_millis(250));
                    }
                    Sight::Send(self.packet().unwrap())
                }
                Output::Abort(id) => {
                    assert_eq!(self.under_way.take().map(|transmit| transmit.id), Some(id));
                    Sight::Abort
                }
                Output::Event(event) => {
                    if let Event::Progress { acknowledged } = event {
                        self.best = acknowledged;
                    }
                    told(&event)
                }
            };
            match sight {
                Sight::HostChanged => self.hosted = true,
                Sight::HostAbandoned | Sight::Send(PacketType::CreateSession) => self.hosted = false,
                Sight::Progress | Sight::Suspended | Sight::Failed => self.out_of_reach = false,
                _ => {}
            }
            self.seen.push(sight);
        }
    }
}

fn told(event: &Event) -> Sight {
    match event {
        Event::SessionCreated { .. } => Sight::SessionCreated,
        Event::HostChanged { .. } => Sight::HostChanged,
        Event::HostAbandoned => Sight::HostAbandoned,
        Event::Progress { .. } => Sight::Progress,
        Event::Resynchronised { .. } => Sight::Resynchronised,
        Event::FragmentShrunk { .. } => Sight::FragmentShrunk,
        Event::Restarted { .. } => Sight::Restarted,
        Event::Waiting { .. } => Sight::Waiting,
        Event::CredentialsWanted { .. } => Sight::CredentialsWanted,
        Event::ReplyReady { .. } => Sight::ReplyReady,
        Event::Suspended => Sight::Suspended,
        Event::Completed { confirmed: true } => Sight::Completed,
        Event::Completed { confirmed: false } => Sight::Unconfirmed,
        Event::Cancelled { .. } => Sight::Cancelled,
        Event::Failed(_) => Sight::Failed,
        other => panic!("what is {other:?}?"),
    }
}

fn packet_type(name: &str) -> PacketType {
    let types = [
        PacketType::Ping,
        PacketType::CreateSession,
        PacketType::Fragment,
        PacketType::CloseSession,
        PacketType::CancelSession,
    ];
    types.into_iter().find(|packet| packet.as_str() == name).expect("a packet")
}

/// The id of an exchange that none of the uploads ever comes to.
fn some_other_exchange() -> ExchangeId {
    static OTHER: std::sync::OnceLock<ExchangeId> = std::sync::OnceLock::new();
    *OTHER.get_or_init(|| {
        let mut scene = Scene::new(Setup::all()[0]);
        for _ in 0..1000 {
            scene.act(Stimulus::SuspendAtOnce);
            scene.act(Stimulus::Resume);
        }
        scene.under_way.unwrap().id
    })
}
