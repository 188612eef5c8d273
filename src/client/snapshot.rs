//! An upload at rest.

use std::time::Instant;

use http::Uri;

use super::config::Config;
use super::entity::Entity;
use super::failure::{Failure, Reason};
use super::fragments::Sizer;
use super::guards::Guards;
use super::state::{Goal, Hold, Reply};
use super::upload::Upload;
use crate::error::RestoreError;
use crate::packet::{Host, PacketType};
use crate::session_id::SessionId;
use crate::value::HostId;

/// The version of the form in which uploads are stored. Older ones stay readable.
const VERSION: u32 = 1;

/// An [`Upload`] at rest: plain data, with the feature `serde` for any of its formats.
///
/// It holds neither instants nor credentials nor the configuration, so it can be stored anywhere and restored in another
/// process. Take one whenever an [`Event`](super::Event) came out, at the latest before the next request goes: an upload
/// that is restored from it sends one fragment twice at most.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    version: u32,
    destination: String,
    entity: Entity,
    session_id: Option<SessionId>,
    host: Option<Host<'static>>,
    offset: u64,
    goal: Goal,
    rest: Rest,
    reply: ReplyAt,
    offset_lost: bool,
    close_unanswered: bool,
    in_flight: Option<PacketType>,
    abandoned_host: Option<HostId<'static>>,
    ignores_hosts: bool,
    guards: Guards,
    sizer: Sizer,
}

/// Whether a restored upload goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Rest {
    GoesOn,
    Suspended,
    Failed,
    Completed,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
    pub fn snapshot(&self) -> Snapshot {
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
            abandoned_host: self.abandoned_host.clone(),
            ignores_hosts: self.ignores_hosts,
            guards: self.guards.clone(),
            sizer: self.sizer.clone(),
        }
    }

    /// The upload of a snapshot. Unless it was suspended or over, it goes on: with a Ping, if there is a session.
    ///
    /// `entity` is the source as it is now. If its size or its [validator](Entity::validator) is another one, the
    /// session is cancelled and the upload fails with `BG_E_LOCAL_FILE_CHANGED`.
    ///
    /// # Errors
    /// [`RestoreError`] for a snapshot of a later version, or one that no upload can have made.
    pub fn restore(
        now: Instant,
        snapshot: Snapshot,
        entity: Entity,
        config: Config,
    ) -> Result<Self, RestoreError> {
        let destination = snapshot.check()?;
        let reply = match &snapshot.reply {
            ReplyAt::None => Reply::None,
            ReplyAt::Url(url) => {
                Reply::At(url.parse().map_err(|_| RestoreError::Inconsistent("the reply's URL"))?)
            }
            ReplyAt::Settled => Reply::Settled,
        };
        let mut upload = Self::at_rest(destination, entity, config)
            .map_err(|_| RestoreError::Inconsistent("the destination"))?;
        upload.session_id = snapshot.session_id;
        upload.host = snapshot.host;
        upload.offset = snapshot.offset;
        // What was sent is not known: any offset up to the end may be what the server has (Q09).
        upload.sent = upload.entity.size();
        upload.goal = snapshot.goal;
        upload.reply = reply;
        upload.offset_lost = snapshot.offset_lost;
        upload.close_unanswered =
            snapshot.close_unanswered || snapshot.in_flight == Some(PacketType::CloseSession);
        upload.abandoned_host = snapshot.abandoned_host;
        upload.ignores_hosts = snapshot.ignores_hosts;
        upload.guards = snapshot.guards;
        upload.sizer = snapshot.sizer;
        upload.sizer.apply(upload.config.fragment_size);
        upload.ping_due = upload.session_id.is_some() || upload.config.ping_first;
        upload.hold = match snapshot.rest {
            Rest::GoesOn => Hold::None,
            Rest::Suspended => Hold::Suspended,
            Rest::Failed => Hold::Failed,
            Rest::Completed => Hold::Completed,
            Rest::Cancelled => Hold::Cancelled,
        };
        let changed = upload.entity.differs_from(&snapshot.entity);
        upload.take_up(now, changed, snapshot.in_flight);
        Ok(upload)
    }

    fn take_up(&mut self, now: Instant, changed: bool, in_flight: Option<PacketType>) {
        if self.state().is_ended() {
            return;
        }
        if changed {
            self.leave(now, Goal::Withdraw);
        } else if in_flight == Some(PacketType::Fragment) {
            self.doubt(PacketType::Fragment);
            if self.goal == Goal::StartOver {
                self.start_over(Failure::new(Reason::Transport, in_flight));
            }
        }
        if self.hold == Hold::None {
            self.go_on(now);
        }
    }
}

impl Snapshot {
    fn check(&self) -> Result<Uri, RestoreError> {
        if self.version == 0 || self.version > VERSION {
            return Err(RestoreError::Version(self.version));
        }
        let consistent = [
            ("the size of the entity", self.entity.size() <= crate::limits::MAX_ENTITY_SIZE),
            ("the offset", self.offset <= self.entity.size()),
            ("the offset without a session", self.session_id.is_some() || self.offset == 0),
            ("the size of a fragment", self.sizer.size() > 0),
        ];
        match consistent.into_iter().find(|(_, holds)| !holds) {
            Some((what, _)) => Err(RestoreError::Inconsistent(what)),
            None => self.destination.parse().map_err(|_| RestoreError::Inconsistent("the destination")),
        }
    }
}
