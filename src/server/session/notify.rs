//! The notification of the server application (§3.2.5.1.3).

use std::time::Instant;

use http::StatusCode;

use super::Session;
use super::state::{Notification, State, Step, Wanted};
use super::turn::Next;
use crate::server::{Directory, Notified, Refusal, Report, answer};
use crate::vocabulary::limits::MAX_REPLY_URL;

impl<O: Clone + Eq> Session<O> {
    /// Notify the application, and then go on with what was wanted; unless its answer was final.
    pub(super) fn notify(&self, wanted: Wanted) -> Step {
        match &self.notification {
            Notification::Refused(error) => self.error_for(wanted, **error),
            Notification::Due | Notification::Taken(_) => Step::Notify(wanted),
        }
    }

    pub(super) fn notified(
        &mut self,
        now: Instant,
        wanted: Wanted,
        report: Report,
        directory: &Directory,
    ) -> Next {
        Next::Do(match report {
            Report::Notified(notified) => self.taken(now, wanted, notified, directory),
            Report::Failed(refusal) => self.not_taken(wanted, refusal, directory),
            _ => return Next::Again(Step::Notify(wanted)),
        })
    }

    /// The application took the entity: go on with what was wanted.
    fn taken(&mut self, now: Instant, wanted: Wanted, notified: Notified, directory: &Directory) -> Step {
        if notified.reply_url.as_ref().is_some_and(|url| url.as_bytes().len() > MAX_REPLY_URL) {
            return self.error_for(wanted, answer::invalid());
        }
        self.prolong(now, directory);
        self.notification = Notification::Taken(Box::new(notified));
        (self.state, self.unsaved) = (State::WaitingForClose, true);
        self.begin(now, wanted, directory)
    }

    /// The entity stays complete, and the client's repeat notifies again; but never after a 403.
    fn not_taken(&mut self, wanted: Wanted, refusal: Refusal, directory: &Directory) -> Step {
        let error = answer::refused(refusal, directory.conformance);
        if error.status == StatusCode::FORBIDDEN {
            self.notification = Notification::Refused(Box::new(error));
            self.unsaved = true;
        }
        self.error_for(wanted, error)
    }

    /// Reports that a part of the application's reply was served. This is progress ([C74]), which prolongs the session.
    ///
    /// [C74]: crate::manual::decisions#c74
    pub fn handle_reply_served(&mut self, now: Instant, directory: &Directory) {
        if self.state == State::WaitingForClose
            && self.notification.reply_url().is_some()
            && !self.is_due(now)
        {
            self.prolong(now, directory);
        }
    }
}
