//! An upload at rest.

use std::time::{Duration, Instant};

use super::config::Config;
use super::entity::Entity;
use super::failure::{Failure, Reason};
use super::fragments::Sizer;
use super::guards::Guards;
use super::output::Event;
use super::state::{Goal, Hold, Reply, Timer};
use super::upload::Upload;
use crate::machine::RestoreError;
use crate::packet::{Host, PacketType};
use crate::vocabulary::HostId;
use crate::vocabulary::SessionId;

/// The version of the form in which uploads are stored. Older ones stay readable.
const VERSION: u32 = 1;

/// An [`Upload`] at rest: plain data, with the feature `serde` for any of its formats.
///
/// It holds durations and no instants, and neither credentials nor the configuration with its headers, so it can be stored
/// anywhere and restored in another process. The [module](super#what-to-persist-and-when) says when to take one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Snapshot {
    #[cfg_attr(feature = "arbitrary", arbitrary(value = VERSION))]
    version: u32,
    destination: String,
    pub(super) entity: Entity,
    pub(super) session_id: Option<SessionId>,
    #[cfg_attr(feature = "arbitrary", arbitrary(with = crate::packet::arbitrary_host))]
    pub(super) host: Option<Host<'static>>,
    pub(super) offset: u64,
    goal: Goal,
    pub(super) rest: Rest,
    reply: ReplyAt,
    pub(super) offset_lost: bool,
    pub(super) close_unanswered: bool,
    pub(super) in_flight: Option<PacketType>,
    exchanges: u64,
    #[cfg_attr(feature = "arbitrary", arbitrary(with = crate::vocabulary::arbitrary_host_id))]
    abandoned_host: Option<HostId<'static>>,
    ignores_hosts: bool,
    pub(super) guards: Guards,
    pub(super) sizer: Sizer,
    /// How long the upload may still go without progress, where that time runs.
    give_up_in: Option<Duration>,
    /// How long the session's host may still be out of reach, where that time runs.
    host_fallback_in: Option<Duration>,
}

/// Whether a restored upload goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) enum Rest {
    GoesOn,
    Suspended,
    Failed,
    Completed,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
enum ReplyAt {
    None,
    Url(String),
    Settled,
}

impl Snapshot {
    /// Where the entity goes.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// What is uploaded.
    #[must_use]
    pub const fn entity(&self) -> &Entity {
        &self.entity
    }
}

impl Upload {
    /// The upload as plain data, in whatever state it is.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let left = |timer| self.timers.get(timer).map(|at| at.saturating_duration_since(now));
        Snapshot {
            version: VERSION,
            destination: self.destination.to_string(),
            entity: self.entity.clone(),
            session_id: self.session_id,
            host: self.host.clone(),
            offset: self.offset,
            goal: self.goal,
            rest: match self.hold {
                Hold::Suspending | Hold::Suspended => Rest::Suspended,
                Hold::Failed => Rest::Failed,
                Hold::Completed => Rest::Completed,
                Hold::Cancelled => Rest::Cancelled,
                Hold::None | Hold::Retry | Hold::Pace | Hold::Credentials | Hold::Reply => Rest::GoesOn,
            },
            reply: match &self.reply {
                Reply::None => ReplyAt::None,
                Reply::At(url) => ReplyAt::Url(url.to_string()),
                Reply::Settled => ReplyAt::Settled,
            },
            offset_lost: self.offset_lost,
            close_unanswered: self.close_unanswered,
            in_flight: self.in_flight.as_ref().map(|exchange| exchange.packet),
            exchanges: self.exchanges,
            abandoned_host: self.abandoned_host.clone(),
            ignores_hosts: self.ignores_hosts,
            guards: self.guards.clone(),
            sizer: self.sizer.clone(),
            give_up_in: left(Timer::GiveUp),
            host_fallback_in: left(Timer::HostFallback),
        }
    }

    /// The upload of a snapshot. Unless it was suspended, had failed or was over, it goes on: with a Ping, if there is a
    /// session. What it told before it was stored it does not tell again: look at its [state](Self::state).
    ///
    /// `entity` is the source as it is now. If its size or its [validator](Entity::validator) is another one, the
    /// session is cancelled and the upload fails with `BG_E_LOCAL_FILE_CHANGED`.
    ///
    /// `config` may be another one than before. A host that its [policy](super::HostPolicy) does not allow any more is
    /// left for the origin.
    ///
    /// # Errors
    /// [`RestoreError`] for a snapshot of a later version, or one that no upload can have made.
    pub fn restore(
        now: Instant,
        snapshot: Snapshot,
        entity: Entity,
        config: Config,
    ) -> Result<Self, RestoreError> {
        if snapshot.version == 0 || snapshot.version > VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        let reply = snapshot.reply.read()?;
        if let Some(what) = snapshot.contradiction(&reply) {
            return Err(RestoreError::Inconsistent(what));
        }
        let changed = entity.differs_from(&snapshot.entity);
        // What the session is about: the new source never goes there.
        let entity = if changed { snapshot.entity } else { entity };
        let destination = snapshot.destination.parse().ok();
        let mut upload = destination
            .and_then(|destination| Self::at_rest(destination, entity, config).ok())
            .ok_or(RestoreError::Inconsistent("the destination"))?;
        upload.session_id = snapshot.session_id;
        upload.offset = snapshot.offset;
        // What was sent is not known: any offset up to the end may be what the server has (Q09).
        upload.sent = upload.session_id.map_or(0, |_| upload.entity.size());
        upload.goal = snapshot.goal;
        upload.reply = reply;
        upload.offset_lost = snapshot.offset_lost;
        upload.close_unanswered =
            snapshot.close_unanswered || snapshot.in_flight == Some(PacketType::CloseSession);
        upload.exchanges = snapshot.exchanges;
        upload.abandoned_host = snapshot.abandoned_host;
        upload.ignores_hosts = snapshot.ignores_hosts;
        upload.guards = snapshot.guards;
        upload.sizer = snapshot.sizer;
        upload.sizer.apply(upload.config.fragment_size);
        upload.ping_due = upload.session_id.is_some() || upload.config.ping_first;
        upload.hold = snapshot.rest.into();
        if !upload.state().is_ended() {
            upload.return_to_host(now, snapshot.host, snapshot.host_fallback_in);
            upload.take_up(now, changed, snapshot.in_flight, snapshot.give_up_in);
        }
        Ok(upload)
    }

    /// The policy may be another one than when the session was moved there.
    fn return_to_host(&mut self, now: Instant, host: Option<Host<'static>>, left: Option<Duration>) {
        let Some(host) = host else { return };
        if !self.config.host_policy.allows(&self.destination, &host.id) {
            return self.tell(Event::HostRefused { host: host.id });
        }
        self.host = Some(host);
        if let Some(left) = left {
            self.timers.start(Timer::HostFallback, now, left);
        }
    }

    fn take_up(
        &mut self,
        now: Instant,
        changed: bool,
        in_flight: Option<PacketType>,
        give_up_in: Option<Duration>,
    ) {
        if changed && !self.is_leaving() {
            self.goal = Goal::Withdraw;
            self.hold = Hold::None;
        }
        if self.is_leaving() && self.hold == Hold::None && in_flight == Some(PacketType::CreateSession) {
            // Whether the server opened a session nobody knows: it goes at its timeout.
            return self.left(false);
        }
        if in_flight == Some(PacketType::Fragment) && self.goal == Goal::Complete {
            self.doubt(PacketType::Fragment);
            if self.goal == Goal::StartOver && self.hold == Hold::None {
                self.start_over(Failure::new(Reason::Transport, in_flight));
            }
        }
        if self.hold == Hold::None {
            self.go_on(now);
            let left = give_up_in.filter(|_| !changed && self.timers.get(Timer::GiveUp).is_some());
            if let Some(left) = left {
                self.timers.start(Timer::GiveUp, now, left.min(self.config.patience.give_up_after));
            }
        }
    }
}

impl ReplyAt {
    fn read(&self) -> Result<Reply, RestoreError> {
        match self {
            Self::None => Ok(Reply::None),
            Self::Url(url) => {
                url.parse().map(Reply::At).map_err(|_| RestoreError::Inconsistent("the reply's URL"))
            }
            Self::Settled => Ok(Reply::Settled),
        }
    }
}

impl From<Rest> for Hold {
    fn from(rest: Rest) -> Self {
        match rest {
            Rest::GoesOn => Self::None,
            Rest::Suspended => Self::Suspended,
            Rest::Failed => Self::Failed,
            Rest::Completed => Self::Completed,
            Rest::Cancelled => Self::Cancelled,
        }
    }
}
