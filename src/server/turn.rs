//! Whose turn it is, and what a request gets when its turn has come.

use std::time::Instant;

use super::answer;
use super::directory::Directory;
use super::exchange::Exchange;
use super::input::Arrival;
use super::output::Output;
use super::placement::{Placement, place};
use super::session::Session;
use super::state::{AtWork, Ending, Notification, State, Step, Waiting, Wanted};
use crate::packet::{Ack, CancelSessionAck, CloseSessionAck, FragmentAck, Request};
use crate::vocabulary::ContentRange;

impl<O: Clone + Eq> Session<O> {
    /// A request for this session arrived. Returns its exchange and what to do first.
    ///
    /// One exchange works on a session at a time, and the newest wins: where another one is storing, the output is
    /// [`Output::Abort`]; where it does something that cannot be broken off, [`Output::Wait`].
    pub fn handle_request(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_, O>,
        directory: &Directory,
    ) -> (Exchange, Output) {
        let wanted = match arrival.request {
            Request::Fragment(fragment) => Wanted::Fragment(fragment.range),
            Request::CloseSession(_) => Wanted::Close,
            Request::CancelSession(_) => Wanted::Cancel,
            // Nothing that a session ever gets: `Directory::route` keeps them out.
            Request::CreateSession(_) | Request::Ping(_) => {
                return (Exchange::OUTSIDE, self.error(answer::invalid()));
            }
        };
        if let Some(error) = self.refusal(arrival, directory) {
            return (Exchange::OUTSIDE, self.error(error));
        }
        self.serial = self.serial.wrapping_add(1);
        let exchange = Exchange::new(self.id, self.serial);
        let output = match &mut self.at_work {
            None => {
                self.waiting = None;
                self.begin(now, exchange.serial(), wanted, directory)
            }
            Some(at_work) => {
                let older = Exchange::new(self.id, at_work.serial);
                self.waiting = Some(Box::new(Waiting { serial: exchange.serial(), wanted }));
                match at_work.step {
                    Step::Store { .. } => {
                        at_work.superseded = true;
                        Output::Abort(older)
                    }
                    _ => Output::Wait,
                }
            }
        };
        (exchange, output)
    }

    /// What an exchange must do now: for one that was told to [wait](Output::Wait), and for one that forgot.
    pub fn poll(&mut self, now: Instant, exchange: Exchange, directory: &Directory) -> Output {
        match (&self.at_work, &self.waiting) {
            (Some(at_work), _) if at_work.serial == exchange.serial() => self.current(&at_work.step),
            (Some(_), Some(waiting)) if waiting.serial == exchange.serial() => Output::Wait,
            (None, Some(waiting)) if waiting.serial == exchange.serial() => {
                let wanted = waiting.wanted;
                self.waiting = None;
                self.begin(now, exchange.serial(), wanted, directory)
            }
            // A newer exchange has taken its place, or it is over.
            _ => self.error(answer::busy()),
        }
    }

    /// The request's turn has come: nobody works on the session.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        serial: u32,
        wanted: Wanted,
        directory: &Directory,
    ) -> Output {
        match wanted {
            Wanted::Fragment(range) => self.begin_fragment(now, serial, range, directory),
            Wanted::Close => self.begin_close(now, serial, directory),
            Wanted::Cancel => self.begin_cancel(serial, directory),
        }
    }

    fn begin_fragment(
        &mut self,
        now: Instant,
        serial: u32,
        range: Option<ContentRange>,
        directory: &Directory,
    ) -> Output {
        let total = range.map_or(0, |range| range.total());
        match self.state {
            State::Opening | State::Ended(_) => return self.error(answer::session_not_found()),
            _ if self.total.is_some_and(|known| known != total) => {
                return self.fragment_error(answer::invalid());
            }
            State::WaitingForClose => {
                self.prolong(now, directory);
                return self.fragment_ack();
            }
            State::Notifying => return self.notify(serial, Wanted::Fragment(range)),
            State::Receiving => {}
        }
        // Known from the first Fragment on, even a refused one: a Close after it must not publish an empty entity.
        self.total = Some(total);
        if total > directory.max_upload_size {
            return self.fragment_error(answer::too_large());
        }
        let Some(range) = range else { return self.complete(now, serial, Wanted::Fragment(None), directory) };
        if range.len() > directory.max_fragment_size {
            return self.fragment_error(answer::fragment_too_large());
        }
        match place(range, self.next, directory.conformance) {
            Placement::New(store) => {
                let length = store.range.end.saturating_sub(store.range.start);
                self.work(serial, Step::Store { skip: store.skip, length, total, range })
            }
            Placement::Repeat => {
                self.prolong(now, directory);
                self.fragment_ack()
            }
            Placement::OutOfStep => {
                self.prolong(now, directory);
                Output::Respond(Ack::Fragment(FragmentAck::out_of_step(self.session_id(), self.next)))
            }
        }
    }

    fn begin_close(&mut self, now: Instant, serial: u32, directory: &Directory) -> Output {
        match self.state {
            State::WaitingForClose if self.notification.copies_to_destination() => {
                self.work(serial, Step::Publish)
            }
            State::WaitingForClose => self.work(serial, Step::Discard(Ending::Closed)),
            // No Fragment was ever seen: the entity is empty (C13).
            State::Receiving if self.total.is_none() => {
                self.total = Some(0);
                self.complete(now, serial, Wanted::Close, directory)
            }
            State::Notifying if self.total == Some(0) => self.notify(serial, Wanted::Close),
            // Bytes are missing, or the application has not taken the entity: nothing is published, nothing is lost (C12).
            State::Receiving | State::Notifying => self.error(answer::invalid()),
            State::Ended(Ending::Closed) if !directory.conformance.is_strict() => self.close_ack(),
            State::Opening | State::Ended(_) => self.error(answer::session_not_found()),
        }
    }

    fn begin_cancel(&mut self, serial: u32, directory: &Directory) -> Output {
        match self.state {
            State::Receiving | State::Notifying | State::WaitingForClose => {
                self.work(serial, Step::Discard(Ending::Cancelled))
            }
            State::Ended(Ending::Closed | Ending::Cancelled) if !directory.conformance.is_strict() => {
                self.cancel_ack()
            }
            State::Opening | State::Ended(_) => self.error(answer::session_not_found()),
        }
    }

    /// The last byte is there: the application hears of it first, if there is one.
    pub(super) fn complete(
        &mut self,
        now: Instant,
        serial: u32,
        wanted: Wanted,
        directory: &Directory,
    ) -> Output {
        self.prolong(now, directory);
        self.state = State::complete(directory);
        self.begin(now, serial, wanted, directory)
    }

    /// Notify the application, and then go on with what was wanted; unless its answer was final.
    fn notify(&mut self, serial: u32, wanted: Wanted) -> Output {
        match &self.notification {
            Notification::Refused(error) => self.error_for(wanted, **error),
            Notification::Due | Notification::Taken(_) => self.work(serial, Step::Notify(wanted)),
        }
    }

    pub(super) fn work(&mut self, serial: u32, step: Step) -> Output {
        let output = self.current(&step);
        self.at_work = Some(Box::new(AtWork { serial, step, superseded: false }));
        output
    }

    /// What the exchange at work was asked to do.
    pub(super) fn current(&self, step: &Step) -> Output {
        match *step {
            Step::Open => Output::Open,
            Step::Store { skip, length, total, .. } => Output::Store(super::output::Store {
                skip,
                range: self.next..self.next.saturating_add(length),
                total,
            }),
            Step::Notify(_) => Output::Notify,
            Step::Publish => Output::Publish,
            Step::Discard(_) => Output::Discard,
        }
    }

    pub(super) fn close_ack(&self) -> Output {
        Output::Respond(Ack::CloseSession(CloseSessionAck { session_id: Some(self.session_id()) }))
    }

    pub(super) fn cancel_ack(&self) -> Output {
        Output::Respond(Ack::CancelSession(CancelSessionAck { session_id: Some(self.session_id()) }))
    }
}
