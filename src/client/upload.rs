//! One upload, seen by the client.

use std::num::NonZeroU64;
use std::time::Instant;

use http::Uri;

use super::config::Config;
use super::credentials::Credentials;
use super::entity::Entity;
use super::fragments::Sizer;
use super::guards::Guards;
use super::output::{Event, ExchangeId, Output};
use super::state::{Goal, Hold, InFlight, Reply, State, Timer};
use crate::machine::outputs::Outputs;
use crate::machine::pace::Pace;
use crate::machine::retry::Backoff;
use crate::machine::timer::Timers;
use crate::packet::{Host, PacketType};
use crate::vocabulary::HostId;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::SessionId;
use crate::vocabulary::reference::is_http;

/// One upload, seen by the client (`HTTPUploader`, §3.1.1.2).
///
/// See the [module](super) for how to drive it.
#[derive(Debug)]
#[must_use = "an upload does nothing unless it is driven"]
pub struct Upload {
    pub(super) config: Config,
    pub(super) destination: Uri,
    pub(super) entity: Entity,
    pub(super) session_id: Option<SessionId>,
    pub(super) host: Option<Host<'static>>,
    /// The next byte to send.
    pub(super) offset: u64,
    /// How far this session's fragments have reached.
    pub(super) sent: u64,
    /// How many bytes of the fragment under way were handed to the network.
    pub(super) handed_over: u64,
    pub(super) sizer: Sizer,
    pub(super) pace: Pace,
    pub(super) goal: Goal,
    pub(super) hold: Hold,
    pub(super) reply: Reply,
    pub(super) ping_due: bool,
    /// Whether the server is out of step without saying where it stands.
    pub(super) offset_lost: bool,
    /// Whether the server refused a Close-Session as invalid, and so may want bytes that it has lost.
    pub(super) close_refused: bool,
    /// Whether a Close-Session of this session was sent of which nobody knows what became.
    pub(super) close_unanswered: bool,
    pub(super) in_flight: Option<InFlight>,
    pub(super) exchanges: u64,
    pub(super) credentials: Credentials,
    /// How many challenges came in a row.
    pub(super) challenges: u32,
    /// The exchange that was challenged last, and the one whose connection the next request must use.
    pub(super) challenged: Option<ExchangeId>,
    pub(super) connection: Option<ExchangeId>,
    /// The host that was out of reach for too long, and whether that happened twice (C35).
    pub(super) abandoned_host: Option<HostId<'static>>,
    pub(super) ignores_hosts: bool,
    pub(super) guards: Guards,
    pub(super) backoff: Backoff,
    pub(super) timers: Timers<Timer>,
    pub(super) outputs: Outputs<Output>,
}

impl Upload {
    /// An upload of `entity` to `destination`; its first request is the first output.
    ///
    /// # Errors
    /// [`InvalidValue::Destination`] unless `destination` is an absolute `http` or `https` URL.
    pub fn new(now: Instant, destination: Uri, entity: Entity, config: Config) -> Result<Self, InvalidValue> {
        let mut upload = Self::at_rest(destination, entity, config)?;
        upload.ping_due = upload.config.ping_first;
        upload.go_on(now);
        Ok(upload)
    }

    /// The upload before its first packet.
    pub(super) fn at_rest(destination: Uri, entity: Entity, config: Config) -> Result<Self, InvalidValue> {
        if !is_http(&destination) {
            return Err(InvalidValue::Destination);
        }
        Ok(Self {
            destination,
            entity,
            session_id: None,
            host: None,
            offset: 0,
            sent: 0,
            handed_over: 0,
            sizer: Sizer::new(config.fragment_size),
            pace: Pace::new(config.rate),
            goal: Goal::Complete,
            hold: Hold::None,
            reply: Reply::None,
            ping_due: false,
            offset_lost: false,
            close_refused: false,
            close_unanswered: false,
            challenges: 0,
            in_flight: None,
            exchanges: 0,
            credentials: Credentials::default(),
            challenged: None,
            connection: None,
            abandoned_host: None,
            ignores_hosts: false,
            guards: Guards::default(),
            backoff: Backoff::new(config.seed),
            timers: Timers::new(),
            outputs: Outputs::new(),
            config,
        })
    }

    /// Begins, or begins again: the time without progress starts anew.
    pub(super) fn go_on(&mut self, now: Instant) {
        self.hold = Hold::None;
        self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
        self.advance(now);
    }

    /// Where the entity goes, as the caller gave it.
    #[must_use]
    pub const fn destination(&self) -> &Uri {
        &self.destination
    }

    /// What is uploaded.
    #[must_use]
    pub const fn entity(&self) -> &Entity {
        &self.entity
    }

    /// The session, while there is one.
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        self.session_id
    }

    /// How many bytes the server has acknowledged in this session.
    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        self.offset
    }

    /// How many bytes have been handed to the network, as far as the caller has
    /// [told](Self::handle_sent_part): those of the fragment under way included.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.offset.saturating_add(self.handed_over)
    }

    /// The pace, in bytes a second.
    #[must_use]
    pub const fn rate(&self) -> Option<NonZeroU64> {
        self.pace.rate()
    }

    /// Where the upload stands.
    #[must_use]
    pub fn state(&self) -> State {
        match self.hold {
            Hold::Completed => State::Completed,
            Hold::Cancelled => State::Cancelled,
            Hold::Failed => State::Failed,
            Hold::Suspended => State::Suspended,
            Hold::Pace => State::Pacing,
            Hold::Retry => State::WaitingToRetry,
            Hold::Credentials => State::WaitingForCredentials,
            Hold::Reply => State::WaitingForReply,
            Hold::None | Hold::Suspending => State::Exchanging(
                self.in_flight.as_ref().map_or(PacketType::Ping, |exchange| exchange.packet),
            ),
        }
    }

    /// What to do now; `None` until something is told to the upload, or a timer goes off.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None`: no timer runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
    }

    /// The timer that goes off next, and when.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }
}
