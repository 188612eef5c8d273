//! The steps at which a test can have the server die.

/// Marks that a step is done. In tests, the step that was asked for panics: what is on the disk then is what a killed server leaves.
#[cfg(not(test))]
pub(super) const fn reach(_step: &'static str) {}

/// Has work on another thread die as this one.
#[cfg(not(test))]
pub(super) fn carried<W>(work: W) -> W {
    work
}

#[cfg(test)]
pub(super) use tested::{Plan, carried, current, reach, reached};

#[cfg(test)]
mod tested {
    use std::cell::RefCell;
    use std::fmt;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::{Arc, Mutex, PoisonError};

    use super::super::tests::client::Client;
    use super::super::tests::recorded::Recorded;
    use crate::storage::Failure;

    thread_local! {
        static PLAN: RefCell<Option<Arc<Plan>>> = const { RefCell::new(None) };
    }

    /// When a server dies, and what others do at each of its steps.
    pub(in super::super) struct Plan {
        left: Mutex<usize>,
        died: Mutex<Option<&'static str>>,
        others: Box<dyn Fn() + Send + Sync>,
        /// What was done to the disk, and what a client was told of it.
        record: Mutex<Vec<Recorded>>,
    }

    impl fmt::Debug for Plan {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Plan").field("left", &self.left).field("died", &self.died).finish_non_exhaustive()
        }
    }

    impl Plan {
        /// Dies after so many steps.
        pub(in super::super) fn new(steps: usize, others: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
            Arc::new(Self {
                left: Mutex::new(steps),
                died: Mutex::default(),
                others: Box::new(others),
                record: Mutex::default(),
            })
        }

        /// Notes a change of the disk, or what a client knows from now on.
        pub(in super::super) fn record(&self, recorded: Recorded) {
            self.record.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
        }

        pub(in super::super) fn acknowledged(&self, client: &Client) {
            self.record(Recorded::Acknowledged(client.clone()));
        }

        pub(in super::super) fn recorded(&self) -> Vec<Recorded> {
            std::mem::take(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
        }

        /// The step at which it died.
        pub(in super::super) fn died(&self) -> Option<&'static str> {
            *self.died.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// Has everything on this thread, and what it hands to others, follow the plan.
        pub(in super::super) fn follow<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
            let before = PLAN.replace(Some(Arc::clone(self)));
            let done = catch_unwind(AssertUnwindSafe(work));
            PLAN.set(before);
            done.unwrap_or_else(|panic| resume_unwind(panic))
        }

        fn reach(&self, step: &'static str) {
            (self.others)();
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => {
                    self.died.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(step);
                    drop(left);
                    // No message: this is what the test wants.
                    resume_unwind(Box::new(step));
                }
            }
        }
    }

    /// The plan of this thread.
    pub(in super::super) fn current() -> Option<Arc<Plan>> {
        PLAN.with_borrow(Clone::clone)
    }

    pub(in super::super) fn reach(step: &'static str) {
        if let Some(plan) = current() {
            plan.reach(step);
        }
    }

    /// Work on another thread follows the plan of this one. Who is dead does nothing.
    pub(in super::super) fn carried<T>(
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> impl FnOnce() -> Result<T, Failure> + Send + 'static {
        let plan = current();
        move || match plan {
            Some(plan) if plan.died().is_some() => Err(Failure::internal("the server is dead")),
            Some(plan) => plan.follow(work),
            None => work(),
        }
    }

    /// Does something that dies after `steps` steps. Returns the step at which it died; `Ok`: it came to its end.
    pub(in super::super) fn reached<T>(steps: usize, work: impl FnOnce() -> T) -> Result<T, &'static str> {
        let plan = Plan::new(steps, || {});
        let done = catch_unwind(AssertUnwindSafe(|| plan.follow(work)));
        match (done, plan.died()) {
            (Ok(done), _) => Ok(done),
            (Err(_), Some(step)) => Err(step),
            (Err(panic), None) => resume_unwind(panic),
        }
    }
}
