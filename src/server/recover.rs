//! What holds after a crash.

use super::session::Session;
use super::state::{Ending, Notification, State, Step};

impl<O: Clone + Eq> Session<O> {
    /// The process that worked on the session has died, and storage holds `stored` bytes of the entity from its start;
    /// `None` where it has no place for the upload any more. What was under way is void, and the bytes that storage
    /// really holds win:
    ///
    /// - `next = min(saved, stored)`: truncate the storage to [`received`](Self::received) afterwards, since bytes past
    ///   it were never reported stored.
    /// - A session whose upload had not been allowed yet has [ended](State::Ended), and so has one that was being
    ///   discarded if bytes are gone: delete what is left of it.
    /// - Where nothing is left of an entity that was being published, the client's repeat has it
    ///   [published](super::Output::Publish) again: whoever does that finds out whether it is at its destination.
    pub fn recover(&mut self, stored: Option<u64>) {
        let step = self.at_work.take().map(|at_work| at_work.step);
        self.waiting = None;
        if self.state == State::Opening {
            self.end(Ending::Refused);
        }
        let held = stored.unwrap_or(0);
        if held >= self.next || matches!(self.state, State::Ended(_)) {
            return;
        }
        match step {
            Some(Step::Discard(ending)) => self.end(ending),
            Some(Step::Publish) if stored.is_none() => {}
            _ => self.lose(held),
        }
    }

    /// Bytes that were reported stored are gone.
    fn lose(&mut self, held: u64) {
        self.next = held;
        self.state = State::Receiving;
        // The application had another entity than the one that will be complete again.
        if let Notification::Taken(_) = self.notification {
            self.notification = Notification::Due;
        }
    }
}
