//! One session, brought to any place of its transition table.
//!
//! A place is recognised by what a session tells and does next, not by what brought it there.

use std::time::Instant;

use bits_proto::notify::NotificationType;
use bits_proto::packet::{Ack, CancelSession, CloseSession, CreateSession, Fragment, Payload, Ping, Request};
use bits_proto::server::transitions::{Place, Setting, Stimulus};
use bits_proto::server::{
    Directory, Ending, Exchange, Keep, Notified, Output, Refusal, Report, Session, Signal, State,
};
use bits_proto::{Conformance, ContentRange, Guid, ProtocolId, ReplyUrl, SessionId, SupportedProtocols};
use http::{HeaderValue, StatusCode};

use super::serve::{Work, work};

/// A request's head.
pub type Head = http::Request<Payload>;

pub type Owner = &'static str;
pub const ALICE: Owner = "alice";
pub const BOB: Owner = "bob";
pub const TARGET: &str = "/upload/file.bin";

/// What the server takes at most, in bytes.
const MAX_ENTITY: u64 = 500;
const MAX_FRAGMENT: u64 = 90;

/// A server application that says no for ever.
pub const FORBIDDEN: Refusal = Refusal::Application { status: StatusCode::FORBIDDEN, code: None };

/// What the server is told to be.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    conformance: Conformance,
    notification: bool,
}

impl Settings {
    pub fn all() -> impl Iterator<Item = Self> {
        let both = [Conformance::Interop, Conformance::Strict].into_iter();
        both.flat_map(|conformance| [false, true].map(|notification| Self { conformance, notification }))
    }

    pub fn has(self, setting: Setting) -> bool {
        match setting {
            Setting::Interop => !self.conformance.is_strict(),
            Setting::Strict => self.conformance.is_strict(),
            Setting::Application => self.notification,
            Setting::NoApplication => !self.notification,
            other => panic!("what is {other:?}?"),
        }
    }

    fn directory(self) -> Directory {
        let application = NotificationType::ByReference("/application".parse().unwrap());
        let notification = if self.notification { application } else { NotificationType::None };
        let directory = Directory::builder().conformance(self.conformance).notification(notification);
        directory
            .max_upload_size(MAX_ENTITY)
            .max_fragment_size(MAX_FRAGMENT)
            .keep(Keep::Rows)
            .build()
            .unwrap()
    }
}

/// A session in some place.
#[derive(Clone, Debug)]
pub struct Scene {
    pub session: Session<Owner>,
    pub settings: Settings,
    /// Where the session stood before the Cancel that is at work.
    pub before: Option<Place>,
    directory: Directory,
    now: Instant,
    /// The exchange that created the session.
    first: Exchange,
}

/// Every way to the place that the settings allow.
pub fn scenes(place: Place, settings: &Settings) -> Vec<Scene> {
    use Stimulus::{
        Cancel, Close, Empty, EntityTooLarge, Evict, FragmentTooLarge, Gap, Last, Next, Repeat, Unreadable,
    };
    let application = settings.notification;
    let from = |place| scenes(place, settings);
    let only = |wanted: bool, scenes: Vec<Scene>| if wanted { scenes } else { Vec::new() };
    let meet = |place, stimulus| from(place).into_iter().filter_map(|scene| scene.after(stimulus)).collect();
    let told = |place, report: Report| -> Vec<Scene> {
        from(place).into_iter().map(|scene| scene.told(report.clone())).collect()
    };
    let failed = |place, refusal| told(place, Report::Failed(refusal));
    let died = |place| -> Vec<Scene> { from(place).into_iter().map(Scene::died).collect() };
    match place {
        Place::Opening => vec![Scene::open(*settings)],
        Place::Fresh => told(Place::Opening, Report::Opened),
        Place::Receiving => {
            let fresh = from(Place::Fresh).remove(0);
            let sent = |range| fresh.clone().asked(&fresh.fragment(range, 100)).told(Report::Stored(20));
            let broken = fresh.clone().after(Next).unwrap().died();
            vec![
                sent(0..20),
                broken,
                fresh.clone().after(Gap).unwrap(),
                fresh.after(FragmentTooLarge).unwrap(),
            ]
        }
        Place::Unread => meet(Place::Fresh, Unreadable),
        Place::Oversized => meet(Place::Fresh, EntityTooLarge),
        Place::Storing => {
            [meet(Place::Fresh, Next), meet(Place::Unread, Next), meet(Place::Receiving, Next)].concat()
        }
        Place::StoringLast => [meet(Place::Fresh, Last), meet(Place::Receiving, Last)].concat(),
        Place::GivingWay => meet(Place::Storing, Close),
        Place::GivingWayLast => [meet(Place::StoringLast, Cancel), meet(Place::StoringLast, Repeat)].concat(),
        Place::Notifying => only(application, whole(from(Place::StoringLast))),
        Place::NotifyingEmpty => only(application, meet(Place::Fresh, Empty)),
        Place::NotifyingOnClose => only(application, meet(Place::Fresh, Close)),
        Place::Unnotified => failed(Place::Notifying, Refusal::ApplicationTimeout),
        Place::UnnotifiedEmpty => [
            failed(Place::NotifyingEmpty, Refusal::ApplicationTimeout),
            failed(Place::NotifyingOnClose, Refusal::Internal),
        ]
        .concat(),
        Place::Denied => failed(Place::Notifying, FORBIDDEN),
        Place::DeniedEmpty => {
            [failed(Place::NotifyingEmpty, FORBIDDEN), failed(Place::NotifyingOnClose, FORBIDDEN)].concat()
        }
        Place::Complete if application => {
            let taken = Report::Notified(taken(true));
            [told(Place::Notifying, taken.clone()), told(Place::NotifyingEmpty, taken)].concat()
        }
        Place::Complete => [whole(from(Place::StoringLast)), meet(Place::Fresh, Empty)].concat(),
        Place::Kept => {
            let taken = Report::Notified(taken(false));
            [told(Place::Notifying, taken.clone()), told(Place::NotifyingEmpty, taken)].concat()
        }
        Place::Publishing => meet(Place::Complete, Close),
        Place::Doubtful => died(Place::Publishing),
        Place::Republishing => meet(Place::Doubtful, Close),
        Place::Discarding => meet(Place::Kept, Close),
        Place::DiscardingLost => failed(Place::Publishing, Refusal::EntityMissing),
        Place::Cancelling => Place::IDLE.iter().flat_map(|&place| meet(place, Cancel)).collect(),
        Place::Unopened => died(Place::Opening),
        Place::Refused => failed(Place::Opening, Refusal::DestinationExists),
        Place::Closed => {
            [told(Place::Publishing, Report::Published), told(Place::Discarding, Report::Discarded)].concat()
        }
        Place::Cancelled => told(Place::Cancelling, Report::Discarded),
        Place::Lost => told(Place::DiscardingLost, Report::Discarded),
        Place::Expiring => Place::IDLE.iter().flat_map(|&place| meet(place, Evict)).collect(),
        Place::Expired => {
            [told(Place::Expiring, Report::Discarded), failed(Place::Expiring, Refusal::Internal)].concat()
        }
        other => panic!("no way to {other:?}"),
    }
}

fn whole(scenes: Vec<Scene>) -> Vec<Scene> {
    let whole = |scene: Scene| {
        let at_work = scene.session.at_work().unwrap();
        let Some(Output::Store(store)) = scene.clone().poll(at_work) else { panic!("nothing to store") };
        scene.told(Report::Stored(store.length()))
    };
    scenes.into_iter().map(whole).collect()
}

/// How a session comes to where it stands.
impl Scene {
    fn open(settings: Settings) -> Self {
        let (directory, now) = (settings.directory(), any_instant());
        let head = create().to_http(&TARGET.parse().unwrap());
        let arrival = directory.read(&head, &ALICE).unwrap();
        let (session, first) = Session::open(now, Guid::from_random([7; 16]), &arrival, &directory);
        let mut scene = Self { session, settings, before: None, directory, now, first };
        assert_eq!(scene.poll(first), Some(Output::Open));
        scene
    }

    fn after(mut self, stimulus: Stimulus) -> Option<Self> {
        if stimulus == Stimulus::Evict {
            let exchange = self.session.evict();
            let _ = self.poll(exchange);
            return Some(self);
        }
        let request = self.request(stimulus)?;
        self.before = (stimulus == Stimulus::Cancel).then(|| self.place());
        Some(self.asked(&request))
    }

    fn asked(mut self, request: &Head) -> Self {
        let _ = self.arrive(request);
        self
    }

    fn told(mut self, report: Report) -> Self {
        let exchange = self.session.at_work().expect("somebody is at work");
        let _ = self.report(exchange, report);
        self
    }

    fn died(mut self) -> Self {
        let exchange = self.session.at_work().expect("somebody is at work");
        let _ = self.abandon(exchange);
        self
    }

    /// The same place, with a newest exchange that waits for its turn. None where there is no such thing.
    pub fn with_waiting(&self, wanted: Stimulus) -> Option<(Self, Exchange)> {
        let place = self.place();
        let wait = |mut scene: Self| {
            let request = scene.request(wanted)?;
            let (exchange, output) = scene.arrive(&request);
            output.is_none().then_some((scene, exchange))
        };
        let found = if self.session.at_work().is_some() {
            wait(self.clone())
        } else if place == Place::Doubtful {
            let (scene, exchange) = wait(self.clone().after(Stimulus::Close)?)?;
            Some((scene.died(), exchange))
        } else if Place::IDLE.contains(&place) {
            // A Cancel that failed leads back to wherever it began.
            let (scene, exchange) = wait(self.clone().after(Stimulus::Cancel)?)?;
            Some((scene.told(Report::Failed(Refusal::Internal)), exchange))
        } else {
            let last = |place, report: Report| {
                let scenes = scenes(place, &self.settings);
                let waited = scenes.into_iter().find_map(wait);
                waited.map(|(scene, exchange)| (scene.told(report), exchange))
            };
            match place {
                Place::Unopened => {
                    let waited = scenes(Place::Opening, &self.settings).into_iter().find_map(wait);
                    waited.map(|(scene, exchange)| (scene.died(), exchange))
                }
                Place::Refused => last(Place::Opening, Report::Failed(Refusal::AccessDenied)),
                Place::Closed => last(Place::Publishing, Report::Published),
                Place::Cancelled => last(Place::Cancelling, Report::Discarded),
                Place::Lost => last(Place::DiscardingLost, Report::Discarded),
                _ => None,
            }
        };
        found.filter(|(scene, _)| scene.place() == place)
    }

    /// The same place, and an exchange that is over or was given up.
    pub fn with_stale(&self) -> (Self, Exchange) {
        if self.session.at_work() != Some(self.first) {
            return (self.clone(), self.first);
        }
        let mut scene = self.clone();
        let (older, _) = scene.arrive(&scene.request(Stimulus::Close).unwrap());
        let _ = scene.arrive(&scene.request(Stimulus::Cancel).unwrap());
        (scene, older)
    }
}

/// What a session is told.
impl Scene {
    pub fn arrive(&mut self, request: &Head) -> (Exchange, Option<Output<Owner>>) {
        let arrival = self.directory.read(request, &ALICE).unwrap();
        match self.session.handle_request(self.now, &arrival, &self.directory) {
            Ok(exchange) => (exchange, self.poll(exchange)),
            Err(ack) => (self.first, Some(Output::Respond(*ack))),
        }
    }

    /// A request that may not use the session.
    pub fn arrive_from(&mut self, owner: Owner, target: &str, request: &Head) -> Option<Output<Owner>> {
        let mut request = request.clone();
        *request.uri_mut() = target.parse().unwrap();
        let arrival = self.directory.read(&request, &owner).unwrap();
        match self.session.handle_request(self.now, &arrival, &self.directory) {
            Ok(exchange) => panic!("it may use the session: {exchange:?}"),
            Err(ack) => Some(Output::Respond(*ack)),
        }
    }

    pub fn report(&mut self, exchange: Exchange, report: Report) -> Option<Output<Owner>> {
        self.session.handle_report(self.now, exchange, report, &self.directory);
        self.poll(exchange)
    }

    pub fn abandon(&mut self, exchange: Exchange) -> Option<Output<Owner>> {
        self.session.handle_abandoned(self.now, exchange);
        self.poll(exchange)
    }

    pub fn evict(&mut self) -> Option<Output<Owner>> {
        let exchange = self.session.evict();
        self.poll(exchange)
    }

    pub fn expire(&mut self) -> Option<Option<Output<Owner>>> {
        let exchange = self.session.expire(&self.directory)?;
        Some(self.poll(exchange))
    }

    /// Asks for the output. Signals are fetched by whoever wants them, before.
    pub fn poll(&mut self, exchange: Exchange) -> Option<Output<Owner>> {
        self.session.poll_output(self.now, exchange, &self.directory)
    }

    pub fn signals(&mut self) -> Vec<Signal> {
        std::iter::from_fn(|| self.session.poll_signal()).collect()
    }

    /// The request that the stimulus names; `None`, if the session cannot meet it.
    pub fn request(&self, stimulus: Stimulus) -> Option<Head> {
        let target = TARGET.parse().unwrap();
        let session_id = self.id();
        match stimulus {
            Stimulus::Close => {
                let close = CloseSession { session_id, content_name: None };
                return Some(Request::CloseSession(close).to_http(&target));
            }
            Stimulus::Cancel => {
                return Some(Request::CancelSession(CancelSession { session_id }).to_http(&target));
            }
            Stimulus::Unreadable => {
                let mut fragment = self.fragment(0..5, 5);
                let range = HeaderValue::from_static("bytes 0-4");
                fragment.headers_mut().try_insert("content-range", range).unwrap();
                return Some(fragment);
            }
            _ => {}
        }
        let next = self.session.received();
        let known = self.session.total();
        let total = known.unwrap_or(80);
        let is_empty = known == Some(0);
        let fits = total <= MAX_ENTITY;
        let range = match stimulus {
            // Strict's decoder lets no Fragment without a byte pass.
            Stimulus::Empty | Stimulus::Repeat
                if self.settings.conformance.is_strict() && (is_empty || stimulus == Stimulus::Empty) =>
            {
                return None;
            }
            Stimulus::Empty if is_empty => return None,
            Stimulus::Repeat if is_empty => None,
            Stimulus::Empty => None,
            Stimulus::OtherTotal => Some((0..1, known? + 1)),
            Stimulus::EntityTooLarge if fits => Some((0..10, 2 * MAX_ENTITY)),
            Stimulus::EntityTooLarge => Some((0..10, total)),
            _ if !fits || is_empty => return None,
            Stimulus::Next if next + 1 < total => Some((next..next + 1, total)),
            Stimulus::Last if next < total && total - next <= MAX_FRAGMENT => Some((next..total, total)),
            Stimulus::Overlap if next > 0 && next + 1 < total => Some((next - 1..next + 1, total)),
            Stimulus::OverlapLast if next > 0 && next < total => Some((next - 1..total, total)),
            Stimulus::Repeat if next > 0 => Some((next - 1..next, total)),
            Stimulus::Gap if next + 2 < total => Some((next + 1..next + 2, total)),
            Stimulus::FragmentTooLarge if known.is_none() => Some((0..100, 100)),
            Stimulus::FragmentTooLarge if total > MAX_FRAGMENT => Some((0..total, total)),
            _ => return None,
        };
        let range = range.map(|(bytes, total)| ContentRange::new(bytes, total).unwrap());
        Some(Request::Fragment(Fragment { session_id, range, content_name: None }).to_http(&target))
    }

    fn fragment(&self, bytes: std::ops::Range<u64>, total: u64) -> Head {
        let range = Some(ContentRange::new(bytes, total).unwrap());
        let fragment = Fragment { session_id: self.id(), range, content_name: None };
        Request::Fragment(fragment).to_http(&TARGET.parse().unwrap())
    }

    fn id(&self) -> SessionId {
        self.session.id().into()
    }
}

/// Where a session stands.
impl Scene {
    /// The place, by what the session tells, and by what it would do next.
    pub fn place(&self) -> Place {
        match (self.session.state(), self.session.at_work()) {
            (State::Ended(ending), None) => ended(ending),
            (_, Some(exchange)) => self.clone().working(exchange),
            (State::Opening, None) => Place::Unopened,
            (State::Receiving, None) => match self.session.total() {
                None if self.closes_with(400) => Place::Unread,
                None => Place::Fresh,
                Some(total) if total > MAX_ENTITY => Place::Oversized,
                Some(_) => Place::Receiving,
            },
            (State::Notifying, None) => {
                // Strict's decoder lets no Fragment of an empty entity pass: there a Close tells.
                let repeat =
                    self.request(Stimulus::Repeat).or_else(|| self.request(Stimulus::Close)).unwrap();
                let output = self.clone().arrive(&repeat).1;
                match (work(output.as_ref()) == Work::Notify, self.session.total() == Some(0)) {
                    (true, false) => Place::Unnotified,
                    (true, true) => Place::UnnotifiedEmpty,
                    (false, false) => Place::Denied,
                    (false, true) => Place::DeniedEmpty,
                }
            }
            (State::WaitingForClose, None) => {
                let mut scene = self.clone();
                let (exchange, output) = scene.arrive(&self.request(Stimulus::Close).unwrap());
                match work(output.as_ref()) {
                    Work::Publish if scene.forgives_what_is_missing(exchange) => Place::Doubtful,
                    Work::Publish => Place::Complete,
                    Work::Discard => Place::Kept,
                    other => panic!("a complete session closes with {other:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn closes_with(&self, status: u16) -> bool {
        let close = self.request(Stimulus::Close).unwrap();
        matches!(self.clone().arrive(&close).1, Some(Output::Respond(ack)) if ack.status() == status)
    }

    /// Whether an entity that is missing counts as published.
    fn forgives_what_is_missing(mut self, exchange: Exchange) -> bool {
        let output = self.report(exchange, Report::Failed(Refusal::EntityMissing));
        matches!(output, Some(Output::Respond(Ack::CloseSession(_))))
    }

    fn working(mut self, exchange: Exchange) -> Place {
        match self.poll(exchange) {
            Some(Output::Open) => Place::Opening,
            Some(Output::Store(store)) => {
                let gives_way = self.session.is_superseded(exchange);
                match (gives_way, store.range().end == store.total()) {
                    (false, false) => Place::Storing,
                    (false, true) => Place::StoringLast,
                    (true, false) => Place::GivingWay,
                    (true, true) => Place::GivingWayLast,
                }
            }
            Some(Output::Notify { size: 1.. }) => Place::Notifying,
            Some(Output::Notify { .. }) => match self.report(exchange, Report::Notified(taken(true))) {
                Some(Output::Publish { .. }) => Place::NotifyingOnClose,
                _ => Place::NotifyingEmpty,
            },
            Some(Output::Publish { .. }) if self.clone().forgives_what_is_missing(exchange) => {
                Place::Republishing
            }
            Some(Output::Publish { .. }) => Place::Publishing,
            Some(Output::Discard) => match self.report(exchange, Report::Discarded) {
                Some(Output::Respond(Ack::CloseSession(_))) => Place::Discarding,
                Some(Output::Respond(Ack::CancelSession(_))) => Place::Cancelling,
                Some(Output::Done) => Place::Expiring,
                _ => Place::DiscardingLost,
            },
            other => panic!("whoever is at work gets {other:?}"),
        }
    }
}

fn ended(ending: Ending) -> Place {
    match ending {
        Ending::Refused => Place::Refused,
        Ending::Closed => Place::Closed,
        Ending::Cancelled => Place::Cancelled,
        Ending::Lost => Place::Lost,
        Ending::Expired => Place::Expired,
        other => panic!("what is {other:?}?"),
    }
}

pub fn create() -> Request<'static> {
    let protocols = SupportedProtocols::from(ProtocolId::BITS_1_5);
    Request::CreateSession(CreateSession { protocols, content_name: None })
}

/// Packets that no session ever gets.
pub fn misrouted() -> [Head; 2] {
    [Request::Ping(Ping), create()].map(|request| request.to_http(&TARGET.parse().unwrap()))
}

/// What a server application says that takes the entity.
pub fn taken(copy_to_destination: bool) -> Notified {
    Notified { copy_to_destination, reply_url: None }
}

/// What a server application says whose reply has a URL that no Ack may bring.
pub fn reply_too_long() -> Notified {
    let url = ReplyUrl::from_bytes(vec![b'u'; 2201]).unwrap();
    Notified { copy_to_destination: true, reply_url: Some(url) }
}

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time, which any instant is")]
fn any_instant() -> Instant {
    Instant::now()
}
