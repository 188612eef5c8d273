//! The ways that lead a session to each place of the table.

use std::time::Instant;

use bits_proto::Guid;
use bits_proto::server::transitions::{Place, Stimulus};
use bits_proto::server::{Exchange, Output, Refusal, Report, Session};

use super::replies::{FORBIDDEN, taken};
use super::requests::{Head, TARGET, create};
use super::scene::{ALICE, Scene};
use super::settings::Settings;

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

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time, which any instant is")]
fn any_instant() -> Instant {
    Instant::now()
}
