//! The steps at which a test can have the server die.

/// Marks that a step is done. In tests, the step that was asked for panics: what is on the disk then is what a killed server leaves.
#[cfg(not(test))]
pub(super) const fn reach(_step: &'static str) {}

#[cfg(test)]
pub(super) use tested::{reach, reached};

#[cfg(test)]
mod tested {
    use std::cell::{Cell, RefCell};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
        static STEP: RefCell<Option<&'static str>> = const { RefCell::new(None) };
    }

    pub(in super::super) fn reach(step: &'static str) {
        match LEFT.get() {
            Some(0) => {
                LEFT.set(None);
                STEP.set(Some(step));
                // No message: this is what the test wants.
                std::panic::resume_unwind(Box::new(step));
            }
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
    }

    /// Does something that dies after `steps` steps. Returns the step at which it died; `None`: it came to its end.
    pub(in super::super) fn reached<T>(steps: usize, work: impl FnOnce() -> T) -> Result<T, &'static str> {
        LEFT.set(Some(steps));
        let done = catch_unwind(AssertUnwindSafe(work));
        LEFT.set(None);
        match done {
            Ok(done) => Ok(done),
            Err(_) if STEP.with_borrow(Option::is_some) => Err(STEP.take().unwrap()),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
