//! The exchanges of a session: one works, one waits for its turn, one waits for its answer to be fetched.

use super::Session;
use super::state::{Answered, AtWork, Waiting};
use crate::server::Signal;

/// The exchanges of a session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::server) struct Activity {
    pub(super) at_work: Option<AtWork>,
    pub(super) waiting: Option<Waiting>,
    pub(super) answered: Option<Answered>,
    pub(super) signals: Vec<Signal>,
}

impl Activity {
    /// Whether nobody works, and nobody waits for its turn.
    pub(super) const fn is_idle(&self) -> bool {
        self.at_work.is_none() && self.waiting.is_none()
    }

    fn is_over(&self) -> bool {
        self.is_idle() && self.answered.is_none() && self.signals.is_empty()
    }

    /// Whether this exchange works, or waits for its turn or for its answer.
    pub(super) fn has(&self, serial: u64) -> bool {
        let at_work = self.at_work.as_ref().map(|at_work| at_work.serial);
        let waiting = self.waiting.map(|waiting| waiting.serial);
        let answered = self.answered.as_ref().map(|answered| answered.serial);
        [at_work, waiting, answered].contains(&Some(serial))
    }
}

/// A box for the exchanges of a session: most sessions of a table have none, and no box.
///
/// An empty box is the same as none. A table takes it back, so that a request costs no allocation.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Activities(Option<Box<Activity>>);

impl Activities {
    pub(super) fn new(activity: Activity) -> Self {
        let mut activities = Self(Some(Box::new(activity)));
        activities.tidy();
        activities
    }

    pub(super) fn get(&self) -> Option<&Activity> {
        self.0.as_deref()
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut Activity> {
        self.0.as_deref_mut()
    }

    /// The exchanges; none yet, if there was no box.
    pub(super) fn open(&mut self) -> &mut Activity {
        self.0.get_or_insert_default()
    }

    /// Drops an empty box.
    pub(super) fn tidy(&mut self) {
        drop(self.take_empty());
    }

    fn take_empty(&mut self) -> Option<Box<Activity>> {
        self.0.take_if(|activity| activity.is_over())
    }
}

impl PartialEq for Activities {
    fn eq(&self, other: &Self) -> bool {
        let used = |activities: &Self| activities.get().filter(|activity| !activity.is_over()).cloned();
        used(self) == used(other)
    }
}

impl Eq for Activities {}

impl<O> Session<O> {
    /// Works on the session with a spare box of the table's, which gets it back as soon as it is empty.
    pub(in crate::server) fn with_spare<T>(
        &mut self,
        spare: &mut Activities,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if self.activity.0.is_none() {
            self.activity.0 = spare.0.take();
        }
        let done = work(self);
        if let Some(empty) = self.activity.take_empty() {
            spare.0 = Some(empty);
        }
        done
    }
}
