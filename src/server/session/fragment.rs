//! Fragment: its bytes are placed and counted.

use std::time::Instant;

use http::StatusCode;

use super::Session;
use super::placement::{Placement, place};
use super::state::{Size, State, Step, Wanted};
use super::turn::Next;
use crate::packet::ErrorAck;
use crate::server::directory::Keep;
use crate::server::{Directory, Report, answer};
use crate::vocabulary::ContentRange;

impl<O: Clone + Eq> Session<O> {
    pub(super) fn begin_fragment(
        &mut self,
        now: Instant,
        range: Option<ContentRange>,
        directory: &Directory,
    ) -> Step {
        let total = range.map_or(0, |range| range.total());
        match self.state {
            State::Opening | State::Ended(_) => return self.error(answer::session_not_found()),
            _ if self.total().is_some_and(|known| known != total) => {
                return self.fragment_error(answer::invalid());
            }
            State::WaitingForClose => return self.fragment_ack(),
            State::Notifying => return self.notify(Wanted::Fragment(range)),
            State::Receiving => {}
        }
        // Known from the first Fragment on, even a refused one: a Close after it must not publish an empty entity.
        if self.total().is_none() {
            (self.size, self.unsaved) = (Size::Known(total), true);
        }
        if total > directory.max_upload_size {
            return self.fragment_error(answer::too_large());
        }
        let Some(range) = range else { return self.complete(now, Wanted::Fragment(None), directory) };
        if range.len() > directory.max_fragment_size {
            return self.fragment_error(answer::fragment_too_large());
        }
        match place(range, self.next, directory.conformance) {
            Placement::New => Step::Store { range },
            Placement::Repeat => self.fragment_ack(),
            Placement::OutOfStep => self.out_of_step(),
        }
    }

    /// A Fragment that cannot be read still was a Fragment: the entity is not empty (C70).
    pub(super) fn begin_unreadable(&mut self, status: u16) -> Step {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let error = ErrorAck { status, ..answer::invalid() };
        // What is wrong with the head is found before the session is.
        if matches!(self.state, State::Opening | State::Ended(_)) {
            return self.error(error);
        }
        if self.size == Size::Unseen {
            (self.size, self.unsaved) = (Size::Unreadable, true);
        }
        self.fragment_error(error)
    }

    /// Bytes last, or some of them, whatever else happened.
    pub(super) fn stored(
        &mut self,
        now: Instant,
        range: ContentRange,
        report: Report,
        superseded: bool,
        directory: &Directory,
    ) -> Next {
        let length = range.end().saturating_sub(self.next);
        let (stored, refusal) = match report {
            Report::Stored(stored) => (stored, None),
            Report::StoredPart(stored, refusal) => (stored, Some(refusal)),
            Report::Failed(refusal) => (0, Some(refusal)),
            _ => return Next::Again(Step::Store { range }),
        };
        let whole = self.advance(now, stored, length, directory);
        match refusal.map(|refusal| answer::refused(refusal, directory.conformance)) {
            // The newer exchange goes on from here and saves. This one's client has gone.
            None if superseded => Next::GiveWay,
            Some(error) if superseded => Next::Begin(self.error(error)),
            Some(error) => Next::Do(self.fragment_error(error)),
            None if !whole => Next::Do(self.fragment_error(answer::invalid())),
            None if self.state == State::Receiving => Next::Do(self.fragment_ack()),
            None => Next::Do(self.begin(now, Wanted::Fragment(Some(range)), directory)),
        }
    }

    /// Counts what was stored of a range of `length` bytes; whether that was all of it.
    fn advance(&mut self, now: Instant, stored: u64, length: u64, directory: &Directory) -> bool {
        let stored = stored.min(length);
        if stored > 0 {
            self.next = self.next.saturating_add(stored);
            self.prolong(now, directory);
            self.unsaved |= directory.keep == Keep::Records;
        }
        if self.total() == Some(self.next) {
            self.state = State::complete(directory);
        }
        stored == length
    }

    /// The last byte is there: the application hears of it first, if there is one.
    pub(super) fn complete(&mut self, now: Instant, wanted: Wanted, directory: &Directory) -> Step {
        (self.state, self.unsaved) = (State::complete(directory), true);
        self.begin(now, wanted, directory)
    }
}
