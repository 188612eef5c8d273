//! One request and its answer.

use std::fmt;

use crate::vocabulary::Guid;

/// One request and its answer, from the arrival of the head to the sending of the Ack.
///
/// A server's task keeps it and names it with every report, so that nobody ever receives another's work. Ids are
/// never used again: what an exchange reports after it was given up changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Exchange {
    session: Guid,
    serial: u32,
}

impl Exchange {
    /// An exchange that reaches no session: a Ping, or a request that is answered at once.
    pub(super) const OUTSIDE: Self = Self { session: Guid::NIL, serial: 0 };

    pub(super) const fn new(session: Guid, serial: u32) -> Self {
        Self { session, serial }
    }

    /// The session that the exchange works on; [`Guid::NIL`] for one that was answered without any.
    #[must_use]
    pub const fn session(self) -> Guid {
        self.session
    }

    pub(super) const fn serial(self) -> u32 {
        self.serial
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({}#{})", self.session, self.serial)
    }
}
