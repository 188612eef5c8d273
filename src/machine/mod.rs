//! What the machines share: the queue of their outputs, timers, pace, patience, retries, their errors, and the notation
//! of their transition tables.

mod misuse;
pub(crate) mod outputs;
pub(crate) mod pace;
pub(crate) mod patience;
mod restore_error;
pub(crate) mod retry;
pub(crate) mod timer;
pub(crate) mod transition;

pub use misuse::{ApiMisuse, InvalidConfig};
pub use restore_error::RestoreError;
