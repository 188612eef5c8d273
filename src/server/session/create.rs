//! Create-Session: a session is opened, or taken back.

use std::time::Instant;

use super::activity::{Activities, Activity};
use super::state::{Answer, AtWork, Ending, Notification, Size, State, Step};
use super::turn::Next;
use super::{EMPTY_SESSION_TIMEOUT, Session};
use crate::packet::Ack;
use crate::server::{Arrival, Directory, Exchange, Report, answer};
use crate::vocabulary::Guid;

impl<O: Clone + Eq> Session<O> {
    /// Opens a session for a Create-Session that [was routed here](crate::server::Route::Create). Returns it with its first
    /// exchange.
    ///
    /// `id` is its id, which must be hard to guess: use [`Guid::from_random`] with sixteen bytes from the operating system's
    /// generator.
    ///
    /// A session without a byte lives for an hour, or for the timeout if that is less.
    pub fn open(now: Instant, id: Guid, arrival: &Arrival<'_, O>, directory: &Directory) -> (Self, Exchange) {
        let first = 1;
        let at_work = AtWork { serial: first, step: Step::Open, saving: false, superseded: false };
        let session = Self {
            id,
            owner: arrival.owner.clone(),
            destination: arrival.destination().into(),
            state: State::Opening,
            next: 0,
            size: Size::Unseen,
            notification: Notification::Due,
            activity: Activities::new(Activity { at_work: Some(at_work), ..Activity::default() }),
            serial: first,
            deadline: now.checked_add(directory.session_timeout.min(EMPTY_SESSION_TIMEOUT)),
            saved_deadline: None,
            unsaved: true,
            doubtful: false,
            grace: false,
        };
        (session, Exchange::new(id, first))
    }

    /// The caller said whether the upload may start.
    pub(super) fn opened(&mut self, now: Instant, report: Report, directory: &Directory) -> Next {
        match report {
            Report::Opened => {
                self.state = State::Receiving;
                Next::Do(self.create_ack(directory))
            }
            // The answer names no session, for there is none.
            Report::Failed(refusal) => {
                self.end(now, Ending::Refused, directory);
                Next::Do(Step::respond(Ack::Error(answer::refused(refusal, directory.conformance))))
            }
            _ => Next::Again(Step::Open),
        }
    }

    /// What was opened for a Create that could not be saved is gone, as far as it goes. Its record may be there all the same.
    pub(super) fn undone(
        &mut self,
        now: Instant,
        answer: Answer,
        report: Report,
        directory: &Directory,
    ) -> Next {
        match report {
            Report::Discarded | Report::Failed(_) => {
                self.end(now, Ending::Refused, directory);
                Next::Begin(Step::Forget(Some(answer)))
            }
            _ => Next::Again(Step::Undo(answer)),
        }
    }
}
