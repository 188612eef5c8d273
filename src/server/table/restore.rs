//! Restoring records into a table, with a grace for a clock that is wrong at boot.

use std::time::{Duration, Instant};

use super::Sessions;
use crate::machine::RestoreError;
use crate::server::Held;
use crate::server::session::{Record, Session, State};

/// The longest grace of a session whose time passed while it was at rest (C76).
const LONGEST_GRACE: Duration = Duration::from_secs(60 * 60);

/// The bytes of a session that was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "bytes that were never acknowledged are to be cut, and those of a session that ended deleted"]
#[expect(clippy::exhaustive_enums, reason = "a session goes on or is over")]
pub enum Restored {
    /// The session goes on: cut its bytes to this length.
    Open(u64),
    /// The session is over: delete its bytes. Its record goes by [`Sessions::poll_expired`].
    Ended,
}

impl<O: Clone + Ord> Sessions<O> {
    /// Restores a session whose record was made `age` ago, while storage holds `held` of its bytes. Limits do not apply.
    /// [`Session::recover`] says which state it has then.
    ///
    /// The time at rest counts. But a clock that is wrong at boot must not delete everything: a session that is due for time at
    /// rest alone gets a grace, once, of an hour or a tenth of the timeout, whichever is less ([C76]). Where the clock went
    /// backwards, pass an age of zero.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// # use bits_proto::packet::{CreateSession, Request};
    /// use bits_proto::server::{Directory, Held, Output, Report, Restored, Sessions};
    ///
    /// # let now = Instant::now();
    /// # let mut sessions: Sessions = Sessions::new(Directory::default());
    /// # let create = CreateSession { protocols: bits_proto::ProtocolId::BITS_1_5.into(), content_name: None };
    /// # let head = Request::CreateSession(create).to_http(&"http://server/docs/udhr.txt".parse()?);
    /// # let exchange = sessions.handle_request(now, &head, &(), || [7; 16]).expect("of this protocol");
    /// # let Some(Output::Open) = sessions.poll_output(now, exchange) else { panic!() };
    /// # sessions.handle_report(now, exchange, Report::Opened);
    /// // A session is saved before its client is told of it.
    /// let Some(Output::Save(record)) = sessions.poll_output(now, exchange) else { panic!() };
    /// let id = record.id();
    ///
    /// // The process is killed, and another one finds this record, ten minutes old. Its file has
    /// // eight bytes that nobody acknowledged.
    /// let mut sessions = Sessions::new(Directory::default());
    /// let age = Duration::from_secs(600);
    /// let restored = sessions.restore(Instant::now(), *record, age, Held::Bytes(8))?;
    /// assert_eq!(restored, Restored::Open(0)); // cut the file to no bytes
    /// assert!(sessions.get(id).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RestoreError`] for a record of a later version, one that no session can have made, or one whose id is taken. Keep
    /// such a record where it is, and tell the operator.
    ///
    /// [C76]: crate::manual::decisions#c76
    pub fn restore(
        &mut self,
        now: Instant,
        record: Record<O>,
        age: Duration,
        held: Held,
    ) -> Result<Restored, RestoreError> {
        let was_due = record.remaining().is_some_and(|remaining| remaining.is_zero());
        let had_its_grace = record.had_its_grace();
        let id = record.id();
        let mut session = Session::recover(now, record, age, held, &self.directory)?;
        if self.shelf.is_taken(id) {
            return Err(RestoreError::Inconsistent("its id is taken"));
        }
        let timeout = match session.state() {
            State::Ended(_) => self.directory.tombstone_lifetime,
            _ => self.directory.session_timeout,
        };
        let tenth = timeout.checked_div(10).unwrap_or_default();
        let graced = !had_its_grace && !was_due && session.give_grace(now, tenth.min(LONGEST_GRACE));
        let (ended, received) = (session.has_ended(), session.received());
        self.shelf.insert(session);
        if self.directory.replace && !ended {
            self.shelf.claim_destination(id);
        }
        if graced && self.directory.keep.saves() {
            let exchange = self.in_session(now, id, |session, _| session.save_unasked()).flatten();
            self.unasked.extend(exchange.map(|exchange| (now, exchange)));
        }
        self.bury(now, id);
        Ok(if ended { Restored::Ended } else { Restored::Open(received) })
    }
}
