//! Uploads that are brought along a path of stimuli, and what the table knows of where they stand.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::client::answers;
use crate::clock;
use bits_proto::client::transitions::{Place, Setting, Sight, Stimulus};
use bits_proto::client::{
    Config, Credentials, Entity, Event, ExchangeId, Output, Recovery, ReplyMode, Snapshot, State, Suspend,
    Timer, Transmit, TransportError, Upload,
};
use bits_proto::packet::{PacketType, Payload};
use http::Response;

/// A fragment that a 413 halves, to the least there is.
const FRAGMENT: u64 = 10_240;
const LEAST: u64 = 5_120;

/// How an upload is configured, and what its server and its line are like.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    recovery: Recovery,
    reply: ReplyMode,
    pub ping_first: bool,
    /// A quarter of a second for a fragment.
    paced: bool,
    give_up_after: Option<Duration>,
    /// The time that comes with the host's name.
    fallback: Option<&'static str>,
}

impl Setup {
    pub fn all() -> [Self; 5] {
        let plain = Self {
            recovery: Recovery::Resend,
            reply: ReplyMode::Ignored,
            ping_first: false,
            paced: false,
            give_up_after: None,
            fallback: None,
        };
        let restart = Self { recovery: Recovery::Restart, ping_first: true, ..plain };
        // Before the pace lets a fragment go, and before any next try.
        let impatient = Self { paced: true, give_up_after: Some(Duration::from_millis(100)), ..plain };
        [
            // A host is given up before the next try, or during it.
            Self { fallback: Some("1"), ..plain },
            Self { fallback: Some("60"), reply: ReplyMode::Optional, ..restart },
            Self { paced: true, reply: ReplyMode::Required, ..plain },
            impatient,
            Self { give_up_after: impatient.give_up_after, ..restart },
        ]
    }

    fn config(self) -> Config {
        let config = Config::builder().fragment_size(FRAGMENT).recovery(self.recovery).reply(self.reply);
        let config = config.ping_first(self.ping_first).give_up_after(self.give_up_after.unwrap_or(FOREVER));
        // The walk goes in circles on purpose.
        let config = config.max_restarts(1000).max_regressions(1000).max_stalls(1000);
        let rate = if self.paced { std::num::NonZeroU64::new(4 * FRAGMENT) } else { None };
        config.rate(rate).build().unwrap()
    }
}

const FOREVER: Duration = Duration::from_secs(1_000_000_000);

/// Where the table has an upload, and what it knows of how it came there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abstract {
    pub place: Place,
    /// What the upload does next of what it cannot do now.
    pub due: Option<Place>,
    /// What comes after a Ping.
    after_ping: Option<Place>,
    /// Which packet's answer a suspension waits for.
    pub before: Option<Place>,
    /// Why the session is given up, if it is.
    leaving: Option<Stimulus>,
}

impl Abstract {
    pub fn new(place: Place) -> Self {
        Self { place, due: None, after_ping: None, before: None, leaving: None }
    }

    /// As it was before it was to be suspended.
    pub fn going_on(&self) -> Self {
        Self {
            place: self.before.expect("it is to be suspended"),
            due: self.after_ping,
            before: None,
            ..*self
        }
    }

    /// The place where the upload would be, were it not over for this reason.
    fn end(&self) -> Place {
        match self.leaving {
            Some(Stimulus::Cancel) => Place::Cancelled,
            _ => Place::Withdrawn,
        }
    }

    /// It stays where it is, but the reason to leave may be another one.
    pub fn met(mut self, stimulus: Stimulus) -> Self {
        if matches!(stimulus, Stimulus::Cancel | Stimulus::SourceChanged)
            && !Place::OVER.contains(&self.place)
        {
            self.leaving = Some(stimulus);
        }
        self
    }

    /// The upload comes to a place by a stimulus.
    pub fn moved(&self, place: Place, stimulus: Stimulus, setup: &Setup) -> Self {
        use Place::*;
        let mut next = Self { place, ..self.met(stimulus) };
        let end = next.end();
        let unanswered = |from| match (from, stimulus) {
            (Closing, Stimulus::Unsent | Stimulus::Unauthorized | Stimulus::Fatal) => Closing,
            (Closing | ClosingAgain, stimulus) if Stimulus::REFUSALS.contains(&stimulus) => from,
            (Closing, Stimulus::SuspendGracefully) => Closing,
            (Closing, _) => ClosingAgain,
            (LeavingClose | LeavingCloseAgain, _) => Leaving,
            (LeavingCreate, _) => end,
            (from, _) => from,
        };
        match place {
            Waiting | NeedsCredentials => next.due = Some(unanswered(self.place)),
            WaitingToPing => {
                next.due = Some(Pinging);
                next.after_ping =
                    if self.place == Pinging { self.after_ping } else { Some(unanswered(self.place)) };
            }
            WaitingInDoubt => next.due = Some(PingingInDoubt),
            Pacing => {
                next.due = Some(if self.place == Pinging { self.after_ping.unwrap() } else { SendingLast });
            }
            Suspending => next.before = Some(self.place),
            Suspended | Failed => {
                let aborted = matches!(stimulus, Stimulus::SuspendAtOnce | Stimulus::GiveUpTimer);
                let due = match self.place {
                    Sending | SendingLast if aborted && setup.recovery == Recovery::Restart => StartingOver,
                    // The reply's absence is what failed: the last fragment is repeated to ask again.
                    SendingLast if place == Failed && stimulus == Stimulus::Success => SendingLast,
                    from => unanswered(from),
                };
                (next.due, next.after_ping) = self.resumed(due, setup);
            }
            Withdrawn => (next.due, next.after_ping) = (Some(Withdrawn), None),
            Pinging if next.due == Some(Pinging) || self.place == Creating => {
                next.after_ping = if self.place == Creating { Some(Sending) } else { self.after_ping };
            }
            _ => {}
        }
        if !Place::RESTING.contains(&place) {
            next.due = None;
        }
        if place == Pinging {
            next.due = next.after_ping;
        } else if ![WaitingToPing, Suspended, Failed, NeedsCredentials, Suspending].contains(&place) {
            next.after_ping = None;
        }
        if place != Suspending {
            next.before = None;
        }
        if Place::OVER.contains(&place) {
            next.leaving = None;
        }
        next
    }

    /// What is due after a suspension or a failure in the middle of this: a Ping first, if there is a session.
    fn resumed(&self, from: Place, setup: &Setup) -> (Option<Place>, Option<Place>) {
        use Place::*;
        match from {
            Creating if setup.ping_first => (Some(PingingFirst), None),
            Creating | PingingFirst | PingingInDoubt | Leaving | StartingOver => (Some(from), None),
            Cancelled | Withdrawn => (Some(from), None),
            Pinging | WaitingToPing => (Some(Pinging), self.after_ping),
            WaitingInDoubt => (Some(PingingInDoubt), None),
            Suspended | Failed => (self.due, self.after_ping),
            Waiting | NeedsCredentials | Pacing => self.resumed(self.due.unwrap(), setup),
            Sending | SendingLast | Closing | ClosingAgain | NeedsReply => (Some(Pinging), Some(from)),
            other => panic!("nothing is resumed at {other:?}"),
        }
    }
}

/// What is seen of a place that the upload comes to because it is due.
pub fn sight_of(place: Place) -> Sight {
    match place {
        Place::PingingFirst | Place::Pinging | Place::PingingInDoubt => Sight::Send(PacketType::Ping),
        Place::Creating => Sight::Send(PacketType::CreateSession),
        Place::Sending | Place::SendingLast => Sight::Send(PacketType::Fragment),
        Place::Closing | Place::ClosingAgain => Sight::Send(PacketType::CloseSession),
        Place::Leaving | Place::StartingOver => Sight::Send(PacketType::CancelSession),
        Place::NeedsReply => Sight::ReplyReady,
        Place::Cancelled => Sight::Cancelled,
        Place::Withdrawn => Sight::Failed,
        other => panic!("{other:?} is never due"),
    }
}

/// One upload at the end of a path.
#[derive(Debug)]
pub struct Scene {
    upload: Upload,
    now: Instant,
    setup: Setup,
    under_way: Option<Transmit>,
    /// Whether the pace has not let the next fragment go yet.
    owed: Option<Instant>,
    /// Whether requests go to a host that the server named.
    hosted: bool,
    /// Whether that host has not answered since something broke.
    out_of_reach: bool,
    /// The most that the server ever acknowledged.
    best: u64,
    seen: Vec<Sight>,
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

    fn act(&mut self, stimulus: Stimulus) -> Option<()> {
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
    fn wait(&mut self) {
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
    fn is_paced(&self) -> bool {
        self.owed.is_some_and(|until| self.now < until)
    }

    fn range(&self) -> Option<Range<u64>> {
        match self.under_way.as_ref()?.request.body() {
            Payload::Range(range) => Some(range.clone()),
            _ => None,
        }
    }

    fn packet(&self) -> Option<PacketType> {
        let request = &self.under_way.as_ref()?.request;
        Some(packet_type(request.headers()["bits-packet-type"].to_str().unwrap()))
    }

    fn answer(&self, stimulus: Stimulus) -> Option<Response<()>> {
        let packet = self.packet()?;
        let range = self.range();
        let success = || match (packet, &range) {
            (PacketType::CreateSession, _) => answers::created(),
            (_, Some(range)) => answers::received(range.end),
            _ => answers::ok(),
        };
        let small = range.as_ref().is_some_and(is_small);
        let is_fragment = range.is_some();
        let more = range.as_ref().is_some_and(leaves_more);
        Some(match stimulus {
            Stimulus::Success if !more => success(),
            Stimulus::SuccessAndMore if more => success(),
            Stimulus::SuccessPaced if !small && self.is_paced() => success(),
            Stimulus::SuccessNamingHost if packet == PacketType::CreateSession => {
                let timeout = self.setup.fallback.map(|timeout| ("BITS-Host-Id-Fallback-Timeout", timeout));
                let headers: Vec<_> = [("BITS-Host-Id", "other")].into_iter().chain(timeout).collect();
                answers::created_with(&headers)
            }
            Stimulus::SuccessNamingReply if is_fragment && !more => {
                answers::with(success(), &[("BITS-Reply-URL", "/reply")])
            }
            Stimulus::OutOfStep => answers::out_of_step(0),
            Stimulus::OutOfStepBlind => answers::ack(416, &[]),
            Stimulus::FragmentTooLarge if !small => answers::ack(413, &[]),
            Stimulus::FragmentTooLargeAtFloor if small || !is_fragment => answers::ack(413, &[]),
            Stimulus::SessionNotFound => answers::session_not_found(),
            Stimulus::Unauthorized => answers::page(401),
            Stimulus::Transient => answers::ack(503, &[]),
            Stimulus::Fatal => answers::error(403, "0x80070005"),
            Stimulus::NoAck => answers::page(200),
            Stimulus::EmptyNoAck => Response::new(()),
            _ => return None,
        })
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

fn is_small(range: &Range<u64>) -> bool {
    range.end - range.start <= LEAST
}

/// Whether what comes after this fragment does not fit into one more.
fn leaves_more(range: &Range<u64>) -> bool {
    range.end + (range.end - range.start) < 2 * FRAGMENT
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

/// Where an upload stands at the end of a path, by what it tells and by what it would do next.
pub fn recognise(setup: Setup, path: &[Stimulus]) -> Place {
    use Stimulus::*;
    let replay = || Scene::replay(setup, path);
    let probe = |stimuli: &[Stimulus]| {
        let mut scene = replay();
        for &stimulus in stimuli {
            scene.act(stimulus).expect("a packet is answered, and a wait ends");
        }
        scene.seen
    };
    let scene = replay();
    let resumed = || Scene::replay(setup, path).upload.resume(scene.now);
    match scene.upload.state() {
        State::Completed => Place::Completed,
        State::Cancelled => Place::Cancelled,
        State::Suspended => Place::Suspended,
        State::WaitingForReply => Place::NeedsReply,
        State::WaitingForCredentials => Place::NeedsCredentials,
        State::Pacing => Place::Pacing,
        State::Failed if resumed().is_err() => Place::Withdrawn,
        State::Failed => Place::Failed,
        State::WaitingToRetry => {
            // Where the upload gives up before the wait ends, one that does not tells what it would have done.
            let left_host = path.contains(&HostFallbackTimer);
            let fallback = if left_host { setup.fallback } else { setup.fallback.map(|_| "1000000") };
            let mut later = Scene::replay(Setup { give_up_after: None, fallback, ..setup }, path);
            later.wait();
            match later.packet() {
                Some(PacketType::Ping) if scene.upload.session_id().is_some() => {
                    later.seen.clear();
                    later.act(Success);
                    let doubt = later.seen.contains(&Sight::Restarted);
                    if doubt { Place::WaitingInDoubt } else { Place::WaitingToPing }
                }
                _ => Place::Waiting,
            }
        }
        State::Exchanging(_) if resumed().is_ok() => Place::Suspending,
        State::Exchanging(PacketType::Ping) => {
            let seen = probe(&[Success]);
            match scene.upload.session_id() {
                None => Place::PingingFirst,
                Some(_) if seen.contains(&Sight::Restarted) => Place::PingingInDoubt,
                Some(_) => Place::Pinging,
            }
        }
        State::Exchanging(PacketType::CreateSession) => {
            let cancels = probe(&[Success]).contains(&Sight::Send(PacketType::CancelSession));
            if cancels { Place::LeavingCreate } else { Place::Creating }
        }
        State::Exchanging(PacketType::Fragment) => {
            let last = scene.range().is_some_and(|range| range.end == 2 * FRAGMENT);
            if last { Place::SendingLast } else { Place::Sending }
        }
        State::Exchanging(PacketType::CloseSession) => {
            let again = probe(&[SessionNotFound]).contains(&Sight::Unconfirmed);
            let leaves = probe(&[EmptyNoAck]).contains(&Sight::Send(PacketType::CancelSession));
            match (leaves, again) {
                (false, false) => Place::Closing,
                (false, true) => Place::ClosingAgain,
                (true, false) => Place::LeavingClose,
                (true, true) => Place::LeavingCloseAgain,
            }
        }
        State::Exchanging(PacketType::CancelSession) => {
            let creates = probe(&[Success]).contains(&Sight::Send(PacketType::CreateSession));
            if creates { Place::StartingOver } else { Place::Leaving }
        }
        other => panic!("what is {other:?}?"),
    }
}
