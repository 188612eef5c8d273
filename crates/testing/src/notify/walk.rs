//! Notifications along a path of the stimuli that their transition table knows.

use std::time::{Duration, Instant};

use bits_proto::notify::transitions::{After, Place, Setting, Sight, Stimulus, TRANSITIONS};
use bits_proto::notify::{Config, Failure, Notification, Outcome, Reply, State, Timer};
use bits_proto::server::Refusal;
use bits_proto::{Conformance, Malformed};
use http::{Response, StatusCode};

use super::{REPLY_URL, Step, by_reference, by_value, notification, reply_url, start, steps};

const SECOND: Duration = Duration::from_secs(1);
const STATIC_URL: &str = "http://application/replies/1";
const FAILED_HERE: Refusal = Refusal::DiskFull;

/// The most that a reply may have, a piece of a body, and more than a reply may have.
const LIMIT: u64 = 10;
const PIECE: u64 = 5;
const TOO_LARGE: u64 = 12;

/// All that may differ between notifications.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setup {
    by_reference: bool,
    has_place: bool,
    expects_reply: bool,
    conformance: Conformance,
    /// Whether the application's successes are 200 and say how long they are; else they are 201, or 204, and do not.
    plain: bool,
    /// How long a body is announced to be that is no larger than it may be.
    announced: Option<u64>,
    copy_to_destination: bool,
    /// Whether the time of the whole answer is over before that of its head.
    response_first: bool,
}

impl Setup {
    pub fn all() -> impl Iterator<Item = Self> {
        (0..64_u32).map(|bits| {
            let is = |bit: u32| bits & (1 << bit) != 0;
            Self {
                by_reference: is(0),
                has_place: is(1),
                expects_reply: is(2),
                conformance: if is(3) { Conformance::Strict } else { Conformance::Interop },
                plain: is(4),
                announced: is(5).then_some(2 * PIECE),
                copy_to_destination: is(5),
                response_first: is(4),
            }
        })
    }

    pub fn settings(&self) -> [Setting; 2] {
        let conformance =
            if self.conformance == Conformance::Strict { Setting::Strict } else { Setting::Interop };
        let replies = match (self.has_place, self.by_reference, self.expects_reply && self.plain) {
            (false, ..) => Setting::NoPlace,
            (true, true, _) => Setting::ByReference,
            (true, false, true) => Setting::Expecting,
            (true, false, false) => Setting::ByValue,
        };
        [conformance, replies]
    }

    pub fn config(&self) -> Config {
        let response_timeout = if self.response_first { 10 * SECOND } else { 30 * SECOND };
        Config::builder()
            .conformance(self.conformance)
            .expect_reply(self.expects_reply)
            .max_reply_size(LIMIT)
            .timeouts(10 * SECOND, 20 * SECOND, response_timeout)
            .build()
            .unwrap()
    }

    /// Where the table says that a notification stands after a stimulus; `None` where it says nothing.
    pub fn after(&self, place: Place, stimulus: Stimulus) -> Option<Place> {
        let settings = self.settings();
        let mut rows = TRANSITIONS.iter().filter(|row| row.from.contains(place) && row.on.contains(stimulus));
        let row = rows.find(|row| row.setting.is_none_or(|setting| settings.contains(&setting)))?;
        match row.after {
            After::At(after) => Some(after),
            _ => Some(place),
        }
    }

    fn notification(&self, now: Instant) -> Notification {
        let config = self.config();
        let delivery = if self.by_reference { by_reference() } else { by_value(100) };
        if self.has_place {
            return notification(now, delivery, config);
        }
        let url = "http://application/".parse().unwrap();
        Notification::new(now, &url, &super::DESTINATION.parse().unwrap(), delivery, config).unwrap()
    }

    /// A success that announces this length of a body, and has these headers.
    fn success(&self, length: Option<u64>, headers: &[(&str, &str)]) -> Response<()> {
        let status = match (self.plain, length) {
            (true, _) => StatusCode::OK,
            (false, Some(0)) => StatusCode::NO_CONTENT,
            (false, _) => StatusCode::CREATED,
        };
        let mut response = headers
            .iter()
            .fold(Response::builder().status(status), |head, (name, value)| head.header(*name, *value));
        if let Some(length) = length.filter(|_| status != StatusCode::NO_CONTENT) {
            response = response.header("Content-Length", length);
        }
        if self.copy_to_destination {
            response = response.header("BITS-Copy-File-To-Destination", "true");
        }
        response.body(()).unwrap()
    }

    /// Every head of an answer that the stimulus stands for, and what it announces.
    fn heads(&self, stimulus: Stimulus) -> Vec<(Response<()>, Option<u64>)> {
        let url = [("BITS-Static-Response-URL", STATIC_URL)];
        let announced = self.announced;
        let error = |status: u16| Response::builder().status(status).body(()).unwrap();
        match stimulus {
            Stimulus::Success => vec![(self.success(announced, &[]), announced)],
            Stimulus::SuccessEmpty => vec![(self.success(Some(0), &[]), Some(0))],
            Stimulus::SuccessEncoded => {
                vec![(self.success(announced, &[("Content-Encoding", "gzip")]), announced)]
            }
            Stimulus::SuccessTooLarge => vec![(self.success(Some(TOO_LARGE), &[]), Some(TOO_LARGE))],
            Stimulus::StaticUrl => vec![(self.success(announced, &url), announced)],
            Stimulus::StaticUrlEmpty => vec![(self.success(Some(0), &url), Some(0))],
            Stimulus::Refused => {
                let contradictory = self.success(None, &[("BITS-Error", "0x80004005")]);
                vec![
                    (error(403), None),
                    (error(500), None),
                    (error(302), None),
                    (error(103), None),
                    (contradictory, None),
                ]
            }
            Stimulus::Malformed => {
                let relative = self.success(None, &[("BITS-Static-Response-URL", "/replies/1")]);
                vec![(self.success(None, &[("Content-Length", "?")]), None), (relative, None)]
            }
            other => panic!("{other:?} is no head"),
        }
    }
}

/// A notification, and what the driver must remember of the answer to know what may come next.
#[derive(Debug)]
pub struct Scene {
    now: Instant,
    setup: Setup,
    pub notification: Notification,
    place: Place,
    announced: Option<u64>,
    received: u64,
}

impl Scene {
    pub fn new(setup: Setup) -> Self {
        let now = start();
        let notification = setup.notification(now);
        Self { now, setup, notification, place: Place::New, announced: None, received: 0 }
    }

    pub fn replay(setup: Setup, path: &[(Stimulus, Place)]) -> Self {
        let mut scene = Self::new(setup);
        for (stimulus, place) in path {
            scene.meet(*stimulus, 0).unwrap();
            scene.place = *place;
        }
        scene
    }

    /// The scene stands there now.
    pub fn stands(&mut self, place: Place) {
        self.place = place;
    }

    /// What tells two scenes in the same place apart.
    pub fn circumstances(&self) -> (Option<u64>, u64) {
        (self.announced, self.received.min(TOO_LARGE + 1))
    }

    /// All that there is to compare of a notification, which is no value itself.
    pub fn whole(&self) -> (Option<u64>, u64, String) {
        (self.announced, self.received, format!("{:?}", self.notification))
    }

    /// What is seen of the stimulus, applied in one of its ways; `None`, if it cannot be met so here.
    pub fn meet(&mut self, stimulus: Stimulus, way: usize) -> Option<Vec<Step>> {
        let now = self.now;
        if Stimulus::HEADS.contains(&stimulus) {
            let (head, announced) = self.setup.heads(stimulus).into_iter().nth(way)?;
            self.notification.handle_response(now, &head);
            if matches!(self.place, Place::Sending | Place::Awaiting) {
                self.announced = announced;
            }
        } else if way > 0 {
            return None;
        } else {
            self.tell(stimulus)?;
        }
        // The first place has something to do, and is left by asking what, or with all that there was to do.
        let is_asked = self.place != Place::New
            || stimulus == Stimulus::Poll
            || self.notification.state() == State::Done;
        Some(if is_asked { steps(&mut self.notification) } else { Vec::new() })
    }

    fn tell(&mut self, stimulus: Stimulus) -> Option<()> {
        let now = self.now;
        match stimulus {
            Stimulus::Poll => {}
            Stimulus::Sent => self.notification.handle_sent(now),
            Stimulus::FileThere => self.notification.handle_response_file(true),
            Stimulus::NoFile => self.notification.handle_response_file(false),
            Stimulus::Body => self.body(PIECE)?,
            Stimulus::BodyTooLarge => self.body(TOO_LARGE)?,
            Stimulus::BodyEnd | Stimulus::BodyCut => {
                let is_whole = self.announced.is_none_or(|announced| announced == self.received);
                if self.takes_body() && is_whole != (stimulus == Stimulus::BodyEnd) {
                    return None;
                }
                self.notification.handle_body_end();
            }
            Stimulus::TransportError => self.notification.handle_transport_error(),
            Stimulus::Failure => self.notification.handle_failure(FAILED_HERE),
            Stimulus::SendTimer => self.go_off(Timer::Send)?,
            Stimulus::HeadTimer => self.go_off(Timer::Head)?,
            Stimulus::ResponseTimer => self.go_off(Timer::Response)?,
            Stimulus::NoTimer => self.notification.handle_timeout(match self.notification.poll_timeout() {
                Some(at) => at - Duration::from_nanos(1),
                None => now + 1000 * SECOND,
            }),
            other => panic!("what is {other:?}?"),
        }
        Some(())
    }

    fn takes_body(&self) -> bool {
        Place::LOOKING.contains(&self.place) || Place::RECEIVING.contains(&self.place)
    }

    fn body(&mut self, bytes: u64) -> Option<()> {
        if self.takes_body() {
            let (before, after) = (self.received, self.received + bytes);
            if (bytes == PIECE && before <= LIMIT && after > LIMIT) || before > TOO_LARGE {
                return None;
            }
            self.received = after;
        }
        self.notification.handle_body(bytes);
        Some(())
    }

    fn go_off(&mut self, timer: Timer) -> Option<()> {
        let (at, _) = self.notification.next_timer().filter(|(_, next)| *next == timer)?;
        self.notification.handle_timeout(at);
        Some(())
    }

    /// The output, in full, that a sight stands for after this stimulus.
    pub fn step(&self, sight: Sight, stimulus: Stimulus, way: usize) -> Step {
        let taken = |reply| {
            let copy_to_destination = self.setup.copy_to_destination;
            Step::Done(Outcome::Taken { copy_to_destination, reply })
        };
        let failed = |failure| Step::Done(Outcome::Failed(failure));
        match sight {
            Sight::Transmit => Step::Transmit,
            Sight::FindResponseFile => Step::FindResponseFile,
            Sight::StoreBody => Step::StoreBody(LIMIT),
            Sight::Discard => Step::Discard,
            Sight::Abort => Step::Abort,
            Sight::Taken => taken(Reply::None),
            Sight::TakenWithUrl => taken(Reply::Static(reply_url(STATIC_URL))),
            Sight::TakenWithFile => taken(Reply::File(reply_url(REPLY_URL))),
            Sight::TakenWithBody => taken(Reply::Body(reply_url(REPLY_URL))),
            Sight::Refused => {
                let (head, _) = &self.setup.heads(stimulus)[way];
                let code = head.status().is_success().then_some(bits_proto::Hresult::new(0x8000_4005));
                failed(Failure::Refused { status: head.status(), code })
            }
            Sight::Malformed => failed(Failure::Malformed(Malformed::HeaderInvalid(match (stimulus, way) {
                (Stimulus::Malformed, 0) => "Content-Length",
                (Stimulus::Malformed, _) => "BITS-Static-Response-URL",
                _ => "Content-Encoding",
            }))),
            Sight::ReplyTooLarge => failed(Failure::ReplyTooLarge { limit: LIMIT }),
            Sight::Transport => failed(Failure::Transport),
            Sight::Timeout(timer) => failed(Failure::Timeout(timer)),
            Sight::Server => failed(Failure::Server(FAILED_HERE)),
            other => panic!("what is {other:?}?"),
        }
    }
}

/// What anybody can see of a place: the state, and the timers that may be the next to go off.
pub fn visible(place: Place) -> (State, &'static [Timer]) {
    match place {
        Place::New | Place::Sending => (State::Exchanging, &[Timer::Send]),
        Place::Awaiting => (State::Exchanging, &[Timer::Head, Timer::Response]),
        _ if Place::LOOKING.contains(&place) => (State::LookingForReply, &[Timer::Response]),
        _ if Place::LOOKING_ALONE.contains(&place) => (State::LookingForReply, &[]),
        _ if Place::RECEIVING.contains(&place) => (State::ReceivingReply, &[Timer::Response]),
        _ => (State::Done, &[]),
    }
}
