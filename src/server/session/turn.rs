//! Turn taking: which exchange works on a session, and the step that each report leads to.

use std::time::Instant;

use super::Session;
use super::activity::Activity;
use super::state::{Answered, AtWork, State, Step, Waiting, Wanted};
use crate::packet::{Ack, ErrorAck, Request};
use crate::server::answer;
use crate::server::directory::{Directory, OwnerCheck};
use crate::server::{Arrival, Ending, Exchange, Output, Report, Signal, Store};

impl<O: Clone + Eq> Session<O> {
    /// Takes a request for this session. Returns its exchange: ask for its output next.
    ///
    /// One exchange works on a session at a time, and the newest wins: where another one is storing, that one is told to
    /// stop; where another one does what cannot be broken off, the newest waits.
    ///
    /// # Errors
    /// The answer, if the client may not use the session: another owner, another destination, or a session whose time has
    /// passed. Nothing has changed then.
    pub fn handle_request(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_, O>,
        directory: &Directory,
    ) -> Result<Exchange, Box<Ack<'static>>> {
        self.admit(now, arrival, directory).map(|wanted| self.join(wanted))
    }

    /// What the request wants of the session; or the answer, where it may not use it at all: its owner, then its destination,
    /// then its time.
    fn admit(
        &self,
        now: Instant,
        arrival: &Arrival<'_, O>,
        directory: &Directory,
    ) -> Result<Wanted, Box<Ack<'static>>> {
        let refused = |error| {
            Box::new(match &arrival.packet {
                // What is wrong with the head is found first, and tells nothing of the session.
                Err(unreadable) => Ack::Error(unreadable.to_ack()),
                Ok(_) => self.error_ack(error),
            })
        };
        let checked = directory.owner_check == OwnerCheck::EveryPacket || directory.conformance.is_strict();
        if checked && *arrival.owner != self.owner {
            return Err(refused(answer::access_denied()));
        }
        if !directory.is_same_destination(arrival.destination(), &self.destination) {
            let is_fragment = matches!(arrival.packet, Ok(Request::Fragment(_)));
            let received = (is_fragment && self.is_durable(directory)).then_some(self.next);
            return Err(refused(ErrorAck { received, ..answer::invalid() }));
        }
        let wanted = wanted(arrival).ok_or_else(|| refused(answer::invalid()))?;
        match self.unasked_end() {
            // Told anything else, it would start over again and again, and the newer session with it.
            Some(Ending::Replaced) => Err(refused(answer::access_denied())),
            Some(_) => Err(refused(answer::session_not_found())),
            None if self.is_due(now) => Err(refused(answer::session_not_found())),
            None => Ok(wanted),
        }
    }

    /// The end that the server has given the session, or is about to give it: nobody waits for that.
    fn unasked_end(&self) -> Option<Ending> {
        let activity = self.activity.get();
        let forgets = |at_work: &AtWork| matches!(at_work.step, Step::Forget(_));
        match (self.state, activity.and_then(|activity| activity.waiting)) {
            (State::Ended(ending), _) if ending.is_unasked() => Some(ending),
            (_, Some(Waiting { wanted: Wanted::End(ending), .. })) => Some(ending),
            (State::Ended(ending), _) => {
                let at_work = activity.and_then(|activity| activity.at_work.as_ref());
                at_work.is_some_and(forgets).then_some(ending)
            }
            _ => None,
        }
    }

    /// Whether what counts would count after a crash as well.
    fn is_durable(&self, directory: &Directory) -> bool {
        self.at_work().is_none() && !(directory.keep.saves() && self.unsaved)
    }

    /// The newest exchange waits for its turn, in place of one that waited before.
    pub(super) fn join(&mut self, wanted: Wanted) -> Exchange {
        self.serial = self.serial.saturating_add(1);
        let (id, serial) = (self.id, self.serial);
        let activity = self.activity.open();
        if let Some(older) = activity.waiting.replace(Waiting { serial, wanted }) {
            activity.signals.push(Signal::Ready(Exchange::new(id, older.serial)));
        }
        self.handle_superseded();
        Exchange::new(id, serial)
    }

    /// Reports that another process wants the session for a newer request. An exchange that is storing is told to stop; every
    /// other step goes on to its end.
    pub fn handle_superseded(&mut self) {
        let id = self.id;
        let Some(activity) = self.activity.get_mut() else { return };
        if let Some(AtWork { serial, step: Step::Store { .. }, superseded, .. }) = &mut activity.at_work {
            if !std::mem::replace(superseded, true) {
                activity.signals.push(Signal::Stop(Exchange::new(id, *serial)));
            }
        }
    }

    /// Returns the current output of an exchange. `None` means that it is not its turn; a [signal](Self::poll_signal) says when
    /// to ask again.
    ///
    /// The same output is returned until it is reported. An exchange that was given up is answered 503.
    pub fn poll_output(
        &mut self,
        now: Instant,
        exchange: Exchange,
        directory: &Directory,
    ) -> Option<Output<O>> {
        let Some(activity) = self.activity.get_mut() else { return Some(self.given_up()) };
        let serial = exchange.serial();
        if activity.at_work.as_ref().is_some_and(|at_work| at_work.serial == serial) {
            return self.current(now);
        }
        if let Some(Answered { answer, .. }) = activity.answered.take_if(|answered| answered.serial == serial)
        {
            return Some(answer.map_or(Output::Done, |answer| Output::Respond(answer.into())));
        }
        if activity.waiting.is_none_or(|waiting| waiting.serial != serial) {
            return Some(self.given_up());
        }
        if activity.at_work.is_some() {
            return None;
        }
        let Waiting { wanted, .. } = activity.waiting.take()?;
        let step = self.begin(now, wanted, directory);
        match step {
            // The answer is fetched at once: it need not be kept.
            Step::Respond(answer) if !self.must_save_to_answer(directory) => {
                Some(Output::Respond(answer.into()))
            }
            step => {
                self.enter(serial, step, directory);
                self.poll_output(now, exchange, directory)
            }
        }
    }

    /// The answer to an exchange that is over, or whose place a newer one took. It names no offset: what the exchange stored
    /// may not be saved yet.
    fn given_up(&self) -> Output<O> {
        match self.state {
            // No client ever learned of the session.
            State::Opening => Output::Respond(Ack::Error(answer::busy())),
            _ => Output::Respond(self.error_ack(answer::busy())),
        }
    }

    /// Returns the next signal, if there is one. Call it after every other method, until it returns `None`.
    pub fn poll_signal(&mut self) -> Option<Signal> {
        let signal = self.next_signal();
        if signal.is_none() {
            self.activity.tidy();
        }
        signal
    }

    pub(in crate::server) fn next_signal(&mut self) -> Option<Signal> {
        let signals = &mut self.activity.get_mut()?.signals;
        if signals.is_empty() { None } else { Some(signals.remove(0)) }
    }

    /// Reports that the task of an exchange did what it was asked to do, or failed.
    ///
    /// A report of an exchange that is not at work changes nothing, and neither does one that does not belong to the output.
    pub fn handle_report(&mut self, now: Instant, exchange: Exchange, report: Report, directory: &Directory) {
        let Some(AtWork { serial, step, saving, superseded }) = self.take_work(exchange) else { return };
        let next = match (step, report) {
            (step, report) if saving => self.saved(now, step, report, directory),
            (Step::Open, report) => self.opened(now, report, directory),
            (Step::Store { range }, report) => self.stored(now, range, report, superseded, directory),
            (Step::Notify(wanted), report) => self.notified(now, wanted, report, directory),
            (Step::Publish, report) => self.published(now, report, directory),
            (Step::Discard(ending), report) => self.discarded(now, ending, report, directory),
            (Step::Undo(answer), report) => self.undone(now, answer, report, directory),
            (Step::Forget(answer), report) => self.forgotten(now, answer, report),
            (step @ (Step::Respond(_) | Step::Done), _) => Next::Again(step),
        };
        match next {
            Next::Do(step) => self.enter(serial, step, directory),
            Next::Begin(step) => self.work(serial, step, false),
            Next::Again(step) => self.set_at_work(AtWork { serial, step, saving, superseded }),
            Next::GiveWay => self.freed(),
        }
    }

    /// Reports that the task of an exchange has died, and that everything that it started has ended: it will not report again.
    pub fn handle_abandoned(&mut self, now: Instant, exchange: Exchange) {
        let serial = exchange.serial();
        if let Some(activity) = self.activity.get_mut() {
            activity.waiting = activity.waiting.filter(|waiting| waiting.serial != serial);
            activity.answered.take_if(|answered| answered.serial == serial);
        }
        if let Some(AtWork { step, saving, .. }) = self.take_work(exchange) {
            self.died(now, &step, saving);
            self.freed();
        }
    }

    /// Takes back the step of a task that died, as far as its result is known.
    fn died(&mut self, now: Instant, step: &Step, saving: bool) {
        match step {
            // No client ever learned of the session.
            Step::Open | Step::Undo(_) => self.deadline = Some(now),
            Step::Respond(answer) if answer.is_of_create() => self.deadline = Some(now),
            Step::Publish if !saving => self.doubtful = true,
            Step::Discard(_) | Step::Forget(_) if self.has_ended() => self.try_again(now),
            // The record may say that the bytes are to go: the next answer takes that back. If they are gone, that does not mean
            // published any more.
            Step::Discard(_) => {
                self.doubtful &= saving;
                self.unsaved = true;
            }
            Step::Publish | Step::Respond(_) => self.unsaved = true,
            Step::Store { .. } | Step::Notify(_) | Step::Forget(_) | Step::Done => {}
        }
    }

    /// The request's turn has come: nobody works on the session.
    pub(super) fn begin(&mut self, now: Instant, wanted: Wanted, directory: &Directory) -> Step {
        // There is no application any more that the entity could wait for.
        if self.state == State::Notifying && !directory.notifies() && !self.notification.is_refused() {
            (self.state, self.unsaved) = (State::WaitingForClose, true);
        }
        match wanted {
            Wanted::Fragment(range) => self.begin_fragment(now, range, directory),
            Wanted::Unreadable(status) => self.begin_unreadable(status),
            Wanted::Close => self.begin_close(now, directory),
            Wanted::Cancel => self.begin_cancel(directory),
            Wanted::End(ending) => self.begin_end(ending),
            Wanted::Save => Step::Done,
        }
    }

    /// Takes a step; or saves before it, where a process that dies after it would have to know.
    pub(super) fn enter(&mut self, serial: u64, step: Step, directory: &Directory) {
        let saving = match &step {
            Step::Publish | Step::Discard(_) => directory.keep.saves(),
            Step::Respond(_) | Step::Done => self.must_save_to_answer(directory),
            _ => false,
        };
        self.work(serial, step, saving);
    }

    /// Takes a step. An answer waits for being fetched, and nobody is at work any more.
    fn work(&mut self, serial: u64, step: Step, saving: bool) {
        let answer = match step {
            Step::Respond(answer) if !saving => Some(answer),
            Step::Done if !saving => None,
            step => return self.set_at_work(AtWork { serial, step, saving, superseded: false }),
        };
        self.activity.open().answered = Some(Answered { serial, answer });
        self.freed();
    }

    fn set_at_work(&mut self, at_work: AtWork) {
        self.activity.open().at_work = Some(at_work);
    }

    fn take_work(&mut self, exchange: Exchange) -> Option<AtWork> {
        let at_work = &mut self.activity.get_mut()?.at_work;
        at_work.take_if(|at_work| at_work.serial == exchange.serial())
    }

    /// No exchange is at work any more: the one that waits may ask again.
    pub(super) fn freed(&mut self) {
        let Some(Activity { waiting: Some(waiting), signals, .. }) = self.activity.get_mut() else {
            return;
        };
        signals.push(Signal::Ready(Exchange::new(self.id, waiting.serial)));
    }

    /// The work of the exchange that is at work.
    fn current(&self, now: Instant) -> Option<Output<O>> {
        let AtWork { step, saving, .. } = self.activity.get()?.at_work.as_ref()?;
        let size = self.total().unwrap_or_default();
        Some(match step {
            _ if *saving => Output::Save(Box::new(self.record(now))),
            Step::Open => Output::Open,
            Step::Store { range } => {
                let skip = self.next.saturating_sub(range.first());
                Output::Store(Store::new(skip, self.next..range.end(), range.total()))
            }
            Step::Notify(_) => Output::Notify { size },
            Step::Publish => Output::Publish { size },
            Step::Discard(_) | Step::Undo(_) => Output::Discard,
            Step::Forget(_) => Output::Forget,
            // Neither is ever at work without being saved for.
            Step::Respond(_) | Step::Done => Output::Done,
        })
    }
}

/// What a request wants of its session. `None` for what no session ever gets: `Directory::route` keeps it out.
fn wanted<O>(arrival: &Arrival<'_, O>) -> Option<Wanted> {
    match &arrival.packet {
        Err(unreadable) => Some(Wanted::Unreadable(unreadable.status().as_u16())),
        Ok(Request::Fragment(fragment)) => Some(Wanted::Fragment(fragment.range)),
        Ok(Request::CloseSession(_)) => Some(Wanted::Close),
        Ok(Request::CancelSession(_)) => Some(Wanted::Cancel),
        Ok(Request::CreateSession(_) | Request::Ping(_)) => None,
    }
}

/// What follows a report.
#[derive(Debug)]
pub(super) enum Next {
    /// This step, once the record is saved if it has to be.
    Do(Step),
    /// This step, for which the record has just been saved, or need not be.
    Begin(Step),
    /// The step that was asked for: the report does not belong to it.
    Again(Step),
    /// Nothing: a newer exchange goes on.
    GiveWay,
}
