//! Saving: when a record must be written, and what follows.

use std::time::Instant;

use super::Session;
use super::state::{Ending, State, Step};
use super::turn::Next;
use crate::packet::Ack;
use crate::server::{Directory, Refusal, Report, answer};

impl<O: Clone + Eq> Session<O> {
    /// Whether the record must be saved before an answer goes out. The record of a session that ended was saved before its
    /// end, with the intent; it is saved again only to say that its grace was given. One that was never opened has none.
    pub(super) fn must_save_to_answer(&self, directory: &Directory) -> bool {
        let changes = self.unsaved || self.is_stale(directory);
        let has_record = match self.state {
            State::Opening => false,
            State::Ended(_) => self.grace,
            _ => true,
        };
        directory.keep.saves() && changes && has_record
    }

    /// Whether the session has so much more time than its record says that a restart would end it early (by more than an
    /// eighth of the timeout).
    pub(in crate::server) fn is_stale(&self, directory: &Directory) -> bool {
        match (self.saved_deadline, self.deadline) {
            (Some(saved), Some(deadline)) => {
                let behind = deadline.saturating_duration_since(saved);
                behind.saturating_mul(8) > directory.session_timeout
            }
            _ => false,
        }
    }

    /// The record lasts, or it may not: go on with the step that it was saved for, or answer that.
    pub(super) fn saved(&mut self, now: Instant, step: Step, report: Report, directory: &Directory) -> Next {
        let refusal = match report {
            Report::Saved => {
                self.unsaved = false;
                self.saved_deadline = self.deadline;
                return Next::Begin(step);
            }
            Report::Failed(refusal) => refusal,
            _ => return Next::Again(step),
        };
        self.unsaved = true;
        Next::Begin(self.not_saved(now, step, refusal, directory))
    }

    /// The record is the one before or the new one, and it is unknown which: nothing is done that needs to know, and the
    /// answer names no offset.
    fn not_saved(&mut self, now: Instant, step: Step, refusal: Refusal, directory: &Directory) -> Step {
        let error = answer::refused(refusal, directory.conformance);
        match step {
            // The client never learned of the session: its answer names none.
            Step::Respond(created) if created.is_of_create() => Step::Undo(Ack::Error(error).into()),
            Step::Discard(ending @ (Ending::Replaced | Ending::Expired)) => {
                self.end_later(now, ending, directory);
                Step::Done
            }
            // It is saved with the next answer.
            Step::Done => Step::Done,
            _ => self.error(error),
        }
    }
}
