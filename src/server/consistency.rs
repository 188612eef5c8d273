//! What a session can be: a snapshot that is anything else is corrupt, or something else's.

use http::StatusCode;
use http::uri::PathAndQuery;

use super::snapshot::Snapshot;
use super::state::{AtWork, Ending, Notification, State, Step, Wanted};
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
        match self.state {
            State::Opening | State::Ended(Ending::Refused) => self.total.is_none(),
            State::Receiving => !self.is_complete(),
            State::Notifying | State::WaitingForClose | State::Ended(Ending::Closed | Ending::Lost) => {
                self.is_complete()
            }
            State::Ended(Ending::Cancelled | Ending::Expired) => true,
        }
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

    /// Serials count up, and around at the end: whatever is not ahead of the counter has been.
    fn exchanges_fit(&self) -> bool {
        let waits = self.waiting.is_none_or(|waiting| waiting.serial == self.serial);
        let works = self.at_work.as_ref().is_none_or(|AtWork { serial, step, superseded }| {
            let newer = self.serial.wrapping_sub(*serial);
            let can_be_superseded = newer > 0 && matches!(step, Step::Store { .. });
            newer <= u32::MAX / 2
                && (newer > 0 || self.waiting.is_none())
                && (!superseded || can_be_superseded)
        });
        waits && works
    }

    fn step_fits(&self) -> bool {
        let Some(AtWork { step, .. }) = &self.at_work else { return self.state != State::Opening };
        match (self.state, step) {
            (State::Opening, Step::Open) => true,
            (State::Receiving, &Step::Store { skip, length, total, range }) => {
                self.total == Some(total)
                    && self.is_of_the_entity(Some(range))
                    && range.first().checked_add(skip) == Some(self.next)
                    && self.next.checked_add(length) == Some(range.end())
                    && length > 0
            }
            (State::Notifying, Step::Notify(wanted)) => {
                self.notification == Notification::Due
                    && match wanted {
                        Wanted::Fragment(range) => self.is_of_the_entity(*range),
                        Wanted::Close => self.total == Some(0),
                        Wanted::Cancel => false,
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
            _ => false,
        }
    }

    /// Whether a Fragment of this range belongs to the entity; one without a range belongs to an empty one.
    fn is_of_the_entity(&self, range: Option<ContentRange>) -> bool {
        self.total == Some(range.map_or(0, |range| range.total()))
    }
}
