//! Uploads at rest: the snapshot, and restoring an upload from it.

use std::time::{Duration, Instant};

use http::Uri;

use super::config::{Config, Recovery};
use super::entity::Entity;
use super::failure::{Failure, Reason};
use super::fragments::Sizer;
use super::guards::Guards;
use super::output::Event;
use super::state::{Close, Doing, Goal, Next, Place, Reply, Session, State, Timer};
use super::upload::Upload;
use crate::machine::RestoreError;
use crate::packet::PacketType;
use crate::vocabulary::SessionId;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

/// The version of the form in which uploads are stored. Older ones stay readable.
const VERSION: u32 = 2;

/// An [`Upload`] at rest: plain data, with the feature `serde` for any of its formats.
///
/// It holds durations and no instants, and neither credentials nor the configuration with its headers, so it can be stored
/// anywhere and restored in another process. The [module](super#what-to-persist-and-when) says when to take one.
///
#[cfg_attr(feature = "serde", doc = "```")]
#[cfg_attr(not(feature = "serde"), doc = "```ignore")]
/// use std::time::{Duration, Instant};
/// use bits_proto::client::{Config, Entity, Output, Snapshot, State, Upload};
/// use http::Uri;
///
/// let (now, url): (_, Uri) = (Instant::now(), "http://server/docs/udhr.txt".parse()?);
/// let source = || Entity::new(63).map(|entity| entity.with_validator("2026-11-26, inode 7"));
/// let upload = Upload::new(now, url.clone(), source()?, Config::default())?;
/// let file = serde_json::to_string(&upload.snapshot(now))?;
///
/// // The process is killed. Ten minutes later:
/// let snapshot: Snapshot = serde_json::from_str(&file)?;
/// let (now, age) = (Instant::now(), Duration::from_secs(600));
/// let mut upload = Upload::restore(now, url, snapshot, age, source()?, Config::default())?;
/// let Some(Output::Transmit(transmit)) = upload.poll_output() else { panic!("it goes on by itself") };
/// assert_eq!(transmit.request.headers()["bits-packet-type"], "Create-Session");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[must_use = "a snapshot that is not stored is lost"]
pub struct Snapshot(pub(super) Record);

/// The fields of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) struct Record {
    #[cfg_attr(feature = "arbitrary", arbitrary(value = VERSION))]
    pub(super) version: u32,
    pub(super) destination: String,
    pub(super) entity: Entity,
    pub(super) place: Place,
    pub(super) goal: Goal,
    pub(super) doing: AtRest,
    pub(super) guards: Guards,
    pub(super) sizer: Sizer,
    pub(super) exchanges: u64,
    /// The time for which the upload may still go without progress, where that time runs. It does not run at rest.
    pub(super) give_up_in: Option<Duration>,
    /// The time for which the session's host may still be out of reach, where that time runs.
    pub(super) host_fallback_in: Option<Duration>,
    /// The time for which the upload still waits before it tries again.
    pub(super) retry_in: Option<Duration>,
}

/// [`Doing`] at rest: no exchange outlives its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum AtRest {
    Exchanging { packet: PacketType, then_suspend: bool },
    Retrying,
    Pacing,
    Challenged,
    FetchingReply,
    Suspended,
    Failed { for_good: bool },
    Completed { confirmed: bool },
    Cancelled { confirmed: bool },
}

impl Snapshot {
    /// The destination of the entity.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.0.destination
    }

    /// The entity that is uploaded: its size is the total.
    #[must_use]
    pub const fn entity(&self) -> &Entity {
        &self.0.entity
    }

    /// The number of bytes that the server has acknowledged in this session.
    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        match &self.0.place {
            Place::Session(session) => session.offset,
            Place::Nowhere { .. } => 0,
        }
    }

    /// The session, if there is one.
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        match &self.0.place {
            Place::Session(session) => Some(session.id),
            Place::Nowhere { .. } => None,
        }
    }

    /// The state of the upload when the snapshot was taken.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.0.doing {
            AtRest::Exchanging { packet, .. } => State::Exchanging(packet),
            AtRest::Retrying => State::WaitingToRetry,
            AtRest::Pacing => State::Pacing,
            AtRest::Challenged => State::WaitingForCredentials,
            AtRest::FetchingReply => State::WaitingForReply,
            AtRest::Suspended => State::Suspended,
            AtRest::Failed { .. } => State::Failed,
            AtRest::Completed { .. } => State::Completed,
            AtRest::Cancelled { .. } => State::Cancelled,
        }
    }
}

impl Upload {
    /// Returns the upload as plain data, in any state. See [what to persist, and when](super#what-to-persist-and-when).
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let left = |timer| self.timers.get(timer).map(|at| at.saturating_duration_since(now));
        let place = match &self.place {
            Place::Nowhere { ping } => Place::Nowhere { ping: *ping },
            Place::Session(session) => Place::Session(Session { sent: None, ..session.clone() }),
        };
        Snapshot(Record {
            version: VERSION,
            destination: self.destination.to_string(),
            entity: self.entity.clone(),
            place,
            goal: self.goal,
            doing: match &self.doing {
                Doing::Exchanging(exchange) => {
                    AtRest::Exchanging { packet: exchange.packet, then_suspend: exchange.then_suspend }
                }
                Doing::Retrying => AtRest::Retrying,
                Doing::Pacing => AtRest::Pacing,
                Doing::Challenged { .. } => AtRest::Challenged,
                Doing::FetchingReply => AtRest::FetchingReply,
                Doing::Suspended => AtRest::Suspended,
                Doing::Failed { for_good } => AtRest::Failed { for_good: *for_good },
                Doing::Completed { confirmed } => AtRest::Completed { confirmed: *confirmed },
                Doing::Cancelled { confirmed } => AtRest::Cancelled { confirmed: *confirmed },
            },
            guards: self.guards.clone(),
            sizer: self.sizer.clone(),
            exchanges: self.exchanges,
            give_up_in: left(Timer::GiveUp),
            host_fallback_in: left(Timer::HostFallback),
            retry_in: left(Timer::Retry),
        })
    }

    /// Restores an upload from a snapshot that was at rest for `age`. Unless it was suspended, had failed or was over, it goes
    /// on: with a Ping if there is a session, and after the rest of the delay if it waited. Events from before it was stored
    /// do not come again: look at its [state](Self::state).
    ///
    /// `age` is subtracted from what runs by the wall clock: the time of a host that is out of reach, and the delay before the
    /// next try. Pass [`Duration::ZERO`] if it is not known.
    ///
    /// `destination` is that of the snapshot. Its query may be another one, because an access token was renewed:
    /// then requests go there.
    ///
    /// `entity` is the source as it is now. If its size or its [validator](Entity::validator) is another one, the
    /// session is cancelled and the upload fails with `BG_E_LOCAL_FILE_CHANGED`.
    ///
    /// `config` may be another one than before. A host that its [policy](super::HostPolicy) does not allow any more is
    /// left for the origin.
    ///
    /// # Errors
    /// [`RestoreError::OtherDestination`] for another scheme, host, port or path; [`RestoreError::Version`] for a snapshot of
    /// a later version; [`RestoreError::Inconsistent`] for one that no upload can have made.
    pub fn restore(
        now: Instant,
        destination: Uri,
        snapshot: Snapshot,
        age: Duration,
        entity: Entity,
        config: Config,
    ) -> Result<Self, RestoreError> {
        let Snapshot(record) = snapshot;
        if record.version != VERSION {
            return Err(RestoreError::Version(record.version));
        }
        if let Some(what) = record.contradiction() {
            return Err(RestoreError::Inconsistent(what));
        }
        let stored = record.destination.parse().map_err(|_| RestoreError::Inconsistent("the destination"))?;
        if !is_same_but_for_query(&stored, &destination) {
            return Err(RestoreError::OtherDestination);
        }
        let changed = entity.differs_from(&record.entity);
        // What the session is about: the new source never goes there.
        let entity = if changed { record.entity } else { entity };
        let mut upload = Self::at_rest(destination, entity, config)
            .map_err(|_| RestoreError::Inconsistent("the destination"))?;
        upload.place = record.place;
        upload.goal = record.goal;
        upload.guards = record.guards;
        upload.exchanges = record.exchanges;
        upload.sizer = record.sizer;
        upload.sizer.apply(upload.config.fragment_size);
        let left = |time: Option<Duration>| time.map(|time| time.saturating_sub(age));
        upload.doing = match record.doing {
            AtRest::Completed { confirmed } => Doing::Completed { confirmed },
            AtRest::Cancelled { confirmed } => Doing::Cancelled { confirmed },
            AtRest::Failed { for_good } => Doing::Failed { for_good },
            AtRest::Exchanging { then_suspend: false, .. }
            | AtRest::Pacing
            | AtRest::Challenged
            | AtRest::FetchingReply => Doing::Retrying,
            AtRest::Retrying => Doing::Retrying,
            AtRest::Exchanging { then_suspend: true, .. } | AtRest::Suspended => Doing::Suspended,
        };
        if upload.state().is_ended() {
            return Ok(upload);
        }
        upload.return_to_host(now, left(record.host_fallback_in));
        let under_way = match record.doing {
            AtRest::Exchanging { packet, .. } => Some(packet),
            _ => None,
        };
        upload.take_up(now, changed, under_way, left(record.retry_in));
        if let (Some(left), false) = (record.give_up_in, changed) {
            if upload.timers.get(Timer::GiveUp).is_some() {
                let left = left.min(upload.config.patience.give_up_after);
                upload.timers.start(Timer::GiveUp, now, left);
            }
        }
        Ok(upload)
    }

    /// The policy may be another one than when the session was moved there.
    fn return_to_host(&mut self, now: Instant, left: Option<Duration>) {
        let Some(session) = self.session_mut() else { return };
        let Some(host) = session.host.take() else { return };
        if !self.config.host_policy.allows(&self.destination, &host.id) {
            return self.tell(Event::HostRefused { host: host.id });
        }
        self.target = host.id.redirect(&self.destination);
        if let Some(session) = self.session_mut() {
            session.host = Some(host);
        }
        match left {
            Some(Duration::ZERO) => self.abandon_host(),
            Some(left) => self.timers.start(Timer::HostFallback, now, left),
            None => {}
        }
    }

    /// Goes on where the upload was. An exchange that was under way is lost, and its result is unknown.
    fn take_up(
        &mut self,
        now: Instant,
        changed: bool,
        under_way: Option<PacketType>,
        retry_in: Option<Duration>,
    ) {
        if under_way == Some(PacketType::CloseSession) {
            self.mark_close(Close::unanswered);
        }
        if changed && !self.is_leaving() {
            self.goal = Goal::Withdraw;
            self.doing = Doing::Retrying;
        }
        let goes_on = self.doing == Doing::Retrying;
        let lost = under_way == Some(PacketType::Fragment)
            && self.goal == Goal::Complete
            && self.config.recovery == Recovery::Restart;
        if lost {
            self.goal = Goal::StartOver;
        }
        if !goes_on {
            return;
        }
        self.ping_first();
        let next = if self.is_leaving() && under_way == Some(PacketType::CreateSession) {
            // The server may have opened a session: it expires there.
            Next::Leave { confirmed: false }
        } else if lost {
            self.start_over(Failure::new(Reason::Transport, under_way))
        } else {
            Next::Go
        };
        self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
        match (next, retry_in) {
            (Next::Go, Some(left)) if !left.is_zero() && !changed => {
                self.timers.start(Timer::Retry, now, left)
            }
            (next, _) => self.settle(now, next),
        }
    }
}

/// Whether both are the same but for the query, in which tokens change.
fn is_same_but_for_query(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| {
        uri.port_u16().or_else(|| if uri.scheme_str() == Some("https") { Some(443) } else { Some(80) })
    };
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    (one.scheme(), host(one), port(one), one.path())
        == (other.scheme(), host(other), port(other), other.path())
}

impl Record {
    /// Returns the first thing in the record that no upload can have, if there is one.
    fn contradiction(&self) -> Option<&'static str> {
        let size = self.entity.size();
        let (offset, in_session) = match &self.place {
            Place::Session(session) => (session.offset, true),
            Place::Nowhere { .. } => (0, false),
        };
        [
            ("the size of the entity", size <= MAX_ENTITY_SIZE),
            (
                "the offset",
                offset <= self.guards.best && self.guards.best <= size && self.guards.farthest <= size,
            ),
            ("the state", self.state_fits(in_session, offset == size)),
            ("the exchange under way", self.exchange_fits(in_session, offset == size)),
            ("the size of a fragment", self.sizes_fit()),
            ("the reply's URL", self.reply_fits()),
        ]
        .into_iter()
        .find_map(|(what, holds)| (!holds).then_some(what))
    }

    const fn state_fits(&self, in_session: bool, is_acknowledged: bool) -> bool {
        match self.doing {
            AtRest::Completed { .. } => in_session && is_acknowledged,
            AtRest::Cancelled { .. } => !in_session,
            AtRest::Failed { for_good } => !for_good || matches!(self.goal, Goal::Withdraw),
            AtRest::FetchingReply => in_session && is_acknowledged,
            _ => true,
        }
    }

    const fn exchange_fits(&self, in_session: bool, is_acknowledged: bool) -> bool {
        let AtRest::Exchanging { packet, .. } = self.doing else { return true };
        match packet {
            PacketType::Ping => true,
            PacketType::CreateSession => !in_session,
            PacketType::Fragment => in_session && !is_acknowledged,
            PacketType::CloseSession => in_session && is_acknowledged,
            PacketType::CancelSession => in_session,
            PacketType::Ack => false,
        }
    }

    const fn sizes_fit(&self) -> bool {
        let ceiling = match &self.place {
            Place::Session(Session { ceiling: Some(ceiling), .. }) => *ceiling,
            _ => 1,
        };
        self.sizer.size() > 0 && ceiling > 0
    }

    fn reply_fits(&self) -> bool {
        match &self.place {
            Place::Session(Session { reply: Reply::Url(url), .. }) => url
                .parse()
                .is_ok_and(|url: Uri| crate::vocabulary::reference::is_http(&url) && url.host().is_some()),
            _ => true,
        }
    }
}
