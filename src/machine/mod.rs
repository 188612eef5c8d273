//! The parts that machines share: the queue of outputs, timers, pace, patience, retries, the arguments of their commands,
//! errors, and the notation of transition tables.

#[cfg(feature = "serde")]
pub(crate) mod as_text;
mod command;
mod misuse;
pub(crate) mod outputs;
pub(crate) mod pace;
pub(crate) mod patience;
mod restore_error;
pub(crate) mod retry;
pub(crate) mod timer;
pub(crate) mod transition;

pub use command::{Credentials, Suspend};
pub use misuse::{ApiMisuse, InvalidConfig};
pub use restore_error::RestoreError;
