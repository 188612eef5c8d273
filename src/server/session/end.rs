//! The other ends of a session: Cancel-Session (C31), and what no client asked for.

use std::time::{Duration, Instant};

use super::Session;
use super::state::{Answer, Answered, Ending, State, Step, Wanted};
use super::turn::Next;
use crate::packet::Ack;
use crate::server::{Directory, Exchange, Refusal, Report, Signal, answer};

/// After how long something that nobody asked for is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(60);

impl<O: Clone + Eq> Session<O> {
    pub(super) fn begin_cancel(&self, directory: &Directory) -> Step {
        match self.state {
            State::Receiving | State::Notifying | State::WaitingForClose => Step::Discard(Ending::Cancelled),
            State::Ended(Ending::Closed | Ending::Cancelled) if !directory.conformance.is_strict() => {
                self.cancel_ack()
            }
            State::Opening | State::Ended(_) => self.error(answer::session_not_found()),
        }
    }

    /// The server ends the session. It is over at once; its bytes go when they can.
    pub(super) fn begin_end(&mut self, ending: Ending) -> Step {
        match self.state {
            State::Ended(known) if !known.is_unasked() => Step::Done,
            // Its bytes may be there, if they could not be deleted before.
            State::Ended(_) => {
                self.state = State::Ended(Ending::Expired);
                Step::Discard(Ending::Expired)
            }
            _ => {
                self.state = State::Ended(ending);
                Step::Discard(ending)
            }
        }
    }

    /// Ends a session whose [deadline](Self::deadline) has passed, or forgets one that has ended. Returns an exchange without a
    /// client: drive it like any other, until [`Output::Done`](crate::server::Output::Done). `None` while another exchange works
    /// on the session.
    ///
    /// If a step fails, call this again when the deadline has passed once more.
    pub fn expire(&mut self, directory: &Directory) -> Option<Exchange> {
        if self.at_work().is_some() {
            return None;
        }
        // An exchange that waited for its turn and did not take it in time is told so.
        if let Some(activity) = self.activity.get_mut() {
            let late = activity.waiting.take().map(|waiting| Exchange::new(self.id, waiting.serial));
            activity.signals.extend(late.map(Signal::Ready));
        }
        self.serial = self.serial.saturating_add(1);
        let step = match self.state {
            State::Ended(ending) if !ending.is_unasked() && directory.keep.saves() => Step::Forget(None),
            _ => self.begin_end(Ending::Expired),
        };
        self.enter(self.serial, step, directory);
        Some(Exchange::new(self.id, self.serial))
    }

    /// Ends the session as soon as nobody works on it (§3.2.7): an exchange that stores is told to stop, and no other may begin.
    /// Returns an exchange without a client. Its bytes are deleted; what is being published is published.
    pub fn evict(&mut self) -> Exchange {
        self.give_up(Ending::Expired)
    }

    /// Ends the session as [`evict`](Self::evict) does, because a newer one of the same owner for the same destination takes its
    /// place: from then on it answers 403 ([Q57]).
    ///
    /// [Q57]: crate::manual::tolerances#q57
    pub fn replace(&mut self) -> Exchange {
        self.give_up(Ending::Replaced)
    }

    pub(in crate::server) fn give_up(&mut self, ending: Ending) -> Exchange {
        self.join(Wanted::End(ending))
    }

    /// Saves the record as soon as nobody works on the session, by an exchange without a client.
    pub(in crate::server) fn save_unasked(&mut self) -> Option<Exchange> {
        self.is_idle().then(|| self.join(Wanted::Save))
    }

    /// Whether this exchange works on the session, or waits for its turn or for its answer.
    pub(in crate::server) fn is_under_way(&self, exchange: Exchange) -> bool {
        let serial = exchange.serial();
        self.activity.get().is_some_and(|activity| activity.has(serial))
    }

    /// The answer that is not yet fetched, of a session that goes.
    pub(in crate::server) fn take_answered(&mut self) -> Option<(Exchange, Option<Box<Ack<'static>>>)> {
        let Answered { serial, answer } = self.activity.get_mut()?.answered.take()?;
        Some((Exchange::new(self.id, serial), answer.map(|answer| Box::new(answer.into()))))
    }

    /// A session whose time passed while it was at rest gets this grace. Whether it did.
    pub(in crate::server) fn give_grace(&mut self, now: Instant, grace: Duration) -> bool {
        let is_due =
            self.is_due(now) && !matches!(self.state, State::Ended(ending) if !ending.is_remembered());
        if is_due {
            self.deadline = now.checked_add(grace);
            (self.grace, self.unsaved) = (true, true);
        }
        is_due
    }

    pub(super) fn discarded(
        &mut self,
        now: Instant,
        ending: Ending,
        report: Report,
        directory: &Directory,
    ) -> Next {
        let refusal = match report {
            Report::Discarded => {
                self.end(now, ending, directory);
                return Next::Do(match ending {
                    Ending::Closed => self.closed(now, directory),
                    Ending::Cancelled => self.cancel_ack(),
                    Ending::Lost | Ending::Refused => {
                        self.error(answer::refused(Refusal::EntityMissing, directory.conformance))
                    }
                    Ending::Expired if directory.keep.saves() => Step::Forget(None),
                    Ending::Expired | Ending::Replaced => Step::Done,
                });
            }
            Report::Failed(refusal) => refusal,
            _ => return Next::Again(Step::Discard(ending)),
        };
        if ending.is_unasked() {
            self.end_later(now, ending, directory);
            return Next::Do(Step::Done);
        }
        // The record says that the bytes are to go: that is taken back before the answer. Some of them may have gone.
        (self.unsaved, self.doubtful) = (true, false);
        Next::Do(self.error(answer::refused(refusal, directory.conformance)))
    }

    /// The record is gone, or it is not.
    pub(super) fn forgotten(&mut self, now: Instant, answer: Option<Answer>, report: Report) -> Next {
        match (report, answer) {
            (Report::Forgotten | Report::Failed(_), Some(answer)) => Next::Begin(Step::Respond(answer)),
            (Report::Forgotten, None) => Next::Begin(Step::Done),
            (Report::Failed(_), None) => {
                self.try_again(now);
                Next::Begin(Step::Done)
            }
            (_, answer) => Next::Again(Step::Forget(answer)),
        }
    }

    /// The session is over; from its deadline on it may be forgotten.
    pub(super) fn end(&mut self, now: Instant, ending: Ending, directory: &Directory) {
        self.state = State::Ended(ending);
        self.grace = false;
        let remembered = ending.is_remembered() && !directory.conformance.is_strict();
        self.deadline = if remembered { now.checked_add(directory.tombstone_lifetime) } else { Some(now) };
    }

    /// The bytes of a session that the server ended could not be deleted. One that was replaced must be remembered: its bytes
    /// wait for the end of that.
    pub(super) fn end_later(&mut self, now: Instant, ending: Ending, directory: &Directory) {
        match ending {
            Ending::Replaced => self.end(now, ending, directory),
            _ => self.try_again(now),
        }
    }

    pub(super) fn try_again(&mut self, now: Instant) {
        self.deadline = now.checked_add(TRY_AGAIN);
    }
}
