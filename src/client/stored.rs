//! The forms in which snapshots are stored: today's, and those of earlier versions.

use std::fmt;
use std::time::Duration;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::entity::Entity;
use super::fragments::Sizer;
use super::guards::Guards;
use super::snapshot::{AtRest, Record, Snapshot};
use super::state::{Close, Goal, Ping, Place, Reply, Session};
use crate::packet::{Host, PacketType};
use crate::vocabulary::{HostId, SessionId};

/// The names of the fields of today's form, for formats that store none.
const FIELDS: &[&str] = &[
    "version",
    "destination",
    "entity",
    "place",
    "goal",
    "doing",
    "guards",
    "sizer",
    "exchanges",
    "give_up_in",
    "host_fallback_in",
    "retry_in",
];

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Snapshot", FIELDS, Form)
    }
}

/// Formats that name their fields may hold any version. Formats that do not began with this one.
struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Snapshot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the snapshot of an upload")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, fields: A) -> Result<Snapshot, A::Error> {
        Record::deserialize(SeqAccessDeserializer::new(fields)).map(Snapshot)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Snapshot, A::Error> {
        AnyVersion::deserialize(MapAccessDeserializer::new(fields))?.upgrade().map(Snapshot)
    }
}

/// The fields of every version.
#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
    destination: String,
    entity: Entity,
    goal: Goal,
    exchanges: u64,
    give_up_in: Option<Duration>,
    host_fallback_in: Option<Duration>,
    guards: AnyGuards,
    sizer: AnySizer,
    // Since version 2.
    place: Option<Place>,
    doing: Option<AtRest>,
    retry_in: Option<Duration>,
    // Of version 1.
    session_id: Option<SessionId>,
    host: Option<Host<'static>>,
    #[serde(default)]
    offset: u64,
    rest: Option<RestV1>,
    reply: Option<Reply>,
    #[serde(default)]
    offset_lost: bool,
    #[serde(default)]
    close_unanswered: bool,
    in_flight: Option<PacketType>,
    abandoned_host: Option<HostId<'static>>,
    #[serde(default)]
    ignores_hosts: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnyGuards {
    Today(Guards),
    V1 { best: u64, stalls: u32, regressions: u32, restarts: u32 },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnySizer {
    Today(Sizer),
    V1 { size: u64, ceiling: Option<u64> },
}

#[derive(Deserialize)]
enum RestV1 {
    GoesOn,
    Suspended,
    Failed,
    Completed,
    Cancelled,
}

impl AnyVersion {
    fn upgrade<E: Error>(self) -> Result<Record, E> {
        // What a later version means by its fields is not known; that it is one is told to who restores it.
        let version = if self.version == 1 { 2 } else { self.version };
        let place = match (self.place, self.session_id) {
            (Some(place), _) => place,
            (None, _) if self.version != 1 => return Err(E::missing_field("place")),
            (None, None) if self.offset == 0 && self.host.is_none() => Place::Nowhere { ping: false },
            (None, None) => return Err(E::custom("a place without a session")),
            (None, Some(id)) => Place::Session(Session {
                host: self.host,
                offset: self.offset,
                sent: None,
                reply: self.reply.unwrap_or(Reply::None),
                ping: if self.offset_lost { Ping::InDoubt } else { Ping::NotDue },
                close: if self.close_unanswered { Close::Unanswered } else { Close::NeverSent },
                ceiling: match self.sizer {
                    AnySizer::V1 { ceiling, .. } => ceiling,
                    AnySizer::Today(_) => None,
                },
                ..Session::new(id)
            }),
        };
        let goal = match (self.goal, &place) {
            (Goal::StartOver, Place::Nowhere { .. }) => Goal::Complete,
            (goal, _) => goal,
        };
        let doing = match (self.doing, self.rest) {
            (Some(doing), _) => doing,
            (None, None) => return Err(E::missing_field("doing")),
            (None, Some(rest)) => rest.upgrade(self.in_flight, goal),
        };
        Ok(Record {
            version,
            destination: self.destination,
            entity: self.entity,
            place,
            goal,
            doing,
            guards: match self.guards {
                AnyGuards::Today(guards) => guards,
                AnyGuards::V1 { best, stalls, regressions, restarts } => Guards {
                    best,
                    farthest: best,
                    stalls,
                    regressions,
                    restarts,
                    abandoned_host: self.abandoned_host,
                    ignores_hosts: self.ignores_hosts,
                    ..Guards::default()
                },
            },
            sizer: match self.sizer {
                AnySizer::Today(sizer) => sizer,
                AnySizer::V1 { size, .. } => Sizer::of(size),
            },
            exchanges: self.exchanges,
            give_up_in: self.give_up_in,
            host_fallback_in: self.host_fallback_in,
            retry_in: self.retry_in,
        })
    }
}

impl RestV1 {
    fn upgrade(self, in_flight: Option<PacketType>, goal: Goal) -> AtRest {
        match (self, in_flight) {
            (Self::Completed, _) => AtRest::Completed { confirmed: true },
            (Self::Cancelled, _) => AtRest::Cancelled { confirmed: true },
            (Self::Failed, _) => AtRest::Failed { for_good: goal == Goal::Withdraw },
            (Self::Suspended, Some(packet)) => AtRest::Exchanging { packet, then_suspend: true },
            (Self::Suspended, None) => AtRest::Suspended,
            (Self::GoesOn, Some(packet)) => AtRest::Exchanging { packet, then_suspend: false },
            (Self::GoesOn, None) => AtRest::Retrying,
        }
    }
}
