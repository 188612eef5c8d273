//! How an upload comes to rest.

use http::StatusCode;

use super::failure::{Failure, Reason};
use super::output::Event;
use super::state::{Goal, Hold, Timer};
use super::upload::Upload;
use crate::packet::PacketType;
use crate::vocabulary::Hresult;

impl Upload {
    /// The server refused. A session that was to go before the next is left to its timeout.
    pub(super) fn fatal(&mut self, failure: Failure) {
        self.close_refused = failure.packet == Some(PacketType::CloseSession)
            && failure.status == Some(StatusCode::BAD_REQUEST);
        if self.goal == Goal::StartOver && failure.packet == Some(PacketType::CancelSession) {
            self.forget_session();
        } else {
            self.stop(failure);
        }
    }

    /// It cannot go on by itself. A session that was to go is left to its timeout.
    pub(super) fn stop(&mut self, failure: Failure) {
        match self.goal {
            Goal::Complete | Goal::StartOver => self.fail(failure),
            // The server did not close the session, so it has one to cancel.
            Goal::Cancel | Goal::Withdraw if failure.packet == Some(PacketType::CloseSession) => {}
            Goal::Cancel | Goal::Withdraw => self.left(false),
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.hold = Hold::Failed;
        self.rest();
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
        self.rest();
        self.tell(Event::Suspended);
    }

    /// Nothing happens until the caller wants it; only the time of a host that is out of reach goes on (C33).
    fn rest(&mut self) {
        for timer in [Timer::Request, Timer::Response, Timer::Retry, Timer::Pace, Timer::GiveUp] {
            self.timers.stop(timer);
        }
    }
}
