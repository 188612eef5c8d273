//! Validates a snapshot before it is restored: one that no session can have made is corrupt, or something else's.

use http::StatusCode;
use http::uri::PathAndQuery;

use super::snapshot::Snapshot;
use super::state::{Answer, AtWork, Ending, Notification, State, Step, Wanted};
use crate::packet::Ack;
use crate::vocabulary::ContentRange;
use crate::vocabulary::limits::{MAX_ENTITY_SIZE, MAX_REPLY_URL};

impl<O> Snapshot<O> {
    /// The first thing in the snapshot that no session can have, if there is one.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        [
            ("the destination", self.destination.parse::<PathAndQuery>().is_ok()),
            ("the size of the entity", self.total.is_none_or(|total| total <= MAX_ENTITY_SIZE)),
            ("the number of bytes received", self.next <= self.total.unwrap_or(0)),
            ("the state", self.state_fits()),
            ("the notification", self.notification_fits()),
            ("the exchanges", self.exchanges_fit()),
            ("the step at work", self.step_fits()),
        ]
        .into_iter()
        .find_map(|(what, holds)| (!holds).then_some(what))
    }

    fn state_fits(&self) -> bool {
        let fits = match self.state {
            State::Opening | State::Ended(Ending::Refused) => self.total.is_none() && !self.unreadable,
            State::Receiving => !self.is_complete(),
            State::Notifying | State::WaitingForClose => self.is_complete(),
            // Where storage lost the entity, or had published it, the record may be behind.
            State::Ended(_) => true,
        };
        fits && !(self.unreadable && self.total.is_some())
            && (!self.doubtful || matches!(self.state, State::WaitingForClose | State::Ended(_)))
    }

    fn is_complete(&self) -> bool {
        self.total == Some(self.next)
    }

    fn notification_fits(&self) -> bool {
        match &self.notification {
            Notification::Due => true,
            Notification::Refused(error) => {
                self.state != State::Opening && error.status == StatusCode::FORBIDDEN
            }
            Notification::Taken(notified) => {
                let url = notified.reply_url.as_ref();
                matches!(self.state, State::WaitingForClose | State::Ended(_))
                    && url.is_none_or(|url| url.as_bytes().len() <= MAX_REPLY_URL)
            }
        }
    }

    /// Serials count up, and each belongs to one exchange.
    fn exchanges_fit(&self) -> bool {
        let working = self.at_work.as_ref().map(|at_work| at_work.serial);
        let waiting = self.waiting.map(|waiting| waiting.serial);
        let answered = self.answered.as_ref().map(|answered| answered.serial);
        let known = [working, waiting, answered];
        let unique = |one: Option<u64>, other: Option<u64>| one.is_none() || one != other;
        let superseded = self.at_work.as_ref().is_some_and(|AtWork { superseded, step, .. }| {
            *superseded && !matches!(step, Step::Store { .. })
        });
        known.iter().flatten().all(|&serial| serial > 0 && serial <= self.serial)
            && unique(working, waiting)
            && unique(working, answered)
            && unique(waiting, answered)
            && waiting.is_none_or(|waiting| working.is_none_or(|working| working < waiting))
            && !superseded
    }

    fn step_fits(&self) -> bool {
        let Some(AtWork { step, saving, .. }) = &self.at_work else { return true };
        let kept = |answer: &Answer| !matches!(answer, Answer::Other(ack) if matches!(**ack, Ack::Ping(_)));
        match (self.state, step) {
            _ if *saving
                && !matches!(step, Step::Publish | Step::Discard(_) | Step::Respond(_) | Step::Done) =>
            {
                false
            }
            (State::Opening, Step::Open) => true,
            (State::Receiving, Step::Store { range }) => {
                self.is_of_the_entity(Some(*range)) && (range.first()..range.end()).contains(&self.next)
            }
            (State::Notifying, Step::Notify(wanted)) => {
                self.notification == Notification::Due
                    && match wanted {
                        Wanted::Fragment(range) => self.is_of_the_entity(*range),
                        Wanted::Close => self.total == Some(0),
                        _ => false,
                    }
            }
            (State::WaitingForClose, Step::Publish | Step::Discard(Ending::Lost)) => {
                self.notification.copies_to_destination()
            }
            (State::WaitingForClose, Step::Discard(Ending::Closed)) => {
                !self.notification.copies_to_destination()
            }
            (
                State::Receiving | State::Notifying | State::WaitingForClose,
                Step::Discard(Ending::Cancelled),
            ) => true,
            (State::Ended(ended), Step::Discard(ending)) => ending.is_unasked() && ended.is_unasked(),
            (State::Receiving, Step::Undo(answer)) => kept(answer),
            (State::Ended(_), Step::Forget(answer)) => answer.as_ref().is_none_or(kept),
            // Only what is saved for is at work.
            (_, Step::Respond(answer)) => *saving && kept(answer),
            (_, Step::Done) => *saving,
            _ => false,
        }
    }

    /// Whether a Fragment of this range belongs to the entity; one without a range belongs to an empty one.
    fn is_of_the_entity(&self, range: Option<ContentRange>) -> bool {
        self.total == Some(range.map_or(0, |range| range.total()))
    }
}
