//! What holds after a crash.

use super::session::Session;
use super::state::{Ending, Notification, State};

impl<O: Clone + Eq> Session<O> {
    /// The process that worked on the session has died, and storage holds `stored` bytes of the entity from its start:
    /// what was under way is void, and the bytes that storage really holds win.
    ///
    /// So `next = min(saved, stored)`: truncate the storage to [`received`](Self::received) afterwards, since bytes past
    /// it were never reported stored. A session whose upload had not been allowed yet is refused.
    pub fn recover(&mut self, stored: u64) {
        self.at_work = None;
        self.waiting = None;
        if self.state == State::Opening {
            self.end(Ending::Refused);
        }
        if stored >= self.next || matches!(self.state, State::Ended(_)) {
            return;
        }
        self.next = stored;
        self.state = State::Receiving;
        // The application had another entity than the one that will be complete again.
        if let Notification::Taken(_) = self.notification {
            self.notification = Notification::Due;
        }
    }
}
