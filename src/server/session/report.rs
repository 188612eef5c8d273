//! What was done, and what comes of it.

use std::time::Instant;

use http::StatusCode;

use super::answer;
use super::directory::Directory;
use super::exchange::Exchange;
use super::input::{Notified, Refusal, Report};
use super::output::Output;
use super::session::Session;
use super::state::{AtWork, Ending, Notification, State, Step, Wanted};
use crate::packet::{Ack, ErrorAck};
use crate::vocabulary::limits::MAX_REPLY_URL;

impl<O: Clone + Eq> Session<O> {
    /// A task did what its exchange was asked to do, or failed. Returns what to do next.
    ///
    /// A report of an exchange that was given up changes nothing; one that does not belong to the step that was asked
    /// for brings that step again.
    pub fn handle_report(
        &mut self,
        now: Instant,
        exchange: Exchange,
        report: Report,
        directory: &Directory,
    ) -> Output {
        match self.at_work.take() {
            Some(at_work) if at_work.serial == exchange.serial() => {
                self.done(now, *at_work, report, directory)
            }
            other => {
                self.at_work = other;
                if report == Report::Abandoned {
                    self.waiting = self.waiting.take().filter(|waiting| waiting.serial != exchange.serial());
                }
                self.poll(now, exchange, directory)
            }
        }
    }

    fn done(&mut self, now: Instant, at_work: AtWork, report: Report, directory: &Directory) -> Output {
        let (serial, superseded) = (at_work.serial, at_work.superseded);
        match (at_work.step, report) {
            (Step::Open, Report::Opened) => {
                self.state = State::Receiving;
                self.create_ack(directory)
            }
            (Step::Open, Report::Failed { refusal, .. }) => {
                self.refuse(answer::refused(refusal, directory.conformance))
            }
            (Step::Open, Report::Abandoned) => self.refuse(answer::busy()),
            (Step::Store { length, range, .. }, Report::Stored(bytes)) => {
                match self.advance(now, bytes, length, directory) {
                    // A newer exchange goes on from here.
                    _ if superseded => self.fragment_error(answer::busy()),
                    true if self.state == State::Receiving => self.fragment_ack(),
                    true => self.begin(now, serial, Wanted::Fragment(Some(range)), directory),
                    // The body ended before its announced length: the connection broke, or its head lied (Q53).
                    false => self.fragment_error(answer::invalid()),
                }
            }
            (Step::Store { length, .. }, Report::Failed { stored, refusal }) => {
                self.advance(now, stored, length, directory);
                self.fragment_error(answer::refused(refusal, directory.conformance))
            }
            (Step::Notify(wanted), Report::Notified(notified)) => {
                self.notified(now, serial, wanted, notified, directory)
            }
            (Step::Notify(wanted), Report::Failed { refusal, .. }) => {
                self.not_notified(wanted, refusal, directory)
            }
            (Step::Publish, Report::Published) => {
                self.end(Ending::Closed);
                self.close_ack()
            }
            (Step::Publish, Report::Failed { refusal: Refusal::EntityMissing, .. }) => {
                self.work(serial, Step::Discard(Ending::Lost))
            }
            (Step::Discard(ending), Report::Discarded) => self.discarded(ending, directory),
            (Step::Publish | Step::Discard(_), Report::Failed { refusal, .. }) => {
                self.error(answer::refused(refusal, directory.conformance))
            }
            // Whatever the step was, it is as if it had never begun.
            (_, Report::Abandoned) => self.error(answer::busy()),
            (step, _) => {
                let output = self.current(&step);
                self.at_work = Some(Box::new(AtWork { serial, step, superseded }));
                output
            }
        }
    }

    /// The upload may not start: the answer names no session, for there is none, and the request named none.
    fn refuse(&mut self, error: ErrorAck) -> Output {
        self.end(Ending::Refused);
        Output::Respond(Ack::Error(error))
    }

    /// Counts what was stored of a range of `length` bytes; whether that was all of it.
    fn advance(&mut self, now: Instant, stored: u64, length: u64, directory: &Directory) -> bool {
        let stored = stored.min(length);
        if stored > 0 {
            self.next = self.next.saturating_add(stored);
            self.prolong(now, directory);
        }
        if self.total == Some(self.next) {
            self.state = State::complete(directory);
        }
        stored == length
    }

    /// The application took the entity: go on with what was wanted.
    fn notified(
        &mut self,
        now: Instant,
        serial: u32,
        wanted: Wanted,
        notified: Notified,
        directory: &Directory,
    ) -> Output {
        if notified.reply_url.as_ref().is_some_and(|url| url.as_bytes().len() > MAX_REPLY_URL) {
            return self.error_for(wanted, answer::invalid());
        }
        self.notification = Notification::Taken(Box::new(notified));
        self.state = State::WaitingForClose;
        self.begin(now, serial, wanted, directory)
    }

    /// The entity stays complete, and the client's repeat notifies again; but never after a 403.
    fn not_notified(&mut self, wanted: Wanted, refusal: Refusal, directory: &Directory) -> Output {
        let error = answer::refused(refusal, directory.conformance);
        if error.status == StatusCode::FORBIDDEN {
            self.notification = Notification::Refused(Box::new(error));
        }
        self.error_for(wanted, error)
    }

    fn discarded(&mut self, ending: Ending, directory: &Directory) -> Output {
        self.end(ending);
        match ending {
            Ending::Closed => self.close_ack(),
            Ending::Cancelled => self.cancel_ack(),
            _ => self.error(answer::refused(Refusal::EntityMissing, directory.conformance)),
        }
    }

    pub(super) fn error_for(&self, wanted: Wanted, error: ErrorAck) -> Output {
        match wanted {
            Wanted::Fragment(_) => self.fragment_error(error),
            Wanted::Close | Wanted::Cancel => self.error(error),
        }
    }
}
