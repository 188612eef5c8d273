//! One upload: its fields, its construction, and its getters.

use std::num::NonZeroU64;
use std::time::Instant;

use http::Uri;

use super::config::{Config, EmptyEntity};
use super::entity::Entity;
use super::fragments::Sizer;
use super::guards::Guards;
use super::output::{Connection, Event, ExchangeId, Output};
use super::state::{Doing, Goal, InFlight, Next, Place, Session, State, Timer};
use crate::machine::outputs::Outputs;
use crate::machine::pace::Pace;
use crate::machine::retry::Backoff;
use crate::machine::timer::Timers;
use crate::machine::{Credentials, InvalidConfig};
use crate::vocabulary::SessionId;
use crate::vocabulary::reference::is_http;

/// One upload, seen by the client (`HTTPUploader`, §3.1.1.2).
///
/// See the [module](super) for how to drive it.
///
/// ```
/// use std::time::Instant;
///
/// use bits_proto::client::{Config, Entity, Output, State, Upload};
/// use bits_proto::packet::{Ack, CreateSessionAck, FragmentAck, PacketType, Payload};
///
/// let (now, destination) = (Instant::now(), "http://server/docs/udhr.txt".parse()?);
/// let mut upload = Upload::new(now, destination, Entity::new(63)?, Config::default())?;
/// let next_request = |upload: &mut Upload| loop {
///     match upload.poll_output() {
///         Some(Output::Transmit(transmit)) => return transmit,
///         Some(Output::Event(event)) => println!("{event}"),
///         other => panic!("{other:?}"),
///     }
/// };
///
/// // First it wants a session.
/// let create = next_request(&mut upload);
/// assert_eq!(create.request.headers()["bits-packet-type"], "Create-Session");
/// let session = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}".parse()?;
/// let ack = Ack::CreateSession(CreateSessionAck::new(session));
/// upload.handle_response(now, create.id, &ack.to_response());
///
/// // Then it sends the bytes: the caller streams this range of the source as the body.
/// let fragment = next_request(&mut upload);
/// assert_eq!(fragment.request.body(), &Payload::Range(0..63));
/// let ack = Ack::Fragment(FragmentAck::accepted(session, 63));
/// upload.handle_response(now, fragment.id, &ack.to_response());
///
/// // The server has them all, so the session is closed.
/// assert_eq!(upload.acknowledged(), 63);
/// assert_eq!(upload.state(), State::Exchanging(PacketType::CloseSession));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "an upload does nothing unless it is driven"]
pub struct Upload {
    pub(super) config: Config,
    pub(super) destination: Uri,
    pub(super) entity: Entity,
    pub(super) place: Place,
    pub(super) goal: Goal,
    pub(super) doing: Doing,
    /// What outlives a session.
    pub(super) guards: Guards,
    pub(super) sizer: Sizer,
    pub(super) exchanges: u64,
    /// The destination on the session's own host.
    pub(super) target: Uri,
    pub(super) credentials: Credentials,
    /// The exchange that was challenged last, and the connection that the next request must use. Neither outlives a process.
    pub(super) challenged: Option<ExchangeId>,
    pub(super) connection: Connection,
    pub(super) pace: Pace,
    pub(super) backoff: Backoff,
    pub(super) timers: Timers<Timer>,
    pub(super) outputs: Outputs<Output>,
}

impl Upload {
    /// An upload of `entity` to `destination`; its first request is the first output.
    ///
    /// # Errors
    /// [`InvalidConfig::Destination`] unless `destination` is an absolute `http` or `https` URL;
    /// [`InvalidConfig::EmptyEntity`] for an entity without a byte, where such ones [are to be refused](EmptyEntity).
    pub fn new(
        now: Instant,
        destination: Uri,
        entity: Entity,
        config: Config,
    ) -> Result<Self, InvalidConfig> {
        if entity.size() == 0 && config.empty_entity == EmptyEntity::Refused {
            return Err(InvalidConfig::EmptyEntity);
        }
        let mut upload = Self::at_rest(destination, entity, config)?;
        upload.go_on(now);
        Ok(upload)
    }

    /// The upload before its first packet.
    pub(super) fn at_rest(destination: Uri, entity: Entity, config: Config) -> Result<Self, InvalidConfig> {
        if !is_http(&destination) {
            return Err(InvalidConfig::Destination);
        }
        Ok(Self {
            target: destination.clone(),
            destination,
            entity,
            place: Place::Nowhere { ping: config.ping_first },
            goal: Goal::Complete,
            doing: Doing::Suspended,
            guards: Guards::default(),
            sizer: Sizer::new(config.fragment_size),
            exchanges: 0,
            credentials: Credentials::default(),
            challenged: None,
            connection: Connection::Any,
            pace: Pace::new(config.rate),
            backoff: Backoff::new(config.seed),
            timers: Timers::new(),
            outputs: Outputs::new(),
            config,
        })
    }

    /// Begins, or begins again: the time without progress starts anew.
    pub(super) fn go_on(&mut self, now: Instant) {
        self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
        self.settle(now, Next::Go);
    }

    /// The destination of the entity, as the caller gave it.
    #[must_use]
    pub const fn destination(&self) -> &Uri {
        &self.destination
    }

    /// The entity that is uploaded.
    #[must_use]
    pub const fn entity(&self) -> &Entity {
        &self.entity
    }

    /// The configuration of the upload.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The session, while there is one.
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        match &self.place {
            Place::Session(session) => Some(session.id),
            Place::Nowhere { .. } => None,
        }
    }

    /// The number of bytes that the server has acknowledged in this session.
    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        match &self.place {
            Place::Session(session) => session.offset,
            Place::Nowhere { .. } => 0,
        }
    }

    /// The number of bytes that have been handed to the network, as far as the caller has
    /// [told](Self::handle_sent_part): those of the fragment under way included.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        let handed_over = match &self.doing {
            Doing::Exchanging(exchange) => exchange.handed_over,
            _ => 0,
        };
        self.acknowledged().saturating_add(handed_over)
    }

    /// The rate limit, in bytes a second.
    #[must_use]
    pub const fn rate(&self) -> Option<NonZeroU64> {
        self.pace.rate()
    }

    /// The state of the upload.
    #[must_use]
    pub const fn state(&self) -> State {
        self.doing.state()
    }

    /// Returns the next output. `None` means that there is none until the next report, command or timer.
    #[must_use = "an output that is lost is work that is never done"]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout); `None` if no timer runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
    }

    /// The timer that goes off next, and when.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    pub(super) const fn session(&self) -> Option<&Session> {
        match &self.place {
            Place::Session(session) => Some(session),
            Place::Nowhere { .. } => None,
        }
    }

    pub(super) const fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.place {
            Place::Session(session) => Some(session),
            Place::Nowhere { .. } => None,
        }
    }

    pub(super) const fn in_flight(&self) -> Option<&InFlight> {
        match &self.doing {
            Doing::Exchanging(exchange) => Some(exchange),
            _ => None,
        }
    }

    /// Whether the session is to go for good.
    pub(super) const fn is_leaving(&self) -> bool {
        matches!(self.goal, Goal::Cancel | Goal::Withdraw | Goal::Abandon)
    }

    /// Whether the server has every byte, as far as it said.
    pub(super) const fn is_acknowledged(&self) -> bool {
        self.acknowledged() == self.entity.size()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }
}
