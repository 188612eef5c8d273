//! Close-Session: the entity is published (C30).

use std::time::Instant;

use super::Session;
use super::state::{Ending, Size, State, Step, Wanted};
use super::turn::Next;
use crate::server::{Directory, Refusal, Report, answer};

impl<O: Clone + Eq> Session<O> {
    pub(super) fn begin_close(&mut self, now: Instant, directory: &Directory) -> Step {
        match self.state {
            State::WaitingForClose if self.notification.copies_to_destination() => Step::Publish,
            State::WaitingForClose => Step::Discard(Ending::Closed),
            // No Fragment was ever seen: the entity is empty (C13).
            State::Receiving if self.size == Size::Unseen => {
                self.size = Size::Known(0);
                self.complete(now, Wanted::Close, directory)
            }
            State::Notifying if self.total() == Some(0) => self.notify(Wanted::Close),
            // Bytes are missing, or the application has not taken the entity: nothing is published, nothing is lost (C12,
            // C24, Q54).
            State::Receiving | State::Notifying => self.error(answer::invalid()),
            State::Ended(Ending::Closed) if !directory.conformance.is_strict() => self.close_ack(),
            State::Opening | State::Ended(_) => self.error(answer::session_not_found()),
        }
    }

    pub(super) fn published(&mut self, now: Instant, report: Report, directory: &Directory) -> Next {
        let refusal = match report {
            Report::Published => return Next::Do(self.closed(now, directory)),
            // A task that died had published it.
            Report::Failed(Refusal::EntityMissing) if self.doubtful => {
                return Next::Do(self.closed(now, directory));
            }
            Report::Failed(Refusal::EntityMissing) => return Next::Do(Step::Discard(Ending::Lost)),
            Report::Failed(refusal) => refusal,
            _ => return Next::Again(Step::Publish),
        };
        // The record says that it is being published: that is taken back before the answer.
        self.unsaved = true;
        Next::Do(self.error(answer::refused(refusal, directory.conformance)))
    }

    pub(super) fn closed(&mut self, now: Instant, directory: &Directory) -> Step {
        self.end(now, Ending::Closed, directory);
        self.close_ack()
    }
}
