//! How an upload comes to rest.

use super::failure::{Failure, Reason};
use super::output::Event;
use super::state::{Goal, Hold};
use super::upload::Upload;
use crate::hresult::Hresult;
use crate::packet::PacketType;

impl Upload {
    /// It cannot go on by itself. A session that was to go is left to its timeout.
    pub(super) fn fatal(&mut self, failure: Failure) {
        match self.goal {
            Goal::Complete => self.fail(failure),
            Goal::StartOver => self.forget_session(),
            // The server did not close the session, so it has one to cancel.
            Goal::Cancel | Goal::Withdraw if failure.packet == Some(PacketType::CloseSession) => {}
            Goal::Cancel | Goal::Withdraw => self.left(false),
        }
    }

    /// Nothing more can be done, not even about a session that is to go.
    pub(super) fn give_up(&mut self, failure: Failure) {
        if self.is_leaving() {
            self.left(false);
        } else if self.hold != Hold::Failed {
            self.fail(failure);
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.hold = Hold::Failed;
        self.timers.stop_all();
        self.tell(Event::Failed(failure));
    }

    pub(super) fn completed(&mut self, confirmed: bool) {
        self.hold = Hold::Completed;
        self.timers.stop_all();
        self.tell(Event::Completed { confirmed });
    }

    pub(super) const fn is_leaving(&self) -> bool {
        matches!(self.goal, Goal::Cancel | Goal::Withdraw)
    }

    /// The session is gone, or left to its server's timeout.
    pub(super) fn left(&mut self, confirmed: bool) {
        self.forget_session();
        if self.goal == Goal::Withdraw {
            let code = Some(Hresult::BG_E_LOCAL_FILE_CHANGED);
            return self.fail(Failure { code, ..Failure::new(Reason::SourceChanged, None) });
        }
        self.hold = Hold::Cancelled;
        self.timers.stop_all();
        self.tell(Event::Cancelled { confirmed });
    }

    pub(super) fn suspended(&mut self) {
        self.hold = Hold::Suspended;
        self.timers.stop_all();
        self.tell(Event::Suspended);
    }
}
