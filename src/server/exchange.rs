//! The exchange: one request and its answer, and the signals to its task.

use std::fmt;

use crate::vocabulary::Guid;

/// One request and its answer, or one piece of work that no client asked for.
///
/// A task keeps its exchange and names it in every call, so that no task receives the work of another. The exchanges of a
/// session are numbered, and no number is used twice: a report of an exchange that was given up changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Exchange {
    session: Guid,
    serial: u64,
}

impl Exchange {
    pub(super) const fn new(session: Guid, serial: u64) -> Self {
        Self { session, serial }
    }

    /// The session that the exchange works on; `None` for a request that reached no session, such as a Ping.
    #[must_use]
    pub fn session(self) -> Option<Guid> {
        (self.session != Guid::NIL).then_some(self.session)
    }

    /// The number of the exchange among those of its session, which only grows.
    ///
    /// Do not use it as a fence in a storage that several processes share: after a restart, an exchange may have the number of
    /// one whose session was never saved. Use the number of the row's claim there.
    #[must_use]
    pub const fn serial(self) -> u64 {
        self.serial
    }

    pub(super) const fn id(self) -> Guid {
        self.session
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The id is a secret: whoever knows it can write into the session.
        let id = self.session.to_string();
        write!(f, "Exchange({}…#{})", id.get(1..9).unwrap_or_default(), self.serial)
    }
}

/// Tells the program which task to stop or to wake.
///
/// A lost signal costs only time: a task that asks now and then finds out by itself
/// ([`Sessions::is_superseded`](super::Sessions::is_superseded), [`Sessions::poll_output`](super::Sessions::poll_output)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a task waits for it"]
#[expect(clippy::exhaustive_enums, reason = "a server must do both")]
pub enum Signal {
    /// The client came back with a newer request: the task of this exchange should stop reading its body, and report how
    /// much of it is stored.
    Stop(Exchange),
    /// The task of this exchange may ask for its output again.
    Ready(Exchange),
}

impl Signal {
    /// The exchange whose task is told.
    #[must_use]
    pub const fn exchange(self) -> Exchange {
        match self {
            Self::Stop(exchange) | Self::Ready(exchange) => exchange,
        }
    }
}
