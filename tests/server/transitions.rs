//! Drives a session through every pair of its transition table.

use bits_proto::Hresult;
use bits_proto::packet::{Ack, FragmentStatus};
use bits_proto::server::transitions::{After, IMPOSSIBLE, Place, Reaction, Setting, Stimulus, TRANSITIONS};
use bits_proto::server::{Exchange, Notified, Output, Refusal, Report, Signal};
use http::StatusCode;
use testing::server::serve::{Work, work};
use testing::server::session::*;
use testing::table::{Driven, Table};

const TABLE: Table<Place, Stimulus, Setting, Reaction> =
    Table { places: Place::ALL, stimuli: Stimulus::ALL, rows: TRANSITIONS, impossible: IMPOSSIBLE };

#[test]
fn every_pair_is_in_the_table_exactly_once() {
    for settings in Settings::all() {
        TABLE.assert_unambiguous(&settings, |_| true, |setting| settings.has(setting));
    }
}

/// A table that changed is written anew into `src/server/transitions.md`, by hand or from what this test prints.
#[test]
fn the_table_of_the_documentation_is_the_table() {
    let source = include_str!("../../src/server/transitions/table.rs");
    let shown = include_str!("../../src/server/transitions.md");
    let table = testing::table::rendered(source, true);
    assert_eq!(table, shown, "{table}");
    assert_eq!(table.lines().count(), TRANSITIONS.len() + 2);
}

#[test]
fn no_row_and_no_impossible_pair_is_idle_talk() {
    TABLE.assert_no_idle_talk();
}

#[test]
fn every_place_is_either_at_work_or_idle_or_ended() {
    TABLE.assert_grouped(&[Place::WORKING, Place::IDLE, Place::ENDED]);
}

#[test]
fn a_session_does_what_the_table_says_of_every_pair() {
    let mut driven = Driven::default();
    for settings in Settings::all() {
        for &place in Place::ALL {
            for mut scene in scenes(place, &settings) {
                scene.signals();
                assert_eq!(scene.place(), place, "a way to this place under {settings:?}");
                for &stimulus in Stimulus::ALL {
                    if drive(&scene, place, stimulus, &mut driven) {
                        driven.pair(place, stimulus);
                        driven.row(TABLE.row(place, stimulus, |setting| settings.has(setting)));
                    }
                }
            }
        }
    }
    driven.assert_complete(&TABLE);
    driven.assert_drawn(include_str!("../../src/server/states.txt"));
}

/// The name of a place in the drawing.
fn drawn(place: Place) -> &'static str {
    match place {
        Place::Opening => "Opening",
        Place::Fresh | Place::Unread | Place::Receiving | Place::Oversized => "Receiving",
        Place::Storing | Place::StoringLast | Place::GivingWay | Place::GivingWayLast => "Storing",
        Place::Notifying | Place::NotifyingEmpty | Place::NotifyingOnClose => "Notifying",
        Place::Unnotified | Place::UnnotifiedEmpty | Place::Denied | Place::DeniedEmpty => "Unnotified",
        Place::Complete | Place::Kept | Place::Doubtful => "WaitingForClose",
        Place::Publishing | Place::Republishing => "Publishing",
        Place::Discarding | Place::DiscardingLost => "Discarding",
        Place::Cancelling => "Cancelling",
        Place::Expiring => "Expiring",
        Place::Refused => "Refused",
        Place::Closed => "Closed",
        Place::Cancelled => "Cancelled",
        Place::Lost => "Lost",
        Place::Unopened | Place::Expired => "Expired",
        other => panic!("{other:?} is not drawn"),
    }
}

/// Whether the place could meet the stimulus, which it then answered as the table says.
fn drive(scene: &Scene, place: Place, stimulus: Stimulus, all: &mut Driven) -> bool {
    let mut driven = false;
    for mut after in variants(scene, stimulus) {
        let pair = format!("{place:?}, {stimulus:?} under {:?}", scene.settings);
        assert!(!TABLE.is_impossible(place, stimulus), "{pair} is said to be impossible");
        driven = true;
        let row = |stimulus| &TRANSITIONS[TABLE.row(place, stimulus, |setting| scene.settings.has(setting))];
        let turn = after.turn.take().map(|wanted| (wanted, row(wanted)));
        let row = row(stimulus);
        let (after_place, reaction) = match (row.after, row.reaction, turn) {
            (After::Due, Reaction::Due, Some((_, row))) => (row.after, row.reaction),
            (after, reaction, _) => (after, reaction),
        };
        let expected = match after_place {
            After::Same => place,
            After::Before => match scene.before.expect("there is a place before the Cancel") {
                // That the bytes are gone does not mean published any more.
                Place::Doubtful => Place::Complete,
                before => before,
            },
            After::At(place) => place,
            other => panic!("{pair}: {other:?}"),
        };
        assert_eq!(after.scene.place(), expected, "{pair}: {:?}", after.output);
        all.step(drawn(place), drawn(expected));
        assert_reaction(&pair, &after, reaction, turn.map_or(stimulus, |(wanted, _)| wanted));
        if after.changes_nothing {
            assert_eq!(after.scene.session, scene.session, "{pair}");
        }
    }
    driven
}

/// What came of one way to apply a stimulus.
struct Outcome {
    scene: Scene,
    output: Option<Output<Owner>>,
    signals: Vec<Signal>,
    /// The request whose turn it was.
    turn: Option<Stimulus>,
    /// What the exchange at work was asked to do before.
    step: Option<Output<Owner>>,
    changes_nothing: bool,
    answers_fragment: bool,
    /// The place before.
    was: Place,
}

/// Every way to apply the stimulus; none, if the place cannot meet it.
fn variants(scene: &Scene, stimulus: Stimulus) -> Vec<Outcome> {
    use Stimulus::*;
    match stimulus {
        OtherOwner => unheard(scene, |scene, request| scene.arrive_from(BOB, TARGET, request)),
        OtherDestination => unheard(scene, |scene, request| scene.arrive_from(ALICE, "/elsewhere", request)),
        Misrouted => {
            misrouted().iter().map(|request| outcome(scene, |scene| scene.arrive(request).1)).collect()
        }
        WaitingPoll => {
            let acts = [Act::Poll, Act::Report(Report::Published), Act::Report(Report::Stored(1))];
            waiting(scene, &acts)
        }
        WaitingAbandoned => waiting(scene, &[Act::Die]),
        Evict => vec![outcome(scene, Scene::evict)],
        Expire => {
            let mut applied = false;
            let after = outcome(scene, |scene| {
                let output = scene.expire();
                applied = output.is_some();
                output.flatten()
            });
            if applied { vec![after] } else { Vec::new() }
        }
        Stale => stale(scene),
        _ if Stimulus::REQUESTS.contains(&stimulus) => {
            let Some(request) = scene.request(stimulus) else { return Vec::new() };
            let mut after = outcome(scene, |scene| scene.arrive(&request).1);
            after.answers_fragment = Stimulus::FRAGMENTS.contains(&stimulus);
            vec![after]
        }
        Poll => at_work(scene, |scene, exchange| Some(scene.poll(exchange))),
        Abandoned => at_work(scene, |scene, exchange| Some(scene.abandon(exchange))),
        _ => at_work(scene, |scene, exchange| {
            let report = report(scene, exchange, stimulus)?;
            Some(scene.report(exchange, report))
        }),
    }
}

fn outcome(scene: &Scene, act: impl FnOnce(&mut Scene) -> Option<Output<Owner>>) -> Outcome {
    let mut scene = scene.clone();
    let step = scene.session.at_work().and_then(|exchange| scene.clone().poll(exchange));
    let was = scene.place();
    scene.signals();
    let output = act(&mut scene);
    let signals = scene.signals();
    Outcome { scene, output, signals, turn: None, step, changes_nothing: false, answers_fragment: false, was }
}

/// Requests of every kind, which must not change anything.
fn unheard(scene: &Scene, arrive: impl Fn(&mut Scene, &Head) -> Option<Output<Owner>>) -> Vec<Outcome> {
    // What is wrong with a head is found before anything else.
    let readable = Stimulus::REQUESTS.iter().filter(|&&stimulus| stimulus != Stimulus::Unreadable);
    let requests = readable.filter_map(|&stimulus| scene.request(stimulus));
    let outcomes = requests.map(|request| {
        let after = outcome(scene, |scene| arrive(scene, &request));
        Outcome { changes_nothing: true, ..after }
    });
    outcomes.collect()
}

fn at_work(
    scene: &Scene,
    act: impl FnOnce(&mut Scene, Exchange) -> Option<Option<Output<Owner>>>,
) -> Vec<Outcome> {
    let Some(exchange) = scene.session.at_work() else { return Vec::new() };
    let mut applied = true;
    let after = outcome(scene, |scene| {
        act(scene, exchange).unwrap_or_else(|| {
            applied = false;
            None
        })
    });
    // Every failed notification or fragment tells the offset, except where a Close asked for it.
    let answers_fragment = match after.step {
        Some(Output::Store(_)) => true,
        Some(Output::Notify { .. }) => scene.place() != Place::NotifyingOnClose,
        _ => false,
    };
    if applied { vec![Outcome { answers_fragment, ..after }] } else { Vec::new() }
}

/// One of the ways in which a task speaks.
#[derive(Clone, PartialEq)]
enum Act {
    Poll,
    Report(Report),
    Die,
}

impl Act {
    fn apply(&self, scene: &mut Scene, exchange: Exchange) -> Option<Output<Owner>> {
        match self {
            Self::Poll => scene.poll(exchange),
            Self::Report(report) => scene.report(exchange, report.clone()),
            Self::Die => scene.abandon(exchange),
        }
    }
}

/// The newest exchange, which waits, whatever it had asked for.
fn waiting(scene: &Scene, acts: &[Act]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for &wanted in Stimulus::REQUESTS {
        let Some((scene, exchange)) = scene.with_waiting(wanted) else { continue };
        for act in acts {
            let after = outcome(&scene, |scene| act.apply(scene, exchange));
            let its_turn = scene.session.at_work().is_none() && *act != Act::Die;
            let answers_fragment = its_turn && Stimulus::FRAGMENTS.contains(&wanted);
            outcomes.push(Outcome { turn: its_turn.then_some(wanted), answers_fragment, ..after });
        }
    }
    outcomes
}

/// An exchange that is over, or was given up, does everything that there is.
fn stale(scene: &Scene) -> Vec<Outcome> {
    let (mut scene, exchange) = scene.with_stale();
    scene.signals();
    // The answer that nobody has fetched is fetched before.
    let _ = scene.poll(exchange);
    let refusal = Refusal::EntityMissing;
    let reports = [
        Report::Opened,
        Report::Stored(50),
        Report::StoredPart(50, refusal),
        Report::Notified(Notified::default()),
        Report::Saved,
        Report::Published,
        Report::Discarded,
        Report::Forgotten,
        Report::Failed(refusal),
    ];
    let acts = [Act::Poll, Act::Die].into_iter().chain(reports.map(Act::Report));
    let outcomes: Vec<_> = acts.map(|act| outcome(&scene, |scene| act.apply(scene, exchange))).collect();
    for after in &outcomes {
        assert_eq!(after.scene.session, scene.session, "a stale exchange changes nothing");
    }
    outcomes
}

/// The report that the stimulus names; `None`, if the exchange cannot make it.
fn report(scene: &Scene, exchange: Exchange, stimulus: Stimulus) -> Option<Report> {
    let (whole, part) = match scene.clone().poll(exchange) {
        Some(Output::Store(store)) => (store.length(), store.length() - 1),
        // A number that means nothing, unless the session is deceived.
        _ => (77, 0),
    };
    let failed = |refusal| Some(Report::Failed(refusal));
    match stimulus {
        Stimulus::Opened => Some(Report::Opened),
        Stimulus::StoredWhole => Some(Report::Stored(whole)),
        Stimulus::StoredPart => Some(Report::Stored(part)),
        Stimulus::Taken => Some(Report::Notified(taken(true))),
        Stimulus::TakenAndKept => Some(Report::Notified(taken(false))),
        Stimulus::ReplyTooLong => Some(Report::Notified(reply_too_long())),
        Stimulus::Published => Some(Report::Published),
        Stimulus::Discarded => Some(Report::Discarded),
        Stimulus::FailedPart => Some(Report::StoredPart(part, Refusal::DiskFull)),
        Stimulus::FailedWhole => Some(Report::StoredPart(whole, Refusal::DiskFull)),
        Stimulus::Failed => failed(Refusal::DiskFull),
        Stimulus::FailedMissing => failed(Refusal::EntityMissing),
        Stimulus::FailedForbidden => failed(FORBIDDEN),
        _ => None,
    }
}

/// The answer that the manual's table of errors has for each reported refusal: status, code, context.
fn refused(stimulus: Stimulus) -> (u16, Option<Hresult>, u32) {
    match stimulus {
        Stimulus::Failed | Stimulus::FailedPart | Stimulus::FailedWhole => {
            (500, Some(Hresult::new(0x8007_0070)), 5)
        }
        Stimulus::FailedMissing => (404, None, 0),
        Stimulus::FailedForbidden => (403, Some(Hresult::new(0x8019_0193)), 7),
        other => panic!("{other:?} reports no failure"),
    }
}

#[track_caller]
fn assert_reaction(pair: &str, after: &Outcome, reaction: Reaction, stimulus: Stimulus) {
    let Outcome { scene, output, .. } = after;
    let received = scene.session.received();
    let is_work = |wanted| work(output.as_ref()) == wanted;
    let stops = scene.session.at_work().map(Signal::Stop);
    let right = match (reaction, output) {
        (Reaction::Store, Some(Output::Store(store))) => store.range().start == received,
        (Reaction::Notify, _) => is_work(Work::Notify),
        (Reaction::Publish, _) => is_work(Work::Publish),
        (Reaction::Discard, _) => is_work(Work::Discard),
        (Reaction::Done, _) => is_work(Work::Done),
        (Reaction::Again, output) => after.step == *output,
        // One that was told already is not told again.
        (Reaction::Stop, None) => {
            let is_told = after.signals.iter().any(|signal| Some(*signal) == stops);
            is_told != matches!(after.was, Place::GivingWay | Place::GivingWayLast)
        }
        (Reaction::Wait, None) => !after.signals.iter().any(|signal| matches!(signal, Signal::Stop(_))),
        (Reaction::Created, Some(Output::Respond(Ack::CreateSession(ack)))) => {
            ack.session_id == scene.session.id().into()
        }
        (Reaction::Accepted, Some(Output::Respond(Ack::Fragment(ack)))) => {
            ack.status == FragmentStatus::Accepted && ack.received == Some(received)
        }
        (Reaction::OutOfStep, Some(Output::Respond(Ack::Fragment(ack)))) => {
            ack.status == FragmentStatus::OutOfStep && ack.received == Some(received)
        }
        (Reaction::Closed, Some(Output::Respond(Ack::CloseSession(_)))) => true,
        (Reaction::Cancelled, Some(Output::Respond(Ack::CancelSession(_)))) => true,
        (Reaction::Refusal, output) => is_error(output, refused(stimulus)),
        (Reaction::Denial, output) => is_error(output, refused(Stimulus::FailedForbidden)),
        (Reaction::Error(status, code), output) => {
            is_error(output, (status, code, if code.is_some() { 5 } else { 0 }))
        }
        _ => false,
    };
    assert!(right, "{pair}: not {reaction:?}, but {output:?}");
    if let Some(Output::Respond(Ack::Error(ack))) = output {
        // 503 answers exchanges of which nobody knows any more what they had asked for; an ended session has no offset.
        let is_known = ack.status != StatusCode::SERVICE_UNAVAILABLE
            && !Place::ENDED.contains(&scene.place())
            && scene.place() != Place::Expiring;
        // What a superseded exchange stored is not saved yet.
        let is_superseded = matches!(after.was, Place::GivingWay | Place::GivingWayLast);
        if is_known && after.answers_fragment && !is_superseded {
            assert_eq!(ack.received, Some(received), "{pair}: an error for a Fragment tells the offset");
        }
        if stimulus == Stimulus::OtherOwner {
            assert_eq!(ack.received, None, "{pair}: nothing leaks");
        }
    }
}

fn is_error(output: &Option<Output<Owner>>, (status, code, context): (u16, Option<Hresult>, u32)) -> bool {
    let Some(Output::Respond(Ack::Error(ack))) = output else { return false };
    let found = ack.context.map_or(0, |context| context.get());
    (ack.status.as_u16(), ack.code, found) == (status, code, context)
}
