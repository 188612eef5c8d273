//! One session, brought to any place of its transition table.
//!
//! A place is recognised by what a session tells and does next, not by what brought it there.

use std::time::Instant;

use bits_proto::notify::NotificationType;
use bits_proto::packet::{Ack, CancelSession, CloseSession, CreateSession, Fragment, Request};
use bits_proto::server::transitions::{Place, Setting, Stimulus};
use bits_proto::server::{
    Arrival, Directory, Ending, Exchange, Notified, Output, Refusal, Report, Session, Sessions, State,
};
use bits_proto::{Conformance, ContentRange, Guid, ProtocolId, ReplyUrl, SessionId, SupportedProtocols};
use http::StatusCode;

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
        directory.max_upload_size(MAX_ENTITY).max_fragment_size(MAX_FRAGMENT).build().unwrap()
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
    use Stimulus::{Cancel, Close, Empty, EntityTooLarge, FragmentTooLarge, Gap, Last, Next, Repeat};
    let application = settings.notification;
    let from = |place| scenes(place, settings);
    let only = |wanted: bool, scenes: Vec<Scene>| if wanted { scenes } else { Vec::new() };
    let meet = |place, stimulus| from(place).into_iter().filter_map(|scene| scene.after(stimulus)).collect();
    let told = |place, report: Report| -> Vec<Scene> {
        from(place).into_iter().map(|scene| scene.told(report.clone())).collect()
    };
    let failed = |place, refusal| told(place, Report::Failed { stored: 0, refusal });
    match place {
        Place::Opening => vec![Scene::open(*settings)],
        Place::Fresh => told(Place::Opening, Report::Opened),
        Place::Receiving => {
            let fresh = from(Place::Fresh).remove(0);
            let sent = |range| fresh.clone().asked(&fresh.fragment(range, 100)).told(Report::Stored(20));
            let broken = fresh.clone().after(Next).unwrap().told(Report::Abandoned);
            vec![
                sent(0..20),
                broken,
                fresh.clone().after(Gap).unwrap(),
                fresh.after(FragmentTooLarge).unwrap(),
            ]
        }
        Place::Oversized => meet(Place::Fresh, EntityTooLarge),
        Place::Storing => [meet(Place::Fresh, Next), meet(Place::Receiving, Next)].concat(),
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
        Place::Discarding => meet(Place::Kept, Close),
        Place::DiscardingLost => failed(Place::Publishing, Refusal::EntityMissing),
        Place::Cancelling => Place::IDLE.iter().flat_map(|&place| meet(place, Cancel)).collect(),
        Place::Refused => {
            [failed(Place::Opening, Refusal::DestinationExists), told(Place::Opening, Report::Abandoned)]
                .concat()
        }
        Place::Closed => {
            [told(Place::Publishing, Report::Published), told(Place::Discarding, Report::Discarded)].concat()
        }
        Place::Cancelled => told(Place::Cancelling, Report::Discarded),
        Place::Lost => told(Place::DiscardingLost, Report::Discarded),
        Place::Expired => {
            [from(Place::Fresh), from(Place::Receiving), from(Place::Storing), from(Place::GivingWay)]
                .concat()
                .into_iter()
                .map(Scene::evicted)
                .collect()
        }
        other => panic!("no way to {other:?}"),
    }
}

fn whole(scenes: Vec<Scene>) -> Vec<Scene> {
    let whole = |scene: Scene| {
        let at_work = scene.session.at_work().unwrap();
        let Output::Store(store) = scene.clone().poll(at_work) else { panic!("nothing to store") };
        scene.told(Report::Stored(store.range.end - store.range.start))
    };
    scenes.into_iter().map(whole).collect()
}

/// How a session comes to where it stands.
impl Scene {
    fn open(settings: Settings) -> Self {
        let (directory, now) = (settings.directory(), any_instant());
        let arrival = Arrival { request: &create(), target: &TARGET.parse().unwrap(), owner: &ALICE };
        let (session, first, output) = Session::open(now, Guid::from_random([7; 16]), &arrival, &directory);
        assert_eq!(output, Output::Open);
        Self { session, settings, before: None, directory, now, first }
    }

    fn after(mut self, stimulus: Stimulus) -> Option<Self> {
        let request = self.request(stimulus)?;
        self.before = (stimulus == Stimulus::Cancel).then(|| self.place());
        Some(self.asked(&request))
    }

    fn asked(mut self, request: &Request<'_>) -> Self {
        let _ = self.arrive(request);
        self
    }

    fn told(mut self, report: Report) -> Self {
        let exchange = self.session.at_work().expect("somebody is at work");
        let _ = self.report(exchange, report);
        self
    }

    fn evicted(mut self) -> Self {
        let mut sessions = Sessions::new(self.directory.clone());
        let id = self.session.id();
        sessions.insert(self.now, self.session).unwrap();
        self.session = sessions.evict(id).expect("the session is in the table");
        self
    }

    /// The same place, with a newest exchange that waits for its turn. None where there is no such thing.
    pub fn with_waiting(&self, wanted: Stimulus) -> Option<(Self, Exchange)> {
        let place = self.place();
        let wait = |mut scene: Self| {
            let request = scene.request(wanted)?;
            let (exchange, _) = scene.arrive(&request);
            Some((scene, exchange))
        };
        let found = if self.session.at_work().is_some() {
            wait(self.clone())
        } else if Place::IDLE.contains(&place) {
            // A Cancel that failed leads back to wherever it began.
            let (scene, exchange) = wait(self.clone().after(Stimulus::Cancel)?)?;
            Some((scene.told(Report::Failed { stored: 0, refusal: Refusal::Internal }), exchange))
        } else {
            let last = |place, report: Report| {
                let scenes = scenes(place, &self.settings);
                let waited = scenes.into_iter().find_map(wait);
                waited.map(|(scene, exchange)| (scene.told(report), exchange))
            };
            match place {
                Place::Refused => last(Place::Opening, Report::Abandoned),
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
    pub fn arrive(&mut self, request: &Request<'_>) -> (Exchange, Output) {
        self.arrive_as(ALICE, TARGET, request)
    }

    pub fn arrive_from(&mut self, owner: Owner, target: &str, request: &Request<'_>) -> Output {
        self.arrive_as(owner, target, request).1
    }

    fn arrive_as(&mut self, owner: Owner, target: &str, request: &Request<'_>) -> (Exchange, Output) {
        let arrival = Arrival { request, target: &target.parse().unwrap(), owner: &owner };
        self.session.handle_request(self.now, &arrival, &self.directory)
    }

    pub fn report(&mut self, exchange: Exchange, report: Report) -> Output {
        self.session.handle_report(self.now, exchange, report, &self.directory)
    }

    pub fn poll(&mut self, exchange: Exchange) -> Output {
        self.session.poll(self.now, exchange, &self.directory)
    }

    /// The request that the stimulus names; `None`, if the session cannot meet it.
    pub fn request(&self, stimulus: Stimulus) -> Option<Request<'static>> {
        let session_id = self.id();
        match stimulus {
            Stimulus::Close => {
                return Some(Request::CloseSession(CloseSession { session_id, content_name: None }));
            }
            Stimulus::Cancel => return Some(Request::CancelSession(CancelSession { session_id })),
            _ => {}
        }
        let next = self.session.received();
        let known = self.session.total();
        let total = known.unwrap_or(80);
        let is_empty = known == Some(0);
        let fits = total <= MAX_ENTITY;
        let range = match stimulus {
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
        Some(Request::Fragment(Fragment { session_id, range, content_name: None }))
    }

    fn fragment(&self, bytes: std::ops::Range<u64>, total: u64) -> Request<'static> {
        let range = Some(ContentRange::new(bytes, total).unwrap());
        Request::Fragment(Fragment { session_id: self.id(), range, content_name: None })
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
            (State::Receiving, None) => match self.session.total() {
                None => Place::Fresh,
                Some(total) if total > MAX_ENTITY => Place::Oversized,
                Some(_) => Place::Receiving,
            },
            (State::Notifying, None) => {
                let repeat = self.request(Stimulus::Repeat).expect("every byte is there");
                let notifies = self.clone().arrive(&repeat).1 == Output::Notify;
                match (notifies, self.session.total() == Some(0)) {
                    (true, false) => Place::Unnotified,
                    (true, true) => Place::UnnotifiedEmpty,
                    (false, false) => Place::Denied,
                    (false, true) => Place::DeniedEmpty,
                }
            }
            (State::WaitingForClose, None) => {
                match self.clone().arrive(&self.request(Stimulus::Close).unwrap()).1 {
                    Output::Publish => Place::Complete,
                    Output::Discard => Place::Kept,
                    other => panic!("a Close leads to {other:?}"),
                }
            }
            other => panic!("no place: {other:?}"),
        }
    }

    fn working(mut self, exchange: Exchange) -> Place {
        match self.poll(exchange) {
            Output::Open => Place::Opening,
            Output::Store(store) => {
                let gives_way = self.status_after(exchange, Report::Stored(0)) == 503;
                match (gives_way, store.range.end == store.total) {
                    (false, false) => Place::Storing,
                    (false, true) => Place::StoringLast,
                    (true, false) => Place::GivingWay,
                    (true, true) => Place::GivingWayLast,
                }
            }
            Output::Notify if self.session.total() != Some(0) => Place::Notifying,
            Output::Notify => match self.report(exchange, Report::Notified(taken(true))) {
                Output::Publish => Place::NotifyingOnClose,
                _ => Place::NotifyingEmpty,
            },
            Output::Publish => Place::Publishing,
            Output::Discard => match self.report(exchange, Report::Discarded) {
                Output::Respond(Ack::CloseSession(_)) => Place::Discarding,
                Output::Respond(Ack::CancelSession(_)) => Place::Cancelling,
                _ => Place::DiscardingLost,
            },
            other => panic!("whoever is at work gets {other:?}"),
        }
    }

    fn status_after(mut self, exchange: Exchange, report: Report) -> u16 {
        let Output::Respond(ack) = self.report(exchange, report) else { panic!("no answer") };
        ack.status().as_u16()
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
