//! Restoring a record after its process has died: what storage holds wins.

use std::time::{Duration, Instant};

use super::Session;
use super::activity::Activities;
use super::snapshot::Record;
use super::state::{Ending, Notification, State};
use crate::machine::RestoreError;
use crate::server::directory::Keep;
use crate::server::{Directory, Held};

impl<O: Clone + Eq> Session<O> {
    /// Restores a session from a record that was made `age` ago, while storage holds `held` of its bytes. No exchange is under
    /// way.
    ///
    /// | the record says | held | the session |
    /// |---|---|---|
    /// | it is being published | nothing | was published: [`Closed`](Ending::Closed) |
    /// | it is being published | bytes | was not published: it waits for its Close |
    /// | its bytes are to go | anything | has ended |
    /// | anything else | fewer bytes than the record says | goes on from there |
    /// | anything else | more bytes | goes on from the record; or from there, where the storage [knows its length](Keep::RecordsWithoutOffset) and the record knows the total |
    /// | anything else | nothing | is [`Lost`](Ending::Lost) |
    /// | anything | it was published | [`Closed`](Ending::Closed) |
    ///
    /// Afterwards cut the bytes to [`received`](Self::received), or delete what is left where the session has
    /// [ended](State::Ended).
    ///
    /// The time at rest counts: a session whose time passed meanwhile is due at once.
    ///
    /// # Errors
    /// [`RestoreError`] for a record of a later version, or one that no session can have made.
    pub fn recover(
        now: Instant,
        record: Record<O>,
        age: Duration,
        held: Held,
        directory: &Directory,
    ) -> Result<Self, RestoreError> {
        let (is_publishing, ending) = (record.is_publishing(), record.intended_ending());
        let mut session = Self::restore(now, record.0, age)?;
        session.activity = Activities::default();
        let ending = match (session.state, held) {
            // Its record was made when it ended, before its bytes were deleted.
            (State::Ended(known), _) => ending.map(|_| known),
            // No client ever learned of it.
            (State::Opening, _) => Some(Ending::Expired),
            (_, Held::Published) => Some(Ending::Closed),
            _ if ending.is_some() => ending,
            (_, Held::Nothing) if is_publishing || session.doubtful => Some(Ending::Closed),
            (_, Held::Nothing) => Some(Ending::Lost),
            (_, Held::Bytes(held)) => {
                session.hold(held, directory);
                None
            }
        };
        if let Some(ending) = ending {
            session.end(now, ending, directory);
            // It ended when its record was made, at the latest.
            session.deadline =
                session.deadline.map(|deadline| deadline.checked_sub(age).unwrap_or(now).max(now));
        }
        session.saved_deadline = session.deadline;
        session.unsaved = false;
        Ok(session)
    }

    /// The entity was not published, and so many bytes of it are held.
    fn hold(&mut self, held: u64, directory: &Directory) {
        self.doubtful = false;
        let counts = directory.keep == Keep::RecordsWithoutOffset && self.state == State::Receiving;
        if let Some(total) = self.total().filter(|_| counts && held > self.next) {
            // A Fragment that was broken off left bytes that no client was told of: the storage vouches for them.
            self.next = held.min(total);
            if self.next == total {
                self.state = State::complete(directory);
            }
        }
        if held < self.next {
            self.next = held;
            self.state = State::Receiving;
            // The application had another entity than the one that will be complete again.
            if let Notification::Taken(_) = self.notification {
                self.notification = Notification::Due;
            }
        }
    }
}
